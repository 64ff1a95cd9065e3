"""The members that a transform reads as a tree of the native kernel, with the slots that their values are noted in.

The tree grows column by column; what the kernel does not know of a path raises. Which transforms it takes at all is
`native_plan`'s. Invariant: two columns that read one member share its slot, and no slot stands for two members.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from fastxform.config import model
from fastxform.config.model import Column, Spec
from fastxform.core import native
from fastxform.core.native import Conversion, Documents, Invalid, NodeKind, Pick
from fastxform.datatypes import logical
from fastxform.decode.cloudwatch import MESSAGE_MEMBERS
from fastxform.decode.fields import Images, is_double, item_order
from fastxform.decode.native_fields import check_fields, written_fields
from fastxform.decode.native_values import NAME_LIMIT, UnsupportedError, default_of, one_class
from fastxform.query import paths

DOCUMENT: Final = object()
"""The key of the document itself, where no column is named."""

_CONVERSIONS: Final = {
    "auto": Conversion.TEXT,
    "string": Conversion.TEXT,
    "json": Conversion.JSON,
    "int64": Conversion.INT64,
    "float64": Conversion.FLOAT_TEXT,
    "decimal": Conversion.DECIMAL,
    "bool": Conversion.BOOL,
    "timestamp": Conversion.TIMESTAMP,
    "date": Conversion.DATE,
    "binary": Conversion.BINARY,
}
_MEMBERS_LIMIT: Final = 64
_NODE_DEPTH: Final = 32
_ELEMENTS_LIMIT: Final = 999


_LEAVES: Final = frozenset((NodeKind.VALUE, NodeKind.ATTRIBUTE, NodeKind.IMAGE, NodeKind.SCALAR))


class _PlanNode:
    """A wanted member while the tree grows."""

    def __init__(self, kind: int, name: str) -> None:
        if (
            len(name.encode()) > NAME_LIMIT
            or any(character in name for character in '"\\')
            or any(map(_is_control, name))
        ):
            raise UnsupportedError("a name with escapes")
        self.kind, self.name, self.slot = kind, name, -1
        self.whole_kind, self.whole_slot = NodeKind.VALUE, -1
        self.children: dict[str, _PlanNode] = {}
        self.searches: dict[str, int] = {}

    def child(self, kind: int, name: str) -> "_PlanNode":
        """Return the member of a name: one value, or one kind of container, or both."""
        child = self.children.get(name)
        if child is None:
            if len(self.children) == _MEMBERS_LIMIT:
                raise UnsupportedError("too many members of one object")
            child = self.children[name] = _PlanNode(kind, name)
        elif child.kind in _LEAVES and kind not in _LEAVES:
            child.whole_kind, child.whole_slot = child.kind, child.slot
            child.kind, child.slot = kind, -1
        elif child.kind not in _LEAVES and kind in _LEAVES:
            child.whole_kind = kind
        elif child.kind != kind:
            raise UnsupportedError("paths that want one member as two things")
        return child

    def as_tuple(self) -> tuple[Any, ...]:
        children = tuple(child.as_tuple() for child in self.children.values())
        searches = tuple((text.encode(), slot) for text, slot in self.searches.items())
        whole = self.whole_kind, self.whole_slot
        return self.kind, self.name.encode(), self.slot, children, searches, *whole


def images_of(spec: Spec) -> Images:
    """Return the images of the changes.

    Raises:
        UnsupportedError: one of them stands in another.
    """
    images = Images(spec.images if spec.source == "dynamodb" else ())
    if any(one != other and images.is_inside_of(one, other) for one in images.names for other in images.names):
        raise UnsupportedError("an image in an image")
    return images


def _is_control(character: str) -> bool:
    return character < " "


class PlanBuilder:
    """Grows the tree of members, the slots that their values are noted in, and the columns."""

    def __init__(self, spec: Spec) -> None:
        self.is_dynamodb, self.is_logs = spec.source == "dynamodb", spec.source == "cloudwatch-logs"
        self.is_text = spec.source == "text"
        is_many = spec.documents == "many"
        if self.is_text:
            self.documents = Documents.MANY_TEXTS if is_many else Documents.ONE_TEXT
        else:
            self.documents = Documents.LOG_MESSAGE if self.is_logs else Documents.MANY if is_many else Documents.ONE
        self.images = images_of(spec)
        self.root, self.row = _PlanNode(NodeKind.OBJECT, ""), _PlanNode(NodeKind.OBJECT, "")
        self.base = self.root
        self.parses = {parse.name: (_PlanNode(NodeKind.OBJECT, ""), parse) for parse in spec.parses}
        self.parse_slots: dict[str, int] = {}
        self.slot_documents = bytearray()
        self.document = 0
        self.outer_slot_count: int | None = None
        self.columns: list[tuple[Any, ...]] = []
        tables = [(route, route.iceberg) for route in spec.routes if route.iceberg is not None]
        deleting = [route for route, iceberg in tables if "delete" in iceberg.operations]
        self.delete_keys = frozenset[str]().union(*(model.key_names(spec, route) for route in deleting))
        self.index: dict[Hashable, int] = {}
        self.patterns: dict[Hashable, tuple[int, str]] = {}
        self.version_slot = self.source_slot = self.change_slot = self.type_slot = -1
        if self.is_logs:
            self.type_slot = self._leaf(("messageType",))
            self.root.child(NodeKind.ROWS, "logEvents")
            for parse in spec.parses:
                if (
                    parse.name in MESSAGE_MEMBERS
                    or set(paths.root_names(paths.compile_path(parse.of))) & MESSAGE_MEMBERS
                ):
                    raise UnsupportedError("a parse of a message")
        self.is_bare = () in self.images.names
        if any(map(is_double, self.images.names)) or (self.is_bare and spec.is_document):
            self.version_slot = self._plain_member("eventVersion")
            self.source_slot = self._plain_member("eventSourceARN")
            self.change_slot = self._plain_member("dynamodb") if self.is_bare else self._object(("dynamodb",))

    @property
    def slot_count(self) -> int:
        """How many slots there are."""
        return len(self.slot_documents)

    def ordered(self, columns: Mapping[Any, Column]) -> list[tuple[Any, Column]]:
        """Return the columns of paths, those of log messages before those of their events."""
        pairs = [(key, column) for key, column in columns.items() if column.path is not None]
        return sorted(pairs, key=lambda pair: not _is_of_message(pair[1])) if self.is_logs else pairs

    def add(self, key: Hashable, column: Column) -> None:
        """Add a column."""
        if self.is_logs and not _is_of_message(column):
            self.base = self.row
            if self.outer_slot_count is None:
                self.outer_slot_count = self.slot_count
        path = paths.compile_path(column.path or "")
        pick, alternatives = self._of_path(path)
        kind = column.type.kind
        if kind not in _CONVERSIONS:
            raise UnsupportedError(f"the type {kind}")
        conversion = _CONVERSIONS[kind]
        nulls = tuple(text.encode() for text in column.nulls)
        if nulls and (kind == "json" or max(map(len, nulls)) > NAME_LIMIT or len(nulls) > _MEMBERS_LIMIT):
            raise UnsupportedError("nulls")
        pattern = None
        if column.pattern is not None:
            if kind == "json":
                raise UnsupportedError("a pattern of json")
            pattern = one_class(column.pattern)
            if pattern is None:
                self.patterns[key] = len(self.columns), column.pattern
                raw = (Conversion.TEXT, (0, 0, 0), pick, alternatives, False, None, None, nulls)
                self.columns.append(raw)
        numbers = (logical.PER_SECOND.get(column.type.unit, 0), column.type.precision, column.type.scale)
        self.index[key] = len(self.columns)
        # Without its key a delete fails; what is required and null is the engine's, which knows the operation.
        is_required = (column.required or column.name in self.delete_keys) and column.default is None
        written = conversion, numbers, pick, alternatives, is_required, pattern, default_of(column), nulls
        self.columns.append(written)

    def add_document(self, spec: Spec) -> None:
        """Add the document itself: the item of a change, or what a record holds as it is."""
        if not self.is_dynamodb:
            self.root.whole_slot = self._slot()
            self._write_document(Pick.ONLY, ((self.root.whole_slot, -1),))
            return
        found = []
        for names in item_order(self.images):
            if names:
                node = self._grow(names, NodeKind.IMAGE)
                node.slot = slot = self._slot()
            else:
                self.root.whole_kind = NodeKind.IMAGE
                self.root.whole_slot = slot = self._slot()
            found.append((slot, -1))
        self._write_document(Pick.FIRST_TRUE, (*found, (self._slot(), -1)))  # the last is never there

    def _write_document(self, pick: int, alternatives: tuple[tuple[int, int], ...]) -> None:
        self.index[DOCUMENT] = len(self.columns)
        self.columns.append((Conversion.JSON, (0, 0, 0), pick, alternatives, True, None, None, ()))

    def _of_path(self, path: paths.Path) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Return the slots of a path, in the document that it begins in."""
        roots = paths.root_names(path)
        layer = next((name for name in roots if name in self.parses), None)
        if layer is None:
            if self.is_text:
                check_fields(path)
            return self._alternatives(path)
        if len(roots) > 1:
            raise UnsupportedError("a path out of two documents")
        if self.is_logs and self.outer_slot_count is None:
            self.outer_slot_count = self.slot_count
        below = _below(path)
        if self.parses[layer][1].format != "json":
            check_fields(below)
        found: tuple[int, tuple[tuple[int, int], ...]] = self._within(layer, lambda: self._alternatives(below))
        return found

    def _within(self, layer: str, work: Callable[[], Any]) -> Any:
        """Do something in the document of a parse."""
        self._parsed(layer)
        base, is_dynamodb, document = self.base, self.is_dynamodb, self.document
        self.base, self.is_dynamodb = self.parses[layer][0], False
        self.document = 1 + list(self.parse_slots).index(layer)
        try:
            return work()
        finally:
            self.base, self.is_dynamodb, self.document = base, is_dynamodb, document

    def _parsed(self, layer: str) -> None:
        """Note where the text of a parse stands, before anything in it."""
        if layer in self.parse_slots:
            return
        parse = self.parses[layer][1]
        path = paths.compile_path(parse.of)
        root = next((name for name in paths.root_names(path) if name in self.parses), None)
        if root is not None:
            if not isinstance(path, paths.Dotted) or len(path.names) < 2:
                raise UnsupportedError("the text of a parse")
            if self.parses[root][1].format != "json":
                check_fields(_below(path))
            names = path.names[1:]
            slot = self._within(root, lambda: self._leaf(names))
        else:
            base, self.base = self.base, self.row if self.is_logs else self.root
            if not isinstance(path, paths.Dotted):
                raise UnsupportedError("the text of a parse")
            if self.is_text:
                check_fields(path)
            slot = self._leaf(path.names)
            self.base = base
        self.parse_slots[layer] = slot

    def compile(self, wants_arrival: bool, is_wide: bool) -> native.KernelPlan:
        """Return the compiled plan of the columns that were added."""
        if self.parses and self.is_logs and self.outer_slot_count is None:
            self.outer_slot_count = self.slot_count
        for layer in self.parses:  # what nothing is read of decides on its row all the same
            self._parsed(layer)
        outer = self.slot_count if self.outer_slot_count is None else self.outer_slot_count
        slot_count = max(self.slot_count, 2)  # an element that is searched has two of its own
        documents = bytes(self.slot_documents).ljust(slot_count, b"\0")
        parses = tuple(self._written_parse(*self.parses[layer], slot) for layer, slot in self.parse_slots.items())
        text = self.root.children.get("text") if self.is_text else None
        text_slot = -1 if text is None else text.slot
        numbers = (
            self.documents,
            slot_count,
            outer,
            self.version_slot,
            self.source_slot,
            self.change_slot,
            self.type_slot,
            text_slot,
        )
        row = self.row.as_tuple() if self.is_logs else None
        root = self.root.as_tuple()
        return native.KernelPlan(root, row, tuple(self.columns), parses, documents, numbers, wants_arrival, is_wide)

    def _written_parse(self, root: _PlanNode, parse: model.Parse, slot: int) -> tuple[Any, ...]:
        fields = None
        if parse.format != "json":
            fields = written_fields(parse, {name: node.slot for name, node in root.children.items()})
            root = _PlanNode(NodeKind.OBJECT, "")
        return root.as_tuple(), slot, _INVALID[parse.invalid], fields

    def _slot(self) -> int:
        self.slot_documents.append(self.document)
        return self.slot_count - 1

    def _grow(self, names: tuple[str, ...], leaf: int) -> _PlanNode:
        """Return the node of a member, with those that it is in."""
        if self.is_dynamodb and self.is_bare and names[:1] == ("dynamodb",):
            raise UnsupportedError("an attribute whose name says how it is encoded")
        if len(names) > _NODE_DEPTH:
            raise UnsupportedError("a path that is too deep")
        node = self.base
        for depth in range(1, len(names) + 1):
            part, is_last = names[:depth], depth == len(names)
            is_attribute = self.is_dynamodb and self.images.is_inside(part)
            is_image = self.is_dynamodb and part in self.images.names
            if is_last and leaf == NodeKind.VALUE:
                kind = NodeKind.ATTRIBUTE if is_attribute else NodeKind.IMAGE if is_image else NodeKind.VALUE
                if self.is_dynamodb and not is_attribute and not is_image and self.images.is_around(part):
                    raise UnsupportedError("what holds an image as one value")
            elif is_last:
                kind = leaf
            else:
                kind = NodeKind.MAP if is_attribute else NodeKind.OBJECT
            node = node.child(kind, part[-1])
        return node

    def _plain_member(self, name: str) -> int:
        """Return the slot of a member of the record that is no attribute."""
        node = self.root.child(NodeKind.VALUE, name)
        node.slot = self._slot()
        return node.slot

    def _leaf(self, names: tuple[str, ...]) -> int:
        if not names:  # the whole of a text that was parsed
            if self.base.whole_slot < 0:
                self.base.whole_slot = self._slot()
            return self.base.whole_slot
        node = self._grow(names, NodeKind.VALUE)
        if node.kind not in _LEAVES:
            if node.whole_slot < 0:
                node.whole_slot = self._slot()
            return node.whole_slot
        if node.slot < 0:
            node.slot = self._slot()
        return node.slot

    def _object(self, names: tuple[str, ...]) -> int:
        """Return the slot that says whether an object is there."""
        is_attribute = self.is_dynamodb and self.images.is_inside(names)
        node = self._grow(names, NodeKind.MAP if is_attribute else NodeKind.OBJECT)
        if node.slot < 0:
            node.slot = self._slot()
        return node.slot

    def _alternatives(self, path: paths.Path) -> tuple[int, tuple[tuple[int, int], ...]]:
        if isinstance(path, paths.Dotted):
            return Pick.ONLY, ((self._leaf(path.names), -1),)
        if isinstance(path, paths.Either):
            ends = [(*term.names, *path.rest) for term in path.terms]
            if not path.rest:
                return Pick.FIRST_TRUE, tuple((self._leaf(names), -1) for names in ends)
            slots = [
                (self._leaf(names), self._object(term.names)) for names, term in zip(ends, path.terms, strict=True)
            ]
            return Pick.FIRST_OBJECT, tuple(slots)
        if isinstance(path, paths.FirstWhere):
            return Pick.ONLY, ((self._search(path), -1),)
        element = _element(path)
        if element is not None and not self.is_dynamodb:
            return Pick.ONLY, ((self._element(*element), -1),)
        raise UnsupportedError("a path that is evaluated by jmespath")

    def _element(self, names: tuple[str, ...], element: int, rest: tuple[str, ...]) -> int:
        """Return the slot of a scalar in an element of a list."""
        node = self._grow(names, NodeKind.ELEMENTS)
        ways = (str(element), *rest)
        for depth, name in enumerate(ways, 1):
            node = node.child(NodeKind.SCALAR if depth == len(ways) else NodeKind.OBJECT, name)
        if node.slot < 0:
            node.slot = self._slot()
        return node.slot

    def _search(self, path: paths.FirstWhere) -> int:
        if self.is_dynamodb or len(path.key.names) != 1 or len(path.value.names) != 1 or path.key == path.value:
            raise UnsupportedError("a search of a list")
        node = self._grow(path.list.names, NodeKind.SEARCH)
        wanted = path.key.names[0], path.value.names[0]
        if not node.children:
            for slot, name in enumerate(wanted):
                node.child(NodeKind.VALUE, name).slot = slot
        if tuple(node.children) != wanted:
            raise UnsupportedError("a list that is searched in two ways")
        if path.equals not in node.searches:
            if len(node.searches) == _MEMBERS_LIMIT or len(path.equals.encode()) > NAME_LIMIT:
                raise UnsupportedError("too much to search a list for")
            node.searches[path.equals] = self._slot()
        return node.searches[path.equals]


