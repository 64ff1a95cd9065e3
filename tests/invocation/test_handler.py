"""The handler: every record answered once, in order, within the limit, in the spelling that is really sent."""

import base64
import json
import subprocess
import sys
from collections import UserDict
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import FAILED, OK, SPELLINGS, Oracle, cut
from strategies import malformed_payloads

import fastxform
from fastxform.errors import EventError
from fastxform.invocation import handler as invoke
from fastxform.invocation.event import is_plain, read
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.sample_data import burst

CONFIG = 'overflow = { policy = "fail" }\n[columns]\na = "a"\n'
ROUTED = """
overflow = { policy = "fail" }
[output]
format = "json"
[columns]
a = { path = "a", type = "string" }
[[routes]]
where = "a == 'x'"
iceberg = { database = "db", table = "tä" }
[[routes]]
iceberg = { database = "db", table = "other", operation = "insert" }
"""
STREAM = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/s"


def record_of(record_id, payload, name="data", **more):
    text = "not base64!" if payload is None else base64.b64encode(payload).decode()
    return {"recordId": record_id, "approximateArrivalTimestamp": 1_664_029_185_290, name: text, **more}


def event_of(payloads, ids=None, name="data", **more):
    ids = ids or [f"{position:062}" for position in range(len(payloads))]
    records = [record_of(record_id, payload, name) for record_id, payload in zip(ids, payloads, strict=True)]
    return {"invocationId": "i", "deliveryStreamArn": STREAM, "region": "eu-west-1", **more, "records": records}


def handler_of(config):
    return fastxform.make_handler(fastxform.Pipeline.from_toml(config))


def both_answers(config, event):
    handler = handler_of(config)
    as_bytes = handler(json.dumps(event).encode(), None)
    assert isinstance(as_bytes, bytes)
    return handler(event, None), json.loads(as_bytes)


def test_dict_and_bytes_are_answered_alike():
    """A dict is answered with a dict, bytes with bytes, and both say the same of each record, in order."""
    event = event_of([b'{"a":"x,y"}', b"oops", None, b'{"a":1.10}'])
    as_dict, as_bytes = both_answers(CONFIG, event)
    assert as_dict == as_bytes
    assert [entry["result"] for entry in as_dict["records"]] == ["Ok", "ProcessingFailed", "ProcessingFailed", "Ok"]
    assert [base64.b64decode(entry["data"]) for entry in as_dict["records"] if "data" in entry] == [
        b'"x,y"\n',
        b"1.10\n",
    ]
    assert [entry["recordId"] for entry in as_dict["records"]] == [record["recordId"] for record in event["records"]]


def test_msk_events_are_answered_in_their_own_member():
    """MSK's `kafkaRecordValue` takes the place of `data`, in and out."""
    event = event_of(
        [b'{"a":1}'], name="kafkaRecordValue", sourceMSKArn="arn:aws:kafka:eu-west-1:123456789012:cluster/c"
    )
    for answer in both_answers(CONFIG, event):
        assert answer == {"records": [{"recordId": "0" * 62, "result": "Ok", "kafkaRecordValue": "MQo="}]}


def test_meta_columns_come_from_the_event():
    """Arrival, id and the Kinesis metadata of a record become columns; what an event lacks is null."""
    config = CONFIG + "".join(
        f'{name} = {{ meta = "{name}" }}\n'
        for name in ("arrival_ms", "record_id", "partition_key", "sequence_number", "shard_id")
    )
    event = event_of([b'{"a":1}', b'{"a":2}'], ids=["r1", "r2"])
    event["records"][0]["kinesisRecordMetadata"] = {
        "shardId": "shardId-0",
        "partitionKey": "p",
        "sequenceNumber": "49",
        "subsequenceNumber": "",
    }
    for answer in both_answers(config, event):
        rows = [base64.b64decode(entry["data"]).decode() for entry in answer["records"]]
        assert rows == ["1,1664029185290,r1,p,49,shardId-0\n", "2,1664029185290,r2,,,\n"]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({}, id="empty"),
        pytest.param({"records": None}, id="records null"),
        pytest.param({"records": "x"}, id="records text"),
        pytest.param({"records": [{"data": ""}]}, id="no id"),
        pytest.param({"records": [{"recordId": 1, "data": ""}]}, id="id a number"),
        pytest.param([], id="a list"),
        pytest.param("text", id="a text"),
    ],
)
def test_what_is_no_firehose_event_raises(event):
    """An event without records that can be answered raises one error, as dict and as bytes."""
    handler = handler_of(CONFIG)
    with pytest.raises(EventError):
        handler(event, None)
    with pytest.raises(EventError):
        handler(json.dumps(event).encode(), None)


