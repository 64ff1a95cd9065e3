"""`map_batch`: columns through a function of the user's, which may raise, and may give back whatever it likes.

Invariant: a row is answered by what the function made of it or fails; neither an exception nor a batch of another
shape goes further than here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.values import TypedColumn
from fastxform.datatypes import vector as columns
from fastxform.errors import ContractError
from fastxform.transform.rowset import Answers, Frame

MapBatch = Callable[[pa.RecordBatch], pa.RecordBatch]


def run(
    map_batch: MapBatch,
    frame: Frame,
    typed: dict[str, TypedColumn],
    keys: Mapping[str, Any],
    named: set[str],
    computed: set[str],
    answers: Answers,
) -> tuple[Frame, dict[str, TypedColumn], list[str]]:
    """Call the user's function with the columns; rows on which it raises fail, as do those of a wrong length.

    Args:
        map_batch: the function.
        frame: the rows; those that fail are not in the one that is returned.
        typed: the columns that it is given, by name.
        keys: what the frame knows the columns by.
        named: the columns that expressions name, which must keep their types.
        computed: the columns that expressions make, which it cannot add.
        answers: takes the failures.

    Returns:
        The rows that are left, their columns, and the names of those that the function added.
    """
    given = pa.RecordBatch.from_arrays([column.array for column in typed.values()], list(typed))
    parts: list[pa.RecordBatch] = []
    places: list[int] = []
    failed: list[int] = []
    _map_halves(map_batch, given, 0, parts, places, failed)
    answers.fail(frame, failed, "map_batch")
    if not parts:
        return _nothing(frame, given)
    try:
        mapped = _agree(parts, given.schema, named, computed)
    except ContractError:
        answers.fail(frame, range(len(frame)), "map_batch")
        return _nothing(frame, given)
    found = dict(zip(mapped.schema.names, mapped.columns, strict=True))
    frame = frame.take(places)
    for name, key in keys.items():
        if key in frame.fragments:
            frame.fragments[key] = _fragments(found[name], frame.columns[key].array, frame.fragments[key])
    columns = {name: TypedColumn(array) for name, array in found.items()}
    return frame, columns, [name for name in columns if name not in typed]


def _nothing(frame: Frame, given: pa.RecordBatch) -> tuple[Frame, dict[str, TypedColumn], list[str]]:
    empty = given.slice(0, 0)
    return frame.take([]), dict(zip(empty.schema.names, map(TypedColumn, empty.columns), strict=True)), []


def _fragments(array: pa.Array, before: pa.Array, fragments: pa.Array) -> pa.Array | None:
    """Return the JSON texts of an `auto` column: a value that was left alone keeps its own, another one is text now."""
    if array.type != before.type:
        return None
    same = kernels.call("coalesce", [kernels.call("equal", [array, before]), pa.scalar(False)])
    return kernels.call("if_else", [same, fragments, columns.json_strings(array)])


def _map_halves(
    map_batch: MapBatch,
    given: pa.RecordBatch,
    start: int,
    parts: list[pa.RecordBatch],
    places: list[int],
    failed: list[int],
) -> None:
    try:
        found = map_batch(given)
    except Exception:  # the user's code may raise anything; the rows it raises on answer for it
        if len(given) == 1:
            failed.append(start)
            return
        middle = len(given) // 2
        _map_halves(map_batch, given.slice(0, middle), start, parts, places, failed)
        _map_halves(map_batch, given.slice(middle), start + middle, parts, places, failed)
        return
    if not isinstance(found, pa.RecordBatch) or len(found) != len(given):
        failed.extend(range(start, start + len(given)))
        return
    parts.append(found)
    places.extend(range(start, start + len(given)))


def _agree(parts: Sequence[pa.RecordBatch], given: pa.Schema, named: set[str], computed: set[str]) -> pa.RecordBatch:
    """Return the parts of a mapped batch as one.

    Raises:
        ContractError: they differ in their columns, lack a column that they were given, add one that an expression
        makes, or hold a type that cannot be written.
    """
    first = parts[0].schema
    if any(part.schema != first for part in parts) or len(set(first.names)) != len(first.names):
        raise ContractError("map_batch gave batches of different columns")
    if any(first.field(name).type != given.field(name).type for name in named & set(given.names) & set(first.names)):
        raise ContractError("map_batch changed the type of a column that an expression names")
    if computed & set(first.names):
        raise ContractError("map_batch added a column that an expression computes")
    if not set(given.names) <= set(first.names) or not all(columns.is_writable(field.type) for field in first):
        raise ContractError("map_batch left out a column, or gave one of a type that cannot be written")
    arrays = [pa.concat_arrays([part.column(index) for part in parts]) for index in range(len(first))]
    return pa.RecordBatch.from_arrays(arrays, first.names)
