"""CloudWatch Logs messages: the columns of their events, and of the messages around them.

A message is decoded as any record is; its list of events stays text at first, and the lists of all messages are then
decoded in one call, or, where an event has a shape that the decoder refuses, each event of its message alone.
Invariant: how events were decoded never shows in their values, and a message that is none has no events.
"""

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Final, overload

import msgspec

from fastxform.core import json_text
from fastxform.core.structs import Struct
from fastxform.core.values import Json, RawColumn
from fastxform.decode.codegen import REFUSED
from fastxform.decode.decoder import Decoder
from fastxform.decode.projection import FieldRequest, Projection, Projector
from fastxform.limits import PART_ROWS_LIMIT, RECORD_ROWS_LIMIT, RECORD_WRITTEN_LIMIT_BYTES
from fastxform.query import paths

_TYPE: Final = object()
_EVENTS: Final = object()
MESSAGE_MEMBERS: Final = frozenset({"messageType", "owner", "logGroup", "logStream", "subscriptionFilters"})
"""What stands in a message beside its events; every other name is a member of an event."""


class Events(Struct):
    """The events of the first messages of a batch: their columns, the message of each, and why a message is none."""

    columns: dict[Any, RawColumn]
    parents: list[int]
    refused: dict[int, str]
    messages: int = 0


class Messages:
    """Reads the columns of events out of messages."""

    def __init__(self, requests: Sequence[FieldRequest]) -> None:
        members = [
            FieldRequest(_TYPE, paths.Dotted(("messageType",)), "string"),
            FieldRequest(_EVENTS, paths.Dotted(("logEvents",)), "text"),
        ]
        self.message = Projector([*members, *(request for request in requests if _is_of_message(request))], "json")
        self.event = Projector([request for request in requests if not _is_of_message(request)], "json")

    def read(self, payloads: Sequence[bytes | None]) -> Events:
        """Return the events of a batch, in the order of their messages: of as many as a part may hold."""
        messages = self.message.project(payloads)
        lists, refused = _lists(messages)
        count = _limit(lists, refused, messages)
        events = None
        while events is None:  # each time the decoder of events is wider
            events = self._attempt(lists)
        for key, column in messages.columns.items():
            events.columns[key] = column.take(events.parents)
            events.columns[key].dictionary = column, events.parents
        events.refused |= refused
        events.messages = count
        return events

    def _attempt(self, lists: dict[int, Any]) -> Events | None:
        """Return the events of lists, or None where the decoder was widened on the way."""
        if self.event.whole is None:
            return self._apart({record: bytes(text) for record, text in lists.items()})
        together, left = self._together(self.event.whole, lists)
        if together is None:
            return None
        if not left:
            return together
        apart = self._apart({record: bytes(lists[record]) for record in left})
        if not together.parents:
            return apart
        if any(column.kind != apart.columns[key].kind for key, column in together.columns.items()):
            return None
        return _merge(together, apart)

    def _together(self, decoder: Decoder, lists: dict[int, Any]) -> tuple[Events | None, list[int]]:
        """Return the events of the lists that are decoded as they are, and the messages of the others."""
        decode = decoder.generated.decode_lists
        try:
            records, found = list(lists), decode(b"\n".join(lists.values()))
        except REFUSED:
            records, found = [], []
            for record, text in lists.items():
                try:
                    found += decode(text)
                except REFUSED:
                    continue
                records.append(record)
        sizes = list(map(len, found))
        projection = self.event.project_decoded(list(chain.from_iterable(found)), _Texts(lists, records, sizes))
        if projection is None:
            return None, []
        parents = list(chain.from_iterable(map(repeat, records, sizes)))
        return Events(projection.columns, parents, {}), sorted(lists.keys() - set(records))

    def _apart(self, lists: dict[int, bytes]) -> Events:
        """Return the events of lists, each decoded alone; a list that holds anything else is refused."""
        split = {record: json_text.elements_of(text) for record, text in lists.items()}
        parents = [record for record, texts in split.items() for _ in texts]
        projection = self.event.project([text for texts in split.values() for text in texts])
        refused = {record for record, text in lists.items() if not text.startswith(b"[")}
        refused |= {parents[row] for row in projection.failed}
        kept = [row for row, record in enumerate(parents) if record not in refused]
        columns = {key: column.take(kept) for key, column in projection.columns.items()}
        return Events(columns, [parents[row] for row in kept], dict.fromkeys(refused, "message"))


class _Texts(Sequence[bytes]):
    """The text of each event, taken out of the list of its message when it is asked for."""

    def __init__(self, lists: dict[int, Any], records: list[int], sizes: list[int]) -> None:
        self.lists, self.records, self.sizes = lists, records, sizes
        self._places: list[tuple[int, int]] | None = None
        self._split: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return sum(self.sizes)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...
    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if self._places is None:
            pairs = zip(self.records, self.sizes, strict=True)
            self._places = [(record, place) for record, size in pairs for place in range(size)]
        if isinstance(row, slice):
            return [self[index] for index in range(*row.indices(len(self)))]
        record, place = self._places[row]
        if record != self._split[0]:  # the rows that are asked for mostly ascend
            self._split = record, json_text.elements_of(bytes(self.lists[record]))
        return self._split[1][place]


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


def _limit(lists: dict[int, Any], refused: dict[int, str], messages: Projection) -> int:
    """Take out the lists of messages that hold too much, and those that a part has no room for.

    Returns:
        How many messages are left, from the first on.
    """
    repeated = list(messages.columns.values())
    rows_most = 0
    for record, text in list(lists.items()):
        # An event has a brace and a comma at least: most messages are too short to hold many of them.
        rows = len(memoryview(text)) // _EVENT_MIN_BYTES + 1
        if rows_most + rows > PART_ROWS_LIMIT:
            rows = _count(text)
        if rows > RECORD_ROWS_LIMIT:
            refused[record] = "rows"
            del lists[record]
            continue
        width_bytes = sum(len(value) for column in repeated if isinstance(value := column.values[record], (str, bytes)))
        if width_bytes > _WIDE_BYTES and width_bytes * min(rows, _count(text)) > RECORD_WRITTEN_LIMIT_BYTES:
            refused[record] = "never_fits"
            del lists[record]
            continue
        if rows_most and rows_most + rows > PART_ROWS_LIMIT:
            for late in [late for late in lists if late >= record]:
                del lists[late]
            for late in [late for late in refused if late >= record]:
                del refused[late]
            return record
        rows_most += rows
    return messages.count


def _count(text: Any) -> int:
    """Return how many events a list holds at most; exactly, where there may be more than a record may hold."""
    braces = bytes(text).count(b"{")
    if braces <= RECORD_ROWS_LIMIT:
        return braces
    try:
        return len(_EVENTS_ONLY.decode(text))
    except REFUSED:  # no list of objects: refused as soon as it is decoded
        return 0


class _AnyEvent(msgspec.Struct, gc=False):
    """An event none of whose members is read."""


_EVENTS_ONLY: Final = msgspec.json.Decoder(list[_AnyEvent])
_EVENT_MIN_BYTES: Final = len("{},")
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
    return Events(columns, [parents[row] for row in order], one.refused | other.refused)
