"""The command: verbs, exit codes, what goes to which stream, and every form of INPUT, malformed ones too."""

import base64
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastxform.cli import VERBS, main
from fastxform.tools.sample_data import burst
from fastxform.tools.simulator.response import check

CSV = """
[columns]
a = "a"
b = "b"
"""

KEYS = """
source = "dynamodb"
[columns]
id = "dynamodb.Keys.id"
datetime = "dynamodb.Keys.datetime"
"""


@pytest.fixture
def config(tmp_path):
    """A transform of two columns."""
    path = tmp_path / "config.toml"
    path.write_text(CSV)
    return str(path)


@pytest.fixture
def keys(tmp_path):
    """The transform of a table's keys."""
    path = tmp_path / "keys.toml"
    path.write_text(KEYS)
    return str(path)


@pytest.fixture
def command(capfdbinary):
    """Run the command in this process: (exit code, standard output as bytes, standard error as text)."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(data, name="input"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def process(*arguments, stdin=b"", **options):
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "fastxform", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        **options,
    )


def event_of(*payloads):
    """A Firehose event."""
    return burst.event(payloads)


# -- verbs and usage


def test_help_names_every_verb(command):
    """Help is what was asked for: standard output, exit code 0."""
    code, out, err = command("--help")
    assert (code, err) == (0, "")
    assert all(verb in out.decode() for verb in ("run", "generate", "simulate", "check-response", "version"))


def test_no_verb_is_a_usage_mistake(command):
    """The same help on standard error, exit code 2."""
    code, out, err = command()
    assert (code, out) == (2, b"")
    assert "simulate" in err


@pytest.mark.parametrize(
    ("verb", "remedy"),
    [
        ("simulat", "did you mean simulate?"),
        ("brust", "did you mean burst?"),
        ("check_response", "did you mean check-response?"),
        ("qqq", "the verbs are init, check, explain"),
    ],
)
def test_a_wrong_verb_names_the_nearest(command, verb, remedy):
    """One line, exit code 2."""
    code, out, err = command(verb, "x")
    assert (code, out) == (2, b"")
    assert remedy in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "a"],
        ["run", "a", "b", "--nope"],
        ["run", "a", "b", "--json", "--response"],
        ["burst", "--records", "many"],
        ["burst", "--records", "-1"],
        ["burst", "--table", "nope"],
        ["burst", "--bad", "2"],
        ["burst", "--bad", "nan"],
        ["burst", "--size", "1024001"],
        ["burst", "--kinesis"],
        ["simulate", "a", "b"],
        ["simulate", "a", "b", "--out", "c", "--buffer-mb", "0.1"],
        ["simulate", "a", "b", "--out", "c", "--buffer-mb", "3.1"],
        ["simulate", "a", "b", "--out", "c", "--buffer-seconds", "901"],
        ["simulate", "a", "b", "--out", "c", "--max-records", "0"],
        ["simulate", "a", "b", "--out", "c", "--rate", "0"],
        ["simulate", "a", "b", "--out", "c", "--stream", "a/b"],
        ["check-response", "a"],
        ["check-response", "-", "-"],
        ["version", "x"],
    ],
    ids=" ".join,
)
def test_usage_mistakes_end_with_2(command, arguments):
    """Nothing on standard output, a line that names the command on standard error, never a traceback."""
    code, out, err = command(*arguments)
    assert (code, out) == (2, b"")
    assert err.splitlines()[-1].startswith("fastxform")
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["run", "burst", "simulate", "check-response", "version"])
def test_every_verb_has_help(command, verb):
    """Exit code 0."""
    code, out, err = command(verb, "--help")
    assert (code, err) == (0, "")
    assert out.decode().startswith(f"usage: fastxform {verb}")


def test_version_names_every_codec(command):
    """Versions of all packages, and the instruction set that base64 runs on."""
    code, out, _ = command("version", "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == [
        "fastxform",
        "python",
        "machine",
        "pyarrow",
        "orjson",
        "pybase64",
        "msgspec",
        "jmespath",
        "zlib-ng",
        "zstandard",
        "boto3",
        "base64",
        "kernel",
    ]
    assert found["base64"].startswith(found["pybase64"])
    for arguments in (["version"], ["--version"]):
        code, out, _ = command(*arguments)
        assert (code, out.decode().splitlines()[0]) == (0, f"fastxform  {found['fastxform']}")


# -- run


def test_run_prints_the_output_and_says_what_failed(command, config, write):
    """Rows to standard output; for each failed record its number, reason and meaning, and a summary, to the other."""
    path = write(b'{"a":"x,y","b":1.10}\n{"a":\n{"a":"\xe6\x9d\xb1","b":null}\n[]\n')
    code, out, err = command("run", config, path)
    assert (code, out) == (0, '"x,y",1.10\n東,\n'.encode())
    assert err.splitlines() == [
        "record 2: json: the record is not one JSON document",
        "record 4: not_object: the record is a JSON scalar or a list, not an object",
        "4 records: 2 Ok, 0 Dropped, 2 ProcessingFailed (1 json, 1 not_object)",
    ]
    assert command("run", config, path, "--strict")[0] == 1


def test_run_says_what_every_record_became(command, tmp_path, write):
    """`--json` has one outcome per record, in order, with its metadata."""
    config = tmp_path / "keys.toml"
    config.write_text(
        'where = "a != \'drop\'"\n[columns]\na = { path = "a", required = true }\n[partition_keys]\nk = "a"\n'
    )
    path = write(b'{"a":"x"}\n{"a":"drop"}\n{}\n{"a":""}\n')
    code, out, err = command("run", config, path, "--json")
    found = json.loads(out)
    assert code == 0
    assert {name: found[name] for name in ("records", "ok", "dropped", "failed")} == {
        "records": 4,
        "ok": 1,
        "dropped": 1,
        "failed": {"required:a": 1, "partition_key:k": 1},
    }
    assert [outcome["result"] for outcome in found["outcomes"]] == [
        "Ok",
        "Dropped",
        "ProcessingFailed",
        "ProcessingFailed",
    ]
    assert found["outcomes"][0] == {
        "record": 1,
        "result": "Ok",
        "data": "x\n",
        "metadata": {"partitionKeys": {"k": "x"}},
    }
    assert found["outcomes"][2]["meaning"] == "the column is required and null"
    assert len(err.splitlines()) == 1


def test_run_prints_the_response(command, config, write):
    """`--response` is what Firehose gets: it answers the event, and the checker takes it."""
    event = event_of(b'{"a":1}', b"bad", None)
    code, out, err = command("run", config, write(event), "--response")
    assert code == 0
    assert [outcome.result for outcome in check(event, out.strip()).outcomes] == [
        "Ok",
        "ProcessingFailed",
        "ProcessingFailed",
    ]
    assert err.splitlines()[0] == "record 2: json: the record is not one JSON document"
    assert err.splitlines()[1] == "record 3: base64: the data of the record is not base64"


def test_run_answers_more_than_a_response_holds_without_aws(command, tmp_path, write):
    """What does not fit would be put back: counted, and put nowhere."""
    config = tmp_path / "document.toml"
    config.write_text('output = { format = "json" }\n')
    path = write(event_of(*[b'{"a":"%s"}' % (b"x" * 900_000)] * 7))
    code, out, err = command("run", config, path, "--response")
    results = [record["result"] for record in json.loads(out)["records"]]
    assert (code, results) == (0, ["Ok"] * 5 + ["Dropped"] * 2)
    assert "2 records did not fit and would be put back on the stream" in err


FORMS = [
    pytest.param(event_of(b'{"a":1}', b'{"a":2}'), b"1,\n2,\n", id="event"),
    pytest.param(json.dumps(json.loads(event_of(b'{"a":1}')), indent=2).encode(), b"1,\n", id="event-pretty"),
    pytest.param(burst.event([b'{"a":1}'], kinesis=True), b"1,\n", id="event-kinesis"),
    pytest.param(b'{"invocationId":"i","records":[]}', b"", id="event-empty"),
    pytest.param(b'{"records":[]}', b",\n", id="a-member-records"),
    pytest.param(b'{"a":1,"records":[{"b":2}]}', b"1,\n", id="a-list-of-others"),
    pytest.param(b'{"Records":[{"a":1.10,"b":"x"},\n {"a":\n2}],"a":3}', b"3,\n", id="records-of-no-stream"),
    pytest.param(b'{"Records":[],"a":3}', b"3,\n", id="no-records-of-no-stream"),
    pytest.param(b'[{"a":1},\n{"a":2}]', b"1,\n2,\n", id="list"),
    pytest.param(b'{"a":1}{"a":2}', b"1,\n2,\n", id="one-behind-the-other"),
    pytest.param(b'{"a":1},{"a":2},', b"1,\n2,\n", id="with-commas"),
    pytest.param(b'{\n"a":1}\n{\n"a":2\n}\n', b"1,\n2,\n", id="several-pretty"),
    pytest.param(b'{"a":1,"b":2}', b"1,2\n", id="one"),
    pytest.param(b'{"a":1,"b":2}\n\n', b"1,2\n", id="one-line"),
    pytest.param(b'\n\n{\n "a": 1,\n "b": [\n  2\n ]\n}\n', b"1,[2]\n", id="one-pretty"),
    pytest.param(b'{"records":5,"a":1}', b"1,\n", id="records-is-no-list"),
    pytest.param(b'{"a":1}\n{"a":2}', b"1,\n2,\n", id="lines"),
    pytest.param(b'\r\n{"a":1}\r\n\r\n{"a":2}\r\n\n', b"1,\n2,\n", id="lines-windows"),
    pytest.param(
        '{"a":"\u2028\u0085"}\n{"a":"\x0b"}\n{"a":2}'.encode(), "\u2028\u0085,\n2,\n".encode(), id="other-newlines"
    ),
    pytest.param(b'{"a":1}\n{"records":[]}', b"1,\n,\n", id="lines-with-records"),
    pytest.param(b'{"a":\n{"a":1}\n', b"1,\n", id="lines-first-broken"),
    pytest.param(b'[\n{"a":1}\n', b"1,\n", id="lines-first-no-object"),
    pytest.param(b'{"a":1}\n{', b"1,\n", id="lines-last-broken"),
    pytest.param(b'\xef\xbb\xbf{"a":1}\n{"a":2}', b"2,\n", id="lines-mark"),
    pytest.param(b"\xff\xfe{\x00}\x00", b"", id="utf-16"),
    pytest.param(b'{"a":' + b"[" * 100_000 + b'\n{"a":1}', b"1,\n", id="lines-deep"),
    pytest.param(b"", b"", id="empty"),
    pytest.param(b"\n\n\r\n", b"", id="only-newlines"),
    pytest.param(b" ", b"", id="white"),
    pytest.param(b"\x00", b"", id="nul"),
]


@pytest.mark.parametrize(("data", "expected"), FORMS)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("piped", [False, True], ids=["file", "stdin"])
def test_every_form_of_input(command, config, write, monkeypatch, data, expected, packed, piped):
    """Event, Streams batch, one record, lines: plain and gzipped, from a file and from standard input."""
    data = gzip.compress(data) if packed else data
    path = write(data)
    if piped:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        path = "-"
    code, out, err = command("run", config, path)
    assert (code, out) == (0, expected)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b'{"invocationId":"i","records":[5]}', "records[0]", id="event-number"),
        pytest.param(b'{"records":[{"data":""}]}', "records[0]", id="event-without-id"),
        pytest.param(gzip.compress(b'{"a":1}')[:-9], "gzip data is damaged", id="gzip-cut"),
        pytest.param(b"\x1f\x8b\x08\x00garbage", "gzip data is damaged", id="gzip-garbage"),
        pytest.param(gzip.compress(b'{"a":1}\n') + b"tail", "gzip data is damaged", id="gzip-tail"),
    ],
)
def test_unreadable_input_is_one_line(command, config, write, data, message):
    """The file, what is wrong; exit code 2 and nothing on standard output."""
    path = write(data)
    code, out, err = command("run", config, path)
    assert (code, out) == (2, b"")
    assert err.startswith(f"fastxform: {path}: ")
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "No such file or directory"),
        ("", "Is a directory"),
        ("a\x00b", "null"),
        ("input/x", "Not a directory"),
    ],
    ids=["missing", "directory", "nul", "below-a-file"],
)
def test_input_that_cannot_be_opened_is_one_line(command, config, write, tmp_path, name, message):
    """The name, and what the system says."""
    write(b"")
    code, out, err = command("run", config, f"{tmp_path}/{name}")
    assert (code, out, len(err.splitlines())) == (2, b"", 1)
    assert message in err


def test_every_mistake_of_a_configuration_is_a_line(command, write):
    """Exit code 2, one line each."""
    path = write(b'sorce = "json"\n[output]\nformat = "cvs"\n', "bad.toml")
    code, out, err = command("run", path, "-")
    assert (code, out) == (2, b"")
    assert len(err.splitlines()) == 3
    assert all(line.startswith("fastxform: ") for line in err.splitlines())


def test_a_closed_standard_input_is_one_line(command, config, monkeypatch):
    """Where the caller closed it."""
    monkeypatch.setattr(sys, "stdin", None)
    assert command("run", config, "-") == (2, b"", "fastxform: standard input is closed\n")


# -- burst


@pytest.mark.parametrize("table", sorted(burst.TABLES))
def test_burst_prints_the_records_of_the_generator(command, table):
    """One line each, whatever they hold."""
    code, out, err = command("burst", "--records", 1_500, "--table", table, "--seed", 5, "--size", 1200, "--bad", 0.3)
    assert (code, err) == (0, "")
    assert out.split(b"\n") == [*burst.records(table, 1_500, 5, 1200, 0.3), b""]


def test_burst_prints_nothing_of_nothing(command):
    """No record, no line."""
    assert command("burst", "--records", 0) == (0, b"", "")


@pytest.mark.parametrize("kinesis", [[], ["--kinesis"]], ids=["direct", "kinesis"])
def test_burst_wraps_records_as_one_event(command, kinesis):
    """The event of the generator, and a newline."""
    code, out, err = command("burst", "--records", 20, "--event", *kinesis)
    assert (code, err) == (0, "")
    assert out == burst.event(burst.records("dynamotest", 20), bool(kinesis)) + b"\n"


def test_burst_compresses_log_messages_inside_an_event(command):
    """As the service sends them; as lines they are text."""
    out = command("burst", "--records", 3, "--table", "cloudwatch", "--event")[1]
    packed = [base64.b64decode(record["data"]) for record in json.loads(out)["records"]]
    assert [gzip.decompress(data) for data in packed] == list(burst.records("cloudwatch", 3))


def test_an_event_that_lambda_would_refuse_is_noted(command):
    """It is printed all the same."""
    code, out, err = command("burst", "--records", 7, "--size", 1_000_000, "--table", "ticker", "--event")
    assert (code, len(json.loads(out)["records"])) == (0, 7)
    assert "more than a request to Lambda holds" in err


# -- streams of the process


def test_output_closed_early_is_no_error():
    """`burst | head`: no traceback, nothing said."""
    with subprocess.Popen(
        [sys.executable, "-m", "fastxform", "burst", "--records", "200000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        line = running.stdout.readline()
        running.stdout.close()
        assert running.wait(60) == 0
        assert running.stderr.read() == b""
    assert line.startswith(b'{"awsRegion"')


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["version"], ["run", "--help"], ["burst", "--records", "2000"]], ids=" ".join)
def test_output_that_nobody_reads_is_no_error(arguments, unbuffered):
    """Closed before the first byte: not even the interpreter's last flush complains."""
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "fastxform", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_closed_descriptors_are_no_error(descriptor):
    """`fastxform ... >&-`: what would go there goes nowhere."""
    result = subprocess.run(
        [
            "sh",
            "-c",
            f"exec {sys.executable} -m fastxform burst --records 3 {descriptor}{'<' if not descriptor else '>'}&-",
        ],
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(result.stdout.splitlines()) == (0 if descriptor == 1 else 3)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("records", [1, 5_000])
def test_a_full_disk_is_one_line(records, unbuffered):
    """Exit code 2, and nothing more is said when the interpreter ends."""
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "fastxform", "burst", "--records", str(records)],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    assert (result.returncode, result.stderr) == (2, b"fastxform: No space left on device\n")