def test_bytes_that_are_no_json_raise():
    """An event that is not JSON raises one error."""
    with pytest.raises(EventError, match="not a JSON document"):
        handler_of(CONFIG)(b"\xff{", None)


@pytest.mark.parametrize("data", [None, 5, {"x": 1}, ["x"], "ü", "AAA", "A A="], ids=repr)
def test_data_that_is_no_base64_fails_its_record_alone(data):
    """Whatever stands in `data`, the record is answered and its neighbour is untouched."""
    event = event_of([b'{"a":1}', b'{"a":2}'])
    event["records"][0]["data"] = data
    for answer in both_answers(CONFIG, event):
        assert [entry["result"] for entry in answer["records"]] == ["ProcessingFailed", "Ok"]


LARGE = json.dumps({"a": "x" * 9_000}).encode()


@pytest.mark.parametrize("data", [None, 5, {"x": 1}, ["x"], "ü", "AAA", "A A=", ""], ids=repr)
def test_an_event_of_large_records_is_read_as_any(data):
    """Their data is looked at where it stands in the event: odd ones, missing ones, and slashes that are escaped."""
    event = event_of([LARGE, b'{"a":1}', b'{"a":"\xff"}', b'{"a":"oo?"}', b'{"a":2}', LARGE])
    event["records"][1]["data"] = data
    del event["records"][4]["data"]
    as_dict, as_bytes = both_answers(CONFIG, event)
    assert as_dict == as_bytes
    results = [entry["result"] for entry in as_dict["records"]]
    second = "Dropped" if data == "" else "ProcessingFailed"  # an empty record is none, and not a bad one
    assert results == ["Ok", second, "ProcessingFailed", "Ok", "ProcessingFailed", "Ok"]
    escaped = json.dumps(event).replace("/", "\\/").encode()
    assert b"\\/" in escaped
    assert json.loads(handler_of(CONFIG)(escaped, None)) == as_dict


FAULTS = """
import resource, sys, fastxform
event = open(sys.argv[1], "rb").read()
handler = fastxform.make_handler(fastxform.Pipeline.from_toml('[columns]\\nb = "b"\\nc = "c"\\n'))
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    handler(event, None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.parametrize(
    ("payloads", "most"),
    [
        pytest.param([json.dumps({"a": "é" * 30_000}, ensure_ascii=False).encode()] * 60, 400, id="large"),
        pytest.param([b'{"b":"%d","c":"x"}' % number for number in range(25_000)], 100, id="small"),
    ],
)
def test_memory_is_kept_for_the_next_invocation(payloads, most, tmp_path):
    """It is not given back to the system and faulted in again: hundreds or thousands of pages an invocation."""
    (tmp_path / "event.json").write_text(json.dumps(event_of(payloads)))
    arguments = [sys.executable, "-c", FAULTS, str(tmp_path / "event.json")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) < most


def test_large_data_that_is_no_text_fails_its_record_alone():
    """Bytes that are not UTF-8, an escape beside them or not."""
    event = json.dumps(event_of([LARGE, LARGE])).encode()
    for spoiled in (b"\xff", b"\xff\\/"):
        start = event.index(b'"data": "') + len(b'"data": "')
        answer = json.loads(handler_of(CONFIG)(event[:start] + spoiled + event[start:], None))
        assert [entry["result"] for entry in answer["records"]] == ["ProcessingFailed", "Ok"]


def test_half_a_surrogate_pair_in_a_key_is_no_key():
    """Python's decoder lets it through, and nothing can be written with it."""
    event = event_of([b'{"a":1}'], sourceKinesisStreamArn="arn:aws:kinesis:eu-west-1:123456789012:stream/s")
    event["records"][0]["kinesisRecordMetadata"] = {"partitionKey": "\ud800", "shardId": "s"}
    config = '[columns]\nkey = { meta = "partition_key" }\nshard = { meta = "shard_id" }\n'
    assert base64.b64decode(handler_of(config)(event, None)["records"][0]["data"]) == b",s\n"


