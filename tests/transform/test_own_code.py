"""`map_batch` in the file: a module beside the configuration, for whoever loads it."""

import dataclasses
import pickle
import subprocess
import sys
import typing

import pytest

import fastxform
from fastxform.config import model
from fastxform.errors import ConfigError, ContractError

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

CONFIG = (
    'map_batch = "enrich:double"\n[columns]\nn = { type = "int64" }\n[[tests]]\ninput = { n = 2 }\nexpect = "4\\n"\n'
)
MODULE = """
import pyarrow as pa

def double(batch):
    doubled = [n and 2 * n for n in batch.column("n").to_pylist()]
    return pa.RecordBatch.from_arrays([pa.array(doubled, pa.int64())], ["n"])

def helper(batch):
    return batch
"""


@pytest.fixture
def written(tmp_path):
    """Write a configuration and its module; returns the path of the configuration."""

    def write(config=CONFIG, module=MODULE):
        (tmp_path / "c.toml").write_text(config)
        if module is not None:
            (tmp_path / "enrich.py").write_text(module)
        return tmp_path / "c.toml"

    return write


def test_the_module_beside_the_file_is_loaded(written):
    """From any directory, without a handler of one's own."""
    pipeline = fastxform.Pipeline.load(written())
    assert pipeline.run([b'{"n":21}', b"{}"]).data == [b"42\n", b'""\n']
    assert pipeline.spec == pickle.loads(pickle.dumps(pipeline.spec))


def test_the_function_that_is_handed_over_goes_before(written):
    """Who gives one to `load` means it."""
    assert fastxform.Pipeline.load(written(), map_batch=lambda batch: batch).run([b'{"n":21}']).data == [b"21\n"]


def test_fastxform_test_runs_it(written, capsys):
    """The verbs load it as the function does."""
    from fastxform.cli import main

    assert main(["test", str(written())]) == 0
    assert "1 passed" in capsys.readouterr().err


FILES = {
    "no module": (CONFIG, None, "there is no file enrich.py beside the configuration"),
    "no function": (CONFIG.replace("double", "duble"), MODULE, "has no function duble; did you mean double?"),
    "not Python": (CONFIG, "def double(:\n", "enrich.py is not Python"),
    "raises": (CONFIG, "x = 1\nraise ValueError('secret')\n", "raises ValueError when it is imported, in line 2"),
    "no name": (CONFIG.replace("enrich:double", "enrich"), MODULE, "is MODULE:FUNCTION"),
    "a way out": (CONFIG.replace("enrich:double", "../enrich:double"), MODULE, "is MODULE:FUNCTION"),
}


@pytest.mark.parametrize(("config", "module", "message"), FILES.values(), ids=FILES)
def test_what_cannot_be_loaded_is_one_line(config, module, message, written):
    """At the start, and never the text of the exception."""
    with pytest.raises(ConfigError) as caught:
        fastxform.Pipeline.load(written(config, module))
    (mistake,) = caught.value.mistakes
    assert message in mistake.message
    assert "secret" not in mistake.message


def test_without_the_key_nothing_is_loaded():
    """A description that names no code is as before."""
    spec = model.parse("[columns]\na = 'a'")
    assert (spec.map_batch, spec.directory) == (None, "")


# -- modules beside it

BESIDE = """
import dataclasses
import typing
import pyarrow as pa
import tables
from rules import word

@dataclasses.dataclass
class Row:
    n: "int"

def label(batch):
    import late
    assert typing.get_type_hints(Row) == {"n": int}
    words = [f"{word()} {late.word()} {tables.word()} {__name__}" for _ in range(len(batch))]
    return batch.append_column("l", pa.array(words, pa.string()))
"""
LABEL = 'map_batch = "enrich:label"\n[columns]\nn = "n"\n'


@pytest.fixture
def two(tmp_path):
    """Two configurations, each with modules of the same names that say other words."""

    def write(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "c.toml").write_text(LABEL)
        (folder / "enrich.py").write_text(BESIDE)
        for module in ("rules", "late"):
            (folder / f"{module}.py").write_text(f"def word():\n    return '{module} of {name}'\n")
        (folder / "tables").mkdir(exist_ok=True)
        (folder / "tables" / "__init__.py").write_text("from .inner import word\n")
        (folder / "tables" / "inner.py").write_text(f"def word():\n    return 'tables of {name}'\n")
        return folder / "c.toml"

    return write("one"), write("other")


def said(name):
    return f"1,rules of {name} late of {name} tables of {name} enrich\n".encode()


def test_modules_beside_the_module_are_imported(two):
    """At the start, when it is called, and from a package; and the directory is not on the path for good."""
    path = list(sys.path)
    assert fastxform.Pipeline.load(two[0]).run([b'{"n":1}']).data == [said("one")]
    assert sys.path == path


