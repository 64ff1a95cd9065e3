"""Times and dates that are written by a format of strptime's directives, with English names on any machine.

Python's own `strptime` reads names by the locale, takes no nanoseconds, no `%s` and no zone but its own. Invariant: a
text either matches its whole format and is a time of the calendar, or is refused.
"""

import datetime
import re
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
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
    for match in _DIRECTIVE.finditer(text):
        directive, space, literal = match.groups()
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


def write_times(times: pa.Array, text: str) -> pa.Array:
    """Return times or dates as text of a format, by whole columns; a zone is UTC.

    Raises:
        TimeFormatError: the format has a directive that there is not.
    """
    if pa.types.is_date32(times.type):
        times = kernels.cast(times, pa.timestamp("s"))
    parts: list[Any] = []
    for match in _DIRECTIVE.finditer(text):
        directive, space, literal = match.groups()
        if directive is None:
            parts.append(pa.scalar(space or literal, pa.string()))
        elif directive in _WRITERS:
            parts.append(_WRITERS[directive](times))
        else:
            known = " ".join(f"%{name}" for name in _WRITERS)
            raise TimeFormatError(f"there is no directive %{directive}; there are {known}")
    nothing = pa.scalar("", pa.string())
    written = kernels.call("binary_join_element_wise", [*parts, nothing, nothing])
    if isinstance(written, pa.Scalar):  # a format of no directive
        written = kernels.repeat(written, len(times))
    return kernels.call("if_else", [kernels.call("is_valid", [times]), written, pa.scalar(None, pa.string())])


def _number(kernel: str, width: int) -> Callable[[pa.Array], pa.Array]:
    options = kernels.options.ZeroFillOptions(width=width, padding="0")  # type: ignore[attr-defined]
    return lambda times: kernels.call(
        "utf8_zero_fill", [kernels.cast(kernels.call(kernel, [times]), pa.string())], options
    )


def _fill(numbers: pa.Array, width: int) -> pa.Array:
    options = kernels.options.ZeroFillOptions(width=width, padding="0")  # type: ignore[attr-defined]
    return kernels.call("utf8_zero_fill", [kernels.cast(numbers, pa.string())], options)


def _name(kernel: str, names: tuple[str, ...], first: int, length: int | None) -> Callable[[pa.Array], pa.Array]:
    known = pa.array([name.capitalize()[:length] for name in names], pa.string())
    return lambda times: kernels.call(
        "take", [known, kernels.call("subtract", [kernels.call(kernel, [times]), pa.scalar(first, pa.int64())])]
    )


def _hours_to_12(times: pa.Array) -> pa.Array:
    hours = kernels.call("hour", [times])
    late = kernels.call("greater", [hours, 12])
    hours = kernels.call("if_else", [late, kernels.call("subtract", [hours, 12]), hours])
    return _fill(kernels.call("if_else", [kernels.call("equal", [hours, 0]), pa.scalar(12, pa.int64()), hours]), 2)


def _half_of_day(times: pa.Array) -> pa.Array:
    return kernels.call("if_else", [kernels.call("less", [kernels.call("hour", [times]), 12]), "AM", "PM"])


def _microseconds(times: pa.Array) -> pa.Array:
    millis = kernels.call("multiply", [kernels.call("millisecond", [times]), 1_000])
    return _fill(kernels.call("add", [millis, kernels.call("microsecond", [times])]), 6)


def _year_of_century(times: pa.Array) -> pa.Array:
    options = kernels.options.SliceOptions(start=-2, stop=None, step=1)
    return kernels.call("utf8_slice_codeunits", [_number("year", 4)(times)], options)


def _epoch_seconds(times: pa.Array) -> pa.Array:
    floor = kernels.options.RoundTemporalOptions(multiple=1, unit="second")
    seconds = kernels.cast(kernels.call("floor_temporal", [times], floor), pa.timestamp("s"))
    return kernels.cast(kernels.cast(seconds, pa.int64()), pa.string())


_WRITERS: Final[dict[str, Callable[[pa.Array], Any]]] = {
    "Y": _number("year", 4),
    "y": _year_of_century,
    "m": _number("month", 2),
    "d": _number("day", 2),
    "H": _number("hour", 2),
    "I": _hours_to_12,
    "M": _number("minute", 2),
    "S": _number("second", 2),
    "f": _microseconds,
    "j": _number("day_of_year", 3),
    "p": _half_of_day,
    "z": lambda times: pa.scalar("+0000", pa.string()),
    "Z": lambda times: pa.scalar("UTC", pa.string()),
    "s": _epoch_seconds,
    "b": _name("month", _MONTHS, 1, 3),
    "B": _name("month", _MONTHS, 1, None),
    "a": _name("day_of_week", _DAYS, 0, 3),
    "A": _name("day_of_week", _DAYS, 0, None),
    "%": lambda times: pa.scalar("%", pa.string()),
}
"""What each directive writes of a column of times."""


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
