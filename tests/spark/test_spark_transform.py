"""`transform`: what it takes and refuses, what it says of records, and what it survives."""

import datetime
import json
import threading

import pyarrow as pa
import pytest

from fastxform import Pipeline
from fastxform.errors import ConfigError, ContractError
from fastxform.spark import transform

PLAIN = '[columns]\na = "a"\nn = { path = "n", type = "int64" }\n'
META = """
[columns]
arrived = { meta = "arrival_ms", type = "timestamp[ms]" }
id      = { meta = "record_id" }
key     = { meta = "partition_key" }
"""
MANY = 'documents = "many"\nwhere = "n != 0"\n' + PLAIN
ROUTED = """
output = { format = "json" }
unmatched = "drop"
[columns]
a = { path = "a", type = "string" }
[[routes]]
where = "a == 'x'"
columns = { n = { path = "n", type = "int64" } }
[[routes]]
where = "a == 'y'"
columns = { n = { path = "n", type = "int64" }, m = { path = "m", type = "date" } }
"""


def tuples(frame, *names):
    return [tuple(row[name] for name in names) for row in sorted(frame.collect(), key=lambda row: row.number)]


OWN = """
import pyarrow as pa

FACTOR = 2


def double(batch):
    return pa.RecordBatch.from_arrays([batch["a"], scaled(batch["n"])], ["a", "n"])


def scaled(column):
    return pa.array([n and n * FACTOR for n in column.to_pylist()], pa.int64())
"""


def test_the_module_beside_the_file_goes_to_the_executors(records, tmp_path):
    """`map_batch` of the file, with the names that its function uses; no executor has the module."""
    (tmp_path / "own_code.py").write_text(OWN)
    (tmp_path / "c.toml").write_text(f'map_batch = "own_code:double"\n{PLAIN}')
    frame = records([b'{"a":"x","n":21}', b'{"a":"y"}'])
    found = transform(frame, Pipeline.load(tmp_path / "c.toml"), keep=["number"])
    assert tuples(found, "a", "n") == [("x", 42), ("y", None)]


BESIDE = """
import words

def label(batch):
    return batch.append_column("l", words.labels(batch))
"""
WORDS = """
import dataclasses
import pyarrow as pa
from more import SUFFIX

@dataclasses.dataclass
class Word:
    text: str

def labels(batch):
    return pa.array([Word(f"{a}{SUFFIX}").text for a in batch["a"].to_pylist()], pa.string())
"""


def test_modules_that_it_imports_go_to_the_executors_too(records, tmp_path):
    """As modules, by what they define, and from one another."""
    for name, text in (("beside", BESIDE), ("words", WORDS), ("more", "SUFFIX = '!'\n")):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "c.toml").write_text(f'map_batch = "beside:label"\n{PLAIN}')
    frame = records([b'{"a":"x","n":1}', b'{"a":"y"}'])
    found = transform(frame, Pipeline.load(tmp_path / "c.toml"), keep=["number"])
    assert tuples(found, "a", "l") == [("x", "x!"), ("y", "y!")]


KEYED = """[columns]
a = { path = "a", type = "string" }
k = { expr = "hmac_sha256(a, key='NAME')" }
"""


def test_the_key_of_a_hash_is_that_of_the_executors(records, monkeypatch):
    """Which Spark sets for them (RFC 4231, case 2); without it the task says how, and never what the key is."""
    monkeypatch.setenv("SPARK_TEST_KEY", "Jefe")
    frame = records([b'{"a":"what do ya want for nothing?"}'])
    found = transform(frame, Pipeline.from_toml(KEYED.replace("NAME", "SPARK_TEST_KEY")), keep=["number"])
    assert tuples(found, "k") == [("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",)]
    monkeypatch.setenv("DRIVER_KEY", "secret")
    frame = transform(frame, Pipeline.from_toml(KEYED.replace("NAME", "DRIVER_KEY")))
    with pytest.raises(Exception, match=r"environment DRIVER_KEY: is not set; .*set spark\.executorEnv\.DRIVER_KEY"):
        frame.collect()


