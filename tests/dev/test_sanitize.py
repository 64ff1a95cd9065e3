"""`./build.sh test --sanitize`: a kernel that reads what is not its own, or keeps what it should free, is seen."""

import os
import subprocess
import sys

import pytest

from dev import sanitize

PLANTED = """
#include <stdlib.h>
__attribute__((visibility("default"))) void *PyInit__kernel(void) {
    unsigned char *volatile block = malloc(8);
    %s
    return NULL;
}
"""


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("free(block); exit(0);", ""),
        ("exit(block[8]);", "heap-buffer-overflow"),
        ("exit((int)(block[0] << 8) << 24);", "runtime error"),
        ("block = NULL; exit(0);", "detected memory leaks"),
    ],
    ids=["nothing", "past the end", "a shift past the sign", "a block that is kept"],
)
def test_what_is_planted_is_found(tmp_path, does, said):
    """Python imports this kernel in the place of its own, and the sanitizers look at it."""
    source = tmp_path / "module.c"
    source.write_text(PLANTED % does)
    environment = sanitize.prepared(tmp_path / "built", source) | sanitize.LEAKS
    done = subprocess.run(
        [sys.executable, "-c", "import fastxform.core._kernel"],
        env=os.environ | environment,
        cwd=sanitize.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (said == ""), done.stderr
    assert said in done.stderr


def test_without_a_compiler_it_says_so(monkeypatch, capsys):
    """In one line, and nothing is run."""
    monkeypatch.setattr(sanitize.shutil, "which", lambda name: None)
    monkeypatch.setattr(sanitize, "run", lambda *given: pytest.fail("it was run"))
    assert sanitize.main() == 0
    assert capsys.readouterr().err == "sanitize: not executed: there is no gcc (on Debian: apt-get install gcc)\n"


def test_a_finding_of_the_differential_test_ends_it(monkeypatch):
    """1, whatever it ended with; else it is the exit code of pytest, which has the arguments."""
    calls = []
    monkeypatch.setattr(sanitize, "prepared", lambda: {"A": "1"})
    monkeypatch.setattr(sanitize, "run", lambda arguments, environment: calls.append((arguments, environment)) or 134)
    assert sanitize.main() == 1
    monkeypatch.setattr(
        sanitize,
        "run",
        lambda arguments, environment: calls.append((arguments, environment)) or 5 * ("pytest" in arguments),
    )
    monkeypatch.setattr(sys, "argv", ["sanitize", "tests/x"])
    assert sanitize.main() == 5
    assert calls[1:] == [
        ([sanitize.DIFFERENTIAL, "--rounds", "2"], {"A": "1"} | sanitize.LEAKS),
        (["-m", "pytest", "tests/x"], {"A": "1"}),
    ]
