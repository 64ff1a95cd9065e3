"""The handler that people write first: one record at a time, dictionaries, `base64`, `json` and `csv`.

It is the one of the systems that fastxform replaces, without its prints: a transform function, a record whose
transform raises is `ProcessingFailed`, and a cut at 6,000,000 bytes of data and ids. Here is the work, not the
runtime around it. Invariant: only the standard library.
"""

import base64
import csv
import gzip
import io
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks import corpora
from benchmarks.contenders.runtime_codec import invocation

SIZE_CUT_BYTES = 6_000_000

Answer = tuple[str, bytes | None, dict[str, Any] | None]
"""(result, data, metadata) of one record."""

Transform = Callable[[bytes, dict[str, Any]], Answer]
"""(payload, record) -> answer."""

TICKER = re.compile(r'\{"TICKER_SYMBOL":"([A-Z]+)","SECTOR":"([A-Z]+)","CHANGE":([-.0-9]+),"PRICE":([-.0-9]+)\}')
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = {"Send": "send_log", "Open": "open_log", "Click": "click_log"}
OPERATIONS = {"INSERT": "insert", "MODIFY": "update", "REMOVE": "delete"}


def changes(payload: bytes, record: dict[str, Any]) -> Answer:
    """Join the two keys of a DynamoDB change, as the original does, without quotes."""
    keys = json.loads(payload)["dynamodb"]["Keys"]
    return "Ok", f"{keys['id']['S']},{keys['datetime']['S']}\n".encode(), None


def pairs(payload: bytes, record: dict[str, Any]) -> Answer:
    """Join two members."""
    document = json.loads(payload)
    return "Ok", f"{document['T']},{document['SECTOR']}\n".encode(), None


def wide(columns: int) -> Transform:
    """Join the first members of a wide document."""
    names = corpora.wide_names(columns)

    def transform(payload: bytes, record: dict[str, Any]) -> Answer:
        document = json.loads(payload)
        return "Ok", (",".join([document[name] for name in names]) + "\n").encode(), None

    return transform


def clock(milliseconds: int) -> str:
    """Return epoch milliseconds as Athena reads them."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def typed_row(document: dict[str, Any], record: dict[str, Any]) -> bytes:
    """Return the ten typed columns as CSV, quoted by the `csv` module."""
    change = document["dynamodb"]
    keys = change["Keys"]
    amount = (change.get("NewImage") or change["OldImage"]).get("amount")
    number = amount["N"] if amount else None
    row = [
        keys["id"]["S"],
        f"{datetime.fromisoformat(keys['datetime']['S']).astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        document["eventID"],
        document["eventName"],
        document["tableName"],
        clock(change["ApproximateCreationDateTime"]),
        int(change["SizeBytes"]),
        Decimal(number).quantize(Decimal("0.01")) if number else None,
        float(number) if number else None,
        clock(record["approximateArrivalTimestamp"]),
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()


def typed(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write ten typed columns."""
    return "Ok", typed_row(json.loads(payload), record), None


def ticker(payload: bytes, record: dict[str, Any]) -> Answer:
    """Match the text of a price with one regular expression, as the blueprint does."""
    match = TICKER.search(payload.decode())
    if match is None:
        return "ProcessingFailed", None, None
    symbol, sector, change, price = match.groups()
    if sector != "RETAIL":
        return "Dropped", None, None
    return "Ok", f"{int(time.time() * 1000)},{symbol},{sector},{change},{price}\n".encode(), None


def microseconds(text: str) -> int:
    """Return the epoch microseconds that Iceberg wants."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def mail_row(event: dict[str, Any], dumps: Callable[[Any], str]) -> dict[str, Any] | None:
    """Return the row of an SES event; None for a type that has no table."""
    kind, mail = event["eventType"], event["mail"]
    if kind not in TABLES:
        return None
    row = {
        "event_type": kind,
        "message_id": mail["messageId"],
        "tags": dumps(mail["tags"]),
        "from_address": None,
        "to_address": None,
    }
    for header in mail["headers"]:
        if header["name"] == "From":
            row["from_address"] = header["value"]
        elif header["name"] == "To":
            row["to_address"] = header["value"]
    if kind == "Send":
        return row | {"timestamp": microseconds(mail["timestamp"])}
    part = event[kind.lower()]
    row["ip_address"] = part["ipAddress"]
    if kind == "Click":
        row |= {"link": part["link"], "link_tags": dumps(part["linkTags"])}
    return row | {"user_agent": part["userAgent"], "timestamp": microseconds(part["timestamp"])}


def table_of(kind: str) -> dict[str, Any]:
    """Return the metadata that routes a row."""
    return {
        "otfMetadata": {
            "destinationDatabaseName": "email_event",
            "destinationTableName": TABLES[kind],
            "operation": "insert",
        }
    }


def mail(payload: bytes, record: dict[str, Any]) -> Answer:
    """Route an SES event to its table."""
    row = mail_row(json.loads(payload), json.dumps)
    if row is None:
        return "ProcessingFailed", None, None
    return "Ok", (json.dumps(row) + "\n").encode(), table_of(row["event_type"])


def log_rows(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each log event of a CloudWatch Logs message."""
    return [
        {
            "logGroup": message["logGroup"],
            "logStream": message["logStream"],
            "id": event["id"],
            "timestamp": event["timestamp"],
            "message": event["message"],
        }
        for event in message["logEvents"]
    ]


