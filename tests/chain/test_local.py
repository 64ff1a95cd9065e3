"""`fastxform local --tables`: a stream on loopback that boto3 puts to, and its rows in real Iceberg tables."""

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
from decimal import Decimal

import boto3
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

CONFIG = """
output = { format = "json" }

[columns]
id    = { path = "id", type = "int64" }
name  = { path = "name", type = "string" }
total = { path = "total", type = "decimal(10,2)" }
op    = { path = "op", hidden = true }

[[routes]]
where   = "op == 'delete'"
iceberg = { database = "shop", table = "orders", operation = "delete", keys = ["id"] }

[[routes]]
iceberg = { database = "shop", table = "orders", operation = "update", keys = ["id"] }
"""

HANDLER = """
import base64

def handler(event, context):
    return {"records": [{"recordId": one["recordId"], "result": "Ok", "data": one["data"]} for one in event["records"]]}
"""


@pytest.fixture
def run(tmp_path):
    """Start the command, put records to it, interrupt it: its lines."""

    def local(*arguments, records, code=0):
        command = [sys.executable, "-m", "fastxform", "local", *arguments, "--port", "0", "--stream", "s"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as running:
            first = running.stderr.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", first)
            if found is not None:
                client = boto3.client(
                    "firehose", endpoint_url=found[0], region_name="us-east-1",
                    aws_access_key_id="a", aws_secret_access_key="b",
                )  # fmt: skip
                for data in records:
                    client.put_record(DeliveryStreamName="s", Record={"Data": data})
                running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        assert running.returncode == code, first + err
        return out, first + err

    return local


def catalog(directory):
    place = directory.resolve()
    return SqlCatalog("local", uri=f"sqlite:///{place}/catalog.db", warehouse=place.as_uri())


def rows(directory, name):
    tables = catalog(directory)
    try:
        return tables.load_table(name).scan().to_arrow().to_pylist()
    finally:
        tables.engine.dispose()


NESTED = """
output = { format = "json" }

[columns]
id      = { path = "id", type = "int64" }
address = { path = "address", type = "json", schema = "struct<city:string,geo:array<double>>" }
lines   = { path = "lines", type = "json", schema = "array<struct<sku:string,price:decimal(10,2)>>" }
tags    = { path = "tags", type = "json", schema = "map<string,int>" }

[[routes]]
iceberg = { database = "shop", table = "orders" }
"""


def test_nested_columns_are_made_and_written(run, tmp_path):
    """As `ddl` has them; a row whose object does not fit goes to the error objects alone."""
    (tmp_path / "orders.toml").write_text(NESTED)
    order = {"id": 1, "address": {"city": "a", "geo": [1.5]}, "lines": [{"sku": "x", "price": 2.5}], "tags": {"b": 3}}
    records = [json.dumps(one).encode() + b"\n" for one in (order, {"id": 2, "address": {"geo": "far"}}, {"id": 3})]
    _, err = run("orders.toml", "--tables", "tables", "--out", "out", records=records)
    first, second = sorted(rows(tmp_path / "tables", "shop.orders"), key=lambda one: one["id"])
    assert first == {
        "id": 1,
        "address": {"city": "a", "geo": [1.5]},
        "lines": [{"sku": "x", "price": Decimal("2.50")}],
        "tags": [("b", 3)],
    }
    assert second["id"] == 3
    errors = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert "The value of column address.geo" in "".join(errors), err


def order(op, number, **values):
    return json.dumps({"op": op, "id": number, **values}).encode()


def test_rows_are_in_tables_that_the_transform_wants(run, tmp_path):
    """The table is made, changed by key, and is still there, with its rows, for the next run."""
    (tmp_path / "c.toml").write_text(CONFIG)
    records = [order("put", 1, name="a", total="1.50"), order("put", 2, name="b"), order("put", 1, name="c")]
    out, err = run("c.toml", "--tables", "lake", records=records)
    assert "table        shop.orders: 2 rows\n" in out
    assert f"the catalog of the tables is sqlite:///{tmp_path}/lake/catalog.db" in err
    found = sorted(rows(tmp_path / "lake", "shop.orders"), key=lambda row: row["id"])
    assert found == [{"id": 1, "name": "c", "total": None}, {"id": 2, "name": "b", "total": None}]
    out, _ = run("c.toml", "--tables", "lake", records=[order("delete", 2), order("put", 3, total="2.00", name="x")])
    assert "table        shop.orders: 2 rows\n" in out
    found = sorted(rows(tmp_path / "lake", "shop.orders"), key=lambda row: row["id"])
    assert [(row["id"], row["total"]) for row in found] == [(1, None), (3, Decimal("2.00"))]


def test_another_function_writes_to_tables_that_are_there(run, tmp_path):
    """A handler of Python names the table by the one that there is; what no column takes is failed, not lost."""
    (tmp_path / "app.py").write_text(
        HANDLER.replace('"data": one["data"]}', '"data": one["data"], "metadata": {"otfMetadata": OTF}}')
        + 'OTF = {"destinationDatabaseName": "d", "destinationTableName": "t", "operation": "insert"}\n'
    )
    place = tmp_path / "lake"
    place.mkdir()
    tables = catalog(place)
    tables.create_namespace("d")
    schema = Schema(
        NestedField(1, "id", LongType(), required=False), NestedField(2, "name", StringType(), required=False)
    )
    tables.create_table("d.t", schema=schema)
    tables.engine.dispose()
    out, _ = run("--function", "app:handler", "--tables", "lake", records=[b'{"id":1,"name":"a"}', b'{"id":"x"}'])
    assert rows(place, "d.t") == [{"id": 1, "name": "a"}]
    assert re.search(r"^failed as +1 Iceberg\.InvalidColumn$", out, re.M)
    (failed,) = (tmp_path / "s").rglob("iceberg-failed/**/s-1-*")
    assert len(failed.read_bytes().splitlines()) == 1


def kept(place):
    """Every file below a directory, with what it holds."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def database(path, statement):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda place: (place / "notes.txt").write_text("mine"),
            "lake: holds notes.txt, and no catalog.db of tables; ",
        ),
        (lambda place: (place / "sub").mkdir(), "lake: holds sub, and no catalog.db of tables; "),
        (lambda place: (place / "catalog.db").write_text("mine"), "catalog.db: is no catalog of Iceberg tables; "),
        (lambda place: (place / "catalog.db").write_bytes(b""), "catalog.db: is no catalog of Iceberg tables; "),
        (lambda place: (place / "catalog.db").mkdir(), "catalog.db: is no catalog of Iceberg tables; "),
        (lambda place: database(place / "catalog.db", "CREATE TABLE a (b)"), "catalog.db: is no catalog of Iceberg"),
        (lambda place: (place / "catalog.db").symlink_to("/nowhere"), "catalog.db: is no catalog of Iceberg tables; "),
    ],
    ids=["file", "directory", "text", "empty", "catalog-directory", "another-database", "dead-link"],
)
def test_a_directory_of_something_else_is_left_alone(run, tmp_path, make, text):
    """One line with the remedy, exit code 2, and all that is there stays as it is."""
    (tmp_path / "c.toml").write_text(CONFIG)
    place = tmp_path / "lake"
    place.mkdir()
    make(place)
    before = kept(place)
    _, err = run("c.toml", "--tables", "lake", records=[], code=2)
    assert text in err
    assert err.endswith("name a directory that is empty, or not there yet\n")
    assert len(err.splitlines()) == 1
    assert (kept(place), sorted(path.name for path in tmp_path.iterdir())) == (before, ["c.toml", "lake"])


def test_what_is_no_directory_is_left_alone(run, tmp_path):
    """A file, and a link that leads nowhere."""
    (tmp_path / "c.toml").write_text(CONFIG)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name, text in (("file", "file: is no directory"), ("link", "link: is a link that leads nowhere")):
        _, err = run("c.toml", "--tables", name, records=[], code=2)
        assert err == f"fastxform: {text}; name a directory that is empty, or not there yet\n"
    assert (tmp_path / "file").read_text() == "mine"


def test_tables_that_were_moved_are_named(run, tmp_path):
    """Their catalog leads to where they were."""
    (tmp_path / "c.toml").write_text(CONFIG)
    run("c.toml", "--tables", "lake", records=[order("put", 1, name="a")])
    (tmp_path / "lake").rename(tmp_path / "moved")
    _, err = run("c.toml", "--tables", "moved", records=[], code=2)
    assert err.startswith("fastxform: moved: the table shop.orders of its catalog cannot be read (FileNotFoundError); ")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("columns = { id = 'id' }", "the transform has no route to an Iceberg table"),
        (CONFIG.replace(', type = "string"', ""), "auto is no type of a table"),
    ],
)
def test_a_transform_without_tables_is_refused(run, tmp_path, config, text):
    """Exit code 2, and no table is made."""
    (tmp_path / "c.toml").write_text(config)
    _, err = run("c.toml", "--tables", "lake", records=[], code=2)
    assert text in err
