"""`fastxform simulate`: from a stream of records to objects, every record accounted for, whatever the records hold."""

import base64
import csv
import io
import json
import signal
import subprocess
import sys

import pytest

from fastxform.cli import main
from fastxform.tools.sample_data import burst
from fastxform.tools.simulator.layout import MARKER

pytestmark = pytest.mark.processes

KEYS = """
source = "dynamodb"
[columns]
id = "dynamodb.Keys.id"
datetime = "dynamodb.Keys.datetime"
"""

CITIES = """
source = "dynamodb"
where = "eventName != 'REMOVE'"
[columns]
key = "dynamodb.Keys.key"
population = { path = "(dynamodb.NewImage || dynamodb.OldImage).population", type = "int64" }
name = { path = "dynamodb.NewImage.name", required = true }
area = "dynamodb.NewImage.area"
eventName = { hidden = true }
"""


@pytest.fixture
def simulate(tmp_path, capfdbinary):
    """Run `simulate` on records under a configuration: (exit code, standard output, standard error)."""

    def run(config, payloads, *arguments, out="out"):
        (tmp_path / "config.toml").write_text(config)
        records = payloads if isinstance(payloads, bytes) else b"".join(payload + b"\n" for payload in payloads)
        (tmp_path / "input").write_bytes(records)
        paths = [tmp_path / "config.toml", tmp_path / "input", "--out", tmp_path / out]
        code = main(["simulate", *map(str, [*paths, *arguments])])
        stdout, stderr = capfdbinary.readouterr()
        return code, stdout.decode(), stderr.decode()

    return run


def objects(root):
    """The objects of a run by key, in the order in which they were made."""
    keys = (root / MARKER).read_text().splitlines()[1:]
    return {key: (root / key).read_bytes() for key in keys}


def joined(root, folder):
    """The bytes of all objects whose key begins so."""
    return b"".join(data for key, data in objects(root).items() if key.startswith(folder))


def failures(root):
    """The lines of the error objects."""
    return [json.loads(line) for line in joined(root, "processing-failed/").splitlines()]


@pytest.mark.parametrize("kinesis", [[], ["--kinesis"]], ids=["direct", "kinesis"])
def test_a_burst_of_changes_becomes_csv(simulate, tmp_path, kinesis):
    """5,000 changes, a tenth malformed: CSV parsed back by the stdlib and error lines together are the input."""
    payloads = list(burst.records("dynamotest", 5_000, seed=21, bad=0.1))
    code, out, err = simulate(KEYS, payloads, "--json", *kinesis)
    summary = json.loads(out)
    assert (code, err) == (0, "")
    assert summary["balanced"]
    assert summary["findings"] == []
    assert summary["records_in"] == 5_000 == summary["delivered"] + summary["failed"] + summary["dropped"]
    assert summary["dropped"] == sum(not payload.strip() for payload in payloads) > 0
    assert sum(summary["failed_by_reason"].values()) == summary["failed"] > 200
    assert set(summary["failed_by_reason"]) <= {
        "json",
        "utf8",
        "depth",
        "not_object",
        "shape",
        "type:id",
        "type:datetime",
    }

    raw = [base64.b64decode(line["rawData"]) for line in failures(tmp_path / "out")]
    assert len(raw) == summary["failed"]
    rest = subtract([payload for payload in payloads if payload.strip()], raw)
    rows = list(csv.reader(io.StringIO(joined(tmp_path / "out", "2026/").decode(), newline="")))
    assert rows == [keys_of(payload) for payload in rest]


def test_a_hundred_thousand_changes_come_out_as_they_went_in(simulate, tmp_path):
    """The whole burst, through the Kinesis source: nothing failed, dropped or lost, and the keys in their order."""
    code, out, err = simulate(KEYS, burst.records("dynamotest", 100_000), "--json", "--strict", "--kinesis")
    summary = json.loads(out)
    # On a busy machine it takes the ten seconds after which its progress is shown.
    assert (code, [line for line in err.splitlines() if not line.startswith("[")]) == (0, [])
    assert summary["records_in"] == summary["delivered"] == 100_000
    rows = csv.reader(io.StringIO(joined(tmp_path / "out", "2026/").decode(), newline=""))
    expected = burst.records("dynamotest", 100_000)
    assert all(row == keys_of(payload) for row, payload in zip(rows, expected, strict=True))


