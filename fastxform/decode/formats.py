"""The named formats of lines, read from `formats.toml`.

What each field of a line is called, and where AWS says so, is data. Invariant: a format that the configuration may name
is in the file, with lines that it reads.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastxform.core.structs import Struct
from fastxform.decode.parsing import Splitter, regex_splitter, separated_splitter

_NULLS: Final = frozenset(("-", ""))


class NamedFormat(Struct, frozen=True):
    """One format.

    Attributes:
        name: as the configuration names it.
        fields: the fields of a line, in order; the configuration gives them where there are none.
        needed: how many of them a line has at least; it may have more than all of them.
        delimiter: between the fields, where there is no pattern.
        quote: around fields that hold the delimiter, or none.
        brackets: whether a field may stand in square brackets.
        pattern: RE2 with a named group for each field.
        source: the page that describes the format.
        samples: lines of the format.
    """

    name: str
    fields: tuple[str, ...]
    needed: int
    delimiter: str
    quote: str
    brackets: bool
    pattern: str | None
    source: str
    samples: tuple[str, ...]

    def splitter(self, fields: Sequence[str] = ()) -> Splitter:
        """Return what tells the fields of lines apart; `fields` are those of a line of one's own."""
        if self.pattern is not None:
            return regex_splitter(self.pattern, _NULLS)
        own = [name.replace("-", "_") for name in fields]
        return separated_splitter(
            own or self.fields, self.delimiter, self.quote, _NULLS, len(own) or self.needed, self.brackets
        )


@cache
def named_formats() -> dict[str, NamedFormat]:
    """Return all formats by their names."""
    content: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("formats.toml").read_text("utf-8"))
    return {name: _format(name, row) for name, row in content.items()}


def named_format(name: str) -> NamedFormat:
    """Return a format that the configuration names."""
    return named_formats()[name]


def _format(name: str, row: dict[str, Any]) -> NamedFormat:
    fields = tuple(row.get("fields", ()))
    return NamedFormat(
        name,
        fields,
        row.get("needed", len(fields)),
        row.get("delimiter", " "),
        row.get("quote", ""),
        row.get("brackets", False),
        row.get("pattern"),
        row["source"],
        tuple(row["samples"]),
    )
