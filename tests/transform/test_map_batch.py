"""`map_batch`: what the user's function may do, and what becomes of rows when it does something else."""

import json

import pyarrow as pa
import pytest

from fastxform import Pipeline

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

CSV = '[columns]\na = "a"\nn = { path = "n", type = "int64" }\n'
JSON = 'output = { format = "json" }\n' + CSV
ROUTED = """
output = { format = "json" }
[columns]
a = "a"
[[routes]]
where = "a == 'x'"
iceberg = { database = "db", table = "t" }
columns = { b = "b" }
[[routes]]
iceberg = { database = "db", table = "u" }
"""


def run(config, payloads, map_batch):
    return Pipeline.from_toml(config, map_batch=map_batch).run([json.dumps(p).encode() for p in payloads])


def with_column(batch, name, values, kind=None):
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True)) | {name: pa.array(values, kind)}
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def test_columns_are_changed_and_added():
    """A column of the same name replaces the one that was given, another one follows all of them."""

    def change(batch):
        doubled = with_column(batch, "n", [value and value * 2 for value in batch["n"].to_pylist()], pa.int64())
        return with_column(doubled, "length", [len(text or "") for text in batch["a"].to_pylist()], pa.int64())

    found = run(CSV, [{"a": "xy", "n": 1}, {"a": 1.10, "n": None}], change)
    assert found.data == [b"xy,2,2\n", b"1.1,,3\n"]


@pytest.mark.parametrize(
    ("values", "kind", "csv", "as_json"),
    [
        ([1, None], pa.int64(), [b"1\n", b'""\n'], [b'{"j":1}\n', b'{"j":null}\n']),
        ([b"x", b"y"], pa.binary(), [b"eA==\n", b"eQ==\n"], [b'{"j":"eA=="}\n', b'{"j":"eQ=="}\n']),
        (['"t"', "[1]"], pa.string(), [b'"""t"""\n', b"[1]\n"], [b'{"j":"t"}\n', b'{"j":[1]}\n']),
    ],
    ids=["numbers", "binary", "json"],
)
def test_a_json_column_may_become_another(values, kind, csv, as_json):
    """It is written as what it is then."""
    for output, expected in (("csv", csv), ("json", as_json)):
        config = f'output = {{ format = "{output}" }}\n[columns]\nj = {{ type = "json" }}\n'
        assert run(config, [{"j": {}}, {"j": 1}], lambda batch: with_column(batch, "j", values, kind)).data == expected


def test_a_function_is_given_what_the_kernel_decoded(with_and_without_kernel):
    """It is the kernel's batch that the function gets; a row that it refuses is asked for once more by the engine."""
    asked = []

    def note(batch):
        asked.append(batch["n"].to_pylist())
        if 2 in asked[-1]:
            raise ValueError
        return batch

    found = run(CSV, [{"a": "x", "n": n} for n in range(4)], note)
    assert found.reason == [None, None, "map_batch", None]
    once = [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    assert asked == (once if with_and_without_kernel is None else [*once, [2]])


def test_rows_on_which_it_raises_fail_alone():
    """The batch is halved until only the rows at fault fail; the others are what they would be without them."""

    def refuse(batch):
        if 7 in batch["n"].to_pylist():
            raise KeyError("seven")
        return batch

    found = run(CSV, [{"a": "x", "n": n} for n in range(10)], refuse)
    assert [row for row, reason in enumerate(found.reason) if reason == "map_batch"] == [7]
    assert [data for data in found.data if data] == [f"x,{n}\n".encode() for n in range(10) if n != 7]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda batch: batch.slice(1), id="a row less"),
        pytest.param(lambda batch: None, id="nothing"),
        pytest.param(lambda batch: pa.Table.from_batches([batch]), id="a table"),
        pytest.param(lambda batch: batch.select(["a"]), id="a column less"),
        pytest.param(lambda batch: with_column(batch, "l", [[1]] * len(batch)), id="a list column"),
        pytest.param(
            lambda batch: with_column(batch, "t", [0] * len(batch), pa.timestamp("us", "UTC")), id="a time zone"
        ),
        pytest.param(lambda batch: with_column(batch, "t", [0] * len(batch), pa.timestamp("ns")), id="nanoseconds"),
        pytest.param(
            lambda batch: pa.RecordBatch.from_arrays([*batch.columns, batch["a"]], ["a", "n", "a"]), id="a name twice"
        ),
    ],
)
@pytest.mark.parametrize("config", [CSV, JSON], ids=["csv", "json"])
def test_a_batch_of_another_shape_fails_its_records(config, broken):
    """What is no batch of as many rows with the columns that were given fails the records, never the invocation."""
    found = run(config, [{"a": "x", "n": 1}, {"a": "y", "n": 2}], broken)
    assert found.reason == ["map_batch"] * 2


def test_a_column_that_an_expression_names_keeps_its_type():
    """An expression is compiled for the types of the configuration; another type fails the records."""
    config = CSV + 'm = { expr = "n + 1" }\n'
    found = run(config, [{"a": "x", "n": 1}], lambda batch: with_column(batch, "n", ["one"]))
    assert found.reason == ["map_batch"]


