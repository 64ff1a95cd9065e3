"""The benchmark's own machinery: it must see a wrong answer, and must not print a number for one.

Nothing here is timed. Invariant: each check needs no more than a small process.
"""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import contenders, corpora, harness, picture, profile_burst, report
from benchmarks.contenders import Contender
from benchmarks.targets import Target

ROWS = [b"a,b\n", b"c,d\n", b"e,f\n"]


def entry(record_id: str, data: bytes | None, result: str = "Ok", **rest: object) -> dict[str, object]:
    found: dict[str, object] = {"recordId": record_id, "result": result, **rest}
    return found if data is None else found | {"data": base64.b64encode(data).decode()}


def response(*entries: dict[str, object]) -> bytes:
    return json.dumps({"records": entries}).encode()


RIGHT = [entry("1", b"a,b\n"), entry("2", None, "Dropped"), entry("3", b"e,f\n", metadata={"otfMetadata": {"t": "x"}})]
EXPECTED = harness.decoded(response(*RIGHT), "bytes")


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        pytest.param(response(*RIGHT), None, id="equal"),
        pytest.param(
            response(RIGHT[0], entry("2", b"x", "Dropped"), RIGHT[2]), None, id="data of a dropped record is free"
        ),
        pytest.param(response(RIGHT[0], RIGHT[1]), "2 entries for 3 records", id="one missing"),
        pytest.param(response(RIGHT[1], RIGHT[0], RIGHT[2]), "2 of 3 records differ, the first at 0", id="order"),
        pytest.param(response(entry("1", b"a,c\n"), *RIGHT[1:]), "1 of 3 records differ, the first at 0", id="data"),
        pytest.param(
            response(entry("1", b"a,b"), *RIGHT[1:]), "1 of 3 records differ, the first at 0", id="no newline"
        ),
        pytest.param(
            response(*RIGHT[:2], entry("3", b"e,f\n")), "1 of 3 records differ, the first at 2", id="metadata"
        ),
        pytest.param(
            response(RIGHT[0], entry("2", None, "ProcessingFailed"), RIGHT[2]),
            "1 of 3 records differ, the first at 1",
            id="result",
        ),
        pytest.param(response(entry("1", None), *RIGHT[1:]), "the response cannot be read: KeyError", id="no data"),
        pytest.param(b"{", "the response cannot be read: JSONDecodeError", id="no JSON"),
        pytest.param(
            response({"recordId": "1", "result": "Ok", "data": "***"}, *RIGHT[1:]),
            "the response cannot be read: Error",
            id="no base64",
        ),
    ],
)
def test_difference_sees_a_wrong_answer(answer: bytes, wrong: str | None) -> None:
    """Whatever differs in ids, results, data or metadata is told, in one line."""
    assert harness.difference(EXPECTED, answer, "bytes") == wrong


@pytest.mark.parametrize(
    ("one", "other", "comparison", "equal"),
    [
        pytest.param(b'{"a":1,"b":2}\n', b'{"b": 2, "a": 1}\n', "documents", True, id="spelling of documents"),
        pytest.param(
            b'{"a":"{\\"x\\":1}"}\n', b'{"a":"{\\"x\\": 1}"}\n', "documents", True, id="documents inside texts"
        ),
        pytest.param(b'{"a":1}\n', b'{"a":1}\n{"a":1}\n', "documents", False, id="another document"),
        pytest.param(b'{"a":1}\n', b'{"a":"1"}\n', "documents", False, id="another type"),
        pytest.param(b"1700000000000,A\n", b"1700000000001,A\n", "clock", True, id="time of processing"),
        pytest.param(b"1700000000000,A\n", b"1700000000000,B\n", "clock", False, id="behind the time"),
    ],
)
def test_comparisons_allow_what_is_free(one: bytes, other: bytes, comparison: corpora.Comparison, equal: bool) -> None:
    """Documents may be spelled freely and clocks may go on; nothing else is free."""
    expected = harness.decoded(response(entry("1", one)), comparison)
    assert (harness.difference(expected, response(entry("1", other)), comparison) is None) is equal


