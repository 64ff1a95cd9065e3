"""The fallback for one record: the value of any path in it, exactly; some 30 times as slow as the projection.

The projection sends here the records that its generated decoders refuse, and the columns whose paths only the
`jmespath` package can evaluate. Invariant: for a record that the projection does take, the values read here are the
same.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from fastxform.core.json_text import (
    decode_any,
    decode_written,
    elements_of,
    raw_members,
    to_json,
)
from fastxform.core.json_values import formatted, json_value
from fastxform.core.plain_values import exact_float, exact_integer
from fastxform.core.values import BAD_PATH, BAD_TYPE, Json, Number, Outcome
from fastxform.decode import dynamodb
from fastxform.decode.dynamodb import BadAttributeError
from fastxform.decode.fields import Images, Names, is_double
from fastxform.query import paths

_WHITE_SPACE: Final = b" \t\n\r"

Form = Literal["value", "json", "elements"]
"""What a value comes as: itself; its JSON text, as a `json` column holds it; or the text of a list or an object that is
to be taken apart, whose elements are as the record has them."""


def _in_form(value: Outcome, form: Form) -> Outcome:
    return value if form == "value" else to_json(value)


Members = Callable[[bytes], Mapping[str, Any]]
"""Returns members of a JSON object as views of their texts."""


class MemberReader:
    """Reads the members of some names, and no others: of an object of a million others it makes nothing."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = dict.fromkeys(names)
        slots = {f"m{index}": name for index, name in enumerate(self.names)}
        try:
            fields = [(slot, msgspec.Raw, _ABSENT) for slot in slots]
            self._decode = msgspec.json.Decoder(msgspec.defstruct("Members", fields, rename=slots)).decode
        except ValueError:  # a name with a quote, a backslash or a control character
            self._decode = None  # type: ignore[assignment]

    def __call__(self, text: bytes) -> Mapping[str, Any]:
        """Return the members of a valid object that it has."""
        if self._decode is None:
            return raw_members(text)
        values = msgspec.structs.astuple(self._decode(text))
        return {name: raw for name, raw in zip(self.names, values, strict=True) if raw is not _ABSENT}


_ABSENT: Final = msgspec.Raw()


class _JsonNode:
    """A node of a plain document: the JSON text that stands there, which is taken apart once, whoever asks."""

    def __init__(self, raw: bytes, read: Members = raw_members) -> None:
        self.raw, self.read = bytes(raw).strip(_WHITE_SPACE), read
        self._members: Mapping[str, Any] | None = None
        self._nodes: dict[str, _JsonNode] = {}

    @cached_property
    def _elements(self) -> list[bytes]:
        return elements_of(self.raw)

    def element(self, index: int) -> "_AnyNode | None":
        if not -len(self._elements) <= index < len(self._elements):
            return None
        return _JsonNode(self._elements[index], self.read)

    def member(self, name: str) -> "_AnyNode | None":
        if self._members is None:
            self._members = self.read(self.raw) if self.raw.startswith(b"{") else {}
        raw = self._members.get(name)
        if raw is None:
            return None
        if name not in self._nodes:
            self._nodes[name] = _JsonNode(raw, self.read)
        return self._nodes[name]

    def value(self, form: Form = "value") -> Outcome:
        if form == "elements" and self.raw.startswith((b"[", b"{")):
            return Json(formatted(self.raw))
        return _in_form(json_value(self.raw), form)

    def is_true(self) -> bool:
        value = self.value()
        return value not in ("{}", "[]") if isinstance(value, Json) else is_true(value)


class _ImageNode:
    """A node of a DynamoDB change: a map of attributes, or one attribute."""

    def __init__(self, content: Any, double: bool, is_map: bool) -> None:
        self.content, self.double, self.is_map = content, double, is_map

    def member(self, name: str) -> "_AnyNode | None":
        if not self.is_map:
            attribute = dynamodb.member(self.content, name, self.double)
        else:
            attribute = self.content.get(name, dynamodb.MISSING) if type(self.content) is dict else dynamodb.MISSING
        return None if attribute is dynamodb.MISSING else _ImageNode(attribute, self.double, is_map=False)

    def element(self, index: int) -> "_AnyNode | None":
        attribute = dynamodb.MISSING if self.is_map else dynamodb.element(self.content, index, self.double)
        return None if attribute is dynamodb.MISSING else _ImageNode(attribute, self.double, is_map=False)

    def value(self, form: Form = "value") -> Outcome:
        if self.is_map and type(self.content) is dict:
            return dynamodb.image_value(self.content, self.double)
        value = dynamodb.value_of(self.plain())
        return _in_form(value, form)

    def plain(self) -> Any:
        if not self.is_map:
            return dynamodb.plain(self.content, self.double)
        return dynamodb.plain_image(self.content, self.double) if type(self.content) is dict else self.content

    def is_true(self) -> bool:
        if self.is_map:
            return is_true(self.content)
        dynamodb.validate(self.content, self.double)
        ((tag, content),) = self.content.items()
        return tag == "N" or (tag != "NULL" and is_true(content))


