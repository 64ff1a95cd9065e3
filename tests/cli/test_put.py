"""Records of a file to a stream: every form of input, at a rate, again until acknowledged, and nothing forgotten."""

import base64
import contextlib
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from aws_faults import AwsServer, Plan

from fastxform import limits
from fastxform.puts.api import Target
from fastxform.puts.batching import cut
from fastxform.tools.replay.outgoing import Outgoing, RateLimit, partition_key
from fastxform.tools.replay.sender import Sender
from fastxform.tools.simulator.workers import Workers

pytestmark = pytest.mark.processes

FAST = ("--rate-records", "1e9", "--rate-bytes", "1e12")
FIREHOSE = Target("firehose", "s", None, None)
KINESIS = Target("kinesis", "s", None, None)


@pytest.fixture
def aws(monkeypatch):
    """Return a starter of servers, which the command of this process then finds."""
    with contextlib.ExitStack() as stack:

        def start(plan=None):
            server = stack.enter_context(AwsServer(plan))
            for name, value in {**server.environment(), "AWS_REGION": "eu-west-1"}.items():
                monkeypatch.setenv(name, value)
            return server

        yield start


@pytest.fixture
def pipe(monkeypatch):
    """Have bytes on standard input."""

    def fill(data):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(data))))

    return fill


def test_a_run_that_sent_nothing_leaves_no_journal(command, write, monkeypatch, tmp_path):
    """There is nothing to resume: without credentials no call is made."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    code, _, err = command("put", "s", write(b'{"a":1}\n{"a":2}\n'))
    assert code == 1
    assert "there are no AWS credentials" in err
    assert [path.name for path in tmp_path.iterdir()] == ["c.toml"]


def test_answers_that_drip_end(command, write, aws, monkeypatch):
    """A call has an end whatever arrives of its answer; a stream that acknowledges nothing is not put to for ever."""
    monkeypatch.setattr("fastxform.tools.replay.sender.READ_TIMEOUT_S", 0.15)
    server = aws(Plan(calls={"drip_body": 1.0}))
    code, out, err = command("put", "s", write(b'{"a":1}\n{"a":2}\n'), "--json", "--workers", "1")
    assert (code, len(server.taken)) == (1, 4)
    assert json.loads(out)["errors"] == {"CallTimeout": 2}
    assert (
        "fastxform: the stream acknowledges nothing, and may have stored all of it: s: the answers of firehose" in err
    )


def taken(server):
    """Return the records of a server in the order in which it took them."""
    return [(one.data, one.partition_key) for one in server.taken]


EVENT = {
    "records": [
        {
            "recordId": str(number),
            "data": base64.b64encode(b"r%d" % number).decode(),
            "kinesisRecordMetadata": {"partitionKey": f"k{number}"},
        }
        for number in range(3)
    ]
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b'{"a":1}\n\n{"a":2}\r\nrubbish', [b'{"a":1}', b'{"a":2}\r', b"rubbish"], id="lines"),
        pytest.param(gzip.compress(b"a\nb\n"), [b"a", b"b"], id="gzip"),
        pytest.param(b'{\n"a": 1\n}\n', [b'{\n"a": 1\n}'], id="one record"),
        pytest.param(json.dumps(EVENT).encode(), [b"r0", b"r1", b"r2"], id="event"),
        pytest.param(
            b'{"Records":[{"eventName":"INSERT","dynamodb":{"n": 1.10}}]}',
            [b'{"eventName":"INSERT","dynamodb":{"n": 1.10}}'],
            id="Streams batch",
        ),
        pytest.param(b"", [], id="nothing"),
    ],
)
@pytest.mark.parametrize("piped", [False, True], ids=["file", "stdin"])
def test_every_form_of_input_is_put(command, write, aws, pipe, text, expected, piped):
    """Byte for byte, each once; an event's own partition keys stay with its records, other records get one."""
    server = aws()
    name = "-" if piped else write(text, "input")
    if piped:
        pipe(text)
    code, out, err = command("put", "kinesis:s", name, "--json", "--workers", "1", *FAST)
    keys = [f"k{number}" for number in range(3)] if b"recordId" in text else map(partition_key, expected)
    assert (code, taken(server)) == (0, list(zip(expected, keys, strict=True)))
    assert json.loads(out)["acknowledged"] == len(expected)
    assert f"{len(expected)} record{'s' * (len(expected) != 1)} (" in err


