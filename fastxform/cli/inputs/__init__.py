"""INPUT of the verbs: read in `reader`, made into records in `forms`, envelopes taken off in `envelopes`.

What a record holds is not judged here. Invariant: a record is the bytes that Firehose would hand to the function, and
whatever was taken off to get there is noted.
"""

from typing import Final

from fastxform.cli.inputs.envelopes import InputRecord
from fastxform.cli.inputs.forms import InputSource, read_source
from fastxform.cli.inputs.reader import DOCUMENT_LIMIT_BYTES, InputReader, open_reader, read_document

INPUT_HELP: Final = (
    "INPUT is a Firehose event, one record, a JSON list of records, documents one behind the other, or "
    "newline-delimited records; gzip is decompressed. Trigger events of Lambda (Kinesis, DynamoDB, SQS, SNS, MSK, "
    "CloudWatch Logs) and what the AWS CLI prints (kinesis get-records, dynamodbstreams get-records, dynamodb scan, "
    "logs filter-log-events) are unwrapped, with a note."
)
"""The forms of INPUT, for the help of the verbs."""

__all__ = (
    "DOCUMENT_LIMIT_BYTES",
    "INPUT_HELP",
    "InputReader",
    "InputRecord",
    "InputSource",
    "open_reader",
    "read_document",
    "read_source",
)
