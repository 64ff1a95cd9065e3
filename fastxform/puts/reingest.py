"""Overflow goes back to the stream it came from: PutRecordBatch or PutRecords, in parallel, inside the deadline.

Which records go back is decided in `cutoff.py` before anything here runs, and what the response then says of them is
decided by the caller. Invariant: a record is without a reason only if its put was acknowledged, and one that may have
arrived without that, or twice, is named in `Outcome.doubtful`.
"""

import math
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol, TypeAlias, cast

from fastxform.puts import api
from fastxform.puts.api import Client, Entry, Service, Target
from fastxform.puts.batching import Batch, Calls, cut

PATIENCE_MS: Final = 60_000
"""The longest that one `put` goes on, whatever the time left: what fits the response should not wait for ever. Ours."""

REFUSAL_MEMORY_MS: Final = 300_000
"""How long a container asks nothing of a stream that refused; not for ever, since rights get mended. Ours."""

CALL_MIN_MS: Final = 100
"""No call is started with less time to go: it would only be abandoned, and perhaps arrive. Ours."""

READ_TIMEOUT_MIN_MS: Final = 1_000
READ_TIMEOUT_MAX_MS: Final = 10_000
CONNECT_TIMEOUT_MAX_MS: Final = 2_000
"""The client waits a third of the time left, inside these bounds; 4 MiB need some time on a small function. Ours."""

SPLITS_MAX: Final = 64
"""Calls refused as invalid that one `put` halves, to find the record at fault; then the fault is the stream's. Ours."""

ClientFactory: TypeAlias = Callable[[Service, str | None, Any], Client]
"""`(service, region, config) -> client`; `boto3_client` is the one that is used where none is given.

`config` is a botocore `Config`, to be handed on to boto3; where botocore is not installed it is a `ClientConfig`, which
has the same attributes.
"""


@dataclass(frozen=True, slots=True)
class NoTarget:
    """There is nowhere to put records back to: their reason, and why, in one line for the log."""

    why: str
    reason: str = "put_refused"


_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:(firehose):([a-z0-9-]+):\d{12}:deliverystream/([\w.-]{1,64})"
    r"|(kinesis):([a-z0-9-]+):\d{12}:stream/([\w.-]{1,128}))",
    re.ASCII,
)


def target_of(
    *,
    delivery_stream_arn: str | None = None,
    source_kinesis_stream_arn: str | None = None,
    is_kinesis: bool = False,
    is_msk: bool = False,
    region: str | None = None,
    stream: str | None = None,
) -> Target | NoTarget:
    """Find the stream that the records of an event go back to; call it only when a record has to.

    Args:
        delivery_stream_arn: The event's `deliveryStreamArn`.
        source_kinesis_stream_arn: The event's `sourceKinesisStreamArn`; some events of a Kinesis source lack it.
        is_kinesis: Whether the records carry `kinesisRecordMetadata`.
        is_msk: Whether the event comes from MSK, which takes nothing back.
        region: The event's `region`.
        stream: The name or ARN of the configuration, which beats those of the event.
    """
    if is_msk:
        return NoTarget("an MSK source has no stream to put records back to")
    from_kinesis = is_kinesis or source_kinesis_stream_arn is not None
    own_name = "sourceKinesisStreamArn" if from_kinesis else "deliveryStreamArn"
    own = _parse_arn(source_kinesis_stream_arn if from_kinesis else delivery_stream_arn)
    if stream is None:
        return own or NoTarget(f"the event's {own_name} is missing or not an ARN of a stream: set overflow.stream")
    if stream.startswith("arn:"):
        return _parse_arn(stream) or NoTarget("overflow.stream is not an ARN of a Firehose or Kinesis stream")
    return Target("kinesis" if from_kinesis else "firehose", stream, None, own.region if own else region)


def _parse_arn(arn: str | None) -> Target | None:
    """Read the ARN of a stream; None if it is not one."""
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None:
        return None
    service, region, name = (group for group in match.groups() if group)
    return Target(cast(Service, service), name, arn, region)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the records of one `put`.

    Attributes:
        reasons: For each record None if its put was acknowledged, else a code of `errors.REASONS`.
        doubtful: Positions of records put at least once without a clear answer: each may have arrived without an
            acknowledgement, or once too often.
        calls: Calls made.
        retries: Those of them that put records again.
        errors: How often each error code of AWS, or class of an exception, was met: one word each, never a message.
    """

    reasons: list[str | None]
    doubtful: tuple[int, ...] = ()
    calls: int = 0
    retries: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def acknowledged(self) -> int:
        """Count the records whose put was acknowledged."""
        return self.reasons.count(None)

    @property
    def possible_duplicates(self) -> int:
        """Count the records that may have arrived unacknowledged, or once too often."""
        return len(self.doubtful)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client is to keep to, named as in botocore's `Config`; times are seconds."""

    connect_timeout: float
    read_timeout: float
    max_pool_connections: int
    retries: Mapping[str, Any] = field(default_factory=lambda: {"total_max_attempts": 1, "mode": "standard"})
    tcp_keepalive: bool = True

    def for_botocore(self) -> Any:
        """Return botocore's own; itself where there is no botocore, so that the client cannot be boto3's."""
        try:
            from botocore.config import Config
        except ImportError:
            return self
        return Config(**{item.name: getattr(self, item.name) for item in fields(self)})


