"""The types a column can have, and the Arrow type that holds each.

Nothing here converts a value. Invariant: two columns of equal `Type` have equal Arrow types.
"""

from typing import Literal

import pyarrow as pa

from fastxform.core.structs import Struct

Kind = Literal["auto", "string", "int64", "float64", "decimal", "bool", "timestamp", "date", "json", "binary"]


class Type(Struct, frozen=True):
    """The type of a column; `unit` is for timestamps (s, ms, us), `precision` and `scale` for decimals."""

    kind: Kind = "auto"
    unit: str = ""
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        """Return the type as the configuration spells it."""
        if self.kind == "timestamp":
            return f"timestamp[{self.unit}]"
        if self.kind == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.kind


def arrow_type(column_type: Type) -> pa.DataType:
    """Return the Arrow type of a column: text for `auto`, `string` and `json`; timestamps carry no zone."""
    match column_type.kind:
        case "int64":
            return pa.int64()
        case "float64":
            return pa.float64()
        case "decimal":
            return pa.decimal128(column_type.precision, column_type.scale)
        case "bool":
            return pa.bool_()
        case "timestamp":
            return pa.timestamp(column_type.unit)
        case "date":
            return pa.date32()
        case "binary":
            return pa.binary()
        case _:
            return pa.string()
