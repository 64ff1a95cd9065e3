"""`transform`: a DataFrame of payloads to a DataFrame of typed columns, through the pipeline of a stream.

This is the side of the driver, which looks at schemas and at no payload; the work is in `worker`. Invariant: what
cannot work is reported here, in one line, before a task starts.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import pyarrow as pa
from pyspark import TaskContext, cloudpickle
from pyspark.sql import Column, DataFrame, functions, types

from fastxform.encode import table
from fastxform.errors import ContractError
from fastxform.pipeline import Pipeline
from fastxform.spark import kinds, worker
from fastxform.transform import code_modules

METAS: Final = ("arrival_ms", "record_id", "partition_key", "sequence_number", "shard_id")
"""What a configuration can ask for of the Firehose record itself."""


def transform(
    df: DataFrame,
    pipeline: Pipeline,
    *,
    payload: str = "payload",
    meta: Mapping[str, str] | None = None,
    keep: Sequence[str] = (),
    prefix: str = "",
    added: pa.Schema | None = None,
    now_ms: int | None = None,
) -> DataFrame:
    """Run a pipeline over a DataFrame of payloads, lazily, as Spark does.

    The columns that come out are those of `keep`; then, each with `prefix` before its name, `record` and `row` where a
    record can hold several rows, `result` and `reason`, with routes `route`, with Iceberg tables `table` and
    `operation`, with partition keys the struct `partition_keys`; then the columns of all routes. A record that is not
    `Ok` is one row of nulls with its result. Timestamps are UTC, in microseconds, without a time zone.

    Args:
        df: one record a row.
        pipeline: of the stream; executors build it anew, `map_batch` is pickled.
        payload: the column that holds the decoded data of each record, binary or text; null fails with `base64`.
        meta: for a `meta` name of the configuration the column that holds it; by default the column of that name, and
            null where there is none. `arrival_ms` may be a timestamp.
        keep: columns of `df` that are carried along.
        prefix: put before the names of the columns that this function adds.
        added: the columns that `map_batch` adds, or changes the type of; by default it is called with an empty batch.
        now_ms: what `now_ms()` gives in expressions; by default the time of this call, so that tasks that are run
            again give the same.

    Raises:
        ConfigError: the routes have no common table.
        ContractError: a column is not there or of a wrong type, two columns would have one name, or `map_batch` cannot
            be pickled.
    """
    metas = tuple(sorted(pipeline.meta_names))
    chosen = [_payload(df, payload), *_metas(df, metas, meta or {}), *(_column(df, name) for name in keep)]
    schema = table.schema(pipeline.spec, pipeline.map_batch, added)
    arrow = {name: kinds.fitting(name, kind) for name, kind in zip(schema.names, schema.types, strict=True)}
    statuses = _status_columns(pipeline)
    fields = [types.StructField(name, df.schema[name].dataType) for name in keep]
    fields += [types.StructField(prefix + name, kinds.spark_type(kind)) for name, kind in statuses.items()]
    fields += [types.StructField(name, kinds.spark_type(kind)) for name, kind in arrow.items()]
    _refuse_twice([field.name for field in fields])
    job = worker.Job(
        pipeline=_pickled(pipeline),
        schema=pa.schema(list(arrow.items())),
        names=tuple(field.name for field in fields),
        metas=metas,
        statuses=tuple(statuses),
        now_ms=time.time_ns() // 1_000_000 if now_ms is None else now_ms,
    )
    # By place: names may hold anything, and a name with a point in it is another thing to Spark.
    selected = df.select(*(column.alias(f"c{index}") for index, column in enumerate(chosen)))
    return selected.mapInArrow(_task(job), types.StructType(fields))


def _task(job: worker.Job) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        return worker.run(job, batches, 0 if context is None else context.partitionId())

    return task


def _column(df: DataFrame, name: str) -> Column:
    if name not in df.columns:
        raise ContractError(f"the DataFrame has no column {name}; it has {', '.join(df.columns) or 'none'}")
    return df["`" + name.replace("`", "``") + "`"]


def _payload(df: DataFrame, name: str) -> Column:
    column, kind = _column(df, name), df.schema[name].dataType
    if not isinstance(kind, (types.BinaryType, types.StringType)):
        raise ContractError(f"the payload column {name} is {kind.simpleString()}; it has to be binary or string")
    return column


def _metas(df: DataFrame, wanted: Sequence[str], given: Mapping[str, str]) -> Iterator[Column]:
    unknown = sorted(set(given) - set(METAS))
    if unknown:
        raise ContractError(f"meta: there is no {unknown[0]}; there are {', '.join(METAS)}")
    for name in wanted:
        if name in given or name in df.columns:
            yield _meta(df, name, given.get(name, name))
        else:
            yield functions.lit(None).cast("bigint" if name == "arrival_ms" else "string")


def _meta(df: DataFrame, name: str, column: str) -> Column:
    value, kind = _column(df, column), df.schema[column].dataType
    if name != "arrival_ms":
        return value.cast("string")
    if isinstance(kind, types.TimestampType):
        return functions.unix_millis(value)
    if isinstance(kind, types.IntegralType):
        return value.cast("bigint")
    raise ContractError(f"the arrival_ms column {column} is {kind.simpleString()}; it has to be bigint or timestamp")


def _status_columns(pipeline: Pipeline) -> dict[str, pa.DataType]:
    """Return what is reported of each row, in order, with its type."""
    spec = pipeline.spec
    left_out = set()
    if spec.documents == "one" and spec.source != "cloudwatch-logs":
        left_out |= {"record", "row"}
    if not spec.routes:
        left_out.add("route")
    if not any(route.iceberg for route in spec.routes):
        left_out |= {"table", "operation"}
    statuses = {name: kind for name, kind in worker.STATUS_COLUMNS.items() if name not in left_out}
    if spec.partition_keys:
        statuses["partition_keys"] = pa.struct([(name, pa.string()) for name, _ in spec.partition_keys])
    return statuses


def _pickled(pipeline: Pipeline) -> bytes:
    # No executor has the modules beside the configuration, so that they go with the function.
    modules = [] if pipeline.map_batch is None else code_modules.modules_of(pipeline.map_batch)
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps((sorted(pipeline.secrets()), pipeline.spec, pipeline.map_batch)))
    except Exception as err:  # what a function of the user's holds decides what pickling it raises
        raise ContractError(
            f"map_batch cannot be sent to the executors: pickling it raised {type(err).__name__}"
        ) from err
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _refuse_twice(names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        before = seen.setdefault(name.casefold(), name)  # Spark does not tell them apart
        if before is not name:
            raise ContractError(f"two columns would be named {name}; give the added ones another name: prefix=")