@pytest.mark.parametrize("text", [*map(chr, range(128)), "é", "\ud800"], ids=ascii)
def test_a_plain_text_is_the_same_in_every_spelling(text):
    """Whoever writes it: the counts of the response budget rest on it."""
    spelt = {json.dumps(text, **options) for options in SPELLINGS.values()}
    assert is_plain(text) == (spelt == {f'"{text}"'} and text.isascii())


def test_half_a_surrogate_pair_in_an_id_is_no_value():
    """The record has its answer all the same."""
    event = event_of([b'{"a":1}'], ["\ud800"])
    config = '[columns]\nid = { meta = "record_id" }\na = "a"\n'
    (answer,) = handler_of(config)(event, None)["records"]
    assert (answer["recordId"], base64.b64decode(answer["data"])) == ("\ud800", b",1\n")


def test_what_came_with_the_data_is_read_when_it_is_asked_for():
    """A transform that has no use for it leaves it in the bytes, where putting records back finds it."""
    raw = burst.event([b"{}", b"{}"], kinesis=True, seed=1)
    whole = read(raw)
    for with_arrival in (False, True):
        lean = read(raw, with_arrival, with_kinesis=False)
        assert lean.arrival_ms() == whole.arrival_ms() != [None, None]
        assert lean.is_kinesis()
        for name in ("partitionKey", "sequenceNumber", "shardId"):
            assert lean.kinesis(name) == whole.kinesis(name) != [None, None]


def test_broken_bytes_in_what_came_with_the_data_are_no_value():
    """They show when it is asked for, and cost their own record its value."""
    raw = b'{"records":[{"recordId":"1","data":"e30=","approximateArrivalTimestamp":"\xff"}]}'
    found = read(raw, with_arrival=False, with_kinesis=False)
    assert found.data() == ["e30="]
    assert found.arrival_ms() == [None]


def test_an_event_of_large_records_from_kafka_is_read_as_any():
    """Their value has another name, in and out."""
    event = event_of([LARGE, b'{"a":1}'], name="kafkaRecordValue")
    as_dict, as_bytes = both_answers(CONFIG, event)
    assert as_dict == as_bytes
    assert [entry["result"] for entry in as_dict["records"]] == ["Ok", "Ok"]


def test_no_payload_is_logged(capsys):
    """The lines of a batch with failures name codes and counts, nothing of a payload."""
    handler_of('[columns]\na = { path = "secret", type = "int64" }\n')(event_of([b'{"secret":"hunter2"}'] * 3), None)
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    metrics, log = map(json.loads, out.splitlines())
    assert (metrics["failed"], log["failed"]) == ({"type": 3}, {"type:a": 3})


