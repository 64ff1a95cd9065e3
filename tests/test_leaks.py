"""Nothing that is met again and again stays in memory: a process for it, whose growth is looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastxform.errors import REASONS

pytestmark = pytest.mark.processes

SUPPORT = Path(__file__).parent / "support"
ROUNDS = 200
BOUND_BYTES = 48 * 1024
"""Half of the rounds leave 70 KB behind where each leaves 700 bytes; what is measured is a page or two."""


def grown(*arguments):
    """Return by how many bytes the processes grew, by what they met."""
    command = [sys.executable, str(SUPPORT / "reasons.py"), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(SUPPORT.parent.parent), str(SUPPORT)])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return {name: size for line in done.stdout.splitlines() for name, size in json.loads(line).items()}


def test_a_reason_leaves_nothing():
    """Of each reason of the closed list, and of what raised on the way to it."""
    found = grown("leaks", ROUNDS)
    assert list(found) == list(REASONS)
    assert {reason: size for reason, size in found.items() if size > BOUND_BYTES} == {}


def test_mixed_invocations_leave_nothing():
    """All reasons in turn, among good records; `./build.sh soak` runs 20,000 of them."""
    assert grown("mixed", 2_000)["mixed"] < BOUND_BYTES


def test_a_leak_of_700_bytes_is_seen():
    """An invocation that leaves that much, as an expression that raised once did."""
    assert grown("planted", ROUNDS)["planted"] > BOUND_BYTES
