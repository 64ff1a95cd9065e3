"""Failed records: read whatever the bytes, grouped, run again, and sent back with none lost, killed or not."""

import base64
import contextlib
import fcntl
import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from aws_faults import REFUSALS, AwsServer, Plan
from loopback_s3 import S3Server

from fastxform.errors import InputError
from fastxform.tools.replay import failures, stores
from fastxform.tools.replay.failures import Broken, Failure
from fastxform.tools.replay.journal import Journal
from fastxform.tools.replay.ledger import HEAD, Chain
from fastxform.tools.replay.locations import LocationNames, Span, spans
from fastxform.tools.replay.stores import Stored

pytestmark = pytest.mark.processes

FAST = ("--rate-records", "1e9", "--rate-bytes", "1e12")
CONFIG = """
where = "n != 3"

[columns]
id = { path = "id", required = true }
n = { path = "n", type = "int64" }
"""


def line(data=b"{}", code="Lambda.FunctionError", arn="lambdaARN", **members):
    """Return the line of a failed record, as objects of 2025 have it."""
    found = {
        "rawData": base64.b64encode(data).decode(),
        "errorCode": code,
        "errorMessage": "it failed",
        "attemptsMade": 4,
        "arrivalTimestamp": 1758706488335,
        "attemptEndingTimestamp": 1758706512945,
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:f",
    } | members
    return json.dumps({name: value for name, value in found.items() if value is not None}).encode() + b"\n"


def record(number, **members):
    """Return the bytes of a record."""
    return json.dumps({"id": f"r{number}", "n": number} | members).encode()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty directory, which it returns."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def objects(here):
    """Write objects below `failed` by name and return nothing."""

    def write(**contents):
        for name, content in contents.items():
            path = here / "failed" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return write


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


def data_of(server):
    """Return how often the server took each record."""
    return Counter(taken.data for taken in server.taken)


# ---- reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(line(b"x"), (b"x", "Lambda.FunctionError", 4, 1758706488335, True), id="lambdaARN"),
        pytest.param(
            line(b"x", arn="lambdaArn"), (b"x", "Lambda.FunctionError", 4, 1758706488335, True), id="lambdaArn"
        ),
        pytest.param(
            line(b"x", attemptsMade="4", arrivalTimestamp="1758706488335"),
            (b"x", "Lambda.FunctionError", 4, 1758706488335, True),
            id="numbers as strings",
        ),
        pytest.param(
            line(b"", "Decompression failed.", arn="no"), (b"", "Decompression failed.", 4, 1758706488335, True),
            id="decompression, no record",
        ),
        pytest.param(
            line(b"x", None, arn="no", ErrorCode="DataFormatConversion.ParseError", ErrorMessage="m"),
            (b"x", "DataFormatConversion.ParseError", 4, 1758706488335, False),
            id="format conversion",
        ),
        pytest.param(
            line(b"x", None, arn="no", lastErrorCode="DataFormatConversion.ParseError"),
            (b"x", "DataFormatConversion.ParseError", 4, 1758706488335, False),
            id="format conversion, older",
        ),
        pytest.param(
            line(b"x", "Iceberg.NoSuchTable", arn="no", EventId="7"),
            (b"x", "Iceberg.NoSuchTable", 4, 1758706488335, False),
            id="iceberg",
        ),
        pytest.param(
            line(b"x", {"a": 1}, attemptsMade=[], arrivalTimestamp=-1),
            (b"x", "{'a': 1}", None, None, True),
            id="odd members cost nothing but themselves",
        ),
        pytest.param(
            line(b"x", "c" * 500, arrivalTimestamp=10**18),
            (b"x", "c" * 100, 4, None, True),
            id="long code, arrival beyond the year 9999",
        ),
        pytest.param(
            line(b"x").replace(b"\n", b"\r\n"), (b"x", "Lambda.FunctionError", 4, 1758706488335, True), id="CRLF"
        ),
        pytest.param(
            line(b"z" * 10_000_000), (b"z" * 10_000_000, "Lambda.FunctionError", 4, 1758706488335, True),
            id="13 MB",
        ),
    ],
)  # fmt: skip
def test_every_kind_of_line_is_read(tmp_path, text, expected):
    """Both spellings of every member, numbers or strings, at both ends of a file."""
    path = tmp_path / "o"
    path.write_bytes(text + b"\n" + text.rstrip(b"\n"))
    found = list(failures.read(0, Stored(str(path), 1, 1)))
    assert [(one.data, one.code, one.attempts, one.arrived_ms, one.is_original) for one in found] == [expected] * 2
    assert [one.line for one in found] == [1, 3]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param(b"{", "the line is not a JSON object", id="cut"),
        pytest.param(b"\x80\x04\x95\xff", "the line is not a JSON object", id="binary"),
        pytest.param(b'{"a":' + b"[" * 100_000, "the line is not a JSON object", id="deep"),
        pytest.param(b'{"rawData":"\xff"}', "the line is not a JSON object", id="not UTF-8"),
        pytest.param(b"[1]", "the line is not a JSON object", id="list"),
        pytest.param(b"{}", "the line has no rawData, so there is no record in it", id="empty"),
        pytest.param(b'{"rawData":7}', "the line has no rawData, so there is no record in it", id="number"),
        pytest.param(b'{"rawData":"eA"}', "the rawData of the line is not base64", id="no padding"),
        pytest.param(b'{"rawData":"e-=="}', "the rawData of the line is not base64", id="alphabet"),
    ],
)
def test_a_broken_line_costs_itself(tmp_path, text, what):
    """It is named with its place, and the lines around it are read."""
    path = tmp_path / "o"
    path.write_bytes(line(b"a") + text + b"\n" + line(b"b"))
    found = list(failures.read(5, Stored(str(path), 1, 1)))
    assert found[1] == Broken(5, 2, what)
    assert [found[0].data, found[2].data] == [b"a", b"b"]


