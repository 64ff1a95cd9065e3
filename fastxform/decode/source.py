"""Payloads to rows: which rows a batch of records holds, and the values of their columns.

A record is one row, except where it holds several documents, lines or the events of a CloudWatch Logs message, or where
a list in it is exploded. Nothing here types a value. Invariant: rows of one record stand next to each other, in the
order of the record, and a record that is no record has no rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastxform.config.model import Column, Spec
from fastxform.core.json_values import TooManyValuesError, json_value, normalized_all
from fastxform.core.payloads import DecompressionError, decompress, is_compressed
from fastxform.core.structs import Struct, field
from fastxform.core.values import Json, RawColumn, taken
from fastxform.decode import documents
from fastxform.decode.documents import SplitError
from fastxform.decode.fields import Images, leaves
from fastxform.decode.projection import FieldRequest, Projector
from fastxform.limits import PART_ROWS_LIMIT, PART_UNPACKED_LIMIT_BYTES
from fastxform.query import paths

if TYPE_CHECKING:
    from fastxform.decode.layers import Layers

EVENT_NAME: Final = object()
"""The key of the values of `eventName`, where a route's operation asks for them."""

LOG_COLUMNS: Final = ("owner", "logGroup", "logStream", "id", "timestamp", "message")
"""What a log event is written as where the configuration names no columns."""

TEXT_COLUMNS: Final = ("text",)


class Rows(Struct):
    """The rows of a batch, or of its first records.

    Attributes:
        records: how many payloads were read: where compressed ones unpack to much, or hold many rows, not all.
        count: how many rows there are.
        values: the values of each column, a row each.
        failed: why a row failed.
        texts: the document of each row.
        parents: the record of each row; None where each record is one row, in order.
        longest_bytes: no text of a record is longer, unpacked.
        unpacked_bytes: what the compressed records hold together.
        long_bytes: what the records of `validation.SHALLOW_BYTES` and more hold together.
        refused: why a record has no rows, where `parents` is given.
        dropped: rows that are left out and are no failures.
        empty: the records that hold nothing.
    """

    records: int
    count: int
    values: dict[Any, RawColumn]
    failed: dict[int, str]
    texts: Sequence[bytes | None]
    parents: list[int] | None = None
    refused: dict[int, str] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    empty: list[int] = field(default_factory=list)
    longest_bytes: int = 0
    unpacked_bytes: int = 0
    long_bytes: int = 0

    def sizes(self) -> list[int]:
        """Return how many rows each record has."""
        counts = Counter(self.parents or ())
        return [counts[record] for record in range(self.records)]

    def event_name(self, row: int) -> Any:
        """Return the `eventName` of a row, where it was asked for."""
        values = self.values[EVENT_NAME]
        name = values.fallback.get(row, values.values[row])
        return name if type(name) is str else None


