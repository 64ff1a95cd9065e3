"""`python -m benchmarks.layers`: lists exploded into rows and texts parsed, against a tuned loop over the same records.

Whole invocations, event bytes to response bytes, in turns in one process. The loop is `orjson` and `pybase64`, each
record done before the next, its rows joined by hand, as in `contenders/tuned.py`. Invariant: nothing is timed whose
answer is not that of the other, record by record.
"""

import argparse
import gzip
import random
import statistics
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import orjson
from pybase64 import b64decode, b64encode_as_string

from benchmarks.contenders.tuned import GZIP, quoted
from fastxform import Pipeline, make_handler
from fastxform.tools.sample_data import burst

ROUNDS: Final = 15
_WORDS: Final = ("paid", "order", "sent", "user", "cart", "retry", "stock", "low", "page", "cache")
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Case:
    """One event, the transform of it, and the loop that does the same: rows of a record, or None where it has none."""

    name: str
    config: str
    payloads: Callable[[random.Random], list[bytes]]
    loop: Callable[[bytes], bytes | None]


# -- lines of orders in DynamoDB changes

_ORDERS: Final = """
source = "dynamodb"
[explode]
path = "dynamodb.NewImage.items"
as = "item"
index = "line"
[columns]
order_id = "dynamodb.Keys.order_id"
line = { path = "line", type = "int64" }
sku = { path = "item.sku", type = "string" }
qty = { path = "item.qty", type = "int64" }
price = { path = "item.price", type = "decimal(10,2)" }
"""


def _orders(rng: random.Random) -> list[bytes]:
    return [orjson.dumps(_order(rng, number)) for number in range(2_000)]


def _order(rng: random.Random, number: int) -> dict[str, Any]:
    lines = [
        {
            "M": {
                "sku": {"S": f"sku-{rng.randrange(10_000)}"},
                "qty": {"N": str(rng.randrange(1, 20))},
                "price": {"N": f"{rng.randrange(100, 99_999) / 100}"},
            }
        }
        for _ in range(rng.randrange(1, 10))
    ]
    key = {"order_id": {"S": f"o-{number:08}"}}
    image = {**key, "customer": {"S": f"c-{rng.randrange(1_000)}"}, "items": {"L": lines}}
    inside = {
        "ApproximateCreationDateTime": 1_762_041_600_000 + number,
        "Keys": key,
        "NewImage": image,
        "SizeBytes": 99,
    }
    return {"eventID": str(number), "eventName": "INSERT", "dynamodb": inside, "eventSource": "aws:dynamodb"}


def _order_rows(payload: bytes) -> bytes | None:
    change = orjson.loads(payload)["dynamodb"]
    order = quoted(change["Keys"]["order_id"]["S"])
    rows = []
    for line, item in enumerate(change["NewImage"]["items"]["L"]):
        members = item["M"]
        price = Decimal(members["price"]["N"]).quantize(_CENT)
        rows.append(f"{order},{line},{quoted(members['sku']['S'])},{int(members['qty']['N'])},{price}\n")
    return "".join(rows).encode() if rows else None


# -- readings of devices in JSON

_READINGS: Final = """
[explode]
path = "readings"
[columns]
device = { path = "device", type = "string" }
at = { path = "ts", type = "timestamp[s]" }
name = { path = "item.n", type = "string" }
value = { path = "item.v", type = "float64" }
"""


def _readings(rng: random.Random) -> list[bytes]:
    return [
        orjson.dumps(
            {
                "device": f"d-{rng.randrange(500)}",
                "ts": 1_762_041_600 + number,
                "readings": [
                    {"n": rng.choice(_WORDS), "v": rng.randrange(10_000) / 4} for _ in range(rng.randrange(1, 12))
                ],
            }
        )
        for number in range(3_000)
    ]


def _reading_rows(payload: bytes) -> bytes | None:
    document = orjson.loads(payload)
    at = datetime.fromtimestamp(document["ts"], UTC).isoformat(" ")[:19]
    start = f"{quoted(document['device'])},{at},"
    rows = [
        f"{start}{quoted(reading['n'])},{repr(float(reading['v'])).removesuffix('.0')}\n"
        for reading in document["readings"]
    ]
    return "".join(rows).encode() if rows else None


# -- JSON in a text of a JSON record

_IN_TEXT: Final = """
[parse.entry]
of = "log"
invalid = "null"
[columns]
source = { path = "source", type = "string" }
level = { path = "entry.level", type = "string" }
msg = { path = "entry.msg", type = "string" }
took_ms = { path = "entry.duration.ms", type = "int64" }
"""


def _log_line(rng: random.Random, number: int) -> str:
    entry = {
        "time": f"2025-11-02T00:00:{number % 60:02}.{number % 1_000:03}Z",
        "level": rng.choice(("INFO", "WARN", "DEBUG", "ERROR")),
        "app": rng.choice(("shop", "cart", "mail")),
        "msg": " ".join(rng.choices(_WORDS, k=6)),
        "duration": {"ms": rng.randrange(2_000), "cpu": rng.randrange(500)},
        "request_id": f"{rng.getrandbits(64):016x}",
        "user": {"id": rng.randrange(100_000), "plan": "free"},
    }
    return orjson.dumps(entry).decode()