def subtract(payloads, gone):
    """The payloads without those gone, each as often as it is gone, in order."""
    left = iter(gone)
    next_gone = next(left, None)
    rest = []
    for payload in payloads:
        if payload == next_gone:
            next_gone = next(left, None)
        else:
            rest.append(payload)
    assert next_gone is None
    return rest


def keys_of(payload):
    """The row that a change has in the output."""
    found = json.loads(payload)
    for name in ("dynamodb", "Keys"):
        found = found.get(name) if isinstance(found, dict) else None
    found = found if isinstance(found, dict) else {}
    return ["" if name not in found else found[name]["S"] for name in ("id", "datetime")]


def test_dropped_and_delivered_are_told_apart(simulate, tmp_path):
    """The cities without their removals; the numbers of 38 digits are as they were written."""
    payloads = list(burst.records("cities", 2_000, seed=4))
    code, out, _ = simulate(CITIES, payloads, "--json")
    summary = json.loads(out)
    changes = [json.loads(payload) for payload in payloads]
    kept = [change["dynamodb"] for change in changes if change["eventName"] != "REMOVE"]
    assert (code, summary["failed"], summary["dropped"]) == (0, 0, len(changes) - len(kept))
    rows = list(csv.reader(io.StringIO(joined(tmp_path / "out", "2026/").decode(), newline="")))
    images = [found["NewImage"] for found in kept]
    assert rows == [
        [image["key"]["S"], image["population"]["N"], image["name"]["S"], image["area"]["N"]] for image in images
    ]


def test_the_summary_for_people(simulate):
    """All numbers, the reasons with their meaning, and that the totals balance."""
    code, out, err = simulate(KEYS, [b'{"dynamodb":{"Keys":{}}}', b"bad", b"[]"], "--buffer-mb", "0.2")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "records in   3 (29 bytes)"
    assert lines[1:4] == ["delivered    1", "dropped      0", "failed       2  (2 Lambda.ProcessingFailedStatus)"]
    assert "json: the record is not one JSON document" in out
    assert "invocations  1 (0 of them retries)" in lines
    assert lines[-1] == "totals       in = delivered + dropped + failed"


def test_records_that_where_says_nothing_of_are_counted(simulate):
    """Dropped like the others, and told apart in the summary."""
    config = 'where = "n > 1"\n[columns]\nn = { path = "n", type = "int64" }\n'
    code, out, _ = simulate(config, [b'{"n":1}', b'{"n":2}', b"{}"])
    assert code == 0
    assert "dropped      2  (1 because where was null)" in out.splitlines()


def test_strict_ends_with_1_where_a_record_failed(simulate):
    """And with 0 where none did."""
    assert simulate(KEYS, [b'{"dynamodb":{"Keys":{}}}'], "--strict")[0] == 0
    assert simulate(KEYS, [b"bad"])[0] == 0
    assert simulate(KEYS, [b"bad"], "--strict")[0] == 1


def test_refused_records_are_said_and_not_in_the_books(simulate):
    """One line each, five at most; with `--strict` exit code 1."""
    code, out, err = simulate(KEYS, [b" " * 1_024_001] * 6 + [b"{}"], "--json")
    summary = json.loads(out)
    assert (code, summary["refused"], summary["records_in"]) == (0, 6, 1)
    assert err.splitlines()[0] == "record 1 is refused: the record has 1024001 bytes, the stream takes 1024000"
    assert len(err.splitlines()) == 6
    code, out, _ = simulate(KEYS, [b" " * 1_024_001], "--strict")
    assert code == 1
    assert out.splitlines()[1].startswith("refused      1 ")


