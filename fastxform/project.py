"""Payload bytes to columns of values: only the members that some path names become Python objects.

The paths of a transform are compiled to `msgspec` struct types and one generated function that reads every column out
of the decoded structs; types, filters and rows come later. A record that the generated decoder refuses is judged and
read by `fastxform.alone`, and where many records of a batch are refused for one shape, the decoder is widened to take
it. Invariant: how a record was decoded never shows in its values.
"""

import itertools
import re
import struct
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

from fastxform import alone, dynamodb, kernels, paths
from fastxform.values import BAD_PATH, BAD_TYPE, Number, Outcome

FIRST_LOOK: Final = 16
"""Refused records of a batch after which the decoder looks for a shape to widen for; then four times as many."""

_REFUSED: Final = (msgspec.MsgspecError, ValueError, RecursionError)
_EMPTY_OBJECT: Final = re.compile(rb"\{[ \t\n\r]*\}")
_MINUS_ZERO: Final = re.compile(rb"-0(?![0-9.eE])")
_ABSENT: Final = msgspec.Raw()

# What a leaf may be decoded to, narrowest first; a lane is widened along its ladder, never back.
_PLAIN_LADDER: Final = ("str", "int", "float", "bool", "any", "raw")
_ATTRIBUTE_LADDER: Final = ("S", "N", "BOOL", "scalars", "attribute")
_FIRST_PLAIN: Final = {
    "string": "str",
    "date": "str",
    "binary": "str",
    "int64": "int",
    "float64": "float",
    "bool": "bool",
    "json": "raw",
}
_FIRST_ATTRIBUTE: Final = {
    "int64": "N",
    "float64": "N",
    "decimal": "N",
    "bool": "BOOL",
    "json": "attribute",
    "binary": "attribute",
}
_ANNOTATIONS: Final[dict[str, Any]] = {
    "str": str | None,
    "int": int | None,
    "float": float | None,
    "bool": bool | None,
    "any": Any,
    "raw": msgspec.Raw,
    "S": str,
    "N": str,
    "BOOL": bool,
}


_SCALARS: Final = [
    ("S", str | None, None),
    ("N", str | None, None),
    ("BOOL", bool | None, None),
    ("NULL", bool | None, None),
]


@dataclass(eq=False, slots=True)
class Lane:
    """How the values of one column are decoded now; shared by all leaves that feed the column."""

    kind: str

    def widen(self, kind: str) -> bool:
        """Take the wider of the present kind and `kind`; tell whether that changed anything."""
        ladder = _PLAIN_LADDER if self.kind in _PLAIN_LADDER else _ATTRIBUTE_LADDER
        middle = "any" if ladder is _PLAIN_LADDER else "scalars"
        wider = kind if ladder.index(kind) >= ladder.index(middle) else middle
        if kind == self.kind or ladder.index(wider) <= ladder.index(self.kind):
            return False
        self.kind = wider
        return True


@dataclass(eq=False, slots=True)
class _Node:
    """One member of the documents: an object with members of interest, a list to search, or a leaf."""

    children: dict[str, "_Node"] = field(default_factory=dict)
    lane: Lane | None = None
    is_attribute: bool = False
    is_list: bool = False
    nullable: bool = False
    empty: Any = None


class _ConflictError(Exception):
    """Two paths want the same member as different things; they are decoded in two passes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One column that is read from the documents."""

    name: Hashable
    path: paths.Path
    kind: str


@dataclass(slots=True)
class Values:
    """The values of one column, a row each, as `kind` says.

    `str`, `num`, `int`, `float`, `bool`: Python's, `num` the digits of numbers. `mixed`: any `Outcome`. Rows in `alone`
    hold None in `values`; their `Outcome` stands in `alone`.
    """

    kind: str
    values: list[Any]
    alone: dict[int, Outcome] = field(default_factory=dict)

    def take(self, rows: Sequence[int]) -> "Values":
        """Return some rows, in the order given."""
        alone = {at: self.alone[row] for at, row in enumerate(rows) if row in self.alone} if self.alone else {}
        values = self.values
        return Values(self.kind, [values[row] for row in rows], alone)


@dataclass(slots=True)
class Projection:
    """The columns of a batch, and why a row is no record."""

    columns: dict[Any, Values]
    failed: dict[int, str]


