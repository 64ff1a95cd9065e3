"""The playground: what it shows of a configuration and a sample, and whom it answers; `tests/browser` has the page."""

import pytest

from fastxform import Pipeline
from fastxform.tools.play import session
from fastxform.tools.play.guard import Guard

pytestmark = pytest.mark.processes

CONFIG = """columns = { id = { path = "id", required = true }, n = { path = "n", type = "int64" } }
where = "n != 3"
"""
SAMPLE = '{"id":"a","n":1}\n{"n":2}\n{"id":"c","n":3}\n'

# ---- what is shown


def test_each_record_has_its_result():
    """As the pipeline answers, with the reason in words."""
    shown = session.work('where = "n != 3"\n' + CONFIG.splitlines()[0], SAMPLE)
    assert [one.result for one in shown.records] == ["Ok", "ProcessingFailed", "Dropped"]
    assert [one.row for one in shown.records] == ["a,1\n", "", ""]
    assert shown.records[1].reason == "required:id: the column is required and null"
    assert shown.table == ({"#": "1", "id": "a", "n": "1"},)
    assert 100 < shown.response_bytes < 1_000
    assert {name for name, _ in shown.stages} >= {"decode", "encode"}


def test_mistakes_have_their_lines():
    """And nothing is run."""
    shown = session.work('version = 1\nwher = "x"\n', SAMPLE)
    assert (2, "error") in [(one.line, one.level) for one in shown.problems]
    assert "did you mean where?" in " ".join(one.text for one in shown.problems)
    assert shown.records == ()


@pytest.mark.parametrize("text", ["", "{", "\x00", "[1]", '{"records":[{"data":5}]}', '{"a":1}\n{'], ids=repr)
def test_any_text_can_be_typed(text):
    """As a configuration and as a sample."""
    session.work(text, SAMPLE)
    assert session.work('columns = { a = "a" }', text).problems == ()


@pytest.mark.parametrize("name", session.EXAMPLES)
def test_examples_have_no_mistakes(name):
    """And something to show."""
    config, sample = session.example(name)
    shown = session.work(config, sample, session.home_of(name))
    assert not any(problem.level == "error" for problem in shown.problems)
    assert any(record.result == "Ok" for record in shown.records)


def test_what_a_configuration_names_lies_beside_it(tmp_path):
    """Look-ups and code of one's own, from whatever directory the playground is started in."""
    (tmp_path / "shops.csv").write_text("id,name\na,Anna's\n")
    (tmp_path / "enrich.py").write_text("import beside\ndef same(batch):\n    return beside.same(batch)\n")
    (tmp_path / "beside.py").write_text("def same(batch):\n    return batch\n")
    config = 'map_batch = "enrich:same"\nlookups.shop = { file = "shops.csv", key = "id" }\n' + CONFIG.splitlines()[0]
    config = config[:-1] + ", shop = { expr = \"lookup('shop', id, 'name')\" } }"
    shown = session.work(config.replace("required = true", 'type = "string"'), SAMPLE, tmp_path)
    assert [problem for problem in shown.problems if problem.level == "error"] == []
    assert shown.records[0].row == "a,1,Anna's\n"
    assert [problem.level for problem in session.work(config, SAMPLE).problems] == ["error", "error"]


def test_a_record_becomes_a_test_that_passes():
    """Whatever became of it."""
    config = 'where = "n != 3"\n' + CONFIG.splitlines()[0]
    shown = session.work(config, SAMPLE)
    for record in shown.records:
        config = session.test_of(config, record)
    from fastxform.config import model

    spec = model.parse(config)
    (ok, failed, dropped) = spec.tests
    assert (ok.expect, failed.reason, dropped.result) == ("a,1\n", "required:id", "Dropped")
    assert Pipeline(spec).run([ok.input]).data == [b"a,1\n"]


# ---- whom it answers


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ([(b"host", b"127.0.0.1:80")], True),
        ([(b"host", b"localhost:80"), (b"origin", b"http://localhost:80")], True),
        ([(b"host", b"evil.example")], False),
        ([(b"host", b"evil.example:80")], False),
        ([(b"host", b"127.0.0.1:81")], False),
        ([(b"host", b"127.0.0.1:80"), (b"origin", b"http://evil.example")], False),
        ([(b"host", b"127.0.0.1:80"), (b"origin", b"null")], False),
        ([(b"host", b"127.0.0.1:80"), (b"host", b"evil.example")], False),
        ([], False),
    ],
)
def test_only_its_own_page_is_answered(headers, is_own):
    """By Host and Origin."""
    assert Guard(None, 80).is_own(headers) == is_own
