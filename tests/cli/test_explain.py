"""`fastxform explain` and `fastxform schema`: ways, costs, steps, and the schema that editors complete by."""

import json

import jsonschema
import pytest

from fastxform import Pipeline
from fastxform.config.model import load
from fastxform.tools import explain

CONFIG = """
where = "n > 1"

[columns]
id = "a.id"
first = "a.x || a.y"
found = { path = "tags[?k=='v'].w | [0]", type = "string" }
slow = { path = "length(list)", type = "int64" }
n = { path = "n", type = "int64" }
at = { meta = "arrival_ms", type = "timestamp[ms]" }
twice = { expr = "n * 2" }

[output]
format = "json"

[[routes]]
where = "n > 10"
columns = { big = "n" }

[[routes]]
columns = { small = "n" }
"""


def record(n):
    return json.dumps({"a": {"id": f"r{n}", "y": 1}, "n": n, "list": [1], "tags": [{"k": "v", "w": "t"}]}).encode()


def test_each_column_has_its_way(command, write):
    """And the slow one says what to write."""
    code, out, err = command("explain", write(CONFIG), "--json")
    assert (code, err) == (0, "")
    columns = {column["name"]: column for column in json.loads(out)["columns"]}
    assert columns["id"]["way"] == "decoded with the record"
    assert columns["first"]["way"].endswith("the first that is there")
    assert columns["found"]["way"].endswith("the first element that matches")
    assert columns["at"]["way"].startswith("given with the record")
    assert columns["twice"]["way"].startswith("computed by Arrow")
    assert [name for name, column in columns.items() if column["is_slow"]] == ["slow"]
    assert "so that it stays as it is" in columns["slow"]["advice"]
    assert (columns["big"]["route"], columns["small"]["route"], columns["id"]["route"]) == (0, 1, None)
    assert columns["id"]["microseconds"] is None


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (record(20), [("where", "n > 1: true"), ("route", "routes[0] takes it: n > 10"), ("answer", "Ok")]),
        (
            record(5),
            [("where", "n > 1: true"), ("route", "routes[1] takes it: it takes every record")],
        ),
        (record(1), [("where", "n > 1: false, which drops it"), ("answer", "Dropped")]),
        (b'{"a":{}}', [("where", "n > 1: null, which drops it"), ("answer", "Dropped")]),
        (b'{"n":"x"}', [("where", "n > 1: not evaluated: type:n"), ("answer", "ProcessingFailed: type:n")]),
        (b"{", [("columns", "the record fails: json"), ("where", "n > 1: not evaluated: json")]),
    ],
    ids=["first route", "second route", "filtered", "null", "type", "no document"],
)
def test_a_record_is_taken_step_by_step(write, payload, expected):
    """The last step is what the pipeline answers."""
    spec = load(write(CONFIG))
    found = list(explain.steps(spec, payload))
    lines = {step.name: step.lines for step in found}
    assert all(lines[name][0] == line for name, line in expected)
    (answer,) = Pipeline(spec).run([payload])
    assert found[-1].lines[0].partition(":")[0] == answer.result


def test_the_steps_are_printed(command, write):
    """One record of the input, and the cost of each column by itself."""
    config = write(CONFIG)
    write(b"\n".join(map(record, range(20))), "in")
    code, out, _ = command("explain", config, "in", "--record", "6")
    assert code == 0
    assert "  id = 'r5'  (string)" in out.splitlines()
    assert "microseconds" in out.splitlines()[0]
    code, out, _ = command("explain", config, "in", "--json")
    costs = {column["name"]: column["microseconds"] for column in json.loads(out)["columns"]}
    assert costs["slow"] >= 0
    assert costs["twice"] is None


@pytest.mark.parametrize(("arguments", "text"), [(["--record", "3"], "has 2 records"), ([], None)], ids=["no", "yes"])
def test_a_record_that_is_not_there_is_named(command, write, arguments, text):
    """One line, exit code 2."""
    config = write(CONFIG)
    write(record(1) + b"\n" + record(2), "in")
    code, _, err = command("explain", config, "in", *arguments)
    assert (code, text is None or text in err) == (2 if text else 0, True)


def test_the_schema_is_a_schema(command):
    """Of the draft that it says."""
    code, out, err = command("schema")
    assert (code, err) == (0, "")
    jsonschema.Draft7Validator.check_schema(json.loads(out))
