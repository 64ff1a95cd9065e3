"""The library at hand: what a person sees who looks at it in a notebook, a type checker or an editor."""

import re
import subprocess
import sys

import pytest

import fastxform
from fastxform import Batch, Pipeline, make_handler
from fastxform.tools.sample_data import burst

CONFIG = """
where = "n != 3"
columns = { id = { path = "id", required = true }, n = { path = "n", type = "int64" } }
"""


@pytest.fixture
def pipeline():
    return Pipeline.from_toml(CONFIG)


@pytest.fixture
def batch(pipeline):
    return pipeline.run([b'{"id":"a","n":1}', b'{"n":2}', b'{"id":"c","n":3}'])


def test_the_public_names_are_shown():
    """By `dir` and by `help`, before any of them was used."""
    script = "import fastxform; print(dir(fastxform)); help(fastxform)"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert dir(fastxform) == ["Batch", "Pipeline", "__version__", "make_handler"]
    assert all(f"class {name}" in shown for name in ("Batch", "Pipeline"))
    assert "make_handler(pipeline" in shown


TYPOS = """import fastxform

pipeline = fastxform.Pipeline.load("orders.toml")
fastxform.Pipelin
fastxform.spark
pipeline.rum([b"{}"])
batch = pipeline.run([b"{}"])
batch.results
batch.to_arow()
for record in batch:
    record.reasons
pipeline.run(["text"])
fastxform.make_handler(7)
fastxform.make_handler(pipeline, report=True)
"""
RIGHT = """import fastxform

pipeline = fastxform.Pipeline.load("orders.toml")
batch = pipeline.run([b"{}"])
words: list[str] = [record.result for record in batch]
rows: list[bytes | None] = batch.data
count: int = len(batch)
handler = fastxform.make_handler("orders.toml", reports=True)
answer = handler({"records": []}, None)
"""
WRONG_LINES = [4, 5, 6, 8, 9, 11, 12, 13, 14]
CHECKERS = {
    "mypy": ["mypy", "--no-incremental", "--hide-error-context", "--no-error-summary"],
    "pyright": ["basedpyright", "--pythonpath", sys.executable, "--level", "error"],
}
"""The second is Pyright in a package that brings its Node.js."""


@pytest.mark.parametrize("checker", CHECKERS)
def test_typos_are_seen_by_a_type_checker(tmp_path, checker):
    """Nothing at the edge of the package is an `Any` that takes every name; what is right has no error."""
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    found = {}
    for name, text in (("typos", TYPOS), ("right", RIGHT)):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        command = [sys.executable, "-m", *CHECKERS[checker], str(path)]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
        found[name] = sorted({int(line) for line in re.findall(rf"{name}\.py:(\d+)(?::\d+)?(?: -)?:? error", shown)})
    assert found == {"typos": WRONG_LINES, "right": []}


def test_a_batch_says_what_it_is(batch):
    """Short, however large it is, and without a value of a record."""
    assert repr(batch) == "<Batch of 3: 1 Ok, 1 Dropped, 1 ProcessingFailed>"
    assert repr(Batch([], [], [], None)) == "<Batch of 0: no records>"


def test_a_batch_is_a_sequence_of_results(batch):
    """Length and iteration, each record with its names."""
    assert len(batch) == 3
    first, second, third = batch
    assert (first.result, first.data) == ("Ok", b"a,1\n")
    assert (second.result, second.reason, second.metadata) == ("ProcessingFailed", "required:id", None)
    assert third == ("Dropped", None, None, None)


def test_a_batch_is_a_table(batch):
    """For a data frame of it."""
    table = batch.to_arrow()
    assert table.column_names == ["result", "reason", "data", "metadata"]
    assert table.to_pylist()[1] == {
        "result": "ProcessingFailed",
        "reason": "required:id",
        "data": None,
        "metadata": None,
    }


def test_metadata_is_json_in_a_table():
    """Partition keys and tables differ from record to record."""
    keyed = Pipeline.from_toml('columns = { a = "a" }\n[partition_keys]\nk = "a"\n')
    (row,) = keyed.run([b'{"a":"x"}']).to_arrow().to_pylist()
    assert row["metadata"] == '{"partitionKeys": {"k": "x"}}'


def test_a_pipeline_says_what_it_is(pipeline):
    """Its source, output and size."""
    assert repr(pipeline) == "<Pipeline: json to csv, 2 columns>"
    assert repr(Pipeline.from_toml('[output]\nformat = "json"\n')) == "<Pipeline: json to json, documents>"


@pytest.mark.parametrize("as_path", [str, lambda path: path], ids=["text", "path"])
def test_a_handler_is_made_of_a_file(tmp_path, as_path):
    """Or of a pipeline."""
    path = tmp_path / "c.toml"
    path.write_text(CONFIG)
    event = burst.event([b'{"id":"a","n":1}'])
    answers = {make_handler(transform)(event, None) for transform in (as_path(path), Pipeline.load(path))}
    assert len(answers) == 1


def test_a_handler_is_made_of_nothing_else():
    """And says so at once."""
    with pytest.raises(TypeError, match="takes a Pipeline or the path of its configuration, not dict"):
        make_handler({})


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        (["text"], r"payloads are bytes, and the first is str: encode it"),
        ([None, {"a": 1}], "payloads are bytes, and the first is dict"),
        (b"text", "payloads is a list of bytes, one for each record, and not bytes"),
        ("text", "payloads is a list of bytes, one for each record, and not str"),
    ],
    ids=["text", "document", "one payload", "one text"],
)
def test_payloads_of_another_type_are_refused(pipeline, payloads, message):
    """A mistake of the caller, not a bad record."""
    with pytest.raises(TypeError, match=message):
        pipeline.run(payloads)
