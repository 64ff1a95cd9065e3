"""The members that a transform reads as a tree of the native kernel, with the slots that their values are noted in.

The tree grows column by column; what the kernel does not know of a path raises. Which transforms it takes at all is
`native_plan`'s. Invariant: two columns that read one member share its slot, and no slot stands for two members.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, Final, TypeVar

from fastxform.config import model
from fastxform.config.model import Column, Explode, Spec
from fastxform.core import native
from fastxform.core.native import Conversion, Documents, Invalid, NodeKind, Pick
from fastxform.datatypes import logical
from fastxform.decode.fields import MESSAGE_MEMBERS, Images, is_double, item_order, leaves
from fastxform.decode.native_fields import check_fields, written_fields
from fastxform.decode.native_tree import (
    ELEMENTS_LIMIT,
    LEAVES,
    MEMBERS_LIMIT,
    Choice,
    PathScope,
    PlanNode,
    RowList,
    below,
)
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
_NODE_DEPTH: Final = 32
_IMAGES_LIMIT: Final = 8

_Result = TypeVar("_Result")

_OF_VALUES: Final = NodeKind.ELEMENTS, NodeKind.OBJECT, NodeKind.VALUE
_OF_ATTRIBUTES: Final = NodeKind.LIST, NodeKind.MAP, NodeKind.ATTRIBUTE
"""What a list, an object and a value are, of plain values and of DynamoDB attributes."""


def images_of(spec: Spec) -> Images:
    """Return the images of the changes.

    Raises:
        UnsupportedError: one of them stands in another.
    """
    images = Images(spec.images if spec.source == "dynamodb" else ())
    if any(one != other and images.is_inside_of(one, other) for one in images.names for other in images.names):
        raise UnsupportedError("an image in an image")
    return images


class PlanBuilder:
    """Grows the trees of members, the slots that their values are noted in, and the columns.

    A list whose elements are rows is a level: the events of a log message, the list that is exploded. Columns are added
    from the outermost level on, so that the slots and parses of an element are behind those that its rows share.
    """

    def __init__(self, spec: Spec) -> None:
        self.is_dynamodb, self.is_logs = spec.source == "dynamodb", spec.source == "cloudwatch-logs"
        self.is_text = spec.source == "text"
        is_many = spec.documents == "many"
        if self.is_text:
            self.documents = Documents.MANY_TEXTS if is_many else Documents.ONE_TEXT
        else:
            self.documents = Documents.LOG_MESSAGE if self.is_logs else Documents.MANY if is_many else Documents.ONE
        self.root, self.row = PlanNode(NodeKind.OBJECT, ""), PlanNode(NodeKind.OBJECT, "")
        self.images = images_of(spec)
        self.scope = self.record = PathScope(self.root, images=self.images)
        self.parses = {parse.name: parse for parse in spec.parses}
        self.parse_scopes: dict[str, PathScope] = {}
        self.parse_texts: dict[str, Choice] = {}
        self.explode = spec.explode
        self.element = PathScope(PlanNode(NodeKind.OBJECT, ""))
        self.lists: list[RowList] = []
        self.exploded: RowList | None = None
        self.image_slots: tuple[int, ...] = ()
        self.slot_documents = bytearray()
        self.columns: list[tuple[Any, ...]] = []
        tables = [(route, route.iceberg) for route in spec.routes if route.iceberg is not None]
        deleting = [route for route, iceberg in tables if "delete" in iceberg.operations]
        self.delete_keys = frozenset[str]().union(*(model.key_names(spec, route) for route in deleting))
        self.index: dict[Hashable, int] = {}
        self.patterns: dict[Hashable, tuple[int, str]] = {}
        self.version_slot = self.source_slot = self.change_slot = self.type_slot = -1
        if self.is_logs:
            self.type_slot = self._leaf(("messageType",))
            if not MESSAGE_MEMBERS.isdisjoint(self._layers()):
                raise UnsupportedError("a layer with the name of a member of messages")
        self.is_bare = () in self.images.names
        if any(map(is_double, self.images.names)) or (self.is_bare and spec.writes_documents):
            self.version_slot = self._plain_member("eventVersion")
            self.source_slot = self._plain_member("eventSourceARN")
            self.change_slot = self._plain_member("dynamodb") if self.is_bare else self._object(("dynamodb",))

    @property
    def slot_count(self) -> int:
        """How many slots there are."""
        return len(self.slot_documents)

    def add_all(self, columns: Mapping[Any, Column]) -> None:
        """Add the columns of paths, those of the outermost level first."""
        added = [
            (self._level(path := paths.compile_path(column.path)), key, column, path)
            for key, column in columns.items()
            if column.path is not None
        ]
        for level, key, column, path in sorted(added, key=itemgetter(0)):
            self._enter(level)
            self._add(key, column, path)

    def _layers(self) -> set[str]:
        """Return the first names of paths that begin in no record and no event."""
        explode = self.explode
        return {*self.parses, *(() if explode is None else (explode.name, explode.index or explode.name))}

    def _layer_of(self, path: paths.Path) -> str | None:
        """Return the layer that a path begins in."""
        roots = paths.root_names(path)
        layer = next((name for name in roots if name in self._layers()), None)
        if layer is not None and len(roots) > 1:
            raise UnsupportedError("a path out of two documents")
        return layer

    def _level(self, path: paths.Path) -> int:
        """Return how many lists a path is inside of."""
        layer = self._layer_of(path)
        if layer is None:
            return int(self.is_logs and not MESSAGE_MEMBERS.issuperset(paths.root_names(path)))
        if layer in self.parses:
            return self._level(paths.compile_path(self.parses[layer].of))
        return int(self.is_logs) + 1

    def _enter(self, level: int) -> None:
        """Go on to a level: what decides about the rows of those before it is noted, and the lists that it is in."""
        while len(self.lists) < level:
            self._note_layers()
            exploded = self.exploded
            if self.is_logs and not self.lists:
                events = Pick.ONLY, ((self._leaf(("logEvents",)), -1),)
                self.lists.append(RowList(self.row, events, self.slot_count, len(self.parse_texts)))
            elif exploded is None:
                raise UnsupportedError("the list of explode")
            else:
                exploded.first_slot, exploded.first_parse = self.slot_count, len(self.parse_texts)
                if exploded.has_index:
                    numbers = PathScope(PlanNode(NodeKind.OBJECT, ""), 1 + len(self.parses))
                    exploded.index_slot = self._in(numbers, self._slot)
                self.lists.append(exploded)

    def _note_layers(self) -> None:
        """Note the texts and the list of this level: what nothing is read of decides on its row all the same."""
        for name, parse in self.parses.items():
            if self._level(paths.compile_path(parse.of)) == len(self.lists):
                self._parsed(name)
        explode = self.explode
        if explode is not None and self._level(paths.compile_path(explode.path)) == len(self.lists):
            self.exploded = self._exploded(explode)

    def _exploded(self, explode: Explode) -> RowList:
        """Note the list whose elements are rows."""
        path = paths.compile_path(explode.path)
        layer, members = self._layer_of(path), self._members_of(path)
        if not isinstance(path, paths.Dotted | paths.Either) or self._is_of_fields(layer):
            raise UnsupportedError("the list of explode")
        images = [image for image in self.images.names if any(self.images.is_inside_of(m, image) for m in members)]
        if self.is_dynamodb and not (members and all(map(self.images.is_inside, members))):
            raise UnsupportedError("a list beside the images of a change")
        choice = self._of_path(path)
        is_attribute = self.is_dynamodb and layer is None
        if is_attribute:
            for member in members:
                self._in(self.record, partial(self._grow, member, NodeKind.VALUE)).is_judged = True
        if self.is_dynamodb and not self.is_bare:
            images = sorted({*images, ("dynamodb", "Keys")} & {*self.images.names})
            if len(images) > _IMAGES_LIMIT:
                raise UnsupportedError("too many images")
            self.image_slots = tuple(self._in(self.record, partial(self._object, image)) for image in images)
        document = self.slot_documents[choice[1][0][0]]
        self.element = PathScope(PlanNode(NodeKind.OBJECT, ""), document, is_attribute=is_attribute)
        return RowList(self.element.root, choice, explode=explode)

    def _members_of(self, path: paths.Path) -> list[tuple[str, ...]]:
        """Return the members of the record that a path is in, in however many texts."""
        layer = self._layer_of(path)
        if layer is None:
            return list(leaves(path))
        return self._members_of(paths.compile_path(self.parses[layer].of)) if layer in self.parses else []

    def _is_of_fields(self, layer: str | None) -> bool:
        """Tell whether a layer, or the record, is a text of fields and no document."""
        return self.is_text if layer is None else layer in self.parses and self.parses[layer].format != "json"

    def _scope_of(self, layer: str | None, path: paths.Path) -> PathScope:
        """Return what a path begins in."""
        if layer is None:
            is_of_event = self.is_logs and not MESSAGE_MEMBERS.issuperset(paths.root_names(path))
            return PathScope(self.row) if is_of_event else self.record
        if layer not in self.parses:
            return self.element
        self._parsed(layer)
        return self.parse_scopes[layer]

    def _in(self, scope: PathScope, work: Callable[[], _Result]) -> _Result:
        """Do something in a scope."""
        before, self.scope = self.scope, scope
        try:
            return work()
        finally:
            self.scope = before

    def _add(self, key: Hashable, column: Column, path: paths.Path) -> None:
        choice = self._of_path(path)
        kind = column.type.kind
        if kind not in _CONVERSIONS:
            raise UnsupportedError(f"the type {kind}")
        # The texts of a format are read by Arrow and Python, out of the column.
        conversion = _CONVERSIONS[kind] if column.format is None else Conversion.TEXT
        nulls = tuple(text.encode() for text in column.nulls)
        if nulls and (kind == "json" or max(map(len, nulls)) > NAME_LIMIT or len(nulls) > MEMBERS_LIMIT):
            raise UnsupportedError("nulls")
        pattern = None
        if column.pattern is not None:
            if kind == "json":
                raise UnsupportedError("a pattern of json")
            pattern = one_class(column.pattern)
            if pattern is None:
                self.patterns[key] = len(self.columns), column.pattern
                raw = (Conversion.TEXT, (0, 0, 0), choice, False, None, None, nulls)
                self.columns.append(raw)
        numbers = (logical.PER_SECOND.get(column.type.unit, 0), column.type.precision, column.type.scale)
        self.index[key] = len(self.columns)
        # Without its key a delete fails; what is required and null is the engine's, which knows the operation.
        is_required = (column.required or column.name in self.delete_keys) and column.default is None
        default = default_of(column) if column.format is None else None
        written = conversion, numbers, choice, is_required, pattern, default, nulls
        self.columns.append(written)

    def add_document(self, spec: Spec) -> None:
        """Add the document itself: the item of a change, or what a record holds as it is."""
        if not self.is_dynamodb:
            self.root.whole_slot = self._slot()
            self._write_document((Pick.ONLY, ((self.root.whole_slot, -1),)))
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
        self._write_document((Pick.FIRST_TRUE, (*found, (self._slot(), -1))))  # the last is never there

    def _write_document(self, choice: Choice) -> None:
        self.index[DOCUMENT] = len(self.columns)
        self.columns.append((Conversion.JSON, (0, 0, 0), choice, True, None, None, ()))

    def _of_path(self, path: paths.Path) -> Choice:
        """Return the slots of a path, in the scope that it begins in."""
        layer = self._layer_of(path)
        if self.explode is not None and layer is not None and layer == self.explode.index:
            if not isinstance(path, paths.Dotted) or len(path.names) > 1:
                raise UnsupportedError("a path into the number of an element")
            return Pick.ONLY, ((self.lists[-1].index_slot, -1),)
        within = below(path) if layer in self.parses else path
        if self._is_of_fields(layer):
            check_fields(within)
        return self._in(self._scope_of(layer, path), lambda: self._alternatives(within))

    def _parsed(self, name: str) -> None:
        """Note where the text of a parse stands, before anything in it."""
        if name in self.parse_texts:
            return
        path = paths.compile_path(self.parses[name].of)
        if isinstance(path, paths.Dotted) and len(path.names) == 1 and path.names[0] in self.parses:
            raise UnsupportedError("the text of a parse")
        self.parse_texts[name] = self._of_path(path)
        self.parse_scopes[name] = PathScope(PlanNode(NodeKind.OBJECT, ""), len(self.parse_texts))

    def compile(self, wants_arrival: bool, width: int, repeated_metas: int) -> native.KernelPlan:
        """Return the compiled plan of the columns that were added.

        Args:
            wants_arrival: whether the arrival of a record is read out of the event.
            width: the widest code that runs, where the processor has it.
            repeated_metas: how many columns of text stand in each row and not in the payload.
        """
        self._enter(int(self.is_logs) + int(self.explode is not None))
        self._note_layers()
        slot_count = max(self.slot_count, 2)  # an element that is searched has two of its own
        documents = bytes(self.slot_documents).ljust(slot_count, b"\0")
        parses = tuple(self._written_parse(name) for name in self.parse_texts)
        lists = tuple(each.as_tuple(repeated_metas) for each in self.lists)
        text = self.root.children.get("text") if self.is_text else None
        text_slot = -1 if text is None else text.slot
        marks = self.version_slot, self.source_slot, self.change_slot, self.type_slot, text_slot
        numbers = (self.documents, slot_count, *marks)
        root, columns = self.root.as_tuple(), tuple(self.columns)
        return native.KernelPlan(
            root, lists, self.image_slots, columns, parses, documents, numbers, wants_arrival, width
        )

    def _written_parse(self, name: str) -> tuple[Any, ...]:
        parse, root, fields = self.parses[name], self.parse_scopes[name].root, None
        if parse.format != "json":
            fields = written_fields(parse, {name: node.slot for name, node in root.children.items()})
            root = PlanNode(NodeKind.OBJECT, "")
        return root.as_tuple(), self.parse_texts[name], _INVALID[parse.invalid], fields

    def _slot(self) -> int:
        self.slot_documents.append(self.scope.document)
        return self.slot_count - 1

    def _grow(self, names: tuple[str, ...], leaf: int) -> PlanNode:
        """Return the node of a member, with those that it is in."""
        if () in self.scope.images.names and names[:1] == ("dynamodb",):
            raise UnsupportedError("an attribute whose name says how it is encoded")
        if len(names) > _NODE_DEPTH:
            raise UnsupportedError("a path that is too deep")
        node = self.scope.root
        for depth in range(1, len(names) + 1):
            part, is_last = names[:depth], depth == len(names)
            is_attribute, is_image = self.scope.has_attribute(part), part in self.scope.images.names
            if is_last and leaf == NodeKind.VALUE:
                kind = NodeKind.ATTRIBUTE if is_attribute else NodeKind.IMAGE if is_image else NodeKind.VALUE
                if not is_attribute and not is_image and self.scope.images.is_around(part):
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
            root = self.scope.root
            if root.whole_slot < 0:
                root.whole_slot = self._slot()
            return root.whole_slot
        return self._slot_of(self._grow(names, NodeKind.VALUE))

    def _slot_of(self, node: PlanNode) -> int:
        """Return the slot of a node as one value."""
        if node.kind not in LEAVES:
            if node.whole_slot < 0:
                node.whole_slot = self._slot()
            return node.whole_slot
        if node.slot < 0:
            node.slot = self._slot()
        return node.slot

    def _object(self, names: tuple[str, ...]) -> int:
        """Return the slot that says whether an object is there."""
        node = self._grow(names, NodeKind.MAP if self.scope.has_attribute(names) else NodeKind.OBJECT)
        if node.slot < 0:
            node.slot = self._slot()
        return node.slot

    def _alternatives(self, path: paths.Path) -> Choice:
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
        if isinstance(path, paths.Indexed):
            return Pick.ONLY, ((self._indexed(path), -1),)
        raise UnsupportedError("a path that is evaluated by jmespath")

    def _indexed(self, path: paths.Indexed) -> int:
        """Return the slot of a value in an element of a list."""
        names, steps = path.base.names, path.steps
        is_attribute = self.scope.has_attribute(names)
        if self.scope.is_attribute or (not is_attribute and self.scope.images.is_around(names)):
            raise UnsupportedError("an element of an image, or of an attribute of an element")
        indices = [step for step in steps if isinstance(step, int)]
        if len(names) + len(steps) > _NODE_DEPTH or max(map(abs, indices)) > ELEMENTS_LIMIT:
            raise UnsupportedError("an element that is too far")
        elements, members, value = _OF_ATTRIBUTES if is_attribute else _OF_VALUES
        node = self._grow(names, elements)
        for step, after in zip(steps, (*steps[1:], None), strict=True):
            kind = value if after is None else elements if isinstance(after, int) else members
            node = node.child(kind, str(step))
        return self._slot_of(node)

    def _search(self, path: paths.FirstWhere) -> int:
        if not self.scope.is_plain or len(path.key.names) != 1 or len(path.value.names) != 1 or path.key == path.value:
            raise UnsupportedError("a search of a list")
        node = self._grow(path.list.names, NodeKind.HEADERS if path.ignores_case else NodeKind.SEARCH)
        wanted = path.key.names[0], path.value.names[0]
        if not node.children:
            for slot, name in enumerate(wanted):
                node.child(NodeKind.VALUE, name).slot = slot
        if tuple(node.children) != wanted:
            raise UnsupportedError("a list that is searched in two ways")
        if path.equals not in node.searches:
            if len(node.searches) == MEMBERS_LIMIT or len(path.equals.encode()) > NAME_LIMIT:
                raise UnsupportedError("too much to search a list for")
            node.searches[path.equals] = self._slot()
        return node.searches[path.equals]


_INVALID: Final = {"fail": Invalid.FAIL, "null": Invalid.NULL, "drop": Invalid.DROP}