@pytest.mark.parametrize(
    ("arguments", "invocations"),
    [
        (["--max-records", "10"], 10),
        (["--buffer-seconds", "1", "--rate", "20"], 5),
        (["--buffer-mb", "0.2", "--rate", "1000"], 1),
        ([], 1),
    ],
    ids=["max-records", "interval", "size", "default"],
)
def test_the_buffer_is_what_the_options_say(simulate, arguments, invocations):
    """A hundred records at the rate given."""
    code, out, _ = simulate(KEYS, [b"{}"] * 100, "--json", *arguments)
    assert (code, json.loads(out)["invocations"]) == (0, invocations)


def test_partition_keys_are_folders(simulate, tmp_path):
    """A malformed key stays inside the directory."""
    config = '[columns]\na = "a"\n[partition_keys]\nkind = "a"\n'
    code, _, _ = simulate(config, [b'{"a":"x"}', b'{"a":"../../../etc/y"}', b'{"a":"x"}', b'{"a":""}'])
    found = {key.split("/2026")[0]: data for key, data in objects(tmp_path / "out").items()}
    assert code == 0
    assert found.pop("processing-failed").count(b"\n") == 1
    assert found == {"kind=x": b"x\nx\n", "kind=..%2F..%2F..%2Fetc%2Fy": b"../../../etc/y\n"}


def test_iceberg_rows_are_objects_with_operations(simulate, tmp_path):
    """Inserts, updates and deletes of a table, one row and one operation a line."""
    config = """
source = "dynamodb"
output = { format = "json" }
[columns]
key = { path = "dynamodb.Keys.key", type = "string" }
[[routes]]
iceberg = { database = "db", table = "cities", operation = { INSERT = "insert", MODIFY = "update", REMOVE = "delete" } }
"""
    payloads = list(burst.records("cities", 300))
    code, _, _ = simulate(config, payloads)
    found = objects(tmp_path / "out")
    rows, operations = sorted(found, key=lambda key: key.endswith(".operations"))
    assert code == 0
    assert rows.startswith("iceberg/db/cities/2026/01/01/00/local-1-")
    changes = [json.loads(payload) for payload in payloads]
    assert [json.loads(line)["key"] for line in found[rows].splitlines()] == [
        change["dynamodb"]["Keys"]["key"]["S"] for change in changes
    ]
    words = {"INSERT": "insert", "MODIFY": "update", "REMOVE": "delete"}
    assert found[operations].decode().split() == [words[change["eventName"]] for change in changes]


def test_records_that_overflow_come_back(simulate, tmp_path):
    """A response that is full: the rest is put back on the local stream, in again, and delivered in the end."""
    config = 'output = { format = "csv", quoting = "all" }\n[columns]\n' + "".join(f'c{n} = "a"\n' for n in range(4))
    payloads = [json.dumps({"n": number, "a": "x" * 20_000}).encode() for number in range(130)]
    code, out, err = simulate(config, payloads, "--buffer-mb", "3", "--json")
    summary = json.loads(out)
    assert (code, err) == (0, "")
    assert summary["put_back"] == summary["puts_taken"] > 0
    assert (summary["delivered"], summary["dropped"], summary["failed"]) == (130, 0, 0)
    assert (summary["records_in"], summary["lost"], summary["duplicates"]) == (130, 0, 0)
    assert joined(tmp_path / "out", "2026/").count(b"\n") == 130


def test_an_event_keeps_its_arrival_times(simulate, tmp_path):
    """Records of an event arrive when it says, and their objects are in that hour."""
    event = burst.event(burst.records("dynamotest", 10), kinesis=True)
    code, _, _ = simulate(KEYS, event)
    assert code == 0
    assert [key[:14] for key in objects(tmp_path / "out")] == ["2022/05/02/12/"]


def test_the_log_of_the_function_is_no_data(simulate):
    """It is swallowed, or with `--log` on standard error; standard output is the summary alone."""
    code, out, err = simulate(KEYS, [b"bad"], "--json")
    assert (code, err) == (0, "")
    json.loads(out)
    code, out, err = simulate(KEYS, [b"bad"], "--json", "--log")
    json.loads(out)
    assert [json.loads(line)["failed"] for line in err.splitlines()] == [{"json": 1}] * 2


