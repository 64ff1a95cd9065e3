"""The lines of an invocation: metrics by the specification, counts that add up, a log without payloads, and no trap."""

import base64
import gzip
import json
import math
import re
from collections import Counter

import pytest
from aws_faults import AwsServer, Plan
from lambda_runtime import RuntimeApi

import fastxform
from fastxform import settings
from fastxform.core import timing
from fastxform.errors import DROPPED, FAILED, OK, REASONS, ConfigError, EventError
from fastxform.invocation import telemetry
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.sample_data.malformed import SPOILERS
from fastxform.tools.sample_data.rng import Rng

METRICS = {
    "RecordsIn": "Count",
    "RecordsOk": "Count",
    "RecordsDropped": "Count",
    "RecordsFailed": "Count",
    "RecordsReingested": "Count",
    "RecordsInternal": "Count",
    "PutsUnacknowledged": "Count",
    "BytesIn": "Bytes",
    "BytesOut": "Bytes",
    "ResponseShare": "Percent",
    "TransformMilliseconds": "Milliseconds",
    "ColdStart": "Count",
}
STAGES = ("event", "decode", "where", "columns", "encode", "response", "budget", "reingest")
STREAM = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/cities"
CONFIG = 'where = "a != 0"\n[columns]\na = { path = "a", type = "int64" }\n'
GOOD, ZERO, BAD = b'{"a":1}', b'{"a":0}', b'{"a":"hunter2"}'
NAMES = ("SERVICE_NAME", "METRICS_NAMESPACE", "METRICS_DISABLED", "METRICS_FUNCTION_NAME", "LOG_LEVEL")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """No variable of the machine's asks for other lines."""
    for name in NAMES:
        monkeypatch.delenv(f"POWERTOOLS_{name}", raising=False)
    for name in ("AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)


class Context:
    """Lambda's context."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = "transform"

    def get_remaining_time_in_millis(self):
        """Return the milliseconds left."""
        return 60_000


def event_of(payloads, name="data", **more):
    records = [{"recordId": f"{i:04}", name: base64.b64encode(payload).decode()} for i, payload in enumerate(payloads)]
    return {"invocationId": "i-1", "deliveryStreamArn": STREAM, "region": "eu-west-1", **more, "records": records}


def handler_of(config=CONFIG):
    return fastxform.make_handler(fastxform.Pipeline.from_toml(config))


@pytest.fixture
def told(capsys):
    """Answer an event as bytes and return (metrics, log), each None where it was not written."""

    def run(event, context=None, handler=None):
        (handler or handler_of())(json.dumps(event).encode(), context)
        lines = capsys.readouterr().out.splitlines()
        found = [json.loads(line) for line in lines]
        metrics = [line for line in found if "_aws" in line]
        logs = [line for line in found if "_aws" not in line]
        assert max(len(metrics), len(logs)) <= 1
        return metrics[0] if metrics else None, logs[0] if logs else None

    return run


# -- the specification


def problems(line):
    """What the specification of the embedded metric format says against a line of a log."""
    if line.count("\n") != 1 or line[-1] != "\n":
        return ["not one line"]
    root = json.loads(line)
    found = []
    if len(line.encode()) > 256 * 1024:
        found.append("larger than a log event")
    timestamp = root["_aws"].get("Timestamp")
    if type(timestamp) is not int or not 10**12 < timestamp < 10**13:
        found.append("Timestamp is not in milliseconds")
    for directive in root["_aws"]["CloudWatchMetrics"]:
        if directive.keys() != {"Namespace", "Dimensions", "Metrics"}:
            found.append("a member is missing or too much")
        if not 1 <= len(directive["Namespace"]) <= 255 or directive["Namespace"].startswith(("AWS/", ":")):
            found.append("the namespace is reserved or no name")
        if not directive["Dimensions"] or not 1 <= len(directive["Metrics"]) <= 100:
            found.append("no dimension set, or not 1 to 100 metrics")
        for dimensions in directive["Dimensions"]:
            values = [root.get(name) for name in dimensions]
            if not 0 < len(dimensions) <= 30 or len(set(dimensions)) < len(dimensions):
                found.append("not 1 to 30 keys in a dimension set, each once")
            if not all(type(value) is str and 1 <= len(value.strip()) <= 1024 for value in values):
                found.append("a dimension without a text")
        for metric in directive["Metrics"]:
            value = root.get(metric["Name"])
            if type(value) not in (int, float) or not math.isfinite(value):
                found.append("a metric without a finite number")
            if metric.get("Unit") not in {"Count", "Bytes", "Percent", "Milliseconds"}:
                found.append("not a unit")
        names = [metric["Name"] for metric in directive["Metrics"]]
        if len(set(names)) < len(names):
            found.append("a metric twice")
    return found


RIGHT = {
    "_aws": {
        "Timestamp": 1_795_320_265_330,
        "CloudWatchMetrics": [{"Namespace": "n", "Dimensions": [["d"]], "Metrics": [{"Name": "m", "Unit": "Count"}]}],
    },
    "d": "x",
    "m": 1,
}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"d": ""}, "a dimension without a text"),
        ({"d": None}, "a dimension without a text"),
        ({"m": math.inf}, "a metric without a finite number"),
        ({"m": "1"}, "a metric without a finite number"),
        ({"_aws": RIGHT["_aws"] | {"Timestamp": 1_795_320_265}}, "Timestamp is not in milliseconds"),
        (
            {"_aws": RIGHT["_aws"] | {"CloudWatchMetrics": [{"Namespace": "AWS/x", "Dimensions": [], "Metrics": []}]}},
            "the namespace is reserved or no name",
        ),
    ],
)
def test_the_check_of_the_format_can_fail(wrong, says):
    """A line that is right passes, and each mistake is told."""
    assert problems(json.dumps(RIGHT) + "\n") == []
    assert says in problems(json.dumps(RIGHT | wrong) + "\n")


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(event_of([GOOD, ZERO, BAD]), id="direct"),
        pytest.param(event_of([]), id="empty"),
        pytest.param(event_of([GOOD], sourceKinesisStreamArn="arn:aws:kinesis:x"), id="kinesis"),
        pytest.param(event_of([GOOD], "kafkaRecordValue", sourceMSKArn="arn:aws:kafka:x"), id="msk"),
        pytest.param({"records": event_of([GOOD])["records"]}, id="nothing but records"),
    ],
)
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "dict"])
@pytest.mark.parametrize("context", [None, Context(), object()], ids=["none", "context", "odd"])
def test_each_invocation_has_one_line_that_is_right(event, as_bytes, context, capsys):
    """Whatever the source, the shape of the event and the context, the line of metrics is what CloudWatch takes."""
    handler = handler_of()
    for _ in range(2):
        handler(json.dumps(event).encode() if as_bytes else event, context)
        line, log = capsys.readouterr().out.splitlines(keepends=True)
        assert problems(line) == []
        assert "_aws" not in json.loads(log)


# -- the counts


WIDE = """
where = "id >= 0"
overflow = { workers = 2, reserve_ms = 1_000 }
[output]
format = "json"
[columns]
id = { path = "id", type = "int64" }
a = { path = "a", type = "string" }
b = { path = "a", type = "string" }
c = { path = "a", type = "string" }
d = { path = "a", type = "string" }
"""


def overflowing_event():
    """An event whose response is twice too large, with some records that fail and some that are dropped."""
    payloads = [json.dumps({"id": i, "a": f"{i:08}" * 85}).encode() for i in range(3_200)]
    payloads[1:1] = [
        b"oops",
        b'{"id":"x"}',
        b'{"id":-1}',
        b'{"id":-1}',
        b'{"id":-1}',
        gzip.compress(b'{"id":7,"a":""}'),
    ]
    return event_of(payloads)


@pytest.mark.parametrize("plan", [Plan(), Plan(refuse="access_denied")], ids=["taken", "refused"])
def test_every_metric_is_there_and_they_add_up(plan, told, monkeypatch):
    """On a batch of everything: each metric with its unit and the number that the response shows, each stage timed."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    event, inner, responses = overflowing_event(), handler_of(WIDE), []
    with AwsServer(plan) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        metrics, log = told(event, Context(), lambda *given: responses.append(inner(*given)))
    words = Counter(record["result"] for record in json.loads(responses[0])["records"])
    back = len(server.taken)
    (directive,) = metrics["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == METRICS
    assert (
        METRICS | dict.fromkeys(("ValuesNulled", "ValuesRounded", "RecordsEmpty", "RowsDropped"), "Count")
        == telemetry.UNITS
    )
    assert (directive["Namespace"], directive["Dimensions"]) == ("fastxform", [["service", "DeliveryStream"]])
    assert {name: metrics[name] for name in METRICS if name != "TransformMilliseconds"} == {
        "RecordsIn": len(event["records"]),
        "RecordsOk": words[OK],
        "RecordsDropped": 3,
        "RecordsFailed": words[FAILED],
        "RecordsReingested": back,
        "RecordsInternal": 0,
        "PutsUnacknowledged": words[FAILED] - 2,
        "BytesIn": len(json.dumps(event)),
        "BytesOut": len(responses[0]),
        "ResponseShare": round(100 * len(responses[0]) / RESPONSE_LIMIT_BYTES, 3),
        "ColdStart": 1,
    }
    assert words[DROPPED] == 3 + back
    assert metrics["RecordsIn"] == sum(metrics[f"Records{word}"] for word in ("Ok", "Dropped", "Failed", "Reingested"))
    refused = {} if back else {"put_refused": words[FAILED] - 2}
    assert metrics["failed"] == {"json": 1, **refused, "type": 1}
    assert (log["failed"], log["level"]) == ({"json": 1, **refused, "type:id": 1}, "WARNING")
    assert set(metrics["stages"]) == set(STAGES)
    assert sum(metrics["stages"].values()) == pytest.approx(metrics["TransformMilliseconds"], abs=0.01)
    assert (metrics["service"], metrics["DeliveryStream"]) == ("transform", "cities")
    assert (metrics["invocation_id"], metrics["function_request_id"]) == ("i-1", Context.aws_request_id)


def test_where_null_is_told_apart(told):
    """Rows that were dropped because `where` was null are dropped rows, counted beside."""
    config = CONFIG.replace("a != 0", "a > 0")
    metrics, log = told(event_of([GOOD, ZERO, b"{}"]), handler=handler_of(config))
    assert (metrics["RecordsDropped"], metrics["where_null"], log["where_null"]) == (2, 1, 1)


def test_a_dict_has_no_bytes_in_and_bytes_out_at_most(capsys):
    """Of an event as dict nobody knows the bytes; of its response the line says the most that it can be."""
    event = event_of([b'{"a":%d}' % (10**i) for i in range(15)] * 20)
    answer = handler_of()(event, None)
    metrics = json.loads(capsys.readouterr().out.splitlines()[0])
    sent = len(json.dumps(answer))
    assert "BytesIn" not in metrics
    assert sent <= metrics["BytesOut"] <= sent + 20 * len(event["records"])


def test_only_the_first_invocation_is_cold(told):
    """`ColdStart` is 1 on the first line of a container, and no metric on the others."""
    handler = handler_of()
    first, second = (told(event_of([GOOD]), handler=handler)[0] for _ in range(2))
    assert (first["ColdStart"], "ColdStart" in second) == (1, False)


def test_an_event_that_raises_has_no_line(capsys):
    """What could not be answered is not counted; the runtime reports it. The container is warm afterwards."""
    handler = handler_of()
    for wrong in ({"no": "records"}, b"{", {"records": [{}]}):
        with pytest.raises(EventError):
            handler(wrong, None)
    assert capsys.readouterr().out == ""
    handler(event_of([GOOD]), None)
    assert "ColdStart" not in capsys.readouterr().out


# -- what the event and the context may hold


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (STREAM, "cities"),
        ("arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/a.b_c-D", "a.b_c-D"),
        (None, "unknown"),
        ("", "unknown"),
        (7, "unknown"),
        ({"a": 1}, "unknown"),
        ("arn:aws:firehose", "unknown"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/", "unknown"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/" + "x" * 65, "unknown"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/町", "unknown"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/a b", "unknown"),
    ],
)
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "dict"])
def test_the_dimension_is_a_stream_s_name_or_unknown(arn, name, as_bytes, capsys):
    """An odd ARN costs no record, and no metric of its own."""
    event = event_of([GOOD]) | {"deliveryStreamArn": arn}
    handler_of()(json.dumps(event).encode() if as_bytes else event, None)
    assert json.loads(capsys.readouterr().out.splitlines()[0])["DeliveryStream"] == name