@pytest.mark.parametrize("kind", ["binary", "string"])
def test_payloads_are_bytes_or_text_or_null(records, kind):
    """Text is taken as its UTF-8 bytes; null is a record whose data cannot be had."""
    payloads = ['{"a":"é","n":1}', None, "", '{"a":'] * 5
    given = payloads if kind == "string" else [None if text is None else text.encode() for text in payloads]
    found = transform(records(given, kind), Pipeline.from_toml(PLAIN), keep=["number"])
    failed = [("ProcessingFailed", why, None, None) for why in ("base64", "json")]
    wanted = [("Ok", None, "é", 1), failed[0], ("Dropped", None, None, None), failed[1]]
    assert tuples(found, "result", "reason", "a", "n") == wanted * 5


def test_partitions_may_be_empty(spark):
    """Of 6 partitions 5 are empty; of an empty DataFrame all are, and the columns are there all the same."""
    frame = spark.createDataFrame([(0, b'{"a":"x"}')], "number int, payload binary").repartition(6)
    found = transform(frame, Pipeline.from_toml(PLAIN), keep=["number"])
    assert tuples(found, "result", "a") == [("Ok", "x")]
    assert transform(frame.where("number = 1"), Pipeline.from_toml(PLAIN)).collect() == []


def test_a_record_of_several_rows_is_told_by_its_number(records):
    """Rows of one record share `record`, which no other record has, and count from 0 in `row`."""
    payloads = [b'{"a":"x","n":1}{"a":"y","n":0}{"a":"z","n":2}', b'{"n":0}', b'{"n":1}{"n":"bad"}', b'{"a":"w"}'] * 3
    rows = transform(records(payloads), Pipeline.from_toml(MANY), keep=["number"]).collect()
    assert len({row.record for row in rows}) == len(payloads)
    assert len({(row.record, row.number) for row in rows}) == len(payloads)
    for number in range(len(payloads)):
        found = sorted((row.row, row.result, row.reason, row.a, row.n) for row in rows if row.number == number)
        assert (
            found
            == [
                [(0, "Ok", None, "x", 1), (1, "Ok", None, "z", 2)],
                [(0, "Dropped", None, None, None)],
                [(0, "ProcessingFailed", "type:n", None, None)],
                [(0, "Ok", None, "w", None)],
            ][number % 4]
        )


def test_bad_rows_may_be_left_out(records):
    """With `bad_rows = "drop"` the others are shown, and a record of which none is left fails as it is."""
    payloads = [b'{"a":"x","n":1}{"n":"bad"}{"a":"z","n":2}', b'{"n":"bad"}{"n":{}}']
    config = Pipeline.from_toml('documents = "many"\nbad_rows = "drop"\n' + PLAIN)
    rows = transform(records(payloads), config, keep=["number"]).collect()
    assert sorted((row.number, row.row, row.result, row.a, row.n) for row in rows) == [
        (0, 0, "Ok", "x", 1),
        (0, 1, "Ok", "z", 2),
        (1, 0, "ProcessingFailed", None, None),
    ]
    assert sum(config.run(payloads).rows_dropped.values()) == 1


def test_routes_share_one_table(records):
    """Each row tells its route; a column that a route lacks is null in its rows."""
    payloads = [b'{"a":"x","n":1,"m":"2026-01-01"}', b'{"a":"y","n":2,"m":"2026-01-01"}', b'{"a":"z"}', b"["] * 4
    found = transform(records(payloads), Pipeline.from_toml(ROUTED), keep=["number"])
    assert found.columns == ["number", "result", "reason", "route", "a", "n", "m"]
    assert (
        tuples(found, "result", "reason", "route", "a", "n", "m")
        == [
            ("Ok", None, 0, "x", 1, None),
            ("Ok", None, 1, "y", 2, datetime.date(2026, 1, 1)),
            ("Dropped", None, None, None, None, None),
            ("ProcessingFailed", "json", None, None, None, None),
        ]
        * 4
    )