def test_all_acknowledged_leaves_nothing_behind(command, write, aws, tmp_path):
    """The journal of its own goes; so the same command sends the same again. One that was named stays."""
    server = aws()
    name = write(b"a\nb\n", "input")
    for _ in range(2):
        assert command("put", "s", name, *FAST)[0] == 0
    assert Counter(taken(server)) == Counter([(b"a", None), (b"b", None)] * 2)
    assert [path.name for path in tmp_path.iterdir()] == ["input"]
    for _ in range(2):
        assert command("put", "s", name, "--journal", "j", *FAST)[0] == 0
    assert len(server.taken) == 6
    assert (tmp_path / "j").exists()


def test_what_is_left_is_sent_by_the_same_command(command, write, aws, tmp_path):
    """Exit code 1 names the records; the same command then sends those alone."""
    payloads = [b"r%d" % number for number in range(1_000)]
    server = aws(Plan(poison=b"r5"))
    name = write(b"\n".join(payloads), "input")
    code, out, err = command("put", "s", name, "--json", *FAST)
    assert code == 1
    assert "1 record not acknowledged: not sent, or sent in vain:\n  input: record 6\n" in err
    assert json.loads(out)["unacknowledged"] == {"put_failed": ["input: record 6"]}
    assert Counter(taken(server)) == Counter((data, None) for data in payloads if data != b"r5")
    server = aws()
    code, _, err = command("put", "s", name, *FAST)
    assert (code, taken(server)) == (0, [(b"r5", None)])
    assert "999 records acknowledged before, not sent again\n" in err
    assert [path.name for path in tmp_path.iterdir()] == ["input"]


def test_what_standard_input_held_and_could_not_be_sent_is_kept(command, pipe, aws, write, tmp_path):
    """A refused stream leaves a file with everything, keys too, which `replay` sends."""
    write(b"", "x")
    aws(Plan(refuse="access_denied"))
    event = json.dumps(EVENT).encode()
    pipe(event)
    code, out, err = command("put", "kinesis:s", "-", "--unsent", "left", "--json")
    assert (code, json.loads(out)["unsent"]) == (1, "left")
    assert "left: 3 records not sent, for fastxform replay --put\n" in err
    server = aws()
    assert command("replay", "left", "--put", "kinesis:s", "--yes")[0] == 0
    assert sorted(taken(server)) == [(b"r0", "k0"), (b"r1", "k1"), (b"r2", "k2")]
    pipe(event)
    aws(Plan(refuse="access_denied"))
    code, _, err = command("put", "kinesis:s", "-", "--unsent", "left")
    assert code == 2
    assert "fastxform: left: File exists, so what was not sent has no place\n" in err


def test_the_rest_of_standard_input_is_kept_too(command, pipe, aws, write, tmp_path):
    """A stream that refuses ends the puts, and what was not even read by then is in the file."""
    write(b"", "x")
    aws(Plan(refuse="not_found"))
    payloads = [b"r%d" % number for number in range(30_000)]
    pipe(b"\n".join(payloads))
    assert command("put", "s", "-", "--unsent", "left", *FAST)[0] == 1
    lines = [json.loads(line) for line in (tmp_path / "left").read_bytes().splitlines()]
    assert Counter(base64.b64decode(line["rawData"]) for line in lines) == Counter(payloads)