def test_output_is_utf8_whatever_the_locale_says():
    """The bytes of a burst do not depend on it."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}
    result = process("burst", "--records", "50", env=environment)
    assert result.stdout.splitlines() == list(burst.records("dynamotest", 50))


def test_an_interrupt_is_one_line(config):
    """Exit code 130."""
    with subprocess.Popen(
        [sys.executable, "-m", "fastxform", "burst", "--records", "1000000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (130, b"fastxform: interrupted\n")


def test_the_module_is_the_command():
    """`python -m fastxform` ends with the exit code of `main`."""
    assert process("nope").returncode == 2
    assert process("version").returncode == 0


def test_the_help_loads_nothing_heavy():
    """Neither Arrow nor a codec is imported for help, for a usage mistake or for a burst."""
    script = (
        "import sys; from fastxform.cli import main;"
        "main(['--help']); main(['nope']); main(['burst', '--records', '1']);"
        "print([name for name in ('pyarrow', 'msgspec', 'orjson', 'pybase64', 'boto3') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert result.stdout.splitlines()[-1] == b"[]"


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_examples_that_are_command_lines(verb, command):
    """Each begins with the command and its verb, or pipes into it."""
    code, out, err = command(verb, "--help")
    assert (code, err) == (0, "")
    _, _, examples = out.decode().partition("\nexamples:\n")
    assert f"fastxform {verb}" in examples


def test_a_wrong_option_names_the_nearest(command, config):
    """Exit code 2."""
    code, _, err = command("run", config, "-", "--strct")
    assert code == 2
    assert "there is no option --strct: did you mean --strict?" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_every_verb(command, shell):
    """By a script that is made of the parsers."""
    code, out, err = command("completion", shell)
    assert (code, err) == (0, "")
    assert all(word in out.decode() for word in (*VERBS, "burst", "strict"))
