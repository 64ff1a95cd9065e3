"""Generated code: the `msgspec` struct types of a tree of members, and the function that reads columns out of them.

What is generated follows from the tree alone; when to generate anew, and what becomes of records that the types refuse,
is decided elsewhere. Invariant: a text that is executed holds names made here and nothing else; what comes out of a
configuration enters as a value, never as source.
"""

import itertools
import linecache
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

import msgspec

from fastxform.core import json_text
from fastxform.core.json_text import NUMBER
from fastxform.core.json_values import json_value
from fastxform.core.structs import Struct, replace
from fastxform.core.values import BAD_TYPE, Json, Number, Outcome
from fastxform.decode import dynamodb, fallback, raws
from fastxform.decode.fields import ATTRIBUTE_TAGS, FieldRequest, FieldTree, Names, Node, is_double, leaves
from fastxform.decode.raws import ABSENT, REFUSED, MemberOf, Slots
from fastxform.query import paths

__all__ = ["REFUSED", "Generated", "generate", "takes"]

_PLAIN_TYPES: Final[dict[str, Any]] = {
    "str": str | None,
    "int": int | None,
    "bool": bool | None,
    "any": Any,
    "raw": msgspec.Raw,
}
_TAG_TYPES: Final[dict[str, Any]] = {"S": str, "N": str, "BOOL": bool, "NULL": bool}

# The members default to None and may not be null, so that what is not None was there.
_SCALAR_FIELDS: Final = [(tag, kind, None) for tag, kind in _TAG_TYPES.items()]


class Generated(Struct, frozen=True):
    """What is generated for one tree.

    Attributes:
        decode: a payload to a struct, or one of `REFUSED`.
        decode_lists: valid lists of documents, one behind the other, to structs, or one of `REFUSED`; a list may span
            lines, for `msgspec` it ends where its bracket is.
        nothing: the struct of a document without members.
        extract: structs, and for each whether its binary values carry two layers of base64, to the values of each
            column; the second list may be empty where no lane is `attribute`.
        picked: for columns of `(a || b).c`, whether an object other than the last was there for a struct.
    """

    decode: Callable[[bytes], Any]
    decode_lists: Callable[[bytes], list[list[Any]]]
    nothing: Any
    extract: Callable[[list[Any], list[bool]], list[list[Any]]]
    picked: dict[Hashable, Callable[[Any], bool]]


def generate(tree: FieldTree) -> Generated:
    """Generate the types and the reader for a tree as its lanes are now."""
    types = _Types(tree)
    reader = _ExtractorSource(tree, types.missing)
    decoder = msgspec.json.Decoder(types.root, float_hook=Number)
    lists = msgspec.json.Decoder(list[types.root], float_hook=Number)  # type: ignore[name-defined]
    extract, picked = reader.compile()
    return Generated(decoder.decode, lists.decode_lines, types.root(), extract, picked)


def takes(kind: str, text: bytes) -> bool:
    """Tell whether a plain lane of a kind takes a JSON text."""
    try:
        msgspec.json.decode(text, type=_PLAIN_TYPES[kind])
    except REFUSED:
        return False
    return True


class _Types:
    """The struct type of each object, and the instance that stands for an object that is missing."""

    def __init__(self, tree: FieldTree) -> None:
        self.missing: dict[Node, Any] = {}
        self.root = self._object(tree.root)

    def _object(self, node: Node) -> Any:
        fields = [(child.slot, *self._member(child)) for child in node.children.values()]
        rename = {child.slot: name for name, child in node.children.items()}
        return _struct(fields, rename=rename)

    def _member(self, node: Node) -> tuple[Any, Any]:
        """Return the type of a member and what stands for a missing one."""
        if node.is_attribute:
            return self._attribute(node)
        if node.role == "key":
            return str | None, None
        if node.decode_kind is not None:
            return _PLAIN_TYPES[node.decode_kind.kind], ABSENT if node.decode_kind.kind == "raw" else None
        struct = self._object(node)
        if node.role == "list":
            return list[struct] | None, None  # type: ignore[valid-type]
        self.missing[node] = struct()
        return (struct | None if node.nullable else struct), self.missing[node]

    def _attribute(self, node: Node) -> tuple[Any, Any]:
        if node.decode_kind is None:
            members = self._object(node)
            struct = _struct([("M", members)], forbid_unknown_fields=True)
            self.missing[node] = struct(members())
            return struct, self.missing[node]
        kind = node.decode_kind.kind
        if kind == "attribute":
            return msgspec.Raw, ABSENT
        if kind == "scalars":
            struct = _struct(_SCALAR_FIELDS, forbid_unknown_fields=True)
            return struct, struct(NULL=True)
        struct = _struct([(kind, _TAG_TYPES[kind])], forbid_unknown_fields=True)
        return struct, struct(None)


