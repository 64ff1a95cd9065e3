"""Expressions over the rows of a set: `where`, `expr` and partition keys.

What an expression means is `query`'s. Invariant: a row on which an expression raises is named and changes
no other row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from fastxform.config.model import Column
from fastxform.core.values import Selection, TypedColumn
from fastxform.datatypes.logical import Type
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

if TYPE_CHECKING:
    from fastxform.query.compiler import Expression
    from fastxform.query.lookup_tables import LookupTable


class HasArray(Protocol):
    """A column that is an Arrow array when it is asked for."""

    @property
    def array(self) -> pa.Array:
        """The column as an array of its type."""


def compile_expression(text: str, columns: Mapping[str, Type], lookups: "Mapping[str, LookupTable]") -> "Expression":
    """Compile an expression over the columns that are named, and tables of look-ups."""
    # A configuration without expressions does not need the compiler.
    from fastxform.query import compiler

    return compiler.compile_expression(text, columns, lookups)


def in_order(expressions: "Mapping[str, Expression]") -> "list[tuple[str, Expression]]":
    """Return expressions so that each comes after those it names; the configuration has no cycles."""
    order: dict[str, Expression] = {}

    def visit(name: str) -> None:
        if name in expressions and name not in order:
            for other in sorted(expressions[name].names - {name}):
                visit(other)
            order[name] = expressions[name]

    for name in expressions:
        visit(name)
    return list(order.items())


def evaluate(
    expression: "Expression", columns: Mapping[str, HasArray], length: int, now: int
) -> tuple[pa.Array, list[int]]:
    """Evaluate an expression on columns of so many rows.

    Returns:
        The result, and the rows on which the expression raises, null in it.
    """
    arrays = {name: columns[name].array for name in expression.names}
    try:
        return expression.evaluate(arrays, length, now), []
    except pa.ArrowException:
        return expression.evaluate_rows(arrays, length, now)


def compute(
    expressions: "Sequence[tuple[Column, Expression]]",
    row_set: RowSet,
    columns: Mapping[str, OutputColumn],
    outcomes: Outcomes,
    now: int,
    needed: frozenset[str] | None = None,
) -> tuple[RowSet, dict[str, OutputColumn]]:
    """Return rows and their columns with those that expressions make of them.

    Rows on which a needed expression raises have failed, and are left out before the next one is evaluated: what
    raises costs a hundred times as much as what does not.
    """
    computed = dict(columns)
    for column, expression in expressions:
        known: dict[str, HasArray] = {name: computed[name].column for name in expression.names}
        array, raised = evaluate(expression, known, len(row_set), now)
        computed[column.name] = OutputColumn(column.name, column.type, TypedColumn(array))
        if raised and (needed is None or column.name in needed):
            outcomes.fail(row_set, raised, f"expression:{column.name}")
            left = row_set.complement(raised)
            row_set, selection = row_set.take(left), Selection(left)
            computed = {name: known_column.take(selection) for name, known_column in computed.items()}
    return row_set, computed