def test_a_row_without_a_clock_is_no_answer() -> None:
    """The first field of a clocked row must be epoch milliseconds."""
    expected = harness.decoded(response(entry("1", b"1700000000000,A\n")), "clock")
    found = harness.difference(expected, response(entry("1", b"17,A\n")), "clock")
    assert found == "the response cannot be read: ValueError"


def program(text: str) -> Contender:
    return Contender("other", "another", (sys.executable, "-c", text), lambda: None)


STUB = """
import sys
from benchmarks import frames
while (message := frames.receive(sys.stdin.buffer)) is not None:
    frames.send(sys.stdout.buffer, {reply}, b'{{"records": []}}')
"""


@pytest.mark.parametrize(
    ("contender", "absent"),
    [
        pytest.param(
            Contender("gone", "gone", ("false",), lambda: "there is no gone"),
            "not here: there is no gone",
            id="missing",
        ),
        pytest.param(
            program(STUB.format(reply="{'unsupported': 'no such shape'}")),
            "not supported by other: no such shape",
            id="unsupported",
        ),
        pytest.param(
            program(STUB.format(reply="{'versions': {}}")), "wrong answer: 0 entries for 10 records", id="wrong"
        ),
        pytest.param(program(STUB.format(reply="{'error': 'it broke'}")), "failed: it broke", id="error"),
        pytest.param(program("raise SystemExit('it is dead')"), "failed: it is dead", id="dead"),
    ],
)
def test_who_gives_no_right_answer_gets_no_time(contender: Contender, absent: str) -> None:
    """A contender that is missing, refuses, fails or answers wrongly is left out with its reason."""
    [result] = harness.measure([(corpora.find("records-10"), contender)], rounds=1)
    assert (result.absent, result.cpu_ns) == (absent, [])


def test_a_right_contender_is_timed_in_every_round() -> None:
    """There is one CPU time a round, of at least one invocation each."""
    [result] = harness.measure([(corpora.find("records-10"), contenders.find("tuned"))], rounds=3)
    assert result.absent is None
    assert len(result.cpu_ns) == len(result.wall_ns) == 3
    assert all(value > 0 for value in result.cpu_ns)
    assert result.records == 10


@pytest.mark.parametrize(
    ("at_most", "found", "verdict"),
    [
        pytest.param(False, 8.0, "aim", id="at the aim"),
        pytest.param(False, 5.5, "gate", id="at the gate"),
        pytest.param(False, 5.4, "missed", id="below the gate"),
        pytest.param(True, 5.5, "aim", id="at most, below the aim"),
        pytest.param(True, 8.1, "missed", id="at most, above the gate"),
        pytest.param(False, None, "open", id="not measured"),
    ],
)
def test_verdicts(at_most: bool, found: float | None, verdict: str) -> None:
    """A target is met at its number, and never without one."""
    gate, aim = (8.0, 5.5) if at_most else (5.5, 8.0)
    assert Target("claim", lambda *_: found, gate, aim, at_most).verdict(found) == verdict


def test_slope_of_a_line() -> None:
    """The slope of points on a line is that of the line."""
    assert report.slope([(1, 5.0), (2, 7.0), (4, 11.0)]) == pytest.approx(2.0)


def test_names_of_corpora_are_distinct() -> None:
    """Every corpus can be found by its name, and the error names those there are."""
    names = [corpus.name for corpus in (*corpora.MAIN, *corpora.SCALING, corpora.CLEAN)]
    assert len(set(names)) == len(names)
    with pytest.raises(LookupError, match="no corpus 'x'; there are kinesis-changes"):
        corpora.find("x")


def test_pictures_escape_their_text() -> None:
    """What stands in a picture cannot break it."""
    drawn = picture.draw([picture.Bars("<&>", 'a "b"', [picture.Bar("x<y", 1.0, "1 < 2")])], 'with "quotes"')
    assert "&lt;&amp;&gt;" in drawn
    assert "x&lt;y" in drawn
    assert 'aria-label="with &quot;quotes&quot;"' in drawn


