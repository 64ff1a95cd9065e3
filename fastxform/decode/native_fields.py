"""Formats of fields as the native kernel splits them: values between a delimiter, pairs, and regular expressions.

What an expression is made to is `native_pattern`'s. Invariant: what is returned means what the engine's splitter of the
format does, or nothing is.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastxform.config.model import Parse
from fastxform.core.native import FieldFormat
from fastxform.decode.native_values import UnsupportedError
from fastxform.query import paths

_FIELDS_LIMIT: Final = 1_024
_GROUPS_LIMIT: Final = 64


def check_fields(path: paths.Path) -> None:
    """Raise where a path, in what fields are the members of, is about anything but one field, or the first of some.

    Raises:
        UnsupportedError: it is.
    """
    terms = path.terms if isinstance(path, paths.Either) and not path.rest else (path,)
    if not all(isinstance(term, paths.Dotted) and len(term.names) == 1 for term in terms):
        raise UnsupportedError("a path into fields")


def written_fields(parse: Parse, slots: Mapping[str, int]) -> tuple[Any, ...]:
    """Return a format as the kernel takes it.

    Args:
        parse: the text and its format.
        slots: where the fields go that are wanted, by name.

    Raises:
        UnsupportedError: the format is not the kernel's.
    """
    if parse.format == "logfmt":
        pairs = tuple((name.encode(), slot) for name, slot in slots.items())
        return FieldFormat.PAIRS, pairs, 0, (False, False, False, False), b' "', None
    if parse.format == "csv":
        names, needed, is_named = list(parse.fields), len(parse.fields), False
        delimiter, quote, has_brackets = parse.delimiter, parse.quote, False
    elif parse.format == "regex":
        return _written_pattern(parse.pattern or "", slots, has_nulls=False)
    else:
        from fastxform.decode.formats import named_format

        known = named_format(parse.format)
        if known.pattern is not None:
            return _written_pattern(known.pattern, slots, has_nulls=True)
        own = [name.replace("-", "_") for name in parse.fields]
        names, needed, is_named = own or list(known.fields), len(own) or known.needed, True
        delimiter, quote, has_brackets = known.delimiter, known.quote, known.brackets
    if not (delimiter.isascii() and quote.isascii()) or len(names) > _FIELDS_LIMIT:
        raise UnsupportedError("fields")
    last = {name: at for at, name in enumerate(names)}  # of equal names the last is read
    fields = tuple((b"", slots.get(name, -1) if last[name] == at else -1) for at, name in enumerate(names))
    flags = is_named, is_named, bool(quote), has_brackets
    return FieldFormat.SEPARATED, fields, needed, flags, (delimiter + (quote or "\r")).encode(), None


def _written_pattern(pattern: str, slots: Mapping[str, int], *, has_nulls: bool) -> tuple[Any, ...]:
    from fastxform.decode.native_pattern import compile_pattern

    if len(slots) > _GROUPS_LIMIT:
        raise UnsupportedError("too many groups")
    made = compile_pattern(pattern, list(slots))
    fields = tuple((b"", slot if name in made.groups else -1) for name, slot in slots.items())
    tables = made.class_of, made.class_count, made.transitions, made.accepting, made.mark_ends, made.marks
    return FieldFormat.PATTERN, fields, 0, (False, has_nulls, False, False), b"  ", tables
