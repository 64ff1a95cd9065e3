"""The function under test on this machine: a pipeline's own handler, watched.

The handler is the one that Lambda runs; only the pipeline under it remembers its last batch, and what puts records back
has the local client, simulated time and workers, so nothing reaches AWS and no pause takes time. Invariant: `batch` is
what the last response was written from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from fastxform.errors import DROPPED, OK, ContractError
from fastxform.invocation.handler import Handler, make_handler
from fastxform.pipeline import Batch, Pipeline
from fastxform.puts.api import Target
from fastxform.puts.reingest import Outcome, Reingester
from fastxform.tools.sample_data.draw import Draw
from fastxform.tools.simulator.client import LocalClient
from fastxform.tools.simulator.faults import Faults
from fastxform.tools.simulator.workers import Workers

PutBack = Callable[[int, bytes, str | None], str]
"""Takes a record back, by its place in the event that the function works on, and returns its record id."""

_JITTER_STEPS: Final = 1 << 53


class Recorder:
    """A pipeline that `make_handler` takes, with the handler made of it.

    Attributes:
        where_null: Records dropped because `where` was null, over all batches.
        puts: What became of the puts of each batch that overflowed, added up.
    """

    def __init__(
        self, pipeline: Pipeline, put: PutBack, *, kinesis: bool = False, faults: Faults | None = None
    ) -> None:
        self._pipeline = pipeline
        self._batch: Batch | None = None
        self._filtered: list[bool] = []
        self._places: dict[int, int] = {}
        self._put = put
        self.where_null = 0
        faults = faults or Faults()
        overflow = pipeline.spec.overflow
        self.workers = Workers(overflow.workers)
        self.client = LocalClient(self._put_back, kinesis=kinesis, faults=faults, hold=self.workers.hold)
        self.puts = _Puts(self._client, self.workers, overflow.workers, overflow.reserve_ms, faults.seed, self._find)
        self.handler: Handler = make_handler(cast(Pipeline, self), self.puts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def run(self, payloads: Sequence[bytes | None], *, meta: Mapping[str, Sequence[Any]] | None = None) -> Batch:
        """Run a batch and remember it; the handler writes into it what it decides afterwards."""
        self._batch = self._pipeline.run(payloads, meta=meta)
        self._filtered = [result == DROPPED for result in self._batch.result]
        self.where_null += self._batch.where_null
        return self._batch

    @property
    def batch(self) -> Batch:
        """The last batch.

        Raises:
            ContractError: nothing was run yet.
        """
        if self._batch is None:
            raise ContractError("the handler ran no batch")
        return self._batch

    def reason(self, place: int) -> str | None:
        """Return why the record at this place of the last event failed."""
        return self.batch.reason[place] if place < len(self.batch) else None

    def is_put_back(self, place: int) -> bool:
        """Tell whether a record that was answered as `Dropped` overflowed: the filter had let it through."""
        return not self._filtered[place]

    def _client(self, service: str, region: str | None, config: Any) -> LocalClient:
        self.client.read_timeout_s = config.read_timeout
        return self.client

    def _find(self, payloads: Sequence[bytes]) -> None:
        """Note the places of the records that are about to be put: a response is cut behind a prefix of its `Ok`."""
        fitting = [place for place, result in enumerate(self.batch.result) if result == OK]
        # Equal payloads are told apart by being other objects: entries of a call hold the very bytes that are put. Such
        # a record has more than one byte, so that the interpreter never shares its object.
        back = fitting[len(fitting) - len(payloads) :]
        self._places = {id(payload): place for payload, place in zip(payloads, back, strict=True)}

    def _put_back(self, data: bytes, partition_key: str | None) -> str:
        return self._put(self._places[id(data)], data, partition_key)


class _Puts(Reingester):
    """Puts records back in simulated time, and adds up what became of them."""

    def __init__(
        self,
        client: Any,
        pool: Workers,
        workers: int,
        reserve_ms: int,
        seed: int,
        starting: Callable[[Sequence[bytes]], None],
    ) -> None:
        draw = Draw(seed, -3)
        super().__init__(
            client,
            workers,
            reserve_ms,
            clock=pool.clock,
            sleep=pool.sleep,
            chance=lambda: draw.below(_JITTER_STEPS) / _JITTER_STEPS,
            pool=pool,
        )
        self._starting = starting
        self.calls = self.retries = self.possible_duplicates = 0

    def put(
        self,
        target: Target,
        payloads: Sequence[bytes],
        partition_keys: Sequence[str | None] | None = None,
        remaining_ms: Callable[[], int] | None = None,
    ) -> Outcome:
        """Put every record, as the function does."""
        self._starting(payloads)
        outcome = super().put(target, payloads, partition_keys, remaining_ms)
        self.calls += outcome.calls
        self.retries += outcome.retries
        self.possible_duplicates += outcome.possible_duplicates
        return outcome
