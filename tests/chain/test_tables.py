"""Rows into Iceberg tables: values by the documented rules, and operations as if done one after the other."""

import base64
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from overflowing_changes import additions, failures, newest, run
from pyiceberg.catalog.memory import InMemoryCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from fastxform.tools.simulator.delivery import Row
from fastxform.tools.simulator.description import TableSettings
from fastxform.tools.simulator.iceberg import IcebergTables
from fastxform.tools.simulator.iceberg_values import ColumnError, read_row
from fastxform.tools.simulator.outcome import Destination


@pytest.fixture
def catalog(tmp_path):
    """An empty catalog with a namespace."""
    catalog = InMemoryCatalog("tables", warehouse=f"file://{tmp_path}")
    catalog.create_namespace("d")
    yield catalog
    catalog.engine.dispose()


def row(value, operation="insert", table="t"):
    """A row for a table."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Row(data, Destination(database="d", table=table, operation=operation))


def tables(catalog, *keys):
    """The tables of a stream whose description names one, with its unique keys."""
    return IcebergTables(catalog, [TableSettings("d", "t", keys)])


def rows(catalog):
    """What is in the table."""
    return catalog.load_table("d.t").scan().to_arrow().to_pylist()


# -- values

ADDRESS = StructType(
    NestedField(11, "city", StringType()),
    NestedField(12, "zip", IntegerType(), required=True),
    NestedField(13, "tags", ListType(14, DateType(), element_required=False)),
)
PRICES = MapType(21, StringType(), 22, DecimalType(5, 2), value_required=True)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        pytest.param(StringType(), "東", "東", id="string"),
        pytest.param(IntegerType(), -(2**31), -(2**31), id="int"),
        pytest.param(LongType(), "9223372036854775807", 2**63 - 1, id="long-text"),
        pytest.param(LongType(), 1.0, 1, id="long-integral"),
        pytest.param(DoubleType(), "1e-3", 0.001, id="double-text"),
        pytest.param(DecimalType(5, 2), 12.5, Decimal("12.50"), id="decimal"),
        pytest.param(DecimalType(38, 0), "9" * 38, Decimal("9" * 38), id="decimal-all-digits"),
        pytest.param(BooleanType(), "false", False, id="bool-text"),
        pytest.param(BooleanType(), 1, True, id="bool-number"),
        pytest.param(TimestampType(), 1_767_323_045_678_901, MOMENT, id="timestamp-us"),
        pytest.param(TimestampType(), "2026-01-02T05:04:05.678901+02:00", MOMENT, id="timestamp-offset"),
        pytest.param(TimestamptzType(), "2026-01-02T03:04:05.678901Z", MOMENT.replace(tzinfo=UTC), id="timestamptz"),
        pytest.param(DateType(), 20_455, date(2026, 1, 2), id="date-days"),
        pytest.param(DateType(), "2026-01-02", date(2026, 1, 2), id="date-text"),
        pytest.param(BinaryType(), base64.b64encode(b"\xff").decode(), b"\xff", id="binary"),
        pytest.param(StringType(), None, None, id="null"),
        pytest.param(TimeType(), "18:56:15.096", time(18, 56, 15, 96_000), id="time-text"),
        pytest.param(TimeType(), 86_399_999_999, time(23, 59, 59, 999_999), id="time-us"),
        pytest.param(UUIDType(), "0" * 31 + "1", b"\0" * 15 + b"\1", id="uuid"),
        pytest.param(ADDRESS, None, None, id="struct-null"),
        pytest.param(
            ADDRESS,
            {"zip": "1", "tags": ["2026-01-02", None], "other": {}},
            {"city": None, "zip": 1, "tags": [date(2026, 1, 2), None]},
            id="struct",
        ),
        pytest.param(ListType(2, LongType()), '[1, "2"]', [1, 2], id="list-text"),
        pytest.param(PRICES, {"a": 1, "b": "2.50"}, [("a", Decimal("1.00")), ("b", Decimal("2.50"))], id="map"),
        pytest.param(PRICES, '{"a": 1.10}', [("a", Decimal("1.10"))], id="map-text"),
        pytest.param(ListType(2, ADDRESS), [], [], id="list-empty"),
    ],
)
def test_a_value_is_read_by_the_type_of_its_column(kind, value, read):
    """Members without a column are skipped."""
    schema = Schema(NestedField(1, "c", kind))
    assert read_row(json.dumps({"c": value, "other": 1}).encode(), schema) == {"c": read}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(StringType(), 1, id="number-as-string"),
        pytest.param(IntegerType(), 2**31, id="int-range"),
        pytest.param(LongType(), 1.5, id="long-fraction"),
        pytest.param(LongType(), True, id="long-bool"),
        pytest.param(LongType(), "", id="long-empty"),
        pytest.param(DoubleType(), "NaN", id="double-nan"),
        pytest.param(DecimalType(5, 2), 1.005, id="decimal-digit-lost"),
        pytest.param(DecimalType(5, 2), 1000, id="decimal-range"),
        pytest.param(BooleanType(), "yes", id="bool-text"),
        pytest.param(BooleanType(), 2, id="bool-number"),
        pytest.param(TimestampType(), "yesterday", id="timestamp-text"),
        pytest.param(TimestampType(), 2**62, id="timestamp-range"),
        pytest.param(DateType(), "2026-02-30", id="date-not-real"),
        pytest.param(BinaryType(), "%", id="binary"),
        pytest.param(TimeType(), 86_400_000_000, id="time-range"),
        pytest.param(TimeType(), "10:00:00+01:00", id="time-offset"),
        pytest.param(UUIDType(), "0", id="uuid"),
        pytest.param(FixedType(2), "ab", id="no-rule"),
        pytest.param(ADDRESS, [1], id="struct-list"),
        pytest.param(ADDRESS, '{"zip": 1}', id="struct-text"),
        pytest.param(ListType(2, LongType()), {"a": 1}, id="list-object"),
        pytest.param(ListType(2, LongType()), "[1", id="list-no-json"),
        pytest.param(PRICES, [], id="map-list"),
        pytest.param(PRICES, '"a"', id="map-scalar"),
    ],
)
def test_a_value_that_does_not_fit_fails_its_row(kind, value):
    """The message names the column and its type, never the value."""
    with pytest.raises(ColumnError) as caught:
        read_row(json.dumps({"c": value}).encode(), Schema(NestedField(1, "c", kind)))
    assert str(caught.value) == f"The value of column c is no {kind}."


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (ADDRESS, {"city": "a"}, "The column c.zip needs a value."),
        (ADDRESS, {"zip": "x"}, "The value of column c.zip is no int."),
        (ADDRESS, {"zip": 1, "tags": ["never"]}, "The value of column c.tags.element is no date."),
        (ListType(2, LongType()), [None], "The column c.element needs a value."),
        (PRICES, {"a": None}, "The column c.value needs a value."),
        (PRICES, {"a": 1000}, "The value of column c.value is no decimal(5, 2)."),
    ],
    ids=["required", "member", "element", "null-element", "null-value", "value"],
)
def test_a_part_that_does_not_fit_fails_the_row_and_is_named(kind, value, message):
    """Where it is, with dots."""
    with pytest.raises(ColumnError) as caught:
        read_row(json.dumps({"c": value}).encode(), Schema(NestedField(1, "c", kind)))
    assert str(caught.value) == message


# -- tables


def test_nested_values_come_back(catalog):
    """Structs, lists and maps in each other, and what is none fails alone."""
    schema = Schema(
        NestedField(1, "id", LongType()),
        NestedField(2, "address", ADDRESS),
        NestedField(3, "prices", PRICES),
        NestedField(4, "at", TimeType()),
        NestedField(5, "uid", UUIDType()),
    )
    catalog.create_table("d.t", schema=schema)
    address = {"city": "a", "zip": 1, "tags": ["2026-01-02"]}
    good = {"id": 1, "address": address, "prices": {"x": 2}, "at": "01:02:03", "uid": "0" * 32}
    found = tables(catalog).commit([row(good), row({"id": 2, "address": "a"}), row({"id": 3})])
    assert [refusal and refusal[0] for refusal in found] == [None, "Iceberg.InvalidColumn", None]
    first, second = sorted(rows(catalog), key=lambda one: one["id"])
    assert first["address"] == {"city": "a", "zip": 1, "tags": [date(2026, 1, 2)]}
    assert (first["prices"], first["at"]) == ([("x", Decimal("2.00"))], time(1, 2, 3))
    assert second == {"id": 3, "address": None, "prices": None, "at": None, "uid": None}


def test_each_bad_row_fails_alone(catalog):
    """The good ones of the same delivery are committed."""
    schema = Schema(NestedField(1, "id", LongType(), required=True), NestedField(2, "v", LongType()))
    catalog.create_table("d.t", schema=schema)
    found = tables(catalog).commit(
        [
            row({"id": 1, "v": 2}),
            row({"v": 2}),
            row({"id": "x"}),
            row(b"{"),
            row(b"[1]"),
            row(b'{"id": NaN}'),
            row(b"\xff"),
            row({"id": 2}, "update"),
            row({"id": 2}, table="none"),
            Row(b'{"id": 3}', Destination()),
        ]
    )
    codes = [refusal and refusal[0] for refusal in found]
    assert codes == [
        None,
        "Iceberg.InvalidColumn",
        "Iceberg.InvalidColumn",
        *["Iceberg.InvalidRecord"] * 4,
        "Iceberg.NoUniqueKeys",
        "Iceberg.NoSuchTable",
        None,
    ]
    assert sorted(rows(catalog), key=str) == [{"id": 1, "v": 2}, {"id": 3, "v": None}]


def test_a_row_for_no_table_is_refused(catalog):
    """Where the description names several, nothing says which it is for."""
    several = IcebergTables(catalog, [TableSettings("d", "t"), TableSettings("d", "u")])
    ((code, _),) = several.commit([Row(b"{}", Destination())])
    assert code == "Iceberg.NoSuchTable"


def test_the_keys_of_the_table_itself_are_used(catalog):
    """Where the description names none: Iceberg's identifier fields."""
    schema = Schema(
        NestedField(1, "id", LongType(), required=True), NestedField(2, "v", LongType()), identifier_field_ids=[1]
    )
    catalog.create_table("d.t", schema=schema)
    own = tables(catalog)
    assert own.commit([row({"id": 1, "v": 1}), row({"id": 1, "v": 2}, "update")]) == [None, None]
    assert own.commit([row({"id": 1, "v": 3}, "update")]) == [None]
    assert rows(catalog) == [{"id": 1, "v": 3}]


