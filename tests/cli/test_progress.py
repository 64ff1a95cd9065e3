"""Progress and colours: shown to people at a terminal and to logs, never in the data, never in the first second."""

import io
import json
import sys

import pytest

from fastxform.cli import main, progress
from fastxform.cli.console import Console, Paint, amount, number_of, table
from fastxform.cli.progress import Progress, waiting
from fastxform.tools.sample_data import burst


class Screen(io.TextIOWrapper):
    """Standard error, or output, at a terminal."""

    def __init__(self, terminal=True):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    @property
    def text(self):
        return self.buffer.getvalue().decode()


def clock(*moments):
    """A clock that shows these moments, then stands."""
    shown = list(moments)
    return lambda: shown.pop(0) if len(shown) > 1 else shown[0]


@pytest.fixture
def screen(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    return Screen()


def console(err, out_is_terminal=False):
    return Console(Screen(out_is_terminal), err)


def test_a_line_has_the_share_the_rate_and_the_time_left(screen):
    """It takes the place of the one before, and is gone at the end."""
    with Progress(console(screen), share=lambda: 0.25, clock=clock(0, 10, 10.1, 20)) as shown:
        shown.show(1_000, "in 2 invocations")
        shown.show(1_010)
        shown.show(1_200)
    bar = "[#######                       ]  25% "
    assert screen.text == (
        f"{bar}1,000 records in 2 invocations, 100 a second, 30 s left\r\x1b[K"
        f"{bar}1,200 records, 60 a second, 60 s left\r\x1b[K"
    )


@pytest.mark.parametrize(("terminal", "text"), [(True, "measuring ...\r\x1b[K"), (False, "")], ids=["terminal", "log"])
def test_what_cannot_be_counted_says_that_it_takes_time(monkeypatch, terminal, text):
    """At a terminal; the line is gone when it ends, by an error too."""
    monkeypatch.setenv("NO_COLOR", "1")
    err = Screen(terminal)
    with pytest.raises(ValueError, match="broken"), waiting(console(err), "measuring"):
        raise ValueError("broken")
    assert err.text == text


def test_nothing_is_shown_in_the_first_second(screen):
    """What is done at once needs no progress."""
    with Progress(console(screen), clock=clock(0, 0.9)) as shown:
        shown.show(5)
    assert screen.text == ""


def test_a_log_gets_a_line_every_ten_seconds():
    """Without a bar that moves; a pipe, whose end nobody knows, without share and time left."""
    log = Screen(terminal=False)
    with Progress(console(log), clock=clock(0, 9, 10, 11, 20)) as shown:
        for count in (9, 10, 11, 20):
            shown.show(count)
    assert log.text == "10 records, 1 a second\n20 records, 1 a second\n"


def test_data_and_progress_never_share_a_terminal(screen):
    """A verb that prints while it works shows no progress where its data is on the screen."""
    with Progress(console(screen, True), clock=clock(0, 5), shares_terminal=True) as shown:
        shown.show(5)
    assert screen.text == ""


def test_a_note_takes_the_line_of_progress_away(screen):
    """And does not stand behind it."""
    shared = console(screen)
    shared.status("half")
    shared.note("a note")
    assert screen.text == "half\r\x1b[Ka note\n"


def test_the_bar_has_colours_where_a_terminal_has(monkeypatch):
    """Rich draws it, and what stands beside it is the same."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    err = Screen()
    with Progress(console(err), share=lambda: 0.5, clock=clock(0, 2)) as shown:
        shown.show(4)
    assert "\x1b[" in err.text.split("50%")[0]
    assert " 50% 4 records, 2 a second, 2 s left" in err.text


@pytest.mark.parametrize("verb", ["simulate", "run", "replay", "generate", "init"])
def test_every_verb_that_takes_long_shows_progress(verb, tmp_path, monkeypatch, screen):
    """Where it takes no time too, if there were no first second; its data is the same as without."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text('source = "dynamodb"\ncolumns = { id = "dynamodb.Keys.id" }\n')
    (tmp_path / "in").write_bytes(b"".join(payload + b"\n" for payload in burst.records("dynamotest", 500)))
    lines = [json.dumps({"rawData": "e30=", "errorCode": "E", "lambdaARN": "a"}) for _ in range(500)]
    (tmp_path / "failed").write_text("\n".join(lines))
    arguments = {
        "simulate": ["c.toml", "in", "--out", "out"],
        "run": ["c.toml", "in"],
        "replay": ["failed"],
        "generate": ["--records", "3000"],
        "init": ["--sample", "in", "--out", "new.toml"],
    }[verb]
    for name in ("_FIRST_SECONDS", "_TERMINAL_SECONDS"):
        monkeypatch.setattr(progress, name, 0.0)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", out := Screen(terminal=False))
    assert main([verb, *arguments]) == 0
    assert " records" in screen.text.split("\r")[0]
    assert " a second" in screen.text
    assert "\x1b" not in out.text


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls")], ids=["none", "one", "several"]
)
def test_a_count_has_its_noun_in_the_right_number(count, words):
    """Also where the plural is another word."""
    assert number_of(count, "call") == words
    assert number_of(count, "pass", "passes") == words.replace("calls", "passes").replace("call", "pass")


def test_sizes_are_for_people():
    """Decimal units."""
    assert [amount(size) for size in (0, 1, 999, 1_000, 5_600_000)] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.0 kB",
        "5.6 MB",
    ]


def test_columns_are_aligned():
    """Numbers at their right side."""
    assert table([("records", "code"), ("5", "a")], right=[0]) == ["records  code", "      5  a"]


def test_paint_is_for_those_who_see_it():
    """Nothing is added where it is off."""
    assert Paint(False)("text", "red") == "text"
    assert Paint(True)("text", "red").startswith("\x1b[")
