"""Whatever a command is told to write to, nothing of the user's is written over, cut, emptied or removed.

The arguments of every verb are walked, so that one which nobody has judged fails the first test here.
"""

import argparse
import contextlib
import io
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from aws_faults import AwsServer, Plan

from fastxform.cli import SECTIONS, parser_of, verb_module
from fastxform.cli.commands import local
from fastxform.errors import ContractError
from fastxform.tools import files
from fastxform.tools.simulator.layout import MARKER, DirectorySink
from fastxform.tools.sizing import runtime

pytestmark = pytest.mark.processes

CONFIG = '[output]\nformat = "json"\n[columns]\na = { path = "a", type = "int64" }\n'
FOREIGN = b"a will, signed\n"

OUTPUTS = {
    ("init", "--out"): ["init", "--sample", "records.jsonl", "--out"],
    ("simulate", "--out"): ["simulate", "c.toml", "records.jsonl", "--out"],
    ("local", "--out"): ["local", "c.toml", "--stream", "s", "--port", "0", "--out"],
    ("size", "--picture"): ["size", "c.toml", "records.jsonl", "--picture"],
    ("replay", "--out"): ["replay", "failed", "--config", "c.toml", "--out"],
    ("replay", "--journal"): ["replay", "failed", "--put", "s", "--yes", "--journal"],
    ("put", "--journal"): ["put", "s", "records.jsonl", "--journal"],
    ("put", "--unsent"): ["put", "s", "-", "--unsent"],
}
"""What names an output, and a command that writes to it, up to its name."""

FORCED = {
    ("simulate", "--out"): [*OUTPUTS["simulate", "--out"][:-1], "--force", "--out"],
    ("local", "--out"): [*OUTPUTS["local", "--out"][:-1], "--force", "--out"],
}
"""Those that write beside what is there, if they are told to."""

DIRECTORIES = {("simulate", "--out"), ("local", "--out"), ("replay", "--out")}

OTHERS = {
    "a file or a stream that is read": {
        ("check", "config"), ("check", "--ddl"), ("ddl", "config"), ("doctor", "config"), ("doctor", "descriptions"),
        ("doctor", "--sample"), ("explain", "config"), ("explain", "input"), ("init", "--sample"), ("local", "config"),
        ("play", "sample"), ("put", "input"), ("replay", "paths"), ("replay", "--config"), ("run", "config"),
        ("run", "input"), ("simulate", "config"), ("simulate", "input"), ("size", "config"), ("size", "sample"),
        ("size", "--prices"), ("test", "config"), ("check-response", "event"), ("check-response", "response"),
    },
    "a word": {
        ("init", "--preset"), ("simulate", "--fault"), ("local", "--function"), ("ddl", "--table"), ("ddl", "--prefix"),
        ("doctor", "--from-account"), ("replay", "--error-code"), ("replay", "--put"), ("put", "stream"),
    },
    "a directory of a database and tables, which PyIceberg writes": {("local", "--tables")},
    "a name in a script that is printed": {("doctor", "--into")},
    "a file that its user edits in the page, and saves there": {("play", "config")},
}  # fmt: skip
"""The other arguments that take any text."""


def arguments():
    """Return the arguments of every verb that take any text, by verb and name."""

    def of(parser):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from of(below)
            elif action.nargs != 0 and action.choices is None and (action.type is None or "path" in str(action.type)):
                yield (action.option_strings or [action.dest])[0]

    verbs = [verb for section in SECTIONS.values() for verb in section]
    return {(verb, name) for verb in verbs for name in of(parser_of(verb, verb_module(verb)))}


def test_every_argument_is_judged():
    """A new one that takes any text is in one of the tables: what names an output is tried below."""
    judged = [*OUTPUTS, *(one for others in OTHERS.values() for one in others)]
    assert len(judged) == len(set(judged))
    assert set(judged) == arguments()


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A directory with a configuration, records and failed records, and something of the user's beside it."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    (elsewhere / "will").write_bytes(FOREIGN)
    (here / "c.toml").write_text(CONFIG)
    (here / "records.jsonl").write_bytes(b'{"a":1}\n{"a":"x"}\n')
    (here / "failed").mkdir()
    (here / "failed" / "f").write_text(
        '{"attemptsMade":1,"errorCode":"Lambda.FunctionError","rawData":"eyJhIjoxfQ=="}\n'
    )
    monkeypatch.chdir(here)
    return here


def content(path):
    """Return the bytes of a file, where a link leads to, or False."""
    return str(path.readlink()) if path.is_symlink() else path.is_file() and path.read_bytes()


def whole(directory):
    """Return what is below a directory, links not followed."""
    return {str(path.relative_to(directory)): content(path) for path in sorted(directory.rglob("*"))}


def foreign_file(path):
    path.write_bytes(FOREIGN)


def foreign_directory(path):
    path.mkdir()
    (path / "will").write_bytes(FOREIGN)


def link_to_a_file(path):
    path.symlink_to("../elsewhere/will")


def link_to_a_directory(path):
    path.symlink_to("../elsewhere")


def link_to_nowhere(path):
    path.symlink_to("../elsewhere/new")


def a_pipe(path):
    os.mkfifo(path)


PLACES = [foreign_file, foreign_directory, link_to_a_file, link_to_a_directory, link_to_nowhere, a_pipe]


_measure, _measurements = runtime.measure, []


def measured(*arguments):
    """Measure once: it takes seconds."""
    if not _measurements:
        _measurements.append(_measure(*arguments))
    return _measurements[0]


