"""JMESPath, compiled to a plan: a projection where its shape is known, the `jmespath` package for everything else.

The plans are descriptions; the stages that know how a payload is encoded evaluate them; only `evaluate_compiled` here
looks at a document, a plain one. The known shapes are recognised from the text, so that a file that uses no other never
imports `jmespath`. Invariant: every plan means what `jmespath` means, and text that is no JMESPath raises a `PathError`
of one line.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from fastxform.core.structs import Struct, replace
from fastxform.query import jmespath_text
from fastxform.query.jmespath_text import PathError, folded, is_bare, quote

__all__ = ["PathError", "folded", "quote"]

_IMAGES: Final = frozenset(("NewImage", "OldImage"))

# Texts, not compiled patterns: most files need none of them, and `re` keeps what it has compiled.
_SPACE: Final = r"[ \t\n\r]*"
_NAME: Final = r'(?:[A-Za-z_][A-Za-z0-9_]*|"(?:[^"\\]|\\.)*")'
_DOTTED: Final = rf"{_NAME}(?:{_SPACE}\.{_SPACE}{_NAME})*"
_EITHER: Final = rf"{_DOTTED}(?:{_SPACE}\|\|{_SPACE}{_DOTTED})+"
_EITHER_AND_REST: Final = (
    rf"(?P<terms>{_EITHER})|\({_SPACE}(?P<inner>{_EITHER}){_SPACE}\)(?P<rest>(?:{_SPACE}\.{_SPACE}{_NAME})*)"
)
_FIRST_WHERE: Final = (
    rf"(?P<list>{_DOTTED}){_SPACE}\[\?{_SPACE}(?P<key>{_DOTTED}){_SPACE}=={_SPACE}'(?P<equals>(?:[^'\\]|\\.)*)'{_SPACE}\]"
    rf"{_SPACE}\.{_SPACE}(?P<value>{_DOTTED}){_SPACE}\|{_SPACE}\[{_SPACE}0{_SPACE}\]"
)
_INDEX: Final = rf"\[{_SPACE}-?[0-9]+{_SPACE}\]"
_INDEXED: Final = rf"(?P<base>{_DOTTED})(?P<steps>(?:{_SPACE}(?:\.{_SPACE}{_NAME}|{_INDEX}))+)"
_HEADER: Final = rf"header{_SPACE}\({_SPACE}(?P<list>{_DOTTED}){_SPACE},{_SPACE}'(?P<name>(?:[^'\\]|\\.)*)'{_SPACE}\)"

NAMES_LIMIT: Final = 64
"""Names one inside the other; generated decoders nest as deep, and Python's parser does so 100 times."""
TERMS_LIMIT: Final = 64
"""Terms of `||` in one path."""

_ON_THE_SAME_VALUE: Final = frozenset(
    (
        "or_expression",
        "and_expression",
        "not_expression",
        "comparator",
        "function_expression",
        "multi_select_list",
        "multi_select_dict",
        "key_val_pair",
    )
)
"""Nodes of a syntax tree whose children are all evaluated on the value that the node itself is."""


class Dotted(Struct, frozen=True):
    """Members of objects, one inside the other; null where one is missing, or stands in what is no object."""

    names: tuple[str, ...]


class Either(Struct, frozen=True):
    """The first of `terms` that is not null, false, `""`, `[]` or `{}`, else the last; of that, the members `rest`."""

    terms: tuple[Dotted, ...]
    rest: tuple[str, ...] = ()


class FirstWhere(Struct, frozen=True):
    """`list[?key=='equals'].value | [0]`: the first `value` that is not null, of the elements whose `key` is that text.

    An element that matches and whose `value` is null is passed over; what is no list gives null. Of `header(list,
    'equals')` the keys are `name` and `value`, and a name is that text whatever its case; `equals` is in small letters.
    """

    list: Dotted
    key: Dotted
    equals: str
    value: Dotted
    ignores_case: bool = False

    def is_equal(self, key: Any) -> bool:
        """Tell whether the text of an element's key is the one that is looked for."""
        return (folded(key) if self.ignores_case else key) == self.equals


