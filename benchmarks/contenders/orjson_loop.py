"""The same handler as it is usually tuned: `orjson` and `pybase64`, one record at a time, its own JSON at both ends.

The rows are built by hand where that is faster than a module of the standard library, and quoted by hand. Invariant:
no batch, no columns: each record is done before the next is looked at.
"""

import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from pybase64 import b64decode, b64encode_as_string

from benchmarks import corpora
from benchmarks.contenders.stdlib import (
    TICKER,
    Answer,
    Transform,
    capture_row,
    clock,
    log_member_row,
    log_rows,
    mail_row,
    order_of,
    plain,
    table_of,
)

CENT = Decimal("0.01")
GZIP = 31
"""zlib's window bits for gzip."""


def quoted(text: str) -> str:
    """Return a CSV field, with quotes where it needs them."""
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def changes(payload: bytes, record: dict[str, Any]) -> Answer:
    """Join the two keys of a DynamoDB change."""
    keys = orjson.loads(payload)["dynamodb"]["Keys"]
    return "Ok", f"{keys['id']['S']},{keys['datetime']['S']}\n".encode(), None


def pairs(payload: bytes, record: dict[str, Any]) -> Answer:
    """Join two members."""
    document = orjson.loads(payload)
    return "Ok", f"{document['T']},{document['SECTOR']}\n".encode(), None


def wide(columns: int) -> Transform:
    """Join the first members of a wide document."""
    names = corpora.wide_names(columns)

    def transform(payload: bytes, record: dict[str, Any]) -> Answer:
        document = orjson.loads(payload)
        return "Ok", (",".join([document[name] for name in names]) + "\n").encode(), None

    return transform


def typed(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write ten typed columns."""
    document = orjson.loads(payload)
    change = document["dynamodb"]
    keys = change["Keys"]
    amount = (change.get("NewImage") or change["OldImage"]).get("amount")
    number = amount["N"] if amount else ""
    placed_at = datetime.fromisoformat(keys["datetime"]["S"]).astimezone(UTC).isoformat(" ")[:19]
    line = (
        f"{quoted(keys['id']['S'])},{placed_at},{quoted(document['eventID'])},{quoted(document['eventName'])},{quoted(document['tableName'])},"
        f"{clock(change['ApproximateCreationDateTime'])},{int(change['SizeBytes'])},"
        f"{Decimal(number).quantize(CENT) if number else ''},{float(number) if number else ''},"
        f"{clock(record['approximateArrivalTimestamp'])}\n"
    )
    return "Ok", line.encode(), None


def ticker(payload: bytes, record: dict[str, Any]) -> Answer:
    """Match the text of a price with one regular expression, which beats a JSON parse."""
    match = TICKER.search(payload.decode())
    if match is None:
        return "ProcessingFailed", None, None
    symbol, sector, change, price = match.groups()
    if sector != "RETAIL":
        return "Dropped", None, None
    return "Ok", f"{time.time_ns() // 1_000_000},{symbol},{sector},{change},{price}\n".encode(), None


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def mail(payload: bytes, record: dict[str, Any]) -> Answer:
    """Route an SES event to its table."""
    row = mail_row(orjson.loads(payload), _text)
    if row is None:
        return "ProcessingFailed", None, None
    return "Ok", orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), table_of(row["event_type"])


def logs(payload: bytes, record: dict[str, Any]) -> Answer:
    """Unpack a CloudWatch Logs message."""
    message = orjson.loads(zlib.decompress(payload, GZIP))
    if message["messageType"] == "CONTROL_MESSAGE":
        return "Dropped", None, None
    if message["messageType"] != "DATA_MESSAGE":
        return "ProcessingFailed", None, None
    return "Ok", b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in log_rows(message)]), None


def log_members(payload: bytes, record: dict[str, Any]) -> Answer:
    """Unpack a CloudWatch Logs message, and of each of its events the JSON that was logged."""
    message = orjson.loads(zlib.decompress(payload, GZIP))
    if message["messageType"] != "DATA_MESSAGE":
        return "Dropped", None, None
    rows = [log_member_row(event["timestamp"], orjson.loads(event["message"])) for event in message["logEvents"]]
    return "Ok", b"".join([orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]), None


def items(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write the item of a change as plain JSON."""
    change = orjson.loads(payload)["dynamodb"]
    item = change.get("NewImage") or change.get("OldImage") or change["Keys"]
    row = {name: plain(value) for name, value in item.items()}
    return "Ok", orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE), None


def capture(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write a change for its Iceberg table."""
    event = orjson.loads(payload)
    row = orjson.dumps(capture_row(event["dynamodb"]), option=orjson.OPT_APPEND_NEWLINE)
    return "Ok", row, order_of(event["eventName"])


def transform_of(corpus: corpora.Corpus) -> Transform:
    """Return the transform that the corpus asks for."""
    return corpora.of_shape(corpus, (changes, typed, pairs, ticker, mail, logs, log_members, items, capture), wide)


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    transform = transform_of(corpora.find(corpus_name))

    def handler(event: bytes) -> bytes:
        output = []
        for record in orjson.loads(event)["records"]:
            try:
                result, data, metadata = transform(b64decode(record["data"], validate=True), record)
            except Exception:
                # A record that cannot be transformed must not fail its batch, whatever was raised.
                output.append({"recordId": record["recordId"], "result": "ProcessingFailed"})
                continue
            entry: dict[str, Any] = {"recordId": record["recordId"], "result": result}
            if data is not None:
                entry["data"] = b64encode_as_string(data)
            if metadata is not None:
                entry["metadata"] = metadata
            output.append(entry)
        return orjson.dumps({"records": output})

    return handler
