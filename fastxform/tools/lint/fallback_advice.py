"""Paths that the `jmespath` package has to evaluate record by record, and what would be compiled instead.

Which paths are compiled is decided in `fastxform.query.paths`. Invariant: a path that is suggested is JMESPath, and
compiled.
"""

import re
from typing import Final

from fastxform.query import paths

COMPILED: Final = "a.b, a[0].b, a || b, (a || b).c, header(a, 'b') and x[?k=='v'].y | [0]"
"""The shapes that are compiled, for people to read."""

_FILTER: Final = r"(?P<filter>.*\[\?[^\]]*\])"
_MEMBER: Final = r"\s*\.\s*(?P<member>[^\[\]|&()]+?)"
_REWRITES: Final = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (rf"{_FILTER}\s*\|\s*\[0\]{_MEMBER}", r"\g<filter>.\g<member> | [0]"),
        (rf"{_FILTER}\s*(?:\[0\])?{_MEMBER}\s*(?:\[0\])?", r"\g<filter>.\g<member> | [0]"),
        (r"\s*@\s*\.\s*(?P<rest>.*)", r"\g<rest>"),
        (r"(?P<head>[^\[\]|&()?]+?)\s*\|\s*(?P<rest>[^\[\]|&()?]+)", r"\g<head>.\g<rest>"),
        (r"\s*not_null\(\s*(?P<head>[^(),]+?)\s*,\s*(?P<rest>[^(),]+?)\s*\)\s*", r"\g<head> || \g<rest>"),
    )
)
"""Spellings that often mean nearly the same, tried in this order."""

_CONVERTED: Final = re.compile(r"\s*to_(?P<kind>string|number)\((?P<path>[^()]+)\)\s*")
_TYPES: Final = {"string": 'type = "string"', "number": 'a type, such as type = "int64"'}
_CALL: Final = re.compile(r"(?P<name>[a-z_]+)\s*\(")
_OF_LISTS: Final = frozenset(
    (
        *("avg", "join", "keys", "length", "map", "max", "max_by", "merge", "min", "min_by", "reverse", "sort"),
        *("sort_by", "sum", "to_array", "type", "values"),
    )
)
"""JMESPath's functions that take or give lists and objects."""


def advice(path: paths.Compiled) -> str:
    """Return what to write in place of a path that is evaluated record by record."""
    for pattern, replacement in _REWRITES:
        match = pattern.fullmatch(path.text)
        if match and _is_compiled(candidate := match.expand(replacement)):
            return f"if it means the same for these records, write {candidate}"
    converted = _CONVERTED.fullmatch(path.text)
    if converted and _is_compiled(converted["path"]):
        return f"write {converted['path'].strip()}, and {_TYPES[converted['kind']]}"
    call = _CALL.match(path.text.lstrip())
    if call and call["name"] in _OF_LISTS:
        return "expr has no functions of lists, so that it stays as it is"
    if call:
        return "take the value as a column, hidden if need be, and compute in another one with expr"
    return f"compiled are {COMPILED}"


def _is_compiled(text: str) -> bool:
    try:
        return not isinstance(paths.compile_path(text), paths.Compiled)
    except paths.PathError:
        return False