def test_nothing_in_nothing_out(simulate, tmp_path):
    """An empty input is a run of no records."""
    code, out, _ = simulate(KEYS, b"", "--json")
    summary = json.loads(out)
    assert (code, summary["records_in"], summary["invocations"], summary["balanced"]) == (0, 0, 0, True)
    assert objects(tmp_path / "out") == {}


def test_a_run_replaces_the_last_one(simulate, tmp_path):
    """The same input gives the same objects; another input leaves none of the old."""
    simulate(KEYS, [b"{}", b"bad"])
    first = objects(tmp_path / "out")
    simulate(KEYS, [b"{}", b"bad"])
    assert objects(tmp_path / "out") == first
    simulate(KEYS, [b"{}"], "--seed", "9")
    assert set(first).isdisjoint(objects(tmp_path / "out"))
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(left) == 2


def test_a_directory_of_somebody_else_is_refused(simulate, tmp_path):
    """One line, exit code 2, nothing touched; `--force` writes into it and removes nothing."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("keep")
    code, out, err = simulate(KEYS, [b"{}"])
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "not empty" in err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    assert simulate(KEYS, [b"{}"], "--force")[0] == 0
    assert (tmp_path / "out/mine").read_text() == "keep"


def test_an_input_that_cannot_be_read_touches_nothing(simulate, tmp_path):
    """The objects of the last run are still there."""
    simulate(KEYS, [b"{}"])
    before = objects(tmp_path / "out")
    code, out, err = simulate(KEYS, b'{"records":[{"data":""}]}')
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    code, _, err = simulate('sorce = "json"', [b"{}"])
    assert code == 2
    assert objects(tmp_path / "out") == before


@pytest.mark.parametrize("out", ["input", "input/below"])
def test_an_out_that_is_no_directory_is_one_line(simulate, out):
    """Exit code 2, no traceback."""
    code, stdout, err = simulate(KEYS, [b"{}"], out=out)
    assert (code, stdout, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("fastxform: ")


def test_an_event_with_broken_base64_is_one_line(simulate):
    """No stream holds such a record."""
    code, out, err = simulate(KEYS, burst.event([b"{}", None]))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "records[1] has data that is not base64" in err


@pytest.fixture
def written(tmp_path):
    """A configuration and a burst as files, with the arguments that simulate them."""
    (tmp_path / "config.toml").write_text(KEYS)
    return [sys.executable, "-m", "fastxform", "simulate", str(tmp_path / "config.toml")], tmp_path


def test_an_interrupt_is_one_line_and_leaves_whole_objects(written):
    """Exit code 130; what was delivered stays, and the next run takes the directory."""
    arguments, root = written
    with subprocess.Popen(
        [*arguments, "-", "--out", str(root / "out")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        line = next(burst.records("dynamotest", 1)) + b"\n"
        running.stdin.write(line * 20_000)
        running.stdin.flush()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, b"", b"fastxform: interrupted\n")
    (root / "input").write_bytes(b"{}\n")
    result = subprocess.run(
        [*arguments, str(root / "input"), "--out", str(root / "out"), "--json"], capture_output=True, check=True
    )
    assert json.loads(result.stdout)["records_in"] == 1


PEAK = """
import sys
from fastxform.cli import main
code = main(["simulate", sys.argv[1], "-", "--out", sys.argv[2]])
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).split()[1], file=sys.stderr)
sys.exit(code)
"""


def test_a_stream_is_never_held_whole(written, tmp_path):
    """Three times the records need no more memory: the peak grows by less than a third of what more is read."""
    payload = next(burst.records("dynamotest", 1, size=600))
    peaks = []
    for count in (15_000, 45_000):
        result = subprocess.run(
            [sys.executable, "-c", PEAK, str(tmp_path / "config.toml"), str(tmp_path / "out")],
            input=(payload + b"\n") * count,
            capture_output=True,
            check=True,
        )
        peaks.append(int(result.stderr.splitlines()[-1]) * 1024)
    assert peaks[1] - peaks[0] < 30_000 * len(payload) / 3
