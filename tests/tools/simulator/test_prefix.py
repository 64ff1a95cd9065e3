"""Prefixes of objects: expressions checked when a stream is made, evaluated when an object is opened."""

import re

import pytest

from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.simulator.prefix import PrefixError, Prefixes

MOMENT_MS = 1_767_323_045_678
"""2026-01-02 03:04:05.678 UTC."""

TYPE = "!{firehose:error-output-type}/"


@pytest.mark.parametrize(
    ("template", "partition", "prefix"),
    [
        pytest.param("", (), "2026/01/02/03/", id="none"),
        pytest.param("data/", (), "data/2026/01/02/03/", id="date-is-appended"),
        pytest.param("d/!{timestamp:yyyy-MM-dd'T'HH_mm_ss}/", (), "d/2026-01-02T03_04_05/", id="timestamp"),
        pytest.param("y=!{timestamp:yyyy}/m=!{timestamp:MM}/", (), "y=2026/m=01/", id="two-timestamps"),
        pytest.param("!{partitionKeyFromLambda:c}/", [("c", "a")], "a/2026/01/02/03/", id="partition"),
        pytest.param("!{partitionKeyFromLambda:c}/", [("c", "../x")], "%2E.%2Fx/2026/01/02/03/", id="partition-path"),
        pytest.param("", [("c", "a"), ("d", "b")], "c=a/d=b/2026/01/02/03/", id="partition-unnamed"),
    ],
)
def test_a_prefix_of_data(template, partition, prefix):
    """Literal text stays, expressions are replaced, and the hour is appended where no timestamp says another."""
    prefixes = Prefixes(template, TYPE)
    prefixes.check()
    assert prefixes.of_data(partition, MOMENT_MS, Rng(0, 0)) == prefix


@pytest.mark.parametrize(
    ("data", "error", "prefix"),
    [
        pytest.param("", None, "processing-failed/2026/01/02/03/", id="none"),
        pytest.param("data/", None, "data/processing-failed/2026/01/02/03/", id="beside-the-data"),
        pytest.param("data/", f"failed/{TYPE}", "failed/processing-failed/", id="own-has-no-date"),
        pytest.param("", f"{TYPE}!{{timestamp:yyyy}}/", "processing-failed/2026/", id="own-date"),
    ],
)
def test_a_prefix_of_errors(data, error, prefix):
    """As documented for the four cases of the two prefixes."""
    prefixes = Prefixes(data, error)
    prefixes.check()
    assert prefixes.of_error("processing-failed", MOMENT_MS, Rng(0, 0)) == prefix


def test_a_random_string_is_new_for_each_object():
    """Eleven characters, the same for the same draw."""
    prefixes, draw = Prefixes("!{firehose:random-string}/!{timestamp:yyyy}", TYPE), Rng(0, 0)
    first, second = (prefixes.of_data((), MOMENT_MS, draw) for _ in range(2))
    assert re.fullmatch("[0-9a-f]{11}/2026", first)
    assert first != second
    assert first == prefixes.of_data((), MOMENT_MS, Rng(0, 0))


@pytest.mark.parametrize(
    ("data", "error", "problem"),
    [
        pytest.param("!{timestamp:YYYY}/", TYPE, "YYYY is none of", id="letters"),
        pytest.param("!{timestamp:yyyy'x}/", TYPE, "a quote is open", id="quote"),
        pytest.param("!{stamp:yyyy}/", TYPE, "!{stamp:yyyy} is not", id="namespace"),
        pytest.param("!{timestamp}/", TYPE, "without braces inside", id="no-value"),
        pytest.param("!{firehose:error-output-type}/", TYPE, "Prefix: !{firehose", id="type-in-data"),
        pytest.param("", TYPE + "!{partitionKeyFromLambda:c}", "ErrorOutputPrefix: !{part", id="partition-in-errors"),
        pytest.param("", "errors/", "it must have", id="no-type"),
        pytest.param("!{timestamp:yyyy}/", None, "it is needed", id="no-error-prefix"),
    ],
)
def test_a_prefix_that_cannot_be_evaluated_is_refused(data, error, problem):
    """When the stream is made, not when the first object is."""
    with pytest.raises(PrefixError, match=re.escape(problem)):
        Prefixes(data, error).check()


def test_a_record_without_a_key_that_the_prefix_names_has_no_prefix():
    """It can be told beforehand, and evaluating it raises."""
    prefixes = Prefixes("!{partitionKeyFromLambda:c}/", TYPE)
    assert prefixes.lacks([("d", "x")])
    assert not prefixes.lacks([("c", "x"), ("d", "x")])
    with pytest.raises(PrefixError):
        prefixes.of_data([("d", "x")], MOMENT_MS, Rng(0, 0))
