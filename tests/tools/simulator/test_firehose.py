"""The local stream: buffering, invocations, retries, delivery and its totals, with small handlers of the stdlib."""

import base64
import csv
import io
import itertools
import json
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import ContractError
from fastxform.limits import (
    ACTIVE_PARTITIONS_LIMIT,
    FIREHOSE_RECORD_LIMIT_BYTES,
    KINESIS_RECORD_LIMIT_BYTES,
    REQUEST_LIMIT_BYTES,
)
from fastxform.tools.sample_data import burst
from fastxform.tools.simulator.client import CallRefusedError, LocalClient
from fastxform.tools.simulator.firehose import START_MS, Firehose, RecordTooLargeError, StreamSettings
from fastxform.tools.simulator.function import Invocation, lambda_function
from fastxform.tools.simulator.layout import MemorySink
from fastxform.tools.simulator.wire import ResourceNames

DATE = "2026/01/01/00/"
NAME = r"local-1-2026-01-01-00-00-\d\d-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def echo(event, context):
    """A good handler: every record comes back with a newline."""
    return {
        "records": [
            {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data_of(record) + b"\n").decode()}
            for record in event["records"]
        ]
    }


def data_of(record):
    """The payload of a record of an event."""
    return base64.b64decode(record["data"], validate=True)


def answer_all(**members):
    """A handler that answers every record with the same members."""
    return lambda event, context: {
        "records": [{"recordId": record["recordId"], **members} for record in event["records"]]
    }


def stream(handler=echo, sink=None, explain=None, **settings):
    """A stream with a handler that takes the event as a dict."""
    sink = MemorySink() if sink is None else sink
    return Firehose(lambda_function(handler, event_as_dict=True), sink, StreamSettings(**settings), explain), sink


def fed(payloads, handler=echo, **settings):
    """A stream that took these payloads, a millisecond apart, and was closed."""
    firehose, sink = stream(handler, **settings)
    for number, payload in enumerate(payloads):
        firehose.put(payload, arrival_ms=START_MS + number)
    firehose.close()
    return firehose, sink.objects


def joined(objects, prefix=DATE):
    """The bytes of all objects under a prefix, in the order in which they were made."""
    return b"".join(bytes(data) for key, data in objects.items() if key.startswith(prefix))


def failures(objects, kind="processing-failed"):
    """The lines of the error objects."""
    return [json.loads(line) for line in joined(objects, f"{kind}/").splitlines()]


class Watch:
    """A handler that keeps the events it got."""

    def __init__(self, handler=echo):
        self.handler = handler
        self.events = []

    def __call__(self, event, context):
        """Keep the event and answer it."""
        self.events.append(event)
        return self.handler(event, context)

    def sizes(self):
        """The number of records of each invocation."""
        return [len(event["records"]) for event in self.events]


# -- delivery of what the function answers


def test_ok_records_are_joined_in_order():
    """Data is joined without anything between, under a key of the documented layout."""
    firehose, objects = fed([b"one", b"two", b"three"])
    assert [re.fullmatch(DATE + NAME, key) is not None for key in objects] == [True]
    assert joined(objects) == b"one\ntwo\nthree\n"
    totals = firehose.totals
    assert (totals.records_in, totals.delivered, totals.dropped, totals.failed.total()) == (3, 3, 0, 0)
    assert (totals.invocations, totals.retries, totals.bytes_in) == (1, 0, 11)
    assert (firehose.delivery.objects, firehose.delivery.bytes_written) == (1, 14)
    assert totals.balanced


def test_dropped_records_leave_nothing():
    """Neither an object nor an error line; the totals have them."""
    firehose, objects = fed([b"a", b"b"], answer_all(result="Dropped"))
    assert objects == {}
    assert firehose.totals.dropped == 2
    assert firehose.totals.balanced


