"""INPUT as a desk has it: what the AWS CLI prints, trigger events of Lambda, lists, and documents one behind the other.

Each is read as the records that the function would get, or refused with the way to get them; the verbs say which.
"""

import base64
import gzip
import json
import subprocess
import sys

import pytest

from fastxform.cli.console import CappedNotes, Console
from fastxform.cli.inputs import open_reader, read_source
from fastxform.config import model
from fastxform.errors import InputError
from fastxform.tools.sample_data import burst

CHANGE = {"eventID": "1", "eventName": "INSERT", "dynamodb": {"Keys": {"id": {"S": "k1"}}, "SizeBytes": 9}}
LOG = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": []}
PACKED_LOG = gzip.compress(json.dumps(LOG).encode(), mtime=0)
NOTIFICATION = {"Type": "Notification", "MessageId": "m", "Message": '{"a":1}'}
S3 = {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def b64(data):
    return base64.b64encode(data).decode()


def read(write, text, spec=None):
    """The records of an input, and what is said of it."""
    with open_reader(write(text, "in")) as reader:
        source = read_source(reader, None, spec)
        return [item.data.decode() for item in source.items], source.note


def message(stream, *events):
    """A message of a subscription as it is made of the output of a command."""
    head = {"messageType": "DATA_MESSAGE", "owner": "unknown", "logGroup": "unknown", "logStream": stream}
    return head | {"subscriptionFilters": ["unknown"], "logEvents": list(events)}


ENVELOPES = [
    pytest.param({"Records": [CHANGE, CHANGE]}, [compact(CHANGE)] * 2, "2 DynamoDB changes", id="streams-trigger"),
    pytest.param(
        {"Records": [CHANGE], "NextShardIterator": "x"},
        [compact(CHANGE)],
        "its times are what the AWS CLI makes of them",
        id="dynamodbstreams-get-records",
    ),
    pytest.param({"Records": [], "NextShardIterator": "x"}, [], "no records in the output", id="get-records-of-none"),
    pytest.param([CHANGE], [compact(CHANGE)], "a list of 1 DynamoDB change", id="list-of-changes"),
    pytest.param(
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": b64(b'{"a":1}'), "partitionKey": "p"}}]},
        ['{"a":1}'],
        "1 record of a Kinesis trigger event",
        id="kinesis-trigger",
    ),
    pytest.param(
        {"Records": [{"SequenceNumber": "4", "Data": b64(b'{"a":1}'), "PartitionKey": "p"}], "MillisBehindLatest": 0},
        ['{"a":1}'],
        "1 record of `aws kinesis get-records`",
        id="kinesis-get-records",
    ),
    pytest.param(
        {"Records": [{"eventSource": "aws:sqs", "body": '{"a": 1.10}'}]},
        ['{"a": 1.10}'],
        "1 message of an SQS trigger event, each its body",
        id="sqs-trigger",
    ),
    pytest.param(
        {"Records": [{"EventSource": "aws:sns", "Sns": NOTIFICATION}]},
        [compact(NOTIFICATION)],
        "1 notification of an SNS trigger event",
        id="sns-trigger",
    ),
    pytest.param(
        {"Records": [S3]}, [compact({"Records": [S3]})], '[explode] with path = "Records"', id="s3-is-one-record"
    ),
    pytest.param(
        {"Records": [{"eventSource": "aws:ses", "ses": {}}]},
        [compact({"Records": [{"eventSource": "aws:ses", "ses": {}}]})],
        "one record: the elements of its member Records are no DynamoDB changes",
        id="others-are-one-record",
    ),
    pytest.param(
        {"Records": [CHANGE, {"a": 1}]}, [compact({"Records": [CHANGE, {"a": 1}]})], "one record", id="not-all-changes"
    ),
    pytest.param(
        {"eventSource": "aws:kafka", "records": {"t-0": [{"value": b64(b'{"a":1}'), "timestamp": 5}, {"offset": 1}]}},
        ['{"a":1}', ""],
        "2 records of an MSK trigger event",
        id="msk-trigger",
    ),
    pytest.param(
        {"Items": [{"id": {"S": "a"}, "n": {"N": "1.10"}}], "Count": 1, "ScannedCount": 1},
        ['{"Item":{"id":{"S":"a"},"n":{"N":"1.10"}}}'],
        "1 item of `aws dynamodb scan`",
        id="scan",
    ),
    pytest.param(
        {"Items": [{"id": "a"}], "Count": 1}, [compact({"Items": [{"id": "a"}], "Count": 1})], "", id="no-scan"
    ),
    pytest.param(
        {
            "events": [
                {"logStreamName": "s", "timestamp": 1, "message": "x\n", "ingestionTime": 2, "eventId": "e1"},
                {"logStreamName": "s", "timestamp": 3, "message": "y\n", "ingestionTime": 4, "eventId": "e2"},
                {"logStreamName": "t", "timestamp": 5, "message": "z\n", "ingestionTime": 6, "eventId": "e3"},
            ],
            "searchedLogStreams": [],
        },
        [
            message(
                "s", {"id": "e1", "timestamp": 1, "message": "x\n"}, {"id": "e2", "timestamp": 3, "message": "y\n"}
            ),
            message("t", {"id": "e3", "timestamp": 5, "message": "z\n"}),
        ],
        "3 events of `aws logs filter-log-events`, read as 2 messages",
        id="filter-log-events",
    ),
    pytest.param({"records": [{"a": 1}]}, ['{"records":[{"a":1}]}'], "", id="a-member-records"),
    pytest.param({"records": []}, ['{"records":[]}'], "", id="an-empty-member-records"),
    pytest.param([{"a": 1}, 2], ['{"a":1}', "2"], "a JSON list", id="list"),
]


@pytest.mark.parametrize(("document", "records", "note"), ENVELOPES)
@pytest.mark.parametrize("indent", [None, 2], ids=["one-line", "pretty"])
def test_an_envelope_is_read_as_the_records_in_it(write, document, records, note, indent):
    """The text of each as it stands there, and a note that says what was done; none where nothing was."""
    found, said = read(write, json.dumps(document, indent=indent, separators=None if indent else (",", ":")))
    assert list(map(json.loads, filter(None, found))) == [
        json.loads(record) if isinstance(record, str) else record for record in filter(None, records)
    ]
    assert len(found) == len(records)
    if indent is None and all(isinstance(record, str) for record in records):
        assert found == records
    assert note in said
    assert bool(note) == bool(said)


def test_the_data_of_a_logs_trigger_is_one_record(write):
    """Compressed, as Firehose gets it from the subscription."""
    with open_reader(write(compact({"awslogs": {"data": b64(PACKED_LOG)}}), "in")) as reader:
        source = read_source(reader)
        assert [item.data for item in source.items] == [PACKED_LOG]
    assert source.note == "an event of a CloudWatch Logs trigger, whose data is one record"


@pytest.mark.parametrize(
    ("element", "arrival_ms"),
    [
        (
            {"kinesis": {"data": "", "partitionKey": "p", "sequenceNumber": "4", "approximateArrivalTimestamp": 1.5}},
            1500,
        ),
        (
            {
                "Data": "",
                "PartitionKey": "p",
                "SequenceNumber": "4",
                "ApproximateArrivalTimestamp": "2024-08-12T07:15:25.500000+02:00",
            },
            1_723_439_725_500,
        ),
        ({"Data": "", "PartitionKey": "p", "SequenceNumber": "4", "ApproximateArrivalTimestamp": "soon"}, None),
    ],
    ids=["trigger", "cli", "no-time"],
)
def test_records_of_kinesis_keep_what_it_says_of_them(write, element, arrival_ms):
    """Arrival, partition key and sequence number."""
    with open_reader(write(compact({"Records": [element]}), "in")) as reader:
        (item,) = read_source(reader).items
    assert (item.arrival_ms, item.partition_key, item.sequence_number) == (arrival_ms, "p", "4")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        pytest.param(
            {"Records": [{"kinesis": {"data": b64(b"\xf3\x89\x9a\xc2\x0a\x01p")}}]}, "S3BackupMode", id="aggregate"
        ),
        pytest.param({"Records": [{"kinesis": {"data": "%"}}]}, "data of a record is not base64", id="no-base64"),
        pytest.param({"awslogs": {"data": 5}}, "data of a record is not base64", id="awslogs-number"),
        pytest.param(
            {"requestId": "r", "timestamp": 1, "records": [{"data": "e30="}]}, "HTTP endpoint", id="http-endpoint"
        ),
    ],
)
def test_what_no_record_can_be_had_of_is_refused(write, document, text):
    """In one line that names the input and the remedy."""
    with pytest.raises(InputError, match=r"^in: ") as error:
        read(write, compact(document))
    assert text in str(error.value)