def _struct(fields: Sequence[Any], **options: Any) -> Any:
    return msgspec.defstruct("Object", fields, gc=False, eq=False, frozen=True, **options)


class _ExtractorSource:
    """The text of a function that reads every column out of the structs `x` of a batch."""

    def __init__(self, tree: FieldTree, missing: dict[Node, Any]) -> None:
        self.tree, self.missing = tree, missing
        self.values: dict[str, Any] = dict(_READERS)
        self.numbers = itertools.count()
        self.functions: list[str] = []
        self.searches: dict[paths.FirstWhere, dict[str, int]] = {}

    def compile(self) -> tuple[Any, dict[Hashable, Any]]:
        """Return the function, and those that tell what `(a || b).c` picked."""
        read: dict[tuple[paths.Path, str], str] = {}  # what two columns read alike is read, and held, once
        lines = []
        for request in self.tree.requests:
            alike = request.path, request.kind
            if alike not in read:
                read[alike] = f"c{len(read)}"
                lines.append(f"    {read[alike]} = {self._column(request)}")
        lines = [*self._searched_lists(), *lines]
        names = ", ".join(read[request.path, request.kind] for request in self.tree.requests)
        lines = [*self.functions, "def extract(roots, double):", *lines, f"    return [{names}]"]
        picked = {}
        for request in self.tree.requests:
            if isinstance(request.path, paths.Either) and request.path.rest:
                name = self._name()
                lines += [f"def {name}(x):", f"    return {' or '.join(self._holds(request.path))}"]
                picked[request.name] = name
        # In the text there are fields (f0), columns (c0), the names below (k0), the readers, and the letters of this
        # class. The names of members and the texts of paths stay outside: as the `rename` of a struct, or in a k0.
        _execute("\n".join(lines) + "\n", self.values)
        return self.values["extract"], {column: self.values[name] for column, name in picked.items()}

    def _name(self, value: Any = None) -> str:
        """Return a name for a value in the text."""
        name = f"k{next(self.numbers)}"
        self.values[name] = value
        return name

    def _column(self, request: FieldRequest) -> str:
        path = request.path
        if isinstance(path, paths.FirstWhere):
            return self._first_where(request, path)
        assert not isinstance(path, paths.Compiled)
        kind = self.tree.decode_kind(request).kind
        if isinstance(path, paths.Indexed):
            return self._indexed(request, path)
        if isinstance(path, paths.Either) and not path.rest:
            text = self._coalesce(request, path)
        else:
            text = self._chain("x", path.names) if isinstance(path, paths.Dotted) else self._pick(path)
            if kind == "raw":  # a column at once: 0.3 us a text, 2.4 one by one
                return f"{_reader_of_raws(request)}([{text} for x in roots])"
            text = self._read(request, text, self._double(path))
        if kind == "attribute":
            return f"[{text} for x, d in zip(roots, double)]"
        return f"[{text} for x in roots]"

    def _read(self, request: FieldRequest, chain: str, double: str) -> str:
        """Return the text that makes a value of what was decoded; `double` tells of the layers of binary values."""
        kind = self.tree.decode_kind(request).kind
        reader = f"{kind}_json" if request.form != "value" else kind
        if reader not in _READERS:
            return chain
        return f"{reader}({chain}, {double})" if kind == "attribute" else f"{reader}({chain})"

    def _chain(self, start: str, names: Names, base: Names = ()) -> str:
        """Return the text that goes from the object at `base`, which `start` is, down to a member."""
        text, node = start, self.tree.node(base)
        for name in names:
            if node.is_attribute:
                text += ".M"
            node = node.children[name]
            text += f".{node.slot}"
            if node.nullable:  # a struct is always true
                text = f"({text} or {self._name(self.missing[node])})"
        if node.decode_kind is not None and node.decode_kind.kind in ATTRIBUTE_TAGS:
            text += f".{node.decode_kind.kind}"
        return text

    def _indexed(self, request: FieldRequest, path: paths.Indexed) -> str:
        """Return the text that reads a list, and what is in it, a step of all records at once."""
        chain = self._chain("x", path.base.names)
        if self.tree.decode_kind(request).kind == "attribute":
            reader = "attribute_at_json" if request.kind == "json" else "attribute_at"
            double = self._double(path)
            return f"[{reader}({chain}, {self._name(path.steps)}, {double}) for x, d in zip(roots, double)]"
        text = f"[{chain} for x in roots]"
        for step in path.steps:
            text = f"element_at({text}, {step})" if isinstance(step, int) else f"{self._name(MemberOf(step))}({text})"
        return f"{_reader_of_raws(request)}({text})"

    def _first_where(self, request: FieldRequest, path: paths.FirstWhere) -> str:
        base = path.list.names
        together = None
        if self.tree.decode_kind(request).kind == "raw" and request.kind not in ("json", "text"):
            search = replace(path, equals="")
            slots = self.searches.setdefault(search, {})
            slot = slots.setdefault(path.equals, len(slots))
            together = f"l{list(self.searches).index(search)}[{slot}]"
        key = f"{self._name(path.is_equal)}({self._chain('e', path.key.names, base)})"
        value = self._read(request, self._chain("e", path.value.names, base), "False")
        name = self._name()
        self.functions += [
            f"def {name}(roots):",
            "    found = []",
            "    for x in roots:",
            f"        for e in {self._chain('x', base)} or ():",
            f"            if {key} and (v := {value}) is not None:",
            "                found.append(v)",
            "                break",
            "        else:",
            "            found.append(None)",
            "    return found",
        ]
        return f"{name}(roots)" if together is None else f"raws_first({together}, roots, {name})"

    def _searched_lists(self) -> Iterator[str]:
        """Yield the lines that search each list once for all texts that it is searched for: into `l0`, `l1`."""
        for number, (search, slots) in enumerate(self.searches.items()):
            base, name = search.list.names, self._name(Slots(slots, search.ignores_case))
            found = [f"r{slot}" for slot in slots.values()]
            self.functions += [
                f"def search{number}(roots):",
                f"    lists = [[] for _ in range({len(found)})]",
                f"    {', '.join(f'a{slot}' for slot in slots.values())}, = [each.append for each in lists]",
                "    for x in roots:",
                f"        {' = '.join(found)} = absent",
                f"        for e in {self._chain('x', base)} or ():",
                f"            if (i := {name}[{self._chain('e', search.key.names, base)}]) >= 0:",
            ]
            for slot in slots.values():
                self.functions += [
                    f"                {'if' if slot == 0 else 'elif'} i == {slot}:",
                    f"                    if r{slot} is absent:",
                    f"                        r{slot} = {self._chain('e', search.value.names, base)}",
                ]
            self.functions += [f"        a{slot}(r{slot})" for slot in slots.values()]
            self.functions += ["    return lists"]
            yield f"    l{number} = search{number}(roots)"

    def _pick(self, path: paths.Either) -> str:
        """Return the text of `(a || b).c`: in the first object that is there, else in the last.

        The objects may differ in depth, in type and in what else is wanted of them: each has its own way down.
        """
        *chains, text = (self._chain("x", names) for names in leaves(path))
        for chain, holds in zip(reversed(chains), reversed(self._holds(path)), strict=True):
            text = f"({chain} if {holds} else {text})"
        return text

    def _double(self, path: paths.Path) -> str:
        """Return the text that tells whether binary values of what a path picks carry two layers of base64."""
        *first, text = ("d" if is_double(names) else "False" for names in leaves(path))
        if isinstance(path, paths.Either) and path.rest and {*first, text} != {"d"}:
            for double, holds in zip(reversed(first), reversed(self._holds(path)), strict=True):
                text = f"({double} if {holds} else {text})"
        return text

    def _holds(self, path: paths.Either) -> list[str]:
        return [
            f"{self._chain('x', term.names)} is not {self._name(self.missing[self.tree.node(term.names)])}"
            for term in path.terms[:-1]
        ]

    def _coalesce(self, request: FieldRequest, path: paths.Either) -> str:
        """Return the text of `a || b`: the first value that is true to JMESPath, else the last."""
        kind = self.tree.decode_kind(request).kind
        chains = [self._chain("x", names) for names in leaves(path)]
        # A `json` column is picked by value and then read as text: the text of "" or [] is not empty.
        is_picked_first = request.form != "value"
        doubles = ["d" if is_double(names) else "False" for names in leaves(path)]
        read = [self._read(request, chain, double) for chain, double in zip(chains, doubles, strict=True)]
        text = read[-1]
        for index in reversed(range(len(chains) - 1)):
            chain = read[index]
            if kind in ("str", "S", "bool", "BOOL"):
                text = f"({chain} or {text})"
            elif kind in ("int", "N"):
                text = f"(v if (v := {chain}) is not None else {text})"
            elif is_picked_first:
                value = (
                    f"attribute({chains[index]}, {doubles[index]})" if kind == "attribute" else f"raw({chains[index]})"
                )
                text = f"({chain} if is_true({value}) else {text})"
            else:
                text = f"(v if is_true(v := {chain}) else {text})"
        return text


