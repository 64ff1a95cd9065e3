"""JMESPath, compiled to a plan: a projection where its shape is known, the `jmespath` package for everything else.

The plans are descriptions; the stages that know how a payload is encoded evaluate them; only `evaluate_compiled` here
looks at a document, a plain one. The known shapes are recognised from the text, so that a file that uses no other never
imports `jmespath`. Invariant: every plan means what `jmespath` means, and text that is no JMESPath raises a `PathError`
of one line.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, TypeAlias

from fastxform.core.json_text import encode_plain
from fastxform.core.plain_values import exact_float, exact_integer, is_same
from fastxform.core.structs import Struct
from fastxform.errors import FastxformError, near

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
_WORDS: Final = (
    r"""(?P<kept>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|(?P<word>[^\s.\[\](){}|&,*?=<>!"'`]+)"""
)

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


_OF_EXPRESSIONS: Final = frozenset(
    (
        *("lower", "upper", "title", "strip", "trim", "lstrip", "rstrip", "substring", "substr", "split_part"),
        *("replace", "concat", "regex_extract", "regex_replace", "round", "to_int", "to_float", "to_decimal"),
        *("to_timestamp", "strftime", "date_trunc", "date_part", "sha256", "mask", "redact", "coalesce"),
    )
)
"""Functions of expressions that are looked for in paths."""


class PathError(FastxformError):
    """Text that is no JMESPath: what is wrong, at which character (from 0), and the spelling that was likely meant."""

    def __init__(self, message: str, offset: int, suggestion: str | None = None) -> None:
        self.message = message
        self.offset = offset
        self.suggestion = suggestion
        remedy = "" if suggestion is None else f"; write {suggestion}"
        super().__init__(f"{message} at character {offset + 1}{remedy}")


class Dotted(Struct, frozen=True):
    """Members of objects, one inside the other; null where one is missing, or stands in what is no object."""

    names: tuple[str, ...]


class Either(Struct, frozen=True):
    """The first of `terms` that is not null, false, `""`, `[]` or `{}`, else the last; of that, the members `rest`."""

    terms: tuple[Dotted, ...]
    rest: tuple[str, ...] = ()


class FirstWhere(Struct, frozen=True):
    """`list[?key=='equals'].value | [0]`: the first `value` that is not null, of the elements whose `key` is that text.

    An element that matches and whose `value` is null is passed over; what is no list gives null.
    """

    list: Dotted
    key: Dotted
    equals: str
    value: Dotted


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


Path: TypeAlias = Dotted | Either | FirstWhere | Compiled


def compile_path(text: str) -> Path:
    """Return the plan of a JMESPath expression.

    Raises:
        PathError: the text is no JMESPath, or names a function that JMESPath does not have.
    """
    plan = _recognised(text) or _parsed(text)
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
    return []


def quote(name: str) -> str:
    """Return a member's name as a path spells it, in quotes where it needs them."""
    return name if _is_bare(name) else json.dumps(name, ensure_ascii=False)


def evaluate_compiled(path: Path, document: Any) -> Any:
    """Return the value of any plan on a plain document: dicts, lists, texts, numbers, booleans and None.

    Raises:
        Exception: whatever a function of the `jmespath` package makes of the document.
    """
    match path:
        case Compiled(compiled=compiled):
            return _interpreter().visit(compiled.parsed, document)
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
            values = (_member(e, path.value.names) for e in elements if _member(e, path.key.names) == path.equals)
            return next((value for value in values if value is not None), None)


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


def _is_false(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, (str, list, dict)) and not value)


def _recognised(text: str) -> Path | None:
    """Return the plan of a text whose shape can be seen without a parser, None for any other, wrong ones among them."""
    if all(map(_is_bare, names := text.split("."))):
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
    except ValueError:
        # A quoted name that is no JSON string: `jmespath` finds it too, and says where.
        return None
    return None


def _is_bare(name: str) -> bool:
    """Tell whether a name needs no quotes: ASCII letters, digits and underscores, no digit in front."""
    return name.isascii() and name.isidentifier()


def _dotted(text: str) -> Dotted:
    return Dotted(_names(text))


def _names(text: str) -> tuple[str, ...]:
    names = re.findall(_NAME, text, re.DOTALL)
    return tuple(_scalar(json.loads(name)) if name[0] == '"' else name for name in names)


def _scalar(text: str) -> str:
    """Return a text that a record can hold; lone surrogates are in none, and no stage has to expect them."""
    text.encode()
    return text


def _parsed(text: str) -> Path:
    """Let `jmespath` read a text, and look for the known shapes in what it found."""
    try:
        compiled = _compiled(text)
    except ValueError as err:
        raise _path_error(text, err) from err
    except RecursionError as err:
        raise PathError("nested too deep for JMESPath", 0) from err
    _check_functions(text, compiled.parsed)
    return _plan(compiled.parsed) or Compiled(text, _with_exact_literals(text, compiled))


def _compiled(text: str) -> Any:
    import warnings

    import jmespath

    with warnings.catch_warnings():
        # A literal in the old spelling is still JMESPath; its warning is about JSON that lacks quotes.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return jmespath.compile(text)


_KEPT: Final = r"""\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`((?:[^`\\]|\\.)*)`"""
"""Names in quotes, texts and literals, of which the last have a group."""


def _with_exact_literals(text: str, compiled: Any) -> Any:
    """Return what was compiled with numbers of literals that keep their digits: `jmespath` has made floats of them.

    A text stands for each literal while it is compiled again, and the literal takes its place in the syntax tree.
    """
    if re.search(r"`[^`]*[.eE]", text) is None:
        return compiled
    from jmespath.parser import ParsedResult

    values: list[Any] = []
    parts: list[str] = []
    mark, end = "\x00", 0
    while mark in text:
        mark += "\x00"
    for match in re.finditer(_KEPT, text, re.DOTALL):
        try:
            literal = (match[1] or "").replace("\\`", "`")
            value = json.loads(literal, parse_int=exact_integer, parse_float=exact_float)
        except ValueError:  # none, or the old spelling of a text
            continue
        parts += [text[end : match.start()], "`", json.dumps(f"{mark}{len(values)}"), "`"]
        values.append(value)
        end = match.end()
    marked = _compiled("".join(parts) + text[end:]).parsed
    return ParsedResult(text, _put_literals(marked, {f"{mark}{index}": value for index, value in enumerate(values)}))


def _put_literals(node: Any, values: dict[str, Any]) -> Any:
    """Return a syntax tree with values where the texts stood for them; `jmespath` keeps the other one."""
    children = [_put_literals(child, values) for child in node["children"]]
    if node["type"] == "literal" and type(node["value"]) is str:
        return node | {"value": values.get(node["value"], node["value"])}
    return node | {"children": children}


@cache
def _interpreter() -> Any:
    """Return jmespath's interpreter, which compares values by all their digits and writes them with those."""
    import jmespath
    from jmespath import functions, visitor

    class Functions(functions.Functions):  # type: ignore[misc]
        @functions.signature({"types": []})  # type: ignore[untyped-decorator]
        def _func_to_string(self, value: Any) -> str:
            return value if type(value) is str else encode_plain(value)

        @functions.signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]
        def _func_contains(self, subject: Any, search: Any) -> bool:
            if isinstance(subject, str):
                return search in subject
            return any(is_same(element, search) for element in subject)

    class Interpreter(visitor.TreeInterpreter):  # type: ignore[misc]
        COMPARATOR_FUNC = visitor.TreeInterpreter.COMPARATOR_FUNC | {
            "eq": is_same,
            "ne": lambda one, other: not is_same(one, other),
        }

    return Interpreter(jmespath.Options(custom_functions=Functions()))


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
    return None


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