def logs(payload: bytes, record: dict[str, Any]) -> Answer:
    """Unpack a CloudWatch Logs message."""
    message = json.loads(gzip.decompress(payload))
    if message["messageType"] == "CONTROL_MESSAGE":
        return "Dropped", None, None
    if message["messageType"] != "DATA_MESSAGE":
        return "ProcessingFailed", None, None
    return "Ok", "".join([json.dumps(row) + "\n" for row in log_rows(message)]).encode(), None


def log_members(payload: bytes, record: dict[str, Any]) -> Answer:
    """Unpack a CloudWatch Logs message, and of each of its events the JSON that was logged."""
    message = json.loads(gzip.decompress(payload))
    if message["messageType"] != "DATA_MESSAGE":
        return "Dropped", None, None
    rows = [log_member_row(event["timestamp"], json.loads(event["message"])) for event in message["logEvents"]]
    return "Ok", "".join([json.dumps(row) + "\n" for row in rows]).encode(), None


def log_member_row(timestamp: int, log: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a line that is JSON."""
    return {
        "timestamp": timestamp,
        "level": log["level"],
        "request": log["requestId"],
        "message": log["message"],
        "took_ms": log["duration"]["ms"],
    }


def plain(attribute: dict[str, Any]) -> Any:
    """Return what an attribute value holds."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return number(value)
    if kind == "M":
        return {name: plain(member) for name, member in value.items()}
    if kind == "L":
        return [plain(member) for member in value]
    if kind == "NS":
        return [number(member) for member in value]
    return None if kind == "NULL" else value


def number(text: str) -> float:
    """Return a number of DynamoDB's."""
    return int(text) if text.lstrip("-").isdigit() else float(text)


def items(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write the item of a change as plain JSON."""
    change = json.loads(payload)["dynamodb"]
    item = change.get("NewImage") or change.get("OldImage") or change["Keys"]
    return "Ok", (json.dumps({name: plain(value) for name, value in item.items()}) + "\n").encode(), None


def capture_row(change: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a change in an Iceberg table."""
    image = change.get("NewImage") or change["OldImage"]
    amount = image.get("amount")
    return {
        "id": change["Keys"]["id"]["S"],
        "datetime": change["Keys"]["datetime"]["S"],
        "status": image["status"]["S"] if "status" in image else None,
        "amount": float(amount["N"]) if amount else None,
        "note": image["note"]["S"] if "note" in image else None,
        "changed_at": change["ApproximateCreationDateTime"] * 1000,
    }


def order_of(event_name: str) -> dict[str, Any]:
    """Return the metadata that says what becomes of a row of the table."""
    return {
        "otfMetadata": {
            "destinationDatabaseName": "shop",
            "destinationTableName": "orders",
            "operation": OPERATIONS[event_name],
        }
    }


def capture(payload: bytes, record: dict[str, Any]) -> Answer:
    """Write a change for its Iceberg table."""
    event = json.loads(payload)
    return "Ok", (json.dumps(capture_row(event["dynamodb"])) + "\n").encode(), order_of(event["eventName"])


def transform_of(corpus: corpora.Corpus) -> Transform:
    """Return the transform that the corpus asks for."""
    return corpora.of_shape(corpus, (changes, typed, pairs, ticker, mail, logs, log_members, items, capture), wide)


def make_handler(transform: Transform) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the handler around a transform."""

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        output = []
        size = 0
        for record in event["records"]:
            entry = {"recordId": record["recordId"], "result": "ProcessingFailed"}
            try:
                result, data, metadata = transform(base64.b64decode(record["data"]), record)
            except Exception:
                # What the original does with whatever its user's function raises.
                output.append(entry)
                continue
            entry["result"] = result
            if data is not None:
                entry["data"] = base64.b64encode(data).decode("ascii")
                size += len(entry["data"]) + len(entry["recordId"])
                if size > SIZE_CUT_BYTES:
                    raise RuntimeError("no corpus of the benchmark has to be cut")
            if metadata is not None:
                entry["metadata"] = metadata
            output.append(entry)
        return {"records": output}

    return handler


def make(corpus_name: str) -> Callable[[bytes], bytes]:
    """Return the whole invocation for a corpus."""
    return invocation(make_handler(transform_of(corpora.find(corpus_name))))