def test_a_line_without_an_end_is_skipped_in_bounded_memory(tmp_path, monkeypatch):
    """More than a line may have is one broken line, and the next one is read."""
    monkeypatch.setattr(failures, "LINE_LIMIT_BYTES", 1_000)
    path = tmp_path / "o"
    path.write_bytes(b"x" * 5_000_000 + b"\n" + line(b"a") + b"x" * 1_001)
    found = list(failures.read(0, Stored(str(path), 1, 1)))
    assert [type(one) for one in found] == [Broken, Failure, Broken]
    assert [one.line for one in found] == [1, 2, 3]


@pytest.mark.parametrize("kept", [0.3, 0.999], ids=["in the middle", "in the trailer"])
def test_gzip_that_ends_early_gives_what_it_has(tmp_path, kept):
    """Complete lines before the damage are records; the damage is named."""
    lines = [line(os.urandom(500)) for _ in range(2_000)]
    packed = gzip.compress(b"".join(lines))
    path = tmp_path / "o"
    path.write_bytes(packed[: int(len(packed) * kept)])
    *read, broken = failures.read(0, Stored(str(path), 1, 1))
    assert 500 < len(read) <= 2_000
    assert [one.text + b"\n" for one in read] == lines[: len(read)]
    assert broken.what.startswith("the gzip data is damaged")
    assert broken.line == len(read) + 1


def test_gzip_of_several_members_is_one_stream(tmp_path):
    """As a tool makes it that joins objects."""
    path = tmp_path / "o"
    path.write_bytes(gzip.compress(line(b"a")) + gzip.compress(line(b"b")))
    assert [one.data for one in failures.read(0, Stored(str(path), 1, 1))] == [b"a", b"b"]


# ---- the table


def test_groups_by_code_and_by_todays_answer(command, objects, write):
    """Counts, attempts, arrivals and examples of each group; broken lines named, files in order, hidden ones not."""
    config = write(CONFIG)
    objects(
        b=b"".join([line(record(1)), b"rubbish\n", line(record(2), attemptsMade=1, arrivalTimestamp=1758706400000)]),
        a__1=gzip.compress(line(record(3)) + line(b"[]") + line(b'{"n":1}', "Lambda.FunctionTimedOut")),
        a__empty=b"",
        a__2=line(record(9), "Iceberg.NoSuchTable", arn="no"),
    )
    objects(**{".hidden": b"rubbish\n"})
    code, out, err = command("replay", "failed", "--config", config, "--json")
    assert code == 0
    assert "failed/b:2: the line is not a JSON object\n" in err
    found = json.loads(out)
    assert (found["objects"], found["records"], found["broken"]) == (4, 6, {"the line is not a JSON object": 1})
    groups = {(group["error_code"], group["today"]): group for group in found["groups"]}
    assert {key: group["records"] for key, group in groups.items()} == {
        ("Lambda.FunctionError", "Ok"): 2,
        ("Lambda.FunctionError", "Dropped"): 1,
        ("Lambda.FunctionError", "not_object"): 1,
        ("Lambda.FunctionTimedOut", "required:id"): 1,
        ("Iceberg.NoSuchTable", "after the transform"): 1,
    }
    ok = groups["Lambda.FunctionError", "Ok"]
    assert ok["attempts"] == [1, 4]
    assert ok["arrived_ms"] == [1758706400000, 1758706488335]
    assert ok["examples"] == [{"place": "failed/b:1"}, {"place": "failed/b:3"}]
    assert ok["bytes"] == len(record(1) + record(2))
    assert command("replay", "failed", "--config", config, "--strict")[0] == 1


def test_a_table_shows_no_value_unless_asked(command, objects, write):
    """Examples are places; with --show-data the beginning of the record, on one line."""
    config = write(CONFIG)
    objects(a=line(b'{"id":"secret\\n","n":"x"}\n\x1b[2J'))
    code, out, err = command("replay", "failed", "--config", config)
    assert (code, err) == (0, "1 failed record in 1 object\n")
    assert "secret" not in out
    assert "as in failed/a:1" in out
    assert "it failed" in out
    _, out, _ = command("replay", "failed", "--config", config, "--show-data")
    assert 'failed/a:1: {"id":"secret\\n","n":"x"}' in out
    assert "\x1b" not in out
    assert "secret" not in command("replay", "failed", "--config", config, "--json")[1]


def test_the_table_is_this(command, objects, write):
    """As people see it."""
    config = write(CONFIG)
    objects(a=line(record(1)) * 2 + line(b"[]", arrivalTimestamp=None), b=line(record(1)))
    code, out, _ = command("replay", "failed", "--config", config)
    assert code == 0
    assert out == (
        "records  error code            today       attempts  first arrival         last arrival          size\n"
        "      3  Lambda.FunctionError  Ok          4         2025-09-24T09:34:48Z  2025-09-24T09:34:48Z  60 bytes\n"
        "         it failed\n"
        "         as in failed/a:1, failed/a:2, failed/b:1\n"
        "      1  Lambda.FunctionError  not_object  4         -                     -                     2 bytes\n"
        "         it failed\n"
        "         today not_object: the record is a JSON scalar or a list, not an object\n"
        "         as in failed/a:3\n"
    )


def test_codes_without_end_are_not_kept(command, objects):
    """Groups are bounded, whatever stands in the lines; broken lines of a kind are named up to ten."""
    objects(a=b"".join(line(b"x", f"code{number}") for number in range(1_500)) + b"rubbish\n" * 500)
    code, out, err = command("replay", "failed", "--json")
    groups = json.loads(out)["groups"]
    assert (code, len(groups)) == (0, 1_001)
    assert groups[0]["error_code"] == "(other codes)"
    assert groups[0]["records"] == 500
    assert err.count("the line is not a JSON object") == 11
    assert "and 490 more lines: the line is not a JSON object\n" in err


