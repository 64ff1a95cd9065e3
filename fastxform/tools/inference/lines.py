"""Log lines: events of CloudWatch Logs messages, and records that are text.

What is in a line is decided in `texts`. Invariant: a line is a row, and stays a column as long as not every one of them
is of the format that was found.
"""

from typing import Any, Final

from fastxform.decode.fields import MESSAGE_MEMBERS
from fastxform.tools.inference.columns import Place, columns, comment, dotted, places
from fastxform.tools.inference.documents import RejectedError
from fastxform.tools.inference.draft import DraftColumn, DraftParse, DraftPlan, holds_json
from fastxform.tools.inference.layers import with_texts
from fastxform.tools.inference.samples import Samples
from fastxform.tools.inference.shapes import Budget, Shape


class LogEvents:
    """Messages of CloudWatch Logs, each with several events."""

    title = "CloudWatch Logs messages"
    _OF_RECORD: Final = {"logGroup": "log_group", "logStream": "log_stream", "owner": "owner"}
    _OF_EVENT: Final = ("id", "timestamp", "message")

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._record = {name: Shape() for name in (*self._OF_RECORD, "policyLevel")}
        self._event = {name: Shape() for name in self._OF_EVENT}
        self._more = Shape()
        self._messages = 0
        self._events = 0

    def add(self, document: dict[str, Any], text: bytes | None) -> None:
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
            known = (*self._OF_EVENT, *MESSAGE_MEMBERS)
            self._more.add({name: value for name, value in event.items() if name not in known}, self._budget)

    def plan(self) -> DraftPlan:
        """Return the columns of a log, a row for each event, and of what its messages hold."""
        drafts = []
        for member, name in self._OF_RECORD.items():
            shape = self._record[member]
            drafts.append(DraftColumn(name, member, "string", comment(shape, max(self._messages, 1))))
        if (level := self._record["policyLevel"]).count:
            drafts.append(DraftColumn("policy_level", "policyLevel", "string", comment(level, self._messages)))
        roots = (*self._OF_EVENT, *MESSAGE_MEMBERS, *self._more.members)
        message = Place(("message",), self._event["message"], "message")
        leaves, parses = with_texts([message], self._events, roots)
        for member in self._OF_EVENT:
            shape = self._event[member]
            if member != "message" or any(place.path == "message" for place in leaves):
                note = comment(shape, max(self._events, 1))
                drafts.append(DraftColumn(member, member, _log_type(member, shape), note))
        more = [*places(self._more, dotted), *(place for place in leaves if place.path != "message")]
        inner, _ = columns(more, self._events, [draft.name for draft in drafts])
        for draft in inner:
            draft.required = False  # the lines of a log are of many minds
        drafts += inner
        return DraftPlan("cloudwatch-logs", drafts, parses=parses, hints=_where_hints(parses, inner), prefers_json=True)


def _where_hints(parses: list[DraftParse], drafts: list[DraftColumn]) -> list[str]:
    """Return the condition that leaves out lines of another form."""
    if not parses or not parses[0].is_mixed:
        return []
    paths = f"{parses[0].name}."
    column = next((draft for draft in drafts if (draft.path or "").startswith(paths)), None)
    if column is None or not column.name.isidentifier():
        return []
    return [f'where = "{column.name} is not None"   # leaves out lines that are not {parses[0].format}']


def _log_type(member: str, shape: Shape) -> str:
    if member == "timestamp" and set(shape.kinds) <= {"number"} and shape.numbers.are_times:
        return "timestamp[ms]"
    return "string"


class TextLines:
    """Records that are text, of one line or of many."""

    title = "text"

    def __init__(self, budget: Budget) -> None:
        self.count = 0
        self.samples = Samples()
        self._budget = budget
        self._text = Shape()
        self._is_many = False

    @property
    def holds_json(self) -> bool:
        """Tell whether some of the lines are JSON."""
        return self._text.inside is not None

    def add(self, document: str, text: bytes | None) -> None:
        """Add the lines of one record."""
        lines = [line.removesuffix("\r") for line in document.split("\n")]
        lines = [line for line in lines if line]
        self._is_many = self._is_many or len(lines) > 1
        for line in lines:
            self.count += 1
            self._text.add(line, self._budget)
        self.samples.add_by_size(len(lines), text)

    def plan(self) -> DraftPlan:
        """Return the columns of the format of the lines, and the line itself where it has none."""
        line = Place(("text",), self._text, "text")
        leaves, parses = with_texts([line], self.count, ("text",), are_lines=True)
        drafts, _ = columns(leaves, self.count)
        return DraftPlan(
            "text",
            drafts,
            documents="many" if self._is_many else None,
            parses=parses,
            hints=_where_hints(parses, drafts),
            prefers_json=holds_json(drafts),
        )
