"""Changes into tables: the table and the operation by a column, and deletes that need their keys alone."""

import json

import pytest
from oracle import Oracle

import fastxform
from fastxform.config import model
from fastxform.errors import ConfigError
from fastxform.tools import ddl

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")


def run(config, *documents):
    """What becomes of documents: row and metadata, or the reason; the oracle says the same."""
    payloads = [json.dumps(document).encode() for document in documents]
    batch = fastxform.Pipeline.from_toml(config).run(payloads)
    expected = Oracle(config).batch(payloads)
    metadata = batch.metadata or [None] * len(batch)
    assert list(zip(batch.reason, batch.data, metadata, strict=True)) == [
        (outcome.reason, outcome.data, outcome.metadata) for outcome in expected
    ]
    return [
        reason
        or (json.loads(data), given["otfMetadata"]["destinationTableName"], given["otfMetadata"].get("operation"))
        for reason, data, given in zip(batch.reason, batch.data, metadata, strict=True)
    ]


DYNAMODB = """
source = "dynamodb"
output = { format = "json" }
[columns]
id = { path = "dynamodb.Keys.id", type = "int64", required = true }
total = { path = "(dynamodb.NewImage || dynamodb.OldImage).total", type = "decimal(10,2)", required = true }
half = { expr = "10 / total" }
[[routes]]
[routes.iceberg]
database = "shop"
table = "orders"
operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" }
"""


def change(name, total, key=None):
    """A DynamoDB change."""
    images = {} if total is None else {"OldImage" if name == "REMOVE" else "NewImage": {"total": total}}
    return {"eventName": name, "dynamodb": {"Keys": {"id": key or {"N": "1"}}, **images}}


def test_a_delete_needs_its_keys_only():
    """What the deleted row held may misfit, be missing, or make an expression raise; its key may not."""
    assert run(
        DYNAMODB,
        change("INSERT", {"N": "2.50"}),
        change("MODIFY", {"N": "1.505"}),
        change("REMOVE", {"N": "1.505"}),
        change("REMOVE", None),
        change("REMOVE", {"N": "0"}),
        change("REMOVE", {"X": "malformed"}),
        change("REMOVE", {"N": "4"}, {"S": "x"}),
        change("MODIFY", None),
        {"eventName": "REMOVE", "dynamodb": {"Keys": {}}},
    ) == [
        ({"id": 1, "total": 2.5, "half": 4}, "orders", "insert"),
        "type:total",
        ({"id": 1, "total": None, "half": None}, "orders", "delete"),
        ({"id": 1, "total": None, "half": None}, "orders", "delete"),
        ({"id": 1, "total": 0, "half": None}, "orders", "delete"),
        ({"id": 1, "total": None, "half": None}, "orders", "delete"),
        "type:id",
        "required:total",
        "required:id",
    ]


def test_a_delete_without_its_key_fails():
    """Whether the column is required or not: no row would be found by it."""
    config = DYNAMODB.replace("required = true", "required = false")
    assert run(config, {"eventName": "REMOVE", "dynamodb": {"Keys": {}}}) == ["required:id"]


DEBEZIUM = """
output = { format = "json" }
[columns]
op = { hidden = true }
tbl = { path = "source.table", hidden = true }
id = { path = "(after || before).id", type = "int64", required = true }
name = { path = "after.name", type = "string", required = true }
[[routes]]
[routes.iceberg]
database = "shop"
table = { from = "tbl", values = { orders = "orders", lines = "order_lines" } }
operation = { from = "op", values = { c = "insert", r = "insert", u = "update", d = "delete" } }
keys = ["id"]
"""


def event(op, table="orders", before=None, after=None):
    """A Debezium event."""
    return {"op": op, "source": {"table": table}, "before": before, "after": after}


def test_a_column_decides_on_table_and_operation():
    """A value that the table lacks fails its record, and no other."""
    assert run(
        DEBEZIUM,
        event("c", after={"id": 1, "name": "a"}),
        event("u", "lines", {"id": 1}, {"id": 1, "name": "b"}),
        event("d", before={"id": 1}),
        event("t", before={"id": 1}, after={"id": 1, "name": "x"}),
        event("c", "users", after={"id": 1, "name": "a"}),
        event("d", before={}),
        event("c", after={"id": 2}),
    ) == [
        ({"id": 1, "name": "a"}, "orders", "insert"),
        ({"id": 1, "name": "b"}, "order_lines", "update"),
        ({"id": 1, "name": None}, "orders", "delete"),
        "operation",
        "table",
        "required:id",
        "required:name",
    ]


def test_the_tables_of_a_column_each_have_a_definition():
    """`ddl` names every table that rows can go to, with the keys of the file."""
    tables = ddl.tables(model.parse(DEBEZIUM))
    assert [(table.table, table.keys, table.operations) for table in tables] == [
        (name, ("id",), frozenset(("insert", "update", "delete"))) for name in ("orders", "order_lines")
    ]


MISTAKES = {
    "no such column": ('table = { from = "tabel", values = { a = "b" } }', 'there is no column "tabel"'),
    "computed": ('table = { from = "e", values = { a = "b" } }', "is computed with expr"),
    "no values": ('table = { from = "op" }', "needs values"),
    "no words": ('table = { from = "op", values = {} }', "names nothing"),
    "an operation that there is not": (
        'table = "t"\noperation = { from = "op", values = { a = "upsert" } }',
        "write update, which also inserts",
    ),
    "a hyphen": ('table = { from = "op", values = { a = "a-b" } }', "has a hyphen"),
    "a key that is not written": ('table = "t"\nkeys = ["op"]', 'the output has no column "op"'),
    "keys that are none": ('table = "t"\nkeys = "id"', "must be a list of names of columns"),
    "a table that is none": ("table = 5", "must be text, or from a column, not a whole number"),
}


@pytest.mark.parametrize(("lines", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(lines, message):
    """Reported with the file."""
    with pytest.raises(ConfigError) as caught:
        model.parse(
            'output = { format = "json" }\n[columns]\nop = { hidden = true }\nid = { type = "int64" }\n'
            f'e = {{ expr = "id + 1" }}\n[[routes]]\n[routes.iceberg]\ndatabase = "d"\n{lines}\n'
        )
    assert message in str(caught.value)
