"""The script: what it says where it cannot work. That it works is shown by every other test, which it set up."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parent.parent
TOOLS = ("bash", "cat", "dirname", "mkdir", "sed", "sha256sum")
"""All that the script uses beside Python before it installs anything."""


@pytest.fixture
def clone(tmp_path):
    """A directory with the script and nothing set up."""
    directory = tmp_path / "clone"
    directory.mkdir()
    for name in ("build.sh", "pyproject.toml", "requirements.lock", "requirements-lowest.lock"):
        shutil.copy(ROOT / name, directory / name)
    return directory


@pytest.fixture
def tools(tmp_path):
    """A directory for the PATH with no Python in it."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in TOOLS:
        (directory / name).symlink_to(shutil.which(name))
    return directory


def script(path, text):
    """Write an executable that answers as `text` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def build(directory, *arguments, path=os.environ["PATH"]):
    """Run the script of a directory from another one."""
    environment = {"PATH": str(path), "HOME": str(directory)}
    command = [str(directory / "build.sh"), *arguments]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [(), ("walk",), ("Test",), ("--help",)], ids=["none", "unknown", "case", "help"])
def test_a_wrong_verb_prints_the_usage(clone, arguments):
    """Whatever is not a verb prints the usage on stderr, exits 2 and sets nothing up."""
    result = build(clone, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "usage: ./build.sh VERB" in result.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("found", [None, "exit 1", "echo not installed >&2; exit 127"], ids=["none", "old", "shim"])
def test_without_python_it_names_the_packages(clone, tools, found):
    """No Python, an old one, and a name on the PATH that does not run are one thing: a line with the remedy."""
    if found:
        script(tools / "python3", found)
    result = build(clone, "setup", path=tools)
    assert result.returncode == 1
    assert result.stderr == (
        "build.sh: Python 3.11 or later is needed and none was found; on Debian: apt-get install python3 python3-venv\n"
    )


def test_without_venv_it_names_the_package(clone, tools):
    """Debian's Python without python3-venv has `venv`, no `ensurepip`: a line with the remedy, and no broken .venv."""
    script(tools / "python3", "[[ $* != *ensurepip* ]]")
    result = build(clone, "setup", path=tools)
    assert result.returncode == 1
    assert result.stderr.endswith("cannot make virtual environments; on Debian: apt-get install python3-venv\n")
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("step", ["pip", "dev.install"])
def test_without_network_it_says_so_and_tries_again(clone, tools, step):
    """Where pip fails, the script says what is not installed, fails, and does not take the environment for complete."""
    script(clone / ".venv/bin/python", f"[[ $* != *{step}* ]]")
    for _ in range(2):
        result = build(clone, "setup", path=tools)
        assert result.returncode == 1
        assert result.stderr.splitlines() == [
            "build.sh: the packages could not be installed (pip's message is above); is a package index reachable?",
        ]


def installs(clone, tools):
    """Return whether `lint` installs anything."""
    script(clone / ".venv/bin/python", 'echo "$*"')
    return "dev.install" in build(clone, "lint", path=tools).stdout


def test_settings_of_tools_install_nothing(clone, tools):
    """An environment is made anew for another lock or other dependencies, not for other settings of a tool."""
    settings, lock = clone / "pyproject.toml", clone / "requirements.lock"
    assert [installs(clone, tools), installs(clone, tools)] == [True, False]
    text = settings.read_text()
    settings.write_text(text.replace("line-length = 120", "line-length = 99").replace('filterwarnings = ["error"]', ""))
    assert not installs(clone, tools)
    settings.write_text(text.replace("jmespath>=", "jmespath>"))
    assert installs(clone, tools)
    lock.write_text(lock.read_text() + "\n")
    assert installs(clone, tools)


def test_the_first_failure_of_lint_hides_no_other(clone, tools):
    """Every linter runs, and one that fails fails the verb."""
    script(clone / ".venv/bin/python", 'echo "$*"; [[ $* != *"ruff check"* ]]')
    result = build(clone, "lint", path=tools)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-3:] == ["-m ruff check .", "-m ruff format --check .", "-m mypy"]