MANY = model.parse('documents = "many"\n[columns]\na = "a"\n')
TEXT = model.parse('source = "text"\n')


@pytest.mark.parametrize(
    ("text", "spec", "count"),
    [
        ('[{"a":1},{"a":2}]', None, 2),
        ('[{"a":1},{"a":2}]', MANY, 1),
        ('[{"a":1},\n{"a":2}]\n', MANY, 1),
        ('[{"a":1}]\n[{"a":2},{"a":3}]\n', None, 2),
        ('{"a":1}{"a":2}', None, 2),
        ('{"a":1}{"a":2}', MANY, 1),
        ('{"a":1}{"a":2}\n{"a":3}\n', None, 2),
        ('{"a":1},\n{"a":2},\n', MANY, 2),
        ('{\n"a":1}\n{"a":2}', MANY, 1),
        ('{\n"a":1}', TEXT, 2),
        ('{"a":1}{"a":2}', TEXT, 1),
        ("[\n1]", TEXT, 2),
        (compact({"Records": [S3]}), TEXT, 1),
        (compact({"Records": [{"kinesis": {"data": "eA=="}}] * 3}), TEXT, 3),
        ('{"a":1}\n{"a"', None, 2),
        ("[1,2]", None, 1),
    ],
)
def test_what_one_record_is_depends_on_the_transform(write, text, spec, count):
    """Lists and documents in a row are a record each, but one where a record may hold several; text is lines."""
    assert len(read(write, text, spec)[0]) == count