class Projector:
    """Reads the wanted columns out of payloads; built once, its decoders adapt to the shapes that come."""

    def __init__(self, wanted: Sequence[Wanted], source: str) -> None:
        self.source = source
        self.slow = tuple(w for w in wanted if _is_slow(w.path, source))
        self.passes: list[_Pass] = []
        for want in wanted:
            if not _is_slow(want.path, source):
                self._place(want)
        if not self.passes:
            self.passes.append(_Pass(source))

    def _place(self, want: Wanted) -> None:
        for one in self.passes:
            try:
                one.add(want)
            except _ConflictError:
                continue
            return
        fresh = _Pass(self.source)
        fresh.add(want)
        self.passes.append(fresh)

    def project(self, payloads: Sequence[bytes | None]) -> Projection:
        """Return the columns of a batch; a payload of None is one whose base64 was bad."""
        texts = _texts(payloads)
        not_utf8 = _not_utf8(texts)
        found = [one.read(texts) for one in self.passes]
        suspects = sorted(not_utf8.union(*(refused for _, refused in found)))
        columns = {name: values for part, _ in found for name, values in part.items()}
        projection = Projection(columns, {})
        self._read_alone(payloads, suspects, projection)
        self._read_slow(payloads, projection)
        return projection

    def _read_alone(self, payloads: Sequence[bytes | None], suspects: Iterable[int], projection: Projection) -> None:
        wanted = [want for one in self.passes for want in one.wanted]
        for row in suspects:
            payload = payloads[row]
            reason = alone.reason_against(payload)
            if reason is not None or payload is None:
                projection.failed[row] = reason or "base64"
                for values in projection.columns.values():
                    values.values[row] = None
                continue
            document = alone.Document(payload, self.source)
            for want in wanted:
                values = projection.columns[want.name]
                values.values[row] = None
                values.alone[row] = document.evaluate(want.path, want.kind == "json")

    def _read_slow(self, payloads: Sequence[bytes | None], projection: Projection) -> None:
        if not self.slow:
            return
        found = {want.name: Values("mixed", [None] * len(payloads)) for want in self.slow}
        for row, payload in enumerate(payloads):
            if payload is None or row in projection.failed:
                continue
            document = alone.Document(payload, self.source)
            for want in self.slow:
                outcome = document.evaluate(want.path, want.kind == "json")
                if outcome is BAD_PATH or outcome is BAD_TYPE:
                    found[want.name].alone[row] = outcome
                else:
                    found[want.name].values[row] = outcome
        projection.columns |= found


def _texts(payloads: Sequence[bytes | None]) -> list[bytes]:
    """Return what the decoders are given: nothing in the place of a payload that is missing or nests too deep."""
    try:
        if max(map(len, payloads), default=0) < alone.SHALLOW_BYTES:  # type: ignore[arg-type]
            return payloads if isinstance(payloads, list) else list(payloads)  # type: ignore[arg-type]
    except TypeError:
        pass  # a payload is missing
    return [b"" if text is None or alone.is_deep(text) else text for text in payloads]


def _is_slow(path: paths.Path, source: str) -> bool:
    """Tell whether a path is evaluated on each record alone, not by a generated decoder."""
    if isinstance(path, paths.FirstWhere):
        key, value = path.key.names, path.value.names
        overlap = min(len(key), len(value))
        return source == "dynamodb" or key[:overlap] == value[:overlap]
    if isinstance(path, paths.Slow):
        return True
    if source != "dynamodb":
        return False
    leaves = list(_leaves(path))
    in_image = {_is_in_image(names) for names in leaves}
    holds_image = any(
        names[0] == "dynamodb" and (len(names) == 1 or (len(names) == 2 and names[1] in dynamodb.IMAGES))
        for names in leaves
    )
    return holds_image or len(in_image) > 1


def _is_in_image(names: tuple[str, ...]) -> bool:
    return len(names) > 2 and names[0] == "dynamodb" and names[1] in dynamodb.IMAGES


def _leaves(path: paths.Path) -> Iterable[tuple[str, ...]]:
    if isinstance(path, paths.Dotted):
        yield path.names
    elif isinstance(path, paths.Either):
        for term in path.terms:
            yield (*term.names, *path.rest)
    elif isinstance(path, paths.FirstWhere):
        yield (*path.list.names, *path.value.names)