class Indexed(Struct, frozen=True):
    """`base[0].b[-1]`: of the members `base` an element, by its index from 0 or from the end, and what is in it.

    `steps` are names and indices, the first an index; null where one of them is not there.
    """

    base: Dotted
    steps: tuple[str | int, ...]


class Compiled(Struct, frozen=True, eq=False):
    """Anything else: `compiled` is what `jmespath.compile` made of the text, which alone is compared and shown."""

    text: str
    compiled: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compiled) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Compiled(text={self.text!r})"

    def __reduce__(self) -> tuple[Callable[[str], "Path"], tuple[str]]:
        """Travel as text: what `jmespath` compiled belongs to the process that compiled it."""
        return compile_path, (self.text,)


Path: TypeAlias = Dotted | Either | FirstWhere | Indexed | Compiled


def compile_path(text: str) -> Path:
    """Return the plan of a JMESPath expression.

    Raises:
        PathError: the text is no JMESPath, or names a function that JMESPath does not have.
    """
    plan = _recognised(text) or _parsed(text)
    if isinstance(plan, FirstWhere) and plan.ignores_case and not plan.equals.isascii():
        raise PathError("the name of a header is ASCII", max(0, text.find("'")))
    names = max((len(leaf) for leaf in _leaves(plan)), default=0)
    if names > NAMES_LIMIT:
        raise PathError(f"a path of {names} names; at most {NAMES_LIMIT} are read", 0)
    if isinstance(plan, Either) and len(plan.terms) > TERMS_LIMIT:
        raise PathError(f"{len(plan.terms)} terms of ||; at most {TERMS_LIMIT} are read", 0)
    return plan


def _leaves(plan: Path) -> list[tuple[str, ...]]:
    """Return the names of each way into a document that a plan takes."""
    match plan:
        case Dotted(names=names):
            return [names]
        case Either(terms=terms, rest=rest):
            return [term.names + rest for term in terms]
        case FirstWhere(list=elements, key=key, value=value):
            return [elements.names + key.names, elements.names + value.names]
        case Indexed(base=base, steps=steps):
            return [base.names + tuple(map(str, steps))]
    return []


def evaluate_compiled(path: Path, document: Any) -> Any:
    """Return the value of any plan on a plain document: dicts, lists, texts, numbers, booleans and None.

    Raises:
        Exception: whatever a function of the `jmespath` package makes of the document.
    """
    match path:
        case Compiled(compiled=compiled):
            return jmespath_text.interpreter().visit(compiled.parsed, document)
        case Dotted(names=names):
            return _member(document, names)
        case Either(terms=terms, rest=rest):
            first = None
            for term in terms:
                first = _member(document, term.names)
                if not _is_false(first):
                    break
            return _member(first, rest)
        case FirstWhere():
            elements = _member(document, path.list.names)
            if not isinstance(elements, list):
                return None
            values = (_member(e, path.value.names) for e in elements if path.is_equal(_member(e, path.key.names)))
            return next((value for value in values if value is not None), None)
        case Indexed(base=base, steps=steps):
            return _step(_member(document, base.names), steps)


def members_of(path: Path) -> list[tuple[str, ...]]:
    """Return the members that a plan takes whole, each with the names of those that it stands in."""
    return _leaves(path) if isinstance(path, Dotted | Either) else []


def root_names(path: Path) -> tuple[str, ...]:
    """Return the members of the document that a plan reads, each once, in the order of the text."""
    match path:
        case Dotted(names=names):
            return names[:1]
        case Either(terms=terms):
            return tuple(dict.fromkeys(term.names[0] for term in terms))
        case FirstWhere():
            return path.list.names[:1]
        case Indexed(base=base):
            return base.names[:1]
        case Compiled(compiled=compiled):
            return tuple(dict.fromkeys(_root_fields(compiled.parsed)))


def image_fallback_hint(path: Path) -> str | None:
    """Return a warning where `||` falls from a member of one image to the same member of another.

    `dynamodb.NewImage.x || dynamodb.OldImage.x` takes the old value where the new one is false or empty.
    """
    if not isinstance(path, Either) or path.rest:
        return None
    split = [_split_at_image(term.names) for term in path.terms]
    images = [image for image, member in split]
    members = {member for image, member in split}
    if len(members) != 1 or () in members:
        return None
    either = " || ".join(".".join(map(quote, image)) for image in images)
    form = f"({either})." + ".".join(map(quote, members.pop()))
    return f'|| passes over false, "" and [] too, to the other image; write {form}'