@pytest.mark.parametrize("value", [None, 5, "", "a\nb", "町", ["x"]], ids=repr)
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "dict"])
def test_odd_ids_are_left_out(value, as_bytes, capsys):
    """An invocation's id or a request's that is no plain text is not in the lines, and does no harm."""
    context = Context()
    context.aws_request_id = value
    event = event_of([GOOD]) | {"invocationId": value}
    handler_of()(json.dumps(event).encode() if as_bytes else event, context)
    for line in capsys.readouterr().out.splitlines():
        assert json.loads(line).keys().isdisjoint({"invocation_id", "function_request_id"})


def test_half_a_surrogate_pair_does_no_harm(capsys):
    """A dict may hold what no JSON document does."""
    context = Context()
    context.aws_request_id = context.function_name = "\ud800"
    handler_of()(event_of([GOOD]) | {"invocationId": "\ud800", "deliveryStreamArn": f"{STREAM}\ud800"}, context)
    line = capsys.readouterr().out.splitlines(keepends=True)[0]
    assert (problems(line), json.loads(line)["DeliveryStream"]) == ([], "unknown")


# -- the log


def test_the_log_line_has_what_lambda_passes_on(told):
    """`timestamp`, `level` and `message` as Lambda's JSON format wants them, counts, and the ids of the metrics."""
    metrics, log = told(event_of([GOOD, ZERO]), Context())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", log.pop("timestamp"))
    assert log.pop("kernel") == fastxform.Pipeline.from_toml(CONFIG).kernel
    assert log == {
        "level": "INFO",
        "message": "batch transformed",
        "logger": "fastxform",
        "service": "transform",
        "DeliveryStream": "cities",
        "invocation_id": metrics["invocation_id"],
        "function_request_id": metrics["function_request_id"],
        "records": 2,
        "ok": 1,
        "dropped": 1,
        "where_null": 0,
        "failed": {},
    }


