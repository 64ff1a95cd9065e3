"""`map_batch`: columns through a function of the user's, which may raise, and may give back whatever it likes.

Invariant: a row is answered by what the function made of it or fails; neither an exception nor a batch of another
shape goes further than here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pyarrow as pa

from fastxform.config.model import Spec
from fastxform.core import json_text, kernels
from fastxform.core.values import TypedColumn
from fastxform.datatypes import text as as_text
from fastxform.datatypes import vector
from fastxform.datatypes.logical import END_SECONDS, MIN_SECONDS, PER_SECOND
from fastxform.errors import ConfigError, ContractError, Mistake, nearest
from fastxform.transform import code_modules
from fastxform.transform.own_code import OwnCodeFaults
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet

MapBatch = Callable[[pa.RecordBatch], pa.RecordBatch]


def load(spec: Spec) -> MapBatch | None:
    """Return the function that a configuration names, of a module beside its file; None where it names none.

    Raises:
        ConfigError: the module raises, or has no such function.
    """
    if spec.map_batch is None:
        return None
    module_name, _, name = spec.map_batch.partition(":")
    file = f"{module_name.replace('.', '/')}.py"
    try:
        module = code_modules.load(spec.directory, module_name)
    except SyntaxError as error:
        place = _beside(error.filename, spec, file)
        raise _mistake(f"{place} is not Python: {error.msg} in line {error.lineno}") from error
    except (Exception, SystemExit) as error:
        raise _mistake(_raised(error, spec, file)) from error
    function = getattr(module, name, None)
    if function is not None and not callable(function):
        raise _mistake(f"{name} in {file} is {type(function).__name__}, which cannot be called")
    if function is None:
        known = [known for known, value in vars(module).items() if callable(value) and not known.startswith("_")]
        raise _mistake(f"{file} has no function {name}; {nearest(name, known)}")
    code_modules.bind(function, spec.directory, module_name)
    return cast(MapBatch, function)


def _beside(name: str | None, spec: Spec, file: str) -> str:
    """Return the name of a file relative to the configuration; of one that lies elsewhere the module's own."""
    import os

    relative = os.path.relpath(name, os.path.realpath(spec.directory)) if name else ".."
    return file if relative.startswith("..") else relative


def _raised(error: BaseException, spec: Spec, file: str) -> str:
    """Return what importing the module raised, by the innermost line of a file beside the configuration."""
    import os
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    home = os.path.realpath(spec.directory)
    own = [frame for frame in frames if os.path.realpath(frame.filename).startswith(f"{home}{os.sep}")]
    frame = (own or frames)[-1]
    place = _beside(frame.filename, spec, file)
    missing = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = f"; there is no module {error.name} beside the configuration or installed"
    return f"{place} raises {type(error).__name__} when it is imported, in line {frame.lineno}{missing}"


def _mistake(message: str) -> ConfigError:
    return ConfigError((Mistake("map_batch", message),))


