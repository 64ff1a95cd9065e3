"""Changes into tables through the simulated stream, with responses that overflow: no older row overwrites a newer one.

A table of changes and one of additions are filled by one stream whose policy is `reingest`. What does not fit its
response goes back for the second one and fails for the first one.
"""

import base64
import json
import random
from collections import Counter

import pytest

from fastxform import Pipeline
from fastxform.invocation import handler
from fastxform.tools.simulator.firehose import Firehose, StreamSettings
from fastxform.tools.simulator.function import lambda_function
from fastxform.tools.simulator.layout import MemorySink
from fastxform.tools.simulator.recorder import Recorder

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

CONFIG = """
overflow = { policy = "reingest" }
output = { format = "json" }

[columns]
id     = { path = "id", type = "int64", required = true }
number = { path = "number", type = "int64" }
text   = { path = "text", type = "string" }
more   = { path = "text", type = "string" }
op     = { path = "op", type = "string", hidden = true }
table  = { path = "table", type = "string", hidden = true }

[[routes]]
where   = "table == 'log'"
iceberg = { database = "shop", table = "log" }

[[routes]]
[routes.iceberg]
database  = "shop"
table     = "orders"
operation = { from = "op", values = { c = "insert", u = "update", d = "delete" } }
keys      = ["id"]
"""
MISFITS = [b"{", b'{"id":"x","table":"orders","op":"u"}', b'{"table":"log"}', b'{"id":1,"table":"orders","op":"x"}']


class Tables:
    """Rows by table: of `orders` by key, as Iceberg's operations leave them, of `log` all; and all that was done."""

    def __init__(self):
        self.orders, self.log, self.done = {}, [], []

    def commit(self, rows):
        """Apply rows in their order."""
        for row in rows:
            values = json.loads(row.data)
            if row.destination.table == "log":
                self.log.append(values["number"])
                continue
            self.done.append((values["id"], values["number"]))
            if row.destination.operation == "delete":
                self.orders.pop(values["id"], None)
            else:
                self.orders[values["id"]] = values["number"]
        return [None] * len(rows)


def changes(seed, count=600):
    """Changes of 20 orders, numbered, and additions between them; some texts are long, so that responses overflow."""
    rng = random.Random(seed)
    alive = set()
    for number in range(count):
        one = {"id": rng.randrange(20), "number": number, "text": "x" * rng.choice([5, 300, 900]), "table": "orders"}
        if rng.random() < 0.5:
            one |= {"table": "log"}
        elif one["id"] in alive and rng.random() < 0.3:
            one |= {"op": "d"}
            alive.discard(one["id"])
        else:
            one |= {"op": "u" if one["id"] in alive else "c"}
            alive.add(one["id"])
        yield one


@pytest.mark.parametrize("seed", range(3))
def test_put_backs_never_break_the_order_of_changes(monkeypatch, seed):
    """Every addition arrives once, however late; of each order the last change that arrived is what the table holds."""
    monkeypatch.setattr(handler, "RESPONSE_LIMIT_BYTES", 30_000)
    tables, sink = Tables(), MemorySink()
    recorder = Recorder(Pipeline.from_toml(CONFIG), lambda index, data, key: stream.put(data, key))
    settings = StreamSettings(buffer_bytes=40_000)
    stream = Firehose(lambda_function(recorder.handler), sink, settings, recorder.reason, tables=tables)
    sent = list(changes(seed))
    for number, one in enumerate(sent):
        if number % 150 == 75:
            for misfit in MISFITS:
                stream.put(misfit)
        stream.put(json.dumps(one).encode())
    stream.close()

    failed = [json.loads(line) for key in sink.objects for line in sink.objects[key].decode().splitlines()]
    kept = Counter(base64.b64decode(line["rawData"]) for line in failed)
    lost = {number for number in range(len(sent)) if sent[number]["table"] == "orders"} - {n for _, n in tables.done}
    # Nothing went back but additions, each of which arrived, and once.
    assert sorted(tables.log) == [one["number"] for one in sent if one["table"] == "log"]
    assert tables.log != sorted(tables.log), "nothing was put back"
    # Changes arrive in their order or fail; so what the table holds is the newest of what arrived.
    assert tables.done == sorted(tables.done, key=lambda done: done[1])
    assert lost, "no change overflowed"
    arrived = [one for one in sent if one["table"] == "orders" and one["number"] not in lost]
    wanted = {}
    for one in arrived:
        wanted.pop(one["id"], None)
        if one["op"] != "d":
            wanted[one["id"]] = one["number"]
    assert tables.orders == wanted
    # Misfits fail alone, and each record that failed is kept as it came, once.
    spelled = [json.dumps(sent[number]).encode() for number in lost]
    assert kept == Counter(spelled) + Counter(MISFITS * 4)
