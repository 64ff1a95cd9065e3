"""The two put calls of AWS: their limits, how one is made, and what its answer or its exception means.

Which records a call carries, and what is done about its answer, is decided in `reingest.py`; nothing here waits, keeps
a ledger or makes a client. Invariant: a record counts as acknowledged only where the reply says so and contradicts
itself nowhere, and a fault that may have come after the records had arrived is `maybe_duplicate`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, cast

from fastxform import limits

Service: TypeAlias = Literal["firehose", "kinesis"]
Entry: TypeAlias = dict[str, bytes | str]
"""One record of a call: `Data`, and for Kinesis its `PartitionKey`."""


class FirehoseClient(Protocol):
    """What is used of a Firehose client."""

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[Entry]) -> Mapping[str, object]:
        """Put up to 500 records on a delivery stream."""


class KinesisClient(Protocol):
    """What is used of a Kinesis client; the stream is given by name or by ARN."""

    def put_records(self, *, Records: list[Entry], StreamName: str = ..., StreamARN: str = ...) -> Mapping[str, object]:
        """Put up to 500 records on a data stream."""


Client: TypeAlias = FirehoseClient | KinesisClient


@dataclass(frozen=True, slots=True)
class Target:
    """A stream to put to; without `region` the environment's own holds."""

    service: Service
    name: str
    arn: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Api:
    """How the two put calls differ.

    `record_limit_bytes` is what every stream takes, `returned_limit_bytes` what the stream may take that a record came
    from: it has taken it once.
    """

    record_limit_bytes: int
    returned_limit_bytes: int
    batch_limit_bytes: int
    batch_limit_records: int
    answers: str
    failed_count: str
    receipt: str


APIS: Final[dict[Service, Api]] = {
    "firehose": Api(
        limits.FIREHOSE_RECORD_LIMIT_BYTES, limits.FIREHOSE_RECORD_LIMIT_BYTES,
        limits.FIREHOSE_BATCH_LIMIT_BYTES, limits.FIREHOSE_BATCH_LIMIT_RECORDS,
        "RequestResponses", "FailedPutCount", "RecordId",
    ),
    "kinesis": Api(
        limits.KINESIS_RECORD_LIMIT_BYTES, limits.KINESIS_RECORD_LARGEST_BYTES,
        limits.KINESIS_BATCH_LIMIT_BYTES, limits.KINESIS_BATCH_LIMIT_RECORDS,
        "Records", "FailedRecordCount", "SequenceNumber",
    ),
}  # fmt: skip


def call(client: Client, target: Target, entries: list[Entry]) -> Mapping[str, object]:
    """Make one call."""
    if target.service == "firehose":
        return cast(FirehoseClient, client).put_record_batch(DeliveryStreamName=target.name, Records=entries)
    if target.arn is None:
        return cast(KinesisClient, client).put_records(StreamName=target.name, Records=entries)
    return cast(KinesisClient, client).put_records(StreamARN=target.arn, Records=entries)


def read(api: Api, reply: Mapping[str, object], count: int) -> list[str | None] | None:
    """Return for each entry None if acknowledged, else its error code; None where the reply is not to be believed."""
    answers = reply.get(api.answers) if isinstance(reply, Mapping) else None
    if not isinstance(answers, list) or len(answers) != count:
        return None
    codes: list[str | None] = []
    for answer in answers:
        if not isinstance(answer, Mapping) or not (answer.get("ErrorCode") or answer.get(api.receipt)):
            return None
        codes.append(str(answer["ErrorCode"]) if answer.get("ErrorCode") else None)
    failed = count - codes.count(None)
    return codes if reply.get(api.failed_count, failed) == failed else None


@dataclass(frozen=True, slots=True)
class Fault:
    """What the failure of a whole call means.

    Attributes:
        code: One word for the log.
        again: The same call may succeed later.
        split: One of the records may be at fault.
        refused: The stream takes no puts, from us or from anybody.
        maybe_duplicate: The records may have arrived all the same.
    """

    code: str
    again: bool = False
    split: bool = False
    refused: bool = False
    maybe_duplicate: bool = False


_LATER = re.compile(
    ".*Throttl.*|LimitExceededException|ProvisionedThroughputExceededException|RequestLimitExceeded"
    "|ServiceUnavailable(Exception)?|SlowDown|TooManyRequestsException"
)
"""Codes of AWS that say "later": nothing was taken."""

_UNKNOWN = re.compile("Internal.*|RequestTimeout.*")
"""Codes after which the records may or may not have been taken, as after any other status of 500 and above."""

_INVALID = re.compile("InvalidArgumentException|ValidationException|SerializationException")
"""Codes that may be the fault of one record, unless the message says that the stream permits no puts."""

_NEVER_SENT: Final = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ProxyConnectionError",
    "ConnectionRefusedError",
}
_MAYBE_SENT: Final = {"HTTPClientError", "ConnectionError", "TimeoutError", "ResponseParserError"}
"""Classes of botocore and the standard library; by name, so that a client that is not boto3's needs no botocore."""


def fault_of(error: BaseException) -> Fault:
    """Return what the exception of a call means: by AWS's answer where there is one, else by its class."""
    response = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return _transport_fault(error)
    detail = response.get("Error") or {}
    code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
    status = (response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0
    name = identifier(code)
    if _LATER.fullmatch(code) or status == 429:
        return Fault(name, again=True)
    if _UNKNOWN.fullmatch(code) or status >= 500 or status == 408:
        return Fault(name, again=True, maybe_duplicate=True)
    if (_INVALID.fullmatch(code) and "not permitted" not in message) or status == 413:
        return Fault(name, split=True)
    return Fault(name, refused=True)  # not permitted, not found, access denied, bad key, bad signature


def _transport_fault(error: BaseException) -> Fault:
    """Return what an exception without an answer of AWS means."""
    names = {base.__name__ for base in type(error).__mro__}
    code = identifier(type(error).__name__)
    if names & _NEVER_SENT:
        return Fault(code, again=True)
    if "SSLError" in names:  # a certificate that is not trusted stays so; in mid-call it may be something else
        return Fault(code, maybe_duplicate=True)
    if names & _MAYBE_SENT:
        return Fault(code, again=True, maybe_duplicate=True)
    # The rest of botocore's exceptions come before anything is sent (no credentials, bad parameters); others may not.
    return Fault(code, maybe_duplicate="BotoCoreError" not in names)


def identifier(code: str) -> str:
    """Return an error code that is safe to log: what is not one short word might be a value."""
    return code if re.fullmatch("[A-Za-z]{1,64}", code) else "UnknownError"
