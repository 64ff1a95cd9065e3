"""JSON that is too large to be read as a whole: an element at a time in constant memory, or a line with the remedy."""

import base64
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform.cli.commands import run as run_verb
from fastxform.cli.inputs import forms, open_reader, read_source, reader, streams
from fastxform.config import model
from fastxform.errors import InputError

LIMIT = 100
"""What is read as a whole in these tests, in bytes."""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Make the limit small, and the blocks smaller."""
    for module in (forms, reader, streams, run_verb):
        monkeypatch.setattr(module, "DOCUMENT_LIMIT_BYTES", LIMIT)
    monkeypatch.setattr(streams, "_BLOCK_BYTES", 7)


def read(path, spec=None):
    """The records of a file, and what is said of it."""
    with open_reader(str(path)) as opened:
        source = read_source(opened, None, spec)
        return [item.data.decode() for item in source.items], source.note


def whole(path, spec=None):
    """The same without the limit."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (forms, reader, streams):
            patch.setattr(module, "DOCUMENT_LIMIT_BYTES", 1 << 26)
        return read(path, spec)


DOCUMENTS = [{"id": number, "text": 'ä, \\"]}\\"', "list": [[], {}]} for number in range(12)]


def written(tmp_path, text):
    path = tmp_path / "in.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_a_list_is_read_element_by_element(tmp_path, indent, is_ascii):
    """On one line or on many; the records are those of a list that is read as a whole."""
    path = written(tmp_path, json.dumps(DOCUMENTS, indent=indent, ensure_ascii=is_ascii))
    records, note = read(path)
    assert records == whole(path)[0]
    assert [json.loads(record) for record in records] == DOCUMENTS
    assert note == "a JSON list, each of its elements a record, read one at a time"


@pytest.mark.parametrize("between", ["", "\n", " , \n"])
def test_documents_one_behind_the_other_are_read_one_by_one(tmp_path, between):
    """As `jq .` prints them, and as a stream without delimiters has them."""
    path = written(tmp_path, between.join(json.dumps(one, indent=1) for one in DOCUMENTS))
    records, note = read(path)
    assert records == whole(path)[0]
    assert note == "documents one behind the other, each read as a record"


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), min_size=30, max_size=40),
    st.sampled_from([None, 0, 3]),
    st.booleans(),
    st.integers(1, 9),
)
def test_whatever_the_documents_and_the_blocks(tmp_path_factory, documents, indent, is_list, block):
    """No record is lost, changed or cut at the border of a block."""
    documents = [{"first": 1}, *documents]
    text = json.dumps(documents, indent=indent) if is_list else "".join(json.dumps(d, indent=1) for d in documents)
    path = written(tmp_path_factory.mktemp("large"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_BLOCK_BYTES", block)
        patch.setattr(streams, "DOCUMENT_LIMIT_BYTES", 10_000)
        assert read(path)[0] == whole(path)[0]


def test_elements_of_an_envelope_are_unwrapped(tmp_path):
    """By the kind of the first one; another one is named."""
    elements = [{"kinesis": {"data": base64.b64encode(b"%d" % n).decode(), "partitionKey": "p"}} for n in range(9)]
    records, note = read(written(tmp_path, json.dumps(elements)))
    assert records == [str(number) for number in range(9)]
    assert note == ("a list of records of a Kinesis trigger event, each the data that it holds, read one at a time")
    path = written(tmp_path, json.dumps([*elements, {"other": 1}]))
    with pytest.raises(InputError, match=r"element 10: is none of the records of a Kinesis trigger event, which the"):
        read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(DOCUMENTS, indent=1)[:-1], "the list ends early, behind element 12"),
        (json.dumps(DOCUMENTS)[:-9], "element 12 is not JSON, or is cut off"),
        (json.dumps(DOCUMENTS)[:-1] + ", oops]", "element 13 is not JSON, or is cut off"),
        (json.dumps(DOCUMENTS).encode()[:-1] + b"\xff]", "is not UTF-8 behind element 12"),
        ("".join(json.dumps(one, indent=1) for one in DOCUMENTS) + "oops", "document 13 is not JSON, or is cut off"),
        (json.dumps({"records": DOCUMENTS}), "one document of more than 100 bytes, which no stream takes"),
        (json.dumps({"a": "x" * 200}, indent=1), "one document of more than 100 bytes, which no stream takes"),
        ("x" * 200, "a line is longer than 100 bytes, so it is no record"),
        (json.dumps([{"s3": {}, "a": "x" * 200}]), "one document of more than 100 bytes"),
    ],
    ids=["open-list", "cut", "no-json", "no-utf8", "no-document", "event", "document", "line", "element"],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, message):
    """It says where."""
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert message in str(caught.value)


def test_lines_stay_lines(tmp_path):
    """However many, and where the first one is broken."""
    lines = [json.dumps({"id": number}) for number in range(40)]
    assert read(written(tmp_path, "\n".join(lines))) == (lines, "")
    broken = ['{"id": oops}', *lines]
    assert read(written(tmp_path, "\n".join(broken))) == (broken, "")
    assert read(written(tmp_path, "\n".join(lines)), model.parse('source = "text"')) == (lines, "")


def test_a_record_of_several_documents_is_not_that_large(tmp_path):
    """A list as one record: no stream takes it."""
    path = written(tmp_path, json.dumps(DOCUMENTS))
    with pytest.raises(InputError, match="as one record, which no stream takes; write a document a line"):
        read(path, model.parse('documents = "many"\n[columns]\na = "a"'))


def test_a_response_is_of_a_bounded_event(command, tmp_path, write):
    """Records beyond what is held at once are one line that says what to do."""
    config = write('[columns]\nid = "id"\n', "c.toml")
    path = write("".join(f"{json.dumps({'id': number})}\n" for number in range(40)), "in.jsonl")
    code, out, err = command("run", config, path, "--response")
    assert (code, out) == (2, "")
    assert err.startswith("fastxform: the records have more than 100 bytes, and --response answers one event")
    assert len(err.splitlines()) == 1


MEMORY = """
import resource, sys
from fastxform.cli import main
assert main(["run", "c.toml", sys.argv[1]]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def test_memory_does_not_grow_with_a_list(tmp_path):
    """Two seconds: lists of 70 and of 140 MB, of which 64 MB are read before it is known that it is a list."""
    (tmp_path / "c.toml").write_text('where = "id == 0"\n[columns]\nid = { path = "id", type = "int64" }\n')
    element = json.dumps({"id": 1, "text": "x" * 500_000}).encode()
    peaks = []
    for count in (140, 280):
        path = tmp_path / f"{count}.json"
        with path.open("wb") as file:
            file.write(b"[" + element)
            file.writelines(b"," + element for _ in range(count - 1))
            file.write(b"]")
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, path], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert f"{count} records: 0 Ok, {count} Dropped" in done.stderr
        peaks.append(int(done.stderr.split()[-1]))
        path.unlink()
    assert peaks[1] < peaks[0] + 20_000  # KB
