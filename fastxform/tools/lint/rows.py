"""Findings about what one row is: members that no log event is known to have, and partition keys that rows differ in.

Invariant: what is said is true of every record, whatever it holds; so all of it is a hint.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fastxform.config.columns import LOG_EVENT
from fastxform.config.expressions import names_in
from fastxform.config.model import Column, Spec
from fastxform.decode.fields import MESSAGE_MEMBERS
from fastxform.query import paths
from fastxform.tools.lint.finding import Finding

_KNOWN: Final = (*LOG_EVENT, *sorted(MESSAGE_MEMBERS))


def log_members(spec: Spec, columns: tuple[Column, ...]) -> Iterator[Finding]:
    """Yield a hint for each column of a member that no message or event of CloudWatch Logs is known to have."""
    if spec.source != "cloudwatch-logs":
        return
    layers = _layers(spec)
    for column in columns:
        for root in () if column.path is None else paths.root_names(paths.compile_path(column.path)):
            if root not in _KNOWN and root not in layers:
                known = ", ".join(_KNOWN)
                message = f"no log event is known to have {root}, which is null without it; known are {known}"
                yield Finding("hint", "log-member", column.location, message)


def mixed_keys(spec: Spec, name: str) -> Iterator[Finding]:
    """Yield a hint for each partition key in which the rows of one record may differ."""
    if not spec.is_multi_row:
        return
    columns = {column.name: column for column in spec.columns or ()}
    what = {
        "fail": 'and such a record fails (documents); mixed = "first" sends it where its first row goes',
        "first": "and such a record goes where its first row goes",
    }[spec.mixed]
    for key, expression in spec.partition_keys:
        if any(_is_of_row(spec, columns, column, frozenset()) for column in names_in(expression)):
            message = f"rows of one record may differ in the partition key {key}, {what}"
            yield Finding("hint", "mixed-rows", name, message)


def _is_of_row(spec: Spec, columns: Mapping[str, Column], name: str, seen: frozenset[str]) -> bool:
    """Tell whether a column may differ between the rows of one record."""
    column = columns.get(name)
    if column is None or name in seen:
        return False
    if column.expr is not None:
        return any(_is_of_row(spec, columns, other, seen | {name}) for other in names_in(column.expr))
    if column.path is None:
        return False  # of the record, as `meta` is
    if spec.documents == "many":
        return True
    roots = paths.root_names(paths.compile_path(column.path))
    if spec.source == "cloudwatch-logs":
        return not set(roots) <= MESSAGE_MEMBERS
    return any(_is_of_element(spec, root) for root in roots)


def _is_of_element(spec: Spec, root: str) -> bool:
    """Tell whether a path begins with an element of the list that is exploded, or with what is parsed out of one."""
    assert spec.explode is not None
    if root in (spec.explode.name, spec.explode.index):
        return True
    parse = next((parse for parse in spec.parses if parse.name == root), None)
    return parse is not None and any(
        _is_of_element(spec, below) for below in paths.root_names(paths.compile_path(parse.of))
    )


def _layers(spec: Spec) -> set[str | None]:
    explode = spec.explode
    return {parse.name for parse in spec.parses} | (set() if explode is None else {explode.name, explode.index})
