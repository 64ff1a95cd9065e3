"""The whole handler with real boto3 against a server with faults: what it answers is what the stream took."""

import base64
import json
from collections import Counter

import pytest
from aws_faults import AwsServer, Plan

import fastxform
from fastxform.errors import DROPPED, FAILED, OK, REASONS
from fastxform.limits import RESPONSE_LIMIT_BYTES

pytestmark = pytest.mark.processes

CONFIG = """
overflow = { workers = 3, reserve_ms = 1_000 }
[output]
format = "json"
[columns]
id = { path = "id", type = "int64" }
a = { path = "a", type = "string" }
b = { path = "a", type = "string" }
c = { expr = "utf8_upper(a)" }
d = { expr = "utf8_reverse(a)" }
"""
FIREHOSE_ARN = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/overflow"
KINESIS_ARN = "arn:aws:kinesis:eu-west-2:123456789012:stream/source"
MSK_ARN = "arn:aws:kafka:eu-west-1:123456789012:cluster/c/1"
RECORDS = 3_200
PAYLOADS = [json.dumps({"id": i, "a": f"{i:08}" * 85}).encode() for i in range(RECORDS)]
UNKNOWN = {"server_error", "reset", "reset_after", "server_error_after", "half", "not_json", "no_receipt"}
"""Faults after which the fate of a put is unknown: it is tried once more, and no more often."""
TWICE_AT_MOST = {"reset_after", "server_error_after", "half", "not_json", "no_receipt"}


def event_of(source):
    """The bytes of an event whose response is twice too large."""
    name = "kafkaRecordValue" if source == "msk" else "data"
    event = {"invocationId": "i", "deliveryStreamArn": FIREHOSE_ARN, "region": "eu-west-1"}
    event |= {"kinesis": {"sourceKinesisStreamArn": KINESIS_ARN}, "msk": {"sourceMSKArn": MSK_ARN}}.get(source, {})
    event["records"] = [{"recordId": f"{i:062}", name: base64.b64encode(p).decode()} for i, p in enumerate(PAYLOADS)]
    if source.startswith("kinesis"):
        for i, record in enumerate(event["records"]):
            record["kinesisRecordMetadata"] = {"partitionKey": f"key-{i}", "sequenceNumber": str(i), "shardId": "s"}
    return event


class Context:
    """Lambda's context, which says how much time is left each time it is asked."""

    def __init__(self, left_ms=60_000):
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self):
        """Return the milliseconds left."""
        return self.left_ms


CHANGES = """
overflow = { policy = "reingest" }
output = { format = "json" }
[columns]
id = { path = "id", type = "int64" }
a = { path = "a", type = "string" }
b = { path = "a", type = "string" }
c = { path = "a", type = "string" }
[[routes]]
where = "id % 3 == 0"
iceberg = { database = "shop", table = "log" }
[[routes]]
where = "id % 3 == 1"
iceberg = { database = "shop", table = "orders", operation = "update", keys = ["id"] }
[[routes]]
iceberg = { database = "shop", table = "orders" }
"""
"""A table that rows are only added to, and one that has updates, to which the last route adds rows too."""


@pytest.fixture
def answer(monkeypatch, capsys):
    """Run a handler on an event as bytes against a server with a plan: (result of each record, log line)."""
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(server, event, config=CONFIG, context=None):
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        handler = fastxform.make_handler(fastxform.Pipeline.from_toml(config))
        response = handler(json.dumps(event).encode(), context or Context())
        assert len(response) <= RESPONSE_LIMIT_BYTES
        records = json.loads(response)["records"]
        assert [record["recordId"] for record in records] == [record["recordId"] for record in event["records"]]
        metrics, log = map(json.loads, capsys.readouterr().out.splitlines())
        words = Counter(record["result"] for record in records)
        assert metrics["RecordsDropped"] + metrics["RecordsReingested"] == words[DROPPED]
        return [record["result"] for record in records], log

    return run


