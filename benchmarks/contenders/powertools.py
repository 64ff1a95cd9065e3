"""The handler as the documentation of AWS Lambda Powertools writes it, with its Firehose data classes.

The rows are those of the standard-library contender; what differs is how records are read and answers are built.
Invariant: only the public interface of the data classes is used.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.data_classes import (
    KinesisFirehoseDataTransformationRecord,
    KinesisFirehoseDataTransformationResponse,
    KinesisFirehoseEvent,
    event_source,
)
from aws_lambda_powertools.utilities.data_classes.kinesis_firehose_event import KinesisFirehoseRecord
from aws_lambda_powertools.utilities.serialization import base64_from_str

from benchmarks import corpora
from benchmarks.contenders import UnsupportedError
from benchmarks.contenders.runtime_codec import invocation
from benchmarks.contenders.stdlib import typed_row

Row = Callable[[KinesisFirehoseRecord], str]


def changes(record: KinesisFirehoseRecord) -> str:
    """Join the two keys of a DynamoDB change."""
    keys = record.data_as_json["dynamodb"]["Keys"]
    return f"{keys['id']['S']},{keys['datetime']['S']}\n"


def pairs(record: KinesisFirehoseRecord) -> str:
    """Join two members."""
    document = record.data_as_json
    return f"{document['T']},{document['SECTOR']}\n"


def typed(record: KinesisFirehoseRecord) -> str:
    """Write ten typed columns."""
    return typed_row(
        record.data_as_json, {"approximateArrivalTimestamp": record.approximate_arrival_timestamp}
    ).decode()


def wide(columns: int) -> Row:
    """Join the first members of a wide document."""
    names = corpora.wide_names(columns)

    def row(record: KinesisFirehoseRecord) -> str:
        document = record.data_as_json
        return ",".join([document[name] for name in names]) + "\n"

    return row


def row_of(corpus: corpora.Corpus) -> Row:
    """Return what makes a row of a record.

    Raises:
        UnsupportedError: the data classes have no Iceberg metadata, and a filter or gzip would be the user's code all
            over.
    """
    known = {"changes": changes, "pairs": pairs, "typed": typed}
    if corpus.shape == "wide":
        return wide(corpus.columns)
    if corpus.shape == "mail":
        raise UnsupportedError("its data classes have no otfMetadata")
    if corpus.shape not in known:
        raise UnsupportedError(f"no handler was written for {corpus.shape}")
    return known[corpus.shape]


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    row = row_of(corpora.find(corpus_name))

    @event_source(data_class=KinesisFirehoseEvent)
    def handler(event: KinesisFirehoseEvent, context: Any) -> dict[str, Any]:
        response = KinesisFirehoseDataTransformationResponse()
        for record in event.records:
            try:
                data = base64_from_str(row(record))
            except Exception:
                # As in the standard-library contender: what the transform raises fails one record.
                response.add_record(KinesisFirehoseDataTransformationRecord(record.record_id, "ProcessingFailed"))
                continue
            response.add_record(KinesisFirehoseDataTransformationRecord(record_id=record.record_id, data=data))
        return response.asdict()

    return invocation(handler)
