"""The README is true: its files are files of the package, and its commands print what it shows."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = r"<!-- {kind}: (?P<what>[^\n]*) -->\n```\w*\n(?P<text>.*?)```"
FILES = re.findall(BLOCK.format(kind="file"), README, re.DOTALL)
RUNS = re.findall(BLOCK.format(kind="run"), README, re.DOTALL)


@pytest.mark.parametrize(("name", "text"), FILES, ids=[name for name, _ in FILES])
def test_a_file_in_the_readme_is_the_file(name, text):
    """What the README shows as a file is that file, to the byte."""
    assert (ROOT / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("command", "text"), RUNS, ids=[command for command, _ in RUNS])
def test_a_command_in_the_readme_prints_what_it_shows(command, text):
    """Standard output, then standard error, are what stands below the command."""
    words = shlex.split(command)
    assert words[0] == "fastxform"
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert f"$ {command}\n{done.stdout}{done.stderr}" == text


def test_the_readme_shows_something():
    """The checks above have something to look at, and the two commands are named."""
    assert FILES
    assert RUNS
    assert "./build.sh run" in README
    assert "./build.sh test" in README


def test_links_of_the_readme_lead_somewhere():
    """A relative link names a file of the repository."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_results_are_those_of_the_report():
    """The table of the README is what the numbers of the last report make."""
    spec = importlib.util.spec_from_file_location("readme", ROOT / "benchmarks/readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    numbers = json.loads((ROOT / "benchmarks/results/results.json").read_text(encoding="utf-8"))
    assert module.written(README, numbers) == README
