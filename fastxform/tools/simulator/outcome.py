"""What Firehose does with one record: deliver, drop or fail it, and the words that it writes beside a failure.

Which of them it is is decided by the reader of responses. Invariant: an outcome has an error code exactly where its
result is `ProcessingFailed`.
"""

from dataclasses import dataclass
from typing import Final

from fastxform.errors import DROPPED, FAILED

PROCESSING_FAILED: Final = "processing-failed"
ICEBERG_FAILED: Final = "iceberg-failed"

MESSAGES: Final[dict[str, str]] = {
    "Lambda.MissingRecordId": (
        "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids."
    ),
    "Lambda.DuplicatedRecordId": (
        "Multiple records were returned with the same record ID. "
        "Ensure that the Lambda function returns unique record IDs for each record."
    ),
    "Lambda.JsonProcessingException": (
        "There was an error parsing returned records from the Lambda function. "
        "Ensure that the returned records follow the status model required by Amazon Data Firehose."
    ),
    "Lambda.JsonMappingException": (
        "There was an error parsing returned records from the Lambda function. "
        "Ensure that data field is base-64 encoded."
    ),
    "Lambda.InvalidReturnFormat": (
        "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource "
        "and processing result is Ok. "
        "The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok."
    ),
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.InvocationFailure": "The Lambda function could not be invoked.",
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
    "DynamicPartitioning.MetadataExtractionFailed": "A partition key is missing, empty or not a string.",
    "Iceberg.NoSuchTable": "The destination database or table name is missing.",
    "Iceberg.InvalidTableName": "A database or table name must not hold a hyphen.",
    "Iceberg.InvalidOperation": "The operation is not insert, update or delete.",
    "Iceberg.InvalidRecord": "The data is not exactly one JSON object.",
}
"""What Firehose writes beside each error code."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an `Ok` record goes: partition keys of an S3 prefix, or an Iceberg table; neither is plain S3."""

    partition: tuple[tuple[str, str], ...] = ()
    database: str = ""
    table: str = ""
    operation: str = "insert"


_PLAIN: Final = Destination()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Firehose does with one record; the `error_` members are for `ProcessingFailed`."""

    result: str
    data: bytes = b""
    destination: Destination = _PLAIN
    error_code: str = ""
    error_message: str = ""
    error_type: str = PROCESSING_FAILED


DROPPED_OUTCOME: Final = Outcome(DROPPED)
STATUS_FAILED: Final = Outcome(
    FAILED, error_code="Lambda.ProcessingFailedStatus", error_message=MESSAGES["Lambda.ProcessingFailedStatus"]
)


def failed(code: str, message: str | None = None, error_type: str = PROCESSING_FAILED) -> Outcome:
    """Return the outcome of a record that fails with this error code; the message defaults to Firehose's."""
    return Outcome(
        FAILED, error_code=code, error_message=MESSAGES[code] if message is None else message, error_type=error_type
    )
