"""The client that a function on this machine puts records back with, in place of AWS's.

It answers PutRecordBatch and PutRecords as the services do, limits and refusals included, and gives accepted
records to a `put`; nothing here ever reaches a network. Invariant: a call raises and took nothing, or acknowledged
every record.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastxform import limits

Put = Callable[[bytes, str | None], str]
"""Takes one record, data and partition key, and returns its record id: `Firehose.put` is one."""


class CallRefusedError(Exception):
    """An answer of the service that refuses the whole call; `response` is shaped as botocore shapes it."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}


class LocalClient:
    """Firehose's and Kinesis' put calls for one stream of this machine; `kinesis` says what its source is."""

    def __init__(self, put: Put, *, kinesis: bool = False) -> None:
        self._put = put
        self._kinesis = kinesis

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Put records on the delivery stream, which must take them directly."""
        if self._kinesis:
            message = "This operation is not permitted on KinesisStreamAsSource delivery stream type."
            raise CallRefusedError("InvalidArgumentException", message)
        sizes = [len(record["Data"]) for record in Records]
        _check_count(len(sizes), limits.FIREHOSE_BATCH_LIMIT_RECORDS)
        if max(sizes) > limits.FIREHOSE_RECORD_LIMIT_BYTES:
            message = f"Member must have length less than or equal to {limits.FIREHOSE_RECORD_LIMIT_BYTES}"
            raise CallRefusedError("ValidationException", message)
        if sum(sizes) > limits.FIREHOSE_BATCH_LIMIT_BYTES:
            raise CallRefusedError("InvalidArgumentException", "Records size exceeds 4 MB limit")
        responses = [{"RecordId": self._put(record["Data"], None)} for record in Records]
        return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": responses}

    def put_records(
        self,
        *,
        Records: Sequence[Mapping[str, Any]],
        StreamName: str = "",
        StreamARN: str = "",
    ) -> dict[str, Any]:
        """Put records on the Kinesis stream that the delivery stream reads."""
        if not self._kinesis:
            raise CallRefusedError("ResourceNotFoundException", f"Stream {StreamName or StreamARN} not found.")
        sizes = [len(record["Data"]) + len(record["PartitionKey"].encode()) for record in Records]
        _check_count(len(sizes), limits.KINESIS_BATCH_LIMIT_RECORDS)
        if max(sizes) > limits.KINESIS_RECORD_LIMIT_BYTES or sum(sizes) > limits.KINESIS_BATCH_LIMIT_BYTES:
            raise CallRefusedError("InvalidArgumentException", "Records size exceeds 5 MB limit")
        answers = [
            {"SequenceNumber": self._put(record["Data"], record["PartitionKey"]), "ShardId": "shardId-000000000000"}
            for record in Records
        ]
        return {"FailedRecordCount": 0, "Records": answers}


def _check_count(count: int, limit: int) -> None:
    if not 1 <= count <= limit:
        raise CallRefusedError("ValidationException", f"Member must have length between 1 and {limit}")
