"""Daily jobs, each by a configuration alone: its `[[tests]]` pass, and `simulate` writes the objects that are wanted.

The samples are written after the documented formats of AWS. Invariant of each: nothing is lost, and what is no data
(lines of the runtime, tombstones, control messages) is no failure.
"""

import base64
import csv
import gzip
import io
import json
import re

import pytest

from fastxform import Pipeline, make_handler
from fastxform.tools.sample_data import burst
from fastxform.tools.simulator.layout import MARKER

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


@pytest.fixture
def job(command, tmp_path, monkeypatch):
    """Run a configuration's tests, and `simulate` on records: its summary, and the objects by what is before DATE."""
    monkeypatch.chdir(tmp_path)

    def run(config, payloads, *arguments):
        (tmp_path / "job.toml").write_text(config)
        code, out, _ = command("test", "job.toml")
        assert code == 0, out
        (tmp_path / "event.json").write_bytes(burst.event(payloads) if isinstance(payloads, list) else payloads)
        code, out, err = command("simulate", "job.toml", "event.json", "--out", "out", "--json", *arguments)
        assert code == 0, err
        summary = json.loads(out)
        assert (summary["balanced"], summary["lost"], summary["findings"]) == (True, 0, [])
        found = {}
        for key in (tmp_path / "out" / MARKER).read_text().splitlines()[1:]:
            prefix = re.split(r"\d{4}/\d\d/\d\d/", key)[0]
            found[prefix] = found.get(prefix, b"") + (tmp_path / "out" / key).read_bytes()
        return summary, found

    return run


def message(group, *events, **members):
    """A compressed message of CloudWatch Logs: (milliseconds, line) or whole events."""
    events = [
        event if isinstance(event, dict) else {"id": str(number), "timestamp": event[0], "message": event[1]}
        for number, event in enumerate(events)
    ]
    head = {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": group,
        "logStream": "2025/11/02/[$LATEST]1",
    }
    return gzip.compress(compact({**head, "subscriptionFilters": ["all"], "logEvents": events, **members}), mtime=0)


def line(**members):
    return compact(members).decode() + "\n"


LAMBDA_LOGS = """
source = "cloudwatch-logs"
where  = "level is not None"
mixed  = "first"
[output]
format = "json"
[parse.entry]
of      = "message"
format  = "json"
invalid = "null"
[columns]
time  = { path = "timestamp", type = "timestamp[ms]" }
level = { path = "entry.level", type = "string" }
app   = { path = "entry.app", type = "string", default = "unknown" }
msg   = { path = "entry.msg", type = "string" }
[partition_keys]
app = "app"
day = "cast(time, 'date')"

[[tests]]
name = "a report is no row"
input = '''
{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":[],"logEvents":[
{"id":"1","timestamp":1762041600000,"message":"REPORT RequestId: 1\\tDuration: 1 ms\\n"},
{"id":"2","timestamp":1762041600000,"message":"{\\"level\\":\\"INFO\\",\\"app\\":\\"shop\\"}"}]}
'''
expect = '''
{"time":"2025-11-02T00:00:00.000Z","level":"INFO","app":"shop","msg":null}
'''
metadata = { partitionKeys = { app = "shop", day = "2025-11-02" } }

[[tests]]
name = "nothing but lines of the runtime"
input = '{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,"message":"START RequestId: 1"}]}'
result = "Dropped"
"""

MIDNIGHT_MS = 1_762_128_000_000


