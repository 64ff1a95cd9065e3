"""The type of a table's column that holds an object or a list: `struct<>`, `array<>` and `map<>` in Athena's words.

It says what a `json` column is in a table; values are not held against it. Invariant: two spellings of one type, with
other white space or other case of its words, come to the same text.
"""

import re
from typing import Final

from fastxform.errors import nearest, shown

DEPTH_LIMIT: Final = 16
"""Levels of nesting that Firehose writes into Iceberg tables (considerations and limitations, 2026-11)."""

_PLAIN: Final = (
    "string",
    "boolean",
    "int",
    "bigint",
    "float",
    "double",
    "date",
    "timestamp",
    "binary",
)
_NESTED: Final = ("struct", "array", "map")
_ALIASES: Final = {
    "str": "string",
    "text": "string",
    "varchar": "string",
    "bool": "boolean",
    "integer": "int",
    "int32": "int",
    "long": "bigint",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "list": "array",
    "object": "struct",
}
_TOKEN: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|\d+|[<>(),:]|\S)")


class NestedTypeError(ValueError):
    """A text is no type of a nested column; the message says where and what it takes."""


def parse_nested(text: str) -> str:
    """Return a type in its one spelling, `struct<city:string,tags:array<string>>`.

    Raises:
        NestedTypeError: it is none, or is not nested.
    """
    reader = _NestedReader([match[1] for match in _TOKEN.finditer(text.rstrip())])
    found = reader.type(1)
    if reader.peek():
        raise NestedTypeError(f"has {shown(reader.peek())} behind its end")
    if "<" not in found:
        raise NestedTypeError(f"{found} is no nested type; write struct<...>, array<...> or map<string,...>")
    return found


def split_nested(text: str) -> tuple[str, list[str]]:
    """Return the word of a type in its one spelling, and what stands in its brackets, part by part."""
    word, bracket, _ = text.replace("(", "<").partition("<")
    if not bracket:
        return text, []
    parts, depth = [""], 0
    for character in text[len(word) + 1 : -1]:
        depth += (character in "<(") - (character in ">)")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return word, parts


class _NestedReader:
    """Reads a type from its tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0

    def peek(self) -> str:
        """Return the token that comes, empty at the end."""
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        token = self.peek()
        if wanted and token not in wanted:
            raise NestedTypeError(f"has {shown(token) if token else 'its end'} where {' or '.join(wanted)} has to be")
        self._next += 1
        return token

    def type(self, depth: int) -> str:
        """Read one type, `depth` levels below the column's own table."""
        if depth > DEPTH_LIMIT:
            raise NestedTypeError(f"nests deeper than {DEPTH_LIMIT} levels, which Firehose does not write")
        word = self._take()
        name = word.lower()
        if name in _PLAIN:
            return name
        if name == "decimal":
            return self._decimal()
        if name not in _NESTED:
            known = (*_PLAIN, "decimal(10,2)", *_NESTED)
            remedy = f"write {_ALIASES[name]}" if name in _ALIASES else nearest(name, known)
            raise NestedTypeError(f"unknown type {shown(word)}; {remedy}" if word else "ends where a type has to be")
        self._take("<")
        inner = self._fields(depth) if name == "struct" else self._members(name, depth)
        self._take(">")
        return f"{name}<{','.join(inner)}>"

    def _decimal(self) -> str:
        self._take("(")
        precision = self._take()
        self._take(",")
        scale = self._take()
        self._take(")")
        is_fit = precision.isdecimal() and scale.isdecimal() and 1 <= int(precision) <= 38
        if not is_fit or int(scale) > int(precision):
            raise NestedTypeError("decimal takes its digits, 1 to 38, and how many of them are fraction: decimal(10,2)")
        return f"decimal({int(precision)},{int(scale)})"

    def _fields(self, depth: int) -> list[str]:
        fields: dict[str, str] = {}
        while True:
            name = self._take()
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
                raise NestedTypeError(f"has {shown(name) if name else 'its end'} where the name of a member has to be")
            if name in fields:
                raise NestedTypeError(f"has the member {name} twice")
            self._take(":")
            fields[name] = self.type(depth + 1)
            if self.peek() != ",":
                return [f"{known}:{kind}" for known, kind in fields.items()]
            self._take(",")

    def _members(self, name: str, depth: int) -> list[str]:
        first = self.type(depth + 1)
        if name == "array":
            return [first]
        if first != "string":
            raise NestedTypeError(f"the keys of a map are texts: map<string,...>, not map<{first},...>")
        self._take(",")
        return [first, self.type(depth + 1)]
