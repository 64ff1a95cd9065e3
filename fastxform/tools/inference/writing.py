"""A plan as the text of a configuration, with comments.

What is in it was decided before. Invariant: the text is TOML whatever the names and values are, and every comment is
one line of printable characters.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from fastxform.config.diagnostics import key
from fastxform.errors import one_line
from fastxform.tools.inference.draft import (
    DraftColumn,
    DraftExplode,
    DraftParse,
    DraftPlan,
    DraftRoute,
    DraftSpread,
    Format,
)

_NOT_LITERAL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_WIDEST_NAME: Final = 24


def configuration(plan: DraftPlan, head: list[str], output: Format, *, escapes_newlines: bool = False) -> str:
    """Return the configuration without tests; `head` is the lines of its first comment."""
    lines = [*(_comment(line) for line in head), "", "version = 1", f"source = {text(plan.source)}"]
    if plan.documents is not None:
        lines.append(f"documents = {text(plan.documents)}          # a record holds several")
    if plan.images is not None:
        lines.append(f"images = [{', '.join(map(text, plan.images))}]                 # a record is an image itself")
    if plan.routes:
        lines.append('unmatched = "fail"              # a record that no route takes; "drop" leaves it out')
    lines += [_comment(hint) for hint in plan.hints]
    lines += ["", "[output]", f"format = {text(output)}"]
    if escapes_newlines:
        lines.append('newlines = "escape"             # values hold line breaks, and Athena reads a row a line')
    for parse in plan.parses:
        lines += ["", *_parse(parse)]
    if plan.explode is not None:
        lines += ["", *_explode(plan.explode)]
    if plan.columns:
        lines += ["", "[columns]", *_columns(plan.columns)]
        if plan.explode is not None:
            lines += [_comment(line) for line in _columns(plan.explode.columns)]
        if output == "json":
            lines += [_comment(line) for spread in plan.spreads for line in _spread(spread)]
    for route in plan.routes:
        lines += ["", *_route(route)]
    return "\n".join(lines) + "\n"


def example(name: str, payload: str, outcome: str, value: str) -> str:
    """Return one test: its record, and what becomes of it."""
    return f"\n[[tests]]\nname = {text(name)}\ninput = {verbatim(payload)}\n{outcome} = {verbatim(value)}\n"


def _parse(parse: DraftParse) -> Iterator[str]:
    yield f"[parse.{parse.name}]"
    yield f"of = {text(parse.of)}"
    yield f"format = {text(parse.format)}"
    if parse.fields:
        yield f"fields = [{', '.join(map(text, parse.fields))}]   # give them their names, in this order"
    if parse.delimiter is not None:
        yield f"delimiter = {text(parse.delimiter)}"
    if parse.is_mixed:
        yield 'invalid = "null"               # not every text of the sample is one: the others have no members'


def _explode(explode: DraftExplode) -> Iterator[str]:
    """Yield the lines of a choice, each a comment that becomes the file's by taking the sign away."""
    yield "# A row for each element of a list instead of one for the record: take the # from this block, and from the"
    yield f"# columns of {explode.name} below. Not with iceberg."
    yield _comment("[explode]")
    yield _comment(f"path = {text(explode.path)}")
    yield _comment(f"as = {text(explode.name)}")


def _spread(spread: DraftSpread) -> Iterator[str]:
    yield f"The members of {spread.title} under their own names, later ones too, in place of its columns:"
    yield f"{key(spread.name)} = {{ path = {text(spread.path)}, spread = true }}"


def _route(route: DraftRoute) -> Iterator[str]:
    yield "[[routes]]"
    yield f"where = {text(route.where)}   {_comment(route.title)}"
    if route.hint:
        yield _comment(route.hint)
    if route.columns:
        yield ""
        yield "[routes.columns]"
        yield from _columns(route.columns)


def _columns(columns: list[DraftColumn]) -> Iterator[str]:
    names = [key(column.name) for column in columns]
    width = max((len(name) for name in names if len(name) <= _WIDEST_NAME), default=0)
    for column, name in zip(columns, names, strict=True):
        yield f"{name:<{width}} = {_column(column)}   {_comment(column.comment)}"


def _column(column: DraftColumn) -> str:
    members = []
    if column.path is not None:
        members.append(f"path = {text(column.path)}")
    if column.rest is not None:
        members.append(f"rest = {text(column.rest)}")
    if column.type is not None:
        members.append(f"type = {text(column.type)}")
    if column.required:
        members.append("required = true")
    if column.hidden:
        members.append("hidden = true")
    return "{ " + ", ".join(members) + " }" if members else text(key(column.name))


def _comment(line: str) -> str:
    return f"# {one_line(line)}".rstrip()


def text(value: str) -> str:
    """Return a text as TOML spells it, in one line: in single quotes where the other ones would need escapes."""
    escaped = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if "\\" in escaped and "'" not in value and value.isprintable():
        return f"'{value}'"
    return escaped


def verbatim(value: str) -> str:
    """Return a text as TOML spells it, of any number of lines, without escapes where that can be."""
    if "\n" not in value or "'''" in value or _NOT_LITERAL.search(value):
        return text(value)
    return f"'''\n{value}'''"
