"""`fastxform init`: presets and samples become files that `check` and `test` take as they stand."""

import base64
import gzip
import io
import json
import sys
import tomllib
from importlib.resources import files
from types import SimpleNamespace

import jsonschema
import pytest

from fastxform.cli.commands.init import PRESETS
from fastxform.config import model
from fastxform.config.files import named_files
from fastxform.tools.sample_data import burst

pytestmark = pytest.mark.processes

EXAMPLES = files("fastxform") / "examples"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sample_of(preset):
    """The path of a preset's sample."""
    (found,) = (path for path in (EXAMPLES / preset).iterdir() if path.name.startswith("sample."))
    return found


def tables_of(preset):
    """The paths of the files that a preset's configuration names."""
    home = EXAMPLES / preset
    return [home / name for name in named_files(tomllib.loads((home / f"{preset}.toml").read_text()), home)]


def assert_passes(command, config):
    """`check` finds no mistake, and `test` runs tests that all pass."""
    code, out, err = command("check", config)
    assert (code, "error" in out) == (0, False), out
    code, out, err = command("test", config)
    assert (code, "FAIL" in out) == (0, False), out
    assert err.endswith(" passed, 0 failed\n")


# -- presets


def test_the_presets_are_the_examples_with_tests():
    """An example that `test` would refuse for its lack of tests is none, every other one is."""
    names = {entry.name for entry in EXAMPLES.iterdir() if entry.is_dir() and not entry.name.startswith("__")}
    with_tests = {name for name in names if "[[tests]]" in (EXAMPLES / name / f"{name}.toml").read_text()}
    assert set(PRESETS) == with_tests


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_works_where_it_is_written(preset, command, here):
    """Its comments are kept, it passes, and the sample that it names lies beside it and runs."""
    (here / "below").mkdir()
    code, out, err = command("init", "--preset", preset, "--out", "below/mine.toml")
    assert (code, out) == (0, "")
    sample, named = sample_of(preset), tables_of(preset)
    beside = f", and beside it are {', '.join(f'below/{path.name}' for path in named)}" if named else ""
    assert err.splitlines() == [
        f"below/mine.toml: the preset {preset}; its sample is below/mine-{sample.name}{beside}",
        "next: fastxform check below/mine.toml; fastxform test below/mine.toml",
    ]
    assert_passes(command, "below/mine.toml")
    text = (here / "below" / "mine.toml").read_text()
    original = (EXAMPLES / preset / f"{preset}.toml").read_text()
    assert text.count("#") == original.count("#") + 1
    assert "sample.json" not in text.replace("mine-sample.json", "")
    for path in named:
        assert (here / "below" / path.name).read_bytes() == path.read_bytes()
    home = EXAMPLES / preset
    assert model.parse(text, directory=here / "below") == model.parse(original, directory=home)
    assert (here / "below" / f"mine-{sample.name}").read_bytes() == sample.read_bytes()
    code, _, err = command("run", "below/mine.toml", f"below/mine-{sample.name}")
    assert code == 0
    assert " Ok" in err


def test_a_preset_writes_over_no_table_of_yours(command, here):
    """A file of the name of one that the preset names: nothing is written, --force writes all."""
    (here / "customers.jsonl").write_text("mine")
    refused = (2, "", "fastxform: customers.jsonl: exists; --force overwrites it\n")
    assert command("init", "--preset", "lookups", "--out", "c.toml") == refused
    assert [path.name for path in here.iterdir()] == ["customers.jsonl"]
    assert command("init", "--preset", "lookups", "--out", "c.toml", "--force")[0] == 0
    assert_passes(command, "c.toml")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_to_standard_output_names_the_sample_where_it_is(preset, command):
    """Nothing is written; the comments name the installed sample."""
    code, out, err = command("init", "--preset", preset)
    named = tables_of(preset)
    noted = f"copy {', '.join(map(str, named))} to where the configuration will be\n" if named else ""
    assert (code, err) == (0, noted)
    if "sample.json" in out:
        assert str(sample_of(preset)) in out
    assert model.parse(out, directory=EXAMPLES / preset) == model.load(EXAMPLES / preset / f"{preset}.toml")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("citys", "did you mean cities?"),
        ("SES", "did you mean ses?"),
        ("cloudwatch", "did you mean cloudwatch-logs?"),
        ("zzz", f"one of {', '.join(PRESETS)}"),
        ("readme", "did you mean "),
        ("../examples/ses", "one of "),
        ("", "one of "),
    ],
)
def test_an_unknown_preset_names_the_nearest(name, remedy, command):
    """One line, exit code 2; a path is no name."""
    code, out, err = command("init", "--preset", name)
    assert (code, out) == (2, "")
    assert err.startswith(f'fastxform: there is no preset "{name}"; ')
    assert remedy in err
    assert len(err.splitlines()) == 1


