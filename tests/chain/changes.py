"""Changes of a DynamoDB table as they reach a Kinesis stream, in the shape that AWS gives them.

ministack 1.5.33 puts a record of DynamoDB *Streams* on the Kinesis stream: `eventVersion` and `eventSourceARN` are
there, `tableName`, `recordFormat` and `userIdentity` are not, the time is in seconds, the size is 0 and the partition
key is the event's id; binary values have one layer of base64 instead of two. `RealShape` stands before its Kinesis and
mends that. It may go when ministack's records have the shape of captured ones, which `test_shape.py` would notice.
Invariant: what the function gets has no member that AWS's record lacks.
"""

import json
import threading
from base64 import b64encode
from hashlib import blake2b

REFUSALS = 3
"""Reads that Kinesis refuses in each test."""


class RealShape:
    """A Kinesis client whose GetRecords answers with change records as AWS shapes them; other records pass unchanged.

    `refusals` reads are refused first, as a shard is that five consumers share.
    """

    def __init__(self, kinesis, refusals=0) -> None:
        self._kinesis = kinesis
        self._refusals = refusals
        self._lock = threading.Lock()
        self.rewritten = 0

    def __getattr__(self, name):
        return getattr(self._kinesis, name)

    def get_records(self, **arguments):
        """Read as Kinesis does."""
        with self._lock:
            refused, self._refusals = self._refusals > 0, max(0, self._refusals - 1)
        if refused:
            raise ThroughputError
        answer = self._kinesis.get_records(**arguments)
        answer["Records"] = [self._mend(record) for record in answer["Records"]]
        return answer

    def _mend(self, record):
        try:
            change = json.loads(record["Data"])
        except ValueError:
            return record
        if not isinstance(change, dict) or "eventSourceARN" not in change:
            return record
        with self._lock:
            self.rewritten += 1
        key = blake2b(record["Data"], digest_size=16).hexdigest().upper()
        data = json.dumps(mended(change), separators=(",", ":"), ensure_ascii=False).encode()
        return record | {"Data": data, "PartitionKey": key}


class ThroughputError(Exception):
    """A read that Kinesis refuses, shaped as botocore shapes it."""

    response = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "Rate exceeded."}}  # noqa: RUF012


def mended(change):
    """Return a Streams record in the shape of a Kinesis destination's."""
    inner = change["dynamodb"]
    body = {"ApproximateCreationDateTime": int(inner["ApproximateCreationDateTime"] * 1000)}
    body |= {name: _twice(inner[name]) for name in ("Keys", "NewImage", "OldImage") if name in inner}
    body["SizeBytes"] = len(json.dumps(body))
    return {
        "awsRegion": change["awsRegion"],
        "eventID": change["eventID"],
        "eventName": change["eventName"],
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": change["eventSourceARN"].split("/")[1],
        "dynamodb": body,
        "eventSource": "aws:dynamodb",
    }


def _twice(value):
    """Give binary attribute values of an image their second layer of base64."""
    if isinstance(value, list):
        return [_twice(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"B"} and isinstance(value["B"], str):
        return {"B": b64encode(value["B"].encode()).decode()}
    if value.keys() == {"BS"}:
        return {"BS": [b64encode(item.encode()).decode() for item in value["BS"]]}
    return {name: _twice(item) for name, item in value.items()}
