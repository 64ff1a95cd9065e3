"""CloudWatch Logs messages: the columns of their events, and of the messages around them.

A message is decoded as any record is; its list of events stays text at first, and the lists of all messages are then
decoded in one call, or, where an event has a shape that the decoder refuses, each event of its message alone.
Invariant: how events were decoded never shows in their values, and a message that is none has no events.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Any, Final, overload

import msgspec

from fastxform.core import json_text
from fastxform.core.structs import Struct
from fastxform.core.values import Json, RawColumn
from fastxform.decode.codegen import REFUSED
from fastxform.decode.decoder import Decoder
from fastxform.decode.fields import MESSAGE_MEMBERS
from fastxform.decode.projection import FieldRequest, Projection, Projector
from fastxform.limits import PART_ROWS_LIMIT, RECORD_ROWS_LIMIT, RECORD_WRITTEN_LIMIT_BYTES
from fastxform.query import paths

_TYPE: Final = object()
_EVENTS: Final = object()


class Events(Struct):
    """The events of the first `messages` messages: their columns, the message of each, and why a message is none."""

    columns: dict[Any, RawColumn]
    parents: list[int]
    refused: dict[int, str]
    messages: int
    longest_bytes: int = 0


class Messages:
    """Reads the columns of events out of messages."""

    def __init__(self, requests: Sequence[FieldRequest]) -> None:
        members = [
            FieldRequest(_TYPE, paths.Dotted(("messageType",)), "string"),
            FieldRequest(_EVENTS, paths.Dotted(("logEvents",)), "text"),
        ]
        self.message = Projector([*members, *(request for request in requests if _is_of_message(request))])
        self.event = Projector([request for request in requests if not _is_of_message(request)])

    def read(self, payloads: Sequence[bytes | None]) -> Events:
        """Return the events of a batch, in the order of their messages: of as many as a part may hold."""
        messages = self.message.project(payloads)
        lists, refused = _lists(messages)
        _refuse_large(lists, refused, messages)
        events = None
        while events is None:  # each time the decoder of events is wider
            events = self._attempt(lists, messages.count, messages.longest_bytes)
        for key, column in messages.columns.items():
            events.columns[key] = column.take(events.parents)
            events.columns[key].dictionary = column, events.parents
        events.longest_bytes = messages.longest_bytes
        events.refused |= {record: reason for record, reason in refused.items() if record < events.messages}
        return events

    def _attempt(self, lists: dict[int, Any], count: int, longest_bytes: int) -> Events | None:
        """Return the events of lists, as many as a part holds, or None where the decoder was widened on the way.

        No list is longer than `longest_bytes`.
        """
        if self.event.whole is None:
            return self._apart(lists, count)
        together, left = self._together(self.event.whole, lists, count, longest_bytes)
        if together is None:
            return None
        if not left:
            return together
        apart = self._apart({record: lists[record] for record in left}, together.messages)
        if not together.parents:
            return apart
        if any(column.kind != apart.columns[key].kind for key, column in together.columns.items()):
            return None
        return _merge(together, apart)

    def _together(
        self, decoder: Decoder, lists: dict[int, Any], count: int, longest_bytes: int
    ) -> tuple[Events | None, list[int]]:
        """Return the events of the lists that are decoded as they are, and the messages of the others."""
        shape = decoder.shape
        decode = shape.generated.decode_lists
        records: list[int] = []
        decoded: list[Any] = []
        sizes: list[int] = []
        rows = 0
        makes_objects = any(shape.members.decode_kind(request).kind == "any" for request in decoder.members.requests)
        few = lists
        if makes_objects and longest_bytes > _MANY_VALUES:
            few = {record: text for record, text in lists.items() if not _has_many_values(text)}
        for group in _groups(few, longest_bytes):
            if rows >= PART_ROWS_LIMIT:
                count = group[0]
                break
            try:
                roots = decode(b"\n".join([lists[record] for record in group]))
            except REFUSED:
                group, roots = _one_by_one(decode, lists, group)
            records += group
            decoded += roots
            sizes += map(len, roots)
            rows = sum(sizes)
        projection = self.event.project_decoded(
            list(chain.from_iterable(decoded)), ElementTexts(lists, records, sizes), shape
        )
        if projection is None:
            return None, []
        parents = list(chain.from_iterable(map(repeat, records, sizes)))
        left = [record for record in lists.keys() - set(records) if record < count]
        return Events(projection.columns, parents, {}, count), sorted(left)

    def _apart(self, lists: dict[int, Any], count: int) -> Events:
        """Return the events of lists, each decoded alone; a list that holds anything else is refused."""
        parents: list[int] = []
        texts: list[bytes] = []
        refused: set[int] = set()
        for record, raw in lists.items():
            if len(parents) >= PART_ROWS_LIMIT:
                count = record
                break
            text = bytes(raw)
            if not text.startswith(b"["):
                refused.add(record)
            elements = json_text.elements_of(text)
            parents += [record] * len(elements)
            texts += elements
        projection = self.event.project(texts)
        refused |= {parents[row] for row in projection.failed}
        kept = [row for row, record in enumerate(parents) if record not in refused]
        columns = {key: column.take(kept) for key, column in projection.columns.items()}
        return Events(columns, [parents[row] for row in kept], dict.fromkeys(refused, "message"), count)


def _has_many_values(text: Any) -> bool:
    view = memoryview(text)
    return len(view) > _MANY_VALUES and bytes(view).count(b",") > _MANY_VALUES


def _groups(lists: dict[int, Any], longest_bytes: int) -> Iterator[list[int]]:
    """Yield the records of lists that are decoded in one call, of which no two hold many events."""
    size = _GROUP_BYTES // longest_bytes if longest_bytes else 0
    records = iter(lists)
    while group := list(islice(records, size or 1)):
        yield group


def _one_by_one(decode: Any, lists: dict[int, Any], group: list[int]) -> tuple[list[int], list[Any]]:
    records, decoded = [], []
    for record in group:
        try:
            decoded += decode(lists[record])
        except REFUSED:
            continue
        records.append(record)
    return records, decoded


class ElementTexts(Sequence[bytes]):
    """The text of each event, taken out of the list of its message when it is asked for."""

    def __init__(self, lists: dict[int, Any], records: list[int], sizes: list[int]) -> None:
        self.lists, self.records, self.sizes = lists, records, sizes
        self._elements: list[tuple[int, int]] | None = None
        self._split: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return sum(self.sizes)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...
    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if self._elements is None:
            pairs = zip(self.records, self.sizes, strict=True)
            self._elements = [(record, element) for record, size in pairs for element in range(size)]
        if isinstance(row, slice):
            return [self[index] for index in range(*row.indices(len(self)))]
        record, element = self._elements[row]
        if record != self._split[0]:  # the rows that are asked for mostly ascend
            self._split = record, json_text.elements_of(bytes(self.lists[record]))
        return self._split[1][element]


def _is_of_message(request: FieldRequest) -> bool:
    return set(paths.root_names(request.path)) <= MESSAGE_MEMBERS


def _lists(messages: Projection) -> tuple[dict[int, Any], dict[int, str]]:
    """Return the text of the events of each message, and why a record is no message.

    Whether a text is that of a list shows when it is decoded.
    """
    kinds, texts = messages.columns.pop(_TYPE), messages.columns.pop(_EVENTS)
    for record, outcome in kinds.fallback.items():
        kinds.values[record] = outcome
    for record, outcome in texts.fallback.items():
        texts.values[record] = outcome.encode() if isinstance(outcome, Json) else None
    refused = dict(messages.failed)
    lists: dict[int, Any] = {}
    for record, (kind, text) in enumerate(zip(kinds.values, texts.values, strict=True)):
        if kind == "DATA_MESSAGE" and text is not None:
            lists[record] = text
        elif kind != "CONTROL_MESSAGE":
            refused.setdefault(record, "message")
    return lists, refused


def _refuse_large(lists: dict[int, Any], refused: dict[int, str], messages: Projection) -> None:
    """Take out the lists of messages that hold more events, or are written as more bytes, than a record may."""
    repeated = list(messages.columns.values())
    is_wide = sum(map(_widest, messages.columns.values())) >= _WIDE_BYTES
    if messages.longest_bytes < _LONG_BYTES and not is_wide:
        return
    for record, text in list(lists.items()):
        if len(memoryview(text)) < _LONG_BYTES and not is_wide:
            continue
        values = (column.fallback.get(record, column.values[record]) for column in repeated)
        width_bytes = sum(len(value) for value in values if isinstance(value, str))
        rows = _count(text)
        if rows < 0:
            refused[record] = "message"
        elif rows > RECORD_ROWS_LIMIT:
            refused[record] = "rows"
        elif width_bytes * rows > RECORD_WRITTEN_LIMIT_BYTES:
            refused[record] = "never_fits"
        else:
            continue
        del lists[record]


def _widest(column: RawColumn) -> int:
    """Return the length of the longest text of a column."""
    if column.kind == "str" and not column.fallback:
        return max(map(len, filter(None, column.values)), default=0)
    values = chain(column.values, column.fallback.values())
    return max((len(value) for value in values if isinstance(value, str)), default=0)


def _count(text: Any) -> int:
    """Return how many events a list holds; -1 where it is no list of objects."""
    try:
        return len(_EVENTS_ONLY.decode(text))
    except REFUSED:
        return -1


class _AnyEvent(msgspec.Struct, gc=False):
    """An event none of whose members is read."""


_EVENTS_ONLY: Final = msgspec.json.Decoder(list[_AnyEvent])
_GROUP_BYTES: Final = 1 << 18
"""What is decoded in one call, if it is more than one list: less than the events of so many bytes more than a part
holds, 90,000 at worst."""
_MANY_VALUES: Final = 1_000_000
"""Ten members of each event that a record may hold; where there are more, values that nobody asked for are not made."""
_LONG_BYTES: Final = 2 * RECORD_ROWS_LIMIT
"""Lists of fewer bytes hold no more events than a record may, whatever they hold: a digit and a comma is least."""
_WIDE_BYTES: Final = 1_024
"""What is repeated in each row of a message is mostly shorter: owner, group and stream."""


def _merge(one: Events, other: Events) -> Events:
    """Return the events of two halves of a batch in the order of their messages."""
    parents = one.parents + other.parents
    order = sorted(range(len(parents)), key=parents.__getitem__)
    start = len(one.parents)
    columns = {}
    for key, column in one.columns.items():
        more = other.columns[key]
        known = column.fallback | {start + row: outcome for row, outcome in more.fallback.items()}
        columns[key] = RawColumn(column.kind, column.values + more.values, known).take(order)
    count = min(one.messages, other.messages)
    return Events(columns, [parents[row] for row in order], one.refused | other.refused, count)