def boto3_client(service: Service, region: str | None, config: Any) -> Client:
    """Make a client with boto3, which is imported now: a client costs 320 ms of a cold start."""
    import boto3

    return cast(Client, boto3.client(service, region_name=region, config=config))


class Pool(Protocol):
    """What calls run in: threads, or what stands for them where time and network are simulated."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called."""

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls."""


class Threads(ThreadPoolExecutor):
    """A thread for each worker, started when there is a call for it."""

    def wait(self, futures: Collection[Future[Any]], seconds: float) -> None:
        """Wait until one of the futures is done, or the time is over."""
        wait(futures, seconds, return_when=FIRST_COMPLETED)


class Reingester:
    """Puts records back, for the life of a container: it keeps the clients, the threads and the refusals."""

    def __init__(
        self,
        client: ClientFactory | None = None,
        workers: int = 8,
        reserve_ms: int = 2_000,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        pool: Pool | None = None,
    ) -> None:
        """Take the bounds; no client is made, and boto3 not imported, before the first `put`.

        Args:
            client: Makes the clients; boto3 where it is None.
            workers: Calls in flight at most.
            reserve_ms: What is left of the invocation when everything here has stopped.
            clock: Seconds, monotonic.
            sleep: Waits for seconds.
            chance: Draws from [0, 1) for the jitter.
            pool: Runs at most `workers` calls at once; threads where it is None.
        """
        self._factory = client or boto3_client
        self._workers = workers
        self._reserve_ms = reserve_ms
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._pool: Pool = pool or Threads(workers, thread_name_prefix="fastxform-put")  # starts no thread yet
        self._clients: dict[tuple[Service, str | None], tuple[Client, float]] = {}
        self._refused_until: dict[Target, float] = {}

    def put(
        self,
        target: Target,
        payloads: Sequence[bytes],
        partition_keys: Sequence[str | None] | None = None,
        remaining_ms: Callable[[], int] | None = None,
    ) -> Outcome:
        """Put every record, again where that may help, and return before the reserve of the invocation is touched.

        Args:
            target: Where to.
            payloads: The original bytes of each record.
            partition_keys: For Kinesis the records' own keys; one that is None or empty is left out.
            remaining_ms: The Lambda context's `get_remaining_time_in_millis`; None where nothing ends the invocation.
        """
        left_ms = PATIENCE_MS if remaining_ms is None else min(remaining_ms() - self._reserve_ms, PATIENCE_MS)
        run = _Run(target, payloads, partition_keys, left_ms, self._clock, self._chance)
        if self._refused_until.get(target, -math.inf) > self._clock():
            run.give_up("put_refused")
        elif run.pending and left_ms >= CALL_MIN_MS:
            client = self._client_for(run)
            if client is not None:
                self._drive(run, client)
        run.close()
        if run.is_refused:
            self._refused_until[target] = self._clock() + REFUSAL_MEMORY_MS / 1_000
        return run.outcome()

    def close(self) -> None:
        """Let go of threads and clients, without waiting for calls in flight."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client, _ in self._clients.values():
            close = getattr(client, "close", None)
            if close is not None:
                close()

    def _client_for(self, run: "_Run") -> Client | None:
        """Return the container's client; it is made in the pool, so that a slow factory cannot hold the handler."""
        service, region = run.target.service, run.target.region
        read_timeout_ms = (run.stop - self._clock()) * 1_000 / 3
        read_timeout_ms = min(max(read_timeout_ms, READ_TIMEOUT_MIN_MS), READ_TIMEOUT_MAX_MS)
        client, made_with_ms = self._clients.get((service, region), (None, 0.0))
        if client is not None and made_with_ms * 2 > read_timeout_ms:  # else it was made in a hurry: make it again
            return client
        making = self._pool.submit(self._make_client, service, region, read_timeout_ms)
        self._pool.wait([making], run.stop - self._clock())
        if not making.done():
            return None
        error = making.exception()
        if error is not None:
            run.errors[api.identifier(type(error).__name__)] += 1
            run.give_up("put_failed")
            return None
        return cast(Client, making.result())

    def _make_client(self, service: Service, region: str | None, read_timeout_ms: float) -> Client:
        """Make a client that never retries by itself and keeps a connection for each worker."""
        config = ClientConfig(
            connect_timeout=min(read_timeout_ms, CONNECT_TIMEOUT_MAX_MS) / 1_000,
            read_timeout=read_timeout_ms / 1_000,
            max_pool_connections=self._workers,
        ).for_botocore()
        client = self._factory(service, region, config)
        self._clients[service, region] = (client, read_timeout_ms)
        return client

    def _drive(self, run: "_Run", client: Client) -> None:
        """Keep up to `workers` calls in flight until every record is decided or the time is over."""
        while True:
            now = self._clock()
            if now > run.last_start:
                run.give_up()
            while run.is_due(now) and len(run.flying) < self._workers:
                batch, entries = run.start()
                run.flying[self._pool.submit(api.call, client, run.target, entries)] = batch
            if now >= run.stop or not (run.flying or run.pending):
                return
            self._pause(run, now)
            for future in [future for future in run.flying if future.done()]:
                run.absorb(future)

    def _pause(self, run: "_Run", now: float) -> None:
        """Wait for an answer, for the next batch that is due and may fly, or for the end."""
        until = run.stop
        if run.pending and len(run.flying) < self._workers:
            until = min(until, run.pending[0].due)
        if run.flying:
            self._pool.wait(run.flying, until - now)
        else:
            self._sleep(until - now)


