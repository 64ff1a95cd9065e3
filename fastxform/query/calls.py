"""What was written between the parentheses of a call, held against what the function takes.

Which functions there are is in `fastxform.query.functions`. Invariant: a `Call` has as many arguments as its
function takes, and a value for each of its options, of the right type and within its bounds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import pyarrow as pa

from fastxform.core.kernels import call, options
from fastxform.core.structs import Struct, field
from fastxform.errors import near
from fastxform.query.terms import ExpressionError as Error
from fastxform.query.terms import Term, shorten

Literal: TypeAlias = bool | int | float | str | None
Check: TypeAlias = Callable[[Any], str | None]
"""Says what is wrong with a value of the right type, None where nothing is."""

_KINDS: Final[dict[type[object], str]] = {str: "text", int: "an integer", bool: "True or False"}


class Option(Struct, frozen=True):
    """An option of a function; where the default is None, None can be written too.

    Those that are `required` or `positional` may stand after the arguments without their names.
    """

    type: type[str] | type[int] | type[bool]
    default: Literal = None
    required: bool = False
    positional: bool = False
    check: Check = lambda value: None


class Given(Struct, frozen=True):
    """An option as it was written: its name, its value, and its place."""

    name: str
    value: Any
    offset: int


class Call(Struct, frozen=True):
    """A call that fits its function."""

    name: str
    terms: Sequence[Term]
    options: Mapping[str, Any]
    offset: int


class Function(Struct, frozen=True):
    """A function: how a call of it becomes a term, the numbers of its arguments (`most` None: any), and its options.

    `secret` is the option that names a variable of the environment, which has to be there when a pipeline is built.
    """

    build: Callable[[Call], Term]
    least: int = 1
    most: int | None = 1
    options: Mapping[str, Option] = field(default_factory=dict)
    secret: str | None = None


def fit(name: str, function: Function, terms: Sequence[Term], given: Sequence[Given], offset: int) -> Call:
    """Return the call, its options filled in.

    Raises:
        ExpressionError: the function does not take these arguments or options.
    """
    most = len(terms) if function.most is None else function.most
    # An option that must be given may stand after the arguments without its name, as in pyarrow.
    unnamed = [key for key, rule in function.options.items() if rule.required or rule.positional][: len(terms) - most]
    placed = [
        Given(key, _literal(name, key, term), term.offset) for key, term in zip(unnamed, terms[most:], strict=False)
    ]
    if not function.least <= len(terms) - len(placed) <= most:
        number = "at least " * (function.most != function.least) + str(function.least)
        keywords = f" (its options are keywords: {_keywords(function)})" if function.options else ""
        raise Error(f"{name} takes {number} argument{'s' * (function.least != 1)}, not {len(terms)}{keywords}", offset)
    return Call(name, terms[: len(terms) - len(placed)], _values(name, function, [*placed, *given], offset), offset)


def _literal(name: str, key: str, term: Term) -> Any:
    if term.constant is None:
        raise Error(f"{name}: {key} must be a literal", term.offset)
    return term.constant.value


def _keywords(function: Function) -> str:
    return ", ".join(f"{key}=" for key in function.options)


def _values(name: str, function: Function, given: Sequence[Given], offset: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for option in given:
        rule = function.options.get(option.name)
        if rule is None:
            close = near(option.name, function.options)
            remedy = f"did you mean {close}?" if close else f"it takes {_keywords(function) or 'none'}"
            raise Error(f"{name} has no option {shorten(option.name)}; {remedy}", option.offset)
        if option.name in values:
            raise Error(f"{name}: {option.name} is given twice", option.offset)
        values[option.name] = _checked(name, option, rule)
    for key, rule in function.options.items():
        if rule.required and key not in values:
            raise Error(f"{name} needs {key}=", offset)
        values.setdefault(key, rule.default)
    return values


def _checked(name: str, option: Given, rule: Option) -> Any:
    if option.value is None and rule.default is None and not rule.required:
        return None
    if type(option.value) is not rule.type:
        message = f"{name}: {option.name} must be {_KINDS[rule.type]}, not {shorten(option.value)}"
        raise Error(message, option.offset)
    wrong = rule.check(option.value)
    if wrong:
        raise Error(f"{name}: {option.name} {wrong}", option.offset)
    return option.value


def within(low: int, high: int) -> Check:
    """Check a number against its bounds."""
    return lambda value: None if low <= value <= high else f"must be from {low} to {high}"


def one_of(*words: str) -> Check:
    """Check that a text is one of the words."""
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def not_empty(value: str) -> str | None:
    """Check that a text is not empty: Arrow would replace an empty one forever."""
    return None if value else "must not be empty"


def one_character(value: str) -> str | None:
    """Check that a text is one character."""
    return None if len(value) == 1 else "must be one character"


def regex(value: str) -> str | None:
    """Check that a text is an RE2 pattern; Arrow compiles it for a row alone, so there is one."""
    try:
        call("match_substring_regex", [pa.array([""])], options.MatchSubstringOptions(value))
    except pa.ArrowInvalid as error:
        return f"is no RE2 pattern: {str(error).removeprefix('Invalid regular expression: ')}"
    return None
