"""What one value of a payload is, before it has a type.

A value is None, a `str`, a `Number` (its digits as written), a bool, or a `Json` (the compact text of an object or
list). Everything that handles records alone speaks these; the columns of the fast path use them too where a column is
mixed. Invariant: the text of a value never depends on how it was decoded.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias


class Number(str):
    """The text of a JSON number, digits as written."""

    __slots__ = ()


class Json(str):
    """The compact JSON text of an object or a list."""

    __slots__ = ()


Value: TypeAlias = str | Number | Json | bool | int | None
"""A value; an `int` stands for a `Number` whose digits are the canonical ones."""


class _Marker:
    """A named constant that is no value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}>"


BAD_TYPE: Final = _Marker("type")
"""In the place of a value: what stands there is no value (a malformed DynamoDB attribute)."""

BAD_PATH: Final = _Marker("path")
"""In the place of a value: the JMESPath expression raised for the record."""

Outcome: TypeAlias = Value | _Marker


def taken(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    """Return the values of some rows, in the order given."""
    # `itemgetter` takes rows at half the cost of a comprehension, but not none, and one not as a tuple.
    return list(itemgetter(*rows)(values)) if len(rows) > 1 else [values[row] for row in rows]


def text_of(value: Value) -> str | None:
    """Return the text of a value as a CSV field or a string column takes it."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
