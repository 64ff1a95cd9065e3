"""How a transform comes to its rows: the way of each column, what it costs, and one record step by step.

The ways are those that `fastxform.query` compiles to; the steps are taken by pipelines of parts of the configuration,
so that nothing here decides about a record. Invariant: the last step is what `Pipeline.run` answers.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from fastxform.config.model import Column, Spec
from fastxform.core.structs import replace
from fastxform.errors import OK, ContractError
from fastxform.pipeline import Pipeline
from fastxform.query import paths
from fastxform.tools.lint.fallback_advice import advice

_WAYS: Final[dict[type, str]] = {
    paths.Dotted: "decoded with the record",
    paths.Either: "decoded with the record, the first that is there",
    paths.FirstWhere: "decoded with the record, the first element that matches",
    paths.Indexed: "decoded with the record, the element of its index",
}
_REPEATS: Final = 5
_MEASURED_RECORDS: Final = 2_000
_SHOWN_CHARACTERS: Final = 200


class ColumnWay(NamedTuple):
    """The way of one column: what it is taken from, how, and what to write where that is slow.

    `route` is the index of the route that has the column, None of a shared one.
    """

    route: int | None
    column: Column
    source: str
    way: str
    is_slow: bool = False
    advice: str = ""


class Step(NamedTuple):
    """One step of a record, and what came out of it, as lines."""

    name: str
    lines: tuple[str, ...]


def ways(spec: Spec) -> list[ColumnWay]:
    """Return the way of every column, in the order of the file."""
    ways_ = [_way(None, column) for column in spec.columns or ()]
    return ways_ + [_way(index, column) for index, route in enumerate(spec.routes) for column in route.columns]


def _way(route: int | None, column: Column) -> ColumnWay:
    if column.meta is not None:
        return ColumnWay(route, column, f"meta {column.meta}", "given with the record, nothing is decoded")
    if column.expr is not None:
        return ColumnWay(route, column, f"expr {column.expr}", "computed by Arrow, a whole column at a time")
    path = paths.compile_path(column.path or "")
    if isinstance(path, paths.Compiled):
        slow = "slow path: the jmespath package evaluates it, one record at a time"
        return ColumnWay(route, column, f"path {column.path}", slow, True, advice(path))
    return ColumnWay(route, column, f"path {column.path}", _WAYS[type(path)])


def costs(spec: Spec, payloads: Sequence[bytes]) -> dict[str, float]:
    """Return what each shared column that is no expression costs by itself, in microseconds of a processor a record.

    Each is the only column of a transform of its own; what the same transform takes without decoding a member is
    subtracted. The least of several runs counts, of a few thousand records, for which fewer are repeated; what is
    below a tenth is noise.
    """
    payloads = [*payloads] * -(-_MEASURED_RECORDS // len(payloads))
    probe = Column(name="probe", meta="record_id")
    bare = replace(spec, where=None, routes=(), partition_keys=(), columns=(probe,))
    least = _seconds(Pipeline(bare), payloads)
    costs_ = {}
    for column in spec.columns or ():
        if column.expr is None:
            alone = replace(bare, columns=(replace(column, hidden=False),))
            costs_[column.name] = max(_seconds(Pipeline(alone), payloads) - least, 0.0) / len(payloads) * 1e6
    return costs_


def _seconds(pipeline: Pipeline, payloads: Sequence[bytes]) -> float:
    taken = []
    for _ in range(_REPEATS):
        started = time.process_time()
        pipeline.run(payloads)
        taken.append(time.process_time() - started)
    return min(taken)


def steps(spec: Spec, payload: bytes, meta: dict[str, Any] | None = None) -> Iterator[Step]:
    """Yield the steps of one record: read, decoded and typed, filtered, routed, written."""
    given = {name: [value] for name, value in (meta or {}).items()}
    yield Step("record", (f"{len(payload):,} bytes: {_shown(payload)}",))
    everything = replace(spec, where=None, routes=(), partition_keys=())
    if not spec.is_document and spec.columns:
        yield Step("columns", tuple(_typed(everything, payload, given)))
    final = Pipeline(spec).run([payload], meta=given)
    if spec.where is not None:
        passed = Pipeline(replace(spec, routes=(), partition_keys=())).run([payload], meta=given)
        outcome = "null, which drops it" if passed.where_null else "false, which drops it"
        if passed.result[0] == OK:
            outcome = "true"
        elif passed.reason[0] is not None:
            outcome = f"not evaluated: {passed.reason[0]}"
        yield Step("where", (f"{spec.where}: {outcome}",))
        if passed.result[0] != OK:
            yield _answer(final)
            return
    if spec.routes:
        yield Step("route", (_route(spec, payload, given),))
    yield _answer(final)


def _typed(spec: Spec, payload: bytes, meta: dict[str, list[Any]]) -> Iterator[str]:
    """Yield each column with its value and type; where the record fails, the reason."""
    shown = replace(spec, columns=tuple(replace(column, hidden=False) for column in spec.columns or ()))
    try:
        columns = Pipeline(shown).columns([payload], meta=meta)
    except ContractError as err:
        yield str(err)
        return
    if columns.reason[0] is not None:
        yield f"the record fails: {columns.reason[0]}"
        return
    for name, column in zip(columns.table.column_names, columns.table.columns, strict=True):
        yield f"{name} = {_value(column[0].as_py())}  ({column.type})"


def _route(spec: Spec, payload: bytes, meta: dict[str, list[Any]]) -> str:
    for count, route in enumerate(spec.routes, 1):
        batch = Pipeline(replace(spec, routes=spec.routes[:count], unmatched="fail")).run([payload], meta=meta)
        if batch.reason[0] != "unmatched":
            table = "" if route.iceberg is None else f", table {route.iceberg.database}.{route.iceberg.table}"
            return f"routes[{count - 1}] takes it: {route.where or 'it takes every record'}{table}"
    return f"no route takes it: unmatched = {spec.unmatched}"


def _answer(batch: Any) -> Step:
    (answer,) = batch
    lines = [answer.result if answer.reason is None else f"{answer.result}: {answer.reason}"]
    if answer.data is not None:
        lines.append(_shown(answer.data))
    if answer.metadata is not None:
        lines.append(f"metadata: {answer.metadata}")
    return Step("answer", tuple(lines))


def _value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _shown(data: bytes) -> str:
    text = data.decode(errors="backslashreplace").rstrip("\n")
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
