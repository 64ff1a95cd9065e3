"""The metadata of rows: where a row goes in Iceberg, or its partition keys.

What is written here is the content of the response's `metadata`. Invariant: a row that cannot be told where to go has
failed, with the reason.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastxform.config.model import Iceberg
from fastxform.core.values import TypedColumn
from fastxform.datatypes import vector
from fastxform.decode.source import Rows
from fastxform.transform.rowset import Answers, Frame, evaluate

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression


def otf_metadata(iceberg: Iceberg, frame: Frame, answers: Answers, rows: Rows) -> list[dict[str, Any] | None]:
    """Return the routing of each row; rows whose change has no operation fail."""
    target = {"destinationDatabaseName": iceberg.database, "destinationTableName": iceberg.table}
    if iceberg.operation is None or isinstance(iceberg.operation, str):
        if iceberg.operation is not None:
            target["operation"] = iceberg.operation
        return [{"otfMetadata": target}] * len(frame)
    by_name = {name: {"otfMetadata": target | {"operation": word}} for name, word in iceberg.operation.items()}
    found = []
    for place, row in enumerate(frame.rows):
        metadata = by_name.get(rows.event_name(row) or "")
        if metadata is None:
            answers.fail(frame, [place], "operation")
        found.append(metadata)
    return found


def partition_keys(
    keys: "Sequence[tuple[str, Expression]]",
    frame: Frame,
    typed: dict[str, TypedColumn],
    answers: Answers,
    now: int,
) -> list[dict[str, Any] | None]:
    """Return the partition keys of each row as text; null or empty ones fail the row."""
    texts = []
    for name, compiled in keys:
        array, raised = evaluate(compiled, frame, typed, now)
        answers.fail(frame, raised, f"partition_key:{name}")
        text = vector.texts(array).to_pylist()
        answers.fail(frame, [place for place, value in enumerate(text) if not value], f"partition_key:{name}")
        texts.append(text)
    names = [name for name, _ in keys]
    return [{"partitionKeys": dict(zip(names, values, strict=True))} for values in zip(*texts, strict=True)]