def test_a_failed_record_is_one_line_of_the_documented_shape():
    """Spelling, order and types are those of real objects, and the original bytes come back out of it."""
    firehose, objects = fed([b"\xff\x00 original"], answer_all(result="ProcessingFailed"))
    assert [re.fullmatch("processing-failed/" + DATE + NAME, key) is not None for key in objects] == [True]
    (line,) = failures(objects)
    assert list(line) == [
        "rawData",
        "errorCode",
        "errorMessage",
        "attemptsMade",
        "arrivalTimestamp",
        "attemptEndingTimestamp",
        "lambdaARN",
    ]
    assert base64.b64decode(line["rawData"]) == b"\xff\x00 original"
    assert line["errorCode"] == "Lambda.ProcessingFailedStatus"
    assert line["errorMessage"] == "ProcessingFailed status set for record"
    assert (line["attemptsMade"], line["arrivalTimestamp"]) == (1, START_MS)
    assert line["attemptEndingTimestamp"] == START_MS + 60_000
    assert line["lambdaARN"] == "arn:aws:lambda:us-east-1:123456789012:function:transform:$LATEST"
    assert firehose.totals.failed == {"Lambda.ProcessingFailedStatus": 1}


def test_reasons_are_asked_for_by_place():
    """Who knows why the function failed a record is asked for the place in the last event."""
    fail_odd = lambda event, context: {  # noqa: E731
        "records": [
            {"recordId": record["recordId"], "result": "ProcessingFailed" if place % 2 else "Dropped"}
            for place, record in enumerate(event["records"])
        ]
    }
    firehose, _ = stream(fail_odd, explain=lambda place: f"reason{place}" if place < 3 else None)
    for _ in range(6):
        firehose.put(b"x")
    firehose.close()
    assert firehose.totals.reasons == {"reason1": 1, "unknown": 2}


# -- the event


@pytest.mark.parametrize("kinesis", [False, True], ids=["direct", "kinesis"])
def test_the_event_is_that_of_the_source(kinesis):
    """The function gets the names, ids and arrival times of the service; a Kinesis source adds its own."""
    watch = Watch()
    fed([b"a", b""], watch, kinesis=kinesis, names=ResourceNames(stream="orders", region="eu-west-1", source="feed"))
    (event,) = watch.events
    assert event["deliveryStreamArn"] == "arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders"
    assert ("sourceKinesisStreamArn" in event) == kinesis
    assert [data_of(record) for record in event["records"]] == [b"a", b""]
    assert [record["approximateArrivalTimestamp"] for record in event["records"]] == [START_MS, START_MS + 1]
    for record in event["records"]:
        assert re.fullmatch(r"\d{62}", record["recordId"])
        assert ("kinesisRecordMetadata" in record) == kinesis


def test_a_partition_key_is_kept_or_made():
    """The key of the put is in the event; without one there are 32 hexadecimal digits, as DynamoDB makes."""
    watch = Watch()
    firehose, _ = stream(watch, kinesis=True)
    firehose.put(b"a", 'my "key" \\ 東\n')
    firehose.put(b"b")
    firehose.close()
    first, second = (record["kinesisRecordMetadata"]["partitionKey"] for record in watch.events[0]["records"])
    assert first == 'my "key" \\ 東\n'
    assert re.fullmatch("[0-9A-F]{32}", second)


# -- buffering


