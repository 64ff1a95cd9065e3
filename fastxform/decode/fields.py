"""The members of documents that the paths of a transform request, as one tree.

A node is an object, a list to search, the key that its elements are searched by, or a leaf whose lane says what it is
decoded to; decoding itself is elsewhere. Invariant: a node keeps its role, a lane is only ever widened, and a path that
does not agree with the tree leaves no trace in it.
"""

import copy
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, Literal

from fastxform.core.json_text import raw_members
from fastxform.core.structs import Struct, field
from fastxform.query import paths

Names = tuple[str, ...]
Role = Literal["object", "list", "key", "leaf"]

ATTRIBUTE_TAGS: Final = ("S", "N", "BOOL")
"""The types of attributes that have a kind of their own; `scalars` takes these three and `NULL`."""

MESSAGE_MEMBERS: Final = frozenset(
    {"messageType", "owner", "logGroup", "logStream", "subscriptionFilters", "policyLevel"}
)
"""What stands in a message of CloudWatch Logs beside its events; every other name is a member of an event."""

_ATTRIBUTE_KINDS: Final = (*ATTRIBUTE_TAGS, "scalars", "attribute")

# What a leaf is decoded to at first, by the type of its column; an `auto` column is mostly text in a DynamoDB change.
_FIRST_PLAIN: Final = {
    "string": "str",
    "date": "str",
    "binary": "str",
    "int64": "int",
    "bool": "bool",
    "json": "raw",
    "elements": "raw",
    "text": "raw",
}
_FIRST_ATTRIBUTE: Final = {
    "int64": "N",
    "float64": "N",
    "decimal": "N",
    "bool": "BOOL",
    "json": "attribute",
    "elements": "attribute",
    "binary": "attribute",
}


class Images:
    """Where the objects are in a document whose members are DynamoDB attribute values.

    `names` are the members on the way to each; none for a document that is itself such an object.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Take paths of members, or `@` for the document itself."""
        plans = [None if text == "@" else paths.compile_path(text) for text in texts]
        self.names: list[Names] = [plan.names if isinstance(plan, paths.Dotted) else () for plan in plans]

    def is_inside(self, names: Names) -> bool:
        """Tell whether a member is an attribute value, or stands below one."""
        return any(self.is_inside_of(names, image) for image in self.names)

    @staticmethod
    def is_inside_of(names: Names, image: Names) -> bool:
        """Tell whether a member stands in an image."""
        return len(names) > len(image) and names[: len(image)] == image

    def is_around(self, names: Names) -> bool:
        """Tell whether a member is an image or holds one."""
        return any(image[: len(names)] == names for image in self.names)

    def below(self, name: str, images: Sequence[Names]) -> list[Names]:
        """Return what is left of the ways to images that lead through a member."""
        return [image[1:] for image in images if image[:1] == (name,)]

    def is_found(self, text: bytes) -> bool:
        """Tell whether a valid document holds one of the images."""
        return any(_is_object(text, image) for image in self.names)


def item_order(images: Images) -> list[Names]:
    """Return images in the order in which the item of a change is looked for.

    The keys are in the other images too, and the old image is the item where it was removed.
    """
    return sorted(images.names, key=lambda image: (image[-1:] == ("Keys",), image[-1:] == ("OldImage",)))


def is_double(names: Names) -> bool:
    """Tell whether binary values of an image may carry two layers of base64: those of a stream of changes may."""
    return names[:1] == ("dynamodb",)


def _is_object(text: bytes, names: Names) -> bool:
    for name in names:
        member = raw_members(text).get(name)
        text = b"" if member is None else bytes(member).strip()
        if not text.startswith(b"{"):
            return False
    return True


class ConflictError(Exception):
    """Two paths, or two parts of one, request a member in different roles; nothing was added."""


class FieldRequest(Struct, frozen=True):
    """One column that is read from the documents; `kind` is that of its type."""

    name: Hashable
    path: paths.Path
    kind: str

    @property
    def form(self) -> Literal["value", "json", "elements"]:
        """What the fallback gives for it: of a text that is read again its elements as they were written."""
        if self.kind == "text":
            return "elements"
        return self.kind if self.kind in ("json", "elements") else "value"  # type: ignore[return-value]


class DecodeKind(Struct, eq=False):
    """What the values of some columns are decoded to now; shared by all leaves that feed one of them.

    Plain members: `str`, `int`, `float`, `bool`, wider `any` (objects and lists come as such), widest `raw`.
    Attributes: `S`, `N`, `BOOL`, wider `scalars` (these and NULL), widest `attribute` (undecoded).
    """

    kind: str

    def widen(self, kind: str) -> bool:
        """Take `kind` too; tell whether that changed anything."""
        before, self.kind = self.kind, meet(self.kind, kind)
        return self.kind != before


def meet(one: str, other: str) -> str:
    """Return the narrowest kind that takes what either takes; both are kinds of attributes, or neither is."""
    if one == other:
        return one
    middle, widest = ("scalars", "attribute") if one in _ATTRIBUTE_KINDS else ("any", "raw")
    return widest if widest in (one, other) else middle


