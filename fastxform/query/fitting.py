"""Whether a type can hold a number, and whether there is a day, told without Arrow, which raises where it is not so.

It is asked only once Arrow has raised. Invariant: what is said not to fit no cast can hold; what is not said may still
not fit.
"""

import math
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Final

from fastxform.datatypes.logical import Type

FITTED: Final = frozenset({"int64", "float64", "decimal"})
"""The types of numbers."""

_LEAP_YEAR: Final = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
REAL_DATE: Final = (
    r"\A(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)(?:\z|[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?)"
)
"""RE2 of the beginning of every date, and of every time, that there is."""

_DIGITS_LIMIT: Final = 1_000
_CONTEXT: Final = Context(prec=2 * _DIGITS_LIMIT, Emax=MAX_EMAX, Emin=MIN_EMIN)


def does_not_fit(target: Type, value: Any) -> bool:
    """Tell whether a type cannot hold a number, or the number that a text is."""
    if target.kind == "float64":
        return math.isinf(float(value))
    try:
        number = Decimal(value)
    except ArithmeticError:  # an exponent that even `Decimal` does not take
        return False
    if not number.is_finite():
        return True
    whole, fraction = (19, 0) if target.kind == "int64" else (target.precision - target.scale, target.scale)
    digits = len(number.as_tuple().digits)
    if not number or digits > _DIGITS_LIMIT:
        return False
    if not -_DIGITS_LIMIT <= number.adjusted() < whole:
        return True
    if _CONTEXT.remainder(_CONTEXT.scaleb(number, fraction), Decimal(1)):
        return True
    return target.kind == "int64" and not -(2**63) <= number < 2**63
