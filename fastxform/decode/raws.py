"""Undecoded members, a column at once: their values, and what stands in them, for the generated code.

Each function takes the JSON text of a member for each record, `ABSENT` where there is none. Invariant: what it gives is
what `fallback` gives of each record alone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from fastxform.core import json_text
from fastxform.core.json_values import TooManyValuesError, formatted_all, json_value, normalized_all
from fastxform.core.values import Json, Outcome
from fastxform.query.paths import folded

REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding raises for a record: it is none, or has a shape that the types do not take."""

ABSENT: Final = msgspec.Raw()
_TOGETHER_BYTES: Final = 1 << 20
"""Of longer texts the elements are made one text after the other: of 4 MB of zeros they would be 2 million objects."""


def values(raws: list[Any]) -> list[Outcome]:
    """Return what stands there, as values."""
    try:
        found = normalized_all(_present(raws))
    except TooManyValuesError:
        return list(map(_value, raws))
    return [Json(text) if text[0] in "{[" else json_value(text.encode()) for text in found]


def strings(raws: list[Any]) -> list[Outcome]:
    """Return values of which only the text matters: an object is not distinguished from a text that looks like it."""
    try:
        found = normalized_all(_present(raws))
    except TooManyValuesError:
        return list(map(_value, raws))
    return [text if text[0] in "{[" else None if text == "null" else json_value(text.encode()) for text in found]


def first(raws: list[Any], roots: list[Any], search: Callable[[list[Any]], list[Outcome]]) -> list[Outcome]:
    """Return the values that were found in lists: mostly all of them texts, which are read in one call."""
    there = [raw for raw in raws if raw is not ABSENT]
    try:
        found = _STRINGS.decode(b",".join(there).join((b"[", b"]")))
    except REFUSED:
        outcomes = values(raws)
        # Behind an element whose value is null the search goes on.
        return search(roots) if outcomes.count(None) > len(raws) - len(there) else outcomes
    if len(found) == len(raws):
        return found  # type: ignore[return-value]
    rest = iter(found)
    return [None if raw is ABSENT else next(rest) for raw in raws]


_STRINGS: Final = msgspec.json.Decoder(list[str])


def json_texts(raws: list[Any]) -> list[Outcome]:
    """Return what stands there as JSON texts."""
    try:
        found = normalized_all(_present(raws))
    except TooManyValuesError:
        return [json_text.to_json(_value(raw)) for raw in raws]
    return [None if text == "null" else Json(text) for text in found]


def element_texts(raws: list[Any]) -> list[Outcome]:
    """Return what stands there as JSON texts whose elements are still as they were written."""
    return [None if text == "null" else Json(text) for text in formatted_all(_present(raws))]


def _value(raw: Any) -> Outcome:
    return None if raw is ABSENT else json_value(bytes(raw))


def _present(raws: list[Any]) -> list[Any]:
    return [b"null" if raw is ABSENT else raw for raw in raws]


def texts(raws: list[Any]) -> list[Any]:
    """Return what stands there, undecoded; None where nothing does."""
    return [None if raw is ABSENT else raw for raw in raws]


class Slots(dict[Any, int]):
    """The slot of each text that a list is searched for, -1 of any other; of some of those that come it is kept."""

    def __init__(self, slots: Mapping[str, int], ignores_case: bool) -> None:
        super().__init__({} if ignores_case else slots)
        self._slots, self._ignores_case = slots, ignores_case

    def __missing__(self, key: str | None) -> int:
        name = folded(key) if self._ignores_case else None
        slot = -1 if name is None else self._slots.get(name, -1)
        if len(self) < _KEPT_KEYS and (key is None or len(key) <= _KEPT_KEY_CHARACTERS):
            self[key] = slot
        return slot


_KEPT_KEYS: Final = 512
_KEPT_KEY_CHARACTERS: Final = 64
"""Names of headers come again, a few dozen spellings of them."""


def element_at(raws: list[Any], index: int) -> list[Any]:
    """Return an element of each list, by its index from 0 or from the end."""
    together = _together(raws)
    if len(together) <= _TOGETHER_BYTES:
        try:
            lists = _LISTS.decode(together)
        except REFUSED:  # a number that Python does not read
            pass
        else:
            if index == 0:
                return [each[0] if type(each) is list and each else ABSENT for each in lists]
            return [each[index] if type(each) is list and -len(each) <= index < len(each) else ABSENT for each in lists]
    found: list[Any] = []
    for raw in raws:
        parts = json_text.elements_of(bytes(raw))
        found.append(parts[index] if -len(parts) <= index < len(parts) else ABSENT)
    return found


class MemberOf:
    """Returns the members of a name of objects."""

    def __init__(self, name: str) -> None:
        field = ("member", msgspec.Raw, ABSENT)
        self._type: Any = msgspec.defstruct("Object", [field], rename={"member": name}, gc=False)
        kinds: Any = self._type | list[msgspec.Raw] | str | int | float | bool | None
        self._decode: Any = msgspec.json.Decoder(list[kinds]).decode
        self._decode_one: Any = msgspec.json.Decoder(self._type).decode

    def __call__(self, raws: list[Any]) -> list[Any]:
        """Return the member of each object; there is none in what is no object."""
        together = _together(raws)
        if len(together) <= _TOGETHER_BYTES:
            try:
                return [each.member if type(each) is self._type else ABSENT for each in self._decode(together)]
            except REFUSED:
                pass
        return [self._one(bytes(raw)) for raw in raws]

    def _one(self, raw: bytes) -> Any:
        return self._decode_one(raw).member if raw.startswith(b"{") else ABSENT


class _Nothing(msgspec.Struct, gc=False):
    """An object of which nothing is read."""


_LISTS: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    list[list[msgspec.Raw] | _Nothing | str | int | float | bool | None]
)


def _together(raws: list[Any]) -> bytes:
    return b",".join(_present(raws)).join((b"[", b"]"))
