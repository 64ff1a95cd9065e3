"""The table of functions: none is missing, and each takes and gives what it says."""

import pyarrow as pa
import pytest

from fastxform.datatypes.logical import Type
from fastxform.query.compiler import compile_expression
from fastxform.query.functions import FUNCTIONS
from fastxform.query.lookup_tables import LookupTable
from fastxform.query.named import NAMED
from fastxform.query.registry import KINDS, SAME, entries
from fastxform.query.terms import ExpressionError

TYPES = {
    **{kind: Type(kind) for kind in ("auto", "string", "json", "binary", "int64", "float64", "date", "bool")},
    "decimal": Type("decimal", precision=9, scale=2),
    "timestamp": Type("timestamp", unit="ms"),
}
TABLES = {"country": LookupTable("country", pa.array(["a"]), {"value": pa.array(["b"])}, "value")}
ENTRIES = entries()


def test_no_function_is_missing():
    """Those of Arrow, those by the names that people type, and those of the language; each once, with a line."""
    assert ENTRIES.keys() == {*FUNCTIONS, *NAMED, "col", "now_ms", "lookup"}
    for entry in ENTRIES.values():
        assert entry.text.endswith("."), entry.name
        assert entry.takes in KINDS or "{}" not in entry.call, entry.name
        assert entry.name in entry.example


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.takes])
def test_a_function_takes_and_gives_what_it_says(name):
    """A column of each type is taken, with the type that comes of it, or is a mistake."""
    entry = ENTRIES[name]
    found, expected = {}, {}
    for kind, column_type in TYPES.items():
        text = entry.call.format(*["v"] * entry.call.count("{}"))
        try:
            found[kind] = compile_expression(text, {"v": column_type, "n": Type("int64")}, TABLES).type.kind
        except ExpressionError:
            found[kind] = None
        expected[kind] = None
        if kind in KINDS[entry.takes]:
            expected[kind] = "string" if (entry.gives, kind) == (SAME, "auto") else entry.gives
            if entry.gives == SAME and kind != "auto":
                expected[kind] = kind
            elif entry.gives == "int64 or float64":
                expected[kind] = "float64" if kind == "float64" else "int64"
    assert found == expected