def attribute_type_hint(path: Path) -> str | None:
    """Return a warning where a path into a DynamoDB change ends in an attribute's type, as in `dynamodb.Keys.id.S`."""
    if not isinstance(path, Dotted) or len(path.names) < 4 or path.names[0] != "dynamodb":
        return None
    if path.names[-1] not in ("S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"):
        return None
    plain = ".".join(map(quote, path.names[:-1]))
    return f"paths address plain values, without the types of attributes; write {plain}"


def _split_at_image(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the names after the image among them; without one the second part is empty."""
    for index, name in enumerate(names, 1):
        if name in _IMAGES:
            return names[:index], names[index:]
    return names, ()


def _member(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _step(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(step, str):
            value = _member(value, (step,))
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def below_root(path: Path) -> Path | None:
    """Return a path less the name that it begins with; None where it is that of the whole, or of no known shape."""
    match path:
        case Dotted(names=(_, *names)) if names:
            return Dotted(tuple(names))
        case Either(terms=terms, rest=rest) if all(len(term.names) > 1 for term in terms):
            return Either(tuple(Dotted(term.names[1:]) for term in terms), rest)
        case FirstWhere(list=Dotted(names=(_, *names))) if names:
            return replace(path, list=Dotted(tuple(names)))
        case Indexed(base=Dotted(names=(_, *names)), steps=steps) if names:
            return Indexed(Dotted(tuple(names)), steps)
    return None


def names_in(path: Path) -> Iterator[str]:
    """Yield the names of all members on the way to a value."""
    match path:
        case Dotted(names=names):
            yield from names
        case Either(terms=terms, rest=rest):
            yield from (name for term in terms for name in term.names)
            yield from rest
        case FirstWhere():
            yield from (*path.list.names, *path.key.names, *path.value.names)
        case Indexed(base=base, steps=steps):
            yield from (*base.names, *(step for step in steps if isinstance(step, str)))


def _is_false(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _recognised(text: str) -> Path | None:
    """Return the plan of a text whose shape can be seen without a parser, None for any other, wrong ones among them."""
    if all(map(is_bare, names := text.split("."))):
        return Dotted(tuple(names))
    text = text.strip(" \t\n\r")
    try:
        if re.fullmatch(_DOTTED, text, re.DOTALL):
            return _dotted(text)
        if match := re.fullmatch(_EITHER_AND_REST, text, re.DOTALL):
            terms = re.findall(_DOTTED, match["terms"] or match["inner"], re.DOTALL)
            return Either(tuple(map(_dotted, terms)), _names(match["rest"] or ""))
        if match := re.fullmatch(_FIRST_WHERE, text, re.DOTALL):
            equals = match["equals"].replace("\\'", "'")
            return FirstWhere(_dotted(match["list"]), _dotted(match["key"]), _scalar(equals), _dotted(match["value"]))
        if match := re.fullmatch(_INDEXED, text, re.DOTALL):
            return Indexed(_dotted(match["base"]), _path_steps(match["steps"]))
        if match := re.fullmatch(_HEADER, text, re.DOTALL):
            return _header(_dotted(match["list"]), _scalar(match["name"].replace("\\'", "'")))
    except ValueError:
        # A quoted name that is no JSON string: `jmespath` finds it too, and says where.
        return None
    return None


def _dotted(text: str) -> Dotted:
    return Dotted(_names(text))


def _names(text: str) -> tuple[str, ...]:
    names = re.findall(_NAME, text, re.DOTALL)
    return tuple(_scalar(json.loads(name)) if name[0] == '"' else name for name in names)


def _path_steps(text: str) -> tuple[str | int, ...]:
    steps = re.findall(rf"{_NAME}|-?[0-9]+", text, re.DOTALL)
    return tuple(int(step) if step[0] in "-0123456789" else _names(step)[0] for step in steps)


def _header(elements: Dotted, name: str) -> FirstWhere:
    return FirstWhere(elements, Dotted(("name",)), name.lower(), Dotted(("value",)), ignores_case=True)


def _scalar(text: str) -> str:
    """Return a text that a record can hold; lone surrogates are in none, and no stage has to expect them."""
    text.encode()
    return text


def _parsed(text: str) -> Path:
    """Let `jmespath` read a text, and look for the known shapes in what it found."""
    compiled = jmespath_text.parse(text)
    return _plan(compiled.parsed) or Compiled(text, jmespath_text.with_exact_literals(text, compiled))


def _plan(node: Any) -> Path | None:
    """Return the plan of a syntax tree of one of the known shapes."""
    if (dotted := _dotted_node(node)) is not None:
        return dotted
    match node:
        case {"type": "or_expression"}:
            return _either_node(node, ())
        case {"type": "subexpression", "children": [{"type": "or_expression"} as terms, *rest]}:
            names = _field_names(rest)
            return None if names is None else _either_node(terms, names)
        case {"type": "pipe", "children": [{"type": "filter_projection", "children": [base, value, condition]}, first]}:
            return _first_where_node(base, value, condition) if _is_first(first) else None
        case {
            "type": "function_expression",
            "value": "header",
            "children": [elements, {"type": "literal", "value": str(name)}],
        } if (dotted := _dotted_node(elements)) is not None and _is_scalar(name):
            return _header(dotted, name)
    return _indexed_node(node)


def _indexed_node(node: Any) -> Indexed | None:
    steps = _node_steps(node)
    first = next((at for at, step in enumerate(steps or ()) if isinstance(step, int)), 0)
    if not steps or not first:
        return None
    base = [str(step) for step in steps[:first]]
    names = [step for step in steps if isinstance(step, str)]
    return Indexed(Dotted(tuple(base)), tuple(steps[first:])) if all(map(_is_scalar, names)) else None


def _node_steps(node: Any) -> list[str | int] | None:
    """Return the names and indices of a syntax tree that has nothing else."""
    if node["type"] in ("field", "index"):
        return [node["value"]]
    if node["type"] not in ("subexpression", "index_expression"):
        return None
    found: list[str | int] = []
    for child in node["children"]:
        steps = _node_steps(child)
        if steps is None:
            return None
        found += steps
    return found


def _field_names(nodes: list[Any]) -> tuple[str, ...] | None:
    if any(node["type"] != "field" for node in nodes):
        return None
    names = tuple(node["value"] for node in nodes)
    return names if all(map(_is_scalar, names)) else None


def _dotted_node(node: Any) -> Dotted | None:
    names = _field_names(node["children"] if node["type"] == "subexpression" else [node])
    return None if names is None else Dotted(names)


def _root_fields(node: Any) -> Iterator[str]:
    """Yield the fields of a syntax tree that are looked up in the document itself."""
    if node["type"] == "field":
        yield node["value"]
    elif node["type"] in _ON_THE_SAME_VALUE:
        for child in node["children"]:
            yield from _root_fields(child)
    elif node["type"] not in ("expref", "slice") and node["children"]:
        # The first part is looked up in the document, the others in what it gives.
        yield from _root_fields(node["children"][0])


def _either_node(node: Any, rest: tuple[str, ...]) -> Either | None:
    terms = [_dotted_node(term) for term in _terms(node)]
    known = tuple(term for term in terms if term is not None)
    return Either(known, rest) if len(known) == len(terms) else None


def _terms(node: Any) -> Iterator[Any]:
    """Yield the terms of `||` from left to right; how they are bracketed among themselves makes no difference."""
    if node["type"] != "or_expression":
        yield node
        return
    for child in node["children"]:
        yield from _terms(child)


def _first_where_node(base: Any, value: Any, condition: Any) -> FirstWhere | None:
    match condition:
        case {"type": "comparator", "value": "eq", "children": [key, {"type": "literal", "value": str(equals)}]}:
            plans = [_dotted_node(node) for node in (base, key, value)]
        case _:
            return None
    match plans:
        case [Dotted() as elements, Dotted() as name, Dotted() as result] if _is_scalar(equals):
            return FirstWhere(elements, name, equals, result)
    return None


def _is_first(node: Any) -> bool:
    match node:
        case {"type": "index_expression", "children": [{"type": "identity"}, {"type": "index", "value": 0}]}:
            return True
    return False


def _is_scalar(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
