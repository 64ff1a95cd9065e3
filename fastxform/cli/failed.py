"""Groups of failed records as a table, and for programs.

Values of records are in it only where `--show-data` asks for them. Invariant: a group is one line and the lines of its
examples, and nothing of a record moves the cursor.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import amount, explain, visible
from fastxform.cli.tables import grid
from fastxform.errors import DROPPED, OK

if TYPE_CHECKING:
    from fastxform.tools.replay.groups import Group, Groups
    from fastxform.tools.replay.locations import LocationNames

_DATA_SHOWN_CHARACTERS: Final = 200
_HEAD: Final = ("records", "error code", "today", "attempts", "first arrival", "last arrival", "size")


def table(groups: "Groups", names: "LocationNames", options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table, the largest group first."""
    sorted_groups = list(groups)
    if not sorted_groups:
        return
    kept = [at for at, name in enumerate(_HEAD) if options.config is not None or name != "today"]
    rows = [([_cells(group)[at] for at in kept], list(_details(group, names, options))) for group in sorted_groups]
    yield from grid([_HEAD[at] for at in kept], rows, right=(0,))


def _details(group: "Group", names: "LocationNames", options: argparse.Namespace) -> Iterator[str]:
    if group.message:
        yield visible(group.message)
    if group.today is not None and group.today not in (OK, DROPPED):
        known = explain(group.today)
        yield f"today {known}" if "unknown" not in known else f"today {group.today}"
    if group.examples and not options.show_data:
        yield f"as in {', '.join(visible(names.location(one.file, one.line)) for one in group.examples)}"
    if options.show_data:
        for one in group.examples:
            yield f"{visible(names.location(one.file, one.line))}: {_shown(one.data)}"


def _cells(group: "Group") -> tuple[str, ...]:
    first, last = group.arrived_ms or (None, None)
    return (
        str(group.records),
        visible(group.code),
        group.today or "",
        _span(group.attempts),
        _moment(first),
        _moment(last),
        amount(group.size_bytes),
    )


def _span(numbers: tuple[int, int] | None) -> str:
    if numbers is None:
        return "-"
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]}-{numbers[1]}"


def _moment(moment_ms: int | None) -> str:
    if moment_ms is None:
        return "-"
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(data: bytes) -> str:
    """Return the beginning of a record on one line."""
    text = data.decode(errors="backslashreplace")
    more = "..." if len(text) > _DATA_SHOWN_CHARACTERS else ""
    return visible(text[:_DATA_SHOWN_CHARACTERS]) + more


def as_json(group: "Group", names: "LocationNames", options: argparse.Namespace) -> dict[str, Any]:
    """Return a group for programs."""
    examples: list[Any] = [{"place": names.location(one.file, one.line)} for one in group.examples]
    if options.show_data:
        for shown, one in zip(examples, group.examples, strict=True):
            shown["data"] = one.data.decode(errors="backslashreplace")
    return {
        "error_code": group.code,
        "error_message": group.message,
        "today": group.today,
        "records": group.records,
        "bytes": group.size_bytes,
        "attempts": group.attempts,
        "arrived_ms": group.arrived_ms,
        "examples": examples,
    }
