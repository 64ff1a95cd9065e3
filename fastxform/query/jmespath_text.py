"""The `jmespath` package: texts to its syntax trees, its functions and ours, its errors as one line with the remedy.

What a tree means is `fastxform.query.paths`' to see. Invariant: a file whose paths are all of known shapes never
imports the package.
"""

import json
import re
from functools import cache
from typing import Any, Final

from fastxform.core.json_text import encode_plain
from fastxform.core.plain_values import exact_float, exact_integer, in_order, is_same
from fastxform.errors import FastxformError, near

_WORDS: Final = (
    r"""(?P<kept>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)|(?P<word>[^\s.\[\](){}|&,*?=<>!"'`]+)"""
)


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


def is_bare(name: str) -> bool:
    """Tell whether a name needs no quotes: ASCII letters, digits and underscores, no digit in front."""
    return name.isascii() and name.isidentifier()


def quote(name: str) -> str:
    """Return a member's name as a path spells it, in quotes where it needs them."""
    return name if is_bare(name) else json.dumps(name, ensure_ascii=False)


def parse(text: str) -> Any:
    """Return what `jmespath` makes of a text: `parsed` is its syntax tree, `search` evaluates it.

    Raises:
        PathError: it is no JMESPath, or names a function that there is not.
    """
    try:
        compiled = _compiled(text)
    except ValueError as err:
        raise _path_error(text, err) from err
    except RecursionError as err:
        raise PathError("nested too deep for JMESPath", 0) from err
    _check_functions(text, compiled.parsed)
    return compiled


def folded(name: Any) -> str | None:
    """Return the name of a header as it is compared: in small letters; None of what is no text in ASCII."""
    return name.lower() if isinstance(name, str) and name.isascii() else None


def _compiled(text: str) -> Any:
    import warnings

    import jmespath

    with warnings.catch_warnings():
        # A literal in the old spelling is still JMESPath; its warning is about JSON that lacks quotes.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return jmespath.compile(text)


_KEPT: Final = r"""\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`((?:[^`\\]|\\.)*)`"""
"""Names in quotes, texts and literals, of which the last have a group."""


def with_exact_literals(text: str, compiled: Any) -> Any:
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
def interpreter() -> Any:
    """Return jmespath's interpreter, which compares values by all their digits and writes them with those."""
    import jmespath
    from jmespath import exceptions, functions, visitor

    class Functions(functions.Functions):  # type: ignore[misc]
        @functions.signature({"types": []})  # type: ignore[untyped-decorator]
        def _func_to_string(self, value: Any) -> str:
            return value if type(value) is str else encode_plain(value)

        @functions.signature({"types": []}, {"types": ["string"]})  # type: ignore[untyped-decorator]
        def _func_header(self, headers: Any, name: str) -> Any:
            if not isinstance(headers, list) or folded(name) is None:
                return None
            objects = [element for element in headers if isinstance(element, dict)]
            values = [each.get("value") for each in objects if folded(each.get("name")) == folded(name)]
            return next((value for value in values if value is not None), None)

        @functions.signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]
        def _func_contains(self, subject: Any, search: Any) -> bool:
            if isinstance(subject, str):
                return search in subject
            return any(is_same(element, search) for element in subject)

        @functions.signature({"types": ["array-string", "array-number"]})  # type: ignore[untyped-decorator]
        def _func_sort(self, values: list[Any]) -> list[Any]:
            return in_order(values, values)

        @functions.signature({"types": ["array"]}, {"types": ["expref"]})  # type: ignore[untyped-decorator]
        def _func_sort_by(self, values: list[Any], expression: Any) -> list[Any]:
            if not values:
                return values
            kind = self._convert_to_jmespath_type(type(expression.visit(expression.expression, values[0])).__name__)
            if kind not in ("number", "string"):
                raise exceptions.JMESPathTypeError("sort_by", values[0], kind, ["string", "number"])
            key = self._create_key_func(expression, [kind], "sort_by")
            return in_order(values, list(map(key, values)))

    class Interpreter(visitor.TreeInterpreter):  # type: ignore[misc]
        COMPARATOR_FUNC = visitor.TreeInterpreter.COMPARATOR_FUNC | {
            "eq": is_same,
            "ne": lambda one, other: not is_same(one, other),
        }

    return Interpreter(jmespath.Options(custom_functions=Functions()))


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
    known = interpreter()._functions.FUNCTION_TABLE
    offset = max(0, text.find(name))
    function = known.get(name)
    if function is None:
        if name in _OF_EXPRESSIONS:
            message = f"JMESPath has no function {name}; take the value as a column, hidden = true, and write {name}"
            raise PathError(f"{message}(...) in the expr of another one", offset)
        close = near(name, known)
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
    if word is None or is_bare(word) or re.fullmatch(r"-?[0-9]+|@", word):
        return match[0]
    return json.dumps(word, ensure_ascii=False)
