"""What Firehose leaves in S3, read as payloads: every record of an object once, and damage told, not raised."""

import base64
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform import Pipeline
from fastxform.spark import backup_records, failed_records, transform
from fastxform.spark.entries import backup, documents, failed
from fastxform.tools.replay import failures
from fastxform.tools.sample_data import burst

CITIES = list(burst.records("cities", 40))
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f"


def line(payload, **more):
    return json.dumps({"rawData": base64.b64encode(payload).decode(), **more}).encode() + b"\n"


@pytest.fixture
def bucket(tmp_path):
    """Write objects below a prefix like that of Firehose, and return what to read."""

    def write(objects):
        for name, content in objects.items():
            path = tmp_path / "bucket" / "processing-failed" / "2026" / "11" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(tmp_path / "bucket")

    return write


def test_failed_records_are_read_and_transformed(spark, bucket):
    """Plain and gzip, both spellings of the ARN, numbers as numbers and as text, any order; a broken line is a row."""
    objects = {
        "plain": b"".join(
            line(payload, errorCode="Lambda.FunctionError", attemptsMade=4, lambdaARN=ARN) for payload in CITIES
        ),
        "packed.gz": gzip.compress(line(CITIES[0], attemptsMade="1", arrivalTimestamp="1510254480000", lambdaArn=ARN)),
        "packed": gzip.compress(line(CITIES[1], arrivalTimestamp=5)) + gzip.compress(line(CITIES[2])),
        "broken": b'\n{"rawData":\n' + line(b"x").replace(b"eA==", b"e") + line(b"no JSON"),
        "damaged": gzip.compress(line(CITIES[3]) * 500)[:-20],
        "empty": b"",
    }
    read = failed_records(spark, bucket(objects))
    rows = {}
    for row in read.collect():
        rows.setdefault(row.path.rsplit("/", 1)[1], []).append(row)
    assert [bytes(row.payload) for row in rows["plain"]] == CITIES
    assert {(row.error_code, row.attempts, row.lambda_arn, row.problem) for row in rows["plain"]} == {
        ("Lambda.FunctionError", 4, ARN, None)
    }
    (packed,) = rows["packed.gz"]
    assert (bytes(packed.payload), packed.attempts, packed.arrival_ms, packed.lambda_arn) == (
        CITIES[0],
        1,
        1_510_254_480_000,
        ARN,
    )
    assert [bytes(row.payload) for row in rows["packed"]] == CITIES[1:3]
    assert [(row.line, row.problem) for row in rows["broken"]] == [
        (2, "the line is not a JSON object"),
        (3, "the rawData of the line is not base64"),
        (4, None),
    ]
    assert rows["damaged"][-1].problem == "the gzip data is damaged or ends early; what comes after is not read"
    assert [row.line for row in rows["plain"]] == list(range(1, 41))
    assert "empty" not in rows

    pipeline = Pipeline.load("fastxform/examples/cities/cities.toml")
    found = transform(read, pipeline, keep=["path", "problem"]).collect()
    assert len(found) == sum(map(len, rows.values()))
    assert {row.reason for row in found if row.problem} == {"base64"}
    assert {row.reason for row in found if row.path.endswith("broken") and not row.problem} == {"json"}
    assert {row.result for row in found if row.path.endswith("plain")} == {"Ok"}


def test_backup_is_read_as_the_records_that_came_in(spark, bucket):
    """Records with nothing between them, with line feeds between them, and packed one by one."""
    path = bucket(
        {
            "joined": b"".join(CITIES),
            "lines": b"\n".join(CITIES) + b"\n",
            "packed": b"".join(map(gzip.compress, CITIES)),
        }
    )
    read = backup_records(spark, path)
    for name in ("joined", "lines", "packed"):
        rows = sorted((row.line, bytes(row.payload)) for row in read.collect() if row.path.endswith(name))
        assert [payload for _, payload in rows] == CITIES
    found = transform(read, Pipeline.load("fastxform/examples/cities/cities.toml"))
    assert {row.result for row in found.collect()} == {"Ok"}


DOCUMENTS = [
    b"{}",
    b'{"a":"}{"}',
    b'{"a":"\\"}\\n{","b":[{},{"c":[]}]}',
    b'{"a":{"b":{"c":1}}}',
    '{"a":"é \U0001f600"}'.encode(),
    b'{\n "a": {\n },\n "b": "}\\n{"\n}',
]


@given(st.lists(st.tuples(st.sampled_from(DOCUMENTS), st.sampled_from([b"", b"\n", b" \r\n\t"]))))
def test_documents_are_cut_where_they_end(parts):
    """Whatever is in their text, and whatever white space is between them."""
    assert list(documents(b"".join(document + space for document, space in parts))) == [part for part, _ in parts]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(DOCUMENTS), st.binary(max_size=6), st.sampled_from([b"{", b'{"', b"}{", b"[", b"\xff\n"])
        )
    )
)
def test_no_byte_is_lost(parts):
    """Of anything at all the payloads are, but for white space between them, the bytes of the object in order."""
    text = b"".join(parts)
    place = 0
    for payload in documents(text):
        found = text.index(payload, place)
        assert payload
        assert text[place:found].strip(b" \t\r\n") == b""
        place = found + len(payload)
    assert text[place:].strip(b" \t\r\n") == b""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b'hello\nfoo\n{"a":1}', [b"hello", b"foo", b'{"a":1}']),
        (
            b'{"a":1}{"b":{"c":}{"d":1}{"e":2}\xff\n{"f":1}',
            [b'{"a":1}', b'{"b":{"c":}', b'{"d":1}', b'{"e":2}', b"\xff", b'{"f":1}'],
        ),
        (b'{"a":"x\n{"d":1}', [b'{"a":"x', b'{"d":1}']),
        (b" \n", []),
    ],
    ids=["text", "a broken document between two", "a broken line", "white space"],
)
def test_what_is_no_document_fails_alone(text, wanted):
    """It goes up to the next document or the end of its line, so that its neighbours stay whole."""
    assert list(documents(text)) == wanted


