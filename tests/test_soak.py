"""`./build.sh soak`, for some seconds: each part does something, prints its figures, and fails where it has to."""

import random
import re
import sys
import time

import pytest
import soak

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("part", soak.PARTS)
def test_a_part_runs_and_counts(part, monkeypatch, capsys):
    """Some of everything in a second, and the figures of it."""
    monkeypatch.setattr(soak, "EXAMPLES", 5)
    monkeypatch.setattr(sys, "argv", ["soak", "--seconds", "1", "--seed", "1", "--part", part])
    for name in (*soak.differential.QUIET, "HASH_KEY"):
        monkeypatch.setenv(name, "")  # so that what the part sets is gone after the test
        monkeypatch.delenv(name)
    assert soak.main() == 0, capsys.readouterr().out
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "soak: --seed 1"
    assert re.search(rf"^soak: {part}: [1-9][0-9,]* .*\([0-9]+ s of processor time\)$", said[1])


def test_a_difference_ends_with_1(monkeypatch, capsys):
    """The part is named that found it, and the others are run all the same."""

    def differs(rng, end):
        raise soak.SoakError("the oracle says otherwise")

    monkeypatch.setattr(soak, "PARTS", {"model": differs, "kernel": lambda rng, end: "1 record"})
    monkeypatch.setattr(sys, "argv", ["soak", "--seconds", "0"])
    assert soak.main() == 1
    said = capsys.readouterr().out
    assert "soak: model: FAILED: SoakError: the oracle says otherwise" in said
    assert "soak: kernel: 1 record" in said


def test_growth_is_seen(monkeypatch):
    """Invocations that keep what they met."""
    kept = []
    monkeypatch.setattr(soak.reasons, "mixed", lambda rng: lambda: kept.append(bytearray(100_000)))
    with pytest.raises(soak.SoakError, match="invocations grew by"):
        soak.memory(random.Random(1), time.monotonic() + 0.05)
