"""The function under test on this machine: a pipeline's own handler, observed.

The handler is the one that Lambda runs; an observer remembers its last batch, and what puts records back has the local
client, simulated time and workers, so nothing reaches AWS and no pause takes time. Invariant: `batch` is what the last
response was written from.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastxform.errors import DROPPED, ContractError
from fastxform.invocation.handler import Handler, make_handler
from fastxform.limits import KINESIS_RECORD_LIMIT_BYTES
from fastxform.pipeline import Batch, Pipeline
from fastxform.puts.api import Target
from fastxform.puts.reingest import PutOutcome, Reingester
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator.client import LocalClient
from fastxform.tools.simulator.faults import Faults
from fastxform.tools.simulator.workers import Workers

PutBack = Callable[[int, bytes, str | None], str]
"""Takes a record back, by its place in the event that the function works on, and returns its record id."""

_JITTER_STEPS: Final = 1 << 53


class NumberedPayload(bytes):
    """The bytes of a record that is put back, with its index in the event: equal payloads are separated by it."""

    record: int


class Recorder:
    """Observes the handler that it makes of a pipeline.

    Attributes:
        where_null: Records dropped because `where` was null, over all batches.
        values_nulled: Values that are null since they did not fit, over all batches.
        values_rounded: Values that had more digits than float64 keeps, over all batches.
        empty: Records that hold nothing, over all batches.
        rows_dropped: Rows that were left out of their records, by reason, over all batches.
        puts: What became of the puts of each batch that overflowed, added up.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        put: PutBack,
        *,
        kinesis: bool = False,
        faults: Faults | None = None,
        kinesis_record_bytes: int = KINESIS_RECORD_LIMIT_BYTES,
    ) -> None:
        self._batch: Batch | None = None
        self._filtered: list[bool] = []
        self._put = put
        self.where_null = self.values_nulled = self.values_rounded = self.empty = 0
        self.rows_dropped: Counter[str] = Counter()
        faults = faults or Faults()
        overflow = pipeline.spec.overflow
        self.workers = Workers(overflow.workers)
        self.client = LocalClient(
            self._put_back,
            kinesis=kinesis,
            faults=faults,
            hold=self.workers.hold,
            kinesis_record_bytes=kinesis_record_bytes,
        )
        self.puts = _Puts(self._client, self.workers, overflow.workers, overflow.reserve_ms, faults.seed)
        self.handler: Handler = make_handler(pipeline, self.puts, observer=self, reports=True)

    def transformed(self, batch: Batch) -> None:
        """Note which records the filter dropped, before others are dropped that went back."""
        self._filtered = [result == DROPPED for result in batch.result]
        self.where_null += batch.where_null
        self.values_nulled += batch.values_nulled
        self.values_rounded += batch.values_rounded
        self.empty += batch.empty
        self.rows_dropped.update(batch.rows_dropped)

    def overflowing(self, records: Sequence[int]) -> None:
        """Note which records are about to be put back."""
        self.puts.records = records

    def answered(self, batch: Batch) -> None:
        """Remember the batch of the response."""
        self._batch = batch

    @property
    def batch(self) -> Batch:
        """The last batch.

        Raises:
            ContractError: nothing was run yet.
        """
        if self._batch is None:
            raise ContractError("the handler ran no batch")
        return self._batch

    def reason(self, index: int) -> str | None:
        """Return why the record at this place of the last event failed."""
        return self.batch.reason[index] if index < len(self.batch) else None

    def is_put_back(self, index: int) -> bool:
        """Tell whether a record that was answered as `Dropped` overflowed: the filter had let it through."""
        return not self._filtered[index]

    def _client(self, service: str, region: str | None, config: Any) -> LocalClient:
        self.client.read_timeout_s = config.read_timeout
        return self.client

    def _put_back(self, data: bytes, partition_key: str | None) -> str:
        assert isinstance(data, NumberedPayload)
        return self._put(data.record, data, partition_key)


class _Puts(Reingester):
    """Puts records back in simulated time, and adds up what became of them.

    Attributes:
        records: The index in the event of each record that is put next.
    """

    def __init__(
        self,
        client: Any,
        pool: Workers,
        workers: int,
        reserve_ms: int,
        seed: int,
    ) -> None:
        rng = Rng(seed, -3)
        super().__init__(
            client,
            workers,
            reserve_ms,
            clock=pool.clock,
            sleep=pool.sleep,
            chance=lambda: rng.below(_JITTER_STEPS) / _JITTER_STEPS,
            pool=pool,
        )
        self.records: Sequence[int] = ()
        self.calls = self.retries = self.possible_duplicates = 0

    def put(
        self,
        target: Target,
        payloads: Sequence[bytes],
        partition_keys: Sequence[str | None] | None = None,
        remaining_ms: Callable[[], int] | None = None,
    ) -> PutOutcome:
        """Put every record, as the function does."""
        numbered = [NumberedPayload(payload) for payload in payloads]
        for payload, record in zip(numbered, self.records, strict=True):
            payload.record = record
        outcome = super().put(target, numbered, partition_keys, remaining_ms)
        self.calls += outcome.calls
        self.retries += outcome.retries
        self.possible_duplicates += outcome.possible_duplicates
        return outcome
