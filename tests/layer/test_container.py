"""A container's life on the layer, under AWS's emulator: cold, warm, full, overflowing, out of time, ended, small.

The layer is the only place that has the package; what an answer must hold is computed here by the package itself, which
other tests compare with the oracle. Invariant: whatever ends an invocation, each of its records is in the answer, in
the stream, or still Firehose's.
"""

import base64
import json
import subprocess
import time

import pytest
from aws_faults import AwsServer, Plan
from lambda_runtime import PYTHON, SHIPPED, Emulator, RuntimeApi, link_boto3, version_of

import fastxform
from benchmarks.cgroup import handing_down, limited
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.sample_data import burst

pytestmark = pytest.mark.processes

MIB = 1 << 20
PATIENCE_SECONDS = 30

RUNTIMES = [path for path in (PYTHON, SHIPPED) if path is PYTHON or path.exists()]
"""This machine's Python, and the one that the layer is shipped for where the machine has it."""

PROBE = """
import json, os, sys, time

import fastxform.handler
from fastxform import runtime

runtime.install()

def handler(event, context):
    if event == b'"sleep"':
        time.sleep(600)
    if event == b'"who"':
        found = [module.__spec__ for module in sys.modules.values() if getattr(module, "__spec__", None)]
        layer = os.environ["PYTHONPATH"].split(":")[0]
        files = [(spec.origin, spec.cached) for spec in found if (spec.origin or "").startswith(layer)]
        names = sorted({spec.name.split(".")[0] for spec in found if (spec.origin or "").startswith(layer)})
        stale = [origin for origin, cached in files if origin.endswith(".py") and not os.path.exists(cached)]
        return json.dumps({"pid": os.getpid(), "packages": names, "stale": stale}).encode()
    return fastxform.handler.lambda_handler(event, context)
"""
CITIES = """
source = "dynamodb"

[output]
newlines = "space"

[columns]
key = "dynamodb.Keys.key"
name = "(dynamodb.NewImage || dynamodb.OldImage).name"
population = { path = "(dynamodb.NewImage || dynamodb.OldImage).population", type = "int64", default = 0 }
changed_at = { path = "dynamodb.ApproximateCreationDateTime", type = "timestamp[ms]" }
"""
TWICE = """
overflow = { policy = "reingest", workers = 3, reserve_ms = 1_000 }

[columns]
first = "v"
second = "v"
"""
"""What comes out is longer than what goes in."""

ARN = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/overflow"


def event_of(payloads):
    """The event of a stream with these records."""
    records = [{"recordId": str(i), "data": base64.b64encode(one).decode()} for i, one in enumerate(payloads)]
    document = {"invocationId": "i", "deliveryStreamArn": ARN, "region": "eu-west-1", "records": records}
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.fixture(scope="module")
def full():
    """A burst of DynamoDB changes that makes an event of 5.6 MB, and what has to come out."""
    payloads = list(burst.records("cities", 6_700))
    event = event_of(payloads)
    assert 5_600_000 <= len(event) < 6_000_000, len(event)
    batch = fastxform.Pipeline.from_toml(CITIES).run(payloads)
    rows = zip(batch.result, batch.data, strict=True)
    return event, [(str(i), result, data) for i, (result, data) in enumerate(rows)]


@pytest.fixture(scope="module")
def overflowing():
    """Records whose answer is nearly twice what Lambda takes."""
    return [json.dumps({"v": f"{i:08}" * 50}).encode() for i in range(8_000)]


@pytest.fixture
def cities(tmp_path):
    """The task directory of a function with a handler of its own around ours."""
    (tmp_path / "fastxform.toml").write_text(CITIES)
    (tmp_path / "probe.py").write_text(PROBE)
    return tmp_path


@pytest.fixture
def twice(tmp_path):
    """The task directory of a function that overflows, and the variables with which it reaches a stream."""
    task = tmp_path / "task"
    task.mkdir()
    (task / "fastxform.toml").write_text(TWICE)
    boto3 = link_boto3(tmp_path / "boto3")

    def variables(server):
        return server.environment() | {"PYTHONPATH": boto3, "AWS_MAX_ATTEMPTS": "2"}

    return task, variables


