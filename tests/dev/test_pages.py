"""The pages for contributors are true: what they name exists."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "README.md")
NAMED = re.compile(
    r"`((?:fastxform|tests|benchmarks|deploy|dev|docs|core|transform|config|decode)/[\w./-]+|[\w-]+\.(?:lock|toml))`"
)
MADE = {"mended.toml", "my.toml", "fastxform.toml"}
"""Files that a page has its reader write."""


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_files_exist(page):
    """A relative link, and a path in code, name a file or directory of the repository, or of the package."""
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text(page)) if "://" not in link]
    names = [name for name in NAMED.findall(text(page)) if name not in MADE] + [link for link in links if link]
    assert [name for name in names if not ((ROOT / name).exists() or (ROOT / "fastxform" / name).exists())] == []


def test_every_package_is_in_the_architecture():
    """Its table has a row for each package."""
    packages = {path.parent.name for path in (ROOT / "fastxform").glob("*/__init__.py")}
    rows = re.findall(r"^\| (`.*?`) \|", text("ARCHITECTURE.md"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} >= packages


def test_the_ci_calls_the_script():
    """The workflow and the hooks run what is there."""
    assert "bash .ci/run" in text(".github/workflows/ci.yml")
    hooks = re.findall(r"entry: \.venv/bin/python -m (\w+)", text(".pre-commit-config.yaml"))
    assert set(hooks) == {"ruff", "mypy"}
    verbs = set(re.findall(r"\./build\.sh (\w+)", text(".ci/run") + text("CONTRIBUTING.md")))
    usage = subprocess.run([ROOT / "build.sh"], capture_output=True, text=True, check=False).stderr
    assert verbs <= set(re.findall(r"^  (\w+) ", usage, re.MULTILINE))
