"""`fastxform local` and the pytest plugin: a stream on loopback that boto3 puts to, from the first put to the rows."""

import os
import re
import signal
import subprocess
import sys

import boto3
import pytest
from lambda_runtime import Emulator

from fastxform import Pipeline, pytest_plugin
from fastxform.tools.sample_data import burst

pytestmark = pytest.mark.processes

firehose = pytest_plugin.firehose

CONFIG = """
where = "n != 3"
columns = { id = { path = "id", required = true }, n = { path = "n", type = "int64" } }
"""
RECORDS = [b'{"id":"a","n":1}', b'{"n":2}', b'{"id":"c","n":3}', b'{"id":"d","n":4}']

HANDLER = """
import base64

def handler(event, context):
    return {"records": list(map(answer, event["records"]))}

def answer(record):
    data = base64.b64decode(record["data"]) + b"\\n"
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data).decode()}
"""


@pytest.fixture
def local(write, tmp_path):
    """Start the command, put records to it with boto3, interrupt it: (what it printed, what it wrote)."""

    def run(*arguments, records=RECORDS):
        command = [sys.executable, "-m", "fastxform", "local", *arguments, "--port", "0", "--stream", "s"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        ) as running:
            url = re.search(r"http://127\.0\.0\.1:\d+", running.stderr.readline())[0]
            client = boto3.client(
                "firehose",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="a",
                aws_secret_access_key="b",
            )
            entries = [{"Data": data} for data in records]
            answer = client.put_record_batch(DeliveryStreamName="s", Records=entries)
            assert answer["FailedPutCount"] == 0
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
        rows = {path.relative_to(tmp_path / "s"): path.read_bytes() for path in (tmp_path / "s").rglob("s-1-*")}
        return out, rows

    return run


def test_records_of_boto3_come_out_as_rows(local, write):
    """Filtered, failed and written as the transform says; an interrupt delivers what waits."""
    out, rows = local(write(CONFIG))
    delivered = [data for path, data in rows.items() if "processing-failed" not in path.parts]
    assert delivered == [b"a,1\nd,4\n"]
    lines = dict(re.findall(r"^(\w[\w ]*?) {2,}(.*)$", out, re.M))
    assert (lines["records in"], lines["delivered"], lines["dropped"], lines["failed"]) == ("4", "2", "1", "1")
    assert lines["failed as"] == "1 Lambda.ProcessingFailedStatus"


def test_another_function_is_invoked_in_its_place(local, write):
    """A handler of Python, by its module and name."""
    write(HANDLER, "app.py")
    _, rows = local("--function", "app:handler", records=[b"x", b"y"])
    assert list(rows.values()) == [b"x\ny\n"]


RUNTIME = """
import base64, http.client, json, os

PLACE = "/2018-06-01/runtime/invocation"
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

def answer(record):
    text = base64.b64decode(record["data"]).decode()
    if text == "bad":
        return {"recordId": record["recordId"], "result": "ProcessingFailed"}
    return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(text.upper().encode()).decode()}

while True:
    api.request("GET", f"{PLACE}/next")
    taken = api.getresponse()
    event, identity = json.loads(taken.read()), taken.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"{PLACE}/{identity}/response", json.dumps({"records": list(map(answer, event["records"]))}))
    api.getresponse().read()
"""
"""A runtime by itself: it speaks Lambda's runtime API and has nothing of this package or of AWS's client."""


def test_a_function_behind_the_emulator_is_invoked(local, write, tmp_path):
    """AWS's emulator with a runtime of another kind: the stream takes its answers as those of any function."""
    write(RUNTIME, "bootstrap.py")
    with Emulator(tmp_path, child=[sys.executable, "-S", "-I", str(tmp_path / "bootstrap.py")]) as function:
        out, rows = local("--function", function.address, records=[b"x", b"bad", b"y"])
    delivered = [data for path, data in rows.items() if "processing-failed" not in path.parts]
    assert delivered == [b"XY"]
    assert re.search(r"^failed as +1 Lambda\.ProcessingFailedStatus$", out, re.M)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--stream", "s"], "local takes one of CONFIG and --function FUNCTION"),
        (["--stream", "a/b", "c.toml"], "is not a stream name"),
        (["--stream", "s", "--function", "nowhere:f"], "nowhere: cannot be imported"),
        (["--stream", "s", "--function", "json:nothing"], "json: has no function nothing"),
        (["--stream", "s", "--function", "x"], "is neither module:name nor the URL"),
        (["--stream", "s", "nowhere.toml"], "nowhere.toml"),
    ],
    ids=["neither", "name", "module", "function", "form", "file"],
)
def test_what_cannot_be_served_is_said(command, write, arguments, text):
    """Exit code 2, before anything is made."""
    write(CONFIG)
    code, out, err = command("local", *arguments)
    assert (code, out) == (2, "")
    assert text in err


TESTS = '''
import boto3

CONFIG = """
where = "n != 3"
columns = { id = { path = "id", required = true }, n = { path = "n", type = "int64" } }
"""

def test_rows_and_failures(firehose, tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    stream = firehose(tmp_path / "c.toml")
    for data in (b'{"id":"a","n":1}', b'{"n":2}', b'{"id":"c","n":3}'):
        stream.client.put_record(DeliveryStreamName=stream.name, Record={"Data": data})
    assert stream.rows() == b"a,1\\n"
    assert [line["errorCode"] for line in stream.failed()] == ["Lambda.ProcessingFailedStatus"]

def test_a_producer_finds_the_stream_by_itself(firehose):
    stream = firehose(lambda event, context: {"records": [
        {"recordId": r["recordId"], "result": "Ok", "data": r["data"]} for r in event["records"]]}, name="orders")
    boto3.client("firehose").put_record(DeliveryStreamName="orders", Record={"Data": b"x"})
    assert list(stream.objects().values()) == [b"x"]
'''


def test_the_plugin_gives_a_stream(write, tmp_path):
    """To a project that has fastxform installed, with nothing to configure."""
    write(TESTS, "test_user.py")
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "fastxform.pytest_plugin", "test_user.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert found.returncode == 0, found.stdout
    assert "2 passed" in found.stdout


def test_what_does_not_fit_comes_back_to_the_stream(firehose):
    """Records that a response has no room for are put back and delivered later."""
    records = list(burst.records("dynamotest", 40, size=900_000))
    stream = firehose(Pipeline.from_toml('source = "dynamodb"\n[output]\nformat = "json"\n'))
    for data in records:
        stream.client.put_record(DeliveryStreamName=stream.name, Record={"Data": data})
    assert stream.rows().count(b"\n") == 40