def settle(results, log, server):
    """Check what the answer says against what the server has; return how many went back."""
    sent, taken = results.count(OK), Counter(record.data for record in server.taken)
    assert server.violations == []
    assert server.concurrency_max <= 3
    assert results[:sent] == [OK] * sent, "the cut is no prefix"
    assert 0 < sent < RECORDS
    back = [payload for payload, result in zip(PAYLOADS, results, strict=True) if result == DROPPED]
    failed = [payload for payload, result in zip(PAYLOADS, results, strict=True) if result == FAILED]
    assert set(back) <= set(taken), "acknowledged, and lost"
    assert set(taken) <= set(PAYLOADS[sent:]), "sent and put back"
    counts = log["put_back"]
    assert (counts["acknowledged"], counts["not_acknowledged"]) == (len(back), len(failed))
    doubtful = len(set(taken) & set(failed)) + sum(taken[payload] > 1 for payload in back)
    assert doubtful <= counts["possible_duplicates"]
    if failed:
        assert sum(log["failed"].values()) == len(failed)
        assert set(log["failed"]) <= set(REASONS)
    return len(back)


PLANS = {
    "nothing": Plan(),
    "entries": Plan(entries=0.3, until_call=8),
    "throttle": Plan(calls={"throttle": 0.4}, until_call=8),
    "server error": Plan(calls={"server_error": 0.4}, until_call=8),
    "reset": Plan(calls={"reset": 0.5}, until_call=8),
    "reset after acceptance": Plan(calls={"reset_after": 0.5}, until_call=6),
    "half": Plan(calls={"half": 0.5}, until_call=6),
    "malformed replies": Plan(calls={"not_json": 0.3, "no_receipt": 0.3}, until_call=6),
    "slow": Plan(latency_s=0.01),
}


