"""The rows of a batch as they are written, route by route, and what is known of each when its record is put together.

How a row is written is the business of `csv_rows` and `json_rows`. Invariant: a row is written by one route, and what
is written of it stands under its own number.
"""

from collections.abc import Sequence
from typing import Any

from fastxform.config.model import Output, Spec
from fastxform.core.structs import Struct
from fastxform.encode import csv_rows, json_rows
from fastxform.transform.route import RoutePlan
from fastxform.transform.rowset import Outcomes, OutputColumn, RowSet


class WrittenRows(Struct):
    """What is written of the rows of a batch so far.

    Attributes:
        data: each row with its newline; None where it is dropped or failed.
        sizes: how many rows each record has, where that may be another number than one.
        routes: the route that wrote a row, where the rows of one record may be written by several.
        metadata: of each row, where some have any.
        together: the rows of each record one after the other, where one route wrote all rows of the batch and none has
            metadata; those of failed records do not count.
    """

    data: list[bytes | None]
    sizes: Sequence[int] | None = None
    routes: list[int | None] | None = None
    metadata: list[dict[str, Any] | None] | None = None
    together: list[bytes | None] | None = None

    def add(self, row_set: RowSet, written: Sequence[bytes | None]) -> None:
        """Take the written rows of a set."""
        if len(row_set.rows) == len(self.data):
            self.data = list(written)
            return
        for row, data in zip(row_set.rows, written, strict=True):
            self.data[row] = data

    def add_metadata(self, row_set: RowSet, metadata: Sequence[dict[str, Any] | None]) -> None:
        """Take the metadata of the rows of a set."""
        if self.metadata is None:
            self.metadata = [None] * len(self.data)
        for row, value in zip(row_set.rows, metadata, strict=True):
            self.metadata[row] = value

    def add_route(self, row_set: RowSet, index: int | None) -> None:
        """Note which route the rows of a set belong to."""
        assert self.routes is not None
        for row in row_set.rows:
            self.routes[row] = index


class RowEncoder:
    """Writes the columns of each route's rows as the configuration has them written: bytes, for `Pipeline.run`."""

    def __init__(self, spec: Spec) -> None:
        self._output: Output = spec.output

    def write(
        self,
        plan: RoutePlan,
        row_set: RowSet,
        columns: Sequence[OutputColumn],
        written: WrittenRows,
        outcomes: Outcomes,
    ) -> None:
        """Write the rows of a route; those that cannot be written fail."""
        is_iceberg = plan.iceberg is not None
        if self._output.format == "csv":
            data, refused = csv_rows.write(columns, self._output)
            for index, name in refused.items():
                outcomes.fail(row_set, [index], f"quoting:{name}")
            written.add(row_set, data)
        elif written.sizes is not None and len(row_set.rows) == len(written.data) and written.metadata is None:
            written.together = json_rows.write_together(columns, is_iceberg, written.sizes, self._output)
        else:
            written.add(row_set, json_rows.write(columns, is_iceberg, self._output))

    def write_documents(
        self, plan: RoutePlan, row_set: RowSet, documents: Sequence[bytes | None], written: WrittenRows
    ) -> None:
        """Take documents as they were written."""
        written.add(row_set, documents)
