"""The rows of one route by the native kernel, out of decoded columns and what expressions made.

Here is decided which way each column is written; the bytes are the kernel's. Invariant: a row is the bytes that
`csv_rows` and `json_rows` write.
"""

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from fastxform.config.model import Column, Output, Spec
from fastxform.core import kernels, native
from fastxform.core.json_text import quote
from fastxform.core.native import DecodedColumn, Field, RowFlag, RowFormat, Way
from fastxform.datatypes.text import texts
from fastxform.decode.native_builder import DOCUMENT
from fastxform.decode.native_plan import NativePlan
from fastxform.transform.native_columns import NativeColumns
from fastxform.transform.native_route import RouteRows
from fastxform.transform.route import RoutePlan

if TYPE_CHECKING:
    from fastxform.transform.native_map import MappedRows

_ALL_TEXT: Final = 1 << native.STRING


class NativeRowEncoder:
    """The rows of one route: which columns they have, and how each is written."""

    def __init__(self, spec: Spec, plan: RoutePlan, native_plan: NativePlan) -> None:
        self.plan, self.native = plan, native_plan
        output = spec.output
        self.is_json = output.format == "json"
        self.is_document = spec.is_document or plan.is_verbatim
        self.format = row_format(output, is_iceberg=plan.iceberg is not None, is_document=self.is_document)
        self.timestamps = _timestamps(output, plan.iceberg is not None)
        keys = {column.name: key for key, column in plan.inputs}
        self.fields = [
            (column, keys.get(column.name), self._prefix(index, column.name))
            for index, column in enumerate(plan.visible)
        ]

    def write(self, batch: NativeColumns, part: RouteRows) -> tuple[pa.BinaryArray, pa.Int32Array, list[int]]:
        """Return what the rows of each record come to, the records, and those that a reader could not read so."""
        if self.is_document:
            fields = [Field(Way.JSON, batch.array(DOCUMENT))]
        elif part.mapped is not None:
            fields = self._mapped_fields(part, part.mapped)
        else:
            given = iter(batch.columns([key for _, key, _ in self.fields if key is not None]))
            fields = [
                self._field(part, column, None if key is None else next(given), prefix)
                for column, key, prefix in self.fields
            ]
        return self.native.plan.rows(fields, part.rows.selection, batch.decoded.row_records, self.format)

    def _field(
        self, part: RouteRows, column: Column, given: tuple[pa.Array, DecodedColumn | None] | None, prefix: bytes
    ) -> Field:
        is_selected = given is None
        array, decoded = (part.computed[column.name], None) if given is None else given
        kinds = None
        way, separator = Way.TEXT, 32
        if pa.types.is_string(array.type):
            if not self.is_json:
                way = Way.TEXT
            elif column.type.kind == "json":
                way = Way.JSON
            elif column.type.kind == "auto" and decoded is not None and decoded.holds_other_than_text:
                way, kinds = Way.JSON, decoded.kinds if decoded.seen & _ALL_TEXT else None
        else:
            way, array = self._typed(array)
            separator = self.timestamps[1]
        return Field(way, array, prefix, kinds, is_selected, separator)

    def _mapped_fields(self, part: RouteRows, mapped: "MappedRows") -> list[Field]:
        """Return the fields of rows that a function of the user's was given; what it added stands last."""
        given = {column.name for _, column in self.plan.inputs}
        names = [column.name for column, _, _ in self.fields] + [name for name in mapped.columns if name not in given]
        fields = []
        for index, name in enumerate(names):
            column = mapped.columns.get(name)
            array, kinds = (part.computed[name], None) if column is None else (column.array, column.kinds)
            way = Way.TEXT
            if not pa.types.is_string(array.type):
                way, array = self._typed(array)
            elif self.is_json and (kinds is not None or (column is not None and column.type.kind == "json")):
                way = Way.JSON
            else:
                kinds = None
            fields.append(Field(way, array, self._prefix(index, name), kinds, True, self.timestamps[1]))
        return fields

    def _prefix(self, index: int, name: str) -> bytes:
        return f"{',' if index else '{'}{quote(name)}:".encode() if self.is_json else b""

    def _typed(self, array: pa.Array) -> tuple[int, pa.Array]:
        kind = array.type
        if pa.types.is_floating(kind):
            text = texts(array)
            if not self.is_json:
                return Way.WORD, text
            return Way.JSON, kernels.call(
                "if_else", [kernels.call("is_finite", [array]), text, pa.scalar(None, pa.string())]
            )
        if pa.types.is_timestamp(kind):
            return self.timestamps[0], array
        way = None if pa.types.is_decimal(kind) and kind.scale < 0 else _WAYS.get(kind.id)
        if way is None:
            return (Way.JSON if self.is_json else Way.WORD), texts(array)
        return way, array


def row_format(output: Output, *, is_iceberg: bool, is_document: bool) -> RowFormat:
    """Return how the rows of an output are written."""
    is_json = output.format == "json"
    end = b"\r\n" if output.line_end == "crlf" else b"\n"
    flags = {
        RowFlag.QUOTES_EMPTY: output.quote_empty,
        RowFlag.IS_STRICT: output.strict,
        RowFlag.MARKS_FORMULAS: output.escape_formulas,
        RowFlag.HAS_READER: output.reader is not None,
        RowFlag.NESTS_AS_TEXT: is_json and output.json == "text" and not is_iceberg and not is_document,
        RowFlag.DROPS_LAST_END: output.line_end == "none",
    }
    return RowFormat(
        is_json,
        44 if is_json else ord(output.delimiter),
        native.QUOTINGS.index(output.quoting),
        native.NEWLINES.index(output.newlines),
        ord(output.escape) if output.escape else 0,
        sum(flag for flag, is_set in flags.items() if is_set),
        output.null.encode(),
        end,
        end if is_document else b"}" + end,
        output.refuses.encode(),
    )


def _timestamps(output: Output, is_iceberg: bool) -> tuple[int, int]:
    """Return how timestamps are written, and what stands between date and time."""
    is_json = output.format == "json"
    if is_json and is_iceberg:
        return Way.MICROSECONDS, 32
    form = output.timestamps or ("iso" if is_json else "space")
    if form == "epoch_ms":
        return Way.EPOCH, 32
    return Way.TIMESTAMP, ord("T" if form == "iso" else " ")


_WAYS: Final = {
    pa.int64().id: Way.INT64,
    pa.bool_().id: Way.BOOL,
    pa.date32().id: Way.DATE,
    pa.decimal128(1, 0).id: Way.DECIMAL,
    pa.binary().id: Way.BINARY,
}