def test_each_configuration_has_its_own_modules(two):
    """Of the same names, in turns, in one process; each sees its own under their names."""
    pipelines = [fastxform.Pipeline.load(path) for path in two]
    for _ in range(2):
        for pipeline, name in zip(pipelines, ("one", "other"), strict=True):
            assert pipeline.run([b'{"n":1}']).data == [said(name)]
            module = sys.modules["enrich"]
            assert pipeline.map_batch is module.label
            row = pickle.loads(pickle.dumps(module.Row(3)))
            assert (type(row), dataclasses.asdict(row)) == (module.Row, {"n": 3})
            assert typing.get_type_hints(module.Row) == {"n": int}


def test_a_module_is_shared_until_a_file_of_it_changes(two):
    """Its own, or one that it imports."""
    first, second = fastxform.Pipeline.load(two[0]), fastxform.Pipeline.load(two[0])
    assert first.map_batch is second.map_batch
    (two[0].parent / "rules.py").write_text("def word():\n    return 'new'\n")
    assert fastxform.Pipeline.load(two[0]).run([b'{"n":1}']).data[0].startswith(b"1,new late of one")


def test_a_name_that_is_taken_stays_what_it_was(tmp_path):
    """Of the standard library, or of a package that is loaded."""
    for name in ("json", "pytest"):
        before = sys.modules[name]
        (tmp_path / f"{name}.py").write_text("import beside\ndef same(batch):\n    return beside.same(batch)\n")
        (tmp_path / "beside.py").write_text("def same(batch):\n    return batch\n")
        (tmp_path / "c.toml").write_text(f'map_batch = "{name}:same"\n[columns]\nn = "n"\n')
        assert fastxform.Pipeline.load(tmp_path / "c.toml").run([b'{"n":1}']).data == [b"1\n"]
        assert sys.modules[name] is before


def test_modules_of_the_standard_library_are_not_hidden(two):
    """By a file of their name beside the module."""
    (two[0].parent / "csv.py").write_text("raise ValueError\n")
    (two[0].parent / "enrich.py").write_text("import csv\ndef label(batch):\n    csv.writer\n    return batch\n")
    assert fastxform.Pipeline.load(two[0]).run([b'{"n":1}']).data == [b"1\n"]