def _check_functions(text: str, tree: Any) -> None:
    """Find unknown functions and wrong numbers of arguments now; `jmespath` would look record by record.

    Raises:
        PathError: a call that can never succeed.
    """
    pending = [tree]
    while pending:
        node = pending.pop()
        if not isinstance(node, dict):
            # The bounds of a slice stand among the children as numbers.
            continue
        pending.extend(reversed(node["children"]))
        if node["type"] == "function_expression":
            _check_call(text, node["value"], len(node["children"]))


def _check_call(text: str, name: str, argument_count: int) -> None:
    from jmespath.functions import Functions

    offset = max(0, text.find(name))
    function = Functions.FUNCTION_TABLE.get(name)
    if function is None:
        if name in _OF_EXPRESSIONS:
            message = f"JMESPath has no function {name}; take the value as a column, hidden = true, and write {name}"
            raise PathError(f"{message}(...) in the expr of another one", offset)
        close = near(name, Functions.FUNCTION_TABLE)
        raise PathError(f"JMESPath has no function {name}", offset, text.replace(name, close, 1) if close else None)
    least = len(function["signature"])
    is_variadic = least > 0 and function["signature"][-1].get("variadic", False)
    if argument_count < least or (argument_count > least and not is_variadic):
        wanted = f"{'at least ' * is_variadic}{least} argument{'s' * (least != 1)}"
        raise PathError(f"{name} takes {wanted}, not {argument_count}", offset)


def _path_error(text: str, err: ValueError) -> PathError:
    """Return the error of a text that `jmespath` refuses: its reason in one line, and a spelling that it would take."""
    if not text.strip():
        return PathError("an empty path", 0)
    # An incomplete expression has its length for a place, a number of too many digits has none.
    offset = min(getattr(err, "lex_position", 0), len(text))
    wrong = text[offset:].lstrip(" \t\n\r")[:1]
    if not wrong:
        message = "not JMESPath, it ends too early"
    elif getattr(err, "message", "").startswith("Unclosed"):
        message = f"not JMESPath, unclosed {wrong}"
    else:
        message = f"not JMESPath, unexpected {wrong if wrong.isprintable() else ascii(wrong)}"
    return PathError(message, offset, _suggestion(text))


def _suggestion(text: str) -> str | None:
    """Return the text with its names in quotes where they need them, if that makes it JMESPath."""
    plain = re.sub(r"^\s*\$\.(?=.)", "", text)
    plain = re.sub(r"""\[(['"])([^'"\]\\]+)\1\]""", lambda match: f".{quote(match[2])}", plain)
    for candidate in (plain, re.sub(_WORDS, _quoted_word, plain, flags=re.DOTALL)):
        if candidate != text and candidate.isprintable() and _is_path(candidate):
            return candidate
    return None


def _is_path(text: str) -> bool:
    try:
        _compiled(text)
    except (ValueError, RecursionError):
        return False
    return True


def _quoted_word(match: re.Match[str]) -> str:
    word = match["word"]
    if word is None or _is_bare(word) or re.fullmatch(r"-?[0-9]+|@", word):
        return match[0]
    return json.dumps(word, ensure_ascii=False)
