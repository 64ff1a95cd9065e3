"""The families of records: each gathers what its documents have, and plans the configuration for them.

How documents are told apart is in `documents`. Invariant: what is gathered has a bound, whatever the number of
documents; a plan takes every document that was gathered.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Protocol

from fastxform.core.values import Number
from fastxform.decode import dynamodb
from fastxform.tools.inference.columns import Place, columns, comment, dotted, places
from fastxform.tools.inference.documents import EVENT_NAMES, RejectedError
from fastxform.tools.inference.draft import DraftColumn, DraftPlan, DraftRoute
from fastxform.tools.inference.samples import Samples
from fastxform.tools.inference.shapes import Binary, Budget, Shape

_IMAGE: Final = "(dynamodb.NewImage || dynamodb.OldImage)"
_CREATION: Final = "ApproximateCreationDateTime"
_ROUTES_LIMIT: Final = 20


class Gatherer(Protocol):
    """One family: documents go in, a plan comes out."""

    title: str
    count: int
    samples: Samples

    def add(self, document: dict[str, Any], text: bytes) -> None:
        """Add one document, whose text is `text`; raise `RejectedError` where it is no record of the family."""

    def plan(self) -> DraftPlan:
        """Return the configuration for the documents."""


def _holds_json(drafts: Iterable[DraftColumn]) -> bool:
    return any(column.type == "json" for column in drafts)


def _left_out(count: int) -> list[str]:
    return [f"{count} members have no column: they are too many, and these are the rarest"] if count else []


class PlainJson:
    """Documents of no family that is known."""

    title = "JSON documents"

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._root = Shape()

    def add(self, document: dict[str, Any], text: bytes) -> None:
        """Add one document."""
        self.count += 1
        self._root.add(document, self._budget)
        self.samples.add_by_size(sum(value is not None for value in document.values()), text)

    def plan(self) -> DraftPlan:
        """Return a column for every member, nested ones too."""
        drafts, left_out = columns(places(self._root, dotted), self.count)
        if self._root.is_cut:
            left_out = max(left_out, 1)
        return DraftPlan("json", drafts, prefers_json=not drafts or _holds_json(drafts), notes=_left_out(left_out))


class DynamodbChanges:
    """DynamodbChanges of a DynamoDB table, in both shapes."""

    title = "DynamoDB changes"

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._keys = Shape()
        self._image = Shape()
        self._created = Shape()
        self._names: Counter[str] = Counter()

    def add(self, document: dict[str, Any], text: bytes) -> None:
        """Add one change."""
        double = dynamodb.is_double_encoded(document)
        inside = document["dynamodb"]
        keys = _attributes(inside.get("Keys"), double)
        new, old = _attributes(inside.get("NewImage"), double), _attributes(inside.get("OldImage"), double)
        created = inside.get(_CREATION)
        if created is not None and not isinstance(created, Number):
            raise RejectedError("type")
        name = document.get("eventName")
        kind = name if name in EVENT_NAMES else "another eventName"
        self.count += 1
        self._keys.add(keys, self._budget)
        self._image.add(new or old, self._budget)
        self._created.add(created, self._budget)
        self._names[kind] += 1
        self.samples.add(kind, text)

    def plan(self) -> DraftPlan:
        """Return the key, the other members of the image, and when the change was made."""
        keys = places(self._keys, lambda names: dotted(("dynamodb", "Keys", *names)), exact_numbers=True)
        rest = Shape()
        rest.members = {name: shape for name, shape in self._image.members.items() if name not in self._keys.members}
        image = places(rest, lambda names: f"{_IMAGE}.{dotted(names)}", exact_numbers=True)
        event_name = DraftColumn("eventName", None, None, ", ".join(f"{n} {name}" for name, n in self._names.items()))
        drafts, left_out = columns([*keys, *image], self.count, ("eventName", "changed_at"), root="item")
        is_cut = self._image.is_cut or self._keys.is_cut
        visible = bool(drafts)
        if self._created.numbers.are_times and self._created.count:
            unit = next(unit for unit in ("us", "ms", "s") if unit in self._created.numbers.time_units)
            if self._created.numbers.fraction_digits and unit == "s":
                unit = "ms"
            note = comment(self._created, self.count)
            drafts.append(DraftColumn("changed_at", f"dynamodb.{_CREATION}", f"timestamp[{unit}]", note))
        event_name.hidden = visible
        drafts.append(event_name)
        notes = _left_out(max(left_out, int(is_cut)))
        hints = ["where = \"eventName != 'REMOVE'\"   # leaves out what was deleted"] if visible else []
        return DraftPlan("dynamodb", drafts, prefers_json=_holds_json(drafts), hints=hints, notes=notes)


def _attributes(image: object, double: bool) -> dict[str, Any] | None:
    """Return the members of an image as they are gathered; None where it has none.

    Raises:
        RejectedError: an attribute is malformed.
    """
    if image is None:
        return None
    if not isinstance(image, dict):
        raise RejectedError("type")
    try:
        return {name: _attribute(value, double) for name, value in image.items()}
    except dynamodb.BadAttributeError as err:
        raise RejectedError("type") from err


def _attribute(attribute: Any, double: bool) -> Any:
    """Return a plain value, of maps as deep as they are, binary values known as such."""
    dynamodb.check_shape(attribute)
    ((tag, content),) = attribute.items()
    if tag == "M":
        members = {}
        for name, member in content.items():
            members[name] = _attribute(member, double)
        return members
    value = dynamodb.plain(attribute, double)
    return Binary(value) if tag == "B" else value


class MailEvents:
    """Events of Amazon SES."""

    title = "Amazon SES events"
    _HEADERS: Final = (("from_address", "From"), ("to_address", "To"))

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._shared: dict[str, Shape] = {}
        self._own: dict[str, Shape] = {}

    def add(self, document: dict[str, Any], text: bytes) -> None:
        """Add one event."""
        self.count += 1
        kind, mail = document["eventType"], document["mail"]
        self._add("event_type", kind)
        for name in ("messageId", "timestamp", "source", "tags"):
            self._add(name, mail.get(name))
        for column, header in self._HEADERS:
            self._add(column, _header(mail.get("headers"), header))
        if kind not in self._own and len(self._own) >= _ROUTES_LIMIT:
            return
        own = {name: value for name, value in document.items() if name not in ("eventType", "mail")}
        self._own.setdefault(kind, Shape()).add(own, self._budget)
        self.samples.add(kind, text)

    def _add(self, name: str, value: Any) -> None:
        self._shared.setdefault(name, Shape()).add(value, self._budget)

    def plan(self) -> DraftPlan:
        """Return the columns that all events have, and a route for each type of event."""
        drafts = []
        for name, column, path, kind in (
            ("event_type", "event_type", "eventType", "string"),
            ("messageId", "message_id", "mail.messageId", "string"),
            ("timestamp", "mail_timestamp", "mail.timestamp", ""),
            ("source", "source_address", "mail.source", "string"),
            ("from_address", "from_address", "mail.headers[?name=='From'].value | [0]", "string"),
            ("to_address", "to_address", "mail.headers[?name=='To'].value | [0]", "string"),
            ("tags", "tags", "mail.tags", "string"),
        ):
            shape = self._shared[name]
            if shape.count:
                made, _ = columns([Place((column,), shape, path)], self.count)
                made[0].name, made[0].type = column, kind or made[0].type
                drafts.append(made[0])
        taken = [column.name for column in drafts]
        routes = [self._route(kind, shape, taken) for kind, shape in self._own.items()]
        return DraftPlan("json", drafts, routes, prefers_json=True)

    def _route(self, kind: str, shape: Shape, taken: list[str]) -> DraftRoute:
        # An event's own members are one object deep; below are lists, and tags of any name.
        own = [place for place in places(shape, dotted, depth=2) if not _is_empty_object(place.shape)]
        drafts, _ = columns(own, shape.count, taken)
        table = "_".join(kind.lower().split())
        hint = f'iceberg = {{ database = "email_event", table = "{table}_log" }}' if table.isidentifier() else ""
        return DraftRoute(f"{kind}: {shape.count} of {self.count}", f"event_type == {kind!r}", drafts, hint)


def _is_empty_object(shape: Shape) -> bool:
    return set(shape.kinds) == {"object"} and not shape.member_count


def _header(headers: object, name: str) -> Any:
    """Return the value of the first header of a name."""
    if not isinstance(headers, list):
        return None
    values = (entry.get("value") for entry in headers if isinstance(entry, dict) and entry.get("name") == name)
    return next((value for value in values if value is not None), None)


class LogEvents:
    """Messages of CloudWatch Logs, each with several events."""

    title = "CloudWatch Logs messages"
    _OF_RECORD: Final = ("logGroup", "logStream", "owner")
    _OF_EVENT: Final = ("id", "timestamp", "message")

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._record = {name: Shape() for name in self._OF_RECORD}
        self._event = {name: Shape() for name in self._OF_EVENT}
        self._messages = 0
        self._events = 0

    def add(self, document: dict[str, Any], text: bytes) -> None:
        """Add one message."""
        if not all(isinstance(event, dict) for event in document["logEvents"]):
            raise RejectedError("message")
        self.count += 1
        self.samples.add(document["messageType"], text)
        if document["messageType"] != "DATA_MESSAGE":
            return
        self._messages += 1
        for name, shape in self._record.items():
            shape.add(document.get(name), self._budget)
        for event in document["logEvents"]:
            self._events += 1
            for name, shape in self._event.items():
                shape.add(event.get(name), self._budget)

    def plan(self) -> DraftPlan:
        """Return the columns of a log, a row for each event."""
        drafts = []
        for group, total, names in (
            (self._record, self._messages, ("log_group", "log_stream", "owner")),
            (self._event, self._events, ("id", "timestamp", "message")),
        ):
            for (member, shape), name in zip(group.items(), names, strict=True):
                drafts.append(DraftColumn(name, member, _log_type(member, shape), comment(shape, max(total, 1))))
        return DraftPlan("cloudwatch-logs", drafts, prefers_json=True)


def _log_type(member: str, shape: Shape) -> str:
    if member == "timestamp" and set(shape.kinds) <= {"number"} and shape.numbers.are_times:
        return "timestamp[ms]"
    return "string"


FAMILIES: Final[dict[str, type[PlainJson] | type[DynamodbChanges] | type[MailEvents] | type[LogEvents]]] = {
    "dynamodb": DynamodbChanges,
    "ses": MailEvents,
    "cloudwatch-logs": LogEvents,
    "json": PlainJson,
}
"""The families by their names; where two have as many records, the first counts."""
