"""The table of keys is the whole language: the reader reads no other key, and the schema agrees with the reader."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.config import model
from fastxform.config.diagnostics import Diagnostics
from fastxform.config.keys import OUTPUT, SECTIONS
from fastxform.config.schema import json_schema
from fastxform.config.table import Table
from fastxform.errors import ConfigError

EXAMPLES = sorted((Path(__file__).parents[2] / "fastxform" / "examples").glob("*/*.toml"))
VALIDATOR = jsonschema.Draft7Validator(json_schema())
KEYS = [(section, key) for section in SECTIONS for key in section.keys]


def test_a_key_that_is_not_declared_cannot_be_read():
    """A getter looks its key up first, so that a module cannot read what no reference and no schema knows."""
    table = Table(Diagnostics("c.toml", "", False), ("output",), {}, OUTPUT)
    for getter in (table.text, table.choice, table.boolean, table.integer, table.table, table.tables, table.value):
        with pytest.raises(KeyError, match="output has no key compression"):
            getter("compression")


def test_a_key_is_read_as_what_it_is_declared():
    """A switch is not read as a text: default and schema would say something else than the reader."""
    table = Table(Diagnostics("c.toml", "", False), ("output",), {}, OUTPUT)
    with pytest.raises(AssertionError, match="declared as boolean"):
        table.text("escape_formulas")


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{section.location}.{key.name}" for section, key in KEYS])
def test_a_key_is_described(section, key):
    """Each has a sentence, an example that is TOML of its kind, and no name twice in its section."""
    assert key.text.endswith(".")
    assert [other.name for other in section.keys].count(key.name) == 1
    if key.example:
        value = tomllib.loads(f"key = {key.example}")["key"]
        kinds = {"text": str, "choice": str, "boolean": bool, "integer": int, "table": dict}
        assert key.kind == "any" or type(value) is kinds[key.kind]
        assert not key.choices or value in key.choices
        assert value != key.default or key.kind == "integer" or key.name == "version"


def test_the_schema_is_a_schema():
    """It is valid by the meta-schema of its draft."""
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_the_schema_takes_every_example(path):
    """What the reader takes is valid by the schema."""
    model.load(path)
    assert list(VALIDATOR.iter_errors(tomllib.loads(path.read_text()))) == []


def mutated(draw, value):
    """A value of TOML with one thing in it changed: a key misspelt or added, a value of another kind."""
    kinds = st.sampled_from(["", "x", 1, -1, 10**30, True, 1.5, [], {}, [{}], {"a": "b"}])
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        changed = dict(value)
        name = draw(st.sampled_from(sorted(changed)))
        action = draw(st.sampled_from(["inside", "inside", "inside", "misspelt", "added"]))
        if action == "inside":
            changed[name] = mutated(draw, changed[name])
        elif action == "misspelt":
            changed[name + "s"] = changed.pop(name)
        else:
            changed[draw(st.sampled_from([key.name for _, key in KEYS]))] = draw(kinds)
        return changed
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], mutated(draw, value[index]), *value[index + 1 :]]
    return draw(kinds)


def toml(value):
    """A value as inline TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(name)} = {toml(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if c in '"\\' or not c.isprintable() else c for c in value)
        return f'"{escaped}"'
    return str(value)


@st.composite
def files(draw):
    """A file of an example with some mutations, and its text."""
    content = tomllib.loads(draw(st.sampled_from(EXAMPLES)).read_text())
    content.pop("tests", None)
    for _ in range(draw(st.integers(1, 2))):
        content = mutated(draw, content)
        if not isinstance(content, dict):
            return {}
    return content


@given(files())
def test_the_schema_takes_what_the_reader_takes(content):
    """Of any file: where the schema refuses it, so does the reader."""
    if next(VALIDATOR.iter_errors(content), None) is None:
        return
    text = "".join(f"{toml(name)} = {toml(value)}\n" for name, value in content.items())
    with pytest.raises(ConfigError):
        model.parse(text)


OTHERS = ["x", -1, 10**30, True, 1.5, [], {"a": "b"}, ""]
"""What stands in the place of a value."""


def changes(value):
    """Every value of TOML that differs in one place: a key misspelt or added, a value of another kind or left out."""
    if isinstance(value, dict):
        for name, member in value.items():
            rest = {other: kept for other, kept in value.items() if other != name}
            yield rest
            yield rest | {f"{name}s": member}
            for other in OTHERS:
                yield value | {name: other}
            for changed in changes(member):
                yield value | {name: changed}
        yield value | {"nonsense": 1}
    elif isinstance(value, list):
        for index, member in enumerate(value):
            for changed in [*changes(member), *OTHERS]:
                yield [*value[:index], changed, *value[index + 1 :]]


BEYOND = re.compile(
    "there is no column|the output has no column|takes numbers|has no type"  # what expressions and keys mean
    "|a text has no|no log event has"  # what a source or another table gives
    "|CSV output needs|Firehose takes JSON|need \\[columns\\]|this format is|the format .* needs|is for records of"
    "|takes every record|does not fit int64"
    "|there is no \\[lookups|there is no file|the header has no|has no .*, the key"  # what a look-up names
)
"""What the reader says of mistakes that a schema cannot see."""


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_schema_and_reader_agree_on_every_change_of_a_file(path):
    """Thousands of files, seconds of work: each example with each of its places changed in every way.

    What the schema refuses the reader refuses too, and what only the reader refuses is beyond a schema.
    """
    content = tomllib.loads(path.read_text())
    content.pop("tests", None)
    beyond = []
    for changed in changes(content):
        text = "".join(f"{toml(name)} = {toml(value)}\n" for name, value in changed.items())
        refused = next(VALIDATOR.iter_errors(changed), None)
        try:
            model.parse(text, directory=path.parent)
        except ConfigError as error:
            if refused is None:
                beyond += [one for one in error.mistakes if not BEYOND.search(one.message)]
        else:
            assert refused is None, f"the reader takes it, and the schema says {refused.message}: {text}"
    assert [f"{one.location}: {one.message}" for one in beyond] == []


WRONG = [
    ('sources = "json"', "sources"),
    ('source = "xml"', "source"),
    ("[output]\nformat = 1", "output"),
    ('[columns]\nid = { paths = "a" }', "columns"),
    ("[overflow]\nworkers = 0", "overflow"),
    ('[[routes]]\niceberg = { database = "d", tabel = "t" }', "routes"),
    ("version = 2", "version"),
]


@pytest.mark.parametrize(("text", "place"), WRONG, ids=[place for _, place in WRONG])
def test_the_schema_refuses_what_it_can(text, place):
    """A misspelt key, a wrong word, a wrong kind and a number out of bounds are seen by the editor already."""
    errors = list(VALIDATOR.iter_errors(tomllib.loads(text)))
    assert errors
    assert place in str(errors[0].absolute_path or errors[0].message)
