"""The events that every contender gets, and the transform that each of them asks for.

Here the bursts of `fastxform.tools.sample_data.burst` become events, with the configuration that fastxform runs on
them. How a contender does the work is its own affair (`contenders/`), and so is time. Invariant: the same name gives
the same bytes, everywhere.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypeVar

from fastxform.tools.sample_data import burst

Comparison = Literal["bytes", "documents", "clock"]

_SEED: Final = 5
_HARMLESS: Final = 1e-9
"""A share of hostile records that takes the same draws as a real one and never spoils one of some thousands."""

_SPOILED_LIMIT_BYTES: Final = 20_000

QUOTED_SHARE: Final = 0.02


Transform = TypeVar("Transform", bound=Callable[..., Any])
"""What a contender does with one record."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """One event and what is asked of it.

    `shape` names the transform that the contenders know; `compare` says what must be equal in two answers: the bytes
    of each record, the JSON documents in them, or the bytes behind a first field that holds the time of processing.
    """

    name: str
    title: str
    shape: str
    config: str
    payloads: Callable[[], list[bytes]]
    columns: int
    kinesis: bool = False
    compare: Comparison = "bytes"

    def event(self) -> bytes:
        """Return the bytes of the event."""
        return burst.event(self.payloads(), kinesis=self.kinesis, seed=_SEED)


_CHANGES: Final = """\
source = "dynamodb"

[columns]
id = "dynamodb.Keys.id"
datetime = "dynamodb.Keys.datetime"
"""

_TYPED: Final = """\
source = "dynamodb"

[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
placed_at = { path = "dynamodb.Keys.datetime", type = "timestamp[s]" }
event_id = { path = "eventID", type = "string" }
event_name = { path = "eventName", type = "string" }
table_name = { path = "tableName", type = "string" }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
size_bytes = { path = "dynamodb.SizeBytes", type = "int64" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "decimal(12,2)" }
amount_value = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "float64" }
arrived_at = { meta = "arrival_ms", type = "timestamp[ms]" }
"""

_PAIRS: Final = """\
[columns]
T = { type = "string" }
SECTOR = { type = "string" }
"""

_TICKER: Final = """\
where = "SECTOR == 'RETAIL'"

[columns]
processed = { expr = "now_ms()" }
TICKER_SYMBOL = { type = "string", pattern = "[A-Z]+" }
SECTOR = { type = "string", pattern = "[A-Z]+" }
CHANGE = { pattern = "[-.0-9]+" }
PRICE = { pattern = "[-.0-9]+" }
"""

_MAIL: Final = """\
output = { format = "json" }

[columns]
event_type = { path = "eventType", type = "string" }
message_id = { path = "mail.messageId", type = "string" }
tags = { path = "mail.tags", type = "string" }
from_address = { path = "mail.headers[?name=='From'].value | [0]", type = "string" }
to_address = { path = "mail.headers[?name=='To'].value | [0]", type = "string" }

[[routes]]
where = "event_type == 'Send'"
iceberg = { database = "email_event", table = "send_log", operation = "insert" }
columns = { timestamp = { path = "mail.timestamp", type = "timestamp[us]" } }

[[routes]]
where = "event_type == 'Open'"
iceberg = { database = "email_event", table = "open_log", operation = "insert" }
[routes.columns]
ip_address = { path = "open.ipAddress", type = "string" }
user_agent = { path = "open.userAgent", type = "string" }
timestamp = { path = "open.timestamp", type = "timestamp[us]" }

[[routes]]
where = "event_type == 'Click'"
iceberg = { database = "email_event", table = "click_log", operation = "insert" }
[routes.columns]
ip_address = { path = "click.ipAddress", type = "string" }
link = { path = "click.link", type = "string" }
link_tags = { path = "click.linkTags", type = "string" }
user_agent = { path = "click.userAgent", type = "string" }
timestamp = { path = "click.timestamp", type = "timestamp[us]" }
"""

_LOGS: Final = """\
source = "cloudwatch-logs"
output = { format = "json" }

[columns]
logGroup = { type = "string" }
logStream = { type = "string" }
id = { type = "string" }
timestamp = { type = "int64" }
message = { type = "string" }
"""

_ITEMS: Final = """\
source = "dynamodb"
output = { format = "json" }
"""

_CAPTURE: Final = """\
source = "dynamodb"
output = { format = "json" }
overflow = { policy = "fail" }

[columns]
id = { path = "dynamodb.Keys.id", type = "string" }
datetime = { path = "dynamodb.Keys.datetime", type = "string" }
status = { path = "(dynamodb.NewImage || dynamodb.OldImage).status", type = "string" }
amount = { path = "(dynamodb.NewImage || dynamodb.OldImage).amount", type = "decimal(12,2)" }
note = { path = "(dynamodb.NewImage || dynamodb.OldImage).note", type = "string" }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[us]" }

[[routes]]
[routes.iceberg]
database = "shop"
table = "orders"
operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" }
"""

_LOG_MEMBERS: Final = """\
source = "cloudwatch-logs"
output = { format = "json" }

