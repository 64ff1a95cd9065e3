"""Columns out of texts that were separated into fields: a list of values a field, all rows at a time.

A path that names one field is that field's list; any other is evaluated on the fields of a row as a JSON document.
Invariant: both give the same values.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from fastxform.core.json_text import to_json
from fastxform.core.values import RawColumn
from fastxform.decode.fields import FieldRequest
from fastxform.decode.projection import Projector
from fastxform.query import paths


class TextProjector:
    """Reads columns out of fields; `root`: the name that paths know all fields of a row by."""

    def __init__(self, requests: Sequence[FieldRequest], root: str | None = None) -> None:
        self.root = root
        self.direct: list[tuple[FieldRequest, str]] = []
        others = []
        for request in requests:
            match request.path:
                case paths.Dotted(names=(name,)) if root is None:
                    self.direct.append((request, name))
                case paths.Dotted(names=(_, name)) if root is not None:
                    self.direct.append((request, name))
                case _:
                    others.append(request)
        self.projector = Projector(others) if others else None

    def project(self, fields: Mapping[str, list[Any]], count: int, nulls: Collection[int] = ()) -> dict[Any, RawColumn]:
        """Return the columns of some rows.

        Args:
            fields: a text or None for each row, by field.
            count: how many rows there are.
            nulls: rows that have no fields, which under a root makes them null.
        """
        columns = {}
        for request, name in self.direct:
            values = fields.get(name) or [None] * count
            columns[request.name] = _column(request, "str", values)
        if self.projector is not None:
            rows = [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]
            columns |= self._others(rows or [{}] * count, nulls)
        return columns

    def project_pairs(self, rows: Sequence[Mapping[str, Any]], nulls: Collection[int]) -> dict[Any, RawColumn]:
        """Return the columns of rows whose fields, texts and True, differ."""
        columns = {
            request.name: _column(request, "mixed", [row.get(name) for row in rows]) for request, name in self.direct
        }
        return columns if self.projector is None else columns | self._others(rows, nulls)

    def _others(self, rows: Sequence[Mapping[str, Any]], nulls: Collection[int]) -> dict[Any, RawColumn]:
        assert self.projector is not None
        documents: Sequence[Any] = rows
        if self.root is not None:
            documents = [{self.root: None if index in nulls else row} for index, row in enumerate(rows)]
        return self.projector.project(list(map(msgspec.json.encode, documents))).columns


def _column(request: FieldRequest, kind: str, values: list[Any]) -> RawColumn:
    if request.kind == "json":
        return RawColumn("mixed", [to_json(value) for value in values])
    return RawColumn(kind, values)
