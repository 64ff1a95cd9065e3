"""Members that come in the tests of a file and that no column takes: what is lost when a record has something new.

Invariant: nothing is said of a file that takes but a few members of what it sees, or that keeps the rest.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from fastxform.config.model import Column, Spec
from fastxform.query import paths
from fastxform.tools.lint.finding import Finding

_SHOWN: Final = 3


def drift(spec: Spec, name: str) -> Iterator[Finding]:
    """Yield a hint for the first test that holds members which no column takes."""
    columns = (*(spec.columns or ()), *(column for route in spec.routes for column in route.columns))
    if spec.source not in ("json", "dynamodb") or spec.writes_documents:
        return
    if spec.parses or spec.explode is not None or any(column.rest is not None or column.spread for column in columns):
        return
    taken = [member for column in columns for member in _members(column)]
    keys = {member[-1] for member in taken if "Keys" in member[:-1]}
    for example in spec.tests:
        if example.expect is None:
            continue
        try:
            document = json.loads(example.input)
        except (ValueError, RecursionError):
            continue
        base, members = _object(spec, document)
        named = {member[len(base)] for member in taken if member[: len(base)] == base != member} | keys
        # An empty object, as `send` in a mail event, is nothing that would be lost.
        unnamed = [member for member, value in members.items() if member not in named and value not in (None, {}, [])]
        # Who takes a few members of many means it.
        if unnamed and len(unnamed) < len(members) - len(unnamed):
            more = f" and {len(unnamed) - _SHOWN} more" if len(unnamed) > _SHOWN else ""
            rest = f'others = {{ rest = "{".".join(map(paths.quote, base))}" }}'
            message = (
                f"{example.name}: no column takes {', '.join(unnamed[:_SHOWN])}{more}; {rest} keeps what no other does"
            )
            yield Finding("hint", "drift", name, message)
            return


def _members(column: Column) -> list[tuple[str, ...]]:
    if column.path is None:
        return []
    path = paths.compile_path(column.path)
    return paths.members_of(path) or [(root,) for root in paths.root_names(path)]


def _object(spec: Spec, document: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return where the object of a record is whose members are columns, and its members."""
    if spec.source == "json":
        return (), document if isinstance(document, dict) else {}
    for image in spec.images:
        names = () if image == "@" else tuple(image.split("."))
        found = document
        for step in names:
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, dict) and names[-1:] != ("Keys",):
            return names, found
    return (), {}