def test_the_first_reasons_are_told_with_their_records(told):
    """Ten failed records by their places in the event, every reason with its count, and what its code says."""
    _, log = told(event_of([GOOD, BAD, b"oops", *[BAD] * 20]))
    assert log["failed"] == {"json": 1, "type:a": 21}
    assert log["reasons"] == {code: REASONS[code] for code in ("json", "type")}
    assert log["first_reasons"] == [
        {"record": place, "reason": "json" if place == 2 else "type:a"} for place in range(1, 11)
    ]
    assert (log["level"], log["message"]) == ("WARNING", "records failed")


@pytest.mark.parametrize(
    ("variables", "levels"),
    [
        ({}, ["INFO", "WARNING"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "TRACE"}, ["INFO", "WARNING"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN"}, ["WARNING"]),
        ({"POWERTOOLS_LOG_LEVEL": "warning"}, ["WARNING"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "INFO", "POWERTOOLS_LOG_LEVEL": "WARNING"}, ["WARNING"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "WARN", "POWERTOOLS_LOG_LEVEL": "DEBUG"}, ["WARNING"]),
        ({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}, []),
        ({"POWERTOOLS_LOG_LEVEL": "ERROR"}, []),
        ({"AWS_LAMBDA_LOG_LEVEL": "VERBOSE"}, ["INFO", "WARNING"]),
    ],
)
def test_the_level_says_which_lines_are_written(variables, levels, told, monkeypatch):
    """With WARNING an uneventful batch logs nothing; the metrics are there whatever the level."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = []
    for payload in (GOOD, BAD):
        metrics, log = told(event_of([payload]))
        assert metrics is not None
        found += [log["level"]] if log else []
    assert found == levels


def test_a_possible_duplicate_is_a_warning():
    """Records that may arrive twice are told where nothing failed."""
    back = telemetry.PutBack(2, 0, 1, 1, 0, {})
    assert telemetry.InvocationReport(timing.StageClock(), False, put_back=back).outcome[0] == "WARNING"


def test_names_outside_ascii_are_escaped(capsys):
    """A column's name is told on a stream of any encoding."""
    handler_of('[columns]\n"町" = { path = "a", type = "int64" }\n')(event_of([BAD]), None)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out.splitlines()[1])["failed"] == {"type:町": 1}


CONFIGS = {
    "json": CONFIG,
    "dynamodb": 'source = "dynamodb"\n[columns]\nid = { path = "dynamodb.Keys.id", type = "int64" }\n'
    'name = { path = "dynamodb.NewImage.name", type = "date", pattern = "x" }\n',
    "cloudwatch": 'source = "cloudwatch-logs"\noutput = { format = "json" }\n',
    "many": 'documents = "many"\n[columns]\nname = { path = "name", required = true }\n',
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "dict"])
def test_nothing_of_a_payload_is_in_any_line(config, as_bytes, capsys):
    """Every kind of malformed record, with a secret for each of its names and values: no line holds it."""
    good = (
        b'{"secret":"hunter2","a":"hunter2","name":"hunter2","mail":{"hunter2":1},"timestamp":20221664,'
        b'"dynamodb":{"Keys":{"id":{"S":"hunter2"}},"NewImage":{"name":{"S":"hunter2"}}},"messageType":"hunter2"}'
    )
    payloads = [spoiler(Rng(place, turn), good) for turn in range(4) for place, spoiler in enumerate(SPOILERS)]
    event = event_of(payloads)
    handler_of(config)(json.dumps(event).encode() if as_bytes else event, Context())
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert json.loads(out.splitlines()[1])["failed"]
    assert [secret for secret in ("hunter2", "20221664", "secret", "mail") if secret in out + err] == []