class Source:
    """Reads the rows and the columns of a transform out of payloads."""

    def __init__(self, spec: Spec, columns: Mapping[Any, Column], with_event_name: bool) -> None:
        self.spec, self.with_event_name = spec, with_event_name
        self.metas = {key: column.meta for key, column in columns.items() if column.meta is not None}
        requests = [
            FieldRequest(key, paths.compile_path(column.path), _decoded_kind(column))
            for key, column in columns.items()
            if column.path is not None
        ]
        if with_event_name:
            requests.append(FieldRequest(EVENT_NAME, paths.Dotted(("eventName",)), "string"))
        # The whole record, less what other columns name, is at hand without a look into it.
        self.whole = (
            [key for key, column in columns.items() if column.rest is not None and column.path == "@"]
            if spec.source == "json"
            else []
        )
        self.needs_texts = spec.writes_documents or bool(self.whole)
        requests = [request for request in requests if request.name not in self.whole]
        self.layers = _layers(spec, requests)
        requests = requests if self.layers is None else self.layers.record_requests
        images = Images(spec.images) if spec.source == "dynamodb" else None
        self.checks_shape = images is not None and not spec.is_document
        self.image_columns = [] if images is None else [r.name for r in requests if _is_inside(r.path, images)]
        if spec.source == "cloudwatch-logs":
            from fastxform.decode.cloudwatch import Messages

            self.messages = Messages(requests)
        elif spec.source == "text":
            from fastxform.decode.texts import TextProjector

            self.text = TextProjector(requests)
        else:
            # What several documents are in is unpacked before they are separated; a document is never compressed.
            self.projector = Projector(requests, images, unpacks=spec.documents != "many")

    def read(self, payloads: Sequence[bytes | None], meta: Mapping[str, Sequence[Any]]) -> Rows:
        """Return the rows of a batch with their columns, of as many of its first records as a part may hold."""
        if self.spec.source == "cloudwatch-logs":
            rows = self._read_messages(payloads)
        elif self.spec.source == "text":
            rows = self._read_text(payloads)
        elif self.spec.documents == "many":
            rows = self._read_many(payloads)
        else:
            rows = self._read_one(payloads)
        if self.whole:
            documents_read = RawColumn("mixed", _whole(rows))
            rows.values |= dict.fromkeys(self.whole, documents_read)
        for key, name in self.metas.items():
            known: Sequence[Any] = meta.get(name) or [None] * len(payloads)
            values = list(known[: rows.records]) if rows.parents is None else [known[record] for record in rows.parents]
            rows.values[key] = RawColumn("int" if name == "arrival_ms" else "str", values)
        return rows if self.layers is None else self.layers.apply(rows)

    # -- one document a record

    def _read_one(self, payloads: Sequence[bytes | None]) -> Rows:
        projection = self.projector.project(payloads)
        texts: Sequence[bytes | None] = payloads
        if projection.compressed and self.needs_texts:
            texts = list(payloads[: projection.count])
            for row in projection.compressed:
                texts[row] = decompress(texts[row] or b"")
        rows = Rows(
            projection.count,
            projection.count,
            projection.columns,
            projection.failed,
            texts,
            longest_bytes=projection.longest_bytes,
            unpacked_bytes=projection.unpacked_bytes,
            long_bytes=projection.long_bytes,
        )
        if self.checks_shape:
            self._check_shapes(rows, payloads)
        if "empty" in rows.failed.values():
            empty = [row for row, reason in rows.failed.items() if reason == "empty"]
            rows.empty = empty
            if self.spec.empty == "drop":
                rows.dropped.update(empty)
                for row in empty:
                    del rows.failed[row]
        return rows

    def _check_shapes(self, rows: Rows, texts: Sequence[bytes | None]) -> None:
        """Fail the records that hold none of the images: no value of theirs comes out of one."""
        assert self.projector.images is not None
        columns = [rows.values[name] for name in self.image_columns]
        suspects: set[int] | None = None
        for column in columns:
            if None not in column.values:
                return
            rows_left = range(rows.count) if suspects is None else suspects
            values, fallback = column.values, column.fallback
            suspects = {row for row in rows_left if values[row] is None and fallback.get(row) is None}
            if not suspects:
                return
        for row in range(rows.count) if suspects is None else sorted(suspects):
            if row in rows.failed:
                continue
            text = texts[row]
            assert text is not None
            if not self.projector.images.is_found(decompress(text)):
                rows.failed[row] = "shape"

    # -- many documents a record

    def _read_many(self, payloads: Sequence[bytes | None]) -> Rows:
        unpacked: list[bytes | None] = []
        split: list[list[bytes] | None] = []
        refused: dict[int, str] = {}
        split_whole: list[int] = []
        empty: list[int] = []
        row_count = 0
        for record, payload in enumerate(_unpack(payloads, refused)):
            lines = None
            if payload is None:
                refused.setdefault(record, "base64")
            elif documents.is_blank(payload):
                empty.append(record)
                if self.spec.empty == "fail":
                    refused[record] = "empty"
            else:
                lines = documents.json_lines(payload)
                if lines is None:
                    split_whole.append(record)
            unpacked.append(payload)
            split.append(lines)
            row_count += len(lines or ())
            if row_count >= PART_ROWS_LIMIT:
                break
        self._split_whole(split_whole, unpacked, split, refused)
        parents, texts = _flatten(split)
        projection = self.projector.project(texts)
        # What is no document a line may still be documents; where it is not, the record as a whole is none.
        again = self._split_whole({parents[row] for row in projection.failed}, unpacked, split, refused)
        if again:
            parents, texts = _flatten(split)
            projection = self.projector.project(texts)
        rows = Rows(
            len(split), len(texts), projection.columns, projection.failed, texts, parents, refused, set(), empty
        )
        rows.longest_bytes = _longest_bytes(unpacked)
        if self.checks_shape:
            self._check_shapes(rows, texts)
        if self.spec.bad_rows == "drop":
            return rows
        rows.refused = _refuse(parents, rows.failed) | refused
        return without_refused(rows)

    def _split_whole(
        self,
        records: Iterable[int],
        payloads: Sequence[bytes | None],
        split: list[list[bytes] | None],
        refused: dict[int, str],
    ) -> bool:
        """Tell the documents of records apart, whatever stands between them; tell whether that changed any."""
        changed = False
        for record in records:
            payload = payloads[record]
            assert payload is not None
            try:
                parts = documents.split_documents(payload)
            except SplitError as error:
                is_row = self.spec.bad_rows == "drop" and error.reason != "rows" and split[record] is not None
                if not is_row:  # else each line is a row, good or bad
                    refused[record] = error.reason
                    split[record], changed = None, True
            else:
                if parts != split[record]:
                    split[record], changed = parts, True
        return changed

    # -- CloudWatch Logs

    def _read_messages(self, payloads: Sequence[bytes | None]) -> Rows:
        events = self.messages.read(payloads)
        rows = Rows(events.messages, len(events.parents), events.columns, {}, [], events.parents, events.refused)
        rows.longest_bytes = events.longest_bytes
        empty = [record for record, reason in rows.refused.items() if reason == "empty"]
        rows.empty = empty
        if self.spec.empty == "drop":
            for record in empty:
                del rows.refused[record]
        return rows

    # -- text

    def _read_text(self, payloads: Sequence[bytes | None]) -> Rows:
        refused: dict[int, str] = {}
        is_many = self.spec.documents == "many"
        texts: list[str | None] = []
        parents: list[int] = []
        empty: list[int] = []
        records = longest_bytes = 0
        for record, payload in enumerate(_unpack(payloads, refused)):
            records += 1
            longest_bytes = max(longest_bytes, len(payload or b""))
            text, lines = None, None
            if payload is None:
                refused.setdefault(record, "base64")
            else:
                try:
                    text = payload.decode()
                    if text.startswith("\ufeff"):
                        refused[record] = "utf8"
                        text = None
                    elif not text.strip("\r\n"):
                        empty.append(record)
                        text = None
                    elif is_many:
                        lines = documents.text_lines(text)
                    else:
                        text = text.removesuffix("\n").removesuffix("\r")
                except UnicodeDecodeError:
                    refused[record] = "utf8"
                except SplitError as error:
                    refused[record] = error.reason
            if not is_many:
                texts.append(text)
            elif lines is not None:
                texts += lines
                parents += [record] * len(lines)
                if len(texts) >= PART_ROWS_LIMIT:
                    break
        if self.spec.empty == "fail":
            refused |= dict.fromkeys(empty, "empty")
        columns = self.text.project({"text": texts}, len(texts))
        if is_many:
            return Rows(records, len(texts), columns, {}, [], parents, refused, set(), empty, longest_bytes)
        dropped = set(empty) if self.spec.empty == "drop" else set()
        return Rows(records, len(texts), columns, refused, [], None, {}, dropped, empty, longest_bytes)