@pytest.mark.parametrize(
    ("payloads", "settings", "sizes"),
    [
        pytest.param([b"x" * 400] * 6, {"buffer_bytes": 1_000}, [2, 2, 2], id="size"),
        pytest.param([b"x" * 500] * 4, {"buffer_bytes": 1_000}, [2, 2], id="size-exactly"),
        pytest.param([b"x" * 5_000, b"y"], {"buffer_bytes": 1_000}, [1, 1], id="larger-than-the-hint"),
        pytest.param([b""] * 5, {"max_records": 2}, [2, 2, 1], id="max-records"),
        pytest.param([b"x"] * 5, {"buffer_interval_ms": 2}, [2, 2, 1], id="interval"),
        pytest.param([b"x"] * 3, {"buffer_interval_ms": 0}, [1, 1, 1], id="no-interval"),
        pytest.param([b"x"] * 3, {}, [3], id="end-of-stream"),
        pytest.param([], {}, [], id="nothing"),
    ],
)
def test_batches_are_cut(payloads, settings, sizes):
    """At the size hint, at the interval of record time, at `max_records`, and at the end; order is kept."""
    watch = Watch()
    firehose, objects = fed(payloads, watch, **settings)
    assert watch.sizes() == sizes
    assert joined(objects) == b"".join(payload + b"\n" for payload in payloads)
    assert firehose.totals.balanced


def test_no_event_is_larger_than_a_request():
    """A buffer of tiny records, whose entries are many times their data, is cut where Lambda's request limit is."""
    sizes = []

    def answer(event, context):
        sizes.append(len(event))
        return echo(json.loads(event), context)

    firehose = Firehose(lambda_function(answer), MemorySink(), StreamSettings(buffer_interval_ms=900_000, kinesis=True))
    for _ in range(25_000):
        firehose.put(b"0123456789")
    firehose.close()
    assert len(sizes) == 2
    assert REQUEST_LIMIT_BYTES - 500 < max(sizes) <= REQUEST_LIMIT_BYTES
    assert firehose.totals.delivered == 25_000


def test_a_late_record_does_not_empty_the_buffer():
    """The age of a buffer counts from when its first record came in, whatever arrival that record names."""
    watch = Watch()
    firehose, _ = stream(watch)
    for arrival_ms in (START_MS, START_MS - 10**9, START_MS - 10**9, START_MS + 1):
        firehose.put(b"x", arrival_ms=arrival_ms)
    firehose.close()
    assert watch.sizes() == [4]


@pytest.mark.parametrize(
    ("kinesis", "limit"), [(False, FIREHOSE_RECORD_LIMIT_BYTES), (True, KINESIS_RECORD_LIMIT_BYTES - 1)]
)
def test_too_large_records_are_refused(kinesis, limit):
    """At the limit a record is taken, one byte more is refused and not in the totals; Kinesis counts the key."""
    firehose, sink = stream(kinesis=kinesis)
    firehose.put(b"x" * limit, "k")
    with pytest.raises(RecordTooLargeError, match=str(limit)):
        firehose.put(b"x" * (limit + 1), "k")
    firehose.close()
    assert (firehose.totals.records_in, firehose.totals.delivered) == (1, 1)
    assert len(joined(sink.objects)) == limit + 1


def test_a_kinesis_stream_can_take_larger_records():
    """`kinesis_record_bytes` is MaxRecordSizeInKiB; what an event cannot hold fails, and its neighbours do not."""
    firehose, _ = stream(kinesis=True, kinesis_record_bytes=10 * 2**20)
    for size in (1, 3_000_000, 9_000_000, 1):
        firehose.put(b"x" * size, "k")
    firehose.close()
    assert (firehose.totals.records_in, firehose.totals.balanced) == (4, True)
    assert (firehose.totals.delivered, firehose.totals.failed.total()) == (3, 1)


# -- functions that break


def raises(event, context):
    """A handler that raises."""
    raise KeyError("secret value")


def leaves(event, context):
    """A handler that ends the process."""
    raise SystemExit(1)