# -- the environment


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("fastxform", None, True, "INFO")),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, ("fastxform", "f", True, "INFO")),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f", "POWERTOOLS_METRICS_FUNCTION_NAME": "g"}, ("fastxform", "g", True, "INFO")),
        ({"POWERTOOLS_METRICS_FUNCTION_NAME": "g", "POWERTOOLS_SERVICE_NAME": "s"}, ("fastxform", "s", True, "INFO")),
        ({"POWERTOOLS_METRICS_NAMESPACE": "Orders"}, ("Orders", None, True, "INFO")),
        ({"POWERTOOLS_METRICS_NAMESPACE": "", "POWERTOOLS_SERVICE_NAME": " "}, ("fastxform", None, True, "INFO")),
        ({"POWERTOOLS_METRICS_DISABLED": "true"}, ("fastxform", None, False, "INFO")),
        ({"POWERTOOLS_METRICS_DISABLED": "1"}, ("fastxform", None, False, "INFO")),
        ({"POWERTOOLS_METRICS_DISABLED": "False"}, ("fastxform", None, True, "INFO")),
        ({"POWERTOOLS_LOG_LEVEL": "error"}, ("fastxform", None, True, "ERROR")),
    ],
)
def test_the_names_of_powertools_are_followed(variables, expected):
    """What Powertools for AWS Lambda calls its settings says the same here."""
    assert settings.report_settings(variables, reports=True) == (expected, [])


