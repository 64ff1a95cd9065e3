"""`map_batch` in the file: a module beside the configuration, for whoever loads it."""

import pickle

import pytest

import fastxform
from fastxform.config import model
from fastxform.errors import ConfigError

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
