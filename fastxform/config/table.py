"""One table of the file, read key by key, with a mistake for every value of the wrong kind and every unknown key.

Which keys there are is declared in `keys`, what they mean is the business of the caller. Invariant: a getter returns a
value of its kind or the default of the key, and where the default stands for a wrong value there is a mistake.
"""

from typing import Any, Final

from fastxform.config.diagnostics import Diagnostics, kind_of
from fastxform.config.keys import OUTPUT, OVERFLOW, TOP_LEVEL, Key, Section, ValueKind
from fastxform.config.locations import KeyPath
from fastxform.errors import near, nearest, shown

_HOMES: Final = {
    **dict.fromkeys(OVERFLOW.names, "[overflow]"),
    **dict.fromkeys(OUTPUT.names, "[output]"),
    **dict.fromkeys(("iceberg",), "[[routes]]"),
}
"""Where keys belong that are often written at the top of the file."""


class Table:
    """A table of the file, whose keys are those of a section; every other key is a mistake at once."""

    def __init__(self, diagnostics: Diagnostics, path: KeyPath, content: dict[str, Any], section: Section) -> None:
        self.diagnostics = diagnostics
        self.path = path
        self.content = content
        self.section = section
        known = section.names
        for key in content:
            if key not in known:
                self.fail(key, _unknown(key, path, known))

    def fail(self, key: str, message: str) -> None:
        """Note a mistake at a key."""
        self.diagnostics.add((*self.path, key), message)

    def __contains__(self, key: str) -> bool:
        """Tell whether the file has the key."""
        return key in self.content

    def text(self, name: str) -> str | None:
        """Return a text; of at least one character that is no space, unless the key may be empty."""
        key = self._key(name, "text")
        value = self._of_type(name, str, "text")
        if value is None:
            return None if key.default is None else str(key.default)
        if not key.may_be_empty and not value.strip():
            self.fail(name, "must not be empty")
            return None if key.default is None else str(key.default)
        if key.choices and value not in key.choices:
            self.fail(name, f"unknown {name} {shown(value)}; {nearest(value, key.choices)}")
        return str(value)

    def choice(self, name: str) -> str:
        """Return one of the words of the key, its default where the file has none."""
        key = self._key(name, "choice")
        default = key.choices[0] if key.default is None else str(key.default)
        value = self._of_type(name, str, f"one of {', '.join(key.choices)}")
        if value is None:
            return default
        if value not in key.choices:
            self.fail(name, f"unknown {name} {shown(value)}; {nearest(value, key.choices)}")
            return default
        return str(value)

    def boolean(self, name: str) -> bool:
        """Return a switch, its default where the file has none."""
        key = self._key(name, "boolean")
        value = self._of_type(name, bool, "true or false")
        return bool(key.default if value is None else value)

    def integer(self, name: str) -> int | None:
        """Return a whole number between the bounds of the key; None where there is neither a value nor a default."""
        key = self._key(name, "integer")
        value = self._of_type(name, int, "a whole number")
        if value is not None and key.bounds is not None:
            low, high = key.bounds
            if not low <= value <= high:
                self.fail(name, f"must be {low:,} to {high:,}")
                value = None
        number = key.default if value is None else value
        return None if number is None else int(number)

    def table(self, name: str) -> dict[str, Any] | None:
        """Return a table inside this one, not yet looked at."""
        key = self._key(name, "table")
        value: dict[str, Any] | None = self._of_type(name, dict, f"a table, such as {key.example}")
        return value

    def tables(self, name: str) -> list[tuple[int, dict[str, Any]]]:
        """Return the tables of a list with their indexes."""
        self._key(name, "tables")
        value = self._of_type(name, list, f"a list of tables, each below a line [[{name}]]")
        tables = []
        for index, element in enumerate(value or ()):
            if type(element) is dict:
                tables.append((index, element))
            else:
                self.diagnostics.add((*self.path, name, index), f"must be a table, not {kind_of(element)}")
        return tables

    def value(self, name: str) -> Any:
        """Return a value of any kind, which the caller looks at; None where the file has none."""
        return self.content.get(self._key(name, "any").name)

    def _key(self, name: str, kind: ValueKind) -> Key:
        key = self.section.find(name)
        assert key.kind == kind, f"{name} is declared as {key.kind}"
        return key

    def _of_type(self, key: str, wanted: type, words: str) -> Any:
        value = self.content.get(key)
        # Of exactly that type: a bool is no number here, and numbers with a fraction are kept as text.
        if value is None or type(value) is wanted:
            return value
        self.fail(key, f"must be {words}, not {kind_of(value)}")
        return None


def _unknown(key: str, path: KeyPath, known: tuple[str, ...]) -> str:
    if path and key in TOP_LEVEL.names:
        return f"unknown key; {key} belongs at the top of the file, above the first line in brackets"
    if close := near(key, known):
        return f"unknown key; did you mean {close}?"
    if not path and key in _HOMES:
        return f"unknown key; {key} belongs in {_HOMES[key]}"
    return f"unknown key; the keys here are {', '.join(known)}"