@pytest.mark.parametrize(
    ("variables", "metrics", "level"),
    [
        ({}, False, "ERROR"),
        ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, True, "INFO"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "f"}, True, "INFO"),
        ({"POWERTOOLS_METRICS_NAMESPACE": "Orders"}, True, "ERROR"),
        ({"POWERTOOLS_METRICS_DISABLED": "false"}, True, "ERROR"),
        ({"POWERTOOLS_METRICS_DISABLED": "true", "AWS_LAMBDA_FUNCTION_NAME": "f"}, False, "INFO"),
        ({"POWERTOOLS_LOG_LEVEL": "info"}, False, "INFO"),
    ],
)
def test_outside_of_lambda_nothing_is_written_unasked(variables, metrics, level):
    """Notebooks and tests stay quiet; a fault of the package is said everywhere."""
    (found, mistakes) = settings.report_settings(variables)
    assert (found.has_metrics, found.level, mistakes) == (metrics, level, [])


def test_a_handler_outside_of_lambda_prints_nothing(monkeypatch, capsys):
    """Unless it is told to."""
    monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API")
    pipeline = fastxform.Pipeline.from_toml(CONFIG)
    fastxform.make_handler(pipeline)(event_of([GOOD, BAD]), None)
    assert capsys.readouterr().out == ""
    fastxform.make_handler(pipeline, reports=True)(event_of([GOOD, BAD]), None)
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("POWERTOOLS_METRICS_DISABLED", "maybe", '"maybe" is neither true nor false'),
        ("POWERTOOLS_LOG_LEVEL", "WARNIN", "did you mean WARNING?"),
        ("POWERTOOLS_METRICS_NAMESPACE", "AWS/Lambda", "is not a namespace"),
        ("POWERTOOLS_METRICS_NAMESPACE", ":x", "is not a namespace"),
        ("POWERTOOLS_METRICS_NAMESPACE", "x" * 256, "is not a namespace"),
        ("POWERTOOLS_SERVICE_NAME", "町", "is not a dimension"),
        ("POWERTOOLS_METRICS_FUNCTION_NAME", "a\nb", "is not a dimension"),
    ],
)
def test_what_cannot_be_followed_is_one_line_at_init(name, value, words, monkeypatch, tmp_path):
    """A value that would lose metrics or log lines is told when the handler is made, with its variable."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        handler_of()
    (mistake,) = caught.value.mistakes
    assert mistake.location == f"environment {name}"
    assert words in mistake.message
    assert "\n" not in str(mistake)
    (tmp_path / "fastxform.toml").touch()
    assert settings.read_settings({"LAMBDA_TASK_ROOT": str(tmp_path), name: value}).mistakes == (mistake,)


def test_metrics_can_be_turned_off(told, monkeypatch):
    """Without metrics the log is as before."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    metrics, log = told(event_of([GOOD]))
    assert (metrics, log["records"]) == (None, 1)