def test_a_verb_says_what_was_unwrapped(command, write):
    """On standard error, with the name of the input."""
    config = write('[columns]\na = "a"\n')
    code, out, err = command("run", config, write('[{"a":1},{"a":2}]', "in.json"))
    assert (code, out) == (0, "1\n2\n")
    assert err.splitlines()[0].startswith("in.json: a JSON list of 2 elements, each read as a record")


def test_lines_of_failed_records_are_capped(command, write):
    """Ten, and how many more; the counts are in the summary."""
    config = write('[columns]\na = { path = "a", type = "int64" }\n')
    code, _, err = command("run", config, write('{"a":"x"}\n' * 25 + '{"a":1}\n', "in.jsonl"))
    assert code == 0
    lines = err.splitlines()
    assert [line.partition(":")[0] for line in lines[:10]] == [f"record {number}" for number in range(1, 11)]
    assert lines[10:] == ["and 15 more failed records", "26 records: 1 Ok, 0 Dropped, 25 ProcessingFailed (25 type:a)"]


def test_a_cap_that_is_not_reached_says_nothing(capsys):
    """Ten lines are ten lines."""
    notes = CappedNotes(Console(), "failed record")
    for number in range(CappedNotes.LIMIT):
        notes.add(str(number))
    notes.end()
    assert capsys.readouterr().err.splitlines() == list(map(str, range(CappedNotes.LIMIT)))


def test_run_counts_what_was_empty_and_left_out(command, write):
    """Beside the totals, as text and as JSON."""
    config = write('documents = "many"\nbad_rows = "drop"\n[columns]\na = { path = "a", type = "int64" }\n')
    event = burst.event([b"", b'{"a":1}\n{"a":"x"}\n{"a":2}']).decode()
    code, out, err = command("run", config, write(event, "event.json"), "--json")
    found = json.loads(out)
    assert (code, found["empty"], found["rows_dropped"], found["ok"]) == (0, 1, {"type:a": 1}, 1)
    assert "1 Dropped (1 empty), 0 ProcessingFailed, 1 row left out (1 type:a)" in err


def test_all_parts_of_a_run_have_one_time_and_count_on(command, write, monkeypatch):
    """Whatever the parts are: `now_ms()` is one value, and records are numbered through."""
    monkeypatch.setattr("fastxform.cli.commands.run._PART_RECORDS", 2)
    config = write(
        '[columns]\na = { path = "a", type = "int64" }\nat = { meta = "arrival_ms" }\nnow = { expr = "now_ms()" }\n'
    )
    code, out, err = command("run", config, write('{"a":1}\n{"a":2}\n{"a":3}\n{"a":"x"}\n{"a":5}\n', "in.jsonl"))
    rows = [line.split(",") for line in out.splitlines()]
    assert code == 0
    assert [int(row[1]) - int(rows[0][1]) for row in rows] == [0, 3, 6, 12]
    assert len({row[2] for row in rows}) == 1
    assert err.splitlines()[0].startswith("record 4: type:a")
    document = json.loads(command("run", config, "in.jsonl", "--json")[1])
    assert [outcome["record"] for outcome in document["outcomes"]] == [1, 2, 3, 4, 5]
    assert document["records"] == 5


def test_the_memory_of_run_does_not_grow_with_its_input(tmp_path):
    """Five times the input, 16 and 80 MB, peaks within 16 MB of the same; two processes take 2 s."""
    config, name = tmp_path / "c.toml", tmp_path / "in.jsonl"
    config.write_text('[columns]\nb = "b"\n')
    line = compact({"a": "x" * 99_980, "b": 1}) + "\n"
    script = (
        "import sys; from pathlib import Path; from fastxform.cli import main; main(sys.argv[1:]);"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    peaks_kib = []
    for count in (160, 800):
        with name.open("w") as file:
            file.writelines([line] * count)
        result = subprocess.run([sys.executable, "-c", script, "run", config, name], capture_output=True, check=True)
        lines = result.stdout.split()
        assert len(lines) == count + 1
        peaks_kib.append(int(lines[-1]))
    assert peaks_kib[1] - peaks_kib[0] < 16 * 1024