@pytest.mark.parametrize(
    "text", [b'{"a":[' * 50_000, b'{"a":[}{' * 20_000, b'{"a":"}{' * 20_000, b"}{" * 20_000, b'[{"' * 30_000]
)
def test_broken_objects_are_looked_through_a_few_times(text):
    """Objects of broken records only, which would be looked through from each of them to the end."""
    assert b"".join(documents(text)) == text


def test_damaged_objects_give_what_can_be_read():
    """A row says so; what came before is there."""
    packed = b"".join(map(gzip.compress, CITIES))
    *found, last = backup(packed[:-9])
    assert [payload for payload, *_ in found][:39] == CITIES[:39]
    assert last == (None, "the gzip data is damaged or ends early", len(found) + 1)
    assert list(failed(b"\x1f\x8b"))[-1][-2].startswith("the gzip data is damaged or ends early")


TRANSFORM = {"errorCode": "Lambda.FunctionError", "errorMessage": "it failed", "attemptsMade": 4, "arrivalTimestamp": 5}
FORMAT = {"ErrorCode": "DataFormatConversion.ParseError", "ErrorMessage": "no row"}
OLD_FORMAT = {"lastErrorCode": "DataFormatConversion.ParseError", "lastErrorMessage": "no row"}
LINES = {
    "transform, lambdaARN": line(b"a", **TRANSFORM, lambdaARN=ARN),
    "transform, lambdaArn": line(b"a", **TRANSFORM, lambdaArn=ARN),
    "transform, numbers as text": line(b"a", **TRANSFORM | {"attemptsMade": "4", "arrivalTimestamp": "5"}),
    "transform, no ARN": line(b"a", **TRANSFORM),
    "transform, odd members": line(b"a", errorCode={"a": 1}, attemptsMade=[], arrivalTimestamp=-1, lambdaARN=7),
    "transform, beyond 64 bits": line(b"a", errorCode="E", attemptsMade=10**30, arrivalTimestamp=10**18),
    "decompression": line(b"a", errorCode="Decompression failed.", attemptsMade=1),
    "format conversion": line(b"{}", **FORMAT, dataCatalogTable={"region": "eu-west-1"}, sequenceNumber="1"),
    "format conversion, older": line(b"{}", **OLD_FORMAT),
    "iceberg": line(b"{}", errorCode="Iceberg.NoSuchTable", EventId="7"),
    "unsent": line(b"a", errorCode="fastxform.Unacknowledged", partitionKey="k"),
    "nothing but the record": line(b""),
    "cut": b'{"rawData":',
    "no object": b"[1]",
    "no record": b'{"errorCode":"E"}',
    "a record of another kind": b'{"rawData":7}',
    "no base64": b'{"rawData":"eA"}',
    "not UTF-8": b'{"rawData":"\xff"}',
    "a lone surrogate": b'{"rawData":"YQ==","errorCode":"\\ud800"}',
    "an empty line": b" ",
}


def test_lines_are_the_same_to_spark_and_to_replay(spark, bucket):
    """Code, message, attempts, arrival, function, original or not, and what is wrong: one reader, two roads."""
    content = b"\n".join(text.rstrip(b"\n") for text in LINES.values())
    path = bucket({"object": content})
    entries = list(failures.read_stream(0, io.BytesIO(content)))
    expected = [
        (entry.line, None, None, None, None, None, None, None, entry.what)
        if isinstance(entry, failures.Broken)
        else (
            entry.line,
            entry.data,
            entry.code or None,
            entry.message or None,
            entry.attempts,
            entry.arrived_ms,
            entry.lambda_arn,
            entry.is_original,
            None,
        )
        for entry in entries
    ]
    columns = ["line", "payload", "error_code", "error_message", "attempts", "arrival_ms"]
    columns += ["lambda_arn", "is_original", "problem"]
    rows = failed_records(spark, path).select(*columns).orderBy("line").collect()
    assert [tuple(bytes(value) if isinstance(value, bytearray) else value for value in row) for row in rows] == expected
    by_name = dict(zip([name for name in LINES if name != "an empty line"], rows, strict=True))
    assert by_name["format conversion"].error_code == "DataFormatConversion.ParseError"
    assert by_name["format conversion, older"].error_message == "no row"
    assert {name for name, row in by_name.items() if row.is_original} == {*list(LINES)[:5], "decompression", "unsent"}
    assert {name for name, row in by_name.items() if row.problem} == {*list(LINES)[12:19]}
