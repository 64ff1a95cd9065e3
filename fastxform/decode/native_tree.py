"""The trees of wanted members that the native kernel walks, and what paths begin in.

A node is one member while its tree grows; the kernel is given it as tuples. What a path wants is `native_builder`'s.
Invariant: a member is one value, one kind of container, or both; anything else raises.
"""

from typing import Any, Final

from fastxform.core.native import NodeKind
from fastxform.decode.fields import Images
from fastxform.decode.native_values import NAME_LIMIT, UnsupportedError

MEMBERS_LIMIT: Final = 64
"""Members of one object, searches of one list, or texts that are null for one column."""

LEAVES: Final = frozenset((NodeKind.VALUE, NodeKind.ATTRIBUTE, NodeKind.IMAGE, NodeKind.SCALAR))
"""Kinds of members that are one value."""


class PlanNode:
    """A wanted member while the tree grows.

    Attributes:
        kind: of the value, or of the container whose members are wanted.
        slot: where the value, or that the container is there, is noted; -1 for nowhere.
        whole_kind: of a container that is wanted as one value, too.
        whole_slot: of that value.
        is_judged: of an attribute: all attributes in it are judged, wanted or not.
        children: the wanted members by name.
        searches: of a list that is searched: the slots by text.
    """

    def __init__(self, kind: int, name: str) -> None:
        if (
            len(name.encode()) > NAME_LIMIT
            or any(character in name for character in '"\\')
            or any(map(_is_control, name))
        ):
            raise UnsupportedError("a name with escapes")
        self.kind, self.name, self.slot = kind, name, -1
        self.whole_kind, self.whole_slot = NodeKind.VALUE, -1
        self.is_judged = False
        self.children: dict[str, PlanNode] = {}
        self.searches: dict[str, int] = {}

    def child(self, kind: int, name: str) -> "PlanNode":
        """Return the member of a name: one value, or one kind of container, or both."""
        child = self.children.get(name)
        if child is None:
            if len(self.children) == MEMBERS_LIMIT:
                raise UnsupportedError("too many members of one object")
            child = self.children[name] = PlanNode(kind, name)
        elif child.kind in LEAVES and kind not in LEAVES:
            child.whole_kind, child.whole_slot = child.kind, child.slot
            child.kind, child.slot = kind, -1
        elif child.kind not in LEAVES and kind in LEAVES:
            child.whole_kind = kind
        elif child.kind != kind:
            raise UnsupportedError("paths that want one member as two things")
        return child

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the node as the kernel reads it."""
        children = tuple(child.as_tuple() for child in self.children.values())
        searches = tuple((text.encode(), slot) for text, slot in self.searches.items())
        kind, whole_kind = map(self._judged, (self.kind, self.whole_kind))
        return kind, self.name.encode(), self.slot, children, searches, whole_kind, self.whole_slot

    def _judged(self, kind: int) -> int:
        return NodeKind.JUDGED if self.is_judged and kind == NodeKind.ATTRIBUTE else kind


class PathScope:
    """What paths begin in: its tree, and the number of the document that its values are in.

    Attributes:
        images: where the objects are whose members are attributes.
        is_attribute: it is an element of a DynamoDB list, which is an attribute.
    """

    def __init__(
        self, root: PlanNode, document: int = 0, images: Images | None = None, *, is_attribute: bool = False
    ) -> None:
        self.root, self.document, self.is_attribute = root, document, is_attribute
        self.images = Images(()) if images is None else images

    @property
    def is_plain(self) -> bool:
        """Whether nothing in it is an attribute."""
        return not self.images.names and not self.is_attribute

    def has_attribute(self, names: tuple[str, ...]) -> bool:
        """Tell whether a member is an attribute value."""
        return self.is_attribute or self.images.is_inside(names)


def _is_control(character: str) -> bool:
    return character < " "
