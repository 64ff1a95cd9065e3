"""Locations of records, as pairs of an object's number and a record's number in it, and their ranges.

How a location is written is decided by `LocationNames` alone. Invariant: ranges are in order, do not touch, and hold
each location once.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Location: TypeAlias = tuple[int, int]


class Span(NamedTuple):
    """Records `first` to `last`, both included, of one object."""

    file: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def spans(locations: Iterable[Location]) -> list[Span]:
    """Return the ranges of places in any order."""
    ranges: list[Span] = []
    for file, number in sorted(locations):
        if ranges and ranges[-1].file == file and ranges[-1].last >= number - 1:
            ranges[-1] = Span(file, ranges[-1].first, max(number, ranges[-1].last))
        else:
            ranges.append(Span(file, number, number))
    return ranges


class LocationNames:
    """What places are called: `FILE:12-40`, or `FILE: records 12-40` where records are no lines."""

    def __init__(self, files: Sequence[str], are_lines: bool = True) -> None:
        self._files = files
        self._are_lines = are_lines

    def location(self, file: int, number: int) -> str:
        """Return the name of one place."""
        return f"{self._files[file]}:{number}" if self._are_lines else f"{self._files[file]}: record {number}"

    def span(self, span: Span) -> str:
        """Return the name of a range."""
        if span.first == span.last:
            return self.location(span.file, span.first)
        joint = ":" if self._are_lines else ": records "
        return f"{self._files[span.file]}{joint}{span.first}-{span.last}"
