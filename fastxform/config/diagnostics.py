"""The mistakes of one configuration file, collected and turned into lines.

What is a mistake is decided elsewhere; here are the words that all of them share. Invariant: every mistake is one
printable line, and they come in the order of the file.
"""

import json
from functools import cached_property
from typing import Any, Final

from fastxform.config.locations import KeyPath, Locations, find
from fastxform.core.values import Number
from fastxform.errors import ConfigError, Mistake, one_line


class Diagnostics:
    """The mistakes noted so far in the file `name`, whose text `tomllib` has accepted.

    `notes_locations`: what is described keeps its location, for those who may find something wrong with it later.
    """

    def __init__(self, name: str, text: str, notes_locations: bool) -> None:
        self.name = name
        self.notes_locations = notes_locations
        self._text = text
        self._found: dict[tuple[KeyPath, str], None] = {}

    def add(self, path: KeyPath, message: str) -> None:
        """Note a mistake; the same one twice is one."""
        self._found[path, message] = None

    @cached_property
    def locations(self) -> Locations:
        """Where everything stands, found when it is first asked for."""
        return find(self._text)

    def noted_location(self, path: KeyPath) -> str:
        """Return the location of something without mistakes, where locations are noted."""
        return self.location(path) if self.notes_locations else ""

    def location(self, path: KeyPath) -> str:
        """Return a location as it is printed: `cities.toml:12: columns.population.type`."""
        line = self.locations.line(path)
        head = self.name if line is None else f"{self.name}:{line}"
        return one_line(f"{head}: {spelled(path)}" if path else head)

    def raise_all(self) -> None:
        """Raise what was noted.

        Raises:
            ConfigError: there are mistakes.
        """
        if self._found:
            # The sort is stable: mistakes of one line stay in the order in which they were found.
            ordered = sorted(self._found, key=lambda mistake: self.locations.line(mistake[0]) or 0)
            raise ConfigError(tuple(Mistake(self.location(path), one_line(message)) for path, message in ordered))


def single(location: str, message: str) -> ConfigError:
    """Return the error of a file that cannot be read at all."""
    return ConfigError((Mistake(one_line(location), one_line(message)),))


def spelled(path: KeyPath) -> str:
    """Return a location as a dotted key, indexes from 0 in brackets."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{key(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def key(name: str) -> str:
    """Return a name as a TOML key spells it: bare where TOML allows it."""
    is_bare = name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()
    return name if is_bare else json.dumps(name, ensure_ascii=False)


def is_name(name: str) -> bool:
    """Tell whether a column or a key can have a name: not empty, no control characters (C0, DEL, C1), no surrogates.

    `str.isprintable` refuses more, and what it refuses differs between versions of Python.
    """
    return bool(name) and not any(c < " " or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in name)


def kind_of(value: Any) -> str:
    """Return what a value of TOML is, in words."""
    return _KINDS.get(type(value), "a date or time")


_KINDS: Final = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    Number: "a number with a fraction",
    dict: "a table",
    list: "a list",
}
