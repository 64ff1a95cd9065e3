"""Rows written for a reader come back from it, cell by cell, and null is told from the empty text where it can be.

The table in `docs/readers.md` is made by these tests: `WRITE_TABLE=1 ./build.sh spark -k readers` writes it anew.
"""

import datetime
import json
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest
import reader_programs as readers

from fastxform import Pipeline
from fastxform.config import model
from fastxform.tools import reader_ddl

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "benchmarks" / "results" / "readers.md"

COLUMNS = """
[columns]
a = { type = "string" }
doc = { type = "json" }
b = { type = "string" }
n = { type = "decimal(38,9)" }
t = { type = "timestamp[us]" }
c = { type = "string" }
"""
NAMES = ["a", "doc", "b", "n", "t", "c"]
NUMBERS = ["0.000000000", "-99999999999999999999999999999.999999999", "12345678901234567890123456789.123456789"]
TIMES = ["0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.000001"]


def naughty():
    """Texts that break readers: the list, every control character, and what CSV is made of at every place."""
    texts = json.loads((ROOT / "tests/fixtures/blns/blns.json").read_text(encoding="utf-8"))
    texts += [chr(code) for code in (*range(0x20), 0x7F, 0x85, 0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0x1F600)]
    marks = [
        '"',
        "\\",
        ",",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "'",
        " ",
        "|",
        ";",
        "\0",
        "\x01",
        r"\N",
        r"\n",
        '\\"',
        '""',
        "NULL",
    ]
    for mark in marks:
        texts += [mark, f"{mark}x", f"x{mark}", f"x{mark}y", mark * 2, mark * 3, f'"{mark}', f"{mark}\\", f"\\{mark}"]
    texts += [
        "C:\\new\\table",
        "two\nlines",
        "ends with \\",
        'He said "yes\\no", then',
        "null",
        "nan",
        "NaN",
        "N/A",
        "-",
        "#",
    ]
    texts += ["=1+1", "+1", "-1", "@x", "'=1", "007", "1e5", "0x1F", "TRUE", " lead", "trail ", "", "x" * 40_000]
    return list(dict.fromkeys(text for text in texts if text.isprintable() or is_text(text)))


