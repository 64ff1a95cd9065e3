"""The handler under AWS's runtime interface emulator, which enforces the limit of a response as Lambda does."""

import base64
import json

import pytest
from lambda_runtime import Emulator

from fastxform.limits import RESPONSE_LIMIT_BYTES

pytestmark = pytest.mark.processes

TWICE = """
overflow = { policy = "fail" }

[columns]
first = "v"
second = "v"
"""
"""What comes out is longer than what goes in, so that a response overflows before a request does."""

OF_SIZE = """
from fastxform import runtime

runtime.install()

def handler(event, context):
    return b"x" * int(event)
"""

SPELLINGS = {
    "compact": ({}, {"separators": (",", ":"), "ensure_ascii": False}),
    "runtime_utf8": ({"FASTXFORM_CODEC": "runtime"}, {"ensure_ascii": False}),
    "runtime_ascii": ({"FASTXFORM_CODEC": "runtime", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11"}, {}),
}
"""For each spelling of a response the environment that makes it, and how `json` writes it."""


@pytest.fixture
def twice(tmp_path):
    """The task directory of a function that writes a value twice."""
    (tmp_path / "fastxform.toml").write_text(TWICE)
    return tmp_path


def entry(record_id, value):
    """The answer to a record that carries a value."""
    return {"recordId": record_id, "result": "Ok", "data": base64.b64encode(f"{value},{value}\n".encode()).decode()}


def response_bytes(rows, style):
    """The bytes of the response with every row `Ok`, as the standard library writes it."""
    return len(json.dumps({"records": [entry(*row) for row in rows]}, **style).encode())


def rows_of(response_size, style):
    """Rows (id, value) whose response has exactly this many bytes; the ids are not ASCII, so that escapes count."""
    rows = [(f"é{i:03d}", "x" * 30_000) for i in range(77)]
    gap = response_size - response_bytes([*rows, ("é", "x")], style)
    # The value takes what base64 can, four characters at a time, the id the rest.
    last = ("é" + "i" * (gap % 4), "x" * ((3 * (2 + gap // 4) - 2) // 2))
    rows.append(last)
    assert response_bytes(rows, style) == response_size
    return rows


def event(rows):
    """The event that carries these rows."""
    records = [
        {"recordId": record_id, "data": base64.b64encode(json.dumps({"v": value}).encode()).decode()}
        for record_id, value in rows
    ]
    return json.dumps({"invocationId": "i", "deliveryStreamArn": "arn:x", "records": records}).encode()


def test_the_emulator_refuses_one_byte_more(tmp_path):
    """The check itself: a response of the limit passes, one byte more does not reach the caller."""
    (tmp_path / "of_size.py").write_text(OF_SIZE)
    with Emulator(tmp_path, "of_size.handler") as function:
        fits = function.invoke(str(RESPONSE_LIMIT_BYTES).encode())
        over = function.invoke(str(RESPONSE_LIMIT_BYTES + 1).encode())
    assert (fits.kind, len(fits.body)) == ("response", RESPONSE_LIMIT_BYTES)
    assert (over.kind, json.loads(over.body)["errorType"]) == ("error", "Function.ResponseSizeTooLarge")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_response_fills_the_limit_and_never_passes_it(twice, spelling):
    """An event whose answer is the limit exactly is answered whole; one byte more, and the last record fails."""
    variables, style = SPELLINGS[spelling]
    rows = rows_of(RESPONSE_LIMIT_BYTES, style)
    with Emulator(twice, **variables) as function:
        whole = function.invoke(event(rows))
        *most, (record_id, value) = rows
        cut = function.invoke(event([*most, (record_id + "i", value)]))
    answers = [entry(*row) for row in rows]
    failed = {"recordId": record_id + "i", "result": "ProcessingFailed"}
    assert (len(whole.body), json.loads(whole.body)["records"]) == (RESPONSE_LIMIT_BYTES, answers)
    assert (len(cut.body) < RESPONSE_LIMIT_BYTES, json.loads(cut.body)["records"]) == (True, [*answers[:-1], failed])


def test_a_response_far_over_the_limit_is_cut(twice):
    """A full request that would answer with twice its size: a prefix is delivered, the rest fails, nothing is lost."""
    rows = [(str(i), "x" * 400) for i in range(9_000)]
    with Emulator(twice) as function:
        answer = function.invoke(event(rows))
    records = json.loads(answer.body)["records"]
    results = [record["result"] for record in records]
    sent = results.count("Ok")
    assert [record["recordId"] for record in records] == [row[0] for row in rows]
    assert results == ["Ok"] * sent + ["ProcessingFailed"] * (len(rows) - sent)
    assert RESPONSE_LIMIT_BYTES - 1_200 < len(answer.body) <= RESPONSE_LIMIT_BYTES


def test_an_event_that_is_none_is_an_error_and_ends_nothing(twice):
    """An event without records raises, so that Firehose tries again; the same process answers the next one."""
    with Emulator(twice) as function:
        error = json.loads(function.invoke(b'{"no": "records"}').body)
        after = json.loads(function.invoke(event([("a", "x")])).body)
    assert sorted(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert error["errorType"] == "EventError"
    assert after == {"records": [entry("a", "x")]}


def test_a_configuration_error_is_reported_at_init(twice):
    """The invoker gets every mistake of the configuration, and the log holds them without a traceback."""
    (twice / "fastxform.toml").write_text('sorce = "json"\n[columns]\na = { path = "a", type = "int46" }\n')
    with Emulator(twice) as function:
        answer = function.invoke(event([("a", "x")]))
    error = json.loads(answer.body)
    lines = error["errorMessage"].split("\n")
    assert error["errorType"] == "ConfigError"
    assert len(lines) == 2
    for line, word in zip(lines, ("sorce", "int46"), strict=True):
        assert word in line
        assert line in function.log()
    assert "File " not in function.log()