def test_a_dry_run_sends_nothing(command, write, aws, tmp_path):
    """It says what would be sent, and knows what an earlier run has sent."""
    server = aws(Plan(poison=b"r5"))
    name = write(b"".join(b"r%d\n" % number for number in range(700)) + b"x" * 1_100_000, "input")
    code, out, err = command("put", "kinesis:s", name, "--dry-run")
    assert (code, err, server.calls) == (0, "", [])
    assert out == (
        "would send 700 records (25.1 kB) to kinesis:s in 2 calls, in about 1 s at 500 records and 500.0 kB a second; "
        "1 record larger than the stream takes\n"
    )
    assert command("put", "kinesis:s", name, *FAST)[0] == 1
    found = json.loads(command("put", "kinesis:s", name, "--dry-run", "--json")[1])
    assert (found["records"], found["calls"], found["too_large"], found["dry_run"]) == (1, 1, 1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s", "nothing"], "nothing: No such file or directory"),
        (["s", "."], ".: Is a directory"),
        (["s", "-", "--journal", "j"], "--journal: standard input cannot be read again"),
        (["s", "input", "--unsent", "u"], "--unsent is for standard input"),
        (["kinesis:", "input"], "kinesis:: is no stream"),
        (["s" * 65, "input"], "s" * 65 + ": is no stream"),
        (["s", "/dev/null"], "/dev/null: is no file, so it cannot be read again: pipe it in, and name it -"),
        (["s", "damaged"], "damaged: the gzip data is damaged or ends early"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(command, write, aws, arguments, message):
    """Exit code 2, the place, and what to do; nothing is put that could not be read."""
    server = aws()
    write(b"a\n", "input")
    write(gzip.compress(os.urandom(2_000))[:1_000], "damaged")
    code, out, err = command("put", *arguments)
    assert (code, out, server.taken) == (2, "", [])
    assert err.splitlines()[-1].startswith(f"fastxform: {message}")
    assert "Traceback" not in err


def test_input_that_breaks_off_keeps_its_books(command, write, aws):
    """What was read before is sent or resumed, and the exit code says that the input was no good."""
    server = aws()
    payloads = [os.urandom(60).hex().encode() for _ in range(30_000)]
    name = write(gzip.compress(b"\n".join(payloads))[:-1_000], "input")
    code, _, err = command("put", "s", name, *FAST)
    assert code == 2
    assert "fastxform: input: the gzip data is damaged or ends early\n" in err
    count = len(server.taken)
    assert count > 0
    assert f"{count} records (" in err
    assert {data for data, _ in taken(server)} < set(payloads)


# ---- the machinery


class Clients:
    """A client whose calls take simulated time, and which notes when each began."""

    def __init__(self, workers, seconds):
        self.workers, self.seconds = workers, seconds
        self.calls = []

    def put_record_batch(self, *, DeliveryStreamName, Records):
        self.calls.append((self.workers.clock(), len(Records), sum(len(entry["Data"]) for entry in Records)))
        self.workers.hold(self.seconds)
        return {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "r"}] * len(Records)}


@pytest.mark.parametrize(
    ("records_per_s", "bytes_per_s", "size_bytes"),
    [(1_000, 1e9, 10), (1e9, 100_000, 1_000), (7, 1e9, 5), (1e9, 10_000, 25_000), (0.5, 1e9, 1)],
)
@pytest.mark.parametrize("seconds", [0.001, 3.0])
def test_no_second_has_more_than_the_rate(records_per_s, bytes_per_s, size_bytes, seconds):
    """Calls of any duration: what starts in one second is what belongs into it and the call that ends it, no more."""
    workers = Workers(4)
    client = Clients(workers, seconds)
    rate_limit = RateLimit(records_per_s, bytes_per_s, 4)
    sender = Sender(FIREHOSE, client, rate_limit, clock=workers.clock, sleep=workers.sleep, pool=workers)
    count = 40
    sent = sender.run(Outgoing(0, number, b"x" * size_bytes) for number in range(count))
    assert (sent.records, sent.complete, workers.most <= 4) == (count, True, True)
    for number, (begin, _, _) in enumerate(client.calls):
        window = [call for call in client.calls[number:] if call[0] < begin + 1.0]
        assert sum(call[1] for call in window[:-1]) <= max(records_per_s, 1)
        assert sum(call[2] for call in window[:-1]) <= max(bytes_per_s, size_bytes)
    least = rate_limit.seconds(count - client.calls[-1][1], (count - client.calls[-1][1]) * size_bytes)
    assert workers.clock() >= least * 0.999