IDS = st.text(st.sampled_from('0aé"\\\n\x7f😀'), min_size=1, max_size=70)
PAYLOADS = st.one_of(
    st.builds(lambda text: json.dumps({"a": text}).encode(), st.text(max_size=300)),
    st.builds(lambda text: json.dumps({"a": text}).encode(), st.sampled_from(["x", "", "a,b"])),
    malformed_payloads(),
)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@pytest.mark.parametrize("config", [CONFIG, ROUTED], ids=["csv", "routed"])
def test_the_cut_is_exact(config, spelling, monkeypatch):
    """Never a byte over the limit, and the cut is the oracle's, in each spelling, whatever ids and metadata hold."""

    @settings(max_examples=60)
    @given(st.lists(st.tuples(IDS, PAYLOADS), min_size=1, max_size=12), st.floats(0, 1.1))
    def check(records, share):
        ids = [f"{position}{record_id}" for position, (record_id, _) in enumerate(records)]
        payloads = [payload for _, payload in records]
        outcomes = Oracle(config).batch(payloads)
        least = write(
            [
                {"recordId": i, "result": FAILED} if o.result == OK else entry(i, o)
                for i, o in zip(ids, outcomes, strict=True)
            ]
        )
        most = write([entry(i, o) for i, o in zip(ids, outcomes, strict=True)])
        limit = int(len(least) + share * max(len(most) - len(least), 0))
        monkeypatch.setattr(invoke, "RESPONSE_LIMIT_BYTES", limit)
        monkeypatch.setattr(
            invoke.runtime, "spelling", lambda: {"runtime311": "runtime_ascii"}.get(spelling, "runtime_utf8")
        )
        event = event_of(payloads, ids)
        compact = spelling == "compact"
        answer = handler_of(config)(json.dumps(event).encode() if compact else event, None)
        sent = answer if compact else json.dumps(answer, **SPELLINGS[spelling]).encode()
        assert len(sent) <= limit
        found = [position for position, got in enumerate(json.loads(sent)["records"]) if got["result"] == OK]
        assert found == cut(outcomes, ids, limit, spelling).kept

    def entry(record_id, outcome):
        found = {"recordId": record_id, "result": outcome.result}
        if outcome.result == OK:
            found["data"] = base64.b64encode(outcome.data).decode()
            if outcome.metadata is not None:
                found["metadata"] = outcome.metadata
        return found

    def write(entries):
        return json.dumps({"records": entries}, **SPELLINGS[spelling]).encode()

    check()


def test_the_largest_response_is_exactly_the_limit():
    """A response of exactly 6,291,556 bytes is sent whole; one byte of output more, and its record fails."""
    handler = handler_of(CONFIG)
    frame = len('{"records":[{"recordId":"r","result":"Ok","data":""}]}')
    length = (RESPONSE_LIMIT_BYTES - frame) // 4 * 3
    ids = "r" * (1 + (RESPONSE_LIMIT_BYTES - frame) % 4)
    for extra, result in ((0, "Ok"), (1, "ProcessingFailed")):
        payload = json.dumps({"a": "x" * (length - 1 + extra)}).encode()
        answer = handler(json.dumps(event_of([payload], [ids])).encode(), None)
        assert json.loads(answer)["records"][0]["result"] == result
        assert len(answer) == RESPONSE_LIMIT_BYTES or result != "Ok"


# -- what one record, or the one who calls, may do to the others


KINESIS_ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
KEYED = '[columns]\na = "a"\nkey = { meta = "partition_key" }\narrived = { meta = "arrival_ms" }\n'
AT = 1664029185290


@pytest.mark.parametrize("first", [None, ...], ids=["null", "missing"])
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "dict"])
@pytest.mark.parametrize("arn", [True, False], ids=["ARN", "no ARN"])
def test_a_record_without_its_value_fails_alone(first, as_bytes, arn):
    """The first of an event from Kafka has no value: the others have theirs, and answer under its name."""
    more = {"sourceMSKArn": "arn:aws:kafka:eu-west-1:123456789012:cluster/c/1"} if arn else {}
    event = event_of([b'{"a":1}'] * 3, name="kafkaRecordValue", **more)
    event["records"][0]["kafkaRecordValue"] = None
    if first is ...:
        del event["records"][0]["kafkaRecordValue"]
    raw = json.dumps(event).encode()
    answer = json.loads(handler_of(CONFIG)(raw, None)) if as_bytes else handler_of(CONFIG)(event, None)
    assert [entry["result"] for entry in answer["records"]] == ["ProcessingFailed", "Ok", "Ok"]
    assert all("kafkaRecordValue" in entry for entry in answer["records"][1:])


