"""Failed records in groups: by error code, and by what the transform says of the record today.

How they are shown is the command's. Invariant: memory is bounded by the number of groups, which is bounded itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fastxform.tools.replay.failures import Failure

GROUPS_MAX: Final = 1_000
"""Groups that are separated; error codes come from outside. Ours."""

OTHER: Final = "(other codes)"
UNNAMED: Final = "(no error code)"
AFTER: Final = "after the transform"
"""What stands for today's answer where the bytes are not what the stream got."""

DATA_LIMIT_BYTES: Final = 4_096
"""Bytes of an example's record that are kept. Ours."""


@dataclass(frozen=True, slots=True)
class RecordExample:
    """One record of a group: where it is, and its first bytes."""

    file: int
    line: int
    data: bytes


@dataclass(slots=True)
class Group:
    """Records that failed alike."""

    code: str
    today: str | None
    message: str
    records: int = 0
    size_bytes: int = 0
    attempts: tuple[int, int] | None = None
    arrived_ms: tuple[int, int] | None = None
    examples: list[RecordExample] = field(default_factory=list)


class Groups:
    """The groups of a run."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._groups: dict[tuple[str, str | None], Group] = {}
        self.records = 0
        self.size_bytes = 0

    def add(self, failure: Failure, today: str | None) -> None:
        """Count one record; `today` is `Ok`, `Dropped`, a reason, `AFTER`, or None where nobody asked."""
        code = failure.code or UNNAMED
        group = self._groups.get((code, today))
        if group is None:
            if len(self._groups) >= GROUPS_MAX:
                code = OTHER
            group = self._groups.setdefault((code, today), Group(code, today, failure.message))
        self.records += 1
        self.size_bytes += len(failure.data)
        group.records += 1
        group.size_bytes += len(failure.data)
        group.attempts = _widened(group.attempts, failure.attempts)
        group.arrived_ms = _widened(group.arrived_ms, failure.arrived_ms)
        if len(group.examples) < self._examples:
            group.examples.append(RecordExample(failure.file, failure.line, failure.data[:DATA_LIMIT_BYTES]))

    def __iter__(self) -> Iterator[Group]:
        """Return the groups, the largest first."""
        return iter(sorted(self._groups.values(), key=lambda group: (-group.records, group.code, group.today or "")))


def _widened(span: tuple[int, int] | None, value: int | None) -> tuple[int, int] | None:
    if value is None:
        return span
    return (value, value) if span is None else (min(span[0], value), max(span[1], value))
