"""Columns that are the members of an object: which values are one, and which of its members are left.

How members are written is `encode`'s. Invariant: a member that is left keeps its text, and one that is repeated counts
once, by its last value.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from fastxform.core import json_text
from fastxform.core.values import BAD_TYPE, Json, Outcome, RawColumn

Tree = dict[str, Any]
"""The members that are left out of an object: None for a whole one, else the tree of those in it."""


def objects_of(column: RawColumn, without: Iterable[tuple[str, ...]] | None) -> RawColumn:
    """Return a column of JSON texts in which what is neither an object nor null is refused.

    Args:
        column: decoded as `json`.
        without: members that are left out, each as the names that lead to it; null where nothing is left. None leaves
            objects as they are.
    """
    tree = None if without is None else _tree(without)
    fallback = {row: _object(outcome, tree) for row, outcome in column.fallback.items()}
    values: list[Any] = []
    for row, value in enumerate(column.values):
        outcome = _object(value, tree)
        if outcome is BAD_TYPE:
            fallback.setdefault(row, outcome)
            outcome = None
        values.append(outcome)
    return RawColumn("mixed", values, fallback)


def _tree(members: Iterable[tuple[str, ...]]) -> Tree:
    tree: Tree = {}
    for *outer, name in sorted(members, key=len):
        node: Tree | None = tree
        for step in outer:
            node = None if node is None else node.setdefault(step, {})
        if node is not None:  # else a member around it is left out
            node[name] = None
    return tree


def _object(value: Outcome, tree: Tree | None) -> Outcome:
    if value is None or not isinstance(value, str | int):
        return value
    if type(value) is not Json or not value.startswith("{"):
        return BAD_TYPE
    if tree is None:
        return value
    left = _left(json_text.raw_members(value.encode()), tree)
    return Json(_ENCODE(left).decode()) if left else None


def _left(members: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """Return members less those of a tree; an object of which nothing is left is none."""
    left: dict[str, Any] = {}
    for name, member in members.items():
        below = tree.get(name, {})
        if below is None:
            continue
        text = bytes(member)
        if not below or not text.startswith(b"{"):
            left[name] = member
            continue
        inner = json_text.raw_members(text)
        kept = _left(inner, below)
        if kept or not inner:
            left[name] = kept
    return left


_ENCODE: Final = msgspec.json.Encoder().encode