def test_the_records_held_are_bounded():
    """A stream that takes nothing for a while is no reason to read on: what is undecided has its bound."""
    workers = Workers(2)
    client = Clients(workers, 0.01)
    state = {"read": 0, "ahead": 0, "acknowledged": 0}

    def put(*, DeliveryStreamName, Records):
        if workers.clock() < 20.0:
            return {"FailedPutCount": len(Records), "RequestResponses": [{"ErrorCode": "x"}] * len(Records)}
        state["acknowledged"] += len(Records)
        return Clients.put_record_batch(client, DeliveryStreamName=DeliveryStreamName, Records=Records)

    def source():
        for number in range(20_000):
            state["read"] += 1
            state["ahead"] = max(state["ahead"], state["read"] - state["acknowledged"])
            yield Outgoing(0, number, b"x")

    client.put_record_batch = put
    rate_limit = RateLimit(1e9, 1e12, 2)
    sent = Sender(FIREHOSE, client, rate_limit, clock=workers.clock, sleep=workers.sleep, pool=workers).run(source())
    assert sent.records == 20_000
    assert sent.retries > 10
    assert state["ahead"] <= (2 * 2 + 1) * limits.FIREHOSE_BATCH_LIMIT_RECORDS + 1


@pytest.mark.parametrize("target", [FIREHOSE, KINESIS], ids=["firehose", "kinesis"])
def test_a_call_is_no_more_than_the_api_or_a_second_takes(target):
    """Whatever the rate."""
    most_bytes, most_records = RateLimit(1e9, 1e12).call_limits(target)
    assert most_records == 500
    assert most_bytes == (4_194_304 if target.service == "firehose" else 5_242_880)
    assert RateLimit(7.5, 99.5).call_limits(target) == (99, 7)
    assert RateLimit(0.1, 1).call_limits(target) == (1, 1)


def test_calls_are_filled_in_order():
    """By bytes and by count; each record once."""
    assert list(cut([(1, 5), (2, 5), (3, 1), (4, 11), (5, 1)], 10, 9)) == [[1, 2], [3], [4], [5]]
    assert list(cut(((number, 0) for number in range(5)), 10, 2)) == [[0, 1], [2, 3], [4]]
    assert list(cut([], 10, 2)) == []


def test_a_killed_put_goes_on(write, tmp_path):
    """As with `replay`: none lost, and what was in flight named by its number."""
    payloads = [b"r%d" % number for number in range(20_000)]
    write(b"\n".join(payloads), "input")
    arguments = [sys.executable, "-m", "fastxform", "put", "s", "input", "--json", *FAST]
    with AwsServer(Plan(latency_s=0.01)) as server:
        environment = {**os.environ, **server.environment(), "AWS_REGION": "eu-west-1"}
        process = subprocess.Popen(
            arguments, cwd=tmp_path, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while len(server.taken) < 5_000:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, check=True)
    counts = Counter(data for data, _ in taken(server))
    assert counts.keys() == set(payloads)
    named = set()
    for name in json.loads(done.stdout)["possible_duplicates"]:
        first, _, last = name.removeprefix("input: record").removeprefix("s").strip().partition("-")
        named |= set(payloads[int(first) - 1 : int(last or first)])
    assert {data for data, count in counts.items() if count > 1} <= named
    assert len(named) <= 8 * 500
