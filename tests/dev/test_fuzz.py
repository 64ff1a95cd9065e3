"""The targets of the fuzzers pass over their first inputs, and see what breaks a promise; Atheris is not needed."""

import re
from pathlib import Path

import pytest

from dev.fuzz import targets
from dev.fuzz.targets import CORPUS, TARGETS
from fastxform.errors import InputError
from fastxform.tools.replay import ledger

ROOT = Path(__file__).parents[2]
INPUTS = [(name, path.name) for name in TARGETS for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize(("name", "file"), INPUTS)
def test_first_inputs_pass(name, file):
    """What is known to be well is."""
    TARGETS[name]((CORPUS / name / file).read_bytes())
    TARGETS[name](b"")


def test_every_target_is_run():
    """By `./build.sh fuzz`, from a directory of first inputs."""
    (named,) = re.findall(r"for name in (payloads .*); do", (ROOT / "build.sh").read_text(encoding="utf-8"))
    assert named.split() == [*TARGETS]
    assert sorted(path.name for path in CORPUS.iterdir()) == sorted(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 100_000


def test_a_record_that_raises_is_seen(monkeypatch):
    """An exception that nobody expected is no answer, though a net holds it."""
    pipeline = targets._pipeline(1)
    monkeypatch.setattr(type(pipeline), "run", lambda *_: _Answer(["ProcessingFailed"], ["internal"], [None]))
    with pytest.raises(AssertionError, match="nobody expected"):
        TARGETS["payloads"](b"\x01{}")


def test_a_reason_that_is_not_listed_is_seen(monkeypatch):
    """The list is closed."""
    pipeline = targets._pipeline(1)
    monkeypatch.setattr(type(pipeline), "run", lambda *_: _Answer(["ProcessingFailed"], ["mood"], [None]))
    with pytest.raises(AssertionError, match="not on the list"):
        TARGETS["payloads"](b"\x01{}")


def test_a_configuration_that_ends_in_a_traceback_is_seen(monkeypatch):
    """Only mistakes that are named pass."""
    monkeypatch.setattr("fastxform.query.compiler._Compiler.literal", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        TARGETS["configurations"](b'[columns]\na = "a"\nx = { expr = "1" }\n')


def test_a_journal_without_bounds_is_seen(monkeypatch):
    """As is one that is not read."""
    monkeypatch.setattr(ledger, "_is_possible", lambda *_: True)
    with pytest.raises(AssertionError):
        TARGETS["journals"](b"+ 0:1-99999")
    monkeypatch.setattr(ledger, "InputError", type("OtherError", (Exception,), {}))
    with pytest.raises(Exception, match="damaged") as met:
        TARGETS["journals"](b"x")
    assert not isinstance(met.value, InputError)


class _Answer:
    def __init__(self, result, reason, data):
        self.result, self.reason, self.data, self.faults = result, reason, data, ()
