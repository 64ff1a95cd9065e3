"""Backfill: payloads in S3, through the configuration of a stream, to Parquet or to tables; for EMR, Glue or any Spark.

    backfill.py --config CONFIG.toml --input PATH --as failed|backup|lines (--output PATH | --catalog NAME)
                --problems PATH

Nothing is decided here about records, which is the pipeline's. Invariant: every record of the input is in a table, was
dropped by the configuration, or is in the problems, with its result, its reason and its original bytes.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession, functions

from fastxform import Pipeline
from fastxform.config import model
from fastxform.encode import table as typed
from fastxform.errors import ContractError, FastxformError
from fastxform.spark import backup_records, failed_records, transform
from fastxform.tools import ddl
from fastxform.tools.replay.groups import AFTER

BOOKS = ("record", "row", "result", "reason", "route", "table", "operation")


def arguments_of(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; Glue adds arguments of its own, which are passed over."""
    parser = argparse.ArgumentParser(description="Backfill through the configuration of a stream.")
    parser.add_argument("--config", required=True, help="the TOML file, a path that Spark reads")
    parser.add_argument("--input", required=True, help="objects, or what they are under")
    parser.add_argument("--as", dest="kind", required=True, choices=("failed", "backup", "lines"))
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--output", help="a path for Parquet; with Iceberg routes a directory for each table")
    target.add_argument("--catalog", help="of the Iceberg tables that the routes name; rows are appended")
    parser.add_argument("--problems", required=True, help="a path for Parquet: records that failed, with their bytes")
    parser.add_argument("--now-ms", type=int, help="what now_ms() gives; the time of the start by default")
    return parser.parse_known_args(words)[0]


def payloads(spark: SparkSession, kind: str, path: str) -> DataFrame:
    """Return the payloads of the input: `_payload`, and in `_original` the same unless a transform made it."""
    if kind == "failed":
        found = failed_records(spark, path)
        original = functions.when(functions.expr("is_original is not false"), functions.col("payload"))
        return found.withColumn("_original", original).withColumnRenamed("payload", "_payload")
    if kind == "backup":
        found = backup_records(spark, path).withColumnRenamed("payload", "_payload")
    else:
        lines = spark.read.option("recursiveFileLookup", "true").text(path, lineSep="\n")
        found = lines.withColumnRenamed("value", "_payload")
    return found.withColumn("_original", functions.col("_payload"))


def run(spark: SparkSession, arguments: argparse.Namespace) -> dict[str, int]:
    """Write what becomes of the input; return how many rows have which result.

    Raises:
        FastxformError: the configuration cannot be used for this.
    """
    text = "\n".join(row[0] for row in spark.read.text(arguments.config, wholetext=True).collect())
    # The files that its tests name are not here.
    pipeline = Pipeline(model.parse(text, arguments.config, tests=False))
    tables = table_columns(pipeline, arguments)
    # Names that a configuration may have are kept apart by the prefix.
    found = transform(
        payloads(spark, arguments.kind, arguments.input),
        pipeline,
        payload="_original",
        keep=["_payload"],
        prefix="_",
        now_ms=arguments.now_ms,
    )
    if arguments.kind == "failed":
        transformed = functions.expr("_reason = 'base64' and _payload is not null")
        found = found.withColumn("_reason", functions.when(transformed, AFTER).otherwise(functions.col("_reason")))
    bad = functions.col("_result") == "ProcessingFailed"
    # Each target below reads it; the bytes of what did not fail are not needed again.
    found = found.withColumn("_payload", functions.when(bad, functions.col("_payload"))).persist()
    counts = {row["_result"]: row["count"] for row in found.groupBy("_result").count().collect()}
    found.where(bad).select("_payload", "_reason").write.parquet(arguments.problems)
    good = found.where("_result = 'Ok'")
    if not tables:
        good.drop("_payload", *(f"_{name}" for name in BOOKS)).write.parquet(arguments.output)
    for table, names in tables.items():
        rows, quoted = (
            good.where(functions.col("_table") == table),
            ["`" + name.replace("`", "``") + "`" for name in names],
        )
        if arguments.catalog:
            rows.select(*quoted).writeTo(f"{arguments.catalog}.{table}").append()
        else:
            rows.select("_operation", *quoted).write.parquet(f"{arguments.output.rstrip('/')}/{table}")
    found.unpersist()
    return counts


def table_columns(pipeline: Pipeline, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Return the columns of each Iceberg table that the routes name.

    Raises:
        ContractError: there is none to append to, or one whose rows are changed, which appending does not do.
    """
    found: dict[str, list[str]] = {}
    for route in pipeline.spec.routes:
        if route.iceberg is not None:
            if arguments.catalog and not ddl.operations(route.iceberg).isdisjoint(ddl.CHANGES):
                raise ContractError(
                    f"--catalog: rows of {route.iceberg.table} are updated or deleted, and are only appended here; say"
                    " --output, and merge by `_operation`"
                )
            names = found.setdefault(f"{route.iceberg.database}.{route.iceberg.table}", [])
            visible = [column.name for column in ddl.visible_columns(pipeline.spec, route)]
            names.extend(name for name in visible or [typed.DOCUMENT] if name not in names)
    if arguments.catalog and not found:
        raise ContractError("--catalog: the configuration names no Iceberg tables; say --output")
    return found


def main(words: Sequence[str]) -> int:
    """Run one backfill and print how many rows have which result."""
    arguments = arguments_of(words)
    spark = SparkSession.builder.appName("fastxform-backfill").getOrCreate()
    # Dates before 1900 are written as they are, where older releases of Spark would refuse the file.
    spark.conf.set("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
    try:
        counts = run(spark, arguments)
    except FastxformError as err:
        print(f"backfill: {err}", file=sys.stderr)
        return 2
    finally:
        spark.stop()
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Glue takes any exit for a failure.
    if code:
        sys.exit(code)