[parse.log]
of = "message"
format = "json"

[columns]
timestamp = { type = "int64" }
level = { path = "log.level", type = "string" }
request = { path = "log.requestId", type = "string" }
message = { path = "log.message", type = "string" }
took_ms = { path = "log.duration.ms", type = "int64" }
"""

_SPECIAL: Final = re.compile(r'[",\r\n]')


def _keys_need_quotes(payload: bytes) -> bool:
    keys = json.loads(payload)["dynamodb"]["Keys"]
    return any(_SPECIAL.search(key["S"]) for key in keys.values())


def _plain_changes(count: int, size: int | None = None) -> list[bytes]:
    """Return changes whose keys need no quotes, so that the handlers that cannot quote stay in the comparison."""
    source = burst.records("dynamotest", 2 * count, _SEED, size, _HARMLESS)
    return list(islice((payload for payload in source if not _keys_need_quotes(payload)), count))


def _spoiled_changes(count: int, share: float) -> list[bytes]:
    """Return `_plain_changes` with that share of them made hostile, the others untouched."""
    clean = burst.records("dynamotest", 2 * count, _SEED, None, _HARMLESS)
    spoiled = burst.records("dynamotest", 2 * count, _SEED, None, share)
    # The few of hundreds of KB would make another event of it; what costs is the handling, not the bytes.
    pairs = (
        (bad if len(bad) <= _SPOILED_LIMIT_BYTES else good, good)
        for bad, good in zip(spoiled, clean, strict=True)
        if not _keys_need_quotes(good)
    )
    return [bad for bad, _ in islice(pairs, count)]


def _quoted_changes(count: int) -> list[bytes]:
    """Return changes of which exactly `QUOTED_SHARE` need quotes: the burst has fewer, so plain ones are left out."""
    quoted_left, plain_left = round(count * QUOTED_SHARE), count - round(count * QUOTED_SHARE)
    kept: list[bytes] = []
    spare: list[bytes] = []
    for payload in burst.records("dynamotest", 20 * count, _SEED, None, _HARMLESS):
        if _keys_need_quotes(payload):
            if quoted_left:
                # One in fifty: the plain ones before it come along, as many as keep the share even over the event.
                quoted_left -= 1
                take = min(plain_left, round(1 / QUOTED_SHARE) - 1)
                kept += [*spare[:take], payload]
                plain_left -= min(take, len(spare))
                spare = []
        else:
            spare.append(payload)
        if not quoted_left and plain_left <= len(spare):
            return kept + spare[:plain_left]
    raise ValueError(f"the burst has too few changes that need quotes for {count}")


def _pairs(count: int) -> list[bytes]:
    """Return prices of 60 bytes on the average: the ticker's with the longest name cut to one letter."""
    return [payload.replace(b'"TICKER_SYMBOL"', b'"T"') for payload in burst.records("ticker", count, _SEED)]


def _json_logs(count: int) -> list[bytes]:
    """Return CloudWatch Logs messages whose texts are what a function logs as JSON, compressed."""

    def messages() -> Iterator[bytes]:
        number = 0
        for payload in burst.records("cloudwatch", count, _SEED):
            message = json.loads(payload)
            for event in message["logEvents"]:
                number += 1
                log = {
                    "timestamp": f"2022-05-02T12:45:{number % 60:02d}.{number % 1000:03d}Z",
                    "level": ("INFO", "INFO", "DEBUG", "ERROR")[number % 4],
                    "logger": "orders",
                    "requestId": f"6bc28136-0000-4f1a-9d57-{number:012d}",
                    "message": event["message"],
                    "duration": {"ms": number * 7 % 900},
                }
                event["message"] = json.dumps(log, ensure_ascii=False, separators=(",", ":"))
            yield json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()

    return list(burst.compressed(messages()))


def _odd_changes(count: int) -> list[bytes]:
    """Return changes in which the name of a member that is wanted is spelt with an escape, which means the same."""
    return [payload.replace(b'"Keys"', b'"\\u004beys"') for payload in _plain_changes(count)]


WIDE_MEMBERS: Final = 50


def wide_names(columns: int) -> list[str]:
    """Return the names of the first members of a wide document."""
    return [f"{'SYMBOL' if place % 2 == 0 else 'SECTOR'}_{place // 2:02d}" for place in range(columns)]