def _in_text(rng: random.Random) -> list[bytes]:
    return [
        orjson.dumps(
            {
                "container_id": f"{rng.getrandbits(128):032x}",
                "container_name": "/ecs-shop",
                "source": "stdout",
                "log": _log_line(rng, number) if number % 20 else "at java.lang.Error: x",
                "ecs_cluster": "shop",
            }
        )
        for number in range(6_000)
    ]


def _in_text_rows(payload: bytes) -> bytes | None:
    document = orjson.loads(payload)
    text = document["log"]
    entry = orjson.loads(text) if text.startswith("{") else {}
    took = entry.get("duration", {}).get("ms", "")
    level, msg = entry.get("level", ""), entry.get("msg", "")
    return f"{quoted(document['source'])},{quoted(level)},{quoted(msg)},{took}\n".encode()


# -- JSON log lines in messages of CloudWatch Logs

_LOGS: Final = """
source = "cloudwatch-logs"
where = "level is not None"
output = { format = "json" }
[parse.log]
of = "message"
invalid = "null"
[columns]
time = { path = "timestamp", type = "int64" }
level = { path = "log.level", type = "string" }
app = { path = "log.app", type = "string" }
msg = { path = "log.msg", type = "string" }
took_ms = { path = "log.duration.ms", type = "int64" }
"""


def _message(number: int, lines: list[str]) -> bytes:
    events = [
        {"id": str(number * 1_000 + index), "timestamp": 1_762_041_600_000 + index, "message": line}
        for index, line in enumerate(lines)
    ]
    head = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/shop", "logStream": "s"}
    return gzip.compress(orjson.dumps({**head, "subscriptionFilters": ["all"], "logEvents": events}), mtime=0)


def _logs(rng: random.Random) -> list[bytes]:
    messages = []
    for number in range(150):
        lines = []
        for request in range(8):
            lines.append(f"START RequestId: {request} Version: $LATEST\n")
            lines += [_log_line(rng, number) + "\n" for _ in range(4)]
            lines.append(f"END RequestId: {request}\n")
        messages.append(_message(number, lines))
    return messages


def _log_rows(payload: bytes) -> bytes | None:
    message = orjson.loads(zlib.decompress(payload, GZIP))
    rows = []
    for event in message["logEvents"]:
        text = event["message"]
        if not text.startswith("{"):
            continue
        entry = orjson.loads(text)
        if entry.get("level") is None:
            continue
        row = {
            "time": event["timestamp"],
            "level": entry["level"],
            "app": entry.get("app"),
            "msg": entry.get("msg"),
            "took_ms": entry.get("duration", {}).get("ms"),
        }
        rows.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(rows) or None


# -- VPC flow log lines in messages of CloudWatch Logs

_FLOWS: Final = """
source = "cloudwatch-logs"
[parse.flow]
of = "message"
format = "vpc-flow"
[columns]
interface = "flow.interface_id"
from_ip = "flow.srcaddr"
to_ip = "flow.dstaddr"
port = { path = "flow.dstport", type = "int64" }
bytes = { path = "flow.bytes", type = "int64" }
action = "flow.action"
"""


def _flows(rng: random.Random) -> list[bytes]:
    return [_message(number, [_flow(rng) for _ in range(60)]) for number in range(100)]


def _flow(rng: random.Random) -> str:
    start = 1_762_041_600 + rng.randrange(3_600)
    if not rng.randrange(20):
        return f"2 123456789012 eni-0a1 - - - - - - - {start} {start + 60} - NODATA"
    ports = f"{rng.randrange(1_024, 65_536)} {rng.choice((22, 80, 443))}"
    return (
        f"2 123456789012 eni-0a1 10.0.{rng.randrange(256)}.7 10.1.0.{rng.randrange(256)} {ports} 6 "
        f"{rng.randrange(1, 99)} {rng.randrange(40, 99_999)} {start} {start + 60} ACCEPT OK"
    )


def _flow_rows(payload: bytes) -> bytes | None:
    message = orjson.loads(zlib.decompress(payload, GZIP))
    rows = []
    for event in message["logEvents"]:
        fields = ["" if field == "-" else field for field in event["message"].split(" ")]
        port, size = fields[6] and int(fields[6]), fields[9] and int(fields[9])
        rows.append(f"{quoted(fields[2])},{quoted(fields[3])},{quoted(fields[4])},{port},{size},{quoted(fields[12])}\n")
    return "".join(rows).encode() if rows else None


# -- real-time log lines of CloudFront, a record each