_INVALID: Final = {"fail": Invalid.FAIL, "null": Invalid.NULL, "drop": Invalid.DROP}


def _below(path: paths.Path) -> paths.Path:
    """Return a path without its first name, that of a parse."""
    if isinstance(path, paths.Dotted):
        return paths.Dotted(path.names[1:])
    if isinstance(path, paths.Either) and all(len(term.names) > 1 for term in path.terms):
        return paths.Either(tuple(paths.Dotted(term.names[1:]) for term in path.terms), path.rest)
    if isinstance(path, paths.FirstWhere) and len(path.list.names) > 1:
        return paths.FirstWhere(paths.Dotted(path.list.names[1:]), path.key, path.equals, path.value)
    raise UnsupportedError("a path into a text that was parsed")


def _element(path: paths.Path) -> tuple[tuple[str, ...], int, tuple[str, ...]] | None:
    """Return the names, the index and the rest of `a.b[0].c`; None of any other path."""
    steps = _steps(path.compiled.parsed) if isinstance(path, paths.Compiled) else None
    indices = [] if steps is None else [at for at, step in enumerate(steps) if isinstance(step, int)]
    if steps is None or len(indices) != 1 or not indices[0] or not 0 <= steps[indices[0]] <= _ELEMENTS_LIMIT:
        return None
    at = indices[0]
    return tuple(steps[:at]), steps[at], tuple(steps[at + 1 :])


def _steps(node: Any) -> list[Any] | None:
    """Return the names and indices of a syntax tree that has nothing else."""
    if node["type"] in ("field", "index"):
        return [node["value"]]
    if node["type"] not in ("subexpression", "index_expression"):
        return None
    found: list[Any] = []
    for child in node["children"]:
        steps = _steps(child)
        if steps is None:
            return None
        found += steps
    return found


def _is_of_message(column: Column) -> bool:
    return set(paths.root_names(paths.compile_path(column.path or ""))) <= MESSAGE_MEMBERS