def test_every_stage_of_the_profile_has_its_place() -> None:
    """The table of stages has a row for whatever a sample can be counted to."""
    assert {stage for stage, _, _ in profile_burst.STAGES} <= set(profile_burst.ORDER)


@pytest.mark.parametrize(("mine", "others"), [(None, None), ("failed: a", None), (None, "failed: b")])
def test_turns_of_several_processes_are_put_together(mine: str | None, others: str | None) -> None:
    """In the order of the rounds; of a contender that once gave a wrong answer, or none, there are no times."""
    corpus, contender = corpora.find("records-10"), contenders.find("tuned")
    first = harness.Result(contender, corpus, 1, 1, [3.0], [4.0], 7, absent=mine)
    second = harness.Result(contender, corpus, 1, 1, [2.0, 5.0], [6.0, 7.0], 9, absent=others)
    joined = first.joined(second)
    if mine or others:
        assert (joined.cpu_ns, joined.absent) == ([], mine or others)
    else:
        assert (joined.cpu_ns, joined.wall_ns, joined.peak_bytes) == ([3.0, 2.0, 5.0], [4.0, 6.0, 7.0], 9)


def test_every_module_of_the_profile_is_there() -> None:
    """A module of the package that was renamed would fall into another stage unseen."""
    elsewhere = {"<string>", "fastxform.py", "lambda_runtime_marshaller.py", "runtime_codec.py"}
    named = {module for _, module, _ in profile_burst.STAGES} - elsewhere
    assert [module for module in sorted(named) if not (profile_burst.PACKAGE / module).exists()] == []


def test_every_module_of_an_invocation_has_its_stage() -> None:
    """What the handler imports is in the table, but for what only describes, or works for whoever calls it."""
    described = {"__init__", "core/kernels", "core/structs", "errors", "limits"}
    script = (
        "import sys; import fastxform.invocation.handler;"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('fastxform.')))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    modules = {Path(file).relative_to(profile_burst.PACKAGE).with_suffix("").as_posix() for file in loaded}
    described |= {module for module in modules if module.startswith("config/") or module.endswith("__init__")}
    assert modules - described - {module.removesuffix(".py") for _, module, _ in profile_burst.STAGES} == set()


def test_a_sample_belongs_to_the_innermost_stage() -> None:
    """From the tip of a stack down the first function that has a stage decides; a comprehension is its caller's."""
    projection = "decode/projection.py"
    stack = [("core/kernels.py", "cast"), (projection, "<listcomp>"), (projection, "_not_utf8"), ("pipeline.py", "run")]
    assert profile_burst._stage_of(stack) == "UTF-8"
    assert profile_burst._stage_of(stack[3:]) == "pipeline"
    assert profile_burst._stage_of([("elsewhere.py", "f")]) == "other"


def test_the_report_gives_times_or_a_reason() -> None:
    """A contender that was timed has a row with its ratio, one that was not a line with the reason, in one line."""
    corpus = corpora.find("direct-changes")
    ours, other, gone = (contenders.find(name) for name in ("fastxform", "stdlib", "node"))
    results = {
        (corpus.name, result.contender.name): result
        for result in (
            harness.Result(ours, corpus, 5_000_000, 6_000, [10e6, 12e6], [1.0, 1.0], 100_000_000),
            harness.Result(other, corpus, 5_000_000, 6_000, [60e6, 66e6], [1.0, 1.0], 50_000_000),
            harness.Result(gone, corpus, 5_000_000, 6_000, absent="failed: a |\nb"),
        )
    }
    text = report.markdown(results, None, 2)
    assert "| standard library, dict | 60.0 | 63.0 | 95,238 | 79 | 50 | 6.00 (5.75) |" in text
    assert "- Node.js: failed: a \\| b" in text
    assert "| direct-changes: against the standard-library handler | 6.00 | 15 | 20 | **missed** |" in text
    assert "| direct-changes: against Node.js |  | 8 | 11 | not measured |" in text
    assert sorted(report.pictures(results)) == ["corpora.svg", "speed.svg"]
