"""Nasty values of every type through every function and every stage: a value or a reason, never an exception."""

import json

import nasty
import pytest

from fastxform import Pipeline
from fastxform.errors import DROPPED, OK, REASONS
from fastxform.query.functions import FUNCTIONS
from fastxform.query.named import NAMED

KINDS = list(nasty.VALUES)
ALONE_ROWS = 7
"""Of each column so many rows are evaluated by themselves too; all would take a minute."""


def check(text, one, other):
    """Evaluate an expression on two types, whole and row by row; tell whether it is one of these types."""
    expression = nasty.compiled(text, one, other)
    if expression is None:
        return False
    x, y = nasty.pairs(one, other) if "y" in expression.names else (nasty.column(one),) * 2
    array, raised = nasty.evaluated(expression, {"x": x, "y": y})
    array.validate(full=True)
    for row in range(0, len(x), max(1, len(x) // ALONE_ROWS)):
        alone, refused = nasty.evaluated(expression, {"x": x.slice(row, 1), "y": y.slice(row, 1)})
        assert bool(refused) == (row in raised), f"{text} of {one}, {other}: row {row} alone and among others"
        assert nasty.is_same(alone[0], array[row]), f"{text} of {one}, {other}: row {row}"
    return True


@pytest.mark.parametrize("name", [*FUNCTIONS, *NAMED])
def test_a_function_takes_every_value(name, monkeypatch):
    """Of each type that it takes, whole columns as each row alone; what it does not take is a mistake of one line."""
    monkeypatch.setenv("HASH_KEY", "k")
    taken = 0
    for text in nasty.calls(name):
        taken += sum(check(text, kind, kind) for kind in KINDS)
    if name not in ("lookup",):  # which needs a table
        assert taken, f"no call of {name} compiles"


@pytest.mark.parametrize("operator", nasty.OPERATORS)
def test_an_operator_takes_every_pair(operator):
    """Of all types with all types."""
    assert sum(check(f"x {operator} y", one, other) for one in KINDS for other in KINDS)


@pytest.mark.parametrize("target", ["string", "int64", "float64", "decimal(10,2)", "bool", "timestamp[ms]", "date"])
def test_a_cast_takes_every_value(target):
    """Of every type."""
    assert sum(check(f"cast(x, target_type='{target}')", kind, kind) for kind in KINDS)


STAGES = {
    "csv": 'output = { null = "N", newlines = "escape", escape_formulas = true, quoting = "all" }\n',
    "bare csv": 'output = { quoting = "none", delimiter = "\\t" }\n',
    "json": 'output = { format = "json", json = "text" }\n',
    "iso json": 'output = { format = "json" }\n',
}
COLUMN = {
    "plain": "",
    "required": ", required = true",
    "null": ', invalid = "null"',
    "pattern": ", pattern = '[a-z0-9.-]*'",
    "nulls": ', nulls = ["", "null", "-0"]',
}
TYPES = [
    "auto",
    "string",
    "int64",
    "float64",
    "decimal(38,2)",
    "bool",
    "timestamp[s]",
    "timestamp[us]",
    "date",
    "json",
    "binary",
]


def literals():
    """Every value as JSON: texts, numbers as they are written, and what holds others."""
    yield from (json.dumps(text, ensure_ascii=False) for text in nasty.TEXTS)
    yield from (r'"\ud83d\ude00"', r'"\u0000\u001f"', r'"\/"', "true", "false", "null", "{}", "[]", "[[{}]]")
    yield from map(str, (*nasty.INTEGERS, *map(repr, nasty.FLOATS)))
    yield from ("1.10", "-0", "-0.0", "1E400", "9" * 400, "1e-400", '{"a":{"b":[1.10,"x"]},"a":2}')


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", TYPES)
def test_a_stage_takes_every_value(stage, kind):
    """Each value as each type, however it is checked and written: among others and alone, by the kernel and not."""
    payloads = [f'{{"a":{literal}}}'.encode() for literal in literals()]
    for extra in COLUMN.values():
        if kind == "binary" and "pattern" in extra:
            continue
        config = f'{STAGES[stage]}[columns]\na = {{ path = "a", type = "{kind}"{extra} }}\n'
        batch = Pipeline.from_toml(config).run(payloads)
        engine = Pipeline.from_toml(config).run_engine(payloads)
        assert list(batch) == list(engine)
        assert {reason.partition(":")[0] for reason in batch.reason if reason} <= REASONS.keys() - {"internal"}
        assert set(batch.result) <= {OK, DROPPED, "ProcessingFailed"}
        for row in range(0, len(payloads), 5):
            assert list(Pipeline.run(Pipeline.from_toml(config), [payloads[row]])) == [list(batch)[row]]


@pytest.mark.parametrize("key", ["partition_keys", "where"])
def test_keys_and_conditions_take_every_value(key):
    """A partition key and a condition of each type."""
    payloads = [f'{{"a":{literal}}}'.encode() for literal in literals()]
    for kind in TYPES:
        if kind == "binary" and key == "where":
            continue
        keyed = '[partition_keys]\nk = "a"\n' if key == "partition_keys" else ""
        where = 'where = "a is not None and a == a"\n' if key == "where" else ""
        batch = Pipeline.from_toml(f'{where}[columns]\na = {{ path = "a", type = "{kind}" }}\n{keyed}').run(payloads)
        assert "internal" not in batch.reason
