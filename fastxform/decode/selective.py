"""A transform that keeps few of its records reads them twice: what its condition names, then the rest of those it kept.

Which records are kept is the condition's to say, and how a record is read `source`'s. Invariant: a batch that is read
so has the rows, values and failures of one that is read at once.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from fastxform.config.model import Column, Spec
from fastxform.core.payloads import Payloads
from fastxform.core.values import RawColumn, taken
from fastxform.decode.source import Rows, Source
from fastxform.limits import PART_UNPACKED_LIMIT_BYTES

_SELECTIVE: Final = 0.5
"""It is worth it where the condition kept less than this of the batch before."""

_FEW_RECORDS: Final = 64


class SelectiveSource:
    """Reads the columns that a condition names, and then the others for the rows that it kept."""

    def __init__(self, whole: Source, columns: Mapping[Any, Column], named: Collection[Any]) -> None:
        """Take what reads all columns of a transform at once, and the keys of those that its condition names."""
        self._whole, self._columns, self._named = whole, columns, named
        self._kept_share = 1.0

    @cached_property
    def _sources(self) -> tuple[Source, Source]:
        """What reads the columns that the condition names, and the others; most transforms never need them."""
        spec = self._whole.spec
        first = Source(spec, {key: self._columns[key] for key in self._columns if key in self._named}, False)
        others = {key: column for key, column in self._columns.items() if key not in self._named}
        rest = Source(spec, others, self._whole.with_event_name)
        # Whether a payload is a record does not depend on which of its columns are read.
        first.projector.bounds_values = rest.projector.bounds_values = self._whole.projector.bounds_values
        return first, rest

    def note(self, kept_count: int, row_count: int) -> None:
        """Take how many rows of a batch the condition kept."""
        self._kept_share = kept_count / row_count if row_count else 1.0

    def read(self, payloads: Sequence[bytes | None], meta: Mapping[str, Sequence[Any]]) -> Rows | None:
        """Return the rows of a batch with the columns that the condition names; None where that is not worth it."""
        if self._kept_share >= _SELECTIVE or len(payloads) < _FEW_RECORDS:
            return None
        rows = self._sources[0].read(payloads, meta)
        # Of so much the rest might be read in parts.
        return rows if rows.unpacked_bytes < PART_UNPACKED_LIMIT_BYTES else None

    def read_rest(
        self, payloads: Sequence[bytes | None], meta: Mapping[str, Sequence[Any]], rows: Sequence[int]
    ) -> dict[Any, RawColumn]:
        """Return the other columns of a batch, with values in the rows that are given."""
        if isinstance(payloads, Payloads):
            some: Sequence[bytes | None] = Payloads(taken(payloads.texts, rows))
        else:
            some = taken(payloads, rows)
        read = self._sources[1].read(some, {name: taken(values, rows) for name, values in meta.items()})
        assert read.records == len(rows), "rows of the batch are missing"
        return {key: _spread(column, rows, len(payloads)) for key, column in read.values.items()}


def _spread(column: RawColumn, rows: Sequence[int], count: int) -> RawColumn:
    """Return a column of some rows as one of the whole batch."""
    values: list[Any] = [None] * count
    for row, value in zip(rows, column.values, strict=True):
        values[row] = value
    return RawColumn(column.kind, values, {rows[at]: outcome for at, outcome in column.fallback.items()})


def selective_source(
    spec: Spec, source: Source, columns: Mapping[Any, Column], names: Collection[str] | None
) -> SelectiveSource | None:
    """Return what reads a transform so, None where it cannot be.

    Args:
        spec: the transform; each of its records has to be one row.
        source: what reads all of its columns at once.
        columns: the columns that are read, each under its key.
        names: those that its condition names; None where it has none.
    """
    if names is None or spec.source not in ("json", "dynamodb") or spec.documents != "one" or source.layers is not None:
        return None
    named = frozenset(name for name in names if name in columns)
    return SelectiveSource(source, columns, named) if 0 < len(named) < len(columns) else None
