"""The metadata of rows: where a row goes in Iceberg, or its partition keys.

What is written here is the content of the response's `metadata`. Invariant: a row whose destination is not known has
failed, with the reason.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pyarrow as pa

from fastxform.config.model import Choice, Iceberg
from fastxform.datatypes import text as as_text
from fastxform.decode.source import Rows
from fastxform.transform.evaluation import evaluate
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

Metadata: TypeAlias = list[dict[str, Any] | None]


def metadata_of(
    plan: RoutePlan,
    row_set: RowSet,
    columns: Mapping[str, OutputColumn],
    rows: Rows,
    outcomes: Outcomes,
    now: int,
) -> Metadata:
    """Return the metadata of each row of a route that has some."""
    if plan.iceberg is not None:
        return _otf_metadata(plan.iceberg, row_set, columns, outcomes, rows)
    return _partition_keys(plan, row_set, columns, outcomes, now)


def delete_rows(plan: RoutePlan, row_set: RowSet, rows: Rows) -> list[int]:
    """Return where the rows stand in a set that are deletes; the columns that decide on it have their types."""
    iceberg = plan.iceberg
    assert iceberg is not None
    choice = iceberg.operation_from
    if choice is not None:
        key = next(key for key, column in plan.deciding if column.name == choice.column)
        texts = as_text.texts(row_set.columns[key].array).to_pylist()
        return [index for index, text in enumerate(texts) if text is not None and choice.values.get(text) == "delete"]
    if isinstance(iceberg.operation, Mapping):
        words = iceberg.operation
        return [index for index, row in enumerate(row_set.rows) if words.get(rows.event_name(row) or "") == "delete"]
    return list(range(len(row_set.rows)))


def _otf_metadata(
    iceberg: Iceberg, row_set: RowSet, columns: Mapping[str, OutputColumn], outcomes: Outcomes, rows: Rows
) -> Metadata:
    """Return the routing of each row; rows whose change has no operation, or no table, fail."""
    if iceberg.table_from is not None or iceberg.operation_from is not None:
        return _chosen_metadata(iceberg, row_set, columns, outcomes, rows)
    target = {"destinationDatabaseName": iceberg.database, "destinationTableName": iceberg.table}
    if iceberg.operation is None or isinstance(iceberg.operation, str):
        if iceberg.operation is not None:
            target["operation"] = iceberg.operation
        return [{"otfMetadata": target}] * len(row_set.rows)
    by_name = {name: {"otfMetadata": target | {"operation": word}} for name, word in iceberg.operation.items()}
    metadata = [by_name.get(rows.event_name(row) or "") for row in row_set.rows]
    outcomes.fail(row_set, [index for index, value in enumerate(metadata) if value is None], "operation")
    return metadata


def _chosen_metadata(
    iceberg: Iceberg, row_set: RowSet, columns: Mapping[str, OutputColumn], outcomes: Outcomes, rows: Rows
) -> Metadata:
    """Return the routing of rows of which a column tells the table or the operation."""
    count = len(row_set.rows)
    tables: list[str | None] = [iceberg.table] * count
    if iceberg.table_from is not None:
        tables = _chosen(iceberg.table_from, columns)
        outcomes.fail(row_set, [index for index, word in enumerate(tables) if word is None], "table")
    operations: list[str | None] = [iceberg.operation if isinstance(iceberg.operation, str) else None] * count
    if iceberg.operation_from is not None:
        operations = _chosen(iceberg.operation_from, columns)
    elif isinstance(iceberg.operation, Mapping):
        operations = [iceberg.operation.get(rows.event_name(row) or "") for row in row_set.rows]
    if iceberg.operation_from is not None or iceberg.operation is not None:
        outcomes.fail(row_set, [index for index, word in enumerate(operations) if word is None], "operation")
    known: dict[tuple[str | None, str | None], dict[str, Any]] = {}
    metadata: Metadata = []
    for table, operation in zip(tables, operations, strict=True):
        chosen = known.get((table, operation))
        if chosen is None:
            target = {"destinationDatabaseName": iceberg.database, "destinationTableName": table}
            chosen = {"otfMetadata": target if operation is None else target | {"operation": operation}}
            known[table, operation] = chosen
        metadata.append(chosen)
    return metadata


def _chosen(choice: Choice, columns: Mapping[str, OutputColumn]) -> list[str | None]:
    """Return the word of each row, None where the column has none for it."""
    words: dict[Any, str] = dict(choice.values)
    return [words.get(text) for text in as_text.texts(columns[choice.column].column.array).to_pylist()]


def _partition_keys(
    plan: RoutePlan, row_set: RowSet, columns: Mapping[str, OutputColumn], outcomes: Outcomes, now: int
) -> Metadata:
    """Return the partition keys of each row as text; null or empty ones fail the row."""
    texts = []
    typed = {name: column.column for name, column in columns.items()}
    for name, expression in plan.partition_keys:
        array, raised = evaluate(expression, typed, len(row_set.rows), now)
        outcomes.fail(row_set, raised, f"partition_key:{name}")
        text = _bytes_as_text(array) if pa.types.is_binary(array.type) else as_text.texts(array).to_pylist()
        outcomes.fail(row_set, [index for index, value in enumerate(text) if not value], f"partition_key:{name}")
        texts.append(text)
    names = [name for name, _ in plan.partition_keys]
    return [{"partitionKeys": dict(zip(names, values, strict=True))} for values in zip(*texts, strict=True)]


def _bytes_as_text(array: pa.Array) -> list[str | None]:
    """Return bytes as the text that they are in UTF-8; None where they are none, which is no partition key."""
    texts: list[str | None] = []
    for value in array.to_pylist():
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
    return texts