class Node(Struct, eq=False):
    """One member of the documents, `slot` its name in the struct of its object.

    Attributes:
        children: of an object its members; of a list those of its elements.
        lane: of a leaf only.
        is_attribute: it is a DynamoDB attribute value, whose members or text stand in a member for its type.
        nullable: an object that is null at times; where it is not, null is a shape that the decoder refuses.
    """

    role: Role
    slot: str = ""
    is_attribute: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)
    decode_kind: DecodeKind | None = None
    nullable: bool = False


class FieldTree:
    """The tree for some columns that can be decoded together."""

    def __init__(self, images: Images | None) -> None:
        self.root = Node("object")
        self.requests: list[FieldRequest] = []
        self._images = images

    def add(self, request: FieldRequest) -> None:
        """Take one column in.

        Raises:
            ConflictError: its path does not agree with the tree, or with itself; nothing was added.
        """
        roles = _roles(request.path)
        for names, role in roles.items():
            existing = self._find(names)
            if existing is not None and existing.role != role:
                raise ConflictError
        nodes = [self._grow(names, role) for names, role in roles.items()]
        self._share([node for node in nodes if node.role == "leaf"], self._first_kind(request))
        self.requests.append(request)

    def copy(self) -> "FieldTree":
        """Return a tree of the same columns whose nodes and kinds can be widened without this one."""
        kinds: dict[DecodeKind, DecodeKind] = {}
        tree = copy.copy(self)
        tree.root = _copied(self.root, kinds)
        return tree

    def node(self, names: Names) -> Node:
        """Return the node of a member that some path wants."""
        node = self._find(names)
        assert node is not None
        return node

    def decode_kind(self, request: FieldRequest) -> DecodeKind:
        """Return the lane that feeds a column."""
        decode_kind = self.node(next(iter(leaves(request.path)))).decode_kind
        assert decode_kind is not None
        return decode_kind

    def _find(self, names: Names) -> Node | None:
        node: Node | None = self.root
        for name in names:
            node = None if node is None else node.children.get(name)
        return node

    def _grow(self, names: Names, role: Role) -> Node:
        siblings = self.node(names[:-1]).children
        is_attribute = self._images is not None and self._images.is_inside(names)
        return siblings.setdefault(names[-1], Node(role, f"f{len(siblings)}", is_attribute))

    def _share(self, nodes: list[Node], kind: str) -> None:
        """Put leaves, and all that share a lane with one of them, on one lane that takes what each of them takes."""
        decode_kind = DecodeKind(kind)
        shared = {node.decode_kind for node in nodes if node.decode_kind is not None}
        for other in shared:
            decode_kind.widen(other.kind)
        for node in [*_walk(self.root), *nodes]:
            if node in nodes or node.decode_kind in shared:
                node.decode_kind = decode_kind

    def _first_kind(self, request: FieldRequest) -> str:
        is_indexed = isinstance(request.path, paths.Indexed)
        if self._images is not None and all(map(self._images.is_inside, leaves(request.path))):
            if is_indexed:
                return "attribute"
            return _FIRST_ATTRIBUTE.get(request.kind, "S")
        if is_indexed or isinstance(request.path, paths.FirstWhere):
            return "raw"  # most of a list is not wanted: text made of those was half of an SES event's decoding
        return _FIRST_PLAIN.get(request.kind, "any")


def leaves(path: paths.Path) -> Iterable[Names]:
    """Yield the members whose value may become that of the path; none where the path has no known shape."""
    if isinstance(path, paths.Dotted):
        yield path.names
    elif isinstance(path, paths.Either):
        for term in path.terms:
            yield (*term.names, *path.rest)
    elif isinstance(path, paths.FirstWhere):
        yield (*path.list.names, *path.value.names)
    elif isinstance(path, paths.Indexed):
        yield path.base.names


def _roles(path: paths.Path) -> dict[Names, Role]:
    """Return what a path wants each member on its way to be, objects before their members.

    Raises:
        ConflictError: it wants one member as two things, as `a || a.b` does.
    """
    ends: list[tuple[Names, Role]] = [(names, "leaf") for names in leaves(path)]
    searched: Names | None = None
    if isinstance(path, paths.FirstWhere):
        searched = path.list.names
        ends = [(searched, "list"), ((*searched, *path.key.names), "key"), *ends]
    roles: dict[Names, Role] = {}
    for names, end in ends:
        for depth in range(1, len(names) + 1):
            part = names[:depth]
            role: Role = end if depth == len(names) else "list" if part == searched else "object"
            if roles.setdefault(part, role) != role:
                raise ConflictError
    return roles


def _copied(node: Node, kinds: dict[DecodeKind, DecodeKind]) -> Node:
    """Return a copy of a node and what is below; leaves that share a kind share its copy."""
    kind = node.decode_kind
    if kind is not None:
        kind = kinds.setdefault(kind, DecodeKind(kind.kind))
    children = {name: _copied(child, kinds) for name, child in node.children.items()}
    return Node(node.role, node.slot, node.is_attribute, children, kind, node.nullable)


def _walk(node: Node) -> Iterable[Node]:
    yield node
    for child in node.children.values():
        yield from _walk(child)
