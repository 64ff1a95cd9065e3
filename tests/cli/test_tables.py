"""Tables of the command: plain lines for programs and files, drawn ones for people, with the same words in both."""

import re

from fastxform.cli import SECTIONS, VERBS
from fastxform.cli.console import Paint
from fastxform.cli.tables import grid, summary

ROWS = [("delivered", "3"), ("failed", "2  (2 X)"), ("  2", "json: [bold]not markup[/bold]"), ("lost", "0")]
GROUPS = [(("12", "Lambda.FunctionError", "4"), ("the function raised", "as in a: line 1")), (("1", "X", "1"), ())]


def words(lines):
    return re.findall(r"[^\s│╭╮╰╯─├┤┼┬┴]+", re.sub(r"\x1b\[[\d;]*m", "", "\n".join(lines)))


def test_a_summary_is_plain_without_a_terminal():
    """Names in a column, details indented; a line has no blanks at its end that nobody asked for."""
    assert list(summary(ROWS, "stream s", {}, drawn=False)) == [
        "delivered    3",
        "failed       2  (2 X)",
        "  2          json: [bold]not markup[/bold]",
        "lost         0",
    ]


def test_a_drawn_summary_has_the_same_words(monkeypatch):
    """And colours, and no markup of its cells."""
    monkeypatch.setenv("COLUMNS", "80")
    drawn = list(summary(ROWS, "stream s", {"failed": "red"}, drawn=True))
    assert words(drawn) == ["stream", "s", *words(summary(ROWS, "", {}, drawn=False))]
    assert any("\x1b[31m" in line for line in drawn)


HEAD = ("records", "error code", "attempts")


def test_a_grid_is_plain_without_a_terminal():
    """Details stand below their row, behind the first column."""
    assert list(grid(HEAD, GROUPS, right=(0,), paint=Paint(enabled=False))) == [
        "records  error code            attempts",
        "     12  Lambda.FunctionError  4",
        "         the function raised",
        "         as in a: line 1",
        "      1  X                     1",
    ]


def test_a_coloured_grid_has_the_same_words():
    """And a rule below its head."""
    coloured = list(grid(HEAD, GROUPS, right=(0,), paint=Paint(enabled=True)))
    assert words(coloured) == words(grid(HEAD, GROUPS, right=(0,), paint=Paint(enabled=False)))
    assert len(coloured) == 6


def test_every_verb_is_in_one_section_of_the_help(command):
    """`fastxform --help` has a title for each section, and each verb once."""
    _, out, _ = command("--help")
    assert [title for title in SECTIONS if f"\n{title}:\n" not in out] == []
    assert re.findall(r"^  ([a-z-]+) {2,}", out, re.MULTILINE) == list(VERBS)