@pytest.mark.parametrize("source", ["direct", "kinesis"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_dropped_is_what_was_acknowledged(answer, plan, source):
    """Under faults that end every record that does not fit goes back, or was put twice without an answer."""
    with AwsServer(plan) as server:
        results, log = answer(server, event_of(source))
    back = settle(results, log, server)
    taken = Counter(record.data for record in server.taken)
    if not UNKNOWN & plan.calls.keys():
        assert FAILED not in results
        assert len(taken) == back == RECORDS - results.count(OK)
    assert max(taken.values()) <= 2
    if not TWICE_AT_MOST & plan.calls.keys():
        assert taken.total() == back
    stream = {"direct": ("firehose", "overflow"), "kinesis": ("kinesis", "source")}[source]
    assert {(record.service, record.stream) for record in server.taken} == {stream}
    if source == "kinesis":
        assert all(record.partition_key == f"key-{json.loads(record.data)['id']}" for record in server.taken)


@pytest.mark.parametrize("refuse", ["not_permitted", "not_found", "access_denied"])
def test_a_refusal_fails_what_does_not_fit(answer, refuse):
    """Nothing is dropped, nothing is taken, and the reason says that the stream takes no puts."""
    with AwsServer(Plan(refuse=refuse)) as server:
        results, log = answer(server, event_of("kinesis"))
    assert settle(results, log, server) == 0
    assert (server.taken, log["failed"]) == ([], {"put_refused": results.count(FAILED)})


def test_the_answer_comes_before_the_deadline(answer):
    """Of calls that are never answered the records are failed, though the server took them, and called in doubt."""
    with AwsServer(Plan(calls={"hang": 1.0})) as server:
        results, log = answer(server, event_of("direct"), context=Context(1_900))
        assert not server.ending.is_set()  # the answer was here while every call still hung
        assert server.concurrency_max == 3
    assert settle(results, log, server) == 0
    taken = {record.data for record in server.taken}
    assert len(taken) == 1_500 == log["put_back"]["possible_duplicates"]
    assert log["failed"] == {"put_failed": 1_500, "deadline": results.count(FAILED) - 1_500}


@pytest.mark.parametrize("left_ms", [0, 1_000, 1_099])
def test_without_time_no_put_is_started(answer, left_ms):
    """With the reserve touched everything that does not fit is failed, and no call is made."""
    with AwsServer() as server:
        results, log = answer(server, event_of("direct"), context=Context(left_ms))
    assert (settle(results, log, server), server.seen) == (0, 0)
    assert log["failed"] == {"deadline": results.count(FAILED)}


def test_a_kinesis_event_without_its_arn(answer):
    """Records that came from a Kinesis stream without a name are failed; a stream by configuration gets them."""
    event = event_of("kinesis without ARN")
    with AwsServer() as server:
        results, log = answer(server, event)
        assert (DROPPED in results, server.seen) == (False, 0)
        assert "sourceKinesisStreamArn is missing" in log["put_back"]["why"]
        assert log["failed"] == {"put_refused": results.count(FAILED)}
        named = CONFIG.replace("workers = 3", 'workers = 3, stream = "mine"')
        results, log = answer(server, event, named)
    assert settle(results, log, server) == RECORDS - results.count(OK)
    assert {(record.service, record.stream) for record in server.taken} == {("kinesis", "mine")}
    assert all(record.partition_key == f"key-{json.loads(record.data)['id']}" for record in server.taken)


def test_a_stream_of_another_account_is_not_put_to(answer):
    """Firehose is told a name only: the records would go to one's own stream of that name."""
    context = Context()
    context.invoked_function_arn = "arn:aws:lambda:eu-west-1:210987654321:function:f"
    with AwsServer() as server:
        results, log = answer(server, event_of("direct"), context=context)
        assert (set(results), server.seen) == ({OK, FAILED}, 0)
        assert log["put_back"]["why"] == "the event's deliveryStreamArn is of another account"
        assert log["failed"] == {"put_refused": results.count(FAILED)}
        context.invoked_function_arn = context.invoked_function_arn.replace("210987654321", "123456789012")
        results, log = answer(server, event_of("direct"), context=context)
        assert DROPPED in results


def test_msk_takes_nothing_back(answer):
    """What does not fit is failed, in the member of MSK, and no call is made."""
    with AwsServer() as server:
        results, log = answer(server, event_of("msk"))
    assert set(results) == {OK, FAILED}
    assert (results == sorted(results), server.seen) == (True, 0)
    assert log["put_back"]["why"] == "an MSK source has no stream to put records back to"


def test_policy_fail_puts_nothing_back(answer):
    """The stream is never asked."""
    with AwsServer() as server:
        results, log = answer(server, event_of("direct"), CONFIG.replace("workers = 3", 'policy = "fail"'))
    assert (set(results), server.seen) == ({OK, FAILED}, 0)
    assert log["failed"] == {"overflow": results.count(FAILED)}


def test_a_malformed_arn_matters_only_on_overflow(answer):
    """An event that fits is answered whatever its ARN is; one that does not fails what has nowhere to go."""
    event = event_of("direct") | {"deliveryStreamArn": "arn:aws:kinesis:EXAMPLE"}
    with AwsServer() as server:
        results, log = answer(server, event | {"records": event["records"][:500]})
        assert (results, log["failed"], "put_back" in log) == ([OK] * 500, {}, False)
        results, log = answer(server, event)
    assert (set(results), server.seen) == ({OK, FAILED}, 0)
    assert "deliveryStreamArn is missing or not an ARN" in log["put_back"]["why"]


def test_the_budget_holds_whatever_the_puts_answer(answer):
    """The cut is the same whether every put succeeds or none does: a failure is longer than a drop, and has room."""
    cuts = []
    for plan in (Plan(), Plan(refuse="access_denied"), Plan(entries=0.5, until_call=3)):
        with AwsServer(plan) as server:
            results, _ = answer(server, event_of("direct"))
        cuts.append(results.count(OK))
    assert len(set(cuts)) == 1


def test_what_a_later_arrival_would_overwrite_stays(answer):
    """With `reingest` asked for: of a table with updates nothing goes back, whatever the route."""
    with AwsServer() as server:
        results, log = answer(server, event_of("kinesis"), CHANGES)
    sent = results.index(next(word for word in results if word != OK))
    assert results == [OK] * sent + [DROPPED if i % 3 == 0 else FAILED for i in range(sent, RECORDS)]
    assert sorted(record.data for record in server.taken) == sorted(
        p for p in PAYLOADS[sent:] if json.loads(p)["id"] % 3 == 0
    )
    assert log["failed"] == {"overflow": results.count(FAILED)}
    assert (log["put_back"]["acknowledged"], log["put_back"]["not_acknowledged"]) == (results.count(DROPPED), 0)
    with AwsServer() as server:
        results, log = answer(server, event_of("direct"), CHANGES.replace("id % 3 == 0", "id < 0"))
        assert server.taken == []
    assert set(results) == {OK, FAILED}
    assert "put_back" not in log