class _Run(Calls):
    """The books of one `put`; the invoking thread alone writes them: no lock, and a late answer changes nothing."""

    def __init__(
        self,
        target: Target,
        payloads: Sequence[bytes],
        keys: Sequence[str | None] | None,
        left_ms: float,
        clock: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        super().__init__(target, clock, chance, SPLITS_MAX)
        self.stop = clock() + left_ms / 1_000
        self.last_start = self.stop - CALL_MIN_MS / 1_000
        self._payloads = payloads
        self._keys = keys if target.service == "kinesis" else None
        self._reasons: list[str | None] = ["deadline"] * len(payloads)  # of a record that no call ever took
        self._doubtful: set[int] = set()
        for records in cut(self._sizes(), self._api.batch_limit_bytes, self._api.batch_limit_records):
            self.add(records, -math.inf)

    def outcome(self) -> Outcome:
        """Return what the books say."""
        return Outcome(self._reasons, tuple(sorted(self._doubtful)), self.calls, self.retries, dict(self.errors))

    def close(self) -> None:
        """Take the answers that are there by now, and leave the calls that are still in flight."""
        for future, batch in list(self.flying.items()):
            if future.done():
                self.absorb(future)
            elif future.cancel():  # it waited behind calls that an earlier `put` had left
                self.calls -= 1
                self.retries -= batch.attempt > 0
                if batch.attempt == 0:
                    self.lost(batch.records, "deadline")
            else:
                self.errors["Unanswered"] += 1
                self._doubtful.update(batch.records)
        self.give_up()

    def entry(self, record: int) -> Entry:
        """Return one entry of a call; a stream that distributes its records by itself has records without a key."""
        entry: Entry = {"Data": self._payloads[record]}
        key = self._key(record)
        if key:
            entry["PartitionKey"] = key
        return entry

    def began(self, records: list[int]) -> None:
        """Give records the reason that they keep if nothing better is heard."""
        self.lost(records, "put_failed")

    def acknowledged(self, records: list[int]) -> None:
        """Take the reason away."""
        for record in records:
            self._reasons[record] = None

    def doubted(self, records: list[int]) -> None:
        """Note the possible duplicates."""
        self._doubtful.update(records)

    def lost(self, records: list[int], reason: str) -> None:
        """Give records their reason, until a later one."""
        for record in records:
            self._reasons[record] = reason

    def is_worth(self, batch: Batch, due: float) -> bool:
        """Say whether a call may still start then."""
        return due <= self.last_start

    def _sizes(self) -> Iterator[tuple[int, int]]:
        """Yield records and their bytes; one over its own limit goes into no call."""
        for record, payload in enumerate(self._payloads):
            size_bytes = len(payload) + len(self._key(record).encode("utf-8", "surrogatepass"))
            if size_bytes > self._api.record_limit_bytes:
                self._reasons[record] = "never_fits"
            else:
                yield record, size_bytes

    def _key(self, record: int) -> str:
        """Return the partition key of a record; what is none in a malformed event is none here."""
        key = self._keys[record] if self._keys is not None else None
        return key if isinstance(key, str) else ""