@pytest.mark.parametrize(
    ("columns", "meta", "wanted"),
    [
        ("", None, (None, None, None)),
        (", 1510254480000 AS arrival_ms, 'i' AS record_id", None, (1_510_254_480_000, "i", None)),
        (
            ", 7 AS id, timestamp'2017-11-09 19:08:00.5 UTC' AS t",
            {"arrival_ms": "t", "partition_key": "id"},
            (1_510_254_480_500, None, "7"),
        ),
    ],
    ids=["none of them is there", "columns of these names", "columns of other names"],
)
def test_meta_columns_come_from_the_frame(records, columns, meta, wanted):
    """By their names, or by the names that are given; what is not there is null, as where a stream has it not."""
    frame = records([b"{}"] * 3).selectExpr("*", *(part for part in columns.split(", ") if part))
    found = transform(frame, Pipeline.from_toml(META), keep=["number"], meta=meta)
    at = wanted[0] and datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=wanted[0])
    assert tuples(found, "arrived", "id", "key") == [(at, *wanted[1:])] * 3


def test_the_time_is_that_of_the_call(records):
    """A task that is run again gives the same row; all partitions have one time."""
    pipeline = Pipeline.from_toml('[columns]\nat = { expr = "now_ms()" }\n')
    found = transform(records([b"{}"] * 20), pipeline)
    assert len({row.at for row in found.collect() + found.collect()}) == 1
    assert {row.at for row in transform(records([b"{}"]), pipeline, now_ms=17).collect()} == {17}


def test_a_look_up_travels_with_the_pipeline(records, tmp_path):
    """Its file is read on the driver; executors have none."""
    (tmp_path / "shops.csv").write_text("id,region\nx,north\n")
    look_up = (
        "[lookups.shop]\nfile = 'shops.csv'\nkey = 'id'\n" + PLAIN + "r = { expr = \"lookup('shop', a, 'region')\" }\n"
    )
    (tmp_path / "c.toml").write_text(look_up)
    pipeline = Pipeline.load(tmp_path / "c.toml")
    (tmp_path / "shops.csv").unlink()
    found = transform(records([b'{"a":"x"}', b'{"a":"y"}']), pipeline, keep=["number"])
    assert tuples(found, "a", "r") == [("x", "north"), ("y", None)]


def grow():
    # Executors cannot import this file: a function out of a function is sent whole.
    def change(batch):
        """A `map_batch` that adds a column of a type that Spark has not, and fails where `n` is 13."""
        numbers = batch["n"].to_pylist()
        if 13 in numbers:
            raise ValueError("thirteen")
        squares = pa.array([number and number * number for number in numbers], pa.uint64())
        times = pa.array([number and 2**62 if number == 5 else number for number in numbers], pa.timestamp("s"))
        return pa.RecordBatch.from_arrays([*batch.columns, squares, times], [*batch.schema.names, "square", "time"])

    return change


def test_map_batch_adds_columns(records):
    """What it adds is in the schema; rows on which it raises fail alone, as do those whose value Spark cannot hold."""
    payloads = [json.dumps({"n": number}).encode() for number in (2, 5, 13, 2**32 - 1, None)]
    found = transform(records(payloads), Pipeline.from_toml(PLAIN, map_batch=grow()), keep=["number"])
    assert dict(found.dtypes)["square"] == "bigint"
    assert dict(found.dtypes)["time"] == "timestamp_ntz"
    assert tuples(found, "result", "reason", "square") == [
        ("Ok", None, 4),
        ("ProcessingFailed", "map_batch", None),
        ("ProcessingFailed", "map_batch", None),
        ("ProcessingFailed", "type:square", None),
        ("Ok", None, None),
    ]


def picky():
    # Executors cannot import this file: a function out of a function is sent whole.
    def change(batch):
        if not len(batch):
            raise ValueError("no rows")
        names = [*batch.schema.names, "more"]
        return pa.RecordBatch.from_arrays([*batch.columns, pa.array(["m"] * len(batch))], names)

    return change