def test_a_handler_may_name_itself(tmp_path):
    """The function is in the module that loads the configuration, and is imported once."""
    (tmp_path / "c.toml").write_text('map_batch = "app:same"\n[columns]\nn = "n"\n')
    (tmp_path / "app.py").write_text(
        "import fastxform\nprint('once')\ndef same(batch):\n    return batch\n"
        "handler = fastxform.make_handler(fastxform.Pipeline.load('c.toml'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "once\n"


BROKEN = {
    "not Python": ("def x(:\n", "rules.py is not Python: invalid syntax in line 1"),
    "raises": ("\nraise ValueError('secret')\n", "rules.py raises ValueError when it is imported, in line 2"),
    "in a library": (
        "import json\njson.loads('{')\n",
        "rules.py raises JSONDecodeError when it is imported, in line 2",
    ),
    "imports what is not there": (
        "import nowhere\n",
        "rules.py raises ModuleNotFoundError when it is imported, in line 1; there is no module nowhere beside the "
        "configuration or installed",
    ),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_a_module_beside_it_that_cannot_be_loaded_is_named(two, text, message):
    """By its file and line; and when it is mended, it is loaded."""
    rules = two[0].parent / "rules.py"
    good = rules.read_text()
    rules.write_text(text)
    with pytest.raises(ConfigError) as caught:
        fastxform.Pipeline.load(two[0])
    assert [mistake.message for mistake in caught.value.mistakes] == [message]
    rules.write_text(good)
    assert fastxform.Pipeline.load(two[0]).run([b'{"n":1}']).data == [said("one")]


def test_check_loads_the_module(two, capsys):
    """What keeps it from being loaded is an error; a module that this machine lacks may be there in Lambda."""
    from fastxform.cli import main

    rules = two[0].parent / "rules.py"
    assert main(["check", str(two[0])]) == 0
    rules.write_text("def x(:\n")
    assert main(["check", str(two[0])]) == 1
    rules.write_text("import nowhere\n")
    assert main(["check", str(two[0])]) == 0
    out = capsys.readouterr().out
    assert "c.toml: map_batch: error: rules.py is not Python: invalid syntax in line 1\n" in out
    assert "c.toml: map_batch: warning: rules.py raises ModuleNotFoundError when it is imported, in line 1" in out


def test_explain_shows_the_rest_of_a_record_on_which_it_raises(written, capsys):
    """Its columns are not known then, and the answer is."""
    from fastxform.cli import main

    config = written(module="def double(batch):\n    raise ValueError('secret')\n")
    config.with_name("in.jsonl").write_text('{"n":1}\n')
    assert main(["explain", str(config), str(config.with_name("in.jsonl"))]) == 0
    out = capsys.readouterr().out
    assert "map_batch raised ValueError on an empty batch, so its columns are not known" in out
    assert "ProcessingFailed: map_batch" in out


# -- what is said of it

HEAD = "import pyarrow as pa\n\n\ndef change(batch):\n"
RETURNED = {
    "nothing": ("    pass\n", "returned nothing, not a pyarrow.RecordBatch"),
    "a table": ("    return pa.Table.from_batches([batch])\n", "a pyarrow.Table, whose .combine_chunks()"),
    "a list": ("    return [1]\n", "returned a list, not a pyarrow.RecordBatch"),
    "fewer rows": ("    return batch.slice(1)\n", "returned fewer rows than it was given"),
    "more rows": ("    return pa.concat_batches([batch, batch])\n", "returned more rows than it was given"),
    "a column less": ("    return batch.select(['a'])\n", "left out the column n"),
    "a list column": (
        "    return batch.append_column('l', pa.array([[1]] * len(batch)))\n",
        "gave the column l the type list<item: int64>, which cannot be written",
    ),
    "twice": ("    return batch.append_column('a', batch['a'])\n", "returned the column a twice"),
    "computed": (
        "    return batch.append_column('m', batch['n'])\n",
        "added the column m, which an expression computes",
    ),
    "another type": (
        "    return batch.set_column(1, 'n', batch['n'].cast('string'))\n",
        "changed the type of n, which an expression names, from int64 to string",
    ),
    "bad text": (
        "    ends = pa.py_buffer(b'\\0\\0\\0\\0\\1\\0\\0\\0')\n"
        "    bad = pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(b'\\xff')])\n"
        "    return batch.set_column(0, 'a', bad)\n",
        "gave the column a a value that cannot be written",
    ),
}
SAID = (
    'map_batch = "enrich:change"\n[columns]\na = { type = "string" }\nn = { type = "int64" }\nm = { expr = "n + 1" }\n'
)


@pytest.mark.parametrize(("body", "message"), RETURNED.values(), ids=RETURNED)
def test_a_wrong_return_is_a_line_of_its_own(body, message, written, capsys):
    """Each kind has its message, once, however many batches it happens in; the rows fail as before."""
    pipeline = fastxform.Pipeline.load(written(SAID, HEAD + body))
    for _ in range(2):
        assert pipeline.run([b'{"a":"secret","n":1}']).reason == ["map_batch"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fastxform: map_batch ")
    assert line.endswith("; its rows fail with map_batch")
    assert message in line
    assert "secret" not in line


RAISING = HEAD + "    return helper(batch)\n\n\ndef helper(batch):\n    raise KeyError(batch['a'].to_pylist())\n"


def test_what_it_raises_is_shown_with_its_traceback_at_a_desk(written, capsys):
    """Once, though the batch is halved: the user's own frames, and the message, which is the user's to see."""
    path = written(SAID, RAISING)
    assert fastxform.Pipeline.load(path).run([b'{"a":"secret"}'] * 4).reason == ["map_batch"] * 4
    found = capsys.readouterr().err
    assert found.count("Traceback") == 1
    assert "return helper(batch)" in found
    assert "secret" in found
    assert "transform/map_batch.py" not in found
    assert f"map_batch raised KeyError in {path.parent / 'enrich.py'}, line 9;" in found


def test_what_it_raises_is_one_line_in_lambda(written, capsys, monkeypatch):
    """With the type of the exception, file and line, and never the message."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "transform")
    path = written(SAID, RAISING)
    fastxform.Pipeline.load(path).run([b'{"a":"secret"}'] * 4)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"fastxform: map_batch raised KeyError in {path.parent / 'enrich.py'}, line 9; "
        "the rows on which it raises fail with map_batch"
    )


def test_what_cannot_be_called_is_no_function(written):
    """In the file and in Python, before a record comes."""
    with pytest.raises(ConfigError) as caught:
        fastxform.Pipeline.load(written(SAID, "change = 5\n"))
    assert caught.value.mistakes[0].message == "change in enrich.py is int, which cannot be called"
    with pytest.raises(ContractError, match="map_batch is str, which cannot be called"):
        fastxform.Pipeline.load(written(SAID, HEAD), map_batch="change")


def test_an_error_that_no_line_of_the_user_raises(capsys):
    """A callable without code of its own, and one whose kinds never end, which are said a hundred times at most."""

    class Endless:
        def __init__(self):
            self.calls = 0

        def __call__(self, batch):
            self.calls += 1
            raise type(f"Error{self.calls}", (Exception,), {})

    pipeline = fastxform.Pipeline.from_toml("[columns]\na = 'a'", map_batch=Endless())
    pipeline.run([b"{}"] * 200)
    assert capsys.readouterr().err.count("Traceback") == 100
    fastxform.Pipeline.from_toml("[columns]\na = 'a'", map_batch=len).run([b"{}"])
    assert "returned a int" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "test", "check", "explain", "simulate", "ddl"])
def test_every_verb_loads_it(verb, written, capsys, tmp_path):
    """None needs a handler; a function that is not there is found by each verb that runs records."""
    from fastxform.cli import main

    config = str(written())
    records = tmp_path / "records.jsonl"
    records.write_text('{"n": 21}\n')
    more = {
        "run": [str(records)],
        "simulate": [str(records), "--out", str(tmp_path / "out")],
        "explain": [str(records)],
    }
    code = main([verb, config, *more.get(verb, [])])
    out = capsys.readouterr().out
    assert code == (1 if verb == "ddl" else 0)
    if verb == "run":
        assert out == "42\n"
    if verb == "simulate":
        assert [
            path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file() and "42" in path.read_text()
        ]
