"""Changes of a table between additions to another one, through the simulated stream, with responses that overflow.

The policy of the stream is `reingest`: additions that do not fit go back, changes fail. Who runs it gives the tables.
"""

import base64
import json
import random
from collections import Counter
from types import SimpleNamespace

from fastxform import Pipeline
from fastxform.invocation import handler
from fastxform.tools.simulator.firehose import Firehose, StreamSettings
from fastxform.tools.simulator.function import lambda_function
from fastxform.tools.simulator.layout import MemorySink
from fastxform.tools.simulator.recorder import Recorder

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


def run(monkeypatch, tables, seed):
    """Send changes and misfits; returns what was sent, the numbers of changes that failed, and every failed record."""
    monkeypatch.setattr(handler, "RESPONSE_LIMIT_BYTES", 30_000)
    sink = MemorySink()
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
    lost = {one["number"] for one in sent if kept[json.dumps(one).encode()]}
    return SimpleNamespace(sent=sent, lost=lost, kept=kept, put_back=recorder.puts.calls)


def newest(ran):
    """What `orders` has to hold: of each key the last of the changes that arrived."""
    rows = {}
    for one in ran.sent:
        if one["table"] == "orders" and one["number"] not in ran.lost:
            rows.pop(one["id"], None)
            if one["op"] != "d":
                rows[one["id"]] = one["number"]
    return rows


def additions(ran):
    """What `log` has to hold: the numbers of all additions, each once."""
    return [one["number"] for one in ran.sent if one["table"] == "log"]


def failures(ran):
    """The records that have to be kept as failed: each change that did not fit, and the misfits."""
    return Counter(json.dumps(ran.sent[number]).encode() for number in ran.lost) + Counter(MISFITS * 4)
