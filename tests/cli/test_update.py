"""`fastxform test --update`: what came out becomes what is expected, and nothing else of the file changes."""

import json
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import InputError
from fastxform.tools import expectations
from fastxform.tools.expectations import Expectation

HEAD = """# what it is for
version = 1

[columns]
a = "a"   # the first
n = { path = "n", type = "int64" }

[partition_keys]
a = "a"
"""
TESTS = """
[[tests]]   # one
name = "text"
expect = "1\\n"  # a note
input = '{"a": "q"}'

# about the second

[[tests]]
name = "failed before"
reason = "type:n"   # why
input = \"\"\"
{"a": "it's \\\\"quoted\\\\"", "n": 1}
\"\"\"

[[tests]]
name = "fails now"
expect = '''
x,1
'''
input = '''{"n": "b"}'''

[[tests]]
name = "metadata"
result = "Ok"
input = { a = "Sendai" }
[tests.metadata.partitionKeys]   # of S3
a = "Tokyo"  # the city
b = "old"

# more
[[tests]]
input = { a = "new" }  # nothing yet

# the end
"""
UPDATED = """
[[tests]]   # one
name = "text"
expect = "q,\\n"  # a note
input = '{"a": "q"}'

# about the second

[[tests]]
name = "failed before"
expect = '''
"it's ""quoted""\",1
'''   # why
input = \"\"\"
{"a": "it's \\\\"quoted\\\\"", "n": 1}
\"\"\"

[[tests]]
name = "fails now"
reason = "type:n"
input = '''{"n": "b"}'''

[[tests]]
name = "metadata"
expect = "Sendai,\\n"
input = { a = "Sendai" }
[tests.metadata.partitionKeys]   # of S3
a = "Sendai"  # the city

# more
[[tests]]
input = { a = "new" }  # nothing yet
expect = "new,\\n"

# the end
"""


def test_a_file_is_shown_and_then_written(command, write):
    """Without `--yes` the difference alone, exit code 1; with it the file, whose tests pass then."""
    path = write(HEAD + TESTS)
    code, out, err = command("test", path, "--update")
    assert (code, err) == (1, "5 tests would be updated; nothing was written, --yes writes\n")
    assert '-expect = "1\\n"  # a note␊\n+expect = "q,\\n"  # a note␊' in out
    assert Path(path).read_text() == HEAD + TESTS
    code, again, err = command("test", path, "--update", "--yes")
    assert (code, again, err) == (0, out, "5 tests updated\n")
    assert Path(path).read_text() == HEAD + UPDATED
    assert command("test", path)[0] == 0
    assert command("test", path, "--update", "--yes") == (0, "", "nothing to update\n")
    assert Path(path).read_text() == HEAD + UPDATED


def test_programs_are_told_what_was_written(command, write):
    """As JSON; `--yes` alone says what it is for; a configuration with mistakes keeps none from being updated."""
    good, bad = write(HEAD + TESTS), write("nothing = 1", "bad.toml")
    code, out, _ = command("test", good, "--update", "--json")
    assert (code, json.loads(out)) == (1, {"configs": [{"config": good, "changed": 5, "written": False}]})
    code, out, err = command("test", bad, good, "--update", "--json", "--yes")
    assert (code, json.loads(out)) == (2, {"configs": [{"config": good, "changed": 5, "written": True}]})
    assert "bad.toml" in err
    assert command("test", good)[0] == 0
    code, _, err = command("test", good, "--yes")
    assert code == 2
    assert "--update" in err


def test_an_outcome_that_changes_from_run_to_run_is_not_written(command, write):
    """With the remedy."""
    path = write('[columns]\na = { expr = "now_ms()" }\n[[tests]]\ninput = {}\nexpect = ""\n')
    # A clock that goes on between two calls.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", iter(range(0, 10**12, 10**9)).__next__)
        code, _, err = command("test", path, "--update", "--yes")
    assert code == 2
    assert "give the test now_ms" in err
    assert 'expect = ""' in Path(path).read_text()


def test_what_a_file_is_stays(command, write, tmp_path):
    """A link, the rights of its file, CR LF; nothing is left beside it."""
    path = Path(write((HEAD + TESTS).replace("\n", "\r\n"), "real.toml"))
    path.write_bytes((HEAD + TESTS).replace("\n", "\r\n").encode())
    path.chmod(0o640)
    link = path.parent / "link.toml"
    link.symlink_to(path)
    before = set(path.parent.iterdir())
    assert command("test", str(link), "--update", "--yes")[0] == 0
    assert path.read_bytes().decode() == (HEAD + UPDATED).replace("\n", "\r\n")
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert set(path.parent.iterdir()) == before


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path):
    """As is one in whose directory nothing can be written; no file is left beside it."""
    path = tmp_path / "c.toml"
    path.write_text("a = 1\n")
    with pytest.raises(InputError, match="changed in the meantime"):
        expectations.write(str(path), "a = 0\n", "a = 2\n")
    assert [found.name for found in tmp_path.iterdir()] == ["c.toml"]
    with pytest.raises(InputError, match="cannot be written: No such file"):
        expectations.write(str(tmp_path / "none" / "c.toml"), "", "")
    assert path.read_text() == "a = 1\n"


LAYOUTS = {
    "inline": 'tests = [{ input = "x", expect = "y" }, { input = "z", result = "Ok" }] # all\n',
    "apart": '[[tests]]\ninput = "x"\nexpect = "y"\n[overflow]\nworkers = 2\n[[tests]]\ninput = "z"\nresult = "Ok"\n',
    "indented": '[[tests]]\n  input = "x"\n  expect = """\n    y"""\n[[tests]]\n  input_file = "z"\n',
    "quoted": '[["tests"]]\n"input" = "x"\n"expect" = \'\'\'y\'\'\'\n[["tests"]]\n"reason" = "json"\n"input" = "z"\n',
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(st.text(), st.sampled_from(expectations.KINDS), st.booleans())
def test_any_text_stands_where_the_old_one_stood(layout, text, kind, has_metadata):
    """Read again it is the text; everything else is what it was, or the layout is refused."""
    metadata = {"otfMetadata": {"destinationTableName": text}} if has_metadata else None
    wanted = {0: Expectation(kind, text, metadata), 1: Expectation("expect", text)}
    try:
        new = tomllib.loads(expectations.rewrite(layout, wanted, "c.toml"))
    except InputError as error:
        assert "too unusual" in str(error)
        assert layout == LAYOUTS["apart"]
        return
    old = tomllib.loads(layout)
    assert [new["tests"][0][kind], new["tests"][1]["expect"]] == [text, text]
    for index, test in enumerate(new["tests"]):
        assert len(test.keys() & set(expectations.KINDS)) == 1
        assert test.get("input") == old["tests"][index].get("input")
    assert new["tests"][0].get("metadata") == metadata
    assert {**old, "tests": None} == {**new, "tests": None}


def test_without_tomlkit_the_extra_is_named(monkeypatch):
    """`tomlkit` comes with the extra of the command."""
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)
    with pytest.raises(InputError, match=r"pip install 'fastxform\[cli\]'"):
        expectations.rewrite("", {}, "c.toml")
