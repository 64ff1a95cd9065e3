"""`lookup('table', key, 'column')`: the call, held against the tables that the configuration has.

The tables are `fastxform.query.lookup_tables`'s. Invariant: a call that compiles finds its table and its column.
"""

import ast
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from fastxform.core.kernels import cast
from fastxform.errors import near, nearest
from fastxform.query.calls import Given
from fastxform.query.lookup_tables import LookupTable
from fastxform.query.terms import STRING, TEXTS, Datum, Term, derived, describe, mismatch, shorten
from fastxform.query.terms import ExpressionError as Error

NAME = "lookup"
SIGNATURE = "lookup(table, key, column)"


def calls_in(text: str) -> list[tuple[str, str | None]]:
    """Return the table and the column of each call in a text; no column where the call names none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="lookup"), args=[ast.Constant(value=str(name)), *rest]):
                written = [argument.value for argument in rest[1:] if isinstance(argument, ast.Constant)]
                written += [given.value.value for given in node.keywords if isinstance(given.value, ast.Constant)]
                found.append((name, next((value for value in written if isinstance(value, str)), None)))
    return found


def lookup(tables: Mapping[str, LookupTable], terms: Sequence[Term], given: Sequence[Given], offset: int) -> Term:
    """Return the term of a call.

    Raises:
        ExpressionError: there is no such table or column, or the key is no text and no int64.
    """
    column: tuple[Any, int] | None = None
    for option in given:
        if option.name != "column" or len(terms) > 2:
            raise Error(f"{NAME} takes its arguments in their order, {SIGNATURE}", option.offset)
        column = option.value, option.offset
    if not 2 <= len(terms) <= 3:
        raise Error(f"{SIGNATURE} takes 2 or 3 arguments, not {len(terms)}", offset)
    table = _table(tables, terms[0])
    key = terms[1]
    if len(terms) == 3:
        column = None if terms[2].constant is None else terms[2].constant.value, terms[2].offset
    name = _column(table, column, offset)
    if key.kind not in TEXTS | {"int64"}:
        raise mismatch(key, f"{NAME} takes text or int64 for a key, not {describe(key)}", "string")

    def run(value: Datum) -> Datum:
        text = value if value.type == pa.string() else cast(value, pa.string())
        if isinstance(text, pa.Scalar):
            return table.find(pa.array([text.as_py()], pa.string()), name)[0]
        return table.find(text, name)

    return derived(STRING, offset, [key], run)


def _table(tables: Mapping[str, LookupTable], term: Term) -> LookupTable:
    name = term.constant.value if term.constant else None
    if not isinstance(name, str):
        raise Error(f"{NAME} takes the name of a table first, in quotes", term.offset)
    if name in tables:
        return tables[name]
    if not tables:
        raise Error(f'there is no [lookups.{name}]; write it with file = "..." and key, or values', term.offset)
    raise Error(f"there is no [lookups.{name}]; {nearest(name, tables)}", term.offset)


def _column(table: LookupTable, written: tuple[Any, int] | None, offset: int) -> str:
    if written is None:
        if table.only is not None:
            return table.only
        raise Error(f"{NAME} needs the column of {table.name}, one of {', '.join(table.columns)}", offset)
    name, place = written
    if not isinstance(name, str):
        raise Error(f"{NAME} takes the name of a column of {table.name}, in quotes", place)
    if name not in table.columns:
        close = near(name, table.columns)
        remedy = f"did you mean {close}?" if close else f"it has {', '.join(table.columns)}"
        raise Error(f"{table.name} has no column {shorten(name)}; {remedy}", place)
    return name