def test_the_help_lists_the_presets(command):
    """Each with what it does."""
    _, out, _ = command("init", "--help")
    assert all(name in out and says in out for name, says in PRESETS.items())


def test_a_preset_as_json(command, here):
    """What was written where; on standard output the text itself is a member."""
    code, out, _ = command("init", "--preset", "ses", "--out", "a.toml", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"preset": "ses", "config": "a.toml", "sample": "a-sample.jsonl", "files": []},
    )
    code, out, _ = command("init", "--preset", "ses", "--json")
    assert model.parse(json.loads(out)["text"]) == model.load(EXAMPLES / "ses" / "ses.toml")


# -- samples


@pytest.mark.parametrize("preset", PRESETS)
def test_a_sample_of_each_family_becomes_a_passing_configuration(preset, command, here):
    """In one command, whatever form the sample has: lines, an event, a Streams batch."""
    code, out, err = command("init", "--sample", sample_of(preset), "--out", "c.toml")
    assert (code, out) == (0, "")
    assert err.endswith("next: fastxform check c.toml; fastxform test c.toml\n")
    assert_passes(command, "c.toml")
    assert "ProcessingFailed" not in err
    assert command("run", "c.toml", sample_of(preset), "--strict")[0] == 0


TABLES = {
    "dynamotest": "DynamoDB changes",
    "cities": "DynamoDB changes",
    "ticker": "JSON documents",
    "ses": "Amazon SES events",
    "cloudwatch": "CloudWatch Logs messages",
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kinesis", [False, True], ids=["direct", "kinesis"])
@pytest.mark.parametrize("table", TABLES)
def test_a_captured_event_of_each_family_becomes_a_passing_configuration(table, kinesis, packed, command, write):
    """CloudWatch messages are compressed inside the event; every record of the event is Ok, or Dropped as a check."""
    _, event, _ = command("burst", "--table", table, "--records", "40", "--event", *["--kinesis"][: int(kinesis)])
    write(gzip.compress(event.encode()) if packed else event, "event")
    code, out, err = command("init", "--sample", "event", "--out", "c.toml")
    assert (code, out) == (0, "")
    assert err.startswith(f"{TABLES[table]}: 40 records, ")
    assert_passes(command, "c.toml")
    code, _, err = command("run", "c.toml", "event", "--strict")
    assert code == 0
    assert err.endswith(" 0 ProcessingFailed\n")


def test_a_streams_batch_and_its_records_alone_are_read_alike(command, write):
    """The batch as a trigger gets it, and its records in lines."""
    batch = json.loads(sample_of("streams").read_text())
    lines = "\n".join(map(json.dumps, batch["Records"]))
    _, whole, _ = command("init", "--sample", sample_of("streams"))
    _, single, _ = command("init", "--sample", write(lines, "lines"))
    assert model.parse(whole).columns == model.parse(single).columns


def test_a_sample_from_standard_input_to_standard_output(command, monkeypatch):
    """The configuration alone goes to standard output, and names where it came from."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a":1}\n{"a":2}\n')))
    code, out, err = command("init", "--sample", "-")
    assert code == 0
    assert out.startswith("# JSON documents, 2 of 2 records of standard input, by `fastxform init`.\n")
    assert [column.name for column in model.parse(out).columns] == ["a"]
    assert err == "JSON documents: 2 records, 1 column, 1 test; of 2 tried: 2 Ok\n"


def test_bad_records_are_counted(command, write):
    """One bad record among good ones is skipped, and said with its reason."""
    code, _, err = command("init", "--sample", write('{"a":1}\n{"a":\n{"a":2}\n', "s"))
    assert (code, err.splitlines()[0]) == (0, "1 skipped, which would be ProcessingFailed: 1 json")


def test_mixed_families_are_said(command, write):
    """How many of each, and which of them the configuration is for."""
    logs = '{"messageType":"CONTROL_MESSAGE","logEvents":[]}'
    _, _, err = command("init", "--sample", write(f'{{"a":1}}\n{logs}\n{{"a":2}}\n', "s"))
    assert err.splitlines()[0] == (
        "the sample mixes families: 2 json, 1 cloudwatch-logs; the configuration is for json alone"
    )


def test_more_records_than_are_read_are_said(command, write, monkeypatch):
    """The first ones decide."""
    monkeypatch.setattr("fastxform.tools.inference.inference.infer.__defaults__", (None, 2))
    _, _, err = command("init", "--sample", write('{"a":1}\n' * 3, "s"))
    assert err.splitlines()[0] == "the sample has more records than are read; the first ones decide"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"", "s: it has no records", id="empty"),
        pytest.param(b"\n\n", "s: it has no records", id="empty-lines"),
        pytest.param(b"{id\n{1\n", "s: none of its 2 records can be read (2 json: ", id="no-json"),
        pytest.param(b"\x00\xff" * 50, "s: its one record cannot be read (1 utf8: ", id="binary"),
        pytest.param(b"[1,2]\n", "s: its one record cannot be read (1 not_object: ", id="list"),
        pytest.param(b'\xef\xbb\xbf{"a":1}\n', "s: its one record cannot be read (1 utf8: ", id="mark"),
        pytest.param(b'{"invocationId":"i","records":[]}', "s: it has no records", id="event-of-none"),
        pytest.param(b'{"records":[{"recordId":"a","data":"%"}]}', "s: records[0] has data", id="event-of-no-base64"),
        pytest.param(b"\x1f\x8bxxxxxxxx", "s: the gzip data is damaged or ends early", id="damaged-gzip"),
    ],
)
def test_a_sample_that_says_nothing_is_one_line(content, text, command, write):
    """Exit code 2, nothing written, never a traceback."""
    code, out, err = command("init", "--sample", write(content, "s"), "--out", "c.toml")
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {text}")
    assert len(err.splitlines()) == 1
    code, _, err = command("check", "c.toml")
    assert "no such file" in err


def test_a_sample_that_is_not_there(command, here):
    """Exit code 2 with its name."""
    assert command("init", "--sample", "s") == (2, "", "fastxform: s: No such file or directory\n")


@pytest.mark.parametrize("output", ["csv", "json"])
def test_the_format_can_be_chosen(output, command, write):
    """Against what the records would suggest, too."""
    _, out, _ = command("init", "--sample", write('{"a":1,"b":[1]}', "s"), "--format", output)
    assert model.parse(out).output.format == output


def test_a_flat_sample_is_csv_and_one_with_lists_is_json(command, write):
    """The usual format is the one that holds the values without nesting."""
    _, out, _ = command("init", "--sample", write('{"a":1,"o":{"b":1}}', "s"))
    assert model.parse(out).output.format == "csv"
    _, out, _ = command("init", "--sample", write('{"a":1,"o":[{"b":1}]}', "s"))
    assert model.parse(out).output.format == "json"


def test_a_sample_as_json(command, write):
    """For programs: counts, and the text where it is written nowhere else."""
    code, out, err = command("init", "--sample", write('{"a":1}\nx\n', "s"), "--json")
    found = json.loads(out)
    text = found.pop("text")
    assert (code, err) == (0, "")
    assert found == {
        "config": "-",
        "family": "json",
        "families": {"json": 1},
        "skipped": {"json": 1},
        "is_partial": False,
        "columns": 1,
        "tests": 1,
        "results": {"Ok": 1},
    }
    assert [column.name for column in model.parse(text).columns] == ["a"]


def test_the_same_sample_gives_the_same_text(command, write):
    """Nothing of the clock, of the machine or of chance is in it."""
    write(sample_of("change-capture").read_bytes(), "s")
    assert command("init", "--sample", "s")[1] == command("init", "--sample", "s")[1]


def test_malformed_values_stay_data(command, here):
    """Control characters, quotes and TOML of a record end as text of comments and tests."""
    malformed = {"a\n[[tests]]": "x'''\n\"\"\"\n[columns]\n\x1b[2J", "b'": "\x00", "= 1 #": "\u202e", "": None}
    (here / "s").write_text(json.dumps({"records": [{"recordId": "1", "data": _encoded(malformed)}]}))
    code, _, _ = command("init", "--sample", "s", "--out", "c.toml")
    assert code == 0
    assert_passes(command, "c.toml")
    text = (here / "c.toml").read_text()
    assert "\x1b" not in text
    assert "\u202e" not in text.partition("[[tests]]")[0]
    assert [column.name for column in model.parse(text).columns] == ["a_tests", "b", "_1", "column"]


def _encoded(record):
    return base64.b64encode(json.dumps(record, ensure_ascii=False).encode()).decode()


# -- files


def test_a_file_that_exists_is_not_overwritten(command, write, here):
    """Exit code 2 and the file as it was; `--force` overwrites it, and only then."""
    config, sample = write("keep", "c.toml"), write('{"a":1}', "s")
    for arguments in (["--sample", sample], ["--sample", "nowhere"], ["--preset", "ses"]):
        code, out, err = command("init", *arguments, "--out", config)
        assert (code, out, err) == (2, "", "fastxform: c.toml: exists; --force overwrites it\n")
        assert (here / config).read_text() == "keep"
    assert command("init", "--sample", sample, "--out", config, "--force")[0] == 0
    assert_passes(command, config)


def test_the_sample_of_a_preset_overwrites_nothing_either(command, write, here):
    """It is found before the configuration is written."""
    write("keep", "c-sample.jsonl")
    code, _, err = command("init", "--preset", "ses", "--out", "c.toml")
    assert (code, err) == (2, "fastxform: c-sample.jsonl: exists; --force overwrites it\n")
    assert (here / "c-sample.jsonl").read_text() == "keep"
    assert not (here / "c.toml").exists()


@pytest.mark.parametrize(
    ("out", "text"),
    [
        pytest.param("nowhere/c.toml", "there is no directory nowhere; make it first", id="no-directory"),
        pytest.param(".", "is a directory; name the file, such as transform.toml", id="directory"),
        pytest.param("a\x00b", "null", id="no-name"),
    ],
)
def test_what_cannot_be_written_is_one_line(out, text, command, write):
    """Exit code 2."""
    code, _, err = command("init", "--sample", write('{"a":1}', "s"), "--out", out)
    assert code == 2
    assert text in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param([], "init takes one of --preset NAME and --sample FILE; the presets are dynamo", id="neither"),
        pytest.param(["--preset", "ses", "--sample", "s"], "init takes one of --preset NAME and --sample", id="both"),
        pytest.param(["--preset", "ses", "--format", "csv"], "--format goes with --sample", id="format-of-a-preset"),
    ],
)
def test_usage_mistakes(arguments, text, command):
    """One line, exit code 2."""
    code, out, err = command("init", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {text}")


def test_a_file_names_its_schema_to_editors(command, here):
    """The schema is beside it, and accepts it; another file of that name is not touched."""
    assert command("init", "--preset", "ticker", "--out", "t.toml")[0] == 0
    text = (here / "t.toml").read_text()
    assert text.startswith("#:schema ./fastxform.schema.json\n")
    schema = (here / "fastxform.schema.json").read_text()
    assert schema == command("schema")[1]
    jsonschema.Draft7Validator(json.loads(schema)).validate(tomllib.loads(text))
    (here / "fastxform.schema.json").write_text('{"title": "mine"}')
    assert command("init", "--preset", "ticker", "--out", "t.toml", "--force")[0] == 0
    assert (here / "fastxform.schema.json").read_text() == '{"title": "mine"}'


def test_what_it_infers_has_no_findings_of_check(command, here):
    """Line breaks in values are escaped, since Athena reads a row a line."""
    (here / "s").write_bytes(b"\n".join(burst.records("cities", 50)))
    assert command("init", "--sample", "s", "--out", "c.toml")[0] == 0
    assert 'newlines = "escape"' in (here / "c.toml").read_text()
    code, out, err = command("check", "c.toml")
    assert (code, out, err) == (0, "", "c.toml: nothing found\n")
    assert command("test", "c.toml")[0] == 0


@pytest.mark.parametrize("sample", sorted(EXAMPLES.glob("*/sample.*")), ids=lambda path: path.parent.name)
def test_what_it_infers_of_an_example_has_no_findings_of_check(command, here, sample):
    """Of whatever family the sample is."""
    assert command("init", "--sample", str(sample), "--out", "c.toml")[0] == 0
    assert command("check", "c.toml") == (0, "", "c.toml: nothing found\n")


def test_a_record_that_is_too_large_to_be_tried_is_said(command, here):
    """Instead of an empty count."""
    (here / "s").write_text(json.dumps({"a": "x" * 8_000_001}))
    assert "none was small enough to be tried" in command("init", "--sample", "s")[2]