def _not_utf8(texts: list[bytes]) -> set[int]:
    """Return the rows that are not UTF-8; `msgspec` does not look at the strings that it skips.

    What is not ASCII is judged as one text, joined by a character so that two broken neighbours cannot complete each
    other: Arrow's cast looks at 3.6 MB in 0.6 ms, Python at each text in 2.6.
    """
    joined = b"\n".join([text for text in texts if not text.isascii()])
    if not joined:
        return set()
    offsets = pa.py_buffer(struct.pack("=ii", 0, len(joined)))
    try:
        kernels.cast(pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(joined)]), pa.string())
    except pa.ArrowInvalid:
        return {row for row, text in enumerate(texts) if not _is_utf8(text)}
    return set()


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Pass:
    """One generated decoder and the columns it feeds."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.wanted: list[Wanted] = []
        self.lanes: dict[Hashable, Lane] = {}
        self.root = _Node()
        self.decoder: msgspec.json.Decoder[Any] | None = None
        self.extract: Callable[[list[Any], list[bool]], list[list[Any]]] | None = None
        self.names: dict[str, str] = {}
        self.fallbacks: dict[Hashable, Callable[[Any], bool]] = {}

    # -- the tree of members

    def add(self, want: Wanted) -> None:
        """Take one column in.

        Raises:
            _ConflictError: a member that the column wants is wanted as something else already; nothing was added.
        """
        lane = Lane(self._first_kind(want))
        leaves = list(_leaves(want.path))
        if isinstance(want.path, paths.FirstWhere):
            self._check_list(want.path)
        else:
            for names in leaves:
                self._check(names)
        shared = {node.lane for names in leaves if (node := self._find(names)) is not None and node.lane is not None}
        for other in shared:
            lane.kind = lane.kind if lane.kind == other.kind else self._meet(lane.kind, other.kind)
        for name, other in self.lanes.items():
            if other in shared:
                self.lanes[name] = lane
        for node in _walk(self.root):
            if node.lane in shared:
                node.lane = lane
        for names in leaves:
            self._grow(names).lane = lane
        if isinstance(want.path, paths.FirstWhere):
            self._grow(want.path.list.names).is_list = True
            self._grow((*want.path.list.names, *want.path.key.names)).lane = _KEY_LANE
        self.wanted.append(want)
        self.lanes[want.name] = lane

    def _meet(self, one: str, other: str) -> str:
        """Return the kind for two columns that read one member; an attribute and a plain member have none."""
        if (one in _PLAIN_LADDER) != (other in _PLAIN_LADDER):
            raise _ConflictError
        lane = Lane(one)
        lane.widen(other)
        return lane.kind

    def _first_kind(self, want: Wanted) -> str:
        if self.source == "dynamodb" and all(_is_in_image(names) for names in _leaves(want.path)):
            return _FIRST_ATTRIBUTE.get(want.kind, "S")
        return _FIRST_PLAIN.get(want.kind, "any")

    def _find(self, names: tuple[str, ...]) -> _Node | None:
        node: _Node | None = self.root
        for name in names:
            node = None if node is None else node.children.get(name)
        return node

    def _check(self, names: tuple[str, ...]) -> None:
        node: _Node | None = self.root
        for name in names:
            if node is None:
                return
            if node.lane is not None or node.is_list:
                raise _ConflictError
            node = node.children.get(name)
        if node is not None and (node.children or node.is_list):
            raise _ConflictError

    def _check_list(self, path: paths.FirstWhere) -> None:
        if not self._is_list(path.list.names):
            self._check(path.list.names)
            found = self._find(path.list.names)
            if found is not None and found.lane is not None:
                raise _ConflictError
        for names in (path.key.names, path.value.names):
            found = self._find((*path.list.names, *names))
            if found is not None and (found.children or (found.lane is _KEY_LANE) != (names is path.key.names)):
                raise _ConflictError
            if any(
                node is not None and node.lane is not None
                for node in (self._find((*path.list.names, *names[:depth])) for depth in range(1, len(names)))
            ):
                raise _ConflictError

    def _is_list(self, names: tuple[str, ...]) -> bool:
        node = self._find(names)
        return node is not None and node.is_list

    def _grow(self, names: tuple[str, ...]) -> _Node:
        node = self.root
        for depth, name in enumerate(names):
            node = node.children.setdefault(
                name, _Node(is_attribute=self.source == "dynamodb" and _is_in_image(names[: depth + 1]))
            )
            self.names.setdefault(name, f"f{len(self.names)}")
        return node

    # -- the generated decoder

    def _build(self) -> None:
        self.namespace: dict[str, Any] = {
            "scalar": _scalar,
            "attribute": _attribute,
            "raw": _raw,
            "raw_json": _raw_json,
            "attribute_json": _attribute_json,
            "is_true": alone.is_true,
            "first_where": _first_where,
        }
        self.counter = itertools.count()
        root_type, _ = self._struct(self.root)
        self.decoder = msgspec.json.Decoder(root_type, float_hook=Number)
        self.empty_root = root_type()
        self.fallbacks = {}
        lines = ["def extract(roots, double):"]
        returned = []
        for index, want in enumerate(self.wanted):
            lines.append(f"    c{index} = {self._column(want)}")
            returned.append(f"c{index}")
        lines.append(f"    return [{', '.join(returned)}]")
        exec("\n".join(lines), self.namespace)
        self.extract = self.namespace["extract"]

    def _struct(self, node: _Node) -> tuple[Any, Any]:
        """Return the type of a node's object and the instance that stands for a missing one."""
        fields = []
        for name, child in node.children.items():
            annotation, missing = self._member(child)
            fields.append((self.names[name], annotation, missing))
        rename = {self.names[name]: name for name in node.children}
        struct = msgspec.defstruct(f"Node{next(self.counter)}", fields, rename=rename, gc=False, eq=False, frozen=True)
        return struct, struct()

    def _member(self, node: _Node) -> tuple[Any, Any]:
        if node.is_attribute:
            return self._attribute(node)
        if node.lane is not None:
            return _ANNOTATIONS[node.lane.kind], _ABSENT if node.lane.kind == "raw" else None
        struct, node.empty = self._struct(node)
        if node.is_list:
            return list[struct] | None, None  # type: ignore[valid-type]
        return (struct | None if node.nullable else struct), node.empty

    def _attribute(self, node: _Node) -> tuple[Any, Any]:
        if node.lane is None:
            struct, inner_empty = self._struct(node)
            outer = msgspec.defstruct(
                f"Node{next(self.counter)}",
                [("M", struct)],
                gc=False,
                eq=False,
                frozen=True,
                forbid_unknown_fields=True,
            )
            node.empty = outer(inner_empty)
            return outer, node.empty
        kind = node.lane.kind
        if kind == "attribute":
            return msgspec.Raw, _ABSENT
        fields: list[Any] = _SCALARS if kind == "scalars" else [(kind, _ANNOTATIONS[kind])]
        struct = msgspec.defstruct(
            f"Node{next(self.counter)}", fields, gc=False, eq=False, frozen=True, forbid_unknown_fields=True
        )
        # A missing attribute reads as NULL does; an empty object reads as nothing at all, and is malformed.
        node.empty = struct(None, None, None, True) if kind == "scalars" else struct(None)
        return struct, node.empty

    # -- the generated reader

    def _column(self, want: Wanted) -> str:
        if isinstance(want.path, paths.Dotted):
            return self._wrapped(want, self._chain("x", self.root, want.path.names))
        if isinstance(want.path, paths.FirstWhere):
            items = self._chain("x", self.root, want.path.list.names)
            node = self._find(want.path.list.names)
            key = self._chain("e", node, want.path.key.names)
            value = self._chain("e", node, want.path.value.names)
            read, double = self._reader(want)
            wrapped = f"{read}({value}{double})" if read else value
            equals = f"k{next(self.counter)}"
            self.namespace[equals] = want.path.equals
            return f"[first_where({items}, lambda e: {key} == {equals}, lambda e: {wrapped}) for x in roots]"
        assert isinstance(want.path, paths.Either)
        if want.path.rest:
            return self._wrapped(want, self._pick(want))
        return self._coalesce(want)

    def _chain(self, start: str, node: _Node | None, names: tuple[str, ...]) -> str:
        text = start
        for name in names:
            assert node is not None
            if node.is_attribute:
                text += ".M"
            node = node.children[name]
            text += f".{self.names[name]}"
            if node.nullable and node.lane is None and not node.is_list:
                text = f"({text} or {self._constant(node.empty)})"
        if node is not None and node.lane is not None and node.lane.kind in ("S", "N", "BOOL"):
            text += f".{node.lane.kind}"
        return text

    def _constant(self, value: Any) -> str:
        name = f"k{next(self.counter)}"
        self.namespace[name] = value
        return name

    def _reader(self, want: Wanted) -> tuple[str, str]:
        kind = self.lanes[want.name].kind
        if kind == "attribute":
            return ("attribute_json" if want.kind == "json" else "attribute"), ", d"
        if kind == "raw":
            return ("raw_json" if want.kind == "json" else "raw"), ""
        return ("scalar" if kind == "scalars" else ""), ""

    def _wrapped(self, want: Wanted, chain: str) -> str:
        read, double = self._reader(want)
        if not read:
            return f"[{chain} for x in roots]"
        if double:
            return f"[{read}({chain}{double}) for x, d in zip(roots, double)]"
        return f"[{read}({chain}) for x in roots]"

    def _pick(self, want: Wanted) -> str:
        """Return the chain of `(a || b).rest`: the first object that is there, else the last."""
        assert isinstance(want.path, paths.Either)
        *terms, last = want.path.terms
        text = self._chain("x", self.root, last.names)
        holders = []
        for term in reversed(terms):
            node = self._find(term.names)
            assert node is not None
            holder = self._chain("x", self.root, term.names)
            text = f"({holder} if {holder} is not {self._constant(node.empty)} else {text})"
            holders.append((term.names, node.empty))
        # An object without a selected member may be an empty one, which JMESPath passes over: those rows are looked at
        # again.
        self.fallbacks[want.name] = self._may_be_empty([names for names, _ in holders])
        return self._chain(text, self._find(last.names), want.path.rest)

    def _may_be_empty(self, holders: list[tuple[str, ...]]) -> Callable[[Any], bool]:
        tests = []
        for names in holders:
            node = self._find(names)
            assert node is not None
            tests.append(f"{self._chain('x', self.root, names)} is not {self._constant(node.empty)}")
        name = f"t{next(self.counter)}"
        self.namespace[name] = None
        return eval(f"lambda x: {' or '.join(tests)}", self.namespace)  # type: ignore[no-any-return]

    def _coalesce(self, want: Wanted) -> str:
        assert isinstance(want.path, paths.Either)
        read, double = self._reader(want)
        kind = self.lanes[want.name].kind
        chains = [self._chain("x", self.root, term.names) for term in want.path.terms]
        if read:
            chains = [f"{read}({chain}{double})" for chain in chains]
        text = chains[-1]
        for chain in reversed(chains[:-1]):
            if kind in ("str", "S", "N", "bool", "BOOL"):
                text = f"({chain} or {text})"
            elif kind in ("int", "float"):
                text = f"(v if (v := {chain}) is not None else {text})"
            else:
                text = f"(v if is_true(v := {chain}) else {text})"
        return f"[{text} for x, d in zip(roots, double)]" if double else f"[{text} for x in roots]"

    # -- a batch

    def read(self, texts: list[bytes]) -> tuple[dict[Hashable, Values], set[int]]:
        """Return the columns and the rows that must be read alone, whose values here mean nothing."""
        if self.extract is None:
            self._build()
        roots, refused = self._decode(texts)
        assert self.extract is not None
        double = self._double(texts) if any(lane.kind == "attribute" for lane in self.lanes.values()) else []
        lists = self.extract(roots, double)
        columns = {}
        for want, values in zip(self.wanted, lists, strict=True):
            kind = self.lanes[want.name].kind
            suspects = self._suspects(want.name, kind, values, roots, texts)
            if (
                kind == "any"
                and len(suspects) > FIRST_LOOK
                and self._widen([texts[row] for row in sorted(suspects)[-FIRST_LOOK:]])
            ):
                self._build()
                return self.read(texts)
            refused |= suspects
            columns[want.name] = Values(_KINDS.get(kind, "mixed"), values)
        return columns, refused

    def _decode(self, texts: list[bytes]) -> tuple[list[Any], set[int]]:
        look_at = FIRST_LOOK
        while True:
            assert self.decoder is not None
            decode, roots, refused = self.decoder.decode, list[Any](), set[int]()
            rest = iter(texts)
            while len(refused) < look_at:
                try:
                    roots.extend(map(decode, rest))
                except _REFUSED:
                    refused.add(len(roots))
                    roots.append(self.empty_root)
                else:
                    return roots, refused
            if self._widen([texts[row] for row in sorted(refused)[-FIRST_LOOK:]]):
                self._build()
            else:
                look_at *= 4

    def _double(self, texts: list[bytes]) -> list[bool]:
        # The Kinesis shape names neither; a text that does is looked at properly.
        return [
            (b"eventVersion" not in text and b"eventSourceARN" not in text and b"\\u" not in text) or _is_double(text)
            for text in texts
        ]

    def _suspects(self, name: Hashable, kind: str, values: list[Any], roots: list[Any], texts: list[bytes]) -> set[int]:
        suspects: set[int] = set()
        if kind == "any":
            types = set(map(type, values))
            if dict in types or list in types:
                suspects |= {row for row, value in enumerate(values) if type(value) in (dict, list)}
        if kind in ("any", "int", "float") and 0 in values:
            suspects |= {
                row
                for row, value in enumerate(values)
                if value == 0 and value is not False and _MINUS_ZERO.search(texts[row])
            }
        may_be_empty = self.fallbacks.get(name)
        if may_be_empty is not None and None in values:
            suspects |= {
                row
                for row, value in enumerate(values)
                if value is None and may_be_empty(roots[row]) and _EMPTY_OBJECT.search(texts[row])
            }
        return suspects

    # -- widening

    def _widen(self, texts: list[bytes]) -> bool:
        """Widen the decoder for the shapes of valid records that it refused; tell whether it changed."""
        changed = False
        for text in texts:
            if alone.reason_against(text) is None:
                changed = self._widen_object(self.root, text) or changed
        return changed

    def _widen_object(self, node: _Node, text: bytes) -> bool:
        changed = False
        members = alone.members_of(text)
        for name, child in node.children.items():
            if name in members:
                changed = self._widen_member(child, members[name]) or changed
        return changed

    def _widen_member(self, node: _Node, text: bytes) -> bool:
        if node.is_attribute:
            return self._widen_attribute(node, text)
        if node.lane is not None:
            return node.lane is not _KEY_LANE and node.lane.widen(_wider_kind(node.lane.kind, text))
        if text == b"null" and not node.is_list:
            changed, node.nullable = not node.nullable, True
            return changed
        if node.is_list:
            elements = alone.elements_of(text)
            changes = [self._widen_object(node, element) for element in elements if element.startswith(b"{")]
            return any(changes)
        return text.startswith(b"{") and self._widen_object(node, text)

    def _widen_attribute(self, node: _Node, text: bytes) -> bool:
        members = alone.members_of(text) if text.startswith(b"{") else {}
        if len(members) != 1:
            return False
        ((tag, content),) = members.items()
        if node.lane is None:
            return tag == "M" and content.startswith(b"{") and self._widen_object(node, content)
        kind = tag if tag in ("S", "N", "BOOL") else "scalars" if tag == "NULL" else "attribute"
        return node.lane.widen(kind)


