"""The defaults of columns, and the values of TOML as JSON.

The grammar of values is `fastxform.datatypes.scalar`'s. Invariant: a default that was returned fits the type of its
column.
"""

import datetime
import json
from typing import Any, Final

from fastxform.config.diagnostics import kind_of
from fastxform.core.values import Json, Number, Value
from fastxform.datatypes.logical import Type
from fastxform.errors import shown

_MAX_NUMBER_BITS: Final = 10_000
"""Python prints no more than 4,300 digits."""


class DefaultError(Exception):
    """A value that does not fit its type, or that JSON does not have; the message is the mistake with its remedy."""


def default_value(value: Any, target: Type) -> Value:
    """Return a default as a record would hold it.

    Raises:
        DefaultError: it does not fit the type of its column.
    """
    if isinstance(value, (datetime.date, datetime.time)):
        if target.kind not in ("timestamp", "date"):
            raise DefaultError(f"a date or time without quotes is for columns of type timestamp or date, not {target}")
        value = value.isoformat()
    if isinstance(value, (dict, list)) and target.kind not in ("auto", "string", "json"):
        raise DefaultError(f"does not fit {target}: {kind_of(value)}")
    if target.kind == "json" and type(value) is str and value.lstrip()[:1] in ("{", "["):
        raise DefaultError("is text, and would be written in quotes; write an object as TOML does, without them")
    plain: Value = Json(json_text(value)) if isinstance(value, (dict, list)) else value
    _check_fit(plain, target)
    return plain


def _check_fit(value: Value, target: Type) -> None:
    # Few files have defaults; the grammar brings the decoders with it.
    from fastxform.datatypes import scalar

    if isinstance(value, Number) or type(value) is int:
        json_text(value)
    try:
        scalar.fit(target, value)
    except scalar.InvalidValueError as err:
        written = shown(value) if type(value) is str else json_text(value)
        raise DefaultError(f"does not fit {target}: {written}") from err


def json_text(value: Any) -> str:
    """Return a value of TOML as compact JSON, numbers with the digits of the file.

    Raises:
        DefaultError: JSON has no such value: a date, an infinite number.
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{json_text(name)}:{json_text(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, Number):
        if value.lstrip("-") in ("inf", "nan"):
            raise DefaultError(f"JSON has no {value}")
        return str(value)
    if isinstance(value, (datetime.date, datetime.time)):
        raise DefaultError("JSON has no dates and times; write it in quotes")
    if type(value) is int and value.bit_length() > _MAX_NUMBER_BITS:
        raise DefaultError("a number of too many digits")
    return json.dumps(value, ensure_ascii=False)
