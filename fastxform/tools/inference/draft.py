"""A configuration that is being made: columns and routes before they are text, and what the caller gets in the end.

The families fill it, `writing` spells it. Invariant: a draft names each column once, and every type is one of the
file's spellings.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["csv", "json"]


@dataclass(slots=True)
class DraftColumn:
    """One column: its path, or None where the name is the path; `comment` is what the sample says of it."""

    name: str
    path: str | None
    type: str | None
    comment: str
    required: bool = False
    hidden: bool = False
    rest: str | None = None
    """The path of the object of which it is the rest, empty for the record; then it has no path and no type."""


@dataclass(slots=True)
class DraftRoute:
    """The records of one kind: what they are, the condition on the shared columns, and the columns of their own."""

    title: str
    where: str
    columns: list[DraftColumn]
    hint: str = ""


@dataclass(slots=True)
class DraftParse:
    """A text that holds more: its path, and how it is written; `is_mixed`, some of the values are of another form."""

    name: str
    of: str
    format: str
    is_mixed: bool = False
    fields: tuple[str, ...] = ()
    delimiter: str | None = None


@dataclass(slots=True)
class DraftExplode:
    """A list that may be exploded, and the columns of an element; it is written as a comment."""

    path: str
    name: str
    columns: list[DraftColumn]


@dataclass(slots=True)
class DraftSpread:
    """An object whose members may stand in the row; it is written as a comment, and `title` says what it is."""

    name: str
    path: str
    title: str


@dataclass(slots=True)
class DraftPlan:
    """What one family makes of its records: everything of the file but its head and its tests."""

    source: str
    columns: list[DraftColumn]
    documents: str | None = None
    images: list[str] | None = None
    parses: list[DraftParse] = field(default_factory=list)
    explode: DraftExplode | None = None
    spreads: list[DraftSpread] = field(default_factory=list)
    """Objects that may be spread where the output is JSON."""
    routes: list[DraftRoute] = field(default_factory=list)
    prefers_json: bool = False
    hints: list[str] = field(default_factory=list)
    """Lines of TOML that are written as comments above the columns."""
    notes: list[str] = field(default_factory=list)
    """What the user is shown of it."""


def holds_json(drafts: Iterable[DraftColumn]) -> bool:
    """Tell whether a column is of objects or lists, which CSV has in quotes."""
    return any(column.type == "json" or column.rest is not None for column in drafts)


def left_out_notes(count: int, drafts: Iterable[DraftColumn] = ()) -> list[str]:
    """Return what the user is shown of places that became no column, and may be in a rest."""
    rest = next((draft.name for draft in drafts if draft.rest is not None), None)
    if count and rest is not None:
        return [f"{count} members have no column of their own: they are too many, and {rest} holds them"]
    return [f"{count} members have no column: they are too many, and these are the rarest"] if count else []


@dataclass(frozen=True, slots=True)
class Inferred:
    """A configuration out of a sample, and what became of the sample's records.

    `families` counts the records that were understood, the family of the configuration first; `skipped` counts the
    others by reason; `results` what the configuration makes of the first records of its family.
    """

    text: str
    title: str
    families: dict[str, int]
    skipped: Counter[str]
    results: Counter[str]
    columns: int
    tests: int
    is_partial: bool
    """Whether the sample has more records than were read."""
    notes: tuple[str, ...] = ()