def test_a_commit_that_fails_fails_its_rows(catalog, monkeypatch):
    """Whatever the catalog raises, each row has an error and none is taken for written."""
    table = catalog.create_table("d.t", schema=pa.schema([("id", pa.int64())]))

    def refuse(*arguments, **members):
        raise OSError("disk full of secrets")

    monkeypatch.setattr(type(table), "_do_commit", refuse)
    found = tables(catalog).commit([row({"id": 1}), row(b"{")])
    assert [refusal[0] for refusal in found] == ["Iceberg.CommitFailed", "Iceberg.InvalidRecord"]
    assert "secrets" not in found[0][1]
    assert rows(catalog) == []


def test_put_backs_between_changes_leave_the_newest_rows(catalog, monkeypatch):
    """Read back: of each key the last change that arrived, of a table that only grows every row, once."""
    names = ("id", "number", "text", "more")
    types = (pa.int64(), pa.int64(), pa.string(), pa.string())
    catalog.create_namespace("shop")
    for name in ("orders", "log"):
        catalog.create_table(f"shop.{name}", schema=pa.schema(list(zip(names, types, strict=True))))
    settings = [TableSettings("shop", "orders", ("id",)), TableSettings("shop", "log", ())]
    ran = run(monkeypatch, IcebergTables(catalog, settings), seed=7)
    assert ran.put_back > 0
    assert ran.lost
    found = {name: catalog.load_table(f"shop.{name}").scan().to_arrow().to_pylist() for name in ("orders", "log")}
    assert sorted(row["number"] for row in found["log"]) == additions(ran)
    assert sorted((row["id"], row["number"]) for row in found["orders"]) == sorted(newest(ran).items())
    assert ran.kept == failures(ran)


