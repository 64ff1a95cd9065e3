"""Streams of Debezium and DMS into Iceberg tables, which hold at the end what the source's tables hold.

The stream of DynamoDB is in `test_iceberg`. Misfits stand between the changes, the function is killed on the way, and
the producer meets throttling, server errors and entries that are refused.
"""

import base64
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from function import KILL
from lambda_runtime import ROOT
from producer import put_all

from fastxform.tools.simulator.faults import Faults

EXAMPLES = ROOT / "fastxform" / "examples"
START = datetime(2026, 11, 1, tzinfo=UTC)
SHAKY = Faults({"entries": 0.1, "throttle": 0.2, "server-error": 0.2}, seed=11)

PEOPLE = pa.schema(
    [("id", pa.int64()), ("name", pa.string()), ("credit", pa.decimal128(12, 2)), ("changed", pa.timestamp("us"))]
)
PRODUCTS = pa.schema(
    [("changed", pa.timestamp("us")), ("id", pa.int64()), ("name", pa.string()), ("price", pa.decimal128(10, 2))]
)
LINES = pa.schema(
    [("changed", pa.timestamp("us")), ("order_id", pa.string()), ("line", pa.int64()), ("quantity", pa.int64())]
)


class Source:
    """The tables of a database, and the changes that made them what they are; every change has a time of its own."""

    def __init__(self, tables, seed):
        self.tables = {name: {} for name in tables}
        self._random = random.Random(seed)
        self._number = 0

    def changes(self, count):
        """Make changes, and return table, operation, the row before and after, and the time of each."""
        return [self._change() for _ in range(count)]

    def _change(self):
        self._number += 1
        at = START + timedelta(milliseconds=self._number)
        table = self._random.choice(sorted(self.tables))
        key, rows = self._random.randrange(300), self.tables[table]
        before = rows.get(key)
        if before is not None and self._random.random() < 0.3:
            del rows[key]
            return table, "delete", before, None, at
        after = {
            "key": key,
            "text": f'n{self._number}, "仙台" {"x" * 300}',
            "number": Decimal(self._number) / 4,
            "at": at,
        }
        rows[key] = after
        return table, "insert" if before is None else "update", before, after, at


def person(row):
    return row and {"id": row["key"], "name": row["text"], "credit": str(row["number"])}


def enveloped(table, operation, before, after, at):
    """An event of Debezium, in its envelope; what was read of a snapshot is an insert."""
    return {
        "before": person(before) if operation != "delete" else {"id": before["key"]},
        "after": person(after),
        "source": {"table": table, "ts_ms": milliseconds(at)},
        "op": {"insert": "c", "update": "u", "delete": "d"}[operation],
    }


def unwrapped(_table, operation, before, after, at):
    """A row of Debezium; of one that was deleted the values before."""
    word = {"insert": "r", "update": "u", "delete": "d"}[operation]
    return {**person(after or before), "__op": word, "__source_ts_ms": milliseconds(at)}


def of_dms(table, operation, before, after, at):
    """A record of DMS; a deleted row has its key alone."""
    row = after or {"key": before["key"]}
    if table == "products":
        data = {"id": row["key"]}
        data |= {"name": after["text"], "price": str(after["number"])} if after else {}
    else:
        data = {"order_id": f"o{row['key'] // 3}", "line": row["key"] % 3}
        data |= {"quantity": int(after["number"])} if after else {}
    word = "load" if operation == "insert" and row["key"] % 2 else operation
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "data": data,
        "metadata": {"timestamp": moment, "record-type": "data", "operation": word, "table-name": table},
    }


def milliseconds(at):
    return round(at.timestamp() * 1000)


def people(row):
    changed = row["at"].replace(tzinfo=None)
    return {
        "id": row["key"],
        "name": row["text"],
        "credit": row["number"].quantize(Decimal("0.01")),
        "changed": changed,
    }


def products(row):
    found = people(row)
    return {"changed": found["changed"], "id": found["id"], "name": found["name"], "price": found["credit"]}


def lines(row):
    order, line = f"o{row['key'] // 3}", row["key"] % 3
    return {"changed": people(row)["changed"], "order_id": order, "line": line, "quantity": int(row["number"])}