def entries(answer):
    """(record id, result, data) of each record of an answer."""
    assert answer.kind == "response", answer
    assert len(answer.body) <= RESPONSE_LIMIT_BYTES
    return [
        (entry["recordId"], entry["result"], base64.b64decode(entry["data"]) if "data" in entry else None)
        for entry in json.loads(answer.body)["records"]
    ]


def wait_for(condition):
    """Wait until something has happened in another process."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("python", RUNTIMES, ids=version_of)
def test_a_full_burst_cold_and_warm(cities, full, python):
    """5.6 MB as the first event of a container and as its third: the same answer, by the same process, out of the
    layer, whose bytecode is read.
    """
    event, expected = full
    with Emulator(cities, "probe.handler", python=python) as function:
        cold = function.invoke(event)
        before = json.loads(function.invoke(b'"who"').body)
        warm = function.invoke(event)
        after = json.loads(function.invoke(b'"who"').body)
    assert entries(cold) == expected
    assert warm.body == cold.body
    assert before["pid"] == after["pid"]
    assert after["packages"] == ["fastxform", "msgspec", "pyarrow", "pybase64"]
    assert after["stale"] == []


@pytest.mark.parametrize("python", RUNTIMES, ids=version_of)
def test_the_interpreter_has_nothing_but_the_layer(python):
    """Without the layer on its path it has no package that the layer could lack unnoticed."""
    names = (
        "fastxform",
        "pyarrow",
        "numpy",
        "msgspec",
        "pybase64",
        "orjson",
        "jmespath",
        "zlib_ng",
        "zstandard",
        "boto3",
    )
    names += ("typing_extensions",)
    script = f"import importlib.util as u; print([name for name in {names} if u.find_spec(name)])"
    done = subprocess.run([python, "-c", script], env={}, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_what_overflows_goes_back_to_the_stream(twice, overflowing):
    """A prefix fills the response; each record behind it is in the stream, once, and `Dropped`."""
    task, variables = twice
    with AwsServer() as stream, Emulator(task, **variables(stream)) as function:
        answer = function.invoke(event_of(overflowing))
    found = entries(answer)
    results = [result for _, result, _ in found]
    sent = results.count("Ok")
    assert [name for name, _, _ in found] == [str(i) for i in range(len(overflowing))]
    assert results == ["Ok"] * sent + ["Dropped"] * (len(overflowing) - sent)
    assert sorted(taken.data for taken in stream.taken) == sorted(overflowing[sent:])
    assert stream.violations == []
    assert len(answer.body) > RESPONSE_LIMIT_BYTES - 100_000


def test_a_stream_that_does_not_answer_costs_no_record(twice, overflowing):
    """Puts that hang are given up before the time-out: their records fail, so that Firehose keeps the originals."""
    task, variables = twice
    with (
        AwsServer(Plan(calls={"hang": 1.0})) as stream,
        Emulator(task, AWS_LAMBDA_FUNCTION_TIMEOUT="4", **variables(stream)) as function,
    ):
        found = entries(function.invoke(event_of(overflowing)))
    results = [result for _, result, _ in found]
    assert set(results) == {"Ok", "ProcessingFailed"}
    assert len(results) == len(overflowing)


def test_an_invocation_out_of_time_is_answered_by_the_next(cities, full):
    """Lambda ends a function that does not come back; the event is still Firehose's, and the next process answers."""
    event, expected = full
    with Emulator(cities, "probe.handler", AWS_LAMBDA_FUNCTION_TIMEOUT="1") as function:
        first = json.loads(function.invoke(b'"who"').body)["pid"]
        out = function.invoke(b'"sleep"')
        second = json.loads(function.invoke(b'"who"').body)["pid"]
        after = function.invoke(event)
    assert out.body == b"Task timed out after 1.00 seconds"
    assert first != second
    assert entries(after) == expected


