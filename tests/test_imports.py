"""Who imports whom, read from the source; and what an invocation leaves in a fresh interpreter."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "fastxform"

ORDER = (
    "__main__",
    "cli",
    "pytest_plugin",
    "spark",
    "tools",
    "__init__",
    "handler",
    "invocation",
    "pipeline",
    "native_pipeline",
    "parts",
    "encode",
    "transform",
    "decode",
    "config",
    "query",
    "datatypes",
    "runtime",
    "settings",
    "puts",
    "core",
    "limits",
    "errors",
)
"""Every package and single module, from the top to the bottom: each imports only from what stands below it."""

OWNERS = {
    "pybase64": {"core.payloads"},
    "zlib_ng": {"core.payloads"},
    "zstandard": {"core.payloads"},
    "orjson": {"core.json_text"},
    "boto3": {"puts.client"},
    "botocore": {"puts.client"},
    "pyarrow.csv": {"encode.csv_rows"},
    "pyarrow.fs": {"tools.replay.stores"},
    "pyarrow._compute": {"core.kernels"},
    "jmespath": {"query.jmespath_text"},
    "nicegui": {"tools.play.page"},
}
"""Who imports a heavy dependency: one module, so that to change it is to change one file."""

FORBIDDEN = (
    "dateutil",
    "numpy",
    "pandas",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyarrow.fs",
    "boto3",
    "botocore",
)
"""What an invocation does without, each of them milliseconds to hundreds of them of a cold start."""

SPARED = (
    "fastxform.query.compiler",  # 3 ms
    "fastxform.tools",
    "fastxform.config.expressions",
    "fastxform.invocation.overflow",
    "fastxform.puts.api",
    "fastxform.puts.batching",
    "fastxform.puts.reingest",
    "fastxform.encode.table",
    "dataclasses",  # 1 ms, and 0.3 a class
    "difflib",
    "jmespath",
    "logging",  # 3 ms
    "orjson",  # 1.5 ms, and `dataclasses`
    "pathlib",  # 4 ms
)
"""What a transform without expressions, mistakes and overflow does without: small, and together a third of pyarrow."""


def node(path):
    """The entry of `ORDER` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """The dotted names that a file imports, inside functions too; a name out of a module counts with its module."""
    found = set()
    for item in ast.walk(ast.parse(path.read_text())):
        if isinstance(item, ast.Import):
            found |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom):
            assert item.level == 0, f"{path}: a relative import"
            found |= {item.module} | {f"{item.module}.{alias.name}" for alias in item.names}
    return found


def target(name):
    """The entry of `ORDER` that an imported name of this package belongs to; a public name belongs to the root."""
    _, _, rest = name.partition(".")
    head = rest.split(".")[0]
    return head if head in ORDER else "__init__"


def module(path):
    """The dotted name of a file, without the package's own."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


FILES = sorted(PACKAGE.rglob("*.py"))
EDGES = {(node(path), target(name)) for path in FILES for name in imported(path) if name.startswith("fastxform.")}


def test_every_module_has_its_place():
    """A new module is entered in the order by whoever adds it."""
    assert sorted({node(path) for path in FILES}) == sorted(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_downwards(module):
    """A module imports from what stands below it: there is no cycle, and no stage knows its callers."""
    wrong = {below for above, below in EDGES if above == module != below and ORDER.index(below) < ORDER.index(above)}
    assert wrong == set()


@pytest.mark.parametrize("module", ["cli", "tools"])
def test_the_engine_knows_neither_the_command_nor_the_local_firehose(module):
    """They stay out of the layer, so nothing of the layer may want them."""
    assert {above for above, below in EDGES if below == module} <= {
        "__main__",
        "cli",
        "pytest_plugin",
        "spark",
        "tools",
    }


def test_a_class_name_stands_once():
    """A name out of a message or a traceback leads to one class; an underscore makes no other name of it."""
    places = {}
    for path in FILES:
        for item in ast.walk(ast.parse(path.read_text())):
            if isinstance(item, ast.ClassDef):
                places.setdefault(item.name.lstrip("_"), []).append(f"{module(path)}.{item.name}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("dependency", OWNERS)
def test_a_heavy_dependency_has_its_importers_and_no_other(dependency):
    """To change a dependency is to change one file."""
    importers = {
        module(path)
        for path in FILES
        for name in imported(path)
        if name == dependency or name.startswith(f"{dependency}.")
    }
    assert importers == OWNERS[dependency]


@pytest.mark.parametrize("dependency", FORBIDDEN)
def test_nobody_imports_what_is_forbidden(dependency):
    """Not even inside a function; boto3 is imported where a batch overflows, and only there."""
    importers = {
        module(path) for path in FILES if any(f"{name}.".startswith(f"{dependency}.") for name in imported(path))
    }
    assert importers <= OWNERS.get(dependency, set())


INVOCATION = """
import base64, json, sys
import fastxform