class _ContainerNode:
    """An object that holds images: plain members beside them."""

    def __init__(self, raw: bytes, images: Images, names: list[Names], double: bool) -> None:
        self.images, self.names, self.double = images, names, double
        self.members = _JsonNode(raw)

    @cached_property
    def content(self) -> Any:
        """All of it decoded; to read one image of it costs less."""
        return decode_written(self.members.raw)

    def member(self, name: str) -> "_AnyNode | None":
        below = self.images.below(name, self.names)
        member = self.members.member(name)
        if not below or member is None:
            return member
        assert isinstance(member, _JsonNode)
        if () in below:
            return _ImageNode(_decode_image(member.raw), self.double, is_map=True)
        return _ContainerNode(member.raw, self.images, below, self.double)

    def element(self, index: int) -> "_AnyNode | None":
        return self.members.element(index)

    def value(self, form: Form = "value") -> Outcome:
        value = dynamodb.value_of(self.plain())
        return _in_form(value, form)

    def plain(self) -> Any:
        return _plain_container(self.content, self.images, self.names, self.double)

    def is_true(self) -> bool:
        return is_true(self.content)


_AnyNode = _JsonNode | _ImageNode | _ContainerNode


def _decode_image(raw: bytes) -> Any:
    """Return an image decoded; of an object of attributes no number is read that is not in a text."""
    return decode_any(raw) if _is_object(raw) else decode_written(raw)


def _is_object(raw: Any) -> bool:
    return bytes(raw).lstrip(_WHITE_SPACE).startswith(b"{")


def _plain_container(content: Any, images: Images, names: list[Names], double: bool) -> Any:
    """Return an object with the images in it as plain values."""
    if type(content) is not dict:
        return content
    plain = {}
    for name, member in content.items():
        below = images.below(name, names)
        if () in below:
            plain[name] = dynamodb.plain_image(member, double) if type(member) is dict else member
        else:
            plain[name] = _plain_container(member, images, below, double) if below else member
    return plain


def is_true(value: Any) -> bool:
    """Tell whether JMESPath takes a value for true: all but null, false and what is empty; the number 0 is true."""
    if value is None or value is False:
        return False
    return not (isinstance(value, (str, list, dict)) and len(value) == 0)


