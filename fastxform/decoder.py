"""One decoder over batches: payloads to the values of its columns, and the rows that must be read alone.

It decodes with what `fastxform.generated` makes of a tree of members, and where many records of a batch are refused for
one shape it widens the tree to that shape and has the code generated anew. What is refused, or may have been decoded to
another value than its text says, is left to its caller. Invariant: how wide the decoder is never shows in a value.
"""

import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final

from fastxform import alone, dynamodb
from fastxform.generated import REFUSED, Generated, generate, takes
from fastxform.members import ATTRIBUTE_TAGS, Lane, Members, Node

FIRST_LOOK: Final = 16
"""Refused records of a batch after which the decoder looks for a shape to widen for; then four times as many."""

_KINDS: Final = {"str": "str", "S": "str", "N": "num", "int": "int", "float": "float", "bool": "bool", "BOOL": "bool"}
_EMPTY_OBJECT: Final = re.compile(rb"\{[ \t\n\r]*\}")
_MINUS_ZERO: Final = re.compile(rb"-0(?![0-9.eE])")

Columns = dict[Hashable, tuple[str, list[Any]]]
"""By the name of a column the kind of its values, as `project.Values` has them, and a value a row."""


class Decoder:
    """Reads the columns of one tree of members."""

    def __init__(self, source: str) -> None:
        self.members = Members(source)
        self._generated: Generated | None = None

    def read(self, texts: list[bytes]) -> tuple[Columns, set[int]]:
        """Return the columns, and the rows that must be read alone, whose values here mean nothing."""
        while True:
            generated, roots, refused = self._decode(texts)
            lists = generated.extract(roots, self._double(texts))
            columns: Columns = {}
            containers: set[int] = set()
            for want, values in zip(self.members.wanted, lists, strict=True):
                kind = self.members.lane(want).kind
                columns[want.name] = (_KINDS.get(kind, "mixed"), values)
                if kind == "any":
                    containers |= _containers(values)
                if kind in ("any", "int", "float"):
                    refused |= _minus_zeros(values, texts)
                if want.name in generated.picked:
                    refused |= _empty_picks(generated.picked[want.name], values, roots, texts)
            if len(containers) <= FIRST_LOOK or not self._widen([texts[row] for row in _last(containers)]):
                return columns, refused | containers

    def _decode(self, texts: list[bytes]) -> tuple[Generated, list[Any], set[int]]:
        """Return a struct for each text, and the rows that were refused, whose structs are empty."""
        while True:
            if self._generated is None:
                self._generated = generate(self.members)
            generated = self._generated
            decode, rest = generated.decode, iter(texts)
            roots: list[Any] = []
            refused: set[int] = set()
            look_at = FIRST_LOOK
            while self._generated is generated:
                try:
                    # `extend` keeps what was decoded before the text that is refused.
                    roots.extend(map(decode, rest))
                except REFUSED:
                    refused.add(len(roots))
                    roots.append(generated.nothing)
                else:
                    return generated, roots, refused
                if len(refused) == look_at:
                    self._widen([texts[row] for row in _last(refused)])
                    look_at *= 4

    def _double(self, texts: list[bytes]) -> list[bool]:
        """Return whether binary values carry two layers of base64, where a column asks for it."""
        if not any(self.members.lane(want).kind == "attribute" for want in self.members.wanted):
            return []
        # The Kinesis shape has neither member; a text that holds one of the names is looked at properly.
        return [
            (b"eventVersion" not in text and b"eventSourceARN" not in text and b"\\u" not in text) or _is_double(text)
            for text in texts
        ]

    def _widen(self, texts: Iterable[bytes]) -> bool:
        """Widen for the shapes of those texts that are records; tell whether that changed anything."""
        changed = False
        for text in texts:
            if alone.reason_against(text) is None:
                changed = _widen_object(self.members.root, text) or changed
        if changed:
            self._generated = None
        return changed


def _last(rows: set[int]) -> list[int]:
    return sorted(rows)[-FIRST_LOOK:]


def _is_double(text: bytes) -> bool:
    return alone.reason_against(text) is None and dynamodb.is_double_encoded(alone.members_of(text))


# -- rows whose values may not be what their texts say


def _containers(values: list[Any]) -> set[int]:
    """Return the rows of objects and lists, which have lost their texts."""
    if not {dict, list} & set(map(type, values)):
        return set()
    return {row for row, value in enumerate(values) if type(value) in (dict, list)}


def _minus_zeros(values: list[Any], texts: list[bytes]) -> set[int]:
    """Return the rows of zeros that may have been -0, which has lost its sign."""
    if 0 not in values:
        return set()
    zeros = (row for row, value in enumerate(values) if value == 0 and value is not False)
    return {row for row in zeros if _MINUS_ZERO.search(texts[row])}


def _empty_picks(picked: Callable[[Any], bool], values: list[Any], roots: list[Any], texts: list[bytes]) -> set[int]:
    """Return the rows where `(a || b).c` found nothing in an object that may be empty, which JMESPath passes over."""
    if None not in values:
        return set()
    return {
        row
        for row, value in enumerate(values)
        if value is None and picked(roots[row]) and _EMPTY_OBJECT.search(texts[row])
    }


# -- widening: each function tells whether it changed anything


def _widen_object(node: Node, text: bytes) -> bool:
    members = alone.members_of(text)
    changes = [_widen_member(child, members[name]) for name, child in node.children.items() if name in members]
    return any(changes)


def _widen_member(node: Node, text: bytes) -> bool:
    if node.is_attribute:
        return _widen_attribute(node, text)
    if node.role == "key":
        return False
    if node.lane is not None:
        return _widen_plain(node.lane, text)
    if node.role == "list":
        elements = [element for element in alone.elements_of(text) if element.startswith(b"{")]
        changes = [_widen_object(node, element) for element in elements]
        return any(changes)
    if text == b"null":
        changed, node.nullable = not node.nullable, True
        return changed
    return text.startswith(b"{") and _widen_object(node, text)


def _widen_plain(lane: Lane, text: bytes) -> bool:
    if text.startswith((b"{", b"[")):
        return lane.widen("raw")
    return not takes(lane.kind, text) and lane.widen("any")


def _widen_attribute(node: Node, text: bytes) -> bool:
    members = alone.members_of(text) if text.startswith(b"{") else {}
    if len(members) != 1:
        return False
    ((tag, content),) = members.items()
    if node.lane is None:
        return tag == "M" and content.startswith(b"{") and _widen_object(node, content)
    return node.lane.widen(tag if tag in ATTRIBUTE_TAGS else "scalars" if tag == "NULL" else "attribute")
