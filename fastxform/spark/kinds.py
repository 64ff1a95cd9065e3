"""Arrow types and the Spark types that are the same, on the side of the driver.

Timestamps are Spark's without a time zone: they hold UTC, are the same in every session, and are what the Iceberg
tables of `fastxform ddl` have. Invariant: a column of a type that `fitting` gave goes through Spark unchanged.
"""

from typing import Final

import pyarrow as pa
from pyspark.sql import types

from fastxform.errors import ContractError

_SPARK_TYPES: Final[dict[pa.DataType, types.DataType]] = {
    pa.string(): types.StringType(),
    pa.binary(): types.BinaryType(),
    pa.bool_(): types.BooleanType(),
    pa.int8(): types.ByteType(),
    pa.int16(): types.ShortType(),
    pa.int32(): types.IntegerType(),
    pa.int64(): types.LongType(),
    pa.float32(): types.FloatType(),
    pa.float64(): types.DoubleType(),
    pa.date32(): types.DateType(),
    pa.timestamp("us"): types.TimestampNTZType(),
}


def fitting(name: str, kind: pa.DataType) -> pa.DataType:
    """Return the Arrow type in which Spark takes a column; only `map_batch` brings the ones that it has not."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if kind == pa.float16():
        return pa.float32()
    if kind not in _SPARK_TYPES and not (pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision):
        raise ContractError(f"the column {name} is {kind}, which Spark has no type for")
    return kind


def spark_type(kind: pa.DataType) -> types.DataType:
    """Return the Spark type of an Arrow type that `fitting` gave, or of a struct of such."""
    if pa.types.is_struct(kind):
        return types.StructType([types.StructField(field.name, spark_type(field.type)) for field in kind])
    if pa.types.is_decimal128(kind):
        return types.DecimalType(kind.precision, kind.scale)
    return _SPARK_TYPES[kind]


def struct_type(schema: pa.Schema) -> types.StructType:
    """Return the Spark schema of an Arrow one whose types all fit."""
    return types.StructType([types.StructField(field.name, spark_type(field.type)) for field in schema])