class Document:
    """One valid record, whose paths can be evaluated; `validation.reject_reason` must be None."""

    def __init__(
        self, payload: bytes, images: Images | None = None, root: str | None = None, read: Members = raw_members
    ) -> None:
        """Take a document.

        Args:
            payload: its text.
            images: where attribute values are.
            root: the name that paths know it by, where they do not begin with its members.
            read: gives all members that paths ask for, where the document has no images.
        """
        self.payload, self.images, self.root = payload, images, root
        self.read = read if images is None else raw_members
        self.members = self.read(payload) if root is None else {root: payload}
        self.double = images is not None and dynamodb.is_double_encoded(self.members)
        self._plain: Any = None
        self._roots: dict[str, _AnyNode] = {}
        self._known: dict[tuple[paths.Path, Form], Outcome] = {}

    def evaluate(self, path: paths.Path, form: Form = "value") -> Outcome:
        """Return the value at a path.

        `BAD_TYPE` stands for a malformed attribute on the way, `BAD_PATH` where JMESPath raised.
        """
        if (path, form) not in self._known:
            self._known[path, form] = self._evaluate(path, form)
        return self._known[path, form]

    def _evaluate(self, path: paths.Path, form: Form) -> Outcome:
        try:
            if isinstance(path, paths.Dotted):
                node = self._node(path.names)
                return None if node is None else node.value(form)
            if isinstance(path, paths.Either):
                return self._either(path, form)
            if isinstance(path, paths.Indexed):
                node = _descend(self._node(path.base.names), path.steps)
                return None if node is None else node.value(form)
            return self._slow(path, form)
        except BadAttributeError:
            return BAD_TYPE

    def whole(self) -> Outcome:
        """Return the whole document, images as plain values; `BAD_TYPE` where an attribute is malformed."""
        try:
            return dynamodb.value_of(self.plain_document())
        except BadAttributeError:
            return BAD_TYPE

    def first_object(self, images: Iterable[Names]) -> Outcome:
        """Return the first image that is an object with members, as JSON text; `BAD_TYPE` where one is malformed."""
        for names in images:
            item = self.evaluate(paths.Dotted(names)) if names else self.whole()
            if item is BAD_TYPE or (type(item) is Json and item.startswith("{") and item != "{}"):
                return item
        return None

    def image_text(self, images: Iterable[Names]) -> Outcome:
        """Return what `first_object` does of images that are in no other, in two thirds of the time."""
        within: dict[Names, Mapping[str, Any]] = {(): self.members}
        for names in images:
            for depth in range(1, len(names)):
                if names[:depth] not in within:
                    raw = within[names[: depth - 1]].get(names[depth - 1], b"")
                    within[names[:depth]] = raw_members(raw) if _is_object(raw) else {}
            raw = within[names[:-1]].get(names[-1], b"")
            if not _is_object(raw):
                continue
            try:
                text = dynamodb.image_value(decode_any(raw), self.double and is_double(names))
            except BadAttributeError:
                return BAD_TYPE
            if text != "{}":
                return text
        return None

    def _node(self, names: tuple[str, ...]) -> _AnyNode | None:
        raw = self.members.get(names[0])
        if raw is None:
            return None
        root = self._roots.get(names[0])
        if root is None:
            root = self._roots[names[0]] = self._root(names[0], bytes(raw))
        return _descend(root, names[1:])

    def _root(self, name: str, raw: bytes) -> _AnyNode:
        """Return the node of a member of the document."""
        if self.images is None:
            return _JsonNode(raw, self.read)
        if () in self.images.names:
            return _ImageNode(decode_written(self.payload)[name], False, is_map=False)
        below = self.images.below(name, self.images.names)
        double = self.double and is_double((name,))
        if () in below:
            return _ImageNode(_decode_image(raw), double, is_map=True)
        return _ContainerNode(raw, self.images, below, double) if below else _JsonNode(raw)

    def _either(self, path: paths.Either, form: Form) -> Outcome:
        node: _AnyNode | None = None
        for term in path.terms:
            node = self._node(term.names)
            if node is not None and node.is_true():
                break
        node = None if node is None else _descend(node, path.rest)
        return None if node is None else node.value(form)

    def _slow(self, path: paths.FirstWhere | paths.Compiled, form: Form) -> Outcome:
        if isinstance(path, paths.FirstWhere):
            return self._first_where(path, form)
        document = self.plain_document()
        try:  # what it computes may be no JSON either: an infinite number, an expression
            value = dynamodb.value_of(paths.evaluate_compiled(path, document))
        except Exception:
            return BAD_PATH
        return _in_form(value, form)

    def _first_where(self, path: paths.FirstWhere, form: Form) -> Outcome:
        node = self._node(path.list.names)
        if node is not None and not isinstance(node, _JsonNode):
            first = _first_in(node.plain(), path)
            return _in_form(first, form)
        if node is None or not node.raw.startswith(b"["):
            return None
        for element in elements_of(node.raw):
            entry = _JsonNode(element, self.read)
            key = _descend(entry, path.key.names)
            first = None if key is None else key.value()
            if type(first) is not str or not path.is_equal(first):
                continue
            value = _descend(entry, path.value.names)
            if value is not None and (result := value.value(form)) is not None:
                return result
        return None

    def plain_document(self) -> Any:
        """Return the document as JMESPath sees it: images as plain values, numbers that compute and keep their digits.

        Raises:
            BadAttributeError: an attribute of an image is malformed.
        """
        if self._plain is None:
            document = json.loads(self.payload.decode(), parse_int=exact_integer, parse_float=exact_float)
            if self.images is not None:
                document = self._with_plain_images(document)
            if self.root is not None:
                document = {self.root: document}
            self._plain = document
        return self._plain

    def _with_plain_images(self, document: dict[str, Any]) -> dict[str, Any]:
        assert self.images is not None
        if () in self.images.names:
            return _computable(dynamodb.plain_image(document, False))  # type: ignore[no-any-return]
        plain = dict(document)
        for name in document:
            below = self.images.below(name, self.images.names)
            if below:
                holder = {name: document[name]}
                paths = [(name, *rest) for rest in below]
                double = self.double and is_double((name,))
                plain[name] = _computable(_plain_container(holder, self.images, paths, double)[name])
        return plain


def _first_in(elements: Any, path: paths.FirstWhere) -> Outcome:
    """Return the first value of a plain list that the path selects."""
    for element in elements if isinstance(elements, list) else ():
        key = _member_of(element, path.key.names)
        if type(key) is str and path.is_equal(key):
            value = _member_of(element, path.value.names)
            if value is not None:
                return dynamodb.value_of(value)
    return None


def _member_of(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = value.get(name) if type(value) is dict else None
    return value


def _descend(node: _AnyNode | None, steps: Sequence[str | int]) -> _AnyNode | None:
    for step in steps:
        if node is None:
            return None
        node = node.member(step) if isinstance(step, str) else node.element(step)
    return node


def _computable(value: Any) -> Any:
    """Return a plain value whose `Number` texts are numbers that compute."""
    if type(value) is dict:
        for name in value:
            value[name] = _computable(value[name])
    elif isinstance(value, list):
        for index in range(len(value)):
            value[index] = _computable(value[index])
    if type(value) is Number:
        return exact_integer(value) if value.lstrip("-").isdigit() else exact_float(value)
    return value