def test_nothing_wanted_is_nothing_written(told, monkeypatch):
    """Neither line, and not an empty one."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    assert told(event_of([BAD])) == (None, None)


# -- the clock


def test_every_nanosecond_belongs_to_a_stage():
    """The times of the stages add up to the time from the start to the last record."""
    clock = timing.StageClock()
    for stage in (*STAGES, "encode", "event"):
        clock.record_stage(stage)
    assert list(clock.spent_ns) == list(STAGES)
    assert sum(clock.spent_ns.values()) == clock.last_ns - clock.start_ns


def test_an_invocation_inside_another_has_its_own_clock():
    """A function that calls a handler while it maps a batch changes no time but its own invocation's."""
    alone, around = [], []
    fastxform.Pipeline.from_toml(CONFIG).run([GOOD], observer=alone.append)
    fastxform.Pipeline.from_toml(CONFIG, map_batch=lambda batch: batch).run([GOOD, BAD], observer=around.append)
    assert alone[0] == around[0] == "decode"
    inner, outer = [], []

    def nested(batch):
        fastxform.Pipeline.from_toml(CONFIG).run([GOOD], observer=inner.append)
        return batch

    fastxform.Pipeline.from_toml(CONFIG, map_batch=nested).run([GOOD, BAD], observer=outer.append)
    assert (inner, outer) == (alone, around)


# -- where the lines go


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
def test_the_runtime_writes_each_line_whole(log_format, tmp_path):
    """Under AWS's own client each line stands alone on its output in either log format, there before the response."""
    (tmp_path / "fastxform.toml").write_text(CONFIG)
    event = json.dumps(event_of([GOOD, BAD])).encode()
    with RuntimeApi(tmp_path, AWS_LAMBDA_LOG_FORMAT=log_format) as function:
        assert [function.invoke(event).kind for _ in range(3)] == ["response"] * 3
    lines = function.log().splitlines(keepends=True)
    assert [problems(line) for line in lines[::2]] == [[]] * 3
    metrics, logs = [[json.loads(line) for line in part] for part in (lines[::2], lines[1::2])]
    assert ["ColdStart" in line for line in metrics] == [True, False, False]
    assert [line["level"] for line in logs] == ["WARNING"] * 3
    assert {line["service"] for line in metrics + logs} == {"fastxform-test"}
    assert [line["function_request_id"] for line in metrics] == [line["function_request_id"] for line in logs]
    assert len({line["function_request_id"] for line in metrics}) == 3


def test_the_command_prints_data_and_no_line_of_the_function(command, write):
    """`run --response` and `simulate --json` print what they are asked for; `--log` goes to standard error."""
    config, records = write(CONFIG), write('{"a":1}\n{"a":"x"}\n', "in.jsonl")
    _, out, err = command("run", config, records, "--response")
    assert [record["result"] for record in json.loads(out)["records"]] == ["Ok", "ProcessingFailed"]
    assert "_aws" not in err
    _, out, err = command("simulate", config, records, "--out", "out", "--json", "--log")
    assert json.loads(out)["records_in"] == 2
    assert [problems(line + "\n") for line in err.splitlines() if line.startswith('{"_aws"')] == [[]]


@pytest.mark.usefixtures("with_and_without_kernel")
def test_values_that_lose_digits_are_counted(told):
    """In metrics and log, where there are any."""
    handler = handler_of('[columns]\na = { type = "float64" }\n')
    metrics, log = told(event_of([b'{"a":3.14159265358979323846}', b'{"a":1.5}']), None, handler)
    assert (metrics["ValuesRounded"], log["values_rounded"]) == (1, 1)
    metrics, log = told(event_of([b'{"a":1.5}']), None, handler)
    assert "ValuesRounded" not in metrics
    assert "values_rounded" not in log
