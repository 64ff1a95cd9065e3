"""One record alone: what it is, and the value of any path in it, exactly and without haste.

The projection sends here the records that its generated decoders refuse, and the columns whose paths only the
`jmespath` package can evaluate. Invariant: for a record that the projection does take, the values found here are the
same.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from fastxform.core.values import BAD_PATH, BAD_TYPE, Json, Number, Outcome
from fastxform.decode import dynamodb
from fastxform.decode.dynamodb import IMAGES, BadAttributeError
from fastxform.limits import DOCUMENT_DEPTH_LIMIT
from fastxform.query import paths

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_WHITE_SPACE: Final = b" \t\n\r"
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""Possessive: what could be given back is remembered otherwise, 100 bytes for each byte of a string."""
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
SHALLOW_BYTES: Final = 2 * DOCUMENT_DEPTH_LIMIT
"""Below so many bytes a valid document cannot nest too deep, and a broken one not deep enough to hurt a parser."""

_SAMPLE_BYTES: Final = 64
_LONG_BYTES: Final = 4_096
_HOP_BYTES: Final = 128
"""At one opening in so many bytes `find` is faster than a pass over all."""

_NOT_OPENING: Final = bytes(set(range(256)) - set(b"[{"))
_STEP: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}

_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ANY: Final = msgspec.json.Decoder(float_hook=Number)
_TEXT: Final = msgspec.json.Decoder(str)


def is_deep(payload: bytes) -> bool:
    """Tell whether a text nests deeper than the limit, valid JSON or not.

    Strings are skipped up to their end or the text's. It never recurses: it stands before every parser that does.
    """
    if not _has_many_openings(payload):
        return False
    depth = 0
    for byte in _STRING.sub(b"", payload).translate(None, _NOT_BRACKETS):
        depth += _STEP[byte]
        if depth > DOCUMENT_DEPTH_LIMIT:
            return True
    return False


def deep_places(texts: Sequence[bytes]) -> list[int]:
    """Return the places of texts that nest deeper than the limit, and, were they valid JSON, of all that do.

    More than twice the limit of the bytes of such a document are brackets. All others together are so few that of any
    that are some more than those, some are brackets: in a text of little more than that a first part tells.
    """
    found: list[int] = []
    if not [text for text in texts if len(text) >= SHALLOW_BYTES]:  # two thirds of the cost of telling which
        return found
    for place, document in enumerate(texts):
        if len(document) < SHALLOW_BYTES:
            continue
        first_bytes = len(document) - SHALLOW_BYTES + _SAMPLE_BYTES
        if first_bytes < _LONG_BYTES and len(document[:first_bytes].translate(None, _NOT_BRACKETS)) < _SAMPLE_BYTES:
            continue
        if is_deep(document):
            found.append(place)
    return found


def _has_many_openings(payload: bytes) -> bool:
    """Tell whether more lists and objects are opened, or seem to be in strings, than may be in each other."""
    # Long texts are mostly strings, in which `find` is fast: 0.2 ms for 3.6 MB of large records. One pass over the
    # bytes costs 1.0, two counts 1.9, Arrow's kernels 1.0.
    openings, hops = 0, len(payload) // _HOP_BYTES
    for bracket in (b"{", b"["):
        place = payload.find(bracket)
        while place >= 0 and openings < hops:
            openings += 1
            place = payload.find(bracket, place + 1)
    if openings < hops:
        return openings > DOCUMENT_DEPTH_LIMIT
    return len(payload.translate(None, _NOT_OPENING)) > DOCUMENT_DEPTH_LIMIT


def reason_against(payload: bytes | None) -> str | None:
    """Return why a payload is no record, or None where it is one."""
    if payload is None:
        return "base64"
    try:
        payload.decode()
    except UnicodeDecodeError:
        return "utf8"
    if payload.startswith(BYTE_ORDER_MARK):
        return "utf8"
    if is_deep(payload):
        return "depth"
    try:
        _RAW.decode(payload)
    except (msgspec.MsgspecError, ValueError):
        return "json"
    return None if payload.lstrip(_WHITE_SPACE).startswith(b"{") else "not_object"


def compact(raw: bytes) -> str:
    """Return JSON text less its insignificant white space; escapes, digits and repeated members stay as written."""
    return msgspec.json.format(raw, indent=-1).decode()


def compact_all(raws: Sequence[Any]) -> list[str]:
    """Return many valid JSON texts less their insignificant white space, in one pass over all of them.

    They become the elements of one list. Where nothing but the line feeds between them goes away, none had any; no
    compact text holds a line feed, so that they are told apart by those.
    """
    together = b",\n".join(raws).join((b"[", b"]"))
    found = msgspec.json.format(together, indent=-1)
    if len(found) + max(len(raws) - 1, 0) == len(together):
        return together[1:-1].decode().split(",\n") if raws else []
    return [bytes(raw).decode() for raw in _ELEMENTS.decode(found)]


