"""The trees of wanted members that the native kernel walks, what paths begin in, and lists whose elements are rows.

A node is one member while its tree grows; the kernel is given it as tuples. What a column wants is `native_builder`'s.
Invariant: a member is one value, one kind of container, or both; anything else raises.
"""

from typing import Any, Final, TypeAlias

from fastxform.config.model import Explode
from fastxform.core.native import IfEmpty, NodeKind
from fastxform.decode.fields import Images
from fastxform.decode.native_values import NAME_LIMIT, UnsupportedError
from fastxform.query import paths

MEMBERS_LIMIT: Final = 64
"""Members of one object, searches of one list, or texts that are null for one column."""

LEAVES: Final = frozenset((NodeKind.VALUE, NodeKind.ATTRIBUTE, NodeKind.IMAGE))
"""Kinds of members that are one value."""


ELEMENTS_LIMIT: Final = 999
_META_BYTES: Final = 1_024
"""Bytes of a text that is no member of a payload, at most."""

Choice: TypeAlias = "tuple[int, tuple[tuple[int, int], ...]]"
"""Which of several members a value is taken from: a `Pick`, and each with the object that it is in."""


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


class RowList:
    """A list whose elements are rows, what is wanted of them, and the first slot and the first parse of an element."""

    def __init__(
        self,
        root: PlanNode,
        choice: Choice,
        first_slot: int = -1,
        first_parse: int = -1,
        explode: Explode | None = None,
    ) -> None:
        self.root, self.choice, self.explode = root, choice, explode
        self.first_slot, self.first_parse, self.index_slot = first_slot, first_parse, -1
        self.has_index = explode is not None and explode.index is not None

    def as_tuple(self, repeated_metas: int) -> tuple[Any, ...]:
        """Return it as the kernel reads it; the engine counts columns that are not of the payload, too."""
        numbers = self.choice, self.first_slot, self.first_parse, self.index_slot
        if self.explode is None:
            return self.root.as_tuple(), *numbers, IfEmpty.DROP, 0
        element = self.root.children.get(self.explode.name)
        wanted = None if element is None else element.as_tuple()
        return wanted, *numbers, _IF_EMPTY[self.explode.empty], repeated_metas * _META_BYTES


_IF_EMPTY: Final = {"drop": IfEmpty.DROP, "null": IfEmpty.NULL, "fail": IfEmpty.FAIL}


def below(path: paths.Path) -> paths.Path:
    """Return a path without its first name, that of a parse.

    Raises:
        UnsupportedError: nothing of a known shape is left.
    """
    left = paths.Dotted(path.names[1:]) if isinstance(path, paths.Dotted) else paths.below_root(path)
    if left is None:
        raise UnsupportedError("a path into a text that was parsed")
    return left
