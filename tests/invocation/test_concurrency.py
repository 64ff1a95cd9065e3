"""One handler in several threads, and one in each of several processes, as multi-concurrency runtimes run it."""

import base64
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastxform.invocation.handler import make_handler
from fastxform.pipeline import Pipeline
from fastxform.tools.sample_data import burst

CONFIG = """
source = "dynamodb"
where = "event != 'REMOVE'"
[columns]
event = { path = "eventName", type = "string" }
id = "dynamodb.Keys.id"
at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
rest = "dynamodb.NewImage.nested"
upper = { expr = "utf8_upper(event)" }
"""
THREADS, ROUNDS = 6, 8


def events():
    """Batches that differ in length, in which some records are malformed or have another shape."""
    for seed in range(THREADS):
        payloads = [*burst.records("dynamotest", 40 + 25 * seed, seed=seed, bad=0.2), b"{}", b'{"eventName":[1,null]}']
        records = [
            {"recordId": f"{seed}-{number}", "data": base64.b64encode(payload).decode()}
            for number, payload in enumerate(payloads)
        ]
        yield json.dumps({"records": records}).encode()


@pytest.fixture
def tiny_interval():
    """Threads change after a microsecond, in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_share_a_handler(tiny_interval, capsys):
    """Each invocation is answered as it is alone, whichever others run at the same time in the same process."""
    batches = list(events())
    expected = [make_handler(Pipeline.from_toml(CONFIG))(batch, None) for batch in batches]
    for _ in range(ROUNDS):
        handler = make_handler(Pipeline.from_toml(CONFIG))
        order = [(number + shift) % THREADS for shift in range(3) for number in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as threads:
            answers = list(threads.map(lambda number, handler=handler: handler(batches[number], None), order))
        assert answers == [expected[number] for number in order]
    lines = capsys.readouterr().out.splitlines()
    assert all(json.loads(line) for line in lines), "a line of the log was broken by another thread's"
    assert len(lines) == 2 * (len(batches) + ROUNDS * 3 * THREADS)


PROCESS = """
import json, sys
from fastxform.invocation.handler import make_handler
from fastxform.pipeline import Pipeline

handler = make_handler(Pipeline.from_toml(json.loads(sys.stdin.buffer.readline())))
for line in sys.stdin.buffer:
    answer = handler(line.rstrip(b"\\n"), None)
    sys.stderr.buffer.write(answer + b"\\n")
"""


def test_processes_have_a_handler_each():
    """Processes that work at the same time answer alike: nothing of one is another's."""
    batches = list(events())
    expected = [make_handler(Pipeline.from_toml(CONFIG))(batch, None) for batch in batches]
    content = json.dumps(CONFIG).encode() + b"\n" + b"".join(batch + b"\n" for batch in batches)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=dict(os.environ),
        )
        for _ in range(3)
    ]
    with ThreadPoolExecutor(len(started)) as readers:
        answers = list(readers.map(lambda process: process.communicate(content)[1].splitlines(), started))
    assert [process.returncode for process in started] == [0, 0, 0]
    assert answers == [expected] * 3
