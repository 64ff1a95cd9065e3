"""The records of a Kinesis stream, read as Firehose reads them: from its end of now, shard by shard, in order.

Only the reading lives here: list of shards, iterators, GetRecords; aggregated records of the producer library are not
taken apart. Invariant: what is handed on of a shard is each of its records once, in order, whatever GetRecords answers
in between.

Source: Firehose, writing with Kinesis Data Streams; Kinesis API `GetRecords`, `GetShardIterator`. 2026-11.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from typing import Any, Final, Protocol

Take = Callable[[bytes, str, int, str, str], None]
"""Takes one record: data, partition key, arrival in epoch milliseconds, sequence number, shard id."""

READ_RECORDS: Final = 10_000
"""Records of one GetRecords. Source: Kinesis API `GetRecords.Limit`. 2026-11."""

_PAUSE_SECONDS: Final = 0.1
"""Between reads of a stream that had nothing; Firehose reads each shard once a second."""

_LATER: Final = ("ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException")


class KinesisReader(Protocol):
    """What is used of a Kinesis client."""

    def list_shards(self, *, StreamARN: str) -> Mapping[str, Any]:
        """List the shards of a stream."""

    def get_shard_iterator(self, *, StreamARN: str, ShardId: str, ShardIteratorType: str, **position: str) -> Any:
        """Return where to read a shard from."""

    def get_records(self, *, ShardIterator: str, Limit: int) -> Mapping[str, Any]:
        """Read records from there on."""


def code_of(error: Exception) -> str | None:
    """Return AWS's code of an error of the client, None where AWS did not answer."""
    detail = getattr(error, "response", None)
    return detail.get("Error", {}).get("Code") if isinstance(detail, Mapping) else None


@dataclass(slots=True)
class _Shard:
    """How far a shard was read; its start is LATEST, or TRIM_HORIZON of a shard that came later."""

    start: str
    iterator: str = ""
    last: str | None = None


class KinesisSource:
    """Reads one stream in a thread of its own; `throttled` counts the reads that were refused and made again."""

    def __init__(self, client: KinesisReader, stream_arn: str) -> None:
        self.throttled = 0
        self.failure: Exception | None = None
        self._client = client
        self._arn = stream_arn
        self._open: dict[str, _Shard] = {}
        self._seen: set[str] = set()
        self._ending = Event()
        self._thread = Thread(target=self._run, name="kinesis-source")
        self._take: Take | None = None

    def start(self, take: Take) -> None:
        """Note where every shard ends now, then read what comes after."""
        self._take = take
        self._find_shards("LATEST")
        self._thread.start()

    def close(self) -> None:
        """Stop reading; what was read is handed on."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            is_read = False
            while not self._ending.wait(0 if is_read else _PAUSE_SECONDS):
                reads = [self._read(name, shard) for name, shard in list(self._open.items())]
                is_read = any(reads)
        except Exception as error:  # reported to whoever closes the stream
            self.failure = error

    def _find_shards(self, start: str) -> None:
        for entry in self._client.list_shards(StreamARN=self._arn)["Shards"]:
            name = entry["ShardId"]
            if name not in self._seen:
                self._seen.add(name)
                self._open[name] = _Shard(start)
                self._position(name, self._open[name])

    def _position(self, name: str, shard: _Shard) -> None:
        """Get an iterator behind the last record that was read of a shard."""
        kind, position = shard.start, {}
        if shard.last is not None:
            kind, position = "AFTER_SEQUENCE_NUMBER", {"StartingSequenceNumber": shard.last}
        answer = self._client.get_shard_iterator(StreamARN=self._arn, ShardId=name, ShardIteratorType=kind, **position)
        shard.iterator = answer["ShardIterator"]

    def _read(self, name: str, shard: _Shard) -> bool:
        """Read once, and tell whether there was something."""
        try:
            answer = self._client.get_records(ShardIterator=shard.iterator, Limit=READ_RECORDS)
        except Exception as error:
            self._recover(error, name, shard)
            return False
        for record in answer["Records"]:
            shard.last = record["SequenceNumber"]
            arrived: datetime = record["ApproximateArrivalTimestamp"]
            assert self._take is not None
            self._take(record["Data"], record["PartitionKey"], round(arrived.timestamp() * 1000), shard.last, name)
        following = answer.get("NextShardIterator")
        if following is None:  # the shard was closed, and others have taken its place
            del self._open[name]
            self._find_shards("TRIM_HORIZON")
        else:
            shard.iterator = following
        return bool(answer["Records"])

    def _recover(self, error: Exception, name: str, shard: _Shard) -> None:
        """Make good what AWS says may happen at any time, and raise the rest."""
        code = code_of(error)
        if code == "ExpiredIteratorException":
            self._position(name, shard)
        elif code in _LATER:
            self.throttled += 1
        else:
            raise error
