"""Nothing is undocumented: every key, function, verb, option, reason, metric, variable and extra is on its page.

The registries and parsers are walked here, whatever makes the pages; that the pages are what is made now is tested
beside this.
"""

import re
import tomllib
from pathlib import Path

import pytest

from dev.commands import options, parsers
from fastxform import settings
from fastxform.cli import ALIASES, VERBS
from fastxform.config.keys import SECTIONS
from fastxform.config.readers import READERS
from fastxform.errors import REASONS
from fastxform.invocation.telemetry import UNITS
from fastxform.query.functions import FUNCTIONS
from fastxform.query.named import NAMED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def text(page):
    return (DOCS / page).read_text(encoding="utf-8")


def part(page, title):
    """What stands below a heading, up to the next of its level or above."""
    level, _, name = title.partition(" ")
    found = re.search(
        rf"^{level} {re.escape(name)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text(page), re.DOTALL | re.MULTILINE
    )
    assert found, f"{page} has no heading {title}"
    return found[1]


@pytest.mark.parametrize("section", SECTIONS, ids=[section.location or "top" for section in SECTIONS])
def test_every_key_has_a_row_in_its_section(section):
    """With its meaning, and an example."""
    title = f"`[{section.location}]`" if section.location else "The top of the file"
    if section.location.endswith("[]"):
        title = f"`[[{section.location.removesuffix('[]')}]]`"
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", part("configuration.md", f"## {title}"), re.MULTILINE))
    assert set(rows) == set(section.names)
    assert [name for name, rest in rows.items() if len(re.split(r" \| ", rest)) < 4] == []


def test_every_function_has_a_row():
    """By its name."""
    page = text("expressions.md")
    assert [name for name in (*FUNCTIONS, *NAMED) if f"| `{name}(" not in page] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_of_a_verb_has_a_row(verb):
    """And is described; so is an older name."""
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", part("command.md", f"### fastxform {verb}"), re.MULTILINE))
    names = {name.split()[0] for name in rows}
    for action in options(parsers()[verb]):
        name = action.option_strings[-1] if action.option_strings else str(action.metavar)
        assert name in names or any(row.startswith(name) for row in rows), f"{verb} {name}"
        assert action.help
    assert all(f"`{older}` is its older name" in text("command.md") for older, name in ALIASES.items() if name == verb)


def test_every_reason_and_metric_has_a_row():
    """On the page about operation."""
    page = text("operations.md")
    assert [name for name in (*REASONS, *UNITS) if f"| `{name}` |" not in page] == []


def test_every_reader_has_a_row():
    """On the page about readers."""
    assert [name for name in READERS if f"| `{name}` |" not in text("readers.md")] == []


def test_every_variable_of_the_environment_is_explained():
    """On one of the pages."""
    source = Path(settings.__file__).read_text(encoding="utf-8")
    names = {*settings.SETTINGS, *re.findall(r'"(POWERTOOLS_[A-Z_]+)"', source)}
    pages = "\n".join(path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md"))
    assert [name for name in sorted(names) if name not in pages] == []


def test_every_extra_has_a_row():
    """On the page of the command."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    head = text("command.md").partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| ", head, re.MULTILINE)) == set(extras)
