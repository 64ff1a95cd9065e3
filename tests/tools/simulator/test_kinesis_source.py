"""Reading a Kinesis stream: every record once, in the order of its shard, whatever GetRecords answers in between."""

import time
from datetime import UTC, datetime
from threading import Event

import pytest

from fastxform.tools.simulator.kinesis_source import KinesisSource

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/feed"
PATIENCE_SECONDS = 60
THROUGHPUT = "ProvisionedThroughputExceededException"


class ServiceError(Exception):
    """An error shaped as botocore shapes it."""

    def __init__(self, code):
        super().__init__(code)
        self.response = {"Error": {"Code": code, "Message": ""}}


class Stream:
    """A Kinesis stream of two shards; the first is split in the middle, and reads answer two records.

    `errors` are raised by the reads of these numbers.
    """

    def __init__(self, errors=()):
        self.shards = {"a": ["old"], "b": []}
        self.errors = dict(errors)
        self.reads = 0
        self.closed = set()

    def list_shards(self, *, StreamARN):
        """All shards, closed ones too."""
        assert StreamARN == ARN
        return {"Shards": [{"ShardId": name} for name in self.shards]}

    def get_shard_iterator(self, *, StreamARN, ShardId, ShardIteratorType, StartingSequenceNumber=None):
        """An iterator is the shard and a position."""
        records = self.shards[ShardId]
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            position = int(StartingSequenceNumber.partition("-")[2]) + 1
        else:
            position = {"LATEST": len(records), "TRIM_HORIZON": 0}[ShardIteratorType]
        return {"ShardIterator": f"{ShardId}-{position}"}

    def get_records(self, *, ShardIterator, Limit):
        """Two records at most; none of a position that no iterator was given for."""
        self.reads += 1
        if self.reads in self.errors:
            raise self.errors[self.reads]
        shard, _, position = ShardIterator.partition("-")
        start = int(position)
        values = self.shards[shard][start : start + 2]
        end = start + len(values)
        following = None if shard in self.closed and end == len(self.shards[shard]) else f"{shard}-{end}"
        records = [
            {
                "SequenceNumber": f"{shard}-{start + number}",
                "Data": value.encode(),
                "PartitionKey": f"key {value}",
                "ApproximateArrivalTimestamp": datetime.fromtimestamp(1_767_225_600.125, UTC),
            }
            for number, value in enumerate(values)
        ]
        return {"Records": records, "NextShardIterator": following}


class Taken:
    """What a source handed on; `whole` is set with the last of so many records."""

    def __init__(self, count):
        self.records = []
        self.whole = Event()
        self._count = count

    def __call__(self, *record):
        """Take a record."""
        self.records.append(record)
        if len(self.records) == self._count:
            self.whole.set()

    def of(self, shard):
        """The data of a shard, in order."""
        return [data.decode() for data, _, _, _, name in self.records if name == shard]


def expired(code="ExpiredIteratorException"):
    """An error of a read."""
    return ServiceError(code)


@pytest.mark.parametrize(
    ("errors", "throttled"),
    [
        pytest.param({}, 0, id="none"),
        pytest.param({3: expired(), 5: expired(), 8: expired()}, 0, id="expired"),
        pytest.param(
            {1: expired("ProvisionedThroughputExceededException"), 4: expired("LimitExceededException")},
            2,
            id="throttled",
        ),
    ],
)
def test_each_record_is_read_once_and_in_order(errors, throttled):
    """From the end of the stream on; a shard that is split goes on in its children."""
    stream = Stream(errors)
    source, taken = KinesisSource(stream, ARN), Taken(12)
    source.start(taken)
    stream.shards["c"] = [f"c{number}" for number in range(3)]
    stream.shards["b"] += [f"b{number}" for number in range(4)]
    stream.shards["a"] += [f"a{number}" for number in range(5)]
    stream.closed.add("a")
    assert taken.whole.wait(PATIENCE_SECONDS)
    source.close()
    assert source.failure is None
    assert taken.of("a") == [f"a{number}" for number in range(5)]
    assert taken.of("b") == [f"b{number}" for number in range(4)]
    assert taken.of("c") == [f"c{number}" for number in range(3)]
    assert source.throttled == throttled
    assert taken.records[0][1].startswith("key ")
    assert {record[2] for record in taken.records} == {1_767_225_600_125}


def test_an_error_that_is_no_hiccup_is_kept():
    """It ends the reading, and whoever asks is told."""
    stream = Stream({1: expired("AccessDeniedException")})
    source = KinesisSource(stream, ARN)
    source.start(Taken(1))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while source.failure is None and time.monotonic() < deadline:
        time.sleep(0.01)
    source.close()
    assert str(source.failure) == "AccessDeniedException"


def test_a_source_that_never_started_can_be_closed():
    """As when the stream that was to have it could not be made."""
    KinesisSource(Stream(), ARN).close()