def _reader_of_raws(request: FieldRequest) -> str:
    return f"raws_{request.kind if request.kind in ('json', 'elements', 'text', 'string') else 'value'}"


def _execute(source: str, names: dict[str, Any]) -> None:
    """Execute a text whose lines tracebacks and debuggers show; one that was executed before has the same name."""
    digest = zlib.crc32(source.encode())
    file_name = f"<fastxform.decode.codegen {digest:08x}>"
    # `linecache` has no way in but its cache; an entry without a time is never looked for on disk.
    linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
    exec(compile(source, file_name, "exec"), names)


# -- what the generated text calls


def _is_true(value: Any) -> bool:
    return value not in ("{}", "[]") if type(value) is Json else fallback.is_true(value)


def _scalars(attribute: Any) -> Outcome:
    """Return the value of an attribute of which one of four members must be there."""
    text, digits, boolean, null = attribute.S, attribute.N, attribute.BOOL, attribute.NULL
    if (text is not None) + (digits is not None) + (boolean is not None) + (null is not None) != 1 or null is False:
        return BAD_TYPE
    if digits is not None:
        return Number(digits) if NUMBER.fullmatch(digits) else BAD_TYPE
    return text if text is not None else boolean  # type: ignore[no-any-return]


def _attribute(raw: Any, double: bool) -> Outcome:
    return None if raw is ABSENT else dynamodb.attribute_value(json_text.decode_any(raw), double)