def is_text(text):
    """Whether a text can stand in JSON: no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def records():
    """Records whose texts stand first, inside and last in their row, with nulls and empty texts beside them."""
    found = []
    for index, text in enumerate(naughty()):
        number, time = NUMBERS[index % 3], TIMES[index % 3]
        found.append({"a": text, "doc": {"k": [text, None]}, "b": text, "n": number, "t": time, "c": text})
        found.append({"a": None, "doc": None, "b": text, "n": None, "t": None, "c": ""})
        found.append({"a": "", "doc": [{"x": text}], "b": None, "n": number, "t": time, "c": None})
    found.append(dict.fromkeys(NAMES))
    found.append({name: "" if name in "abc" else None for name in NAMES})
    return found


ROWS_OF_NOTHING = 2
"""The last records of `records`."""


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def cells(record):
    """What a reader has to give for a record, were there nothing that it cannot be told."""
    row = [record[name] for name in NAMES]
    row[1] = row[1] if row[1] is None else compact(row[1])
    return row


class Case:
    """A reader: what reads, how it shows what was written, and which texts it cannot be told, in words for the docs."""

    def __init__(self, key, what, make, cannot="", lost="", refuses=lambda text: False, shown=lambda cell: cell):
        self.key, self.what, self.make, self.refuses, self.shown = key, what, make, refuses, shown
        self.cannot, self.lost = cannot, lost


def has(*marks):
    return lambda text: any(mark in text for mark in marks)


def empty(cell):
    return cell or ""


def is_null_word(text):
    return text == r"\N"


def no_nul(text):
    return is_null_word(text) or "\0" in text


def sheet_text(cell):
    """What a spreadsheet keeps of a text: an apostrophe before what looks like a formula, and no null."""
    is_formula = cell and cell[0] in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" and not NUMBER.fullmatch(cell)
    return "'" + cell if is_formula else cell or ""


def calc_text(cell):
    """What Calc keeps of it: a cell has one kind of line break."""
    return re.sub("\r\n?", "\n", sheet_text(cell))


NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


LINES = 'a text with a line break (the record fails; `newlines = "space"` replaces it)'
WORD = r"a text that is `\N` (the record fails)"
NUL_FAILS = "a NUL (the record fails)"
NUL = f"; {NUL_FAILS}"
CASES = [
    Case(
        "athena-opencsv",
        "Hive 2.3 `OpenCSVSerde`",
        lambda spark, path: readers.opencsv(spark),
        LINES,
        "null, which is read as the empty text",
        has("\n", "\r"),
        empty,
    ),
    Case("athena-lazysimple", "Hive 2.3 `LazySimpleSerDe`", lambda spark, path: readers.lazysimple(spark)),
    Case("athena-json", "Spark 4.3 `json`; Hive's and OpenX's serde were not run", readers.spark_json),
    Case("duckdb", "DuckDB 2.0", lambda spark, path: readers.duckdb_csv(path)),
    Case("spark", "Spark 4.3 `csv`", readers.spark_csv, WORD + NUL, "", no_nul),
    Case("pandas", "pandas 2.3", lambda spark, path: readers.pandas_csv, WORD + NUL, "", no_nul),
    Case("pandas", "PyArrow 26 `csv`", lambda spark, path: readers.arrow_csv, WORD + NUL, "", no_nul),
    Case(
        "excel",
        "Python 3.11 `csv`",
        lambda spark, path: readers.python_csv,
        NUL_FAILS,
        "null, which is an empty cell",
        has("\0"),
        sheet_text,
    ),
    Case(
        "excel",
        "LibreOffice Calc 7.4",
        lambda spark, path: readers.office_csv(path),
        NUL_FAILS,
        "null, which is an empty cell; CR and CR LF in a text, which are read as LF",
        has("\0"),
        calc_text,
    ),
    Case(
        "redshift",
        "the documented grammar of `COPY`; not run",
        lambda spark, path: readers.documented(r"\N", True),
        WORD + NUL,
        "",
        no_nul,
    ),
    Case("snowflake", "the documented grammar of `COPY`; not run", lambda spark, path: readers.documented("", False)),
    Case(
        "bigquery",
        "the documented grammar of a load; not run",
        lambda spark, path: readers.documented(r"\N", True),
        WORD + NUL,
        "",
        no_nul,
    ),
]


def read_back(case, spark, path):
    """Return rows as they should be and as the reader has them, and the records that failed."""
    batch = Pipeline.from_toml(f'output = {{ reader = "{case.key}" }}\n{COLUMNS}').run(
        [compact(record).encode() for record in records()]
    )
    data = b"".join(row for row in batch.data if row is not None)
    rows = case.make(spark, path)(data, NAMES)
    if "Calc" in case.what:
        rows += [[""] * len(NAMES)] * ROWS_OF_NOTHING  # where a sheet ends it has no rows
    wanted = [cells(record) for record, row in zip(records(), batch.data, strict=True) if row is not None]
    failed = [record for record, row in zip(records(), batch.data, strict=True) if row is None]
    return wanted, rows, failed


def texts_of(record):
    return [record[name] for name in "abc" if record[name] is not None]


@pytest.fixture(scope="module")
def found():
    """What each case had to read, and what it read: filled by the tests in their order."""
    return {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.key}: {case.what.split()[0]}")
def test_a_reader_reads_what_was_written_for_it(case, spark, tmp_path, found):
    """Every cell is what it was, or the record failed because it holds what the reader cannot be told."""
    wanted, rows, failed = read_back(case, spark, tmp_path / "object")
    assert len(rows) == len(wanted)
    for want, row in zip(wanted, rows, strict=True):
        assert [case.shown(cell) for cell in want] == [empty(cell) if case.lost else cell for cell in row]
    assert failed == [record for record in records() if any(map(case.refuses, texts_of(record)))]
    found[case.key, case.what] = len(wanted) * len(NAMES), len(failed)


def test_the_page_shows_what_was_found(found):
    """The table of the documentation: cells that were written and came back, records that failed, and why."""
    heads = ("`reader`", "read by", "cells that came back", "records that failed", "what it cannot take")
    lines = [f"| {' | '.join(heads)} |", "|---|---|---:|---:|---|"]
    for case in CASES:
        count, failed = found[case.key, case.what]
        cannot = "; ".join(filter(None, (case.cannot, case.lost))) or "nothing"
        row = f"`{case.key}`", case.what, f"{count:,} of {count:,}", f"{failed:,} of {len(records()):,}", cannot
        lines.append(f"| {' | '.join(row)} |")
    text = "\n".join(lines) + "\n"
    if os.environ.get("WRITE_TABLE"):
        TABLE.write_text(text, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == text


TYPED = """
[columns]
a = { type = "string" }
i = { type = "int64" }
d = { type = "decimal(38,9)" }
t = { type = "timestamp[us]" }
day = { type = "date" }
ok = { type = "bool" }
"""
DAY = datetime.date(2024, 2, 29)
NOON = datetime.datetime(2024, 2, 29, 12, 0, 0, 123456)
VALUES = [
    ('a,"b"\nc', 2**63 - 1, Decimal("-12345678901234567890123456789.123456789"), NOON, DAY, True),
    ("", None, None, None, None, None),
    (None, -1, Decimal("0E-9"), NOON, DAY, False),
]


def written(reader, directory):
    """Write an object of the typed rows where a stream would, and return the statement that reads it."""
    config = f'output = {{ reader = "{reader}" }}\n{TYPED}'
    names = ("a", "i", "d", "t", "day", "ok")
    payloads = [json.dumps(dict(zip(names, row, strict=True)), default=str).encode() for row in VALUES]
    path = directory / "2024" / "02" / "29" / "12" / "object"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(Pipeline.from_toml(config).run(payloads).data))
    return reader_ddl.statement(model.parse(config), "rows", str(directory))


def test_duckdb_takes_the_statement(tmp_path):
    """What `fastxform ddl` prints, as it is: typed columns, and null told from the empty text."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(written("duckdb", tmp_path))
        assert connection.execute("SELECT * FROM rows").fetchall() == VALUES


