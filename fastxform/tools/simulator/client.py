"""The client that a function on this machine puts records back with, in place of AWS's.

It answers PutRecordBatch and PutRecords as the services do, limits, refusals and faults included, and gives accepted
records to a `put`; nothing here ever reaches a network. Invariant: without faults a call raises and took nothing, or
acknowledged every record; with them a record that is acknowledged was taken.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from fastxform import limits
from fastxform.tools.simulator.faults import Faults

Put = Callable[[bytes, str | None], str]
"""Takes one record, data and partition key, and returns its record id: `Firehose.put` is one."""

_FIREHOSE_THROTTLE: Final = "ServiceUnavailableException"
_KEY_LIMIT_CHARACTERS: Final = limits.KINESIS_PARTITION_KEY_LIMIT_CHARACTERS


class CallRefusedError(Exception):
    """An answer of the service that refuses the whole call; `response` is shaped as botocore shapes it.

    Attributes:
        code: AWS's error code.
        status: Of the HTTP answer.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}


class LocalClient:
    """Firehose's and Kinesis' put calls for one stream of this machine; they may be called from any thread.

    Attributes:
        calls: Calls made.
        faults_met: How many calls met each fault, and under `entries` how many entries failed.
        over_limit: Those of them that were over a limit of the service.
        read_timeout_s: The client gives up on a call that takes longer, which the service does not.
    """

    def __init__(
        self,
        put: Put,
        *,
        kinesis: bool = False,
        faults: Faults | None = None,
        hold: Callable[[float], None] | None = None,
        kinesis_record_bytes: int = limits.KINESIS_RECORD_LIMIT_BYTES,
    ) -> None:
        """Take what is behind the calls.

        Args:
            put: Takes each accepted record.
            kinesis: Whether the source of the stream is Kinesis.
            faults: What goes wrong.
            hold: Is given the seconds that a call takes; without it calls take no time.
            kinesis_record_bytes: The largest record that the Kinesis stream takes.
        """
        self.calls = 0
        self.faults_met: Counter[str] = Counter()
        self.over_limit = 0
        self.read_timeout_s = float("inf")
        self._put = put
        self._kinesis = kinesis
        self._kinesis_record_bytes = kinesis_record_bytes
        self._faults = faults or Faults()
        self._lock = Lock()
        self._hold = hold

    def put_record(self, *, DeliveryStreamName: str, Record: Mapping[str, Any]) -> dict[str, Any]:
        """Put one record on the delivery stream, which must take them directly."""
        (identity,) = self._put_directly([Record])
        if identity is None:
            raise CallRefusedError(_FIREHOSE_THROTTLE, "Slow down.", 500)
        return {"RecordId": identity, "Encrypted": False}

    def put_record_batch(self, *, DeliveryStreamName: str, Records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Put records on the delivery stream, which must take them directly."""
        ids = self._put_directly(Records)
        responses = [_receipt(identity, _FIREHOSE_THROTTLE, {"RecordId": identity}) for identity in ids]
        return {"FailedPutCount": ids.count(None), "Encrypted": False, "RequestResponses": responses}

    def _put_directly(self, records: Sequence[Mapping[str, Any]]) -> list[str | None]:
        number = self._enter_call()
        if self._kinesis or self._faults.refuse:
            message = "This operation is not permitted on KinesisStreamAsSource delivery stream type."
            raise CallRefusedError("InvalidArgumentException", message)
        sizes = [len(record["Data"]) for record in records]
        self._check_count(len(sizes), limits.FIREHOSE_BATCH_LIMIT_RECORDS)
        if max(sizes) > limits.FIREHOSE_RECORD_LIMIT_BYTES:
            message = f"Member must have length less than or equal to {limits.FIREHOSE_RECORD_LIMIT_BYTES}"
            raise self._over_limit("ValidationException", message)
        if sum(sizes) > limits.FIREHOSE_BATCH_LIMIT_BYTES:
            raise self._over_limit("InvalidArgumentException", "Records size exceeds 4 MB limit")
        return self._take(number, [(record["Data"], None) for record in records], _FIREHOSE_THROTTLE, 500)

    def put_records(
        self,
        *,
        Records: Sequence[Mapping[str, Any]],
        StreamName: str = "",
        StreamARN: str = "",
    ) -> dict[str, Any]:
        """Put records on the Kinesis stream that the delivery stream reads."""
        number = self._enter_call()
        if not self._kinesis or self._faults.refuse:
            raise CallRefusedError("ResourceNotFoundException", f"Stream {StreamName or StreamARN} not found.")
        self._check_count(len(Records), limits.KINESIS_BATCH_LIMIT_RECORDS)
        records = [(record["Data"], record.get("PartitionKey", "")) for record in Records]
        if not all(1 <= len(key) <= _KEY_LIMIT_CHARACTERS for _, key in records):
            raise self._over_limit("ValidationException", "Member must have a partition key of 1 to 256 characters")
        sizes = [len(data) + len(key.encode(errors="surrogatepass")) for data, key in records]
        if max(sizes) > self._kinesis_record_bytes or sum(sizes) > limits.KINESIS_BATCH_LIMIT_BYTES:
            raise self._over_limit("InvalidArgumentException", "Records size exceeds 5 MB limit")
        code = "ProvisionedThroughputExceededException"
        ids = self._take(number, records, code, 400)
        answers = [_receipt(id_, code, {"SequenceNumber": id_, "ShardId": "shardId-000000000000"}) for id_ in ids]
        return {"FailedRecordCount": ids.count(None), "Records": answers}

    def _enter_call(self) -> int:
        """Count a call and return its number."""
        with self._lock:
            self.calls += 1
            return self.calls - 1

    def _take(
        self, number: int, records: Sequence[tuple[bytes, str | None]], throttle: str, status: int
    ) -> list[str | None]:
        """Take what the faults let through: an id for each record that is acknowledged, None for one that failed.

        Raises:
            CallRefusedError: the call failed, and nothing was taken.
            ConnectionResetError: the connection died; records may have been taken.
            TimeoutError: the answer took too long; every record was taken.
        """
        fault = self._faults.of_call(number)
        if fault is not None:
            self._meet(fault, 1)
        slow_s = self._faults.slow_ms / 1_000
        if self._hold is not None:
            self._hold(min(slow_s, self.read_timeout_s))
        if fault == "throttle":
            raise CallRefusedError(throttle, "Slow down.", status)
        if fault == "server-error":
            raise CallRefusedError("InternalFailure", "", 500)
        if fault == "reset-before":
            raise ConnectionResetError
        failed = self._faults.of_entries(number, len(records))
        self._meet("entries", len(failed))
        if fault == "half":
            failed = set(range(len(records) // 2, len(records)))
        ids = [None if index in failed else self._put(*record) for index, record in enumerate(records)]
        if fault in ("reset-after", "half"):
            raise ConnectionResetError
        if slow_s > self.read_timeout_s:
            raise TimeoutError
        return ids

    def _meet(self, fault: str, times: int) -> None:
        with self._lock:
            self.faults_met[fault] += times

    def _check_count(self, count: int, limit: int) -> None:
        if not 1 <= count <= limit:
            raise self._over_limit("ValidationException", f"Member must have length between 1 and {limit}")

    def _over_limit(self, code: str, message: str) -> CallRefusedError:
        self.over_limit += 1
        return CallRefusedError(code, message)


def _receipt(identity: str | None, code: str, receipt: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of an answer for one record."""
    return {"ErrorCode": code, "ErrorMessage": "Slow down."} if identity is None else receipt