def json_value(raw: bytes) -> Outcome:
    """Return the value of one JSON text without white space around it."""
    first = raw[:1]
    if first in (b"{", b"["):
        return Json(compact(raw))
    if first == b'"':
        return _TEXT.decode(raw)
    if first == b"t":
        return True
    if first == b"f":
        return False
    if first == b"n":
        return None
    return Number(raw.decode())


def json_text(value: Outcome) -> Outcome:
    """Return a value as a `json` column holds it: its JSON text, null as None."""
    if isinstance(value, (Number, Json)) or not isinstance(value, (str, bool, int)):
        return Json(value) if isinstance(value, Number) else value
    return Json(dynamodb.encode_plain(value))


def json_verbatim(raw: bytes) -> Outcome:
    """Return a JSON text as a `json` column of plain documents holds it: as written, less white space, null as None."""
    return None if raw == b"null" else Json(compact(raw))


def decode_any(raw: bytes) -> Any:
    """Return valid JSON text as Python objects; fractions become `Number`."""
    try:
        return _ANY.decode(raw)
    except msgspec.ValidationError:  # an integer of more digits than Python reads
        return decode_written(raw)


def decode_written(raw: bytes) -> Any:
    """Return valid JSON text as Python objects; every number becomes a `Number`, its digits as written."""
    return json.loads(bytes(raw), parse_int=Number, parse_float=Number)


def members_of(text: bytes) -> dict[str, bytes]:
    """Return the members of a valid JSON object as their texts, without white space around them."""
    return {name: bytes(raw) for name, raw in _MEMBERS.decode(text).items()}


def elements_of(text: bytes) -> list[bytes]:
    """Return the elements of a valid JSON list as their texts; nothing of what is no list."""
    if not text.startswith(b"["):
        return []
    return [bytes(raw) for raw in _ELEMENTS.decode(text)]


class _JsonPlace:
    """A place in a plain document: the JSON text that stands there."""

    def __init__(self, raw: bytes) -> None:
        self.raw = bytes(raw).strip(_WHITE_SPACE)

    def member(self, name: str) -> "_Place | None":
        if not self.raw.startswith(b"{"):
            return None
        found = members_of(self.raw).get(name)
        return None if found is None else _JsonPlace(found)

    def value(self, as_json: bool = False) -> Outcome:
        return json_verbatim(self.raw) if as_json else json_value(self.raw)

    def is_true(self) -> bool:
        value = self.value()
        return value not in ("{}", "[]") if isinstance(value, Json) else is_true(value)


class _ImagePlace:
    """A place in a DynamoDB change: a map of attributes, or one attribute."""

    def __init__(self, content: Any, double: bool, is_map: bool) -> None:
        self.content, self.double, self.is_map = content, double, is_map

    def member(self, name: str) -> "_Place | None":
        attributes = self.content if self.is_map else self._map_of_attribute()
        if type(attributes) is not dict or name not in attributes:
            return None
        return _ImagePlace(attributes[name], self.double, is_map=False)

    def _map_of_attribute(self) -> Any:
        dynamodb.judge(self.content, self.double)
        return self.content.get("M")

    def value(self, as_json: bool = False) -> Outcome:
        found = dynamodb.value_of(self.plain())
        return json_text(found) if as_json else found

    def plain(self) -> Any:
        if not self.is_map:
            return dynamodb.plain(self.content, self.double)
        return dynamodb.plain_image(self.content, self.double) if type(self.content) is dict else self.content

    def is_true(self) -> bool:
        if self.is_map:
            return is_true(self.content)
        dynamodb.judge(self.content, self.double)
        ((tag, content),) = self.content.items()
        return tag == "N" or (tag != "NULL" and is_true(content))


class _ChangePlace:
    """The member `dynamodb` of a change: plain members beside the images."""

    def __init__(self, raw: bytes, double: bool) -> None:
        self.content, self.double = decode_written(raw), double
        self.members = _JsonPlace(raw)

    def member(self, name: str) -> "_Place | None":
        if name in IMAGES:
            if type(self.content) is not dict or name not in self.content:
                return None
            return _ImagePlace(self.content[name], self.double, is_map=True)
        return self.members.member(name)

    def value(self, as_json: bool = False) -> Outcome:
        found = dynamodb.value_of(self.plain())
        return json_text(found) if as_json else found

    def plain(self) -> Any:
        return _plain_change(self.content, self.double)

    def is_true(self) -> bool:
        return is_true(self.content)


_Place = _JsonPlace | _ImagePlace | _ChangePlace


def _plain_change(content: Any, double: bool) -> Any:
    if type(content) is not dict:
        return content
    return {
        name: dynamodb.plain_image(member, double) if name in IMAGES and type(member) is dict else member
        for name, member in content.items()
    }


def is_true(value: Any) -> bool:
    """Tell whether JMESPath takes a value for true: all but null, false and what is empty; the number 0 is true."""
    if value is None or value is False:
        return False
    return not (isinstance(value, (str, list, dict)) and len(value) == 0)


