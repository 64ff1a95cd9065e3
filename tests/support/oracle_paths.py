"""Paths for the oracle: a path of a configuration, evaluated on one document, JSON or a DynamoDB change.

A document is a node that can be stepped into; a DynamoDB change is read where it is stepped on, so that only what a
path touches is judged. Invariant: the text of a value does not depend on the shape of its path.
"""

import base64
import json
import re

from oracle_json import NULL, NUMBER, Elements, array, boolean, from_plain, number, obj, place, plain, search, string


class PathError(Exception):
    """The path cannot be followed in this document; `code` is the reason: `type` or `path`."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


# ---------------------------------------------------------------- documents


class Node:
    """A value of a JSON document."""

    def __init__(self, value):
        self.value = value

    def step(self, name):
        """The node of that member; None where there is none."""
        member = self.value.member(name)
        return None if member is None else type(self)(member)

    def item(self, index):
        """The node of that element, from the end where the index is negative; None where there is none."""
        items = self.value.data if self.value.kind == "list" else []
        return type(self)(items[index]) if -len(items) <= index < len(items) else None

    def truthy(self):
        return self.value.truthy

    def whole(self):
        return self.value


IMAGES = ["dynamodb.Keys", "dynamodb.NewImage", "dynamodb.OldImage", "Keys", "NewImage", "OldImage", "Item"]


def change(value, images=IMAGES):
    """The document of a change, an export or an item: images are where these paths lead."""
    if "@" in images:
        return Item(value, 1)
    return Change(value, [image.split(".") for image in images])


def image_nodes(document, images):
    """The nodes that are images of a document, in the order of the paths."""
    if "@" in images:
        return [document]
    nodes = [_walk(image.split("."), document) for image in images]
    return [node for node in nodes if isinstance(node, Item)]


def item_of(document, images):
    """The item of a change: the new image, else the old one, else the keys; the first that has members."""
    order = sorted(images, key=lambda image: (image.split(".")[-1] == "Keys", image.split(".")[-1] == "OldImage"))
    for node in image_nodes(document, order):
        if node.value.data:
            return node.whole()
    raise PathError("type")


class Change(Node):
    """The change itself. Below `dynamodb`, Streams has one layer of base64 around binary values, Kinesis two."""

    def __init__(self, value, images):
        super().__init__(value)
        self.images = images

    def step(self, name):
        member = self.value.member(name)
        if member is None:
            return None
        streams = self.value.member("eventVersion") is not None or self.value.member("eventSourceARN") is not None
        layers = 2 if name == "dynamodb" and not streams else 1
        return Body(self.value, self.images, layers).step(name)

    def whole(self):
        return obj({name: self.step(name).whole() for name in self.value.data})


class Body(Node):
    """An object that holds images, `images` being the ways that are left to them."""

    def __init__(self, value, images, layers):
        super().__init__(value)
        self.images = images
        self.layers = layers

    def step(self, name):
        member = self.value.member(name)
        if member is None:
            return None
        below = [image[1:] for image in self.images if image[0] == name]
        if [] in below:
            return Item(member, self.layers) if member.kind == "object" else Node(member)
        return Body(member, below, self.layers) if below else Node(member)

    def item(self, index):
        return Node(self.value).item(index)

    def whole(self):
        if self.value.kind != "object":
            return self.value
        return obj({name: self.step(name).whole() for name in self.value.data})


class Item(Node):
    """An object whose members are attribute values."""

    def __init__(self, value, layers):
        super().__init__(value)
        self.layers = layers

    def step(self, name):
        member = self.value.member(name)
        return None if member is None else Attribute(member, self.layers)

    def whole(self):
        return obj({name: attribute_value(member, self.layers) for name, member in self.value.data.items()})


class Attribute(Node):
    """One attribute value, judged when it is asked."""

    def __init__(self, value, layers):
        super().__init__(value)
        self.layers = layers

    def step(self, name):
        kind, content = opened(self.value, self.layers)
        return Item(content, self.layers).step(name) if kind == "M" else None

    def item(self, index):
        kind, content = opened(self.value, self.layers)
        if kind == "L":
            return Attribute(content.data[index], self.layers) if _has(content.data, index) else None
        return Node(content.data[index]) if content.kind == "list" and _has(content.data, index) else None

    def truthy(self):
        return opened(self.value, self.layers)[1].truthy

    def whole(self):
        return attribute_value(self.value, self.layers)


def _has(items, index):
    return -len(items) <= index < len(items)


def attribute_value(value, layers):
    """The plain value of one attribute value and of all that is in it."""
    kind, content = opened(value, layers)
    # A loop of its own for each: a comprehension would cost a second frame per level.
    if kind == "M":
        members = {}
        for name, member in content.data.items():
            members[name] = attribute_value(member, layers)
        return obj(members)
    if kind == "L":
        items = []
        for item in content.data:
            items.append(attribute_value(item, layers))  # noqa: PERF401
        return array(items)
    return content


def opened(value, layers):
    """The type and the content of one attribute value; the content of `M` and `L` is not looked into."""
    if value.kind != "object" or len(value.data) != 1:
        raise PathError("type")
    [(kind, content)] = value.data.items()
    if kind in ("S", "N", "B"):
        return kind, _scalar(kind, content, layers)
    if kind in ("SS", "NS", "BS") and content.kind == "list":
        elements = [_scalar(kind[0], item, layers) for item in content.data]
        return kind, array(Elements(sorted(elements, key=lambda element: place(element))))
    if kind == "BOOL" and content.kind == "bool":
        return kind, content
    if kind == "NULL" and content == boolean(True):
        return kind, NULL
    if (kind, content.kind) in (("M", "object"), ("L", "list")):
        return kind, content
    raise PathError("type")


def _scalar(kind, content, layers):
    if content.kind != "string":
        raise PathError("type")
    text = content.data
    if kind == "S":
        return string(text)
    if kind == "N":
        if not NUMBER.fullmatch(text):
            raise PathError("type")
        return number(text)
    if layers == 2:
        text = decode_base64(text).decode("latin-1")
    decode_base64(text)
    return string(text)


BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def decode_base64(text):
    """Decode standard base64 with padding, and nothing else."""
    if not BASE64.fullmatch(text):
        raise PathError("type")
    return base64.b64decode(text)


# ---------------------------------------------------------------- paths

_NAME = r'(?:[A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\]|\\.)*")'
_GAP = r"[ \t\r\n]*"
_DOTTED = rf"{_NAME}(?:{_GAP}\.{_GAP}{_NAME})*"
_TERMS = rf"{_DOTTED}(?:{_GAP}\|\|{_GAP}{_DOTTED})*"
_ALTERNATIVES = re.compile(rf"{_GAP}({_TERMS}){_GAP}")
_GROUPED = re.compile(rf"{_GAP}\({_GAP}({_TERMS}){_GAP}\){_GAP}\.{_GAP}({_DOTTED}){_GAP}")
_FIRST = re.compile(
    rf"{_GAP}({_DOTTED})\[\?{_GAP}({_DOTTED}){_GAP}=={_GAP}('(?:[^'\\]|\\.)*'){_GAP}\]"
    rf"{_GAP}\.{_GAP}({_DOTTED}){_GAP}\|{_GAP}\[{_GAP}0{_GAP}\]{_GAP}",
)
_INDEXED = re.compile(rf"{_GAP}({_DOTTED})((?:{_GAP}(?:\.{_GAP}{_NAME}|\[{_GAP}-?[0-9]+{_GAP}\]))+){_GAP}")
_HEADER = re.compile(rf"{_GAP}header\({_GAP}({_DOTTED}){_GAP},{_GAP}('(?:[^'\\]|\\.)*'){_GAP}\){_GAP}")


def select(path, document):
    """The value that a path selects in the node of a document; null where there is none."""
    if match := _ALTERNATIVES.fullmatch(path):
        return _whole(_either(match.group(1), document))
    if match := _GROUPED.fullmatch(path):
        node = _either(match.group(1), document)
        return _whole(node and _walk(_names(match.group(2)), node))
    if match := _FIRST.fullmatch(path):
        items, key, literal, wanted = match.groups()
        return _first(_whole(_walk(_names(items), document)), _names(key), literal, _names(wanted))
    if match := _INDEXED.fullmatch(path):
        node = _walk(_names(match.group(1)), document)
        for step in re.findall(rf"{_NAME}|-?[0-9]+", match.group(2)):
            if node is not None:
                node = node.item(int(step)) if step[0] in "-0123456789" else node.step(_names(step)[0])
        return _whole(node)
    if match := _HEADER.fullmatch(path):
        items, literal = match.groups()
        return _first(_whole(_walk(_names(items), document)), ["name"], literal, ["value"], small)
    root = plain(document.whole())
    try:
        return from_plain(search(path, root))
    except Exception as err:
        raise PathError("path") from err


def members_of(path):
    """The members that a path takes whole, each a tuple of names from the document on."""
    if match := _ALTERNATIVES.fullmatch(path):
        return [tuple(_names(dotted)) for dotted in re.findall(_DOTTED, match.group(1))]
    if match := _GROUPED.fullmatch(path):
        return [tuple(_names(dotted) + _names(match.group(2))) for dotted in re.findall(_DOTTED, match.group(1))]
    return []


def without(value, members):
    """An object less members, each the names that lead to it; null where nothing of it is left."""
    left = {}
    for name, member in value.data.items():
        below = [names[1:] for names in members if names[0] == name]
        if () in below:
            continue
        if below and member.kind == "object" and member.data:
            member = without(member, below)
            if member.kind == "null":
                continue
        elif below and member.kind == "object":
            member = obj({})
        left[name] = member
    return obj(left) if left else NULL


def _whole(node):
    return NULL if node is None else node.whole()


def _names(dotted):
    return [json.loads(name) if name.startswith('"') else name for name in re.findall(_NAME, dotted)]


def _walk(names, node):
    for name in names:
        node = node and node.step(name)
    return node


def _either(terms, document):
    """The first alternative that JMESPath calls true, else the last one."""
    node = None
    for dotted in re.findall(_DOTTED, terms):
        node = _walk(_names(dotted), document)
        if node is not None and node.truthy():
            break
    return node


def small(text):
    """A text whose ASCII letters are small; None for one that has others than ASCII."""
    return (
        "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text)
        if text.isascii()
        else None
    )


def _first(items, key, literal, wanted, form=str):
    """The first value, not null, in the items of a list whose key is this text, both in the same form."""
    text = form(literal[1:-1].replace("\\'", "'"))
    for item in items.data if items.kind == "list" else []:
        found = _whole(_walk(key, Node(item)))
        value = _whole(_walk(wanted, Node(item)))
        if found.kind == "string" and form(found.data) == text and value.kind != "null":
            return value
    return NULL
