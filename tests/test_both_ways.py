"""What is compared with the oracle is compared with the native kernel and without it, and the kernel has its share."""

import ast
from pathlib import Path

import pytest
from kernel_watch import watched

from fastxform import Pipeline, make_handler
from fastxform.tools.sample_data import burst

TESTS = Path(__file__).parent
FIXTURES = {"both_ways", "with_and_without_kernel"}
OF_ENGINE = {("query/test_exact_paths.py", "test_pairs_of_numbers")}
"""Properties of what the kernel takes in no transform: paths that JMESPath evaluates."""

CONFIG = '[columns]\na = { type = "int64" }\n'


def names_in(node):
    """Every name that a function uses, fixtures that it takes among them; `given(...)` where it searches examples.

    Methods are there with a dot before them.
    """
    found = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            found.add(child.id)
        elif isinstance(child, ast.Attribute):
            found.add(f".{child.attr}")
        elif isinstance(child, ast.arg):
            found.add(child.arg)
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "given":
            found.add("given(...)")
    return found


def fixtures_of(node):
    """What `usefixtures` names in decorators, or in the assignment of `pytestmark`."""
    return {
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "usefixtures"
        for argument in call.args
    }


def one_way_tests(source):
    """The tests of a module that reach the oracle, and lack what runs them both ways; a property needs more."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    uses = {name: names_in(node) for name, node in functions.items()}
    of_module = {
        fixture
        for node in tree.body
        if isinstance(node, ast.Assign) and "pytestmark" in names_in(node)
        for fixture in fixtures_of(node)
    }
    missing = []
    for name, node in functions.items():
        reached, todo = set(), [name]
        while todo:
            reached |= (used := uses[todo.pop()] - reached)
            todo += used & functions.keys()
        is_of_engine = ".run_engine" in reached and ".run" not in reached  # the engine, by name
        if not name.startswith("test_") or "Oracle" not in reached or is_of_engine:
            continue
        marks = (
            of_module | (uses[name] & FIXTURES) | {mark for each in node.decorator_list for mark in fixtures_of(each)}
        )
        if not marks & ({"both_ways"} if "given(...)" in reached else FIXTURES):
            missing.append(name)
    return missing


def modules():
    """The test modules that ask the oracle about the package; test_oracle.py is about the oracle alone."""
    for path in sorted(TESTS.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "from oracle import" in source and "fastxform" in source:
            yield path.relative_to(TESTS).as_posix(), source


def test_each_test_against_the_oracle_runs_both_ways():
    """By its own mark or by that of its module; there are such tests."""
    found = dict(modules())
    assert {"test_pipeline.py", "decode/test_layers.py", "test_examples.py"} <= found.keys()
    missing = {(path, name) for path, source in found.items() for name in one_way_tests(source)}
    assert missing == OF_ENGINE


def test_a_test_that_runs_one_way_is_seen():
    """Also where the oracle is asked by a helper, and where a property has the mark that proves less."""
    helper = "def helper(x):\n    Oracle(x)\n\n"
    assert one_way_tests(helper + "def test_it():\n    helper(1)\n") == ["test_it"]
    assert one_way_tests(helper + "def test_it(both_ways):\n    helper(1)\n") == []
    marked = '@pytest.mark.usefixtures("with_and_without_kernel")\n'
    assert one_way_tests(helper + marked + "def test_it():\n    helper(1)\n") == []
    assert one_way_tests(helper + marked + "@given(x())\ndef test_it(x):\n    helper(x)\n") == ["test_it"]
    assert (
        one_way_tests("pytestmark = [pytest.mark.usefixtures('both_ways')]\n@given(x())\ndef test_it(x):\n    Oracle")
        == []
    )
    assert one_way_tests("def test_it():\n    Pipeline()\n") == []
    assert one_way_tests(helper + "def test_it():\n    helper(1)\n    pipeline.run_engine(1)\n") == []
    assert one_way_tests(helper + "def test_it():\n    helper(pipeline.run(1), pipeline.run_engine(1))\n") == [
        "test_it"
    ]


def test_the_watch_counts_what_the_kernel_answered():
    """By payloads and as events; odd records are not its own, and what is all the engine's counts nothing."""
    with pytest.MonkeyPatch.context() as patch, watched(patch) as watch:
        pipeline = Pipeline.from_toml(CONFIG)
        pipeline.run([b'{"a":1}', b'{"a":"1.0"}', b'{"a":2}'])
        assert watch.records == 2
        pipeline.run([b'{"a":1.0}'] * 40)
        assert watch.records == 2
        make_handler(pipeline, reports=False)(burst.event([b'{"a":1}'] * 20), None)
        assert watch.records == 22


def test_the_watch_lets_nothing_be_swept_under_the_engine(monkeypatch):
    """An exception in the kernel's stages, for which a stream would be left to the engine, fails the test."""
    with pytest.MonkeyPatch.context() as patch, watched(patch):
        pipeline = Pipeline.from_toml(CONFIG)
        monkeypatch.setattr(pipeline.native.router, "route", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pipeline.run([b'{"a":1}'])
