"""The records of a response that do not fit: back to their stream where that may be, else failed.

Which records they are is `cutoff`'s, the puts are `reingest`'s; this stands between them and the batch, and is imported
when a batch first overflows. Invariant: a record is `Dropped` only where its put was acknowledged.
"""

from collections.abc import Sequence
from typing import Any

from fastxform.config.model import Overflow
from fastxform.errors import DROPPED, FAILED
from fastxform.invocation.budget import Plan
from fastxform.invocation.event import Event
from fastxform.invocation.telemetry import PutBack
from fastxform.pipeline import Batch
from fastxform.puts.reingest import ClientFactory, NoTarget, Outcome, Reingester, target_of


class Overflowing:
    """Answers what does not fit, for the life of a container."""

    def __init__(self, settings: Overflow, client: ClientFactory | Reingester | None) -> None:
        self.settings = settings
        if not isinstance(client, Reingester):
            client = Reingester(client, settings.workers, settings.reserve_ms)
        self.reingester = client

    def answer(
        self, plan: Plan, found: Event, batch: Batch, payloads: Sequence[bytes | None], context: Any
    ) -> PutBack | None:
        """Write the answers of a plan's records into the batch; return what became of those that were to go back.

        Args:
            plan: which records go back and which can never fit.
            found: the event, which says where records came from.
            batch: the answers.
            payloads: the original bytes of each record.
            context: Lambda's, whose remaining time bounds the puts; without it nothing ends the invocation.
        """
        for record in plan.never:
            _answer(batch, record, FAILED, "never_fits")
        if self.settings.policy == "fail" or not plan.back:
            for record in plan.back:
                _answer(batch, record, FAILED, "overflow")
            return None
        outcome, why = self._put_back(plan.back, found, payloads, context)
        for record, reason in zip(plan.back, outcome.reasons, strict=True):
            _answer(batch, record, DROPPED if reason is None else FAILED, reason)
        return PutBack(
            acknowledged=outcome.acknowledged,
            not_acknowledged=len(plan.back) - outcome.acknowledged,
            possible_duplicates=outcome.possible_duplicates,
            calls=outcome.calls,
            retries=outcome.retries,
            errors=dict(outcome.errors),
            why=why,
        )

    def _put_back(
        self, records: Sequence[int], found: Event, payloads: Sequence[bytes | None], context: Any
    ) -> tuple[Outcome, str | None]:
        target = target_of(
            delivery_stream_arn=found.delivery_stream_arn,
            source_kinesis_stream_arn=found.source_kinesis_stream_arn,
            is_kinesis=found.is_kinesis(),
            is_msk=found.is_kafka or found.source_msk_arn is not None,
            region=found.region,
            stream=self.settings.stream,
        )
        if isinstance(target, NoTarget):
            return Outcome([target.reason] * len(records)), target.why
        originals = [original for record in records if (original := payloads[record]) is not None]
        keys = found.kinesis("partitionKey")
        remaining_ms = getattr(context, "get_remaining_time_in_millis", None)
        return self.reingester.put(target, originals, [keys[record] for record in records], remaining_ms), None


def _answer(batch: Batch, record: int, result: str, reason: str | None) -> None:
    batch.result[record], batch.reason[record], batch.data[record] = result, reason, None
    if batch.metadata is not None:
        batch.metadata[record] = None