def _whole(rows: Rows) -> list[Any]:
    """Return the JSON text of each row's document; None where it is none."""
    texts = [
        b"null" if text is None or row in rows.failed or row in rows.dropped else text
        for row, text in enumerate(rows.texts)
    ]
    try:
        return [None if text == "null" else Json(text) for text in normalized_all(texts)]
    except TooManyValuesError:
        return list(map(json_value, texts))


def _is_inside(path: paths.Path, images: Images) -> bool:
    """Tell whether a value at a path comes out of an image."""
    ends = list(leaves(path))
    return bool(ends) and all(map(images.is_inside, ends))


def _decoded_kind(column: Column) -> str:
    if column.rest is not None:
        return "json"
    # A pattern is matched on the digits as written, which a zero that was -0 has lost.
    return "auto" if column.pattern is not None and column.type.kind in _INTEGERS else column.type.kind


_INTEGERS: Final = frozenset({"int64", "timestamp"})


def _unpack(payloads: Sequence[bytes | None], refused: dict[int, str]) -> Iterator[bytes | None]:
    """Yield what records hold, as many as a part may hold unpacked, and note why one cannot be unpacked."""
    unpacked_bytes = 0
    for record, payload in enumerate(payloads):
        text = payload
        if payload is not None and is_compressed(payload):
            try:
                text = decompress(payload)
                unpacked_bytes += len(text)
            except DecompressionError as error:
                refused[record], text = error.reason, None
        yield text
        if unpacked_bytes >= PART_UNPACKED_LIMIT_BYTES:
            return


def _layers(spec: Spec, requests: Sequence[FieldRequest]) -> "Layers | None":
    """Return what parses texts and explodes a list; most files have neither, and spare a cold start its import."""
    if not spec.parses and spec.explode is None:
        return None
    from fastxform.decode.layers import Layers

    return Layers(spec, requests)


def _longest_bytes(payloads: Iterable[bytes | None]) -> int:
    return max((len(payload) for payload in payloads if payload is not None), default=0)


def _flatten(split: Sequence[Sequence[bytes] | None]) -> tuple[list[int], list[bytes | None]]:
    parents = [record for record, texts in enumerate(split) for _ in texts or ()]
    return parents, [text for texts in split for text in texts or ()]


def _refuse(parents: list[int], failed: Mapping[int, str]) -> dict[int, str]:
    """Return why records are none: for each the reason of its first document that is none."""
    refused: dict[int, str] = {}
    for row in sorted(failed):
        refused.setdefault(parents[row], failed[row])
    return refused


def without_refused(rows: Rows) -> Rows:
    """Return rows less those of records that are refused."""
    assert rows.parents is not None
    if not any(record in rows.refused for record in rows.parents):
        return rows
    kept = [row for row, record in enumerate(rows.parents) if record not in rows.refused]
    values = {key: column.take(kept) for key, column in rows.values.items()}
    texts = taken(rows.texts, kept) if rows.texts else []
    parents = taken(rows.parents, kept)
    return Rows(
        rows.records, len(kept), values, {}, texts, parents, rows.refused, set(), rows.empty, rows.longest_bytes
    )


def default_columns(source: str) -> tuple[Column, ...] | None:
    """Return the columns of a source whose rows are no documents, where the configuration names none."""
    names = {"cloudwatch-logs": LOG_COLUMNS, "text": TEXT_COLUMNS}.get(source)
    return None if names is None else tuple(Column(name, path=name) for name in names)