def test_application_logs_by_application_and_day_over_midnight(job):
    """START, END and REPORT lines among JSON lines: each application and day has its prefix."""
    start, end = "START RequestId: 6bc2 Version: $LATEST\n", "END RequestId: 6bc2\n"
    report = "REPORT RequestId: 6bc2\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 128 MB\t\n"
    payloads = [
        message(
            "/aws/lambda/shop",
            (MIDNIGHT_MS - 20, start),
            (MIDNIGHT_MS - 10, line(level="INFO", app="shop", msg="paid")),
            (MIDNIGHT_MS - 5, end),
            (MIDNIGHT_MS - 5, report),
        ),
        message(
            "/aws/lambda/shop", (MIDNIGHT_MS + 5, line(level="WARN", app="shop", msg="retry")), (MIDNIGHT_MS + 6, end)
        ),
        message("/aws/lambda/mail", (MIDNIGHT_MS + 7, line(level="INFO", msg="sent")), (MIDNIGHT_MS + 8, report)),
        message("/aws/lambda/mail", (MIDNIGHT_MS + 9, start), (MIDNIGHT_MS + 10, end)),
        # One message on both sides of midnight goes whole where its first row goes.
        message(
            "/aws/lambda/shop",
            (MIDNIGHT_MS - 1, line(level="INFO", app="shop", msg="last")),
            (MIDNIGHT_MS, line(level="INFO", app="shop", msg="first")),
        ),
        compact({"messageType": "CONTROL_MESSAGE", "logEvents": []}),
    ]
    summary, found = job(LAMBDA_LOGS, payloads)
    assert (summary["delivered"], summary["dropped"], summary["failed"]) == (4, 2, 0)
    messages = {prefix: [json.loads(row)["msg"] for row in data.splitlines()] for prefix, data in found.items()}
    assert messages == {
        "app=shop/day=2025-11-02/": ["paid", "last", "first"],
        "app=shop/day=2025-11-03/": ["retry"],
        "app=unknown/day=2025-11-03/": ["sent"],
    }


VPC_FLOW = """
source = "cloudwatch-logs"
[parse.flow]
of     = "message"
format = "vpc-flow"
[columns]
src    = "flow.srcaddr"
dst    = "flow.dstaddr"
port   = { path = "flow.dstport", type = "int64" }
bytes  = { path = "flow.bytes", type = "int64" }
start  = { path = "flow.start", type = "timestamp[s]" }
action = "flow.action"
by_aws = { path = "extractedFields.srcaddr", type = "string", nulls = ["-"] }

[[tests]]
name = "a line with fields that the filter extracted"
input = '''
{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1","timestamp":1,
"message":"2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
"extractedFields":{"srcaddr":"10.0.0.1"}}]}
'''
expect = "10.0.0.1,10.0.0.2,22,4249,2014-12-14 04:06:50,ACCEPT,10.0.0.1\\n"
"""


def test_vpc_flow_lines_with_and_without_extracted_fields(job):
    """The line itself is read either way; `-` is null, in a line without data too."""
    with_data = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK"
    without = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA"
    event = {"id": "1", "timestamp": 1, "message": with_data}
    extracted = {**event, "extractedFields": {"srcaddr": "10.0.0.1", "bytes": "4249"}}
    empty = {"id": "2", "timestamp": 2, "message": without, "extractedFields": {"srcaddr": "-"}}
    summary, found = job(VPC_FLOW, [message("flow", event, (2, without)), message("flow", extracted, empty)])
    assert (summary["delivered"], summary["failed"]) == (2, 0)
    assert list(csv.reader(io.StringIO(found[""].decode()))) == [
        ["10.0.0.1", "10.0.0.2", "22", "4249", "2014-12-14 04:06:50", "ACCEPT", ""],
        ["", "", "", "", "2015-05-10 18:01:16", "", ""],
        ["10.0.0.1", "10.0.0.2", "22", "4249", "2014-12-14 04:06:50", "ACCEPT", "10.0.0.1"],
        ["", "", "", "", "2015-05-10 18:01:16", "", ""],
    ]


CLOUDFRONT = """
source = "text"
[parse.request]
of     = "text"
format = "cloudfront-realtime"
fields = ["timestamp", "c-ip", "sc-status", "sc-bytes", "cs-method", "cs-user-agent"]
[columns]
at     = { path = "request.timestamp", type = "timestamp[ms]" }
ip     = "request.c_ip"
status = { path = "request.sc_status", type = "int64" }
bytes  = { path = "request.sc_bytes", type = "int64" }
agent  = "request.cs_user_agent"

[[tests]]
name = "a hyphen is null"
input = "1573168262.123\\t192.0.2.99\\t404\\t-\\tGET\\t-\\n"
expect = "2019-11-07 23:11:02.123,192.0.2.99,404,,\\n"
"""