CASES = [
    *(pytest.param(output, line, id=" ".join(output)) for output, line in OUTPUTS.items()),
    *(pytest.param(output, line, id=" ".join(output) + " --force") for output, line in FORCED.items()),
]


@pytest.fixture
def aws(monkeypatch):
    """A Firehose on loopback that refuses everything, so that there is something to write."""
    with AwsServer(Plan(refuse="access_denied")) as server:
        for name, value in {**server.environment(), "AWS_REGION": "eu-west-1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        yield server


@pytest.fixture
def run(command, aws, work, monkeypatch):
    """Run a command line whose last argument is an output: (exit code, standard error).

    What would serve ends at once, and what measures the machine for seconds does so once.
    """

    @contextlib.contextmanager
    def interrupted():
        stopped = threading.Event()
        stopped.set()
        yield stopped

    def run(line):
        monkeypatch.setattr(local, "_interrupted", interrupted)
        monkeypatch.setattr(runtime, "measure", measured)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(b'{"a":1}\n'))))
        code, _, err = command(*line)
        assert "Traceback" not in err
        return code, err

    return run


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@pytest.mark.parametrize(("output", "line"), CASES)
def test_what_is_there_stays(output, line, place, work, run, tmp_path):
    """A file, a directory, a link, a pipe: whatever the command says, each byte of it is there afterwards."""
    place(work / "it")
    before = whole(tmp_path)
    code, err = run([*line, "it"])
    after = whole(tmp_path)
    assert {name: after.get(name) for name in before} == before
    if output not in DIRECTORIES:
        assert after.keys() == before.keys()
        assert (code in (1, 2), err.count("fastxform: it: ")) == (True, 1)


@pytest.mark.parametrize(("output", "line"), CASES)
def test_a_place_where_nothing_can_be_made_is_one_line(output, line, run):
    """Not even by root: a path below /proc."""
    code, err = run([*line, "/proc/it"])
    assert (code in (1, 2), err.count("fastxform: /proc/it: ")) == (True, 1)


@pytest.mark.parametrize(
    ("output", "line"),
    [case for case in CASES if case.id != "size --picture"],
)
def test_a_full_disk_is_one_line(output, line, work, aws):
    """Files that cannot grow stand for it; what is there is not given up for what cannot be written."""
    if output == ("init", "--out"):
        foreign_file(work / "it")
        line = [*line[:-1], "--force", line[-1]]
    before = whole(work)
    done = subprocess.run(
        [sys.executable, "-m", "fastxform", *line, "it"],
        input=b'{"a":1}\n',
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    err = done.stderr.decode()
    assert "Traceback" not in err
    assert (done.returncode in (1, 2), "File too large" in err) == (True, True)
    after = whole(work)
    assert {name: after.get(name) for name in before} == before


def test_a_full_disk_leaves_the_picture_that_is_there(work, run):
    """In this process, since the command measures the machine first."""
    assert run(["size", "c.toml", "records.jsonl", "--picture", "it"])[0] == 0
    before = whole(work)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_024, limits[1]))
    try:
        code, err = run(["size", "c.toml", "records.jsonl", "--picture", "it"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, "File too large" in err) == (2, True)
    assert whole(work) == before


def test_simulate_follows_no_link_out_of_its_directory(work, run, tmp_path):
    """Where objects would go lies a link: nothing is written below it, and it stays."""
    (work / "it").mkdir()
    (work / "it" / "processing-failed").symlink_to("../../elsewhere")
    before = whole(tmp_path)
    code, err = run(["simulate", "c.toml", "records.jsonl", "--force", "--out", "it"])
    after = whole(tmp_path)
    assert (code, "it/processing-failed: is a link or no directory" in err) == (2, True)
    assert {name: content for name, content in after.items() if name.startswith("elsewhere")} == {
        name: content for name, content in before.items() if name.startswith("elsewhere")
    }
    assert {name: after.get(name) for name in before} == before


def test_replay_follows_no_link_out_of_its_directory(work, run, tmp_path):
    """The same of rows that go below a partition."""
    (work / "c.toml").write_text(CONFIG + '[partition_keys]\na = "a"\n')
    (work / "it").mkdir()
    (work / "it" / "a=1").symlink_to("../../elsewhere")
    code, err = run(["replay", "failed", "--config", "c.toml", "--out", "it"])
    assert (code, "is a link or no directory" in err) == (2, True)
    assert whole(tmp_path / "elsewhere") == {"will": FOREIGN}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_an_object_is_written_over_nothing(place, work):
    """With a key that somebody's file has."""
    sink = DirectorySink(work / "out")
    sink.prepare()
    place(work / "out" / "k")
    before = whole(work)
    with pytest.raises(ContractError, match="k: is there and was not written by this run"):
        sink.append("k", b"row")
    assert whole(work) == before


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_marker_of_somebody_else_is_none(place, force, work):
    """What it names is not removed, and it is not written over."""
    (work / "out").mkdir()
    place(work / "out" / MARKER)
    before = whole(work)
    with pytest.raises(ContractError, match="was not written by simulate"):
        DirectorySink(work / "out").prepare(force)
    assert whole(work) == before


def test_a_file_is_replaced_as_a_whole(tmp_path):
    """With its mode, and where a link leads to; a device takes the bytes."""
    path, link = tmp_path / "f", tmp_path / "l"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to("f")
    files.replace(link, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)
    files.replace(tmp_path / "g", b"new")
    assert (tmp_path / "g").read_bytes() == b"new"
    files.replace(Path(os.devnull), b"new")
    assert Path(os.devnull).is_char_device()
    with pytest.raises(OSError, match="No space left"):
        files.replace(Path("/dev/full"), b"x")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["f", "g", "l"]