def test_columns_that_an_empty_batch_does_not_tell_are_named(records):
    """`added` names them; a column that nobody named is not lost in silence: its records fail."""
    frame = records([b'{"n":1}'] * 3)
    pipeline = Pipeline.from_toml(PLAIN, map_batch=picky())
    with pytest.raises(ContractError, match=r"map_batch raised ValueError on an empty batch.*added="):
        transform(frame, pipeline)
    found = transform(frame, pipeline, keep=["number"], added=pa.schema([("more", pa.string())]))
    assert tuples(found, "result", "more") == [("Ok", "m")] * 3
    found = transform(frame, pipeline, keep=["number"], added=pa.schema([("other", pa.string())]))
    assert tuples(found, "result", "reason", "other") == [("ProcessingFailed", "map_batch", None)] * 3


def test_a_task_that_is_run_again_gives_the_same(records):
    """Written out twice, from tasks of their own: the same rows, `record` too."""
    frame = records([b'{"n":1}{"n":2}', b"x"] * 10)
    found = transform(frame, Pipeline.from_toml(MANY))
    assert sorted(map(str, found.collect())) == sorted(map(str, found.collect()))


@pytest.mark.parametrize(
    ("arguments", "config", "message"),
    [
        ({"payload": "data"}, PLAIN, "no column data; it has number, payload, odd.name"),
        ({"payload": "number"}, PLAIN, "payload column number is int; it has to be binary or string"),
        ({"keep": ["nothing"]}, PLAIN, "no column nothing"),
        ({"meta": {"arrival": "number"}}, PLAIN, "there is no arrival; there are arrival_ms"),
        ({"meta": {"arrival_ms": "payload"}}, META, "arrival_ms column payload is binary"),
        ({"keep": ["number"]}, '[columns]\nNumber = "n"\n', "two columns would be named Number"),
        ({}, '[columns]\nresult = "r"\n', "two columns would be named result.*prefix="),
    ],
    ids=[
        "no payload",
        "payload type",
        "no such column",
        "meta name",
        "meta type",
        "kept twice",
        "a column named result",
    ],
)
def test_what_cannot_work_is_refused_at_once(records, arguments, config, message):
    """Before a task starts, in one line."""
    frame = records([b"{}"]).selectExpr("*", "1 AS `odd.name`")
    with pytest.raises(ContractError, match=message) as caught:
        transform(frame, Pipeline.from_toml(config), **arguments)
    assert "\n" not in str(caught.value)


def test_a_prefix_keeps_names_apart(records):
    """A transform may have a column named like one that is added, and names that Spark would read otherwise."""
    frame = records([b'{"result":"mine"}']).selectExpr("*", "1 AS `odd.na``me`")
    pipeline = Pipeline.from_toml('[columns]\nresult = "result"\n"a.b" = "result"\n')
    found = transform(frame, pipeline, prefix="_", keep=["odd.na`me"])
    assert found.columns == ["odd.na`me", "_result", "_reason", "result", "a.b"]
    assert [tuple(row) for row in found.collect()] == [(1, "Ok", None, "mine", "mine")]


def test_routes_that_disagree_on_a_type_are_refused(records):
    """A table has one type for a column; the line names the column and both types."""
    config = ROUTED.replace('"n", type = "int64" }, m', '"n", type = "string" }, m')
    with pytest.raises(ConfigError, match="the column n is string here and int64 in a route above"):
        transform(records([b"{}"]), Pipeline.from_toml(config))


def test_a_function_that_cannot_be_sent_is_refused(records):
    """A lock cannot be pickled; the line says what cannot be sent, and holds nothing of it."""
    lock = threading.Lock()

    def locked(batch):
        with lock:
            return batch

    with pytest.raises(ContractError, match="map_batch cannot be sent to the executors: pickling it raised TypeError"):
        transform(records([b"{}"]), Pipeline.from_toml(PLAIN, map_batch=locked))