def applied(kept, operations, keys):
    """Do operations one after the other on a list of rows: the slow, obvious way."""
    for operation, value in operations:
        if operation != "insert":
            kept = [one for one in kept if any(one[key] != value[key] for key in keys)]
        if operation != "delete":
            kept = [*kept, value]
    return kept


@pytest.mark.parametrize("keys", [("a",), ("a", "b")], ids=["one-key", "two-keys"])
@pytest.mark.parametrize("seed", range(4))
def test_a_delivery_equals_its_operations_one_after_the_other(catalog, keys, seed):
    """Inserts of a key that is there, updates of one that is not, deletes, in any order, over several deliveries."""
    catalog.create_table("d.t", schema=pa.schema([("a", pa.int64()), ("b", pa.string()), ("v", pa.int64())]))
    own, chance, kept = tables(catalog, *keys), Random(seed), []
    for delivery in range(4):
        operations = [
            (
                chance.choice(("insert", "update", "update", "delete")),
                {"a": chance.randrange(6), "b": chance.choice("xy"), "v": delivery * 100 + number},
            )
            for number in range(30)
        ]
        assert own.commit([row(value, operation) for operation, value in operations]) == [None] * 30
        kept = applied(kept, operations, keys)
        assert sorted(rows(catalog), key=str) == sorted(kept, key=str)