def apply(
    map_batch: MapBatch,
    plan: RoutePlan,
    row_set: RowSet,
    columns: Mapping[str, OutputColumn],
    outcomes: Outcomes,
    faults: OwnCodeFaults,
) -> tuple[RowSet, dict[str, OutputColumn]]:
    """Call the user's function with the columns; rows on which it raises fail, as do those of a wrong length.

    Args:
        map_batch: the function.
        plan: names the columns that expressions need, which must keep their types, and those that expressions make.
        row_set: the rows; those that fail are not in the one that is returned.
        columns: the columns that the function is given.
        outcomes: takes the failures.
        faults: says what the function raised, or what is wrong with what it returned.

    Returns:
        The rows that are left and their columns; those that the function added stand last.
    """
    code_modules.activate(map_batch)
    given = pa.RecordBatch.from_arrays([column.column.array for column in columns.values()], list(columns))
    parts: list[pa.RecordBatch] = []
    rows: list[int] = []
    failed: list[int] = []
    _bisect(map_batch, given, 0, parts, rows, failed, faults)
    outcomes.fail(row_set, failed, "map_batch")
    if not parts:
        return _nothing(row_set, columns, given)
    try:
        mapped = _joined(parts, given.schema, plan.named, {column.name for column, _ in plan.expressions})
        rows, mapped = _writable(rows, mapped, given, columns, row_set, outcomes, faults)
    except ContractError as error:
        faults.say(str(error))
        outcomes.fail(row_set, range(len(row_set)), "map_batch")
        return _nothing(row_set, columns, given)
    selection = None if len(rows) == len(row_set) else pa.array(rows, pa.int64())
    results: dict[str, OutputColumn] = {}
    for name, array in zip(mapped.schema.names, mapped.columns, strict=True):
        before = columns.get(name)
        if before is None:
            results[name] = OutputColumn(name, vector.type_of(array), TypedColumn(array))
            continue
        literals = before.json_literals
        if literals is not None:
            literals = _json_literals(array, before.column.array, literals, selection)
        is_json_no_more = before.type.kind == "json" and not pa.types.is_string(array.type)
        kind = vector.type_of(array) if is_json_no_more else before.type
        results[name] = OutputColumn(name, kind, TypedColumn(array), literals, before.spread)
    return row_set.take(rows), results


def _writable(
    rows: list[int],
    mapped: pa.RecordBatch,
    given: pa.RecordBatch,
    columns: Mapping[str, OutputColumn],
    row_set: RowSet,
    outcomes: Outcomes,
    faults: OwnCodeFaults,
) -> tuple[list[int], pa.RecordBatch]:
    """Take out the rows that hold what nothing can be written of, which fail: text that is none, years past 9999."""
    invalid: set[int] = set()
    for name, array in zip(mapped.schema.names, mapped.columns, strict=True):
        before = columns.get(name)
        if before is None or len(given) != len(array) or not array.equals(given.column(name)):
            found = _invalid_rows(array, before is not None and before.type.kind == "json")
            if found:
                faults.say(
                    f"gave the column {name} a value that cannot be written: no text, no JSON, or a year past 9999"
                )
            invalid.update(found)
    if not invalid:
        return rows, mapped
    outcomes.fail(row_set, [rows[index] for index in sorted(invalid)], "map_batch")
    kept = [index for index in range(len(rows)) if index not in invalid]
    return [rows[index] for index in kept], kernels.take(mapped, pa.array(kept, pa.int64()))


def _invalid_rows(array: pa.Array, is_json: bool) -> list[int]:
    """Return the rows that hold no Unicode text, no JSON where that is wanted, or a time out of the years 1 to 9999.

    Raises:
        ContractError: the column is not as Arrow's are.
    """
    try:
        array.validate()
        if not pa.types.is_string(array.type):
            return _rows_out_of_time(array)
        array.validate(full=not is_json)
        if not is_json:
            return []
    except pa.ArrowInvalid as error:
        if not pa.types.is_string(array.type) or "UTF8" not in str(error):
            raise ContractError("gave a column that Arrow finds invalid") from None
    texts = kernels.cast(array, pa.binary()).to_pylist()
    return [row for row, text in enumerate(texts) if text is not None and not _is_text(text, is_json)]


def _is_text(text: bytes, is_json: bool) -> bool:
    if is_json:
        return json_text.is_json(text)
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _rows_out_of_time(array: pa.Array) -> list[int]:
    is_date = pa.types.is_date32(array.type)
    if not is_date and not pa.types.is_timestamp(array.type):
        return []
    ticks = array.view(pa.int32() if is_date else pa.int64())
    low, high = kernels.min_max(ticks)
    unit_seconds = 86_400 if is_date else 1 / PER_SECOND[array.type.unit]
    if low is None or (low * unit_seconds >= MIN_SECONDS and high * unit_seconds < END_SECONDS):
        return []
    return [
        row
        for row, value in enumerate(ticks.to_pylist())
        if value is not None and not MIN_SECONDS <= value * unit_seconds < END_SECONDS
    ]


