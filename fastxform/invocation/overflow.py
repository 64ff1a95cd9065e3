"""The records of a response that do not fit: back to their stream where that may be, else failed.

Which records they are is `budget`'s, the puts are `reingest`'s; this stands between them and the batch, and is imported
when a batch first overflows. Invariant: a record is `Dropped` only where its put was acknowledged, and none of a table
whose rows are updated or deleted goes back: it would come behind newer ones, and overwrite them.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from fastxform.config.model import Overflow
from fastxform.errors import DROPPED, FAILED
from fastxform.invocation.budget import ResponsePlan
from fastxform.invocation.context import remaining_ms, text_of
from fastxform.invocation.event import Event
from fastxform.invocation.telemetry import PutBack
from fastxform.pipeline import Batch
from fastxform.puts.api import identifier
from fastxform.puts.client import ClientFactory
from fastxform.puts.reingest import PutOutcome, Reingester
from fastxform.puts.target import NoTarget, account_of, target_of


class Overflowing:
    """Answers what does not fit, for the life of a container."""

    def __init__(
        self, settings: Overflow, client: ClientFactory | Reingester | None, ordered: Set[tuple[str, str]] = frozenset()
    ) -> None:
        """Take what the file says, what makes a client, and the tables (database, table) whose order counts."""
        self.settings = settings
        self.ordered = ordered
        if not isinstance(client, Reingester):
            client = Reingester(client, settings.workers, settings.reserve_ms)
        self.reingester = client

    def going_back(self, plan: ResponsePlan, batch: Batch) -> tuple[int, ...]:
        """Return which of the records that do not fit are put back; the others fail."""
        if self.settings.policy == "fail":
            return ()
        return tuple(record for record in plan.back if not self._is_ordered(batch, record))

    def answer(
        self,
        plan: ResponsePlan,
        back: Sequence[int],
        received: Event,
        batch: Batch,
        payloads: Sequence[bytes | None],
        context: Any,
    ) -> tuple[Batch, PutBack | None]:
        """Return the batch with the answers of a plan's records, and what became of those that were to go back.

        Args:
            plan: which records do not fit and which can never fit.
            back: which of them go back, as `going_back` has them.
            received: the event, which says where records came from.
            batch: the answers so far.
            payloads: the original bytes of each record.
            context: Lambda's, whose remaining time bounds the puts; without it nothing ends the invocation.
        """
        reasons: dict[int, str | None] = dict.fromkeys(plan.never, "never_fits")
        reasons |= dict.fromkeys(plan.back, "overflow")
        if not back:
            return _answered(batch, reasons), None
        outcome, why = self._put_back_safely(back, received, payloads, context)
        reasons |= dict(zip(back, outcome.reasons, strict=True))
        put_back = PutBack(
            acknowledged=outcome.acknowledged,
            not_acknowledged=len(back) - outcome.acknowledged,
            possible_duplicates=outcome.possible_duplicates,
            calls=outcome.calls,
            retries=outcome.retries,
            errors=dict(outcome.errors),
            why=why,
        )
        return _answered(batch, reasons), put_back

    def _is_ordered(self, batch: Batch, record: int) -> bool:
        """Tell whether a record is for a table in which a later arrival would overwrite a newer row."""
        metadata = None if batch.metadata is None or not self.ordered else batch.metadata[record]
        target = (metadata or {}).get("otfMetadata")
        if target is None:
            return False
        return (target["destinationDatabaseName"], target["destinationTableName"]) in self.ordered

    def _put_back_safely(
        self, records: Sequence[int], received: Event, payloads: Sequence[bytes | None], context: Any
    ) -> tuple[PutOutcome, str | None]:
        """Put records back; an exception, which may come after some were acknowledged, must not end the invocation."""
        try:
            return self._put_back(records, received, payloads, context)
        except Exception as error:
            everyone = tuple(range(len(records)))
            errors = {identifier(type(error).__name__): 1}
            return PutOutcome(["put_failed"] * len(records), everyone, errors=errors), "the puts raised"

    def _put_back(
        self, records: Sequence[int], received: Event, payloads: Sequence[bytes | None], context: Any
    ) -> tuple[PutOutcome, str | None]:
        target = target_of(
            delivery_stream_arn=received.delivery_stream_arn,
            source_kinesis_stream_arn=received.source_kinesis_stream_arn,
            is_kinesis=received.is_kinesis(),
            is_msk=received.is_kafka or received.source_msk_arn is not None,
            region=received.region,
            stream=self.settings.stream,
            account=account_of(text_of(context, "invoked_function_arn")),
        )
        if isinstance(target, NoTarget):
            return PutOutcome([target.reason] * len(records)), target.why
        originals = [original for record in records if (original := payloads[record]) is not None]
        keys = received.kinesis("partitionKey")
        partition_keys = [keys[record] for record in records]
        return self.reingester.put(target, originals, partition_keys, remaining_ms(context)), None


def _answered(batch: Batch, reasons: Mapping[int, str | None]) -> Batch:
    """Return a batch in which some records fail, each for its reason, or are dropped, those without one."""
    result, reason, data = batch.result.copy(), batch.reason.copy(), batch.data.copy()
    metadata = None if batch.metadata is None else batch.metadata.copy()
    for record, code in reasons.items():
        result[record], reason[record], data[record] = DROPPED if code is None else FAILED, code, None
        if metadata is not None:
            metadata[record] = None
    counts = batch.values_nulled, batch.empty, batch.rows_dropped, batch.values_rounded
    return Batch(result, reason, data, metadata, batch.where_null, (), *counts)
