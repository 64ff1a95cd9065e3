"""DynamoDB attribute values as plain values: one attribute at a time, from decoded JSON.

Nothing here decodes payloads; the columns of the fast path read `S`, `N` and `BOOL` without it. Invariant: an attribute
value is an object with exactly one member, of a known type and the shape of that type; everything else is `BAD_TYPE`,
never a guess.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final

from fastxform.core.json_text import NUMBER, encode_plain, number_key, quote
from fastxform.core.payloads import decode
from fastxform.core.plain_values import Unordered
from fastxform.core.values import BAD_TYPE, Json, Number, Outcome


class BadAttributeError(Exception):
    """An attribute value that is malformed, somewhere below the value that is converted."""


def is_double_encoded(document: Any) -> bool:
    """Tell whether binary values of a change carry two layers of base64: those of the Kinesis shape do.

    Source: Kinesis Data Streams for DynamoDB; amazon-kinesis-client #959.
    """
    return "eventVersion" not in document and "eventSourceARN" not in document


def check_shape(attribute: Any) -> None:
    """Raise where an attribute is not one member of a known type with that type's shape; nothing below it is checked.

    Raises:
        BadAttributeError: it is not.
    """
    if type(attribute) is not dict or len(attribute) != 1:
        raise BadAttributeError
    ((tag, content),) = attribute.items()
    if type(content) is not _SHAPES.get(tag) or (tag == "NULL" and not content):
        raise BadAttributeError


def validate(attribute: Any, double: bool) -> None:
    """Raise where an attribute that a path steps on is malformed; maps and lists are validated inside when read.

    Raises:
        BadAttributeError: it is malformed.
    """
    check_shape(attribute)
    if "M" not in attribute and "L" not in attribute:
        plain(attribute, double)


MISSING: Final = object()
"""In the place of an attribute that is not there."""


def member(attribute: Any, name: str, double: bool) -> Any:
    """Return the attribute of a name in a map; `MISSING` where there is none, or the attribute is no map.

    Raises:
        BadAttributeError: the attribute is malformed.
    """
    validate(attribute, double)
    return attribute.get("M", {}).get(name, MISSING)


def element(attribute: Any, index: int, double: bool) -> Any:
    """Return an element of a list or a set as an attribute; `MISSING` where there is none, or the attribute is neither.

    Raises:
        BadAttributeError: the attribute is malformed.
    """
    validate(attribute, double)
    ((tag, content),) = attribute.items()
    if type(content) is not list or not -len(content) <= index < len(content):
        return MISSING
    if tag == "L":
        return content[index]
    of_binary = partial(_binary, double=double)  # as `plain` sorts them
    elements = sorted(content, key=number_key if tag == "NS" else of_binary if tag == "BS" else None)
    return {_SCALAR_OF_SET[tag]: elements[index]}


def value_at(attribute: Any, steps: Sequence[str | int], double: bool) -> Outcome:
    """Return the value of what stands in an attribute at some names and indices; `BAD_TYPE` where one is malformed."""
    try:
        for step in steps:
            attribute = member(attribute, step, double) if isinstance(step, str) else element(attribute, step, double)
            if attribute is MISSING:
                return None
    except BadAttributeError:
        return BAD_TYPE
    return attribute_value(attribute, double)


def plain(attribute: Any, double: bool) -> Any:
    """Return the plain value of an attribute: None, str, `Number`, bool, list or dict.

    One frame a level: a record may nest 512 deep, and the stack of a runtime is 1,000 frames.

    Args:
        attribute: the decoded attribute value, `{"S": "text"}`.
        double: binary values carry two layers of base64; one is taken off.

    Raises:
        BadAttributeError: the attribute, or one below it, is malformed.
    """
    check_shape(attribute)
    ((tag, content),) = attribute.items()
    if tag == "M":
        members = {}
        for name, member in content.items():
            members[name] = plain(member, double)
        return members
    if tag == "L":
        elements = []
        for element in content:
            elements.append(plain(element, double))  # noqa: PERF401 - a comprehension is a second frame a level
        return elements
    if tag in _SCALAR_OF_SET:
        scalar = _SCALAR_OF_SET[tag]
        elements = [_scalar(scalar, element, double) for element in content]
        elements.sort(key=number_key if tag == "NS" else None)  # a set has no order, and its text has one form
        return Unordered(elements)
    return _scalar(tag, content, double)


def plain_image(image: dict[str, Any], double: bool) -> dict[str, Any]:
    """Return a map of attributes as plain values, members in order.

    Raises:
        BadAttributeError: an attribute in it is malformed.
    """
    return {name: plain(attribute, double) for name, attribute in image.items()}


def image_value(image: dict[str, Any], double: bool) -> Json:
    """Return a map of attributes as JSON text.

    Raises:
        BadAttributeError: an attribute in it is malformed.
    """
    return Json(_members_json(image, double))


def value_of(plain_value: Any) -> Outcome:
    """Return a plain value as a `Value`: objects and lists become their compact JSON text."""
    if isinstance(plain_value, dict | list):
        return Json(encode_plain(plain_value))
    if type(plain_value) in (str, Number, bool) or plain_value is None:
        return plain_value  # type: ignore[no-any-return]
    return Number(encode_plain(plain_value))


def attribute_value(attribute: Any, double: bool) -> Outcome:
    """Return the value of one attribute, or `BAD_TYPE` where it is malformed."""
    try:
        if type(attribute) is dict and ("M" in attribute or "L" in attribute):
            return Json(_json(attribute, double))
        return value_of(plain(attribute, double))
    except BadAttributeError:
        return BAD_TYPE


def _json(attribute: Any, double: bool) -> str:
    """Return the JSON of an attribute, as of its plain value, which is not made: that takes five times as long."""
    if type(attribute) is not dict or len(attribute) != 1:
        raise BadAttributeError
    ((tag, content),) = attribute.items()
    if tag == "S" and type(content) is str:
        return quote(content)
    if tag == "N" and type(content) is str:
        if NUMBER.fullmatch(content) is None:
            raise BadAttributeError
        return content
    if tag == "M" and type(content) is dict:
        members = []
        for name, member in content.items():
            members.append(_key(name) + _json(member, double))
        return "{" + ",".join(members) + "}"
    if tag == "L" and type(content) is list:
        elements = []
        for element in content:
            elements.append(_json(element, double))  # noqa: PERF401 - a comprehension is a second frame a level
        return "[" + ",".join(elements) + "]"
    return encode_plain(plain(attribute, double))


def _members_json(members: dict[str, Any], double: bool) -> str:
    return "{" + ",".join([_key(name) + _json(member, double) for name, member in members.items()]) + "}"


def _key(name: str) -> str:
    return _short_key(name) if len(name) < _SHORT_CHARACTERS else quote(name) + ":"


@lru_cache(1_024)
def _short_key(name: str) -> str:
    return quote(name) + ":"


def _scalar(tag: str, content: Any, double: bool) -> Any:
    if type(content) is not _SHAPES[tag]:
        raise BadAttributeError
    return _checked(tag, content, double)


def _checked(tag: str, content: Any, double: bool) -> Any:
    if tag == "N":
        if NUMBER.fullmatch(content) is None:
            raise BadAttributeError
        return Number(content)
    if tag == "B":
        return _binary(content, double)
    return None if tag == "NULL" else content


def _binary(content: str, double: bool) -> str:
    raw = decode(content)
    if raw is None:
        raise BadAttributeError
    if not double:
        return content
    if decode(raw) is None:
        raise BadAttributeError
    return raw.decode("ascii")


_SHAPES: Final[dict[str, type]] = {
    "S": str,
    "N": str,
    "B": str,
    "BOOL": bool,
    "NULL": bool,
    "M": dict,
    "L": list,
    "SS": list,
    "NS": list,
    "BS": list,
}
_SHORT_CHARACTERS: Final = 64
"""Up to this the names of attributes, which come again in each item, are kept as they are written."""

_SCALAR_OF_SET: Final = {"SS": "S", "NS": "N", "BS": "B"}
