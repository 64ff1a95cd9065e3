"""Payloads to rows: which rows a batch of records holds, and the values of their columns.

A record is one row, except where it holds several documents or the events of a CloudWatch Logs message. Nothing here
types a value. Invariant: rows of one record stand next to each other, in the order of the record, and a record that is
no record has no rows.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from fastxform.config.model import Column, Spec
from fastxform.core.payloads import DecompressionError, decompress, is_compressed
from fastxform.core.structs import Struct, field
from fastxform.core.values import RawColumn
from fastxform.decode import validation
from fastxform.decode.cloudwatch import Messages
from fastxform.decode.projection import FieldRequest, Projector
from fastxform.limits import PART_ROWS_LIMIT, PART_UNPACKED_LIMIT_BYTES, RECORD_ROWS_LIMIT
from fastxform.query import paths

EVENT_NAME: Final = object()
"""The key of the values of `eventName`, where a route's operation asks for them."""

LOG_COLUMNS: Final = ("owner", "logGroup", "logStream", "id", "timestamp", "message")
"""What a log event is written as where the configuration names no columns."""


class Rows(Struct):
    """The rows of a batch, or of its first records.

    Attributes:
        records: how many payloads were read: where compressed ones unpack to much, or hold many rows, not all.
        count: how many rows there are.
        values: the values of each column, a row each.
        failed: why a row is no record, where each record is one row.
        texts: the document of each row.
        parents: the record of each row; None where each record is one row, in order.
        longest_bytes: no text of a record is longer, unpacked.
        refused: why a record has no rows, where `parents` is given.
    """

    records: int
    count: int
    values: dict[Any, RawColumn]
    failed: dict[int, str]
    texts: Sequence[bytes | None]
    parents: list[int] | None = None
    longest_bytes: int = 0
    refused: dict[int, str] = field(default_factory=dict)

    def sizes(self) -> list[int]:
        """Return how many rows each record has."""
        counts = Counter(self.parents or ())
        return [counts[record] for record in range(self.records)]

    def event_name(self, row: int) -> Any:
        """Return the `eventName` of a row, where it was asked for."""
        values = self.values[EVENT_NAME]
        found = values.fallback.get(row, values.values[row])
        return found if type(found) is str else None


class Source:
    """Reads the rows and the columns of a transform out of payloads."""

    def __init__(self, spec: Spec, columns: Mapping[Any, Column], with_event_name: bool) -> None:
        self.spec = spec
        self.metas = {key: column.meta for key, column in columns.items() if column.meta is not None}
        self.requests = [
            FieldRequest(key, paths.compile_path(column.path), _decoded_kind(column))
            for key, column in columns.items()
            if column.path is not None
        ]
        if with_event_name:
            self.requests.append(FieldRequest(EVENT_NAME, paths.Dotted(("eventName",)), "string"))
        self.is_dynamodb = spec.source == "dynamodb"
        if spec.source == "cloudwatch-logs":
            self.messages = Messages(self.requests)
        else:
            # What several documents are in is unpacked before they are told apart; a document is never compressed.
            self.projector = Projector(self.requests, spec.source, unpacks=spec.documents != "many")

    def read(self, payloads: Sequence[bytes | None], meta: Mapping[str, Sequence[Any]]) -> Rows:
        """Return the rows of a batch with their columns, of as many of its first records as a part may hold."""
        if self.spec.source == "cloudwatch-logs":
            rows = self._read_messages(payloads)
        elif self.spec.documents == "many":
            rows = self._read_many(payloads)
        else:
            rows = self._read_one(payloads)
        for key, name in self.metas.items():
            found: Sequence[Any] = meta.get(name) or [None] * len(payloads)
            values = list(found[: rows.records]) if rows.parents is None else [found[record] for record in rows.parents]
            rows.values[key] = RawColumn("int" if name == "arrival_ms" else "str", values)
        return rows

    # -- one document a record

    def _read_one(self, payloads: Sequence[bytes | None]) -> Rows:
        projection = self.projector.project(payloads)
        texts: Sequence[bytes | None] = payloads
        if projection.compressed and self.spec.is_document:
            texts = list(payloads[: projection.count])
            for row in projection.compressed:
                texts[row] = decompress(texts[row] or b"")
        return Rows(
            projection.count,
            projection.count,
            projection.columns,
            projection.failed,
            texts,
            longest_bytes=projection.longest_bytes,
        )

    # -- many documents a record

    def _read_many(self, payloads: Sequence[bytes | None]) -> Rows:
        payloads, split, refused = _split(payloads)
        parents, texts = _flatten(split)
        projection = self.projector.project(texts)
        again = False
        for record in {parents[row] for row in projection.failed}:
            # What is no document a line may still be documents; where it is not, the record as a whole is none.
            documents = _documents(payloads[record])
            if documents is None:
                refused[record] = _whole_reason(payloads[record])
            elif len(documents) > RECORD_ROWS_LIMIT:
                refused[record] = "rows"
            elif documents != split[record]:
                split[record], again = documents, True
        if again:
            parents, texts = _flatten(split)
            projection = self.projector.project(texts)
        refused = _refuse(parents, projection.failed) | refused
        for record, documents in enumerate(split):
            if not documents:
                refused.setdefault(record, "base64" if payloads[record] is None else "json")
        longest_bytes = max((len(payload) for payload in payloads if payload is not None), default=0)
        return _without(
            Rows(len(split), len(texts), projection.columns, projection.failed, texts, parents, longest_bytes, refused)
        )

    # -- CloudWatch Logs

    def _read_messages(self, payloads: Sequence[bytes | None]) -> Rows:
        found = self.messages.read(payloads)
        return Rows(
            found.messages,
            len(found.parents),
            found.columns,
            {},
            [],
            found.parents,
            found.longest_bytes,
            found.refused,
        )


