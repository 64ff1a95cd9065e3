"""One rule for instants: a number and a text of the same instant are the same timestamp, before and after 1970."""

import datetime
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastxform import Pipeline
from fastxform.core.values import Number
from fastxform.datatypes.logical import PER_SECOND, Type
from fastxform.datatypes.scalar import InvalidValueError, fit

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

UNITS = ("s", "ms", "us")
FIRST, END = -62_135_596_800, 99_999_999_999


def text_of(nanoseconds):
    """RFC 3339, by the calendar of Python."""
    seconds, rest = divmod(nanoseconds, 10**9)
    civil = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return f"{civil.isoformat()}.{rest:09d}Z"


@pytest.fixture(scope="module")
def pipelines(with_and_without_kernel):
    return {unit: Pipeline.from_toml(f'[columns]\nt = {{ type = "timestamp[{unit}]" }}\n') for unit in UNITS}


@given(st.integers(FIRST * 10**9, END * 10**9) | st.integers(-(10**10), 10**10))
@example(-1)
@example(-1_500_000_000)
def test_a_number_and_a_text_of_one_instant_are_alike(pipelines, nanoseconds):
    """Cut to the unit towards the past, as a number, as a number in a text, and as RFC 3339."""
    digits = format(Decimal(nanoseconds).scaleb(-9), "f")
    spellings = [digits, f'"{digits}"', f"{nanoseconds}e-9", f'"{text_of(nanoseconds)}"']
    for unit, pipeline in pipelines.items():
        ticks = floor(Fraction(nanoseconds * PER_SECOND[unit], 10**9))
        assert fit(Type("timestamp", unit=unit), Number(digits)) == ticks
        batch = pipeline.run([f'{{"t":{spelling}}}'.encode() for spelling in spellings])
        assert len(set(batch.data)) == 1, (unit, batch.data)
        assert batch.data[0] is not None


TICKS = {
    "-1e-400": (-1, -1, -1),
    "-1e-20000": (-1, -1, -1),
    f"-1e-{'9' * 2_000}": (-1, -1, -1),
    f"1e-{'9' * 2_000}": (0, 0, 0),
    f"0e{'9' * 2_000}": (0, 0, 0),
    "-0.0": (0, 0, 0),
    f"1.{'9' * 20_000}": (1, 1_999, 1_999_999),
    f"-1.{'0' * 20_000}1": (-2, -1_001, -1_000_001),
    f"-1.{'0' * 20_000}": (-1, -1_000, -1_000_000),
    "1e0000000000000000001": (10, 10_000, 10_000_000),
    f"99999999999.{'9' * 50}": (99_999_999_999, 99_999_999_999_999, 99_999_999_999_999_999),
    "1e400": None,
    f"1e{'9' * 2_000}": None,
}


@pytest.mark.parametrize(("digits", "ticks"), TICKS.items(), ids=[digits[:20] for digits in TICKS])
def test_numbers_of_any_length_and_exponent(digits, ticks):
    """Exactly, and at once."""
    for unit, expected in zip(UNITS, ticks or (None,) * 3, strict=True):
        for value in (Number(digits), digits):
            if expected is None:
                with pytest.raises(InvalidValueError):
                    fit(Type("timestamp", unit=unit), value)
            else:
                assert fit(Type("timestamp", unit=unit), value) == expected


@pytest.mark.parametrize(
    ("digits", "value"),
    [("1e0000000000001", 10), (f"1.{'0' * 20_000}", 1), ("10e-1", 1), ("1e-0000000000000", 1)],
    ids=["exponent", "zeros", "tens", "minus zero"],
)
def test_whole_numbers_of_long_spellings(digits, value):
    """Zeros of an exponent and behind the point are no digits that a type lacks."""
    assert fit(Type("int64"), Number(digits)) == value
    assert fit(Type("decimal", precision=5, scale=2), digits) == value