pipeline = fastxform.Pipeline.from_toml('''
where = "n > 1"

[columns]
id = "Keys.id"
n = {{ path = "n", type = "int64" }}
at = {{ path = "at", type = "timestamp[ms]" }}
price = {{ path = "price", type = "decimal(9,2)" }}
upper = {{ expr = "utf8_upper(id)" }}
quoted = "quoted"

[output]
format = "{output}"
''')
payload = b'{{"Keys":{{"id":"a"}},"n":2,"at":1664029185290,"price":1.5,"quoted":"a,b"}}'
records = [{{"recordId": str(i), "data": base64.b64encode(payload).decode()}} for i in range(20)]
records += [{{"recordId": "bad", "data": base64.b64encode(b"bad").decode()}}]
handler = fastxform.make_handler(pipeline)
answer = json.loads(handler(json.dumps({{"records": records}}).encode(), None))
assert [record["result"] for record in answer["records"]] == ["Ok"] * 20 + ["ProcessingFailed"], answer
{after}
print(json.dumps(sorted(sys.modules)))
"""


HANDLER = """
import base64, json, os, sys

os.environ["FASTXFORM_CONFIG"] = {config!r}
from fastxform.handler import lambda_handler

payload = b'{{"dynamodb":{{"Keys":{{"id":{{"S":"7"}},"datetime":{{"S":"2022-05-06"}}}}}}}}'
event = {{"records": [{{"recordId": "1", "data": base64.b64encode(payload).decode()}}]}}
answer = json.loads(lambda_handler(json.dumps(event).encode(), None))
assert base64.b64decode(answer["records"][0]["data"]) == b"7,2022-05-06\\n", answer
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(script):
    """The modules in a fresh interpreter after a script."""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.parametrize("output", ["csv", "json"])
def test_an_invocation_loads_nothing_forbidden(output):
    """After columns of several types, a filter, an expression, a quoted field and a bad record."""
    assert modules_after(INVOCATION.format(output=output, after="")).isdisjoint(FORBIDDEN)


def test_the_handler_loads_only_what_its_configuration_needs():
    """Two columns to CSV, from the import of the handler to its first answer: no module that a cold start can spare."""
    config = PACKAGE / "examples" / "dynamotest" / "dynamotest.toml"
    loaded = modules_after(HANDLER.format(config=str(config)))
    assert loaded.isdisjoint(FORBIDDEN)
    assert loaded.isdisjoint(SPARED)


@pytest.mark.parametrize("forbidden", ["pyarrow.compute", "boto3"])
def test_the_look_at_the_modules_can_fail(forbidden):
    """The same script sees a module that is loaded."""
    assert forbidden in modules_after(INVOCATION.format(output="csv", after=f"import {forbidden}"))


def test_pyarrow_is_tested_without_numpy():
    """Where numpy is installed pyarrow imports it by itself, and a call that needs it would go unnoticed."""
    assert importlib.util.find_spec("numpy") is None


def test_the_package_itself_imports_nothing():
    """`import fastxform` alone loads no dependency: names are looked up when they are used."""
    loaded = modules_after("import json, sys\nimport fastxform\nprint(json.dumps(sorted(sys.modules)))")
    assert loaded.isdisjoint({"pyarrow", "msgspec", "orjson", "pybase64", "jmespath"})
