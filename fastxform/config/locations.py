"""Where the keys of a TOML text stand: the line of each, which `tomllib` does not tell.

It is only for messages, and only for text that `tomllib` has accepted, so nothing is checked again here. Invariant:
every key and every element of a list that `tomllib` found has a line, down to a depth that no configuration has.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: names of tables, and indexes of lists from 0."""

# Texts, not compiled patterns: a file without mistakes needs neither in a function.
_TOKENS: Final = r"""
      (?P<string> \"{3} (?: \\. | [^\\] )*? \"{3} (?!\") | '{3} .*? '{3} (?!') | " (?: \\. | [^"\\] )* " | ' [^']* ' )
    | (?P<mark> [\[\]{},=.] )
    | (?P<newline> \n )
    | (?P<space> [ \t\r]+ | \#[^\n]* )
    | (?P<bare> [^\[\]{},=.\s"'\#]+ )
    """
_ESCAPES: Final = r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))"
_DEPTH_LIMIT: Final = 32
"""Names and indexes in a location; what lies deeper has the line of what it lies in."""
_ESCAPED: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


class DottedKey(NamedTuple):
    """A key of several names that was written in one line, such as `mail.timestamp = ...`, below the table `table`."""

    table: KeyPath
    names: tuple[str, ...]
    line: int


class Locations:
    """The line of every location, from 1, and the keys that were written with dots."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.dotted: list[DottedKey] = []

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a location, or of the nearest one around it; None for the file as a whole."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def find(text: str) -> Locations:
    """Return the locations of a text that is TOML."""
    return _Scan(text).locations


class _Container:
    """A list or an inline table that is being read: its location, and how many commas there were."""

    def __init__(self, path: KeyPath, is_list: bool) -> None:
        self.path = path
        self.is_list = is_list
        self.position = 0


class _Scan:
    """One walk over the tokens, without recursion: the lists and inline tables that are open wait on `open`."""

    def __init__(self, text: str) -> None:
        self.locations = Locations()
        self.tokens = list(_tokens(text))
        self.index = 0
        self.open: list[_Container] = []
        self.list_lengths: dict[KeyPath, int] = {}
        table: KeyPath = ()
        while self.index < len(self.tokens):
            if self.open:
                self._inside()
            elif self._kind() == "newline":
                self.index += 1
            elif self._text() == "[":
                table = self._header()
            else:
                self._key_and_value(table)

    def _kind(self) -> str:
        return self.tokens[self.index][0] if self.index < len(self.tokens) else ""

    def _text(self) -> str:
        return self.tokens[self.index][1] if self.index < len(self.tokens) else ""

    def _line(self) -> int:
        return self.tokens[self.index][2]

    def _header(self) -> KeyPath:
        line = self._line()
        is_list = self.tokens[self.index + 1][1] == "["
        self.index += 1 + is_list
        names = self._names("]")
        self.index += is_list
        path: KeyPath = ()
        for position, name in enumerate(names[:_DEPTH_LIMIT], 1):
            path = (*path, name)
            self.locations.lines.setdefault(path, line)
            if is_list and position == len(names):
                self.list_lengths[path] = self.list_lengths.get(path, 0) + 1
            if path in self.list_lengths:
                path = (*path, self.list_lengths[path] - 1)
                self.locations.lines.setdefault(path, line)
        return path

    def _names(self, end: str) -> tuple[str, ...]:
        """Read a key up to and with the mark after it."""
        names = []
        while self._text() != end:
            if self._kind() in ("string", "bare"):
                names.append(_name(self._text()))
            self.index += 1
        self.index += 1
        return tuple(names)

    def _key_and_value(self, table: KeyPath) -> None:
        line = self._line()
        names = self._names("=")
        for length in range(1, min(len(names), _DEPTH_LIMIT - len(table)) + 1):
            self.locations.lines.setdefault((*table, *names[:length]), line)
        if len(names) > 1:
            self.locations.dotted.append(DottedKey(table, names, line))
        self._value((*table, *names))

    def _value(self, path: KeyPath) -> None:
        """Read a scalar, or open a list or an inline table."""
        mark = "" if self._kind() == "string" else self._text()
        self.index += 1
        if mark in ("[", "{"):
            self.open.append(_Container(path, mark == "["))
        elif mark:
            # The rest of a number or a date, which may hold dots and a space.
            while self._kind() == "bare" or self._text() == ".":
                self.index += 1

    def _inside(self) -> None:
        container = self.open[-1]
        if self._kind() == "newline":
            self.index += 1
        elif self._kind() == "mark" and self._text() in "]}":
            self.open.pop()
            self.index += 1
        elif self._text() == ",":
            self.index += 1
            container.position += 1
        elif container.is_list:
            path = (*container.path, container.position)
            if len(path) <= _DEPTH_LIMIT:
                self.locations.lines.setdefault(path, self._line())
            self._value(path)
        else:
            self._key_and_value(container.path)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield kind, text and line of every token but space and comments."""
    line = 1
    for match in re.finditer(_TOKENS, text, re.DOTALL | re.VERBOSE):
        kind = match.lastgroup or ""
        if kind != "space":
            yield kind, match[0], line
        line += match[0].count("\n")


def _name(token: str) -> str:
    if token[0] == "'":
        return token[1:-1]
    if token[0] != '"':
        return token
    return re.sub(_ESCAPES, _escaped, token[1:-1])


def _escaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    return chr(int(code, 16)) if code else _ESCAPED.get(match[4], match[4])
