"""The bytes of a Firehose event, as the service writes them.

Records become entries, entries become an event; both sources of a stream, Direct PUT and Kinesis (contract: event
shape, samples a and b). What is in a record and when an event is full is decided elsewhere. Invariant: entries are
built once, and an event is exactly its head, its entries with commas between, and its tail, so sizes are sums.
"""

import json
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

ACCOUNT: Final = "123456789012"
"""The account of every name made here: the one of the documentation's samples."""

TAIL: Final = b"]}"
"""What closes an event."""

_SEQUENCE_BASE: Final = 49_628_654_765_235_663_403_446_902_955_224_362_712_470_206_619_186_102_290
"""A real 56-digit sequence number; the ones made here count on from it."""

SHARD: Final = "shardId-000000000000"
"""The shard of records that no shard was named for."""

_ID_SUFFIX: Final = "000000"


@dataclass(frozen=True, slots=True)
class ResourceNames:
    """The names of one delivery stream and of what it reads and calls."""

    stream: str = "local"
    region: str = "us-east-1"
    function: str = "transform"
    source: str = "local-source"
    account: str = ACCOUNT
    qualifier: str = "$LATEST"

    @property
    def stream_arn(self) -> str:
        """The ARN of the delivery stream."""
        return f"arn:aws:firehose:{self.region}:{self.account}:deliverystream/{self.stream}"

    @property
    def source_arn(self) -> str:
        """The ARN of the Kinesis stream that it reads, if it does."""
        return f"arn:aws:kinesis:{self.region}:{self.account}:stream/{self.source}"

    @property
    def function_arn(self) -> str:
        """The ARN of the function, with the version that Firehose always names."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.function}:{self.qualifier}"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a stream; `data` is the raw payload, None where its base64 shall be broken."""

    record_id: str
    arrival_ms: int
    data: bytes | None
    partition_key: str = ""
    shard_id: str = SHARD


def sequence_number(number: int) -> str:
    """Return the 56-digit sequence number of the record `number` of a stream."""
    return str(_SEQUENCE_BASE + number)


def record_id(number: int) -> str:
    """Return the 62-digit record id of the record `number` of a stream."""
    return record_id_of(sequence_number(number))


def record_id_of(sequence_number: str) -> str:
    """Return the record id of the record with this sequence number."""
    return sequence_number + _ID_SUFFIX


def partition_key(data: bytes) -> str:
    """Return 32 upper-case hexadecimal digits, as DynamoDB gives its change records."""
    return blake2b(data, digest_size=16).hexdigest().upper()


def head(names: ResourceNames, invocation_id: str, kinesis: bool) -> bytes:
    """Return the event up to its first entry."""
    source = f'"sourceKinesisStreamArn":"{names.source_arn}",' if kinesis else ""
    stream = f'"deliveryStreamArn":"{names.stream_arn}","region":"{names.region}"'
    return f'{{"invocationId":"{invocation_id}",{source}{stream},"records":['.encode()


def entry(record: StreamRecord, kinesis: bool) -> bytes:
    """Return one record as it stands in an event."""
    data = b"%%not base64%%" if record.data is None else b2a_base64(record.data, newline=False)
    start = f'{{"recordId":"{record.record_id}","approximateArrivalTimestamp":{record.arrival_ms},"data":"'.encode()
    if not kinesis:
        return b'%b%b"}' % (start, data)
    metadata = (
        f'","kinesisRecordMetadata":{{"sequenceNumber":"{record.record_id[: -len(_ID_SUFFIX)]}","subsequenceNumber":0,'
        f'"partitionKey":{json.dumps(record.partition_key)},"shardId":"{record.shard_id}","approximateArrivalTimestamp":{record.arrival_ms}}}}}'
    )
    return b"%b%b%b" % (start, data, metadata.encode())


def chunks(
    records: Iterable[StreamRecord], *, names: ResourceNames, invocation_id: str, kinesis: bool
) -> Iterator[bytes]:
    """Yield the bytes of one event piece by piece, so that it need not fit into memory."""
    yield head(names, invocation_id, kinesis)
    comma = b""
    for record in records:
        yield comma + entry(record, kinesis)
        comma = b","
    yield TAIL
