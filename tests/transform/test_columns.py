"""Columns that make nulls of what does not fit, and times that are written in a way of their own."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle
from oracle_types import MisfitError, _moment

import fastxform
from fastxform.config import model
from fastxform.datatypes.time_format import TimeFormatError, compile_format
from fastxform.errors import ConfigError

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")


def run(config, *documents):
    """The batch of some documents; the oracle has the same."""
    payloads = [json.dumps(document).encode() for document in documents]
    batch = fastxform.Pipeline.from_toml(config).run(payloads)
    oracle = Oracle(config)
    expected = oracle.batch(payloads)
    assert batch.data == [outcome.data for outcome in expected]
    assert batch.reason == [outcome.reason for outcome in expected]
    assert batch.values_nulled == oracle.nulled
    assert batch.values_rounded == oracle.rounded
    return batch


def test_a_value_that_does_not_fit_is_null_and_counted():
    """Type, pattern and format alike; then the default applies, and a column that must not be null fails."""
    config = """
        invalid = "null"
        [columns]
        n = { type = "int64", default = 7 }
        s = { pattern = "[a-z]+" }
        d = { type = "date", format = "%d.%m.%Y" }
        must = { type = "bool", required = true }
        hard = { type = "int64", invalid = "fail" }
    """
    batch = run(
        config,
        {"n": "x", "s": "UP", "d": "2024-05-02", "must": True},
        {"n": 1, "s": "low", "d": "2.5.2024", "must": True, "hard": 1},
        {"must": "?"},
        {"must": True, "hard": "?"},
    )
    assert batch.data == [b"7,,,true,\n", b"1,low,2024-05-02,true,1\n", None, None]
    assert batch.reason[2:] == ["required:must", "type:hard"]
    assert batch.values_nulled == 4


def test_texts_that_are_null_are_so_before_anything_else():
    """They neither misfit nor match; numbers and objects that look alike are no texts."""
    config = '[columns]\nn = { type = "int64", nulls = ["-", "", "0"], default = 5 }\ns = { nulls = ["-"] }'
    batch = run(config, {"n": "-", "s": "-"}, {"n": "", "s": ["-"]}, {"n": 0, "s": "--"}, {"n": "0"})
    assert batch.data == [b"5,\n", b'5,"[""-""]"\n', b"0,--\n", b"5,\n"]
    assert batch.values_nulled == 0


def test_json_output_of_a_nulled_value_is_null():
    """Where a column has no type, its JSON text goes with its value."""
    config = '[output]\nformat = "json"\n[columns]\ns = { pattern = "[0-9]+", invalid = "null" }'
    assert run(config, {"s": 5}, {"s": "x"}, {"s": "5"}, {"s": {"a": 1}}).data == [
        b'{"s":5}\n',
        b'{"s":null}\n',
        b'{"s":"5"}\n',
        b'{"s":null}\n',
    ]


SPELLINGS = {
    "seconds as text": ('"1651495525"', "2022-05-02 12:45:25.000000"),
    "milliseconds as text": ('"1651495525900"', "2022-05-02 12:45:25.900000"),
    "a fraction as text": ('"-0.5"', "1969-12-31 23:59:59.500000"),
    "nanoseconds": ("1651495525900123456", "2022-05-02 12:45:25.900123"),
    "nanoseconds before 1970": ("-1651495525900123456", "1917-09-01 11:14:34.099876"),
    "microseconds below": ("99999999999999999", "5138-11-16 09:46:39.999999"),
    "hours of offset": ('"2022-05-02T12:45:25+09"', "2022-05-02 03:45:25.000000"),
    "offset without a colon": ('"2022-05-02T12:45:25.5-0930"', "2022-05-02 22:15:25.500000"),
    "minutes": ('"2022-05-02 12:45"', "2022-05-02 12:45:00.000000"),
    "minutes and offset": ('"2022-05-02T12:45+01:00"', "2022-05-02 11:45:00.000000"),
    "a date alone": ('"2022-05-02"', "2022-05-02 00:00:00.000000"),
    "UTC": ('"2022-05-02 12:45:25.9 UTC"', "2022-05-02 12:45:25.900000"),
    "GMT": ('"2022-05-02 12:45:25 GMT"', "2022-05-02 12:45:25.000000"),
}


@pytest.mark.parametrize(("value", "expected"), SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_time(value, expected):
    """What producers write beside RFC 3339."""
    assert run('[columns]\nt = { type = "timestamp[us]" }', {"t": json.loads(value)}).data == [f"{expected}\n".encode()]


@pytest.mark.parametrize(
    "value", ["2022-05-02T", "2022-05-02T12", "2022-05-02T12:45:25 +09", "20220502T10", "1e", "5 UTC"]
)
def test_what_is_no_time(value):
    """A text is read in full or not at all."""
    assert run('[columns]\nt = { type = "timestamp[us]" }', {"t": value}).reason == ["type:t"]


FORMATS = {
    "common log": ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10 20:55:36.000000"),
    "two digits and pm": ("%m/%d/%y %I:%M %p", "5/2/69 12:05 am", "1969-05-02 00:05:00.000000"),
    "day of the year": ("%Y%j", "2024366", "2024-12-31 00:00:00.000000"),
    "names": ("%A, %d %B %Y %H:%M:%S %Z", "Thursday, 02 May 2024 12:45:25 GMT", "2024-05-02 12:45:25.000000"),
    "fraction": ("%Y-%m-%d %H:%M:%S,%f", "2024-05-02 12:45:25,123456789", "2024-05-02 12:45:25.123456"),
    "epoch": ("%s", "1651495525", "2022-05-02 12:45:25.000000"),
    "percent": ("%%%Y-%m-%d", "%2024-05-02", "2024-05-02 00:00:00.000000"),
    "no such day": ("%Y-%m-%d", "2023-02-29", None),
    "more": ("%Y-%m-%d", "2023-02-28x", None),
    "wrong name": ("%d %b %Y", "1 Mai 2024", None),
}


@pytest.mark.parametrize(("written", "text", "expected"), FORMATS.values(), ids=FORMATS)
def test_formats(written, text, expected):
    """Directives of strptime with English names."""
    config = f'[columns]\nt = {{ type = "timestamp[us]", format = {json.dumps(written)} }}'
    batch = fastxform.Pipeline.from_toml(config).run([json.dumps({"t": text}).encode()])
    assert (batch.data[0] or b"").decode().strip() == (expected or "")
    assert batch.reason == [None if expected else "type:t"]


@settings(max_examples=300, deadline=None)
@given(
    written=st.sampled_from([entry[0] for entry in FORMATS.values() if "%f" not in entry[0]]),
    moment=st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)),
    minutes=st.integers(-1439, 1439),
    cut=st.integers(0, 3),
)
def test_a_time_that_was_written_is_read_as_python_reads_it(written, moment, minutes, cut):
    """strftime writes it and the oracle reads it by strptime; a text that is cut off is refused by both or by none."""
    text = moment.replace(tzinfo=UTC).strftime(written)
    if "%z" in written:
        sign = "-" if minutes < 0 else "+"
        text = text.replace("+0000", f"{sign}{abs(minutes) // 60:02}{abs(minutes) % 60:02}")
    if written == "%s":
        text = str(int(moment.replace(tzinfo=UTC).timestamp()))
    text = text[: len(text) - cut]
    try:
        read, _ = _moment(text, written)
        expected = (read - datetime(1970, 1, 1)) // timedelta(seconds=1)
    except MisfitError:
        expected = None
    assert compile_format(written).ticks(text, "s") == expected


BAD_FORMATS = {
    "unknown directive": ("%Y-%m-%d %Q", "there is no directive %Q"),
    "twice": ("%Y-%m-%d %Y", "%Y stands twice"),
    "no year": ("%b %d %H:%M:%S", "lacks a year"),
    "no day": ("%Y-%m", "lacks a date"),
    "hours to 12": ("%Y-%m-%d %I:%M", "needs %p"),
    "epoch and more": ("%s %Y", "%s is the whole time"),
    "two hours": ("%Y-%m-%d %H %I %p", "%H and %I say the same"),
}


@pytest.mark.parametrize(("written", "message"), BAD_FORMATS.values(), ids=BAD_FORMATS)
def test_a_format_by_which_no_time_can_be_read_is_a_mistake(written, message):
    """Reported with the file, not with each record."""
    with pytest.raises(TimeFormatError):
        compile_format(written)
    with pytest.raises(ConfigError) as caught:
        model.parse(f'[columns]\nt = {{ type = "date", format = "{written}" }}')
    assert message in caught.value.mistakes[0].message


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ('{ type = "string", format = "%Y" }', "is for columns of type timestamp or date, not string"),
        ("{ nulls = '-' }", "must be a list of texts"),
        ("{ nulls = [1] }", "not a whole number"),
        ('{ invalid = "nul" }', "did you mean null?"),
        ('{ expr = "1", invalid = "null" }', "is not for a column with expr"),
    ],
)
def test_mistakes_of_the_keys(column, message):
    """Each with its remedy."""
    with pytest.raises(ConfigError) as caught:
        model.parse(f"[columns]\nc = {column}")
    assert message in caught.value.mistakes[0].message


LONG = {
    "3.141592653589793": 0,
    "3.1415926535897932": 0,
    "3.14159265358979323": 1,
    "3.1415926535897932384626433832795028841": 1,
    "0.1000000000000000055511151231257827021181583404541015625": 0,
    "-0.10000000000000000555111512312578270211815834045410156251": 1,
    "144115188075855872": 0,
    "123456789012345679": 1,
    "12345678901234567890123456789": 1,
    "100000000000000000000000": 0,
    "0.000000000000000000000001": 0,
    "1.234567890123456789e-400": 1,
    "1.234567890123456789e-99999999999999999999": 1,
}


@pytest.mark.parametrize(("written", "count"), LONG.items())
def test_a_number_of_more_digits_than_a_double_keeps_is_counted(written, count):
    """As number, as text, and as an attribute of DynamoDB; what a double holds exactly loses nothing."""
    plain = '[columns]\na = { type = "float64" }\nb = { type = "float64" }\n'
    batch = fastxform.Pipeline.from_toml(plain).run([f'{{"a":{written},"b":"{written}"}}'.encode(), b'{"a":1.5}'] * 3)
    assert batch.result == ["Ok"] * 6
    assert batch.values_rounded == 6 * count
    item = 'source = "dynamodb"\n[columns]\na = { path = "dynamodb.NewImage.a", type = "float64" }\n'
    change = f'{{"dynamodb":{{"NewImage":{{"a":{{"N":"{written}"}}}}}}}}'.encode()
    assert fastxform.Pipeline.from_toml(item).run([change]).values_rounded == count


def test_a_number_that_does_not_fit_is_not_rounded():
    """It fails its record, or is null."""
    batch = run('[columns]\na = { type = "float64", invalid = "null" }', {"a": "1" * 400}, {"a": "x" * 30}, {"a": True})
    assert (batch.values_rounded, batch.values_nulled) == (0, 3)


DIGITS = st.text("0123456789", min_size=15, max_size=24)


@pytest.mark.usefixtures("both_ways")
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(DIGITS, DIGITS, st.integers(-330, 310)), min_size=1, max_size=6))
def test_any_number_is_counted_as_by_the_oracle(parts):
    """Digits before and behind the point, with an exponent."""
    texts = [f"{whole.lstrip('0') or '0'}.{fraction}e{power}" for whole, fraction, power in parts]
    payloads = [f'{{"a":{text}}}'.encode() for text in texts]
    config = '[columns]\na = { type = "float64", invalid = "null" }'
    oracle = Oracle(config)
    batch = fastxform.Pipeline.from_toml(config).run(payloads)
    assert batch.data == [outcome.data for outcome in oracle.batch(payloads)]
    assert batch.values_rounded == oracle.rounded


def test_rounded_values_are_in_the_summaries(tmp_path, capfd):
    """Of `run` and of `simulate`; and `check` sees them in the tests of the file."""
    from fastxform.cli import main

    config = tmp_path / "c.toml"
    record = '{"a":3.14159265358979323846}'
    config.write_text(
        f"[columns]\na = {{ type = 'float64' }}\n[[tests]]\ninput = '{record}'\nexpect = '3.141592653589793\\n'\n"
    )
    (tmp_path / "in.jsonl").write_text(record + "\n")
    assert main(["check", str(config)]) == 0
    warning = 'test 1: 3.14159265358979323846 loses digits as float64; type = "decimal(38,20)" or auto keeps them'
    assert warning in capfd.readouterr().out
    assert main(["run", str(config), str(tmp_path / "in.jsonl")]) == 0
    assert "1 value rounded" in capfd.readouterr().err
    assert main(["simulate", str(config), str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out")]) == 0
    assert "1 value of more digits than float64 keeps" in capfd.readouterr().out
