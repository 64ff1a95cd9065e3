"""The README is true: its files are files of the package, and its commands print what it shows."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from dev import pictures

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = r"<!-- {kind}: (?P<what>[^\n]*) -->\n```\w*\n(?P<text>.*?)```"
LINES_AT_MOST = 120
FILES = re.findall(BLOCK.format(kind="file"), README, re.DOTALL)


@pytest.mark.parametrize(("name", "text"), FILES, ids=[name for name, _ in FILES])
def test_a_file_in_the_readme_is_the_file(name, text):
    """What the README shows as a file is that file, to the byte."""
    assert (ROOT / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", pictures.SVGS)
def test_a_picture_is_what_is_drawn_now(name):
    """The terminal shows the file and what the command prints today; `python -m dev.pictures` draws anew."""
    assert (pictures.PICTURES / name).read_text(encoding="utf-8") == pictures.SVGS[name]()


def test_pictures_are_small_and_take_nothing_from_elsewhere():
    """Each is below 300 kB; an SVG loads no font, script or image."""
    for path in pictures.PICTURES.iterdir():
        assert path.stat().st_size < 300_000, path.name
        if path.suffix == ".svg":
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert re.findall(r"https?://|@import|<script|<image|url\((?!#)", text) == []


def test_the_readme_shows_something():
    """The file, the three pictures, and the two commands are there; it stays short."""
    assert FILES
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", README)
    assert {path.relative_to(ROOT).as_posix() for path in pictures.PICTURES.iterdir()} == {a or b for a, b in shown}
    assert "./build.sh run" in README
    assert "./build.sh test" in README
    assert len(README.splitlines()) < LINES_AT_MOST


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
