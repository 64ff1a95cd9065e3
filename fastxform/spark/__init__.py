"""Backfill on Spark: the pipeline of a stream over a year of payloads, to typed columns with a result for each record.

`transform` is the way in, `failed_records` and `backup_records` read what Firehose leaves in S3. Importing this module
imports nothing: an executor loads `worker` alone. Invariant: what a record becomes is what the handler makes of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastxform.spark.objects import backup_records, failed_records
    from fastxform.spark.plan import transform

__all__ = ["backup_records", "failed_records", "transform"]


if not TYPE_CHECKING:  # to a type checker a wrong name is one

    def __getattr__(name: str) -> Any:
        if name == "transform":
            from fastxform.spark.plan import transform

            return transform
        if name in __all__:
            from fastxform.spark import objects

            return getattr(objects, name)
        raise AttributeError(f"module 'fastxform.spark' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