def test_spark_takes_the_statement(spark, tmp_path):
    """What `fastxform ddl` prints, as it is, in a session in UTC."""
    zone = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        spark.sql(written("spark", tmp_path).rstrip().rstrip(";"))
        rows = spark.sql("SELECT a, i, d, CAST(t AS string) AS t, day, ok FROM rows").collect()
        spark.sql("DROP TABLE rows")
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)
    assert [tuple(row) for row in rows] == [(*row[:3], row[3] and str(row[3]), *row[4:]) for row in VALUES]


def test_pandas_takes_the_call(tmp_path):
    """What `fastxform ddl` prints, run as a program over one object."""
    code = written("pandas", tmp_path)
    names = {"path": next(tmp_path.rglob("object"))}
    exec(code, names)  # it is our own text
    frame = names["rows"]
    assert frame["a"].fillna("NULL").tolist() == [row[0] if row[0] is not None else "NULL" for row in VALUES]
    assert frame["i"].fillna(0).tolist() == [row[1] or 0 for row in VALUES]
    assert frame["t"].dropna().tolist() == [NOON, NOON]


@pytest.mark.parametrize("reader", ["athena-opencsv", "athena-lazysimple"])
def test_hive_takes_the_properties(reader, spark, tmp_path):
    """The class and the properties of the statement are those that the rows were read with."""
    statement = (
        written(reader, tmp_path)
        if reader == "athena-lazysimple"
        else reader_ddl.statement(model.parse(f'output = {{ reader = "{reader}" }}\n{TYPED}'), "rows", "s3://bucket/x")
    )
    (serde,) = re.findall(r"ROW FORMAT SERDE 'org\.apache\.hadoop\.hive\.serde2\.([\w.]+)'", statement)
    (text,) = re.findall(r"WITH SERDEPROPERTIES \((.*)\)\n", statement)
    properties = {name: value.replace("\\\\", "\\") for name, value in re.findall(r"'([\w.]+)' = '((?:[^'])*)'", text)}
    read = readers.Hive(spark, serde, **{name.replace(".", "_"): value for name, value in properties.items()}).read
    row = read(rb'"a\\","b","c"' + b"\n" if reader == "athena-opencsv" else rb"a\\,\N,c" + b"\n", "abc")
    assert row == [["a\\", "b" if reader == "athena-opencsv" else None, "c"]]