_REALTIME: Final = """
source = "text"
[parse.log]
of = "text"
format = "cloudfront-realtime"
fields = [
    "timestamp", "c-ip", "time-to-first-byte", "sc-status", "sc-bytes", "cs-method", "cs-protocol", "cs-host",
    "cs-uri-stem", "cs-bytes", "x-edge-location", "cs-user-agent", "x-edge-result-type",
]
[columns]
time_s = { path = "log.timestamp", type = "decimal(13,3)" }
ip = { path = "log.c_ip", type = "string" }
ttfb_s = { path = "log.time_to_first_byte", type = "float64" }
status = { path = "log.sc_status", type = "int64" }
method = { path = "log.cs_method", type = "string" }
path = { path = "log.cs_uri_stem", type = "string" }
agent = { path = "log.cs_user_agent", type = "string" }
result = { path = "log.x_edge_result_type", type = "string" }
"""


def _realtime(rng: random.Random) -> list[bytes]:
    return [_realtime_line(rng, number).encode() for number in range(8_000)]


def _realtime_line(rng: random.Random, number: int) -> str:
    agent = "Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)" if rng.randrange(8) else "-"
    fields = [
        f"{1_762_041_600 + number}.{rng.randrange(1_000):03}",
        f"192.0.2.{rng.randrange(256)}",
        f"0.{rng.randrange(1, 999):03}",
        str(rng.choice((200, 200, 304, 404))),
        str(rng.randrange(200, 90_000)),
        "GET",
        "https",
        "d111111abcdef8.cloudfront.net",
        f"/{rng.choice(_WORDS)}/{rng.randrange(10_000)}.html",
        str(rng.randrange(40, 900)),
        "FRA56-P4",
        agent,
        rng.choice(("Hit", "Miss", "Error")),
    ]
    return "\t".join(fields) + "\n"


def _realtime_row(payload: bytes) -> bytes | None:
    fields = ["" if field == "-" else field for field in payload.decode().removesuffix("\n").split("\t")]
    time_s, ttfb_s = Decimal(fields[0]), repr(float(fields[2])).removesuffix(".0")
    row = f"{time_s},{quoted(fields[1])},{ttfb_s},{int(fields[3])},{quoted(fields[5])},{quoted(fields[8])}"
    return f"{row},{quoted(fields[11])},{quoted(fields[12])}\n".encode()


CASES: Final = (
    Case("order lines of DynamoDB changes", _ORDERS, _orders, _order_rows),
    Case("readings of JSON records", _READINGS, _readings, _reading_rows),
    Case("JSON in a text of JSON records", _IN_TEXT, _in_text, _in_text_rows),
    Case("JSON log lines of CloudWatch Logs", _LOGS, _logs, _log_rows),
    Case("VPC flow log lines of CloudWatch Logs", _FLOWS, _flows, _flow_rows),
    Case("real-time log lines of CloudFront", _REALTIME, _realtime, _realtime_row),
)


def looped(rows_of: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes]:
    """Return a tuned handler of rows."""

    def handler(event: bytes) -> bytes:
        output = []
        for record in orjson.loads(event)["records"]:
            try:
                rows = rows_of(b64decode(record["data"], validate=True))
            except Exception:
                # A record that cannot be transformed must not fail its batch, whatever was raised.
                output.append({"recordId": record["recordId"], "result": "ProcessingFailed"})
                continue
            entry = {"recordId": record["recordId"], "result": "Dropped" if rows is None else "Ok"}
            if rows is not None:
                entry["data"] = b64encode_as_string(rows)
            output.append(entry)
        return orjson.dumps({"records": output})

    return handler


def answers(response: bytes) -> list[tuple[str, str, bytes]]:
    """Return what a response says of each record."""
    return [
        (record["recordId"], record["result"], b64decode(record.get("data") or ""))
        for record in orjson.loads(response)["records"]
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    print(f"CPU time of an invocation, least and median of {rounds}, in turns")
    print("| | event MB | rows | ms, loop | ms, fastxform | times, least | times, median |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for case in CASES:
        event = burst.event(case.payloads(random.Random(15)))
        ours, loop = make_handler(Pipeline.from_toml(case.config)), looped(case.loop)
        wanted = answers(loop(event))
        assert answers(ours(event, None)) == wanted, f"{case.name}: the answers differ"
        rows = sum(data.count(b"\n") for _, _, data in wanted)
        spent: dict[str, list[float]] = {"loop": [], "ours": []}
        for _ in range(rounds):
            spent["loop"].append(_seconds(partial(loop, event)))
            spent["ours"].append(_seconds(partial(ours, event, None)))
        least = {name: min(seconds) * 1e3 for name, seconds in spent.items()}
        median = {name: statistics.median(seconds) for name, seconds in spent.items()}
        print(
            f"| {case.name} | {len(event) / 1e6:.1f} | {rows:,} | {least['loop']:.1f} | {least['ours']:.1f} "
            f"| {least['loop'] / least['ours']:.2f} | {median['loop'] / median['ours']:.2f} |"
        )


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
