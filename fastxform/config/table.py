"""One table of the file, read key by key, with a mistake for every value of the wrong kind and every unknown key.

Which keys there are and what they mean is the business of the caller. Invariant: a getter returns a value of its kind
or the fallback, and where the fallback stands for a wrong value there is a mistake.
"""

from typing import Any, Final

from fastxform.config.diagnostics import Mistakes, kind_of
from fastxform.config.locations import PlacePath
from fastxform.errors import near, nearest, shown

TOP_LEVEL: Final = (
    "version",
    "source",
    "where",
    "unmatched",
    "documents",
    "output",
    "columns",
    "routes",
    "partition_keys",
    "overflow",
    "tests",
)
OUTPUT: Final = ("format", "delimiter", "quoting", "null", "newlines", "escape_formulas")
COLUMN: Final = ("path", "expr", "meta", "type", "required", "default", "pattern", "hidden")
ROUTE: Final = ("where", "columns", "iceberg")
ICEBERG: Final = ("database", "table", "operation")
OVERFLOW: Final = ("policy", "workers", "reserve_ms", "stream")
TEST: Final = ("name", "input", "input_file", "expect", "result", "reason", "metadata", "now_ms")

_HOMES: Final = {
    **dict.fromkeys(OVERFLOW, "[overflow]"),
    **dict.fromkeys(OUTPUT, "[output]"),
    **dict.fromkeys(("iceberg",), "[[routes]]"),
}
"""Where keys belong that are often written at the top of the file."""


class Table:
    """A table at a place of the file, whose keys are among `known`; every other key is a mistake at once."""

    def __init__(self, mistakes: Mistakes, path: PlacePath, content: dict[str, Any], known: tuple[str, ...]) -> None:
        self.mistakes = mistakes
        self.path = path
        self.content = content
        for key in content:
            if key not in known:
                self.fail(key, _unknown(key, path, known))

    def fail(self, key: str, message: str) -> None:
        """Note a mistake at a key."""
        self.mistakes.add((*self.path, key), message)

    def __contains__(self, key: str) -> bool:
        """Tell whether the file has the key."""
        return key in self.content

    def text(self, key: str, fallback: str | None = None, *, empty: bool = False) -> str | None:
        """Return a text, of at least one character that is no space unless `empty`."""
        value = self._of_type(key, str, "text")
        if value is None:
            return fallback
        if not empty and not value.strip():
            self.fail(key, "must not be empty")
            return fallback
        return str(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """Return one of the words, the first one where the file has none."""
        value = self._of_type(key, str, f"one of {', '.join(choices)}")
        if value is None:
            return choices[0]
        if value not in choices:
            self.fail(key, f"unknown {key} {shown(value)}; {nearest(value, choices)}")
            return choices[0]
        return str(value)

    def boolean(self, key: str) -> bool:
        """Return a switch, off where the file has none."""
        return bool(self._of_type(key, bool, "true or false"))

    def integer(self, key: str, fallback: int, low: int, high: int) -> int:
        """Return a whole number between the bounds, the bounds included."""
        value = self._of_type(key, int, "a whole number")
        if value is None:
            return fallback
        if not low <= value <= high:
            self.fail(key, f"must be {low:,} to {high:,}")
            return fallback
        return int(value)

    def table(self, key: str, example: str) -> dict[str, Any] | None:
        """Return a table inside this one, not yet looked at."""
        value: dict[str, Any] | None = self._of_type(key, dict, f"a table, such as {example}")
        return value

    def tables(self, key: str) -> list[tuple[int, dict[str, Any]]]:
        """Return the tables of a list with their indexes."""
        value = self._of_type(key, list, f"a list of tables, each below a line [[{key}]]")
        found = []
        for index, element in enumerate(value or ()):
            if type(element) is dict:
                found.append((index, element))
            else:
                self.mistakes.add((*self.path, key, index), f"must be a table, not {kind_of(element)}")
        return found

    def _of_type(self, key: str, wanted: type, words: str) -> Any:
        value = self.content.get(key)
        # Of exactly that type: a bool is no number here, and numbers with a fraction are kept as text.
        if value is None or type(value) is wanted:
            return value
        self.fail(key, f"must be {words}, not {kind_of(value)}")
        return None


def _unknown(key: str, path: PlacePath, known: tuple[str, ...]) -> str:
    if path and key in TOP_LEVEL:
        return f"unknown key; {key} belongs at the top of the file, above the first line in brackets"
    if close := near(key, known):
        return f"unknown key; did you mean {close}?"
    if not path and key in _HOMES:
        return f"unknown key; {key} belongs in {_HOMES[key]}"
    return f"unknown key; the keys here are {', '.join(known)}"