def _wide(count: int) -> list[bytes]:
    """Return documents of 50 text members, each made of 25 prices."""

    def documents() -> Iterator[bytes]:
        prices = burst.records("ticker", count * (WIDE_MEMBERS // 2), _SEED)
        names = wide_names(WIDE_MEMBERS)
        for _ in range(count):
            values = [
                value for price in islice(prices, WIDE_MEMBERS // 2) for value in list(json.loads(price).values())[:2]
            ]
            yield json.dumps(dict(zip(names, values, strict=True)), separators=(",", ":")).encode()

    return list(documents())


def _wide_config(columns: int) -> str:
    return "[columns]\n" + "".join(f'{name} = {{ type = "string" }}\n' for name in wide_names(columns))


MAIN: Final[tuple[Corpus, ...]] = (
    Corpus(
        "kinesis-changes",
        "5,200 DynamoDB changes by Kinesis, two columns",
        "changes",
        _CHANGES,
        lambda: _plain_changes(5_200),
        2,
        kinesis=True,
    ),
    Corpus(
        "direct-changes",
        "6,000 DynamoDB changes by Direct PUT, two columns",
        "changes",
        _CHANGES,
        lambda: _plain_changes(6_000),
        2,
    ),
    Corpus(
        "typed-changes",
        "5,200 changes by Kinesis, ten typed columns, 2 % quoted",
        "typed",
        _TYPED,
        lambda: _quoted_changes(5_200),
        10,
        kinesis=True,
    ),
    Corpus("small-records", "25,000 records of 60 bytes, two columns", "pairs", _PAIRS, lambda: _pairs(25_000), 2),
    Corpus(
        "large-records",
        "60 DynamoDB changes of 60 KB, two columns",
        "changes",
        _CHANGES,
        lambda: _plain_changes(60, 60_000),
        2,
    ),
    Corpus(
        "mail-routes",
        "3,400 SES events to three Iceberg tables, JSON",
        "mail",
        _MAIL,
        lambda: list(burst.records("ses", 3_400, _SEED)),
        10,
        compare="documents",
    ),
    Corpus(
        "ticker",
        "25,000 prices, five columns, filtered",
        "ticker",
        _TICKER,
        lambda: list(burst.records("ticker", 25_000, _SEED)),
        5,
        compare="clock",
    ),
    Corpus(
        "cloudwatch",
        "3,000 CloudWatch Logs messages, gzip, JSON",
        "logs",
        _LOGS,
        lambda: list(burst.compressed(burst.records("cloudwatch", 3_000, _SEED))),
        5,
        compare="documents",
    ),
    Corpus(
        "log-members",
        "1,500 CloudWatch Logs messages of JSON texts, gzip, JSON",
        "log-members",
        _LOG_MEMBERS,
        lambda: _json_logs(1_500),
        5,
        compare="documents",
    ),
    Corpus(
        "whole-items",
        "6,000 DynamoDB changes, whole items as plain JSON",
        "items",
        _ITEMS,
        lambda: _plain_changes(6_000),
        0,
        compare="documents",
    ),
    Corpus(
        "change-capture",
        "6,000 DynamoDB changes to an Iceberg table, JSON",
        "capture",
        _CAPTURE,
        lambda: _plain_changes(6_000),
        6,
        compare="documents",
    ),
    Corpus(
        "bad-records",
        "6,000 changes, 1 % of them hostile, two columns",
        "changes",
        _CHANGES,
        lambda: _spoiled_changes(6_000, 0.01),
        2,
    ),
)

RECORD_STEPS: Final = (10, 100, 1_000, 5_000, 25_000)
COLUMN_STEPS: Final = (1, 2, 5, 10, 20, 50)


def _records_step(count: int) -> Corpus:
    return Corpus(f"records-{count}", f"{count:,} records of 60 bytes", "pairs", _PAIRS, lambda: _pairs(count), 2)


def _columns_step(columns: int) -> Corpus:
    title = f"3,000 documents of 50 members, {columns} columns"
    return Corpus(f"columns-{columns}", title, "wide", _wide_config(columns), lambda: _wide(3_000), columns)


SCALING: Final[tuple[Corpus, ...]] = (*map(_records_step, RECORD_STEPS), *map(_columns_step, COLUMN_STEPS))

CLEAN: Final = Corpus(
    "clean-records",
    "the same 6,000 changes, none of them hostile",
    "changes",
    _CHANGES,
    lambda: _plain_changes(6_000),
    2,
)
"""What `bad-records` is compared with, in the same rounds."""

ODD: Final = Corpus(
    "odd-records",
    "the same 6,000 changes, all of them spelt so that the kernel leaves them to the engine",
    "changes",
    _CHANGES,
    lambda: _odd_changes(6_000),
    2,
)
"""What the kernel costs a stream that it can do nothing for."""

_ALL: Final = {corpus.name: corpus for corpus in (*MAIN, *SCALING, CLEAN, ODD)}


def find(name: str) -> Corpus:
    """Return the corpus of that name.

    Raises:
        LookupError: there is none; the message names those there are.
    """
    if name not in _ALL:
        raise LookupError(f"no corpus {name!r}; there are {', '.join(_ALL)}")
    return _ALL[name]


def of_shape(corpus: Corpus, transforms: Iterable[Transform], wide: Callable[[int], Transform]) -> Transform:
    """Return the transform that is named as the shape of a corpus; that of a wide one is made for its columns."""
    if corpus.shape == "wide":
        return wide(corpus.columns)
    return next(one for one in transforms if getattr(one, "__name__", "").replace("_", "-") == corpus.shape)
