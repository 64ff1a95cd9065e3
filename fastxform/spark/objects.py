"""What Firehose leaves in S3, as DataFrames of payloads: failed records, and the backup of everything that came in.

The objects are read whole, by Spark's own file systems; what is in them is separated in `entries`. Invariant: every
byte of an object that is not white space between records is in some row, or that row says why not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from fastxform.spark import entries, kinds


def failed_records(spark: SparkSession, path: str | Sequence[str]) -> DataFrame:
    """Read objects of failed records: one row for each line, as `fastxform replay` reads them.

    Columns: `payload`, `arrival_ms`, `error_code`, `error_message`, `attempts`, `lambda_arn`, `is_original`, `path`,
    `line`, and `problem`. `is_original` is false where the record failed behind the transform, as those of
    `format-conversion-failed` and `iceberg-failed` did: their payload is what the transform had made of them, so keep
    them out of a second transform: `where("is_original is not false")`. `problem` says why a line holds no record; all
    other columns except `path` and `line` are null then.

    Args:
        spark: the session.
        path: of objects or of what they are under, as Spark takes it; gzip is decompressed.
    """
    return _objects(spark, path, entries.failed, entries.FAILED)


def backup_records(spark: SparkSession, path: str | Sequence[str]) -> DataFrame:
    """Read source-backup objects: one row for each JSON document, which is each record if records are single documents.

    Firehose puts nothing between records, so they are separated by where a document ends; what is none, is a payload
    up to the end of its line or to the next document, and fails by itself. Columns: `payload`, `path`, `line`, which
    counts the payloads of an object, and `problem`, where the object itself is damaged.

    Args:
        spark: the session.
        path: of objects or of what they are under, as Spark takes it; gzip is decompressed, of single records too.
    """
    return _objects(spark, path, entries.backup, entries.BACKUP)


def _objects(
    spark: SparkSession,
    path: str | Sequence[str],
    read: Callable[[bytes], Iterator[tuple[Any, ...]]],
    schema: pa.Schema,
) -> DataFrame:
    def task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return entries.run(batches, read, schema)

    source = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    objects = source.load(path if isinstance(path, str) else list(path)).select("path", "content")
    return objects.mapInArrow(task, kinds.struct_type(schema))
