"""Rows on their way through the stages: which of them are left, and why the others are not.

Nothing here looks at a value. Invariant: a row keeps the number that it has in its batch, whatever rows are taken out
around it; a row set never changes, and a row that failed keeps its first reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, count, filterfalse
from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct, field
from fastxform.core.values import RawColumn, Selection, TypedColumn, take_columns
from fastxform.datatypes.logical import Type

_FEW: Final = 32
"""So many rows are taken out of a list faster by themselves than by copying the others."""


class OutputColumn(Struct, frozen=True):
    """One column as it is written: `json_literals` are the JSON texts of an `auto` column that is not all text.

    The members of one that is `spread` stand in the row itself.
    """

    name: str
    type: Type
    column: TypedColumn
    json_literals: pa.Array | None = None
    spread: bool = False

    def take(self, selection: Selection) -> "OutputColumn":
        """Return some rows, in the order given."""
        literals = self.json_literals
        if literals is not None:
            literals = kernels.take(literals, selection.array)
        return OutputColumn(self.name, self.type, self.column.take(selection), literals)


class RowSet(Struct, frozen=True):
    """Some rows of a batch, with those of their columns that have a type by now.

    Attributes:
        rows: the number of each row in its batch, ascending.
        raw: the columns of the whole batch as they were decoded.
        columns: the typed columns of these rows.
        json_literals: the JSON texts of `auto` columns that are not all text.
        failures_seen: how many rows of the batch had failed when those of this set were last looked for.
        absent: the few rows of the batch that are not in this set, where it has all others.
    """

    rows: Sequence[int]
    raw: Mapping[Any, RawColumn]
    columns: Mapping[Any, TypedColumn] = field(default_factory=dict)
    json_literals: Mapping[Any, pa.Array] = field(default_factory=dict)
    failures_seen: int = 0
    absent: list[int] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def raw_columns(self, keys: Iterable[Any]) -> list[RawColumn]:
        """Return the decoded values of these rows, for each column that is named."""
        columns = [self.raw[key] for key in keys]
        if not columns or len(columns[0].values) == len(self.rows):
            return columns
        if self.absent is None:
            return [column.take(self.rows) for column in columns]
        return [column.without(self.absent) for column in columns]

    def with_columns(self, columns: Mapping[Any, TypedColumn], json_literals: Mapping[Any, pa.Array]) -> "RowSet":
        """Return the same rows with more typed columns."""
        return RowSet(
            self.rows,
            self.raw,
            {**self.columns, **columns},
            {**self.json_literals, **json_literals},
            self.failures_seen,
            self.absent,
        )

    def with_raw(self, raw: Mapping[Any, RawColumn]) -> "RowSet":
        """Return the same rows of a batch of which more was decoded."""
        return RowSet(self.rows, raw, self.columns, self.json_literals, self.failures_seen, self.absent)

    def take(self, indices: Sequence[int]) -> "RowSet":
        """Return some of the rows, by where they stand in this set; all of them are this set, which never changes."""
        if len(indices) == len(self.rows):
            return self
        columns, json_literals = self.columns, self.json_literals
        if columns or json_literals:
            selection = Selection(indices)
            columns = take_columns(columns, selection)
            if json_literals:
                json_literals = {key: kernels.take(array, selection.array) for key, array in json_literals.items()}
        is_whole = isinstance(self.rows, range)  # from 0, so that an index is a row
        rows = indices if is_whole else list(map(self.rows.__getitem__, indices))
        return RowSet(rows, self.raw, columns, json_literals, self.failures_seen)

    def complement(self, indices: Iterable[int]) -> list[int]:
        """Return where the rows stand that are not among those given."""
        return list(filterfalse(set(indices).__contains__, range(len(self.rows))))


class Outcomes(Struct):
    """Why rows of a batch failed, as it becomes known.

    Attributes:
        reasons: the reason of each row that failed.
        where_null: how many rows were dropped since `where` was null.
        values_nulled: how many values were made null since they did not fit.
        values_rounded: how many values of float64 columns had more digits than a double keeps.
    """

    reasons: dict[int, str]
    where_null: int = 0
    values_nulled: int = 0
    values_rounded: int = 0

    def fail(self, row_set: RowSet, indices: Iterable[int], reason: str) -> None:
        """Give rows of a set a reason, unless they have one."""
        for index in indices:
            self.reasons.setdefault(row_set.rows[index], reason)

    def surviving(self, row_set: RowSet) -> RowSet:
        """Return the rows of a set that have not failed."""
        failures = len(self.reasons)
        if failures == row_set.failures_seen:
            return row_set
        absent = None
        if isinstance(row_set.rows, range) and failures <= min(_FEW, len(row_set) // _FEW):
            absent = sorted(self.reasons)
            left = list(row_set.rows)
            for row in reversed(absent):
                del left[row]
        else:
            failed = list(compress(count(), map(self.reasons.__contains__, row_set.rows)))
            left = row_set.complement(failed) if failed else row_set.rows  # type: ignore[assignment]
        taken = row_set.take(left)
        absent = taken.absent if absent is None else absent
        return RowSet(taken.rows, taken.raw, taken.columns, taken.json_literals, failures, absent)