def _attribute_json(raw: Any, double: bool) -> Outcome:
    return json_text.to_json(_attribute(raw, double))


def _attribute_at(raw: Any, steps: Sequence[str | int], double: bool) -> Outcome:
    return None if raw is ABSENT else dynamodb.value_at(json_text.decode_any(raw), steps, double)


def _attribute_at_json(raw: Any, steps: Sequence[str | int], double: bool) -> Outcome:
    return json_text.to_json(_attribute_at(raw, steps, double))


def _raw(raw: Any) -> Outcome:
    return None if raw is ABSENT else json_value(bytes(raw))


def _raw_json(raw: Any) -> Outcome:
    return json_text.to_json(_raw(raw))


_READERS: Final[dict[str, Any]] = {
    "scalars": _scalars,
    "attribute": _attribute,
    "attribute_json": _attribute_json,
    "raw": _raw,
    "raw_json": _raw_json,
    "attribute_at": _attribute_at,
    "attribute_at_json": _attribute_at_json,
    "raws_value": raws.values,
    "raws_string": raws.strings,
    "raws_json": raws.json_texts,
    "raws_first": raws.first,
    "raws_elements": raws.element_texts,
    "raws_text": raws.texts,
    "element_at": raws.element_at,
    "absent": ABSENT,
    "is_true": _is_true,
}