BROKEN = [
    ("raises", raises, "Lambda.FunctionError", 4),
    ("exits", leaves, "Lambda.FunctionError", 4),
    ("recurses", lambda event, context: recurse(0), "Lambda.FunctionError", 4),
    ("set", lambda event, context: {"records": {1, 2}}, "Lambda.FunctionError", 4),
    ("bytearray", lambda event, context: bytearray(b"{}"), "Lambda.FunctionError", 4),
    ("too-large", lambda event, context: b" " * 6_291_557, "Lambda.FunctionError", 4),
    ("none", lambda event, context: None, "Lambda.JsonProcessingException", 1),
    ("text", lambda event, context: json.dumps(echo(event, context)), "Lambda.JsonProcessingException", 1),
    ("not-json", lambda event, context: b"oops", "Lambda.JsonProcessingException", 1),
    ("nan", lambda event, context: {"records": [], "x": float("nan")}, "Lambda.JsonProcessingException", 1),
    ("empty", lambda event, context: {}, "Lambda.MissingRecordId", 1),
    ("no-records", lambda event, context: {"records": []}, "Lambda.MissingRecordId", 1),
    ("unknown-result", answer_all(result="OK"), "Lambda.FunctionError", 1),
    ("bad-base64", answer_all(result="Ok", data="not base64"), "Lambda.JsonMappingException", 1),
    ("no-data", answer_all(result="Ok"), "Lambda.InvalidReturnFormat", 1),
    (
        "twice",
        lambda event, context: {"records": echo(event, context)["records"] * 2},
        "Lambda.DuplicatedRecordId",
        1,
    ),
]


def recurse(depth):
    """Never return."""
    return recurse(depth + 1)