def test_a_column_that_an_expression_makes_cannot_be_added():
    """There would be two of one name."""
    config = CSV + 'm = { expr = "n + 1" }\n'
    found = run(config, [{"a": "x", "n": 1}], lambda batch: with_column(batch, "m", [41], pa.int64()))
    assert found.reason == ["map_batch"]


def test_expressions_see_what_it_made():
    """`expr` comes after `map_batch`."""
    config = CSV + 'm = { expr = "n + 1" }\n'
    found = run(config, [{"a": "x", "n": 1}], lambda batch: with_column(batch, "n", [41], pa.int64()))
    assert found.data == [b"x,41,42\n"]


@pytest.mark.parametrize("config", [JSON, ROUTED], ids=["shared", "routed"])
def test_values_left_alone_keep_their_own_type(config):
    """In JSON an `auto` value that the function did not touch stays a number, whatever it did to its neighbours."""
    name = "b" if config is ROUTED else "a"

    def mark(batch):
        if name not in batch.schema.names:
            return batch
        return with_column(batch, name, ["seen" if text == "2" else text for text in batch[name].to_pylist()])

    payloads = [{"a": "x", "b": value, "n": 0} if config is ROUTED else {"a": value, "n": 0} for value in (1, 2, None)]
    found = [json.loads(data)[name] for data in run(config, payloads, mark).data]
    assert found == [1, "seen", None]


def test_what_json_has_no_word_for_is_null():
    """A NaN or an infinity that only the function can bring is null in JSON."""
    values = [float("nan"), float("inf"), 1.5]
    found = run(JSON, [{"a": "x", "n": 1}] * 3, lambda batch: with_column(batch, "f", values[: len(batch)]))
    assert [json.loads(data)["f"] for data in found.data] == [None, None, 1.5]


def test_it_gets_rows_after_where_and_without_failures():
    """Rows that were dropped or have failed are not shown to the function; of none it is not called."""
    seen = []

    def look(batch):
        seen.append(batch["a"].to_pylist())
        return batch

    config = "where = \"a != 'no'\"\n" + CSV
    found = run(config, [{"a": "no"}, {"a": "x", "n": "one"}, {"a": "y", "n": 2}], look)
    assert seen == [["y"]]
    assert found.result == ["Dropped", "ProcessingFailed", "Ok"]
    assert run(config, [{"a": "no"}], look).result == ["Dropped"]
    assert seen == [["y"]]


# -- what cannot be written


NASTY = [
    pytest.param(lambda batch: with_column(batch, "t", [0, 2**62], pa.timestamp("us")), id="microseconds"),
    pytest.param(lambda batch: with_column(batch, "t", [0, -(2**62)], pa.timestamp("s")), id="seconds"),
    pytest.param(lambda batch: with_column(batch, "t", [0, 2**31 - 1], pa.date32()), id="days"),
    pytest.param(lambda batch: with_column(batch, "t", [0, -1_000_000], pa.date32()), id="days before"),
    pytest.param(lambda batch: replaced(batch, "a", broken_text()), id="UTF-8"),
    pytest.param(lambda batch: replaced(batch, "j", pa.array(["{}", "{no"])), id="JSON"),
    pytest.param(lambda batch: replaced(batch, "j", broken_text()), id="JSON that is no UTF-8"),
]


def broken_text():
    """Two texts, the second of which is not UTF-8."""
    data = b"{}\xff\xff"
    offsets = pa.py_buffer(b"".join(value.to_bytes(4, "little") for value in (0, 2, 4)))
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(data)])


def replaced(batch, name, array):
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True)) | {name: array}
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


@pytest.mark.parametrize("change", NASTY)
@pytest.mark.parametrize(("output", "iceberg"), [("csv", False), ("json", False), ("json", True)])
def test_a_value_that_cannot_be_written_fails_its_row(change, output, iceberg):
    """And no other one, whatever the output would make of it."""
    columns = 'a = { path = "a", type = "string" }\nj = { path = "j", type = "json" }\n'
    route = '\n[[routes]]\niceberg = { database = "d", table = "t" }\n' if iceberg else ""
    found = run(
        f'output = {{ format = "{output}" }}\n[columns]\n{columns}{route}', [{"a": "x"}, {"a": "y", "j": 1}], change
    )
    assert found.reason == [None, "map_batch"]
    assert found.result == ["Ok", "ProcessingFailed"]


def test_an_exit_is_an_exception_like_any_other():
    """`sys.exit()` in a function of the user's ends neither the batch nor the container."""

    def leave(batch):
        if 7 in batch["n"].to_pylist():
            raise SystemExit(1)
        return batch

    found = run(CSV, [{"a": "x", "n": n} for n in range(10)], leave)
    assert [row for row, reason in enumerate(found.reason) if reason == "map_batch"] == [7]


def test_a_time_that_can_be_written_is_written():
    """The first and the last day that there are."""
    days = [-719_162, 2_932_896]
    found = run(CSV, [{"a": "x"}, {"a": "y"}], lambda batch: with_column(batch, "t", days, pa.date32()))
    assert found.data == [b"x,,0001-01-01\n", b"y,,9999-12-31\n"]