STREAMS = {
    "debezium": (
        enveloped,
        {"customers": (PEOPLE, people, ("id",)), "suppliers": (PEOPLE, people, ("id",))},
        [
            {"op": "c", "after": {"id": 1, "name": "x"}, "source": {"table": "audit"}},
            {"op": "u", "after": {"id": 2, "name": "x", "credit": "1.005"}, "source": {"table": "customers"}},
            {"op": "u", "after": {"id": 3, "name": None}, "source": {"table": "customers"}},
            {"op": "t", "after": {"id": 4, "name": "x"}, "source": {"table": "customers"}},
            {"op": "d", "before": {}, "source": {"table": "customers"}},
        ],
    ),
    "debezium-unwrapped": (
        unwrapped,
        {"customers": (PEOPLE, people, ("id",))},
        [{"id": 5, "name": "x", "credit": "much", "__op": "u"}, {"id": 6, "name": "x"}, {"name": "x", "__op": "d"}],
    ),
    "dms": (
        of_dms,
        {"products": (PRODUCTS, products, ("id",)), "orders": (LINES, lines, ("order_id", "line"))},
        [
            {"data": {"id": 1}, "metadata": {"record-type": "data", "operation": "insert", "table-name": "audit"}},
            {"data": {"id": 1}, "metadata": {"record-type": "data", "operation": "update", "table-name": "products"}},
            {
                "data": {"order_id": "o1"},
                "metadata": {"record-type": "data", "operation": "delete", "table-name": "orders"},
            },
        ],
    ),
}


def test_debezium_in_envelopes(chain):
    """Two tables of one stream, by the name of the source's table."""
    run(chain, "debezium")


def test_debezium_unwrapped(chain):
    """One table, by the operation that each row names."""
    run(chain, "debezium-unwrapped")


def test_dms(chain):
    """Two tables of different columns, one with a key of two."""
    run(chain, "dms")


def run(chain, name):
    """Send changes, and compare: tables read back by PyIceberg are the source's, what failed is the misfits, once each.

    Each round is acknowledged whole before the next begins, so that changes of one key stay in their order.
    """
    spelled, tables, misfits = STREAMS[name]
    chain.catalog.create_namespace("shop")
    for table, (schema, _, _) in tables.items():
        chain.catalog.create_table(f"shop.{table}", schema=schema)
    chain.function("capture", (EXAMPLES / name / f"{name}.toml").read_text(), faults={2: KILL})
    keys = {("shop", table): key for table, (_, _, key) in tables.items()}
    chain.stream("rows", "capture", tables=keys, faults=SHAKY)
    source = Source(tables, seed=5)
    bad = [json.dumps(misfit).encode() for misfit in misfits] + [b"{"]
    sent = 0
    for number in range(10):
        # A round changes no key twice: a producer that repeats refused entries may turn two of one call about.
        batch = {}
        for change in source.changes(150):
            batch.setdefault((change[0], (change[3] or change[2])["key"]), []).append(change)
        for turn in range(max(map(len, batch.values()))):
            records = [json.dumps(spelled(*found[turn])).encode() for found in batch.values() if len(found) > turn]
            records += bad if number == 7 and turn == 0 else []
            records.insert(0, b"" if number == 3 else records.pop())
            put_all(chain.firehose, "rows", records)
            sent += len(records)
    faults = chain.api.client("rows").faults_met
    totals = chain.finish("rows", sent)
    for table, (_, shown, key) in tables.items():
        found = sorted(chain.rows(f"shop.{table}"), key=lambda row: [row[part] for part in key])
        wanted = sorted(map(shown, source.tables[table].values()), key=lambda row: [row[part] for part in key])
        assert found == wanted
    assert min(faults[fault] for fault in ("entries", "throttle", "server-error")) > 0
    assert totals.retries >= 1
    failures = chain.failures("rows")
    assert {kind for kind, _ in failures} == {"processing-failed"}
    assert Counter(base64.b64decode(line["rawData"]) for _, line in failures) == Counter(bad)
