"""Records to a stream at a rate, for as long as it takes: what stands between a million records and `put_run`.

Records are read when there is room for them and forgotten when they are decided; where they come from, and what is
shown, is the caller's. Invariant: a call is in the journal before it is made, a record is acknowledged there only after
its answer, and the records held are bounded by the calls that may be under way.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fastxform.errors import InputError
from fastxform.puts import api
from fastxform.puts.api import Client, Entry, Fault, Target
from fastxform.puts.batching import Calls, PutCall, cut
from fastxform.puts.client import TIME_OUTS_OF_A_CALL, ClientConfig, ClientFactory, boto3_client
from fastxform.puts.threads import Pool, Threads
from fastxform.tools.replay import problems
from fastxform.tools.replay.journal import Journal
from fastxform.tools.replay.locations import Location, spans
from fastxform.tools.replay.outgoing import Outgoing, RateLimit, Sent, key_of, size_of

SPLITS_MAX: Final = 64
"""Calls refused as invalid that are halved while nothing is acknowledged; then the fault is the stream's. Ours."""

SILENT_CALLS_MAX: Final = 2
"""Calls of unknown fate for each worker, with none acknowledged between them, after which no other is started. Ours."""

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 30.0
"""How long a call may take; nothing ends this process, so longer than in a function. Ours."""

WINDOW_BATCHES: Final = 2
"""Calls' worth of undecided records for each worker. Ours."""

TICK_S: Final = 0.2
"""The longest that progress is not shown, and an interrupt not seen. Ours."""


def make_client(target: Target, workers: int, factory: ClientFactory = boto3_client) -> Client:
    """Make the client of a stream.

    Raises:
        InputError: it cannot be made: no boto3, no region, no such profile.
    """
    config = ClientConfig(CONNECT_TIMEOUT_S, READ_TIMEOUT_S, workers).for_botocore()
    try:
        return factory(target.service, target.region, config)
    except ImportError as err:
        raise InputError("boto3 is not installed, and puts need it: pip install 'fastxform[aws]'") from err
    except Exception as err:  # whatever botocore finds in the environment: it comes before anything is sent
        raise InputError(problems.explain(err, api.identifier(type(err).__name__), target)) from err