@pytest.mark.parametrize(("handler", "code", "attempts"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_a_broken_function_costs_its_batch_and_nothing_else(handler, code, attempts):
    """Every record is an error line with the code and the attempts; failed invocations are retried, answers are not."""
    firehose, objects = fed([b"a", b"b", b"c"], handler, max_records=2)
    lines = failures(objects)
    assert [base64.b64decode(line["rawData"]) for line in lines] == [b"a", b"b", b"c"]
    assert {line["errorCode"] for line in lines} == {code}
    assert {line["attemptsMade"] for line in lines} == {attempts}
    assert firehose.totals.invocations == 2 * attempts
    assert firehose.totals.retries == 2 * (attempts - 1)
    assert firehose.totals.failed == {code: 3}
    assert firehose.totals.balanced


def test_what_a_function_raised_is_named_without_its_text():
    """The totals have the class and the line, never the message, which may quote a record."""
    firehose, objects = fed([b"a"], raises)
    ((detail, count),) = firehose.totals.errors.items()
    assert re.fullmatch(r"the function raised KeyError at test_firehose\.py:\d+", detail)
    assert count == 4
    assert "secret" not in detail + joined(objects, "processing-failed").decode()


def test_one_unanswered_record_fails_alone():
    """Its neighbours are delivered."""

    def forget(event, context):
        answer = echo(event, context)
        del answer["records"][1]
        return answer

    firehose, objects = fed([b"a", b"b", b"c"], forget)
    assert joined(objects) == b"a\nc\n"
    assert [(line["errorCode"], line["attemptsMade"]) for line in failures(objects)] == [("Lambda.MissingRecordId", 1)]
    ((found, *_),) = [list(firehose.totals.findings.values())]
    assert found.place == "invocation 1, event.records[1]"


def test_a_retry_sends_the_same_records_under_a_fresh_invocation():
    """Ids and data stay, the invocation id does not; what succeeds in the end is delivered once."""
    attempts = itertools.count(1)

    def flaky(event, context):
        if next(attempts) < 4:
            raise OSError
        return echo(event, context)

    watch = Watch(flaky)
    firehose, objects = fed([b"a", b"b"], watch)
    assert len({event["invocationId"] for event in watch.events}) == 4
    assert all(event["records"] == watch.events[0]["records"] for event in watch.events)
    assert joined(objects) == b"a\nb\n"
    assert (firehose.totals.invocations, firehose.totals.retries, firehose.totals.delivered) == (4, 3, 2)


def test_the_context_is_that_of_the_invocation():
    """Handlers find the invocation's id, the time left and their own name in it."""
    seen = []

    def look(event, context):
        seen.append((context.aws_request_id == event["invocationId"], context.get_remaining_time_in_millis()))
        return echo(event, context)

    fed([b"a"], look)
    assert [(same, 0 < left <= 300_000) for same, left in seen] == [(True, True)]


def test_bytes_inside_a_returned_dict_are_decoded_as_the_runtime_does():
    """Handlers may return what `b64encode` gave them."""
    _, objects = fed([b"a"], answer_all(result="Ok", data=b"YQo="))
    assert joined(objects) == b"a\n"


def test_an_interrupt_is_not_an_answer():
    """The user's own interrupt ends the run."""

    def interrupted(event, context):
        raise KeyboardInterrupt

    firehose, _ = stream(interrupted)
    firehose.put(b"a")
    with pytest.raises(KeyboardInterrupt):
        firehose.close()


def test_faults_are_injected_around_the_invocation():
    """Whatever wraps `invoke` is the function: here every other invocation times out."""
    calls = itertools.count()
    inner = lambda_function(echo, event_as_dict=True)

    def flaky(event, context):
        if next(calls) % 2 == 0:
            return Invocation(error_code="Lambda.FunctionTimedOut", detail="injected")
        return inner(event, context)

    sink = MemorySink()
    firehose = Firehose(flaky, sink, StreamSettings(max_records=1))
    for _ in range(3):
        firehose.put(b"x")
    firehose.close()
    assert firehose.totals.errors == {"injected": 3}
    assert firehose.totals.delivered == 3


# -- records put back


class PutBack:
    """A handler that drops a record and puts it back, the first time it sees its data."""

    def __init__(self, times=1):
        self.times = times
        self.seen = {}
        self.firehose = None

    def __call__(self, event, context):
        """Answer one event."""
        answers = []
        for record in event["records"]:
            data = data_of(record)
            self.seen[data] = self.seen.get(data, 0) + 1
            if self.seen[data] <= self.times:
                self.firehose.put(data, "key")
                answers.append({"recordId": record["recordId"], "result": "Dropped"})
            else:
                answers += echo({"records": [record]}, context)["records"]
        return {"records": answers}


def test_a_record_put_back_comes_again_with_a_new_id():
    """It is dropped, in again and delivered once: the totals balance and say how many came back."""
    handler = PutBack()
    watch = Watch(handler)
    firehose, sink = stream(watch)
    handler.firehose = firehose
    for payload in (b"a", b"b"):
        firehose.put(payload)
    firehose.close()
    assert joined(sink.objects) == b"a\nb\n"
    totals = firehose.totals
    assert (totals.records_in, totals.put_back, totals.dropped, totals.delivered) == (4, 2, 2, 2)
    ids = [record["recordId"] for event in watch.events for record in event["records"]]
    assert len(set(ids)) == 4
    assert watch.events[1]["records"][0]["approximateArrivalTimestamp"] == START_MS + 60_000
    assert totals.balanced


def test_a_function_is_never_invoked_inside_itself():
    """What it puts back waits until it has answered, however full the buffer is."""
    handler = PutBack()
    depth = []

    def nested(event, context):
        depth.append(len(depth))
        answer = handler(event, context)
        depth.pop()
        assert depth == []
        return answer

    firehose, sink = stream(nested, max_records=1)
    handler.firehose = firehose
    for payload in (b"a", b"b", b"c"):
        firehose.put(payload)
    firehose.close()
    assert firehose.totals.errors == {}
    assert joined(sink.objects) == b"a\nb\nc\n"
    assert (firehose.totals.put_back, firehose.totals.invocations) == (3, 6)


@pytest.mark.parametrize("settings", [{}, {"max_records": 1}, {"max_records": 3}], ids=["close", "one", "three"])
def test_records_that_circle_for_ever_are_an_error(settings):
    """A function that puts everything back is stopped with one line, while records come in and at the end."""
    handler = PutBack(times=10**9)
    firehose, _ = stream(handler, **settings)
    handler.firehose = firehose
    with pytest.raises(ContractError, match="without end"):
        feed(firehose, 20)
    assert handler.seen[b"0"] > 50


def test_records_that_come_round_some_times_are_no_error():
    """However many they are: each is delivered in the end."""
    handler = PutBack(times=20)
    firehose, sink = stream(handler, max_records=3)
    handler.firehose = firehose
    feed(firehose, 20)
    assert sorted(joined(sink.objects).split()) == sorted(b"%d" % number for number in range(20))
    assert firehose.totals.put_back == 400


def test_a_function_that_drops_everything_is_no_error():
    """Dropping is not circling."""
    firehose, _ = fed([b"x"] * 500, answer_all(result="Dropped"), max_records=1)
    assert firehose.totals.dropped == 500


def feed(firehose, count):
    """Put so many numbers and close."""
    for number in range(count):
        firehose.put(b"%d" % number)
    firehose.close()


def test_puts_from_many_threads_lose_nothing():
    """Records come in from any thread, ids are unique, and every record is delivered once."""
    watch = Watch()
    firehose, sink = stream(watch, max_records=7)
    threads = [
        threading.Thread(target=lambda start=start: [firehose.put(b"%d" % (start + n)) for n in range(200)])
        for start in range(0, 1_000, 200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    firehose.close()
    assert sorted(map(int, joined(sink.objects).split())) == list(range(1_000))
    ids = [record["recordId"] for event in watch.events for record in event["records"]]
    assert len(set(ids)) == 1_000
    assert firehose.totals.balanced


# -- the client that puts with


def test_the_client_puts_on_the_stream():
    """PutRecordBatch answers as the service does, and the records are in the stream."""
    firehose, sink = stream()
    reply = LocalClient(firehose.put).put_record_batch(
        DeliveryStreamName="local", Records=[{"Data": b"a"}, {"Data": b"b"}]
    )
    firehose.close()
    assert (reply["FailedPutCount"], len(reply["RequestResponses"])) == (0, 2)
    assert joined(sink.objects) == b"a\nb\n"


def test_the_client_puts_on_the_source():
    """PutRecords is the call of a stream that reads Kinesis; the partition key goes with the record."""
    watch = Watch()
    firehose, _ = stream(watch, kinesis=True)
    client = LocalClient(firehose.put, kinesis=True)
    reply = client.put_records(Records=[{"Data": b"a", "PartitionKey": "k"}], StreamARN="arn:aws:kinesis:x")
    firehose.close()
    assert (reply["FailedRecordCount"], reply["Records"][0]["ShardId"]) == (0, "shardId-000000000000")
    assert watch.events[0]["records"][0]["kinesisRecordMetadata"]["partitionKey"] == "k"


def direct(records):
    """The call of Direct PUT."""
    return {"call": "put_record_batch", "DeliveryStreamName": "local", "Records": records}


def source(records):
    """The call of a Kinesis source."""
    return {"call": "put_records", "StreamName": "s", "Records": records}


MIB = b"x" * 1_000_000


@pytest.mark.parametrize(
    ("kinesis", "arguments", "code"),
    [
        pytest.param(True, direct([{"Data": b""}]), "InvalidArgumentException", id="kinesis-stream-refuses-puts"),
        pytest.param(False, source([{"Data": b"", "PartitionKey": "k"}]), "ResourceNotFoundException", id="no-source"),
        pytest.param(False, direct([]), "ValidationException", id="none"),
        pytest.param(False, direct([{"Data": b""}] * 501), "ValidationException", id="501"),
        pytest.param(False, direct([{"Data": b"x" * 1_024_001}]), "ValidationException", id="large"),
        pytest.param(False, direct([{"Data": MIB}] * 5), "InvalidArgumentException", id="5-mb"),
        pytest.param(True, source([{"Data": b"", "PartitionKey": "k"}] * 501), "ValidationException", id="kinesis-501"),
        pytest.param(
            True, source([{"Data": b"x" * 1_048_576, "PartitionKey": "k"}]), "InvalidArgumentException", id="key-counts"
        ),
        pytest.param(True, source([{"Data": MIB, "PartitionKey": "k"}] * 6), "InvalidArgumentException", id="6-mb"),
    ],
)
def test_the_client_refuses_whole_calls(kinesis, arguments, code):
    """As the services do, shaped as botocore shapes errors, and nothing was taken."""
    taken = []
    client = LocalClient(lambda data, key: taken.append(data) or "id", kinesis=kinesis)
    call = getattr(client, arguments.pop("call"))
    with pytest.raises(CallRefusedError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    assert taken == []


# -- objects


def keyed(event, context):
    """A handler that partitions by the data itself."""
    answer = echo(event, context)
    for record, entry in zip(event["records"], answer["records"], strict=True):
        entry["metadata"] = {"partitionKeys": {"key": data_of(record).decode(), "kind": "x"}}
    return answer


def test_partitioned_records_go_under_their_keys():
    """`<name>=<value>/` in the order of the metadata, in front of the date."""
    _, objects = fed([b"a", b"b", b"a"], keyed)
    assert {key.rsplit("/", 1)[0]: bytes(data) for key, data in objects.items()} == {
        f"key=a/kind=x/{DATE}"[:-1]: b"a\na\n",
        f"key=b/kind=x/{DATE}"[:-1]: b"b\n",
    }


def test_partitions_beyond_the_limit_go_to_the_error_prefix():
    """500 partitions are open at most; the records of further ones are failed, those of open ones are not."""
    payloads = [b"%d" % number for number in range(ACTIVE_PARTITIONS_LIMIT + 3)] + [b"7"]
    firehose, objects = fed(payloads, keyed)
    lines = failures(objects, "activePartitionExceeded")
    assert [base64.b64decode(line["rawData"]) for line in lines] == [b"500", b"501", b"502"]
    assert joined(objects, "key=7/") == b"7\n7\n"
    assert firehose.totals.failed == {"activePartitionExceeded": 3}
    assert firehose.totals.balanced


def test_iceberg_rows_go_to_their_tables_with_their_operations():
    """One row a line, the operation of each in the line of the same number beside it, arrival order kept."""
    operations = {b"i": "insert", b"u": "update", b"d": "delete"}

    def route(event, context):
        answer = echo(event, context)
        for record, entry in zip(event["records"], answer["records"], strict=True):
            data = data_of(record)
            entry["data"] = base64.b64encode(b'{"n":\n"%b\\n"}\n' % data).decode()
            metadata = {"destinationDatabaseName": "db", "destinationTableName": "t" if data != b"x" else "other"}
            if data in operations:
                metadata["operation"] = operations[data]
            entry["metadata"] = {"otfMetadata": metadata}
        return answer

    firehose, objects = fed([b"i", b"d", b"x", b"u", b"n"], route)
    rows = {key: bytes(data) for key, data in objects.items() if not key.endswith(".operations")}
    assert sorted(key.rsplit("/", 1)[0] for key in rows) == [
        f"iceberg/db/other/{DATE}"[:-1],
        f"iceberg/db/t/{DATE}"[:-1],
    ]
    (table,) = [key for key in rows if key.startswith("iceberg/db/t/")]
    assert [json.loads(line)["n"] for line in rows[table].splitlines()] == ["i\n", "d\n", "u\n", "n\n"]
    assert objects[f"{table}.operations"].decode().split() == ["insert", "delete", "update", "insert"]
    assert firehose.totals.delivered == 5


def test_iceberg_failures_have_their_own_prefix():
    """A row that is no object is under `iceberg-failed`."""
    handler = answer_all(
        result="Ok",
        data="YQo=",
        metadata={"otfMetadata": {"destinationDatabaseName": "d", "destinationTableName": "t"}},
    )
    _, objects = fed([b"a"], handler)
    assert [line["errorCode"] for line in failures(objects, "iceberg-failed")] == ["Iceberg.InvalidRecord"]


def test_objects_are_closed_by_size():
    """At 5 MiB a new object begins; records are never cut."""
    payloads = [bytes([65 + number]) * 999_999 for number in range(8)]
    _, objects = fed(payloads, max_records=1)
    assert [len(data) for data in objects.values()] == [6_000_000, 2_000_000]
    assert joined(objects) == b"".join(payload + b"\n" for payload in payloads)


def test_objects_are_closed_by_age_and_named_by_their_oldest_record():
    """After 300 s of record time a new object begins; its prefix has the hour of its first record."""
    firehose, sink = stream(buffer_interval_ms=1_000)
    for second in (0, 100, 299, 400, 7_000):
        firehose.put(b"%d" % second, arrival_ms=START_MS + second * 1000)
    firehose.close()
    found = [(key.rsplit("/", 1)[0], bytes(data)) for key, data in sink.objects.items()]
    assert found == [
        ("2026/01/01/00", b"0\n100\n299\n"),
        ("2026/01/01/00", b"400\n"),
        ("2026/01/01/01", b"7000\n"),
    ]


def test_the_same_input_gives_the_same_objects():
    """Keys and bytes are the same in every run; another seed gives other keys and the same bytes."""
    first, second = fed([b"a", b"b"])[1], fed([b"a", b"b"])[1]
    other = fed([b"a", b"b"], seed=1)[1]
    assert first == second
    assert set(first).isdisjoint(other)
    assert list(first.values()) == list(other.values())


@given(
    st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 5_000)), max_size=40),
    st.sampled_from([{}, {"max_records": 3}, {"buffer_bytes": 50}, {"buffer_interval_ms": 700, "kinesis": True}]),
)
def test_every_record_goes_somewhere_once(records, settings):
    """Any payloads and arrivals, a third dropped, a third failed: the totals balance and every byte is found again."""

    def split(event, context):
        answers = []
        for record in event["records"]:
            choice = sum(data_of(record)) % 3
            if choice == 0:
                answers += echo({"records": [record]}, context)["records"]
            else:
                answers.append({"recordId": record["recordId"], "result": ["", "Dropped", "ProcessingFailed"][choice]})
        return {"records": answers[::-1]}

    firehose, sink = stream(split, **settings)
    for payload, offset in records:
        firehose.put(payload, arrival_ms=START_MS + offset)
    firehose.close()
    payloads = [payload for payload, _ in records]
    assert joined(sink.objects) == b"".join(payload + b"\n" for payload in payloads if sum(payload) % 3 == 0)
    raw = [base64.b64decode(line["rawData"]) for line in failures(sink.objects)]
    assert raw == [payload for payload in payloads if sum(payload) % 3 == 2]
    assert firehose.totals.dropped == sum(sum(payload) % 3 == 1 for payload in payloads)
    assert firehose.totals.balanced


def test_a_burst_comes_out_as_csv_that_an_independent_reader_takes():
    """Thousands of changes through a handler of the standard library: the rows parsed back equal the keys put in."""

    def to_csv(event, context):
        answers = []
        for record in event["records"]:
            keys = json.loads(data_of(record))["dynamodb"]["Keys"]
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow([keys["id"]["S"], keys["datetime"]["S"]])
            data = base64.b64encode(line.getvalue().encode()).decode()
            answers.append({"recordId": record["recordId"], "result": "Ok", "data": data})
        return {"records": answers}

    payloads = list(burst.records("dynamotest", 3_000, seed=11))
    firehose, objects = fed(payloads, to_csv, kinesis=True, buffer_bytes=200_000)
    rows = list(csv.reader(io.StringIO(joined(objects).decode(), newline="")))
    keys = [json.loads(payload)["dynamodb"]["Keys"] for payload in payloads]
    assert rows == [[found["id"]["S"], found["datetime"]["S"]] for found in keys]
    assert firehose.totals.findings == {}
    assert firehose.totals.invocations > 5
