"""What runs on the executors: batches of payloads through a pipeline, which each Python worker builds once.

What goes in and comes out is decided in `plan`. Invariant: no payload makes a task fail; a batch has the columns that
were promised, whatever is in it.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct
from fastxform.errors import ConfigError
from fastxform.pipeline import Pipeline
from fastxform.settings import secret_mistakes

if TYPE_CHECKING:
    from fastxform.encode.table import Columns

RECORDS_A_PARTITION: Final = 1 << 33
"""The number of a record is its place in its partition, and this many times the number of the partition."""


class Job(Struct, frozen=True):
    """What a task is given.

    Attributes:
        pipeline: the pickled names of its secrets, `Spec` and `map_batch` of the pipeline.
        schema: the columns of the transform.
        names: of all columns that go out: those kept, `statuses`, those of the transform.
        metas: the names of the meta columns, which follow the payload; after them come those that are kept.
        statuses: what is reported of each row: some of `STATUS_COLUMNS`.
        now_ms: what `now_ms()` gives.
    """

    pipeline: bytes
    schema: pa.Schema
    names: tuple[str, ...]
    metas: tuple[str, ...]
    statuses: tuple[str, ...]
    now_ms: int


STATUS_COLUMNS: Final[dict[str, pa.DataType]] = {
    "record": pa.int64(),
    "row": pa.int32(),
    "result": pa.string(),
    "reason": pa.string(),
    "route": pa.int32(),
    "table": pa.string(),
    "operation": pa.string(),
}
"""What can be reported of a row, and its type; the type of `partition_keys`, which is the last, depends on the keys."""


def run(job: Job, batches: Iterable[pa.RecordBatch], partition: int) -> Iterator[pa.RecordBatch]:
    """Transform the batches of one partition."""
    pipeline = _pipeline(job.pipeline)
    number = partition * RECORDS_A_PARTITION
    for batch in batches:
        if len(batch):
            yield _transform(job, pipeline, batch, number)
        number += len(batch)


@lru_cache(maxsize=4)
def _pipeline(pickled: bytes) -> Pipeline:
    # A worker lives longer than a task, and its tasks have the same pipeline.
    secrets, *parts = pickle.loads(pickled)
    mistakes = secret_mistakes(secrets, is_executor=True)
    if mistakes:
        raise ConfigError(tuple(mistakes))
    return Pipeline(*parts)


def _transform(job: Job, pipeline: Pipeline, batch: pa.RecordBatch, number: int) -> pa.RecordBatch:
    payload, *others = batch.columns
    metas, kept = others[: len(job.metas)], others[len(job.metas) :]
    columns = pipeline.columns(
        kernels.cast(payload, pa.binary()).to_pylist(),
        meta={name: column.to_pylist() for name, column in zip(job.metas, metas, strict=True)},
        now_ms=job.now_ms,
        schema=job.schema,
    )
    record = None if isinstance(columns.record, range) else pa.array(columns.record, pa.int64())
    if record is not None:
        kept = [kernels.take(column, record) for column in kept]
    status_columns = _StatusColumns(pipeline, columns, record, number)
    statuses = [getattr(status_columns, name)() for name in job.statuses]
    return pa.RecordBatch.from_arrays([*kept, *statuses, *columns.table.columns], names=list(job.names))


class _StatusColumns:
    """What is reported of the rows of one batch, a column a method; `record` is None where each record is one row."""

    def __init__(self, pipeline: Pipeline, columns: "Columns", record: pa.Array | None, number: int) -> None:
        self._spec = pipeline.spec
        self._found = columns
        self._record = record
        self._number = number
        self._metadata: Sequence[Any] = columns.metadata or [None] * len(columns.result)

    def record(self) -> pa.Array:
        positions = pa.array(self._found.record, pa.int64()) if self._record is None else self._record
        return kernels.call("add", [positions, pa.scalar(self._number, pa.int64())])

    def row(self) -> pa.Array:
        return pa.array(self._found.ordinal, pa.int32())

    def result(self) -> pa.Array:
        return self._by_row(pa.array(self._found.result, pa.string()))

    def reason(self) -> pa.Array:
        return self._by_row(pa.array(self._found.reason, pa.string()))

    def route(self) -> pa.Array:
        return self._found.route

    def table(self) -> pa.Array:
        icebergs = [route.iceberg for route in self._spec.routes]
        if any(iceberg is not None and iceberg.table_from is not None for iceberg in icebergs):
            targets = [None if metadata is None else metadata.get("otfMetadata") for metadata in self._metadata]
            words = [t and f"{t['destinationDatabaseName']}.{t['destinationTableName']}" for t in targets]
            return self._by_row(pa.array(words, pa.string()))
        names = [None if iceberg is None else f"{iceberg.database}.{iceberg.table}" for iceberg in icebergs]
        return kernels.take(pa.array(names, pa.string()), self._found.route)

    def operation(self) -> pa.Array:
        words = [None if metadata is None else metadata["otfMetadata"].get("operation") for metadata in self._metadata]
        return self._by_row(pa.array(words, pa.string()))

    def partition_keys(self) -> pa.Array:
        keys = [None if metadata is None else metadata["partitionKeys"] for metadata in self._metadata]
        names = [name for name, _ in self._spec.partition_keys]
        return self._by_row(pa.array(keys, pa.struct([(name, pa.string()) for name in names])))

    def _by_row(self, column: pa.Array) -> pa.Array:
        return column if self._record is None else kernels.take(column, self._record)