class Document:
    """One valid record, whose paths can be evaluated; `reason_against` must have found nothing."""

    def __init__(self, payload: bytes, source: str) -> None:
        self.payload, self.source = payload, source
        self.members = _MEMBERS.decode(payload)
        self.double = dynamodb.is_double_encoded(self.members)
        self._plain: Any = None

    def evaluate(self, path: paths.Path, as_json: bool = False) -> Outcome:
        """Return the value at a path.

        `BAD_TYPE` stands for a malformed attribute on the way, `BAD_PATH` where JMESPath raised. With `as_json` every
        value is its JSON text, as a `json` column holds it.
        """
        try:
            if isinstance(path, paths.Dotted):
                place = self._place(path.names)
                return None if place is None else place.value(as_json)
            if isinstance(path, paths.Either):
                return self._either(path, as_json)
            return self._slow(path, as_json)
        except BadAttributeError:
            return BAD_TYPE

    def _place(self, names: tuple[str, ...]) -> _Place | None:
        raw = self.members.get(names[0])
        if raw is None:
            return None
        is_change = self.source == "dynamodb" and names[0] == "dynamodb"
        return _descend(_ChangePlace(bytes(raw), self.double) if is_change else _JsonPlace(bytes(raw)), names[1:])

    def _either(self, path: paths.Either, as_json: bool) -> Outcome:
        place: _Place | None = None
        for term in path.terms:
            place = self._place(term.names)
            if place is not None and place.is_true():
                break
        place = None if place is None else _descend(place, path.rest)
        return None if place is None else place.value(as_json)

    def _slow(self, path: paths.FirstWhere | paths.Slow, as_json: bool) -> Outcome:
        if isinstance(path, paths.FirstWhere):
            return self._first_where(path, as_json)
        document = self.plain_document()
        try:  # what it computes may be no JSON either: an infinite number, an expression
            value = dynamodb.value_of(paths.evaluate_slow(path, document))
        except Exception:
            return BAD_PATH
        return json_text(value) if as_json else value

    def _first_where(self, path: paths.FirstWhere, as_json: bool) -> Outcome:
        place = self._place(path.list.names)
        if place is not None and not isinstance(place, _JsonPlace):
            found = _first_in(place.plain(), path)
            return json_text(found) if as_json else found
        if place is None or not place.raw.startswith(b"["):
            return None
        for element in elements_of(place.raw):
            entry = _JsonPlace(element)
            key = _descend(entry, path.key.names)
            if key is None or (found := key.value()) != path.equals or type(found) is not str:
                continue
            value = _descend(entry, path.value.names)
            if value is not None and (result := value.value(as_json)) is not None:
                return result
        return None

    def plain_document(self) -> Any:
        """Return the document as JMESPath sees it: images as plain values, numbers that compute and keep their digits.

        Raises:
            BadAttributeError: an attribute of an image is malformed.
        """
        if self._plain is None:
            text = self.payload.decode()
            document = json.loads(text, parse_int=_integer, parse_float=_Float)
            if self.source == "dynamodb":
                change = document.get("dynamodb")
                document = {**document, "dynamodb": change} if "dynamodb" in document else document
                if type(change) is dict:
                    document["dynamodb"] = {
                        name: _computable(dynamodb.plain_image(member, self.double))
                        if name in IMAGES and type(member) is dict
                        else member
                        for name, member in change.items()
                    }
            self._plain = document
        return self._plain


def _first_in(elements: Any, path: paths.FirstWhere) -> Outcome:
    """Return the first value of a plain list that the path selects."""
    for element in elements if type(elements) is list else ():
        key = _member_of(element, path.key.names)
        if type(key) is str and key == path.equals:
            value = _member_of(element, path.value.names)
            if value is not None:
                return dynamodb.value_of(value)
    return None


def _member_of(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = value.get(name) if type(value) is dict else None
    return value


def _descend(place: _Place, names: tuple[str, ...]) -> _Place | None:
    found: _Place | None = place
    for name in names:
        if found is None:
            return None
        found = found.member(name)
    return found


def _keeps_text(base: type) -> type:
    """Return a subclass of int or float that keeps its text, and its name, which JMESPath looks at."""

    def new(cls: Any, text: str) -> Any:
        number: Any = base.__new__(cls, text)
        number.text = text
        return number

    return type(base.__name__, (base,), {"__new__": new})


_SmallInteger: Final[Callable[[str], Any]] = _keeps_text(int)
_Float: Final[Callable[[str], Any]] = _keeps_text(float)


def _integer(text: str) -> Any:
    # Python refuses to read an integer of more than 4,300 digits; as a float it is infinite and keeps its text.
    return _SmallInteger(text) if len(text) < 4_000 else _Float(text)


def _computable(value: Any) -> Any:
    """Return a plain value whose `Number` texts are numbers that compute."""
    if type(value) is dict:
        for name in value:
            value[name] = _computable(value[name])
    elif type(value) is list:
        for index in range(len(value)):
            value[index] = _computable(value[index])
    if type(value) is Number:
        return _integer(value) if value.lstrip("-").isdigit() else _Float(value)
    return value