_KEY_LANE: Final = Lane("str")
_KINDS: Final = {"str": "str", "S": "str", "N": "num", "int": "int", "float": "float", "bool": "bool", "BOOL": "bool"}


def _walk(node: _Node) -> Iterable[_Node]:
    yield node
    for child in node.children.values():
        yield from _walk(child)


def _wider_kind(kind: str, text: bytes) -> str:
    """Return the kind that takes what `kind` takes and a JSON text too."""
    is_container = text[:1] in (b"{", b"[")
    if kind == "raw" or (kind == "any" and not is_container):
        return kind
    if kind != "any" and not is_container:
        try:
            msgspec.json.decode(text, type=_ANNOTATIONS[kind])
        except _REFUSED:
            return "any"
        return kind
    return "raw"


def _is_double(text: bytes) -> bool:
    return alone.reason_against(text) is None and dynamodb.is_double_encoded(alone.members_of(text))


def _scalar(attribute: Any) -> Outcome:
    """Return the value of an attribute decoded to its four scalar members, one of which must be there."""
    text, digits, boolean, null = attribute.S, attribute.N, attribute.BOOL, attribute.NULL
    if (text is not None) + (digits is not None) + (boolean is not None) + (null is not None) != 1 or null is False:
        return BAD_TYPE
    if digits is not None:
        return Number(digits)
    return text if text is not None else boolean  # type: ignore[no-any-return]


def _attribute(raw: Any, double: bool) -> Outcome:
    if raw is _ABSENT:
        return None
    return dynamodb.attribute_value(alone.decode_any(raw), double)


def _attribute_json(raw: Any, double: bool) -> Outcome:
    return None if raw is _ABSENT else alone.json_text(dynamodb.attribute_value(alone.decode_any(raw), double))


def _raw(raw: Any) -> Outcome:
    return None if raw is _ABSENT else alone.json_value(bytes(raw))


def _raw_json(raw: Any) -> Outcome:
    return None if raw is _ABSENT else alone.json_verbatim(bytes(raw))


def _first_where(items: list[Any] | None, matches: Callable[[Any], bool], read: Callable[[Any], Outcome]) -> Outcome:
    if items is not None:
        for item in items:
            if matches(item) and (value := read(item)) is not None:
                return value
    return None