class Sender(Calls):
    """One run of puts; `run` goes on until the source is empty, the stream refuses, or `stop` was called."""

    def __init__(
        self,
        target: Target,
        client: Client,
        rate_limit: RateLimit,
        journal: Journal | None = None,
        *,
        progress: Callable[["Sender"], None] = lambda sender: None,
        unsent: Callable[[Outgoing], None] = lambda outgoing: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        pool: Pool | None = None,
    ) -> None:
        """Take the bounds.

        Args:
            target: Where to.
            client: The client.
            rate_limit: How fast.
            journal: Where the ledger are kept; None where nothing can be resumed.
            progress: Called at least every `TICK_S`, with this.
            unsent: Called with each record that is given up.
            clock: Seconds, monotonic.
            sleep: Waits for seconds.
            pool: Runs the calls; threads where it is None.
        """
        super().__init__(target, clock, random.random, SPLITS_MAX, TIME_OUTS_OF_A_CALL * READ_TIMEOUT_S)
        self.sent = Sent()
        self.stops = 0
        self._client, self._rate_limit, self._journal = client, rate_limit, journal
        self._progress, self._unsent = progress, unsent
        self._outgoing: dict[int, Outgoing] = {}
        self._count = 0
        self._held_bytes = 0
        self._free_at = self._acknowledged_at = clock()
        self._silent_calls = 0
        self._last: tuple[BaseException | None, str] = (None, "")
        self._sleep = sleep
        self._pool: Pool = pool or Threads(rate_limit.workers)

    def stop(self) -> None:
        """Start no more calls; called again, wait no longer for those in flight. A signal handler may call it."""
        self.stops += 1

    @property
    def waiting(self) -> int:
        """Count the records that are read and not decided."""
        return len(self._outgoing)

    def run(self, records: Iterable[Outgoing]) -> Sent:
        """Put every record of a source, reading it as there is room.

        Raises:
            InputError: the source cannot be read, or the journal not be written; what is in flight is then awaited.
        """
        limit_bytes, limit_records = self._rate_limit.call_limits(self.target)
        batches = cut(self._taken(records), limit_bytes, limit_records)
        try:
            while self._go_on(batches):
                self._progress(self)
            self._close()
        except BaseException:
            self.stops += 1
            self._settle()
            raise
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
        return self.sent

    def _go_on(self, batches: Iterator[list[int]]) -> bool:
        """Start what may start, book what has ended, and say whether there is more to do."""
        if self.stops or self.sent.problem:
            self.give_up("put_failed")
        else:
            self._start(batches)
        is_over = self.sent.complete or self.stops or self.sent.problem
        if self.stops > 1 or (is_over and not (self.in_flight or self.pending)):
            return False
        self._wait()
        self._absorb()
        overdue = self.overdue(self._clock())
        if overdue:
            self._pool.abandon(overdue)
            self.abandon(overdue)
            self._sync()
        return True

    def _start(self, batches: Iterator[list[int]]) -> None:
        """Start calls while there are workers and the rate allows; the journal knows of each before it is made."""
        starting: list[tuple[PutCall, list[Entry]]] = []
        while len(self.in_flight) + len(starting) < self._rate_limit.workers:
            now = self._clock()
            if now < self._free_at:
                break
            if not self.is_due(now) and not self._refill(batches):
                break
            batch, entries = self.start()
            size_bytes = sum(size_of(self.target, self._outgoing[record]) for record in batch.records)
            self._free_at = max(now, self._free_at) + self._rate_limit.seconds(len(entries), size_bytes)
            starting.append((batch, entries))
        self._sync()
        for batch, entries in starting:
            self.in_flight[self._pool.submit(api.call, self._client, self.target, entries)] = batch

    def _refill(self, batches: Iterator[list[int]]) -> bool:
        """Have the next batch of the source wait, if few enough are undecided."""
        limit_bytes, limit_records = self._rate_limit.call_limits(self.target)
        room = self._rate_limit.workers * WINDOW_BATCHES
        if self.sent.complete or self._held_bytes > room * limit_bytes or len(self._outgoing) > room * limit_records:
            return False
        records = next(batches, None)
        if records is None:
            self.sent.complete = True
            return False
        self.add(records, self._clock())
        return True

    def _taken(self, records: Iterable[Outgoing]) -> Iterator[tuple[int, int]]:
        """Yield the number and size of each record that a call can hold."""
        for record in records:
            self._count += 1
            outgoing = record._replace(partition_key=key_of(record)) if self.target.service == "kinesis" else record
            size_bytes = size_of(self.target, outgoing)
            self._outgoing[self._count] = outgoing
            self._held_bytes += size_bytes
            if size_bytes > self._api.record_limit_bytes:
                self.failed([self._count], "never_fits")
            else:
                yield self._count, size_bytes

    def _wait(self) -> None:
        """Wait for an answer, for the next batch that may start, or for the next look at the clock."""
        now = self._clock()
        until = now + TICK_S
        if len(self.in_flight) < self._rate_limit.workers:
            due = self.pending[0].due if self.pending else now
            if not self.sent.complete or self.pending:
                until = min(until, max(due, self._free_at))
        if self.in_flight:
            self._pool.wait(self.in_flight, max(until - now, 0.001))
        else:
            self._sleep(max(until - now, 0.0))

    def _absorb(self) -> None:
        for future in [future for future in self.in_flight if future.done()]:
            self.absorb(future)
        self._sync()

    def _close(self) -> None:
        """Give up what waits and name what is still in flight."""
        self.give_up("put_failed")
        in_flight = {record for batch in self.in_flight.values() for record in batch.records}
        ahead = [
            record for record in self._outgoing if record not in in_flight
        ]  # read, and too large for the last call
        if ahead:
            self.failed(ahead, "put_failed")
        self.sent.in_flight = spans(map(self._location, in_flight))
        self.sent.calls, self.sent.retries, self.sent.errors = self.calls, self.retries, self.errors
        self._sync()

    def _settle(self) -> None:
        """Book the answers of what is in flight, when something else has failed."""
        while self.in_flight:
            self._pool.wait(self.in_flight, TICK_S)
            for future in [future for future in self.in_flight if future.done()]:
                self.absorb(future)
        self._close()

    def _sync(self) -> None:
        if self._journal is not None:
            self._journal.sync()

    def _location(self, record: int) -> Location:
        outgoing = self._outgoing[record]
        return outgoing.file, outgoing.number

    def _forget(self, record: int) -> Outgoing:
        outgoing = self._outgoing.pop(record)
        self._held_bytes -= size_of(self.target, outgoing)
        return outgoing

    # ---- what `Calls` tells

    def entry(self, record: int) -> Entry:
        """Return one entry of a call."""
        outgoing = self._outgoing[record]
        if self.target.service == "kinesis":
            return {"Data": outgoing.data, "PartitionKey": key_of(outgoing)}
        return {"Data": outgoing.data}

    def began(self, records: list[int]) -> None:
        """Note it in the journal."""
        if self._journal is not None:
            self._journal.began(map(self._location, records))

    def acknowledged(self, records: list[int]) -> None:
        """Note it in the journal, and forget the records."""
        if not records:
            return
        if self._journal is not None:
            self._journal.acknowledged(map(self._location, records))
        self._acknowledged_at = self._clock()
        self.splits = self._silent_calls = 0
        self.sent.records += len(records)
        self.sent.size_bytes += sum(len(self._forget(record).data) for record in records)

    def maybe_duplicated(self, records: list[int]) -> None:
        """Note it in the journal; a stream that acknowledges none of many calls may store them all: that ends it."""
        locations = [self._location(record) for record in records]
        self._silent_calls += 1
        if self._silent_calls >= SILENT_CALLS_MAX * self._rate_limit.workers:
            self._end("the stream acknowledges nothing, and may have stored all of it: ")
        if self._journal is not None:
            self._journal.maybe_duplicate(locations)
        self.sent.maybe_duplicate.update(locations)

    def failed(self, records: list[int], reason: str) -> None:
        """Note it in the journal, and forget the records."""
        locations = [self._location(record) for record in records]
        if self._journal is not None:
            self._journal.refused(locations)
        self.sent.unacknowledged.setdefault(reason, []).extend(locations)
        for record in records:
            self._unsent(self._forget(record))

    def is_worth(self, batch: PutCall, due: float) -> bool:
        """Say whether the patience lasts; where nothing at all was taken meanwhile, everything ends."""
        if due <= batch.since + self._rate_limit.patience_s:
            return True
        if self._acknowledged_at <= batch.since:
            self._end(f"nothing was acknowledged for {self._rate_limit.patience_s:g} s: ")
        return False

    def add(self, records: list[int], due: float, attempt: int = 0, since: float | None = None) -> None:
        """Note that records which come again are not in flight, and have them wait."""
        if attempt and self._journal is not None:
            self._journal.refused(map(self._location, records))
        super().add(records, due, attempt, since)

    def absorb_fault(self, batch: PutCall, fault: Fault, error: BaseException | None) -> None:
        """End everything at a fault that every other call would meet too."""
        self._last = (error, fault.code)
        could_be_one = fault.split and self.splits < self.splits_max
        if fault.refused or not (fault.again or could_be_one):
            self._end()
        super().absorb_fault(batch, fault, error)

    def _end(self, prefix: str = "") -> None:
        error, code = self._last
        if not code and self.errors:  # no call failed, but entries of all
            code = self.errors.most_common(1)[0][0]
        if self.sent.problem is None:
            self.sent.problem = prefix + problems.explain(error, code, self.target)