def test_real_time_lines_of_cloudfront(job):
    """Tab-separated lines, each a record of the Kinesis stream."""
    lines = [
        b"1573168262.123\t192.0.2.99\t200\t512\tGET\tMozilla/5.0%20(X11)\n",
        b"1573168262.200\t2001:db8::1\t404\t-\tGET\t-\n",
    ]
    summary, found = job(CLOUDFRONT, lines, "--kinesis")
    assert (summary["delivered"], summary["failed"]) == (2, 0)
    assert found[""] == (
        b"2019-11-07 23:11:02.123,192.0.2.99,200,512,Mozilla/5.0%20(X11)\n2019-11-07 23:11:02.200,2001:db8::1,404,,\n"
    )


ORDER_LINES = """
source = "dynamodb"
[explode]
path  = "dynamodb.NewImage.items"
as    = "item"
index = "line"
[columns]
order_id = "dynamodb.Keys.order_id"
line     = { path = "line", type = "int64" }
sku      = { path = "item.sku", type = "string" }
qty      = { path = "item.qty", type = "int64" }

[[tests]]
name = "two lines"
input = '''
{"eventName":"INSERT","dynamodb":{"Keys":{"order_id":{"S":"a"}},
"NewImage":{"items":{"L":[{"M":{"sku":{"S":"x"},"qty":{"N":"2"}}},{"M":{}}]}}}}
'''
expect = "a,0,x,2\\na,1,,\\n"
"""


def test_an_order_of_three_lines_is_three_rows(job):
    """Of one record, which stays one entry of the answer; an order without lines has no row and is no failure."""
    items = [
        {"M": {"sku": {"S": sku}, "qty": {"N": qty}}} for sku, qty in (("apple", "3"), ("pe,ar", "1"), ("fig", "20"))
    ]
    order = {"Keys": {"order_id": {"S": "o-1"}}, "NewImage": {"order_id": {"S": "o-1"}, "items": {"L": items}}}
    none = {"Keys": {"order_id": {"S": "o-2"}}, "NewImage": {"order_id": {"S": "o-2"}, "items": {"L": []}}}
    changes = [compact({"eventName": "INSERT", "dynamodb": change}) for change in (order, none)]
    summary, found = job(ORDER_LINES, changes, "--kinesis")
    assert (summary["delivered"], summary["dropped"], summary["failed"]) == (1, 1, 0)
    assert found[""] == b'o-1,0,apple,3\no-1,1,"pe,ar",1\no-1,2,fig,20\n'


EXPORTS = """
source = "dynamodb"
[columns]
id     = { path = "(dynamodb.Keys || Keys || Item).id", required = true }
total  = { path = "(dynamodb.NewImage || NewImage || Item).total", type = "decimal(12,2)" }
change = { path = "eventName", default = "EXPORT" }

[[tests]]
name = "a line of a full export"
input = '{"Item":{"id":{"S":"a"},"total":{"N":"1.5"}}}'
expect = "a,1.50,EXPORT\\n"

[[tests]]
name = "none of them"
input = '{"id":"a"}'
reason = "shape"
"""


