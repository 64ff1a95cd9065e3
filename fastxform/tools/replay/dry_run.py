"""Failed records through a transform: what it says of each today.

The records come from `failures`, in batches of bounded count and bytes. Invariant: one finding for each failure, in
order, and a record that failed behind the transform never goes through it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastxform.errors import DROPPED, FAILED, OK
from fastxform.tools.replay.failures import Failure
from fastxform.tools.replay.groups import AFTER

if TYPE_CHECKING:
    from fastxform.pipeline import Pipeline

_BATCH_RECORDS: Final = 4_000
_BATCH_BYTES: Final = 4 << 20


class DryRunResult(NamedTuple):
    """A failed record and today's answer: `today` is None where nobody asked, else a result or a reason."""

    failure: Failure
    today: str | None = None
    row: bytes | None = None
    metadata: dict[str, Any] | None = None

    @property
    def is_taken(self) -> bool:
        """Say whether the transform takes the record today, or nobody asked."""
        return self.today in (None, OK, DROPPED)


def dry_run(
    failures: Iterable[Failure], pipeline: "Pipeline | None", *, after_transform: bool = False
) -> Iterator[DryRunResult]:
    """Yield each failure with what the transform says of it.

    Args:
        failures: the records.
        pipeline: the transform; None where nobody asks.
        after_transform: take what failed behind the transform for an original too.
    """
    for batch in _batches(failures):
        asked = [failure for failure in batch if failure.is_original or after_transform]
        answers = iter([] if pipeline is None else _answers(asked, pipeline))
        for failure in batch:
            if not (failure.is_original or after_transform):
                yield DryRunResult(failure, AFTER)
            else:
                yield DryRunResult(failure) if pipeline is None else next(answers)


def _answers(failures: list[Failure], pipeline: "Pipeline") -> list[DryRunResult]:
    unknown: list[Any] = [None] * len(failures)
    meta: dict[str, list[Any]] = dict.fromkeys(
        ("record_id", "partition_key", "sequence_number", "shard_id"), unknown
    )  # an error object does not say them
    meta["arrival_ms"] = [failure.arrived_ms for failure in failures]
    batch = pipeline.run([failure.data for failure in failures], meta=meta)
    return [
        DryRunResult(
            failure,
            (batch.reason[index] or FAILED) if batch.result[index] == FAILED else batch.result[index],
            batch.data[index],
            None if batch.metadata is None else batch.metadata[index],
        )
        for index, failure in enumerate(failures)
    ]


def _batches(failures: Iterable[Failure]) -> Iterator[list[Failure]]:
    batch: list[Failure] = []
    size_bytes = 0
    for failure in failures:
        batch.append(failure)
        size_bytes += len(failure.data)
        if len(batch) >= _BATCH_RECORDS or size_bytes >= _BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
