"""Who writes: items of a DynamoDB table, records of a stream; and what was written, which the far end must equal.

A producer keeps its own totals and knows nothing of the transform. Invariant: `history` holds each change once, in the
order in which it was acknowledged.
"""

import json
from base64 import b64encode
from itertools import accumulate
from random import Random

from botocore.exceptions import ClientError, HTTPClientError

from fastxform.limits import FIREHOSE_BATCH_LIMIT_BYTES, FIREHOSE_BATCH_LIMIT_RECORDS

_NAMES = (
    "Smith, John",
    'said "no"',
    "two\nlines",
    "東京都 下野市",
    "naïve café",
    "=1+1",
    "plain",
    "",
    " x ",
    "'",
    "🚚",
)
_ITEMS_A_CALL = 25


class Table:
    """A DynamoDB table whose changes go to a Kinesis stream.

    Attributes:
        history: Every change: its name, and the item that it made or took.
    """

    def __init__(self, dynamodb, name, stream_arn) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._items = {}
        self._chance = Random(name)
        self.history = []
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        dynamodb.enable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)

    def put(self, keys):
        """Insert items, or change those that are there."""
        items = {}
        for key in keys:
            name, people = self._chance.choice(_NAMES), self._chance.randrange(10**9)
            items[key] = {"id": key, "name": name, "population": people, "token": self._chance.randbytes(9)}
        self._write([{"PutRequest": {"Item": _attributes(item)}} for item in items.values()])
        for key, item in items.items():
            self.history.append(("MODIFY" if key in self._items else "INSERT", item))
        self._items |= items

    def delete(self, keys):
        """Delete items."""
        self._write([{"DeleteRequest": {"Key": {"id": {"S": key}}}} for key in keys])
        self.history += [("REMOVE", self._items.pop(key)) for key in keys]

    def _write(self, requests):
        for start in range(0, len(requests), _ITEMS_A_CALL):
            answer = self._dynamodb.batch_write_item(RequestItems={self._name: requests[start : start + _ITEMS_A_CALL]})
            assert not answer["UnprocessedItems"]


def _attributes(item):
    return {
        "id": {"S": item["id"]},
        "name": {"S": item["name"]},
        "population": {"N": str(item["population"])},
        "token": {"B": item["token"]},
    }


def change(event, number, keys, new=None, old=None):
    """Return the record of a change, as a Kinesis destination spells it, for a stream that takes puts."""
    body = {"ApproximateCreationDateTime": 1_767_225_600_000 + number, "Keys": keys}
    body |= {name: image for name, image in (("NewImage", new), ("OldImage", old)) if image is not None}
    record = {"eventName": event, "tableName": "orders", "dynamodb": body | {"SizeBytes": 100}}
    return json.dumps(record, ensure_ascii=False).encode()


def put_all(firehose, stream, payloads):
    """Put every record; what was not acknowledged is put again, until it is."""
    waiting = list(payloads)
    while waiting:
        batch, rest = _split(waiting)
        waiting = _put(firehose, stream, batch) + rest


def _put(firehose, stream, batch):
    """Make one call and return the records that it did not acknowledge."""
    try:
        answer = firehose.put_record_batch(DeliveryStreamName=stream, Records=[{"Data": data} for data in batch])
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("ServiceUnavailableException", "InternalFailure"), error
        return batch
    except HTTPClientError:
        return batch
    failed = [data for data, entry in zip(batch, answer["RequestResponses"], strict=True) if "ErrorCode" in entry]
    assert len(failed) == answer["FailedPutCount"]
    return failed


def _split(payloads):
    """Return the records that one call takes, and the rest."""
    sizes = accumulate(map(len, payloads[:FIREHOSE_BATCH_LIMIT_RECORDS]))
    count = sum(size <= FIREHOSE_BATCH_LIMIT_BYTES for size in sizes)
    return payloads[:count], payloads[count:]


def text_of(token):
    """Return bytes as the transform writes them: one layer of base64."""
    return b64encode(token).decode()
