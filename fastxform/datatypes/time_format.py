"""Times and dates that are written by a format of strptime's directives, with English names on any machine.

Python's own `strptime` reads names by the locale, takes no nanoseconds, no `%s` and no zone but its own. Invariant: a
text either matches its whole format and is a time of the calendar, or is refused.
"""

import datetime
import re
from collections.abc import Callable
from typing import Final

from fastxform.core.structs import Struct
from fastxform.datatypes.logical import END_SECONDS, MIN_SECONDS, PER_SECOND
from fastxform.errors import FastxformError

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DIRECTIVES: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0[1-9]|[1-9]",
    "d": "3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9]",
    "H": "2[0-3]|[01][0-9]|[0-9]",
    "I": "1[0-2]|0[1-9]|[1-9]| [1-9]",
    "M": "[0-5][0-9]|[0-9]",
    "S": "[0-5][0-9]|[0-9]",
    "f": "[0-9]{1,9}",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9]",
    "p": "am|pm",
    "z": "[+-][0-9]{2}:?[0-5][0-9]|z",
    "Z": "utc|gmt|z",
    "s": "-?[0-9]{1,12}",
    "b": "|".join(name[:3] for name in _MONTHS),
    "B": "|".join(_MONTHS),
    "a": "|".join(name[:3] for name in _DAYS),
    "A": "|".join(_DAYS),
}
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_DIRECTIVE: Final = re.compile(r"%(.?)|(\s+)|([^%\s]+)", re.DOTALL)
_DATES: Final = ({"m", "d"}, {"b", "d"}, {"B", "d"}, {"j"})
"""What makes a date, beside a year."""


class TimeFormatError(FastxformError):
    """A format that no time can be read by; the message is the mistake with its remedy."""


class TimeFormat(Struct, frozen=True):
    """A format that was read: `match` finds the parts of a text, each named by its directive."""

    text: str
    match: Callable[[str], re.Match[str] | None]

    def ticks(self, text: str, unit: str) -> int | None:
        """Return the epoch time of a text in a unit (s, ms, us), cut towards the past; None where it does not fit."""
        parts = self._parts(text)
        if parts is None:
            return None
        seconds = _seconds(parts)
        if seconds is None or not MIN_SECONDS <= seconds < END_SECONDS:
            return None
        per_second = PER_SECOND[unit]
        return seconds * per_second + int(parts.get("f", "").ljust(9, "0")) * per_second // 1_000_000_000

    def days(self, text: str) -> int | None:
        """Return the date of a text as it is written, in days from 1970; None where it does not fit."""
        parts = self._parts(text)
        if parts is None:
            return None
        if "s" in parts:
            seconds = int(parts["s"])
            return seconds // 86_400 if MIN_SECONDS <= seconds < END_SECONDS else None
        return _days(parts)

    def _parts(self, text: str) -> dict[str, str] | None:
        match = self.match(text)
        return None if match is None else match.groupdict()


def compile_format(text: str) -> TimeFormat:
    """Read a format.

    Raises:
        TimeFormatError: it has a directive that there is not, one twice, or lacks a date.
    """
    pattern, seen = [], []
    for found in _DIRECTIVE.finditer(text):
        directive, space, literal = found.groups()
        if space is not None:
            pattern.append(r"\s+")
        elif literal is not None:
            pattern.append(re.escape(literal))
        elif directive == "%":
            pattern.append("%")
        elif directive not in _DIRECTIVES:
            known = " ".join(f"%{name}" for name in _DIRECTIVES)
            raise TimeFormatError(f"there is no directive %{directive}; there are {known} and %%")
        elif directive in seen:
            raise TimeFormatError(f"%{directive} stands twice")
        else:
            seen.append(directive)
            pattern.append(f"(?P<{directive}>{_DIRECTIVES[directive]})")
    _check(set(seen))
    return TimeFormat(text, re.compile("".join(pattern), re.IGNORECASE | re.ASCII).fullmatch)


def _check(seen: set[str]) -> None:
    if "s" in seen:
        if not seen <= {"s", "f"}:
            raise TimeFormatError("%s is the whole time; beside it stands nothing but %f")
        return
    for one, other in (("Y", "y"), ("H", "I"), ("z", "Z")):
        if {one, other} <= seen:
            raise TimeFormatError(f"%{one} and %{other} say the same")
    if len(seen & {"m", "b", "B", "j"}) > 1:
        raise TimeFormatError("the month stands twice")
    if not seen & {"Y", "y"}:
        raise TimeFormatError("lacks a year, %Y; a time without one is no point in time")
    if not any(date <= seen for date in _DATES):
        raise TimeFormatError("lacks a date: %m and %d, %b and %d, or %j")
    if ("p" in seen) != ("I" in seen):
        raise TimeFormatError("%I, hours to 12, needs %p, and %p needs %I")


def _seconds(parts: dict[str, str]) -> int | None:
    if "s" in parts:
        return int(parts["s"])
    days = _days(parts)
    if days is None:
        return None
    hour = int(parts.get("H", "0"))
    if "I" in parts:
        hour = int(parts["I"]) % 12 + 12 * (parts["p"].lower() == "pm")
    offset = _offset_seconds(parts.get("z", ""))
    if offset is None:
        return None
    return days * 86_400 + hour * 3_600 + int(parts.get("M", "0")) * 60 + int(parts.get("S", "0")) - offset


def _offset_seconds(text: str) -> int | None:
    if text in ("", "z", "Z"):
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23:
        return None
    return (hours * 60 + minutes) * (-60 if text[0] == "-" else 60)


def _days(parts: dict[str, str]) -> int | None:
    year = int(parts["Y"]) if "Y" in parts else _full_year(int(parts["y"]))
    try:
        if "j" in parts:
            first = datetime.date(year, 1, 1).toordinal()
            days = first + int(parts["j"]) - 1
            return days - _EPOCH if datetime.date.fromordinal(days).year == year else None
        return datetime.date(year, _month(parts), int(parts["d"])).toordinal() - _EPOCH
    except (ValueError, OverflowError):
        return None


def _full_year(two_digits: int) -> int:
    """Return the year of two digits, as POSIX does: 1969 to 2068."""
    return two_digits + (2000 if two_digits < 69 else 1900)


def _month(parts: dict[str, str]) -> int:
    if "m" in parts:
        return int(parts["m"])
    name = (parts.get("b") or parts["B"]).lower()
    return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(name))