def test_a_full_export_an_incremental_one_and_the_stream_through_one_file(job):
    """Each by the images that it has; the lines of an export lie compressed in S3, which is looked through."""
    full = compact({"Item": {"id": {"S": "a"}, "total": {"N": "1.5"}}})
    changed = {"Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}}, "Keys": {"id": {"S": "b"}}}
    incremental = compact({**changed, "NewImage": {"id": {"S": "b"}, "total": {"N": "2"}}})
    removed = compact({**changed, "OldImage": {"id": {"S": "b"}, "total": {"N": "2"}}})
    inside = {"Keys": {"id": {"S": "c"}}, "NewImage": {"id": {"S": "c"}, "total": {"N": "3.25"}}}
    change = compact({"eventName": "MODIFY", "dynamodb": inside, "eventSource": "aws:dynamodb"})
    lines = gzip.compress(b"\n".join([full, incremental, removed, change]) + b"\n")
    summary, found = job(EXPORTS, lines)
    assert (summary["delivered"], summary["failed"]) == (4, 0)
    assert found[""] == b"a,1.50,EXPORT\nb,2.00,EXPORT\nb,,EXPORT\nc,3.25,MODIFY\n"


TOMBSTONES = """
[columns]
id   = { path = "id", type = "int64", required = true }
name = { path = "name", type = "string" }

[[tests]]
name = "a tombstone"
input = ""
result = "Dropped"
"""


def kafka(*values):
    """An event of a stream that reads MSK."""
    records = [
        {
            "recordId": f"{number:062}",
            "approximateArrivalTimestamp": 1_735_689_600_000,
            "mskRecordMetadata": {"offset": str(number), "partitionId": "1"},
            "kafkaRecordValue": base64.b64encode(value).decode(),
        }
        for number, value in enumerate(values)
    ]
    arn = "arn:aws:kafka:us-east-1:111122223333:cluster/c/x"
    stream = "arn:aws:firehose:us-east-1:111122223333:deliverystream/x"
    return compact(
        {
            "invocationId": "i",
            "sourceMSKArn": arn,
            "deliveryStreamArn": stream,
            "region": "us-east-1",
            "records": records,
        }
    )


def test_tombstones_of_kafka_are_dropped(job):
    """A deleted key has no value: counted by itself, and no failure."""
    summary, found = job(TOMBSTONES, kafka(b'{"id":1,"name":"a"}', b"", b'{"id":2}', b""))
    assert (summary["delivered"], summary["dropped"], summary["empty"], summary["failed"]) == (2, 2, 2, 0)
    assert found[""] == b"1,a\n2,\n"


EXTRACTED = """
source    = "text"
documents = "many"
where     = "level is not None"
[output]
format = "json"
[parse.entry]
of      = "text"
invalid = "null"
[columns]
level = { path = "entry.level", type = "string" }
msg   = { path = "entry.msg", type = "string" }

[[tests]]
name = "JSON among other lines"
input = '''
START RequestId: 1
{"level":"INFO","msg":"hi"}
'''
expect = '''
{"level":"INFO","msg":"hi"}
'''

[[tests]]
name = "what was a control message"
input = ""
result = "Dropped"
"""


def test_control_messages_that_firehose_extracted_are_dropped(job):
    """Firehose takes messages apart and leaves nothing of a control message; its lines are JSON, or are not."""
    lines = b'START RequestId: 1\n{"level":"INFO","msg":"hi"}\nEND RequestId: 1\nREPORT RequestId: 1\tDuration: 1 ms\n'
    two = b'{"level":"WARN","msg":"two"}\n{"level":"INFO","msg":"three"}\n'
    summary, found = job(EXTRACTED, [lines, b"", two, b"\n", b"END RequestId: 2\n"])
    assert (summary["delivered"], summary["dropped"], summary["empty"], summary["failed"]) == (2, 3, 2, 0)
    assert [json.loads(row)["msg"] for row in found[""].splitlines()] == ["hi", "two", "three"]


@pytest.mark.parametrize(
    ("config", "event"),
    [
        (TOMBSTONES, kafka(b"", b'{"id":1}', b"")),
        (EXTRACTED, burst.event([b"", b'{"level":"INFO"}\n', b"\n"])),
        ('source = "cloudwatch-logs"\n[output]\nformat = "json"\n', burst.event([b"", message("g", (1, "x")), b""])),
    ],
    ids=["kafka", "extracted", "cloudwatch-logs"],
)
def test_records_that_hold_nothing_ring_no_alarm(config, event, capsys):
    """In the metrics they are `RecordsEmpty` and `RecordsDropped`; none is failed, and no line of the log a warning."""
    answer = json.loads(make_handler(Pipeline.from_toml(config), reports=True)(event, None))
    assert [record["result"] for record in answer["records"]] == ["Dropped", "Ok", "Dropped"]
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    metrics = next(entry for entry in lines if "_aws" in entry)
    assert (metrics["RecordsEmpty"], metrics["RecordsFailed"], metrics["RecordsDropped"]) == (2, 0, 2)
    assert {entry.get("level", "INFO") for entry in lines} == {"INFO"}


def test_nothing_that_is_lost_of_a_row_left_out_is_hidden(command, tmp_path, monkeypatch):
    """`bad_rows = "drop"`: what was left out is counted, and said in the summary."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(
        'documents = "many"\nbad_rows = "drop"\n[columns]\na = { path = "a", type = "int64" }\n'
    )
    (tmp_path / "event.json").write_bytes(burst.event([b'{"a":1}\n{"a":"x"}\n{"a":2}', b""]))
    code, out, _ = command("simulate", "c.toml", "event.json", "--out", "out")
    assert code == 0
    assert "1 row of records (1 type:a)" in out
    assert "1  (1 empty)" in out
