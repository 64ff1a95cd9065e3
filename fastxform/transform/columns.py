"""The columns of a row set from decoded values to their types, all of them in one loop.

How a column is converted is `datatypes`'. Invariant: a value that does not fit fails its row, with the reason of the
first column that it does not fit, and is null; or is null and counted, where its column says so. No other row is
changed.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from fastxform.config.model import Column
from fastxform.core import kernels
from fastxform.core.json_text import to_json
from fastxform.core.values import BAD_PATH, RawColumn, TypedColumn
from fastxform.datatypes import scalar, vector
from fastxform.datatypes import text as as_text
from fastxform.transform.objects import objects_of
from fastxform.transform.rowset import Outcomes, RowSet

if TYPE_CHECKING:
    from fastxform.datatypes.time_format import TimeFormat


def type_columns(
    row_set: RowSet,
    columns: Sequence[tuple[Any, Column]],
    outcomes: Outcomes,
    with_json: bool,
    needed: frozenset[str] | None = None,
) -> RowSet:
    """Convert columns that have no type yet and check them: path, type, pattern, default, required.

    Args:
        row_set: the rows; those that fail stay in the one that is returned, as nulls.
        columns: what the row set knows each column by, and the column.
        outcomes: takes the failures.
        with_json: whether the JSON texts of `auto` columns are needed.
        needed: the columns whose values have to fit and not to be null, as the keys of a delete; of the others, what
            does not fit is null. By default all have to fit.
    """
    untyped = [(key, column) for key, column in columns if key not in row_set.columns]
    if not untyped:
        return row_set
    raw_columns = row_set.raw_columns([key for key, _ in untyped])
    raw_columns = [
        vector.null_texts(raw, frozenset(column.nulls)) if column.nulls else raw
        for (_, column), raw in zip(untyped, raw_columns, strict=True)
    ]
    raw_columns = [
        objects_of(raw, column.rest) if column.spread or column.rest is not None else raw
        for (_, column), raw in zip(untyped, raw_columns, strict=True)
    ]
    converted = [
        vector.convert(column.type, raw, None if column.format is None else time_format(column.format))
        for (_, column), raw in zip(untyped, raw_columns, strict=True)
    ]
    typed: dict[Any, TypedColumn] = {}
    json_literals: dict[Any, pa.Array] = {}
    for (key, column), raw, result_of in zip(untyped, raw_columns, converted, strict=True):
        result, invalid = result_of.column, result_of.invalid
        if column.type.kind == "float64":
            outcomes.values_rounded += vector.rounded_count(raw)
        is_needed = needed is None or column.name in needed
        for index, outcome in raw.fallback.items():
            if outcome is BAD_PATH and is_needed:
                outcomes.fail(row_set, [index], f"path:{column.name}")
        unmatched: list[int] = []
        if column.pattern is not None:
            text = as_text.pattern_text(column.type, raw, result.array)
            matches = kernels.matches(text, rf"\A(?:{column.pattern})\z")
            unmatched = kernels.false_rows(matches)
        if not is_needed:
            result = _nulled(result, unmatched)
            raw = raw if not unmatched else _raw_nulled(raw, unmatched)
        elif column.invalid == "null":
            bad_paths = {index for index, outcome in raw.fallback.items() if outcome is BAD_PATH}
            outcomes.values_nulled += len({*invalid, *unmatched} - bad_paths)
            result = _nulled(result, unmatched)
            raw = raw if not unmatched else _raw_nulled(raw, unmatched)
        else:
            outcomes.fail(row_set, invalid, f"type:{column.name}")
            outcomes.fail(row_set, unmatched, f"pattern:{column.name}")
        filled = result
        if column.default is not None:
            filled = fill(result, column) if result.has_nulls else result
        elif is_needed and (column.required or needed is not None):
            outcomes.fail(row_set, result.null_rows(), f"required:{column.name}")
        typed[key] = filled
        is_text = filled.values is not None and not raw.fallback and column.default is None
        if with_json and column.type.kind == "auto" and not is_text:
            literals = as_text.json_literals(raw, result.array)
            json_literals[key] = literals if column.default is None else _fill_literals(literals, column)
    return row_set.with_columns(typed, json_literals)


@cache
def time_format(text: str) -> "TimeFormat":
    """Return a format, read when the first column has it."""
    from fastxform.datatypes.time_format import compile_format

    return compile_format(text)


def _nulled(typed: TypedColumn, rows: list[int]) -> TypedColumn:
    """Return a column with some rows null."""
    if not rows:
        return typed
    if typed.values is not None:
        values = typed.values.copy()
        for row in rows:
            values[row] = None
        return TypedColumn(pa.array(values, typed.array.type), values)
    return TypedColumn(vector.replace(typed.array, rows, [None] * len(rows)))


def _raw_nulled(raw: RawColumn, rows: list[int]) -> RawColumn:
    values = raw.values.copy()
    for row in rows:
        values[row] = None
    gone = set(rows)
    return RawColumn(raw.kind, values, {row: outcome for row, outcome in raw.fallback.items() if row not in gone})


def fill(typed: TypedColumn, column: Column) -> TypedColumn:
    """Return a column with its default instead of nulls."""
    value = scalar.fit(column.type, to_json(column.default) if column.type.kind == "json" else column.default)
    if typed.values is not None and type(value) is str:
        return TypedColumn(values=[value if known is None else known for known in typed.values])
    array, storage = typed.array, vector.STORAGE.get(column.type.kind)
    if storage is None:
        return TypedColumn(kernels.call("coalesce", [array, pa.scalar(value, array.type)]))
    filled = kernels.call("coalesce", [array.view(storage), pa.scalar(value, storage)])
    return TypedColumn(filled.view(array.type))


def _fill_literals(literals: pa.Array, column: Column) -> pa.Array:
    return kernels.call("coalesce", [literals, pa.scalar(as_text.json_literal(column.default), pa.string())])
