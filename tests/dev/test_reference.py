"""The reference pages are what the tables of keys and functions make, and their examples are true."""

from pathlib import Path

import pytest

from dev import reference
from fastxform.config.keys import SECTIONS
from fastxform.query.functions import FUNCTIONS
from fastxform.query.named import NAMED

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_is_what_the_tables_make(page):
    """No key and no function is missing; `python -m dev.reference` writes the pages anew."""
    assert (DOCS / page).read_text(encoding="utf-8") == reference.PAGES[page](), "run python -m dev.reference"


def test_every_key_and_function_is_on_its_page():
    """Also by name, so that the pages cannot both be empty."""
    configuration, expressions = reference.configuration(), reference.expressions()
    assert [key.name for section in SECTIONS for key in section.keys if f"| `{key.name}` |" not in configuration] == []
    names = (*FUNCTIONS, *NAMED, "col", "now_ms", "lookup")
    assert [name for name in names if expressions.count(f"\n| `{name}(") != 1] == []
    assert "| `None` |" not in expressions


def test_an_example_that_does_not_work_is_found():
    """One that cannot be compiled, and one that fails its record."""
    assert reference.outcome("no_such_function(n)") is None
    assert reference.outcome("1 // (n + 7)") is None
    assert reference.outcome("n + 1") == "-6"
