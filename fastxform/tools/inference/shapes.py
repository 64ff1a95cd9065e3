"""What was seen at each place of many documents: how often, of which kinds, and a few examples.

Nothing is decided here; `types` and `families` read what was gathered. Invariant: memory does not grow with the number
of documents, nor without bound with the number of their members.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from fastxform.core.plain_values import Unordered
from fastxform.core.values import Number
from fastxform.datatypes import scalar
from fastxform.datatypes.logical import Type
from fastxform.tools.inference import texts

Kind = Literal["bool", "number", "text", "binary", "object", "list"]

MEMBERS_LIMIT: Final = 20_000
"""Different places of all documents together; what comes after them is not looked into."""

DEPTH_LIMIT: Final = 8
"""How deep objects are looked into; no column is made of what lies so deep."""

_EXAMPLES: Final = 3
_EXAMPLE_CHARACTERS: Final = 24
_NUMBER: Final = re.compile(r"-?(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?(?P<exponent>[eE].+)?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.(?P<fraction>[0-9]+))?.*")
_SURELY_INT64_DIGITS: Final = 19
_SURELY_DOUBLE_DIGITS: Final = 15
_KEPT_CHARACTERS: Final = 4_000_000
_ELEMENTS: Final = 100
"""Elements of one list that are looked into."""

_MICROSECONDS: Final = Type("timestamp", unit="us")
_DAY: Final = Type("date")
_PLAUSIBLE_SECONDS: Final = (946_684_800, 4_102_444_800)
"""The years 2000 to 2100, in which a number may be a time."""

_UNITS: Final = (("s", 1), ("ms", 1_000), ("us", 1_000_000))


class Binary(str):
    """The text of a binary value, which is base64."""

    __slots__ = ()


@dataclass(slots=True)
class Numbers:
    """What the numbers of one place were like."""

    whole_digits: int = 0
    fraction_digits: int = 0
    has_exponent: bool = False
    fits_int64: bool = True
    is_exact_double: bool = True
    """Whether each value is the shortest text of a double, so that no digit is lost in one."""
    have_two_decimals: bool = True
    """Whether each value is written with two digits of fraction."""
    time_units: set[str] = field(default_factory=set)
    are_times: bool = True

    def add(self, text: str) -> None:
        """Add one number, with the digits as they are written."""
        if len(text) < _SURELY_INT64_DIGITS and text.isascii() and text.isdigit():
            # Most numbers are such.
            self.whole_digits = max(self.whole_digits, len(text))
            self.have_two_decimals = False
            if self.is_exact_double and len(text) > _SURELY_DOUBLE_DIGITS:
                self.is_exact_double = _is_exact_double(text)
            if self.are_times:
                self._add_time(text, text)
            return
        match = _NUMBER.fullmatch(text)
        assert match is not None
        whole, fraction = match["whole"].lstrip("0"), match["fraction"] or ""
        self.is_exact_double = self.is_exact_double and (
            (len(whole) + len(fraction) <= _SURELY_DOUBLE_DIGITS and not match["exponent"]) or _is_exact_double(text)
        )
        self.have_two_decimals = self.have_two_decimals and len(fraction) == 2 and not match["exponent"]
        is_whole = not fraction and not match["exponent"] and len(whole) < 20
        self.fits_int64 = self.fits_int64 and is_whole and scalar.INT64_MIN <= int(text) <= scalar.INT64_MAX
        if match["exponent"]:
            self.has_exponent = True
            whole, fraction = _without_exponent(text)
        self.whole_digits = max(self.whole_digits, len(whole))
        self.fraction_digits = max(self.fraction_digits, len(fraction))
        if self.are_times:
            self._add_time(text, whole)

    def _add_time(self, text: str, whole: str) -> None:
        low, high = _PLAUSIBLE_SECONDS
        value = int(whole or "0") if len(whole) < 20 and not text.startswith("-") else 0
        unit = next((unit for unit, scale in _UNITS if low * scale <= value < high * scale), None)
        if unit is None:
            self.are_times = False
        else:
            self.time_units.add(unit)


def _is_exact_double(text: str) -> bool:
    """Tell whether a number comes back out of a double with the same value."""
    return Decimal(repr(float(text))) == Decimal(text)


def _without_exponent(text: str) -> tuple[str, str]:
    """Return the digits of a number before and behind its point; of one that is far from 1 no time could be."""
    value = Decimal(text)
    if abs(value.adjusted()) > _SURELY_INT64_DIGITS:
        return "", ""
    whole, _, fraction = format(value.copy_abs(), "f").partition(".")
    return whole.lstrip("0"), fraction.rstrip("0")


@dataclass(slots=True)
class TextValues:
    """What the texts of one place were like."""

    are_times: bool = True
    are_dates: bool = True
    fraction_digits: int = 0

    def add(self, text: str) -> None:
        """Add one text."""
        if self.are_times:
            match = _TIME.fullmatch(text)
            self.are_times = match is not None and _fits(_MICROSECONDS, text)
            if match is not None:
                self.fraction_digits = max(self.fraction_digits, len(match["fraction"] or ""))
        if self.are_dates:
            self.are_dates = _DATE.fullmatch(text) is not None and _fits(_DAY, text)


def _fits(target: Type, text: str) -> bool:
    try:
        scalar.fit(target, text)
    except scalar.InvalidValueError:
        return False
    return True


class Budget:
    """How many more places may be separated, and characters of texts kept."""

    def __init__(self, left: int = MEMBERS_LIMIT) -> None:
        self.left = left
        self.characters = _KEPT_CHARACTERS


class Shape:
    """What was seen at one place; `count` is how often there was a value, null not being one."""

    __slots__ = (
        *("count", "elements", "examples", "inside", "is_cut", "kept", "kinds", "member_count", "members", "numbers"),
        *("plain_texts", "texts"),
    )

    def __init__(self) -> None:
        self.count = 0
        self.kinds: dict[Kind, int] = {}
        self.numbers = Numbers()
        self.texts = TextValues()
        self.members: dict[str, Shape] = {}
        self.member_count = 0
        """How many members all objects had together."""
        self.is_cut = False
        """Whether there were members that are not in `members`."""
        self.examples: list[str] = []
        self.elements: Shape | None = None
        """The elements of lists that are objects."""
        self.inside: Shape | None = None
        """The JSON objects that texts hold."""
        self.kept: list[str] = []
        """Texts that may hold more, and no JSON."""
        self.plain_texts = 0
        """Texts that hold nothing more, or are too long to be kept."""

    def add(self, value: Any, budget: Budget, depth: int = 0) -> None:
        """Add one value: None, bool, `Number`, text, `Binary`, list or dict."""
        if value is None:
            return
        self.count += 1
        kind = _KINDS[type(value)]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "object":
            self._add_members(value, budget, depth)
            return
        if kind == "number":
            self.numbers.add(value)
        elif kind == "text":
            self.texts.add(value)
            self._look_into(value, budget, depth)
        elif kind == "list":
            self._add_elements(value, budget, depth)
        if kind != "list" and len(self.examples) < _EXAMPLES:
            self._add_example(value, kind)

    def _add_members(self, members: dict[str, Any], budget: Budget, depth: int) -> None:
        self.member_count += len(members)
        if depth >= DEPTH_LIMIT:
            self.is_cut = self.is_cut or bool(members)
            return
        for name, value in members.items():
            shape = self.members.get(name)
            if shape is None:
                if not budget.left:
                    self.is_cut = True
                    continue
                budget.left -= 1
                shape = self.members[name] = Shape()
            shape.add(value, budget, depth + 1)

    def _add_elements(self, elements: list[Any], budget: Budget, depth: int) -> None:
        if depth >= DEPTH_LIMIT:
            return
        for element in elements[:_ELEMENTS]:
            if isinstance(element, dict) and element:
                self.elements = self.elements or Shape()
                self.elements.add(element, budget, depth + 1)

    def _look_into(self, text: str, budget: Budget, depth: int) -> None:
        members = texts.json_members(text) if depth < DEPTH_LIMIT else None
        if members is not None:
            self.inside = self.inside or Shape()
            self.inside.add(members, budget, depth + 1)
        elif texts.may_hold_more(text):
            if len(self.kept) < texts.KEPT_TEXTS and len(text) <= budget.characters:
                budget.characters -= len(text)
                self.kept.append(text)
        else:
            self.plain_texts += 1

    def _add_example(self, value: Any, kind: Kind) -> None:
        text = ("true" if value else "false") if kind == "bool" else str(value)
        short = text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "..."
        example = short if kind in ("bool", "number") else f'"{short}"'
        if example not in self.examples:
            self.examples.append(example)


_KINDS: Final[dict[type, Kind]] = {
    str: "text",
    Number: "number",
    bool: "bool",
    dict: "object",
    list: "list",
    Unordered: "list",
    Binary: "binary",
}