@pytest.mark.parametrize(
    ("metadata", "key"),
    [
        (rb'{"partitionKey":"\ud800"}', ""),
        (rb'{"partitionKey":"k","shardId":"\ud800"}', "k"),
        (b'{"partitionKey":"k","approximateArrivalTimestamp":1e999}', "k"),
        (b'{"partitionKey":1e999}', ""),
        (b'{"partitionKey":"\xff"}', "�"),
        (b'{"partitionKey":"k","other":"\xff"}', "k"),
        (b'"\xff"', ""),
        (b"1e999", ""),
        (b"[[[[]]]]", ""),
    ],
)
def test_metadata_of_any_kind_costs_no_record(metadata, key):
    """What came with the data may hold anything: the data is answered, and what cannot be read is null."""
    event = json.dumps(event_of([b'{"a":1}'] * 3, sourceKinesisStreamArn=KINESIS_ARN)).encode()
    event = event.replace(b'"data"', b'"kinesisRecordMetadata": %s, "data"' % metadata, 1)
    answer = json.loads(handler_of(KEYED)(event, None))
    rows = [base64.b64decode(entry["data"]).decode() for entry in answer["records"]]
    assert rows == [f"1,{key},{AT}\n", f"1,,{AT}\n", f"1,,{AT}\n"]


@pytest.mark.parametrize("arrival", [b"1e999", b'"\xff"', rb'"\ud800"', b"[]", b"9" * 400], ids=range(5))
def test_an_arrival_of_any_kind_costs_no_record(arrival):
    """The same of the time of arrival."""
    event = json.dumps(event_of([b'{"a":1}'] * 2)).encode()
    event = event.replace(b'"data"', b'"approximateArrivalTimestamp": %s, "data"' % arrival, 1)
    answer = json.loads(handler_of(KEYED)(event, None))
    rows = [base64.b64decode(entry["data"]).decode() for entry in answer["records"]]
    assert rows == ["1,,\n", f"1,,{AT}\n"]


class Frozen(Mapping):
    """A mapping that is no dict, as data classes of other libraries are."""

    def __init__(self, values):
        self.values_of = values

    def __getitem__(self, name):
        return self.values_of[name]

    def __iter__(self):
        return iter(self.values_of)

    def __len__(self):
        return len(self.values_of)


@pytest.mark.parametrize("kind", [UserDict, Frozen, MappingProxyType])
def test_an_event_that_is_a_mapping_is_answered_with_a_dict(kind):
    """So that the runtime encodes it as it does any handler's answer."""
    event = event_of([b'{"a":1}', b"no"])
    wrapped = kind(event | {"records": [kind(record) for record in event["records"]]})
    answer = handler_of(CONFIG)(wrapped, None)
    assert type(answer) is dict
    assert answer == handler_of(CONFIG)(event, None)


class Raising:
    """A context each of whose attributes raises."""

    def __getattr__(self, name):
        raise RuntimeError(name)


class NoTime:
    """A context that does not know how much time is left."""

    aws_request_id = function_name = None

    def get_remaining_time_in_millis(self):
        return None


@pytest.mark.parametrize("context", [Raising(), NoTime(), object(), 7], ids=lambda context: type(context).__name__)
def test_a_context_of_any_kind_ends_no_invocation(context):
    """What it is asked for is not needed for the answer."""
    (answer,) = handler_of(CONFIG)(event_of([b'{"a":1}']), context)["records"]
    assert answer["result"] == "Ok"


class Broken:
    """A standard output that takes nothing."""

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error


@pytest.mark.parametrize(
    "stream",
    [None, Broken(OSError(28, "full")), Broken(ValueError("closed"))],
    ids=["no stream", "full", "closed"],
)
@pytest.mark.parametrize("both", [False, True], ids=["output", "output and error"])
def test_an_output_that_takes_no_line_ends_no_invocation(stream, both, monkeypatch):
    """Records may have been put by then: to raise would put them again."""
    handler = handler_of(CONFIG)
    monkeypatch.setattr(sys, "stdout", stream)
    if both:
        monkeypatch.setattr(sys, "stderr", stream)
    assert handler(event_of([b'{"a":1}']), None)["records"][0]["result"] == "Ok"
