"""One decoder over batches: payloads to the values of its columns, and the rows that must be read alone.

It decodes with what `fastxform.decode.codegen` makes of a tree of members, and where many records of a batch are
refused for one shape it widens the tree to that shape and has the code generated anew. What is refused, or may have
been decoded to another value than its text says, is left to its caller. Invariant: how wide the decoder is never shows
in a value.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import Lock
from typing import Any, Final

from fastxform.core import json_text
from fastxform.decode import dynamodb, validation
from fastxform.decode.codegen import REFUSED, Generated, generate, takes
from fastxform.decode.fields import ATTRIBUTE_TAGS, DecodeKind, FieldRequest, FieldTree, Images, Node
from fastxform.query import paths

FIRST_LOOK: Final = 16
"""Refused records of a batch after which the decoder looks for a shape to widen for; then four times as many."""

_KINDS: Final = {"str": "str", "S": "str", "N": "num", "int": "int", "bool": "bool", "BOOL": "bool"}
_EMPTY_OBJECT: Final = re.compile(rb"\{[ \t\n\r]*\}")
_ZERO_HAS_NO_SIGN: Final = frozenset({"int64", "timestamp"})
_MINUS_ZERO: Final = re.compile(rb"(?<=[:,\[ \t\n\r])-0(?=[,\]} \t\n\r])")


class DecoderShape:
    """A tree of members and the code for it; neither changes once a batch is read with them."""

    def __init__(self, members: FieldTree) -> None:
        self.members = members

    @cached_property
    def generated(self) -> Generated:
        """The code for the tree; two threads that make it at once make the same."""
        return generate(self.members)

    def kind(self, request: FieldRequest) -> str:
        """Return the kind of a column's values, as `RawColumn` has them."""
        return _KINDS.get(self.members.decode_kind(request).kind, "mixed")


class Decoder:
    """Reads the columns of one tree of members; batches are read with its shape of the moment, which only grows wider.

    A wider shape takes the place of the one before under a lock, so that threads may share a decoder.
    """

    def __init__(self, images: Images | None) -> None:
        self.shape = DecoderShape(FieldTree(images))
        self._lock = Lock()

    @property
    def members(self) -> FieldTree:
        """The tree of the present shape."""
        return self.shape.members

    def widen(self, shape: DecoderShape, texts: Iterable[bytes]) -> bool:
        """Widen for the shapes of those texts that are records; tell whether there is a wider one than `shape`."""
        with self._lock:
            if self.shape is not shape:  # another thread was first
                return True
            members, changed = shape.members.copy(), False
            for text in texts:
                if validation.reject_reason(text) is None:
                    changed = _widen_object(members.root, text) or changed
            if changed:
                self.shape = DecoderShape(members)
            return changed


class _Watch:
    """The texts of one batch that something is wrong with, and whether it is time to look at the last of them."""

    def __init__(self) -> None:
        self.count, self.look_at = 0, FIRST_LOOK
        self.last: deque[bytes] = deque(maxlen=FIRST_LOOK)

    def add(self, texts: Iterable[bytes]) -> bool:
        """Take texts; tell whether so many have come that they are worth a look."""
        for text in texts:
            self.count += 1
            self.last.append(text)
        if self.count < self.look_at:
            return False
        self.look_at = 4 * self.count
        return True