class TestSigterm:
    """The end of a container."""

    def test_between_invocations_it_ends_at_once(self, cities, full):
        """No traceback, nothing said, no process left."""
        with RuntimeApi(cities) as function:
            assert entries(function.invoke(full[0])) == full[1]
            function.terminate()
            end = function.answer()
        assert (end.kind, end.body) == ("exit", b"-15")
        assert "Traceback" not in function.log()

    def test_under_the_emulator_too(self, cities):
        """The emulator hands it on, and ends as asked."""
        with Emulator(cities, "probe.handler") as function:
            function.invoke(b'"who"')
            assert function.terminate() == 0
        assert "Traceback" not in function.log()

    def test_amid_puts_nothing_is_lost(self, twice, overflowing):
        """Nothing was answered, so every record is still Firehose's; the next container answers each. One whose put
        had arrived is there twice, which is a duplicate and no loss.
        """
        task, variables = twice
        event = event_of(overflowing)
        with AwsServer(Plan(calls={"hang": 1.0})) as stream:
            with RuntimeApi(task, **variables(stream)) as function:
                function.send(event)
                wait_for(lambda: stream.taken)
                function.terminate()
                end = function.answer()
            stream.plan = Plan()
            with RuntimeApi(task, **variables(stream)) as function:
                found = entries(function.invoke(event))
        assert (end.kind, end.body) == ("exit", b"-15")
        dropped = [overflowing[int(name)] for name, result, _ in found if result == "Dropped"]
        assert {result for _, result, _ in found} == {"Ok", "Dropped"}
        assert len(found) == len(overflowing)
        assert {taken.data for taken in stream.taken} >= set(dropped)


class TestMemory:
    """The sizes of a function, held by the kernel where a control group can be made, else process by process."""

    @pytest.mark.parametrize("group", [True, False], ids=["group", "process"])
    @pytest.mark.parametrize("size", [256, 512])
    def test_a_full_burst_fits(self, cities, full, size, group):
        """Five full events one after another."""
        event, expected = full
        with limited(size * MIB, group=group) as limits, RuntimeApi(cities, within=limits.prefix) as function:
            answers = [function.invoke(event) for _ in range(5)]
            assert limits.kills() in (0, None)
        assert entries(answers[0]) == expected
        assert {answer.body for answer in answers} == {answers[0].body}

    def test_an_overflow_fits(self, twice, overflowing):
        """In 256 MB, boto3 and all."""
        task, variables = twice
        with (
            AwsServer() as stream,
            limited(256 * MIB) as limits,
            RuntimeApi(task, within=limits.prefix, **variables(stream)) as function,
        ):
            found = entries(function.invoke(event_of(overflowing)))
        assert {result for _, result, _ in found} == {"Ok", "Dropped"}
        assert len(stream.taken) == [result for _, result, _ in found].count("Dropped")

    @pytest.mark.parametrize("group", [True, False], ids=["group", "process"])
    def test_the_limit_is_one(self, cities, full, group):
        """The check itself: in 24 MB the same event is not answered."""
        with limited(24 * MIB, group=group) as limits, RuntimeApi(cities, within=limits.prefix) as function:
            function.send(full[0])
            assert function.answer().kind in ("exit", "error", "init_error")

    @pytest.mark.parametrize(
        ("handed", "found"),
        [
            ({"": "cpu memory", "a": "memory", "a/b": ""}, {"memory": "a"}),
            ({"": "cpu memory", "a": "cpu", "a/b": ""}, {"memory": "", "cpu": ""}),
            ({"": "cpu memory", "a": "cpu memory", "a/b": "memory cpu"}, {"memory": "a/b", "cpu": "a/b"}),
            ({"": "pids", "a": "", "a/b": ""}, {}),
            ({}, {}),
        ],
        ids=["above", "root", "own", "no_memory", "no_files"],
    )
    def test_groups_of_version_2_are_made_where_memory_is_handed_down(self, tmp_path, handed, found):
        """The nearest group above the process; nowhere outside of the mount."""
        mount = tmp_path / "mount"
        (mount / "a" / "b").mkdir(parents=True)
        (tmp_path / "cgroup.subtree_control").write_text("memory")
        for name, controllers in handed.items():
            (mount / name / "cgroup.subtree_control").write_text(controllers + "\n")
        assert handing_down(mount, "/a/b") == {controller: mount / place for controller, place in found.items()}
