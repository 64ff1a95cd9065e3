"""Plain values as JMESPath computes with them: numbers that keep their digits, and sets that have no order.

`jmespath` asks values for the names of their types, so that these are called as Python's own are. Invariant: two
numbers compare by all their digits, however they are written.
"""

import operator
from collections.abc import Callable
from math import isinf
from typing import Any, Final

from fastxform.core.json_text import canonical, canonical_number, encode_plain, number_key, quote


def _keeps_text(base: type, **methods: Any) -> type:
    """Return a subclass of int or float that keeps its text, and its name."""

    def new(cls: Any, text: str) -> Any:
        number: Any = base.__new__(cls, text)
        number.text = text
        return number

    return type(base.__name__, (base,), {"__new__": new, **methods})


def _is_same(self: Any, other: Any) -> Any:
    """Compare numbers by their digits as they are written, of which a float keeps 17."""
    if isinstance(other, bool) or not isinstance(other, int | float):
        return False
    if float.__ne__(self, other) and isinstance(other, float):  # by far the most
        return False
    text = _text_of(other)
    if text is None:
        return float.__eq__(self, other)
    return self.text == text or canonical_number(self.text) == canonical_number(text)


def _ordering(name: str, by_key: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    """Return one of `<`, `<=`, `>`, `>=`: by the nearest floats where they differ, else by all digits."""
    by_float = getattr(float, name)

    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        text = _text_of(other)
        if text is None or (isinstance(other, float) and float.__ne__(self, other)):
            return by_float(self, other)
        return by_key(number_key(self.text), number_key(text))

    return compare


def _text_of(number: Any) -> str | None:
    """Return the digits of a number; None of an infinite one that was computed."""
    text: str | None = getattr(number, "text", None)
    if text is not None:
        return text
    return None if isinstance(number, float) and (isinf(number) or number != number) else repr(number)


_Integer: Final[Callable[[str], Any]] = _keeps_text(int)
exact_float: Final[Callable[[str], Any]] = _keeps_text(
    float,
    __eq__=_is_same,
    __hash__=float.__hash__,
    __lt__=_ordering("__lt__", operator.lt),
    __le__=_ordering("__le__", operator.le),
    __gt__=_ordering("__gt__", operator.gt),
    __ge__=_ordering("__ge__", operator.ge),
)
"""Makes the number of a text with a fraction or an exponent."""


def exact_integer(text: str) -> Any:
    """Return the number of a text of digits."""
    # Python refuses to read an integer of more than 4,300 digits; as a float it is infinite and keeps its text.
    return _Integer(text) if len(text) < 4_000 else exact_float(text)


def in_order(values: list[Any], keys: list[Any]) -> list[Any]:
    """Return values sorted by keys, texts or numbers; numbers of the same nearest double by all their digits.

    By the operators of numbers it would take their digits apart at each comparison.
    """
    order: Any = keys.__getitem__
    if any(isinstance(key, float) for key in keys):
        try:
            nearest: list[Any] = list(map(float, keys))
        except OverflowError:
            nearest = []
        if len(set(nearest)) < len(keys):
            nearest = list(map(_sort_key, keys))
        order = nearest.__getitem__
    return [values[row] for row in sorted(range(len(values)), key=order)]


def _sort_key(number: Any) -> tuple[int, int, str]:
    text = _text_of(number)
    return (2 if number > 0 else -2, 0, "") if text is None else number_key(text)


class Unordered(list[Any]):
    """The elements of a set, as a list; it is the same as every list of the same values, in whatever order."""

    __slots__ = ()


# `jmespath` asks values for the names of their types.
Unordered.__name__ = "list"


def is_same(one: Any, other: Any) -> bool:
    """Tell whether two plain values are the same: numbers by all digits, sets in any order, `true` not as 1.

    One frame a level, as everywhere that values are walked.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        if isinstance(one, Unordered) or isinstance(other, Unordered):
            return set(map(_key, one)) == set(map(_key, other))
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(map(is_same, one.values(), map(other.__getitem__, one)))
    return bool(one == other)


def _key(value: Any) -> str:
    """Return one text for all spellings of a value."""
    if type(value) is str:
        return quote(value)
    text: str | None = getattr(value, "text", None)
    return canonical(encode_plain(value)) if text is None else canonical_number(text)