def _nothing(
    row_set: RowSet, columns: Mapping[str, OutputColumn], given: pa.RecordBatch
) -> tuple[RowSet, dict[str, OutputColumn]]:
    empty = {
        name: OutputColumn(name, columns[name].type, TypedColumn(array.slice(0, 0)))
        for name, array in zip(given.schema.names, given.columns, strict=True)
    }
    return row_set.take([]), empty


def _json_literals(
    array: pa.Array, before: pa.Array, literals: pa.Array, selection: pa.Array | None
) -> pa.Array | None:
    """Return the JSON texts of an `auto` column: a value that is unchanged keeps its own, another one is text now."""
    if array.type != before.type:
        return None
    if selection is not None:
        before, literals = kernels.take(before, selection), kernels.take(literals, selection)
    same = kernels.call("coalesce", [kernels.call("equal", [array, before]), pa.scalar(False, pa.bool_())])
    return kernels.call("if_else", [same, literals, as_text.json_strings(array)])


def _bisect(
    map_batch: MapBatch,
    given: pa.RecordBatch,
    start: int,
    parts: list[pa.RecordBatch],
    rows: list[int],
    failed: list[int],
    faults: OwnCodeFaults,
) -> None:
    has_raised = False
    mapped: object = None
    try:
        mapped = map_batch(given)
    except (Exception, SystemExit) as error:  # the user's code may raise anything; the rows it raises on answer for it
        has_raised = True
        faults.raised(error, map_batch)
    # Outside of the handler, so that the next exception does not have this one as its context.
    if has_raised and len(given) == 1:
        failed.append(start)
        return
    if has_raised:
        middle = len(given) // 2
        _bisect(map_batch, given.slice(0, middle), start, parts, rows, failed, faults)
        _bisect(map_batch, given.slice(middle), start + middle, parts, rows, failed, faults)
        return
    if not isinstance(mapped, pa.RecordBatch):
        faults.say(f"returned {_kind_of(mapped)}, not a pyarrow.RecordBatch")
    elif len(mapped) != len(given):
        faults.say(f"returned {'fewer' if len(mapped) < len(given) else 'more'} rows than it was given")
    if not isinstance(mapped, pa.RecordBatch) or len(mapped) != len(given):
        failed.extend(range(start, start + len(given)))
        return
    parts.append(mapped)
    rows.extend(range(start, start + len(given)))


def _kind_of(value: object) -> str:
    if isinstance(value, pa.Table):
        return "a pyarrow.Table, whose .combine_chunks().to_batches() holds one"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _joined(parts: Sequence[pa.RecordBatch], given: pa.Schema, named: set[str], computed: set[str]) -> pa.RecordBatch:
    """Return the parts of a mapped batch as one.

    Raises:
        ContractError: they differ in their columns, lack a column that they were given, add one that an expression
        makes, or hold a type that cannot be written.
    """
    first = parts[0].schema
    twice = sorted({name for name in first.names if first.names.count(name) > 1})
    if twice:
        raise ContractError(f"returned the column {twice[0]} twice")
    if any(part.schema != first for part in parts):
        raise ContractError("returned other columns for one part of a batch than for another")
    missing = [name for name in given.names if name not in first.names]
    if missing:
        raise ContractError(f"left out the column {missing[0]}")
    added = [name for name in first.names if name in computed]
    if added:
        raise ContractError(f"added the column {added[0]}, which an expression computes")
    for name in sorted(named & set(given.names)):
        before, after = given.field(name).type, first.field(name).type
        if before != after:
            raise ContractError(f"changed the type of {name}, which an expression names, from {before} to {after}")
    for field in first:
        if not vector.is_writable(field.type):
            raise ContractError(f"gave the column {field.name} the type {field.type}, which cannot be written")
    arrays = [pa.concat_arrays([part.column(index) for part in parts]) for index in range(len(first))]
    return pa.RecordBatch.from_arrays(arrays, first.names)