def _decoded_kind(column: Column) -> str:
    # A pattern is matched on the digits as written, which a float has lost.
    return "auto" if column.pattern is not None and column.type.kind == "float64" else column.type.kind


def _split(
    payloads: Sequence[bytes | None],
) -> tuple[list[bytes | None], list[list[bytes] | None], dict[int, str]]:
    """Unpack records and split them into lines, as many as a part may hold.

    Returns:
        What the records hold, the lines of each that are not blank, and why one is refused.
    """
    unpacked: list[bytes | None] = []
    split: list[list[bytes] | None] = []
    refused: dict[int, str] = {}
    unpacked_bytes = rows = 0
    for record, payload in enumerate(payloads):
        if unpacked_bytes >= PART_UNPACKED_LIMIT_BYTES or rows >= PART_ROWS_LIMIT:
            break
        text = payload
        if payload is not None and is_compressed(payload):
            try:
                text = decompress(payload)
                unpacked_bytes += len(text)
            except DecompressionError as error:
                refused[record], text = error.reason, None
        lines = None if text is None else _lines(text)
        if lines is None and text is not None:
            refused[record] = "rows"
        unpacked.append(text)
        split.append(lines)
        rows += len(lines or ())
    return unpacked, split, refused


def _lines(payload: bytes) -> list[bytes] | None:
    """Return the lines that are not blank; None where they are more than one record may hold."""
    if payload.count(b"\n") < RECORD_ROWS_LIMIT:
        return [line for line in payload.split(b"\n") if line.strip(b" \t\r")]
    matches = islice(_LINE.finditer(payload), RECORD_ROWS_LIMIT + 1)
    lines = [match[0] for match in matches]
    return lines if len(lines) <= RECORD_ROWS_LIMIT else None


_LINE: Final = re.compile(rb"[^\n]*[^ \t\r\n][^\n]*")


def _documents(payload: bytes | None) -> list[bytes] | None:
    """Return the documents of a payload, nothing or white space between them; None where anything else is there."""
    if payload is None or payload.startswith(validation.BYTE_ORDER_MARK) or validation.is_deep(payload):
        return None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    scan = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode  # no limit on digits
    found: list[bytes] = []
    place = _skip(text, 0)
    while place < len(text) and len(found) <= RECORD_ROWS_LIMIT:  # one too many tells that there are
        try:
            _, end = scan(text, place)
        except (ValueError, RecursionError):
            return None
        document = text[place:end].encode()
        if validation.reject_reason(document) == "json":  # Python's own decoder takes NaN and half surrogate pairs
            return None
        found.append(document)
        place = _skip(text, end)
    return found


def _whole_reason(payload: bytes | None) -> str:
    """Return why a payload is not a sequence of documents."""
    if payload is None:
        return "base64"
    reason = validation.reject_reason(payload)
    return reason if reason in ("utf8", "depth") else "json"


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\n\r":
        place += 1
    return place


def _flatten(split: Sequence[Sequence[bytes] | None]) -> tuple[list[int], list[bytes | None]]:
    parents = [record for record, texts in enumerate(split) for _ in texts or ()]
    return parents, [text for texts in split for text in texts or ()]


def _refuse(parents: list[int], failed: Mapping[int, str]) -> dict[int, str]:
    """Return why records are none: for each the reason of its first document that is none."""
    refused: dict[int, str] = {}
    for row in sorted(failed):
        refused.setdefault(parents[row], failed[row])
    return refused


def _without(rows: Rows) -> Rows:
    """Return rows less those of records that are refused."""
    assert rows.parents is not None
    if not any(record in rows.refused for record in rows.parents):
        return rows
    kept = [row for row, record in enumerate(rows.parents) if record not in rows.refused]
    values = {key: column.take(kept) for key, column in rows.values.items()}
    texts = [rows.texts[row] for row in kept]
    return Rows(
        rows.records,
        len(kept),
        values,
        {},
        texts,
        [rows.parents[row] for row in kept],
        rows.longest_bytes,
        rows.refused,
    )


def log_columns() -> tuple[Column, ...]:
    """Return the columns of a log event where the configuration names none."""
    return tuple(Column(name, path=name) for name in LOG_COLUMNS)
