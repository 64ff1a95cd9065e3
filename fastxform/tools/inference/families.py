"""The families of records: each gathers what its documents have, and plans the configuration for them.

How documents are separated is in `documents`; DynamoDB's are in `changes`, those of log lines in `lines`. Invariant:
what is gathered has a bound, whatever the number of documents; a plan takes every document that was gathered.
"""

from collections.abc import Callable
from typing import Any, Final, Protocol

from fastxform.tools.inference.changes import BareImages, DynamodbChanges
from fastxform.tools.inference.columns import Place, columns, dotted, places
from fastxform.tools.inference.documents import Family
from fastxform.tools.inference.draft import DraftPlan, DraftRoute, holds_json, left_out_notes
from fastxform.tools.inference.layers import explode_of, with_texts
from fastxform.tools.inference.lines import LogEvents, TextLines
from fastxform.tools.inference.open_objects import hidden_texts, spreads_of, with_rest
from fastxform.tools.inference.samples import Samples
from fastxform.tools.inference.shapes import Budget, Shape

_ROUTES_LIMIT: Final = 20


class Gatherer(Protocol):
    """One family: documents go in, a plan comes out; `title` says what they are, `count` how many rows they are."""

    @property
    def title(self) -> str:
        """What the documents are, in the plural."""

    count: int
    samples: Samples

    def add(self, document: Any, text: bytes | None) -> None:
        """Add one document of a record.

        Args:
            document: its members; of a text the text.
            text: the record; None behind the first document of one.

        Raises:
            RejectedError: it is no record of the family.
        """

    def plan(self) -> DraftPlan:
        """Return the configuration for the documents."""


class PlainJson:
    """Documents of no family that is known."""

    title = "JSON documents"

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._root = Shape()

    def add(self, document: dict[str, Any], text: bytes | None) -> None:
        """Add one document."""
        self.count += 1
        self._root.add(document, self._budget)
        self.samples.add_by_size(sum(value is not None for value in document.values()), text)

    def plan(self) -> DraftPlan:
        """Return a column for every member, nested ones too, and those inside of texts."""
        roots = list(self._root.members)
        leaves = with_rest(places(self._root, dotted), self.count, "", is_cut=self._root.is_cut)
        leaves, parses = with_texts(leaves, self.count, roots)
        drafts, left_out = columns(leaves, self.count)
        drafts += hidden_texts([(parse.name, parse.of) for parse in parses], drafts)
        return DraftPlan(
            "json",
            drafts,
            parses=parses,
            explode=explode_of(leaves, roots, [draft.name for draft in drafts]),
            spreads=spreads_of(self._root, self.count, dotted, drafts),
            prefers_json=not drafts or holds_json(drafts),
            notes=left_out_notes(left_out, drafts),
        )


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

    def add(self, document: dict[str, Any], text: bytes | None) -> None:
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
        return DraftPlan("json", drafts, routes=routes, prefers_json=True)

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


FAMILIES: Final[dict[Family, Callable[[Budget], Gatherer]]] = {
    "dynamodb": DynamodbChanges,
    "dynamodb-image": BareImages,
    "ses": MailEvents,
    "cloudwatch-logs": LogEvents,
    "json": PlainJson,
    "text": TextLines,
}
"""The families by their names; where two have as many records, the first counts."""