def test_only_an_error_code(command, objects):
    """`--error-code` keeps what failed so."""
    objects(a=line(b"a", "A") + line(b"b", "B") + line(b"c", "C"))
    found = json.loads(command("replay", "failed", "--json", "--error-code", "A", "--error-code", "C")[1])
    assert [group["error_code"] for group in found["groups"]] == ["A", "C"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: No such file or directory"),
        (["s3://"], "s3://: names no bucket"),
        (["failed", "--out", "x"], "--out writes what a transform gives: it needs --config"),
        (
            ["failed", "--config", "c.toml", "--out", "x", "--put", "s"],
            "--out and --put would deliver the records twice",
        ),
        (["failed", "--config", "c.toml", "--out", "failed/x"], "--out failed/x lies inside failed"),
        (["failed", "--yes"], "--yes says that records are sent: it needs --put"),
        (["failed", "--put", "a b"], "a b: is no stream"),
        (["failed", "--put", "arn:aws:s3:::x"], "arn:aws:s3:::x: is not the ARN of a Firehose or Kinesis stream"),
        (
            ["failed", "--put", "s", "--yes", "--journal", "failed"],
            "failed: is no file, and",
        ),
        (["failed", "--put", "s", "--yes", "--journal", "/dev/full"], "/dev/full: is no file, and"),
        (["failed", "--config", "none.toml"], "none.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(command, objects, write, monkeypatch, arguments, message):
    """Exit code 2, the place, and what to do."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    write(CONFIG)
    objects(a=line())
    code, out, err = command("replay", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {message}")
    assert err.count("\n") == 1


def test_nothing_but_rubbish_is_a_finding(command, objects):
    """Exit code 1 where lines were read and none was a record; none at all is said, and fine."""
    objects(a=b"rubbish\n")
    assert command("replay", "failed")[0] == 1
    objects(a=b"")
    code, out, err = command("replay", "failed")
    assert (code, out, err) == (0, "", "0 failed records in 1 object\n")


def test_an_object_named_twice_is_read_once(command, objects):
    """So that nothing is sent twice."""
    objects(a=line())
    _, out, err = command("replay", "failed", "failed/a", "--json")
    assert json.loads(out)["records"] == 1
    assert "failed/a: 1 objects are named twice and read once, the first failed/a\n" in err


def test_memory_does_not_grow_with_the_records(objects, here, write):
    """40 times the records, 200 MB of lines: the largest memory of the process stays what it was."""
    write(CONFIG)
    text = b"".join(line(record(number, text="x" * 1_500)) for number in range(2_500))

    # Not `ru_maxrss`, in which a process starts with what its parent has.
    script = (
        "import pathlib, re, sys\n"
        "from fastxform.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', pathlib.Path('/proc/self/status').read_text())[1])\n"
    )

    def most_kib(name, times):
        objects(**{name: gzip.compress(text * times, 1)})
        arguments = ["replay", f"failed/{name}", "--config", "c.toml", "--out", f"out-{name}", "--json"]
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, check=True)
        return int(done.stdout.splitlines()[-1])

    assert most_kib("large", 40) < most_kib("small", 1) + 48 * 1024


def test_standard_input_is_read_and_not_sent(command, objects, here, monkeypatch):
    """`-` is a path like any other, but for puts, which could not be resumed."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(line(b"[]") + b"rubbish\n"))))
    code, out, err = command("replay", "-", "--json")
    assert (code, json.loads(out)["records"]) == (0, 1)
    assert "standard input:2: the line is not a JSON object\n" in err
    code, _, err = command("replay", "-", "--put", "s")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("fastxform: standard input cannot be read again")
    monkeypatch.setattr(sys, "stdin", None)
    assert command("replay", "-")[2] == "fastxform: standard input is closed\n"


# ---- run again


def tree(root):
    """Return the files below a directory."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_what_comes_out_and_what_fails_again_is_written(command, objects, write, here):
    """Rows in order, what fails again as the lines it was, dropped records nowhere; the same run, the same objects."""
    config = write(CONFIG)
    again = [line(b"[]"), line(record(7), "Iceberg.NoSuchTable", arn="no")]
    objects(a=line(record(1)) + again[0] + line(record(3)), b=gzip.compress(line(record(2)) + again[1]))
    before = tree(here / "failed")
    assert command("replay", "failed", "--config", config, "--out", "out")[0] == 0
    written = tree(here / "out")
    (rows,) = [name for name in written if name.endswith(".csv")]
    (failed,) = [name for name in written if name.startswith("processing-failed/")]
    assert len(written) == 2
    assert written[rows] == b"r1,1\nr2,2\n"
    assert written[failed] == b"".join(again)
    assert tree(here / "failed") == before
    assert command("replay", "failed", "--config", config, "--out", "out")[0] == 0
    assert tree(here / "out") == written
    (here / "failed/c").write_bytes(line(record(5)))
    assert command("replay", "failed", "--config", config, "--out", "out")[0] == 0
    assert tree(here / "out").items() > written.items()


def test_rows_go_where_their_metadata_says(command, objects, write, here):
    """Partition keys are prefixes, tables have objects with the operations of their rows beside them."""
    config = write(
        """
        output = { format = "json" }
        [columns]
        id = "id"
        [[routes]]
        where = "id != 'r2'"
        iceberg = { database = "db", table = "t", operation = "update" }
        columns = { n = "n" }
        [[routes]]
        iceberg = { database = "db", table = "../u" }
        """
    )
    objects(a=b"".join(line(record(number)) for number in (1, 2, 3)))
    assert command("replay", "failed", "--config", config, "--out", "out")[0] == 0
    found = {name.rpartition("/")[0] + name[-5:]: data for name, data in tree(here / "out").items()}
    assert found == {
        "iceberg/db/t.json": b'{"id":"r1","n":1}\n{"id":"r3","n":3}\n',
        "iceberg/db/ttions": b"update\nupdate\n",
        "iceberg/db/%2E.%2Fu.json": b'{"id":"r2"}\n',
        "iceberg/db/%2E.%2Futions": b"insert\n",
    }
    config = write('[columns]\nid = "id"\n[partition_keys]\nk = "id"\n')
    assert command("replay", "failed", "--config", config, "--out", "keyed")[0] == 0
    assert sorted(name.partition("/")[0] for name in tree(here / "keyed")) == ["k=r1", "k=r2", "k=r3"]


def test_more_partitions_than_open_files(command, objects, write, here):
    """Objects are closed and go on in others; no row is lost."""
    config = write('[columns]\nid = "id"\n[partition_keys]\nk = "id"\n')
    objects(a=b"".join(line(record(number % 200)) for number in range(600)))
    code, _, err = command("replay", "failed", "--config", config, "--out", "out")
    assert (code, err.splitlines()[0]) == (0, "600 objects in out (2.7 kB)")
    assert Counter(b"".join(tree(here / "out").values()).split()) == {b"r%d" % n: 3 for n in range(200)}


def test_no_object_is_half_written(command, objects, write, here):
    """Where reading fails in between, nothing of what was begun is left."""
    config = write(CONFIG)
    objects(a=line(record(1)) * 10_000, b=line(record(2)))
    (here / "failed/b").unlink()
    (here / "failed/b").mkdir()
    (here / "failed/b/c").symlink_to("/proc/self/mem")  # opens, and cannot be read
    code, _, err = command("replay", "failed", "--config", config, "--out", "out")
    assert (code, tree(here / "out")) == (2, {})
    assert "failed/b/c: Input/output error" in err


# ---- sent back: the plan


def many(objects, count, files=3):
    """Write failed records into some objects and return their bytes, in order."""
    payloads = [record(number) for number in range(count)]
    share = -(-count // files)
    for file in range(files):
        text = b"".join(map(line, payloads[file * share : (file + 1) * share]))
        objects(**{f"{file}": gzip.compress(text, 1) if file % 2 else text})
    return payloads


def test_nothing_is_sent_without_yes(command, objects, aws, here):
    """A dry run makes no call and no journal, and says records, bytes, calls and time."""
    server = aws()
    many(objects, 1_200)
    code, _, err = command("replay", "failed", "--put", "s", "--rate-records", "100")
    assert code == 0
    assert (
        "would send 1200 records (29.0 kB) to firehose:s in 12 calls, in about 12 s at 100 records and 524.3 kB a "
        "second; --yes sends them\n"
    ) in err
    assert server.calls == []
    assert [path.name for path in here.iterdir()] == ["failed"]


def test_changes_that_would_come_late_are_said(command, objects, write):
    """Of a table with updates; of one that only grows nothing is said."""
    many(objects, 6)
    route = '[columns]\nid = { type = "int64" }\n[[routes]]\niceberg = { database = "d", table = "t"OPERATION }\n'
    config = write('output = { format = "json" }\n' + route.replace("OPERATION", ', operation = "update"'), "u.toml")
    said = "in d.t what is sent now overwrites newer changes of the same rows; compare them first"
    assert said in command("replay", "failed", "--config", config, "--put", "s")[2]
    config = write('output = { format = "json" }\n' + route.replace("OPERATION", ""), "i.toml")
    assert said not in command("replay", "failed", "--config", config, "--put", "s")[2]


@pytest.mark.parametrize(
    ("stream", "service", "name"),
    [
        ("mine", "firehose", "mine"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/mine", "firehose", "mine"),
        ("kinesis:mine", "kinesis", "mine"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/mine", "kinesis", "mine"),
    ],
)
def test_the_originals_go_back_once(command, objects, aws, stream, service, name):
    """Every original arrives once, in calls that AWS takes; run again, nothing is sent."""
    server = aws()
    payloads = many(objects, 2_500)
    code, out, err = command("replay", "failed", "--put", stream, "--yes", "--json", *FAST)
    assert (code, server.violations) == (0, [])
    assert data_of(server) == Counter(payloads)
    assert {(taken.service, taken.stream) for taken in server.taken} == {(service, name)}
    assert json.loads(out)["put"]["acknowledged"] == 2_500
    if service == "kinesis":
        assert {len(taken.partition_key) for taken in server.taken} == {32}
        assert len({taken.partition_key for taken in server.taken}) == 2_500
    calls = len(server.calls)
    code, out, err = command("replay", "failed", "--put", stream, "--yes", "--json", *FAST)
    assert (code, len(server.calls), json.loads(out)["put"]["acknowledged"]) == (0, calls, 0)
    assert "2500 records acknowledged before, not sent again\n" in err
    assert "would send 0 records" in command("replay", "failed", "--put", stream)[2]


def test_what_would_fail_again_is_not_sent(command, objects, aws, write):
    """With --config only what the transform takes; what failed behind it only if that is asked for."""
    server = aws()
    config = write(CONFIG)
    objects(
        a=line(record(1)) + line(b"[]") + line(record(3)) + line(b"row", "Iceberg.NoSuchTable", arn="no"),
    )
    code, _, err = command("replay", "failed", "--config", config, "--put", "s", "--yes", *FAST)
    assert (code, data_of(server)) == (0, Counter([record(1), record(3)]))
    assert "1 record left out: would fail again: not_object\n" in err
    assert "1 record left out: failed behind the transform, so are not what the stream got\n" in err
    code, _, err = command("replay", "failed", "--put", "s", "--yes", "--after-transform", *FAST)
    assert (code, data_of(server)) == (0, Counter([record(1), record(3), b"[]", b"row"]))


def test_a_record_larger_than_the_stream_takes_is_named(command, objects, aws):
    """It is not sent, everything else is, and the exit code says so."""
    server = aws()
    objects(a=line(b"a") + line(b"x" * 1_024_001) + line(b"y" * 1_024_000))
    code, _, err = command("replay", "failed", "--put", "s", "--yes", *FAST)
    assert (code, sorted(map(len, data_of(server)))) == (1, [1, 1_024_000])
    assert "1 record not acknowledged: larger than the stream takes:\n  failed/a:2\n" in err


# ---- sent back: faults


@pytest.mark.parametrize("stream", ["s", "kinesis:s"])
def test_every_fault_ends_in_an_acknowledgement(command, objects, aws, stream):
    """Throttled, reset, cut off, half taken: the same command sends what is left, and what came twice is named.

    A put of unknown fate is tried once more in a run, no more often: the stream may have stored it each time.
    """
    plan = Plan(
        seed=7,
        calls=dict.fromkeys(("throttle", "server_error_after", "reset", "reset_after", "half", "short_list"), 0.12),
        entries=0.1,
        until_call=25,
    )
    server = aws(plan)
    payloads = many(objects, 6_000)
    named, before = set(), Counter()
    for _ in range(6):
        code, out, err = command("replay", "failed", "--put", stream, "--yes", "--json", "--rate-records", "400000")
        put = json.loads(out)["put"]
        named |= {payloads[2_000 * int(file) + number - 1] for file, number in places(put["possible_duplicates"])}
        taken = data_of(server)
        assert max((taken - before).values()) <= 2
        before = taken
        if code == 0:
            break
        assert " records may have arrived unacknowledged, or twice:\n  failed/" in err
    assert (code, put["unacknowledged"], server.violations) == (0, {}, [])
    assert taken.keys() == set(payloads)
    twice = {data for data, count in taken.items() if count > 1}
    assert twice <= named
    assert twice


def places(names):
    """Return the places of ranges as they are printed."""
    for name in names:
        path, _, numbers = name.rpartition(":")
        first, _, last = numbers.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield Path(path).name, number


def test_a_poisonous_record_costs_itself(command, objects, aws):
    """A call that is invalid as a whole is halved until the record at fault stands alone."""
    payloads = [record(number) for number in range(1_000)]
    server = aws(Plan(poison=payloads[777]))
    objects(a=b"".join(map(line, payloads)))
    code, _, err = command("replay", "failed", "--put", "s", "--yes", *FAST)
    assert code == 1
    assert data_of(server) == Counter(payloads) - Counter([payloads[777]])
    assert "1 record not acknowledged: not sent, or sent in vain:\n  failed/a:778\n" in err


LINES = {
    "not_permitted": "s: the stream takes no puts, it reads a Kinesis stream: put to kinesis:NAME (This operation is "
    "not permitted on KinesisStreamAsSource delivery stream type.)",
    "not_from_cloudwatch": "s: the stream takes records from CloudWatch Logs only (InvalidSourceException)",
    "not_found": "s: there is no such stream in eu-west-1: see its name and AWS_REGION (ResourceNotFoundException)",
    "access_denied": "s: access denied: the credentials need firehose:PutRecordBatch on the stream "
    "(AccessDeniedException)",
    "unknown_key": "s: the AWS credentials are not accepted: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY (UnrecognizedClientException)",
    "kms_disabled": "s: KMSDisabledException: The key is disabled.",
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_one_line_and_the_end(command, objects, aws, refusal):
    """No more calls than were at once; what was not sent is sent by the same command later."""
    server = aws(Plan(refuse=refusal))
    payloads = many(objects, 20_000)
    code, out, err = command("replay", "failed", "--put", "s", "--yes", "--json", *FAST)
    assert (code, err.count(f"fastxform: {LINES[refusal]}\n")) == (1, 1)
    assert "Traceback" not in err
    assert "the input was not read to its end\n" in err
    assert len(server.calls) <= 16
    assert json.loads(out)["put"]["problem"] == LINES[refusal]
    server = aws()
    assert command("replay", "failed", "--put", "s", "--yes", *FAST)[0] == 0
    assert data_of(server) == Counter(payloads)


@pytest.mark.parametrize(
    ("environment", "code", "message"),
    [
        pytest.param({"AWS_REGION": None}, 2, "s: there is no AWS region: set AWS_REGION", id="no region"),
        pytest.param({"AWS_PROFILE": "none"}, 2, "s: the profile of AWS_PROFILE is in no", id="no profile"),
        pytest.param(
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, 1, "s: there are no AWS cred", id="no key"
        ),
        pytest.param(
            {"AWS_SECRET_ACCESS_KEY": None}, 2, "s: the AWS credentials are not complete", id="half a key"
        ),
        pytest.param(
            {"AWS_ENDPOINT_URL_FIREHOSE": "http://127.0.0.1:9"},
            1,
            "nothing was acknowledged for 0.3 s: s: the endpoint of firehose in eu-west-1 cannot be reached",
            id="no endpoint",
        ),
        pytest.param({"AWS_ENDPOINT_URL_FIREHOSE": "x"}, 2, "s: ValueError: Invalid endpoint: x", id="bad endpoint"),
    ],
)  # fmt: skip
def test_an_environment_that_cannot_put_is_one_line(
    command, objects, aws, monkeypatch, here, environment, code, message
):
    """What is missing, and where to set it; nothing is acknowledged."""
    server = aws()
    monkeypatch.setenv("AWS_CONFIG_FILE", str(here / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(here / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    objects(a=line())
    found, _, err = command("replay", "failed", "--put", "s", "--yes", "--patience", "0.3")
    assert (found, server.taken) == (code, [])
    assert err.count(f"fastxform: {message}") == 1
    assert "Traceback" not in err


def test_without_boto3_the_extra_is_named(command, objects, monkeypatch):
    """One line, exit code 2."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    objects(a=line())
    code, out, err = command("replay", "failed", "--put", "s", "--yes")
    assert (code, out) == (2, "")
    assert err == "fastxform: boto3 is not installed, and puts need it: pip install 'fastxform[aws]'\n"


def test_entries_that_stay_throttled_end(command, objects, aws):
    """When nothing at all is taken any more the run ends, and says what it met."""
    server = aws(Plan(entries=1.0))
    objects(a=line() * 10)
    code, _, err = command("replay", "failed", "--put", "s", "--yes", "--patience", "0.2")
    assert (code, server.taken) == (1, [])
    assert "fastxform: nothing was acknowledged for 0.2 s: s: ServiceUnavailableException\n" in err
    assert "10 records not acknowledged: not sent, or sent in vain:\n  failed/a:1-10\n" in err


# ---- sent back: killed, interrupted, resumed


def start(server, here, *arguments):
    """Start the real command in a session of its own."""
    environment = {**os.environ, **server.environment(), "AWS_REGION": "eu-west-1"}
    return subprocess.Popen(
        [sys.executable, "-m", "fastxform", *arguments],
        cwd=here,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(condition, process):
    """Poll a condition, with a deadline and while the process lives."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize("count", [200_000])
def test_killed_runs_lose_nothing_and_name_what_came_twice(objects, here, count):
    """200,000 records, two runs killed at any place: each arrives; at most those in flight twice, and named."""
    payloads = [b"%d" % number for number in range(count)]
    share = count // 4
    for file in range(4):
        text = b"".join(b'{"rawData":"%s","errorCode":"Lambda.x"}\n' % base64.b64encode(data)
                        for data in payloads[file * share : (file + 1) * share])  # fmt: skip
        objects(**{str(file): gzip.compress(text, 1) if file % 2 else text})
    arguments = ("replay", "failed", "--put", "s", "--yes", "--json", *FAST)
    in_flight = 8 * 500
    with AwsServer(Plan(latency_s=0.005)) as server:
        for kill_at in (count // 5, count // 2):
            process = start(server, here, *arguments)
            wait_for(lambda at=kill_at: len(server.taken) > at, process)
            os.killpg(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
            process.stdout.close()
            process.stderr.close()
        killed_calls = len(server.calls)
        process = start(server, here, *arguments)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    put = json.loads(out)["put"]
    taken = data_of(server)
    assert taken.keys() == set(payloads)
    assert put["acknowledged"] >= count // 2 - in_flight
    assert len(server.calls) > killed_calls
    named = {payloads[share * int(file) + number - 1] for file, number in places(put["possible_duplicates"])}
    twice = {data for data, times in taken.items() if times > 1}
    assert twice <= named
    assert 0 < len(named) <= 2 * in_flight
    assert max(taken.values()) <= 3
    assert b"records in flight when the last run ended, and may arrive twice:\n  failed/" in err


def test_an_interrupt_lets_the_calls_in_flight_end(objects, here):
    """Exit code 1, nothing in doubt; the next run sends the rest, and each arrives once."""
    payloads = many(objects, 5_000)
    arguments = ("replay", "failed", "--put", "s", "--yes", "--json", "--rate-records", "1000")
    with AwsServer(Plan(latency_s=0.05)) as server:
        process = start(server, here, *arguments)
        wait_for(lambda: len(server.taken) >= 500, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, b"Traceback" in err) == (1, False)
        put = json.loads(out)["put"]
        assert (put["possible_duplicates"], put["in_flight"], put["complete"]) == ([], [], False)
        assert put["acknowledged"] == len(server.taken) < 5_000
        process = start(server, here, *arguments[:-2], *FAST)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["put"]["possible_duplicates"] == []
    assert data_of(server) == Counter(payloads)


def test_a_second_interrupt_leaves_and_names_the_calls_in_flight(objects, here):
    """A call that hangs keeps nobody: its records are named, by that run and by the next."""
    objects(a=line() * 700)
    arguments = ("replay", "failed", "--put", "s", "--yes", "--json", *FAST)
    with AwsServer(Plan(calls={"hang": 1.0})) as server:
        process = start(server, here, *arguments)
        wait_for(lambda: len(server.calls) == 2, process)
        os.killpg(process.pid, signal.SIGTERM)
        assert b"stopping: waiting for the calls in flight" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["put"]["in_flight"] == ["failed/a:1-700"]
    assert b"700 records left in flight, and may arrive:\n  failed/a:1-700\n" in err
    with AwsServer() as server:
        process = start(server, here, *arguments)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, len(server.taken)) == (0, 700)
    assert json.loads(out)["put"]["possible_duplicates"] == ["failed/a:1-700"]
    assert err.startswith(b"700 records in flight when the last run ended, and may arrive twice:\n  failed/a:1-700\n")


# ---- the journal


@pytest.fixture
def sent_half(command, objects, aws, here):
    """Send one object, then put a second beside it; return the path of the journal."""
    aws()
    objects(a=line(b"1") + line(b"2"))
    assert command("replay", "failed", "--put", "s", "--yes", "--journal", "j", *FAST)[0] == 0
    return here / "j"


RESUME = ("replay", "failed", "--put", "s", "--yes", "--journal", "j", *FAST)


def test_new_objects_are_sent_by_the_same_command(sent_half, command, objects, aws):
    """An object that came since then is sent, what was acknowledged is not; also where it sorts first."""
    server = aws()
    objects(**{"0": line(b"0")})
    assert command(*RESUME)[0] == 0
    assert data_of(server) == Counter([b"0"])


@pytest.mark.parametrize("change", ["size", "time"])
def test_an_object_that_changed_is_refused(sent_half, command, objects, here, change):
    """Its lines may be others, so nobody knows what was acknowledged: one line that says what to do."""
    if change == "size":
        objects(a=line(b"1"))
    else:
        os.utime(here / "failed/a", ns=(1, 1))
    code, _, err = command(*RESUME)
    assert code == 2
    assert err.startswith("fastxform: failed/a: has changed since j was begun (its ")
    assert err.count("\n") == 1


def test_an_object_that_is_gone_is_said(sent_half, command, objects, here, aws):
    """The rest goes on."""
    server = aws()
    (here / "failed/a").unlink()
    objects(b=line(b"3"))
    code, _, err = command(*RESUME)
    assert (code, data_of(server)) == (0, Counter([b"3"]))
    assert "j: 1 object of its input cannot be found now, the first failed/a\n" in err


def test_another_stream_needs_another_journal(sent_half, command):
    """What one stream acknowledged, another has not."""
    code, _, err = command("replay", "failed", "--put", "t", "--yes", "--journal", "j")
    assert code == 2
    assert err == 'fastxform: j: is the journal of "firehose:s", not of firehose:t; name another file with --journal\n'


def test_two_runs_at_once_are_refused(sent_half, command):
    """The second one says so, and sends nothing."""
    with sent_half.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, _, err = command(*RESUME)
    assert code == 2
    assert err == "fastxform: j: another run is using this journal; wait for its end, or name another file\n"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda text: b"rubbish\n", "j: is no journal of this version of fastxform", id="another file"),
        pytest.param(lambda text: text + b"\0\0\n", "j:5: the journal is damaged", id="zeros"),
        pytest.param(lambda text: and_line(text, "+ 7:1-1"), "j:5: the journal is damaged", id="unknown object"),
        pytest.param(lambda text: and_line(text, "+ 0:1"), "j:5: the journal is damaged", id="half a range"),
        pytest.param(lambda text: and_line(text, "> 0:2-1"), "j:5: the journal is damaged", id="a range backwards"),
        pytest.param(lambda text: and_line(text, "> 0:1-99999999999"), "j:5: the journal is", id="a range too long"),
        pytest.param(lambda text: and_line(text, "= [1]"), "j:5: the journal is damaged", id="half an object"),
        pytest.param(lambda text: and_line(text, "= [1, 2, 3]"), "j:5: the journal is", id="a name that is none"),
        pytest.param(lambda text: without_line(text, 2), "j:3: the journal is damaged", id="a line that is gone"),
        pytest.param(lambda text: text + text.splitlines(True)[-1], "j:5: the journal is damaged", id="a line twice"),
    ],
)
def test_a_damaged_journal_is_refused(sent_half, command, spoil, message):
    """Without it everything would be sent again, so that is for the user to decide; the file stays as it is."""
    spoilt = spoil(sent_half.read_bytes())
    sent_half.write_bytes(spoilt)
    code, _, err = command(*RESUME)
    assert code == 2
    assert err.startswith(f"fastxform: {message}")
    assert sent_half.read_bytes() == spoilt


def test_a_bit_that_flipped_is_noticed(tmp_path):
    """Each of every bit: none is read as something else, such as a record that was acknowledged and was not."""
    path, stored = tmp_path / "j", [Stored("a", 9, 1), Stored("b", 9, 1)]
    journal = Journal.open(path, "s", stored)
    journal.began([(0, 1), (0, 2), (1, 1)])
    journal.acknowledged([(0, 1)])
    journal.close()
    written = path.read_bytes()
    assert len(written) * 8 > 520
    for bit in range(len(written) * 8):
        flipped = bytearray(written)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(InputError):
            Journal.open(path, "s", stored)
        assert path.read_bytes() == flipped


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"a,b\n1,2\n", id="lines"),
        pytest.param(b"no line end", id="a line without an end"),
        pytest.param(b"fastxform", id="as a journal begins"),
        pytest.param(b"fastxform journal 2 x", id="nearly a head"),
        pytest.param(b'fastxform journal 1 "s"\n', id="of another version"),
        pytest.param(b"\0" * 4096, id="zeros"),
    ],
)
def test_a_foreign_file_is_left_alone(sent_half, command, content):
    """It is not emptied, cut or written behind."""
    sent_half.write_bytes(content)
    code, _, err = command(*RESUME)
    assert (code, sent_half.read_bytes()) == (2, content)
    assert err.startswith("fastxform: j: is no journal of this version of fastxform")


def and_line(text, line):
    """Return a journal with one more line, whose checksum is right."""
    chain = Chain()
    for before in text.split(b"\n")[:-1]:
        assert chain.read(before) is not None
    return text + chain.written([line])


def without_line(text, number):
    """Return a journal without one of its lines."""
    lines = text.splitlines(True)
    del lines[number]
    return b"".join(lines)


@pytest.mark.parametrize("kept", range(0, 160, 3))
def test_a_journal_cut_at_any_place_is_read(sent_half, command, aws, kept):
    """As an end of power leaves it: what is acknowledged by whole lines is not sent, everything else is."""
    text = sent_half.read_bytes()
    sent_half.write_bytes(text[:kept])
    acknowledged = re.search(rb"\n\+ 0:1-2 \w{8}\n", text[:kept]) is not None
    server = aws()
    if 0 < kept < len(HEAD):  # it might be anybody's
        assert (command(*RESUME)[0], sent_half.read_bytes()) == (2, text[:kept])
        return
    assert command(*RESUME)[0] == 0
    assert data_of(server) == (Counter() if acknowledged else Counter([b"1", b"2"]))
    begun = re.search(rb"\n> 0:1-2 \w{8}\n", text[:kept]) is not None and not acknowledged
    assert (b"\n? 0:1-2 " in sent_half.read_bytes()) == begun


def test_a_full_disk_stops_the_run(objects, here):
    """No call is made that the journal does not know of."""
    objects(a=line())
    with AwsServer() as server:
        limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "fastxform"]
        environment = {**os.environ, **server.environment(), "AWS_REGION": "eu-west-1"}
        arguments = ["replay", "failed", "--put", "s", "--yes", "--journal", "j"]
        done = subprocess.run([*limited, *arguments], cwd=here, env=environment, capture_output=True, check=False)
    assert (done.returncode, server.calls) == (2, [])
    assert done.stderr == b"fastxform: j: File too large; nothing more is put without a journal\n"


def test_the_journal_knows_every_state(tmp_path):
    """Begun, acknowledged, refused, in doubt: what is in flight at the end is in doubt at the next start."""
    stored = [Stored("a", 1, 1), Stored("b\n\u2028", 1, 1)]
    journal = Journal.open(tmp_path / "j", "s", stored)
    everything = [(file, number) for file in (0, 1) for number in range(1, 11)]
    journal.began(everything)
    journal.acknowledged(everything[:5])
    journal.refused(everything[5:7])
    journal.maybe_duplicate(everything[7:9])
    journal.close()
    journal = Journal.open(tmp_path / "j", "s", stored)
    assert journal.interrupted == [Span(0, 10, 10), Span(1, 1, 10)]
    assert journal.ledger.maybe_duplicates() == [Span(0, 8, 10), Span(1, 1, 10)]
    assert journal.ledger.acknowledged == 5
    assert [journal.ledger.is_acknowledged(*place) for place in everything] == [True] * 5 + [False] * 15
    journal.acknowledged(everything)
    journal.close()
    journal = Journal.open(tmp_path / "j", "s", stored)
    assert (journal.interrupted, journal.ledger.acknowledged) == ([], 20)
    assert journal.ledger.maybe_duplicates() == [Span(0, 8, 10), Span(1, 1, 10)]
    journal.close()


def test_ranges():
    """In order, joined where they touch, each place once; named by line or by record."""
    assert spans([(1, 3), (0, 2), (0, 1), (0, 4), (0, 1)]) == [Span(0, 1, 2), Span(0, 4, 4), Span(1, 3, 3)]
    assert [LocationNames(["a", "b"]).span(span) for span in spans([(0, 1), (0, 2), (1, 9)])] == ["a:1-2", "b:9"]
    assert LocationNames(["a"], are_lines=False).span(Span(0, 1, 2)) == "a: records 1-2"
    assert LocationNames(["a"], are_lines=False).span(Span(0, 2, 2)) == "a: record 2"


# ---- S3


@pytest.fixture
def s3(monkeypatch):
    """Return a starter of S3 servers, which the command of this process then finds."""
    with contextlib.ExitStack() as stack:

        def start(*buckets, **options):
            server = stack.enter_context(S3Server(*buckets, **options))
            for name, value in server.environment().items():
                monkeypatch.setenv(name, value)
            stores.s3.cache_clear()
            return server

        yield start
        stores.s3.cache_clear()


def test_objects_of_s3_are_read_and_written(command, s3, write):
    """All below a prefix, page by page, gzip or not; what comes out are whole objects, the same as in a directory."""
    config = write(CONFIG)
    server = s3("errors", "rows")
    for number in range(5):
        text = line(record(number)) + line(b"[]")
        server.objects["errors", f"p/processing-failed/2026/11/{number} ü"] = (
            gzip.compress(text) if number % 2 else text
        )
    server.objects["errors", "other/x"] = b"rubbish\n"
    arguments = ("replay", "s3://errors/p/processing-failed/", "--config", config, "--json")
    code, out, _ = command(*arguments)
    found = json.loads(out)
    assert (code, found["objects"], found["records"], found["broken"]) == (0, 5, 10, {})
    assert {group["today"]: group["records"] for group in found["groups"]} == {"Ok": 4, "Dropped": 1, "not_object": 5}
    assert found["groups"][0]["examples"][0] == {"place": "s3://errors/p/processing-failed/2026/11/0 ü:2"}
    assert command(*arguments, "--out", "s3://rows/today")[0] == 0
    assert command(*arguments, "--out", "rows")[0] == 0
    written = {key: data for (bucket, key), data in server.objects.items() if bucket == "rows"}
    assert written == {f"today/{name}": data for name, data in tree(Path("rows")).items()}
    assert len(written) == 2
    assert server.uploads == {}


def test_one_object_of_s3_is_read_and_sent_back(command, s3, aws, here):
    """A URI may name one object; its size and time stand in the journal."""
    server = s3("errors")
    firehose = aws()
    server.objects["errors", "a/o"] = line(b"1") + line(b"2")
    arguments = ("replay", "s3://errors/a/o", "--put", "s", "--yes", "--journal", "j", *FAST)
    assert command(*arguments)[0] == 0
    assert data_of(firehose) == Counter([b"1", b"2"])
    server.objects["errors", "a/o"] += line(b"3")
    code, _, err = command(*arguments)
    assert code == 2
    assert err.startswith("fastxform: s3://errors/a/o: has changed since j was begun (its ")


@pytest.mark.parametrize(
    ("uri", "refuse", "message"),
    [
        ("s3://errors/none", None, "s3://errors/none: there is no such object or prefix"),
        ("s3://nowhere/none", None, "s3://nowhere/none: there is no such"),
        ("s3://errors/x", "AccessDenied", "s3://errors/x: access denied: reading needs s3:ListBucket"),
        ("s3://errors/x/../y", None, "s3://errors/x/../y: "),
    ],
)
def test_what_s3_refuses_is_one_line(command, s3, uri, refuse, message):
    """Exit code 2, the place, and what to do."""
    s3("errors", refuse=refuse)
    code, out, err = command("replay", uri)
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {message}")
    assert err.count("\n") == 1


def test_s3_that_cannot_be_reached_is_one_line(command, s3, monkeypatch):
    """The endpoint and the region are what to look at; what is no URL is said to be none."""
    s3()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    code, _, err = command("replay", "s3://errors/x")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("fastxform: s3://errors/x: the endpoint of S3 cannot be reached")
    stores.s3.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "127.0.0.1")
    code, _, err = command("replay", "s3://errors/x")
    assert (code, err) == (2, "fastxform: the endpoint of S3 in the environment is no URL: '127.0.0.1'\n")