class Reading:
    """One batch on its way through a decoder, some records at a time."""

    def __init__(self, decoder: Decoder, widens: bool = True, shape: DecoderShape | None = None) -> None:
        """Read with the decoder's shape of now, or with the one that the batch was begun with."""
        self.widens = widens
        self.decoder, self.shape = decoder, decoder.shape if shape is None else shape
        self.requests = self.shape.members.requests
        self._generated = self.shape.generated
        self._kinds = [self.shape.members.decode_kind(request).kind for request in self.requests]
        self.makes_objects = "any" in self._kinds
        self._refused, self._containers = _Watch(), _Watch()

    def read(self, texts: list[bytes]) -> tuple[list[list[Any]], set[int]] | None:
        """Return the values of each wanted column, and the rows that must be read alone, whose values mean nothing.

        None where the decoder had to be widened: then the whole batch is read anew.
        """
        decoded = self._decode(texts)
        if decoded is None:
            return None
        roots, refused = decoded
        values = self.extract(roots, texts)
        if values is not None:
            values[1].update(refused)
        return values

    def extract(self, roots: list[Any], texts: Sequence[bytes]) -> tuple[list[list[Any]], set[int]] | None:
        """Return what `read` returns for texts that have been decoded; `texts` are asked for where a value is odd."""
        generated = self._generated
        lists = generated.extract(roots, self._double(texts))
        refused: set[int] = set()
        containers: set[int] = set()
        looked_at: set[paths.Path] = set()
        for request, kind, values in zip(self.requests, self._kinds, lists, strict=True):
            if kind == "any":
                containers |= _containers(values)
            if kind in ("any", "int") and request.kind not in _ZERO_HAS_NO_SIGN:
                refused |= _minus_zeros(values, texts)
            if request.name in generated.picked and request.path not in looked_at:
                looked_at.add(request.path)  # the same path gives the same values
                refused |= _empty_picks(generated.picked[request.name], values, roots, texts)
        if containers and self._is_widened(self._containers, [texts[row] for row in sorted(containers)]):
            return None
        return lists, refused | containers

    def _decode(self, texts: list[bytes]) -> tuple[list[Any], set[int]] | None:
        """Return a struct for each text, and the rows that were refused, whose structs are empty."""
        generated = self._generated
        decode, rest = generated.decode, iter(texts)
        roots: list[Any] = []
        refused: set[int] = set()
        while True:
            try:
                # `extend` keeps what was decoded before the text that is refused.
                roots.extend(map(decode, rest))
            except REFUSED:
                row = len(roots)
                refused.add(row)
                roots.append(generated.nothing)
                if self._is_widened(self._refused, [texts[row]]):
                    return None
            else:
                return roots, refused

    def _is_widened(self, watch: _Watch, texts: Iterable[bytes]) -> bool:
        return self.widens and watch.add(texts) and self.decoder.widen(self.shape, watch.last)

    def _double(self, texts: Sequence[bytes]) -> list[bool]:
        """Return whether binary values carry two layers of base64, where a column asks for it."""
        if "attribute" not in self._kinds:
            return []
        # The Kinesis shape has neither member; a text that holds one of the names is looked at properly.
        return [
            (b"eventVersion" not in text and b"eventSourceARN" not in text and b"\\u" not in text) or _is_double(text)
            for text in texts
        ]


def _is_double(text: bytes) -> bool:
    return validation.reject_reason(text) is None and dynamodb.is_double_encoded(json_text.members_of(text))


# -- rows whose values may not be what their texts say


def _containers(values: list[Any]) -> set[int]:
    """Return the rows of objects and lists, which have lost their texts."""
    if not {dict, list} & set(map(type, values)):
        return set()
    return {row for row, value in enumerate(values) if type(value) in (dict, list)}


def _minus_zeros(values: list[Any], texts: Sequence[bytes]) -> set[int]:
    """Return the rows of zeros that may have been -0, which has lost its sign."""
    if 0 not in values:
        return set()
    zeros = (row for row, value in enumerate(values) if value == 0 and value is not False)
    return {row for row in zeros if _MINUS_ZERO.search(texts[row])}


def _empty_picks(
    picked: Callable[[Any], bool], values: list[Any], roots: list[Any], texts: Sequence[bytes]
) -> set[int]:
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
    members = json_text.members_of(text)
    changes = [_widen_member(child, members[name]) for name, child in node.children.items() if name in members]
    return any(changes)


def _widen_member(node: Node, text: bytes) -> bool:
    if node.is_attribute:
        return _widen_attribute(node, text)
    if node.role == "key":
        return False
    if node.decode_kind is not None:
        return _widen_plain(node.decode_kind, text)
    if node.role == "list":
        elements = [element for element in json_text.elements_of(text) if element.startswith(b"{")]
        changes = [_widen_object(node, element) for element in elements]
        return any(changes)
    if text == b"null":
        changed, node.nullable = not node.nullable, True
        return changed
    return text.startswith(b"{") and _widen_object(node, text)


def _widen_plain(decode_kind: DecodeKind, text: bytes) -> bool:
    if text.startswith((b"{", b"[")):
        return decode_kind.widen("raw")
    return not takes(decode_kind.kind, text) and decode_kind.widen("any")


def _widen_attribute(node: Node, text: bytes) -> bool:
    members = json_text.members_of(text) if text.startswith(b"{") else {}
    if len(members) != 1:
        return False
    ((tag, content),) = members.items()
    if node.decode_kind is None:
        return tag == "M" and content.startswith(b"{") and _widen_object(node, content)
    return node.decode_kind.widen(tag if tag in ATTRIBUTE_TAGS else "scalars" if tag == "NULL" else "attribute")
