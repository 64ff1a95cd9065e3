"""Putting records back: the ledger balance under every fault, inside every limit, before the deadline."""

import dataclasses
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future

import botocore.exceptions as botocore_errors
import pytest
from aws_faults import FAULTS, HOLDING, REFUSALS, AwsServer, Plan
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from fastxform import limits
from fastxform.errors import REASONS
from fastxform.puts import api, reingest
from fastxform.puts.api import Target
from fastxform.puts.reingest import Reingester
from fastxform.puts.target import NoTarget, account_of, target_of

FIREHOSE_ARN = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/overflow"
KINESIS_ARN = "arn:aws:kinesis:eu-west-2:123456789012:stream/source"
FIREHOSE = Target("firehose", "overflow", FIREHOSE_ARN, "eu-west-1")
KINESIS = Target("kinesis", "source", KINESIS_ARN, "eu-west-2")
RESERVE_MS = 2_000


class Clock:
    """A clock that goes on only when told, and as a `sleep` notes what it was asked for."""

    def __init__(self):
        self.now = 1_000.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.sleeps.append(seconds)
        self.now += seconds


class FakeClient:
    """Both put calls; `answer(entries, number)` gives the reply or raises, and `calls` keeps what came."""

    def __init__(self, answer=None):
        self.answer = answer or acknowledge
        self.calls = []
        self.configs = []
        self.streams = []

    def factory(self, service, region, config):
        self.configs.append((service, region, config))
        return self

    def put_record_batch(self, *, DeliveryStreamName, Records):
        return self._put({"DeliveryStreamName": DeliveryStreamName}, Records)

    def put_records(self, *, Records, **stream):
        return self._put(stream, Records)

    def _put(self, stream, records):
        self.streams.append(stream)
        self.calls.append(records)
        return self.answer(records, len(self.calls) - 1)


def acknowledge(entries, number=0, failed=()):
    """Return the reply of either service that fails the entries at `failed`."""
    answers = [
        {"ErrorCode": "ServiceUnavailableException"} if i in failed else {"RecordId": "r", "SequenceNumber": "1"}
        for i in range(len(entries))
    ]
    return {
        "FailedPutCount": len(failed),
        "FailedRecordCount": len(failed),
        "RequestResponses": answers,
        "Records": answers,
    }


def client_error(code, status=400, message=""):
    """Return the exception that botocore raises for an error of the service."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore_errors.ClientError(response, "PutRecordBatch")


def with_response(response):
    """Return an exception of some client with an unusual `response`."""
    error = RuntimeError("a client that is not boto3's")
    error.response = response
    return error


@pytest.fixture
def reingester():
    """Return a maker of Reingesters that lets go of them at the end; without jitter unless told."""
    made = []

    def make(factory, **options):
        options = {"workers": 1, "reserve_ms": RESERVE_MS, "chance": lambda: 0.0} | options
        made.append(Reingester(factory, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


# ---- where to


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({"delivery_stream_arn": FIREHOSE_ARN}, FIREHOSE, id="direct put"),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "source_kinesis_stream_arn": KINESIS_ARN, "is_kinesis": True},
            KINESIS,
            id="kinesis by its ARN, in the ARN's region",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "source_kinesis_stream_arn": KINESIS_ARN}, KINESIS, id="ARN alone"
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "is_kinesis": True},
            NoTarget("the event's sourceKinesisStreamArn is missing or not an ARN of a stream: set overflow.stream"),
            id="kinesis by metadata has no name of a stream",
        ),
        pytest.param(
            {"is_kinesis": True, "region": "us-east-1", "stream": "mine"},
            Target("kinesis", "mine", None, "us-east-1"),
            id="kinesis by metadata, named by the configuration",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "region": "us-east-1", "stream": "mine"},
            Target("firehose", "mine", None, "eu-west-1"),
            id="another stream, in the region of the ARN",
        ),
        pytest.param(
            {"delivery_stream_arn": "x", "region": "us-east-1", "stream": "mine"},
            Target("firehose", "mine", None, "us-east-1"),
            id="a malformed ARN does not matter where the stream is named",
        ),
        pytest.param({"stream": "mine"}, Target("firehose", "mine", None, None), id="no region: the environment's"),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "stream": KINESIS_ARN}, KINESIS, id="an ARN says the service too"
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "stream": "arn:aws:s3:::bucket"},
            NoTarget("overflow.stream is not an ARN of a Firehose or Kinesis stream"),
            id="an ARN of something else",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "is_msk": True, "stream": "mine"},
            NoTarget("an MSK source has no stream to put records back to"),
            id="msk",
        ),
        pytest.param(
            {"delivery_stream_arn": "arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/a.b-c_d"},
            Target(
                "firehose",
                "a.b-c_d",
                "arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/a.b-c_d",
                "cn-north-1",
            ),
            id="another partition",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "account": "210987654321"},
            NoTarget("the event's deliveryStreamArn is of another account"),
            id="a stream of another account",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "account": "123456789012"}, FIREHOSE, id="one's own account"
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "account": "210987654321", "stream": FIREHOSE_ARN},
            NoTarget("overflow.stream is of another account"),
            id="an ARN of another account, of which Firehose is told the name only",
        ),
        pytest.param(
            {"delivery_stream_arn": FIREHOSE_ARN, "account": "210987654321", "stream": "mine"},
            Target("firehose", "mine", None, "eu-west-1"),
            id="a name is one of one's own",
        ),
        pytest.param(
            {
                "delivery_stream_arn": FIREHOSE_ARN,
                "source_kinesis_stream_arn": KINESIS_ARN,
                "account": "210987654321",
            },
            KINESIS,
            id="Kinesis is put to by ARN, across accounts too",
        ),
    ],
)
def test_target(facts, expected):
    """Records go back to the source of the event, or to the stream of the configuration, or nowhere, with a reason."""
    assert target_of(**facts) == expected


@pytest.mark.parametrize(
    ("arn", "account"),
    [
        ("arn:aws:lambda:eu-west-1:123456789012:function:f", "123456789012"),
        ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:live", "123456789012"),
        ("arn:aws:lambda:us-east-1:012345678912:function:test_function", None),
        ("arn:aws:lambda:eu-west-1:1234:function:f", None),
        (FIREHOSE_ARN, None),
        ("", None),
        (None, None),
        (b"arn", None),
    ],
)
def test_account_of_a_function(arn, account):
    """It is in the ARN by which the function was invoked; what is none has none."""
    assert account_of(arn) == account


@pytest.mark.parametrize(
    "arn",
    [
        None,
        "",
        "overflow",
        "arn:aws:kinesis:EXAMPLE",
        FIREHOSE_ARN + "/x",
        FIREHOSE_ARN + "\n",
        FIREHOSE_ARN.replace("deliverystream", "stream"),
        FIREHOSE_ARN.replace("firehose", "kinesis"),
        FIREHOSE_ARN.replace("eu-west-1", ""),
        FIREHOSE_ARN.replace("123456789012", "1234"),
        FIREHOSE_ARN.replace("overflow", ""),
        FIREHOSE_ARN.replace("overflow", "ström"),
        17,
    ],
)
def test_malformed_arn(arn):
    """What is no ARN of a stream is no target, whatever it is, and its text is not repeated."""
    expected = "the event's deliveryStreamArn is missing or not an ARN of a stream: set overflow.stream"
    assert target_of(delivery_stream_arn=arn) == NoTarget(expected)
    assert NoTarget("").reason == "put_refused"


# ---- under faults, with real boto3


def balance(outcome, server, payloads):
    """Check the ledger of one `put` of distinct payloads against what the server took."""
    taken = Counter(record.data for record in server.taken)
    assert server.violations == []
    assert len(outcome.reasons) == len(payloads)
    for position, (payload, reason) in enumerate(zip(payloads, outcome.reasons, strict=True)):
        assert reason is None or reason in REASONS
        assert reason is not None or taken[payload] >= 1, "acknowledged, and lost"
        if position not in outcome.maybe_duplicate:
            assert taken[payload] == (reason is None), "taken, and not shown as a possible duplicate"
    assert outcome.calls == server.seen
    assert outcome.acknowledged == outcome.reasons.count(None)
    assert outcome.possible_duplicates >= len(outcome.maybe_duplicate)
    assert max(taken.values(), default=0) <= 2, "more copies than one"
    assert taken.total() - outcome.acknowledged <= outcome.possible_duplicates, "copies that are not counted"


PLANS = {
    "nothing": Plan(),
    "entries fail": Plan(entries=0.3),
    "entries fail inside the service": Plan(entries=0.3, entry_code="InternalFailure"),
    **{name: Plan(calls={name: 0.5}, until_call=12) for name in FAULTS if name not in HOLDING},
    "all of them": Plan(calls={name: 0.05 for name in FAULTS if name not in HOLDING}, entries=0.2, until_call=20),
}
CLEAR = {"nothing", "entries fail", "throttle"}
"""Plans under which no record is in doubt."""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", PLANS)
def test_books_balance_and_everything_drains(name, seed, reingester):
    """Under faults that end, each record is acknowledged at last, or was put twice without an answer."""
    chance = random.Random(seed)
    target = KINESIS if seed % 2 else FIREHOSE
    payloads = [b"%d:%s" % (i, bytes(chance.randrange(60))) for i in range(1_100 + 300 * seed)]
    keys = [f"key-{i}" for i in range(len(payloads))]
    with AwsServer(dataclasses.replace(PLANS[name], seed=seed)) as server:
        one = reingester(server.client, workers=3, clock=Clock())
        outcome = one.put(target, payloads, keys, lambda: 60_000)
    balance(outcome, server, payloads)
    failed = [position for position, reason in enumerate(outcome.reasons) if reason]
    assert set(failed) <= set(outcome.maybe_duplicate)
    assert server.concurrency_max <= 3
    if name in CLEAR:
        assert outcome.maybe_duplicate == ()
        assert outcome.acknowledged == len(payloads)
    if target is KINESIS:
        assert {(record.data, record.partition_key) for record in server.taken} <= set(zip(payloads, keys, strict=True))


class TickingClock(Clock):
    """A clock that goes on by a millisecond with each look: faults that do not end meet the deadline."""

    def __call__(self):
        self.now += 0.001
        return self.now


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in HOLDING])
def test_books_balance_at_the_deadline(name, seed, reingester):
    """Under faults that do not end, what was not acknowledged in time has a reason."""
    payloads = [b"%d" % i for i in range(1_300)]
    clock = TickingClock()
    with AwsServer(Plan(seed=seed, calls={name: 0.8}, entries=0.5)) as server:
        one = reingester(server.client, workers=2, clock=clock)
        outcome = one.put(FIREHOSE, payloads, None, lambda: RESERVE_MS + 150)
        one._pool.shutdown(wait=True)  # a call that was left behind is to reach the server before the ledger are read
    assert clock.now < 1_000 + 0.150 + 0.01
    balance(outcome, server, payloads)
    assert outcome.retries > 0
    assert set(outcome.reasons) <= {None, "put_failed", "deadline"}


def test_slow_answers_are_waited_for(reingester):
    """An answer that is slow and in time is an acknowledgement."""
    payloads = [b"%d" % i for i in range(600)]
    with AwsServer(Plan(calls={"slow": 1.0}, slow_s=0.05)) as server:
        outcome = reingester(server.client, workers=2).put(FIREHOSE, payloads, None, lambda: 60_000)
    balance(outcome, server, payloads)
    assert (outcome.acknowledged, outcome.calls, outcome.maybe_duplicate) == (600, 2, ())


def test_no_answer_before_the_deadline(reingester):
    """A call that is never answered does not hold the handler: its records have failed, and may have arrived."""
    payloads = [b"%d" % i for i in range(1_200)]
    with AwsServer() as server:
        one = reingester(server.client, workers=2)
        assert one.put(FIREHOSE, [b"first"], None, lambda: 60_000).acknowledged == 1
        server.plan = Plan(calls={"hang": 1.0})
        outcome = one.put(FIREHOSE, payloads, None, lambda: RESERVE_MS + 900)
        assert server.concurrency_max == 2
    assert Counter(record.data for record in server.taken) == Counter([b"first", *payloads[:1_000]])
    assert outcome.reasons == ["put_failed"] * 1_000 + ["deadline"] * 200
    assert outcome.maybe_duplicate == tuple(range(1_000))
    assert (outcome.calls, outcome.errors) == (2, {"Unanswered": 2})


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_calls_at_once(workers, reingester):
    """As many calls are in flight as there are workers, never more."""
    full, lock = threading.Barrier(workers), threading.Lock()
    in_flight, most = [], []

    def together(entries, number):
        with lock:
            in_flight.append(number)
            most.append(len(in_flight))
        full.wait(20)  # breaks, and fails the call, if there are never as many
        with lock:
            in_flight.pop()
        return acknowledge(entries)

    client = FakeClient(together)
    outcome = reingester(client.factory, workers=workers).put(FIREHOSE, [b"x"] * (500 * 3 * workers))
    assert (outcome.acknowledged, outcome.calls) == (500 * 3 * workers, 3 * workers)
    assert max(most) == workers


def test_a_slow_call_holds_up_no_other(reingester):
    """While one call waits for its answer, the other workers go on with the calls that are left."""
    others = threading.Semaphore(0)
    waited = []

    def answer(entries, number):
        if entries[0]["Data"] == b"slow":
            waited.append(all(others.acquire(timeout=20) for _ in range(3)))
        else:
            others.release()
        return acknowledge(entries)

    outcome = reingester(FakeClient(answer).factory, workers=2).put(FIREHOSE, [b"slow"] * 500 + [b"x"] * 1_500)
    assert (outcome.acknowledged, waited) == (2_000, [True])


@pytest.mark.parametrize("target", [FIREHOSE, KINESIS], ids=["firehose", "kinesis"])
def test_the_largest_records_and_calls_are_taken(target, reingester, monkeypatch):
    """Records and calls of exactly the limit go through; one byte more is known before any call."""
    is_firehose = target is FIREHOSE
    # An event cannot bring a Kinesis record of the largest size that there is: five of the usual one fill a call.
    usual = dataclasses.replace(api.APIS["kinesis"], returned_limit_bytes=limits.KINESIS_RECORD_LIMIT_BYTES)
    monkeypatch.setitem(api.APIS, "kinesis", usual)
    key = "é" * 3
    record_bytes = limits.FIREHOSE_RECORD_LIMIT_BYTES if is_firehose else limits.KINESIS_RECORD_LIMIT_BYTES - 6
    batch_bytes = limits.FIREHOSE_BATCH_LIMIT_BYTES if is_firehose else limits.KINESIS_BATCH_LIMIT_BYTES
    sizes = [record_bytes, record_bytes + 1, record_bytes, record_bytes, record_bytes]
    sizes.append(batch_bytes - sum(sizes[i] for i in (0, 2, 3, 4)) - (0 if is_firehose else 5 * 6))
    sizes.append(1)
    payloads = [bytes(size) for size in sizes]
    with AwsServer() as server:
        outcome = reingester(server.client).put(target, payloads, [key] * len(payloads), lambda: 60_000)
    assert server.violations == []
    assert outcome.reasons == [None, "never_fits", None, None, None, None, None]
    assert [(call.records, call.record_bytes) for call in server.calls] == [
        (5, batch_bytes),
        (1, 1 if is_firehose else 7),
    ]


def test_large_records_go_back_to_a_stream_that_takes_them(reingester):
    """A Kinesis record of more than 1 MiB came from a stream that takes it, and goes back."""
    payloads = [bytes(4_600_000), b"small", bytes(1_500_000)]
    with AwsServer(Plan(kinesis_record_bytes=limits.KINESIS_RECORD_LARGEST_BYTES)) as server:
        outcome = reingester(server.client).put(KINESIS, payloads, ["k"] * 3, lambda: 60_000)
    assert server.violations == []
    assert outcome.reasons == [None, None, None]
    assert [(call.records, call.record_bytes) for call in server.calls] == [(2, 4_600_007), (1, 1_500_001)]


def test_a_large_record_that_the_stream_refuses_costs_its_neighbours_nothing(reingester):
    """Put onto another stream of the usual limit, it is found by halving, and the others go through."""
    payloads = [b"a", bytes(2_000_000), b"b", b"c"]
    with AwsServer() as server:
        outcome = reingester(server.client).put(KINESIS, payloads, ["k"] * 4, lambda: 60_000)
    assert [reason is None for reason in outcome.reasons] == [True, False, True, True]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_ends_it_and_is_remembered(refusal, reingester):
    """A stream that refuses is asked once, not again by this container, and again when the memory has faded."""
    clock = Clock()
    payloads = [b"%d" % i for i in range(1_200)]
    with AwsServer(Plan(refuse=refusal)) as server:
        one = reingester(server.client, clock=clock)
        first = one.put(KINESIS, payloads, ["k"] * 1_200, lambda: 60_000)
        assert (first.calls, server.seen) == (1, 1)
        assert first.reasons == ["put_refused"] * 1_200
        assert first.maybe_duplicate == ()
        assert first.errors == {REFUSALS[refusal][0]: 1}
        clock.now += reingest.REFUSAL_MEMORY_MS / 1_000 - 0.001
        second = one.put(KINESIS, payloads, ["k"] * 1_200, lambda: 60_000)
        assert (second.calls, second.reasons) == (0, ["put_refused"] * 1_200)
        other = dataclasses.replace(KINESIS, name="other", arn=None)
        assert one.put(other, payloads[:1], ["k"], lambda: 60_000).calls == 1
        clock.now += 0.002
        assert one.put(KINESIS, payloads[:1], ["k"], lambda: 60_000).calls == 1


def test_a_refusal_in_parallel(reingester):
    """Calls that are in flight with the one that is refused are not repeated, and none is started after it."""
    payloads = [b"%d" % i for i in range(500 * 8)]
    with AwsServer(Plan(refuse="not_permitted")) as server:
        outcome = reingester(server.client, workers=3).put(FIREHOSE, payloads, None, lambda: 60_000)
    assert outcome.reasons == ["put_refused"] * len(payloads)
    assert (outcome.calls, server.seen, outcome.retries) == (3, 3, 0)


def test_a_refusal_ends_the_calls_in_flight_too(reingester):
    """A call that fails after another was refused is not put again, however retryable its own failure."""
    is_refused, is_booked = threading.Event(), threading.Event()

    class Watch(Clock):
        def __call__(self):
            if is_refused.is_set():  # the first look at the clock after the refusal was booked
                is_booked.set()
            return self.now

    def answer(entries, number):
        if entries[0]["Data"] == b"a":
            is_refused.set()
            raise client_error("AccessDeniedException")
        is_booked.wait(20)
        if number > 1:
            return acknowledge(entries)
        raise client_error("ThrottlingException")

    client = FakeClient(answer)
    outcome = reingester(client.factory, workers=2, clock=Watch()).put(FIREHOSE, [b"a"] * 500 + [b"b"] * 500)
    assert outcome.reasons == ["put_refused"] * 1_000
    assert outcome.calls == len(client.calls) == 2


def test_one_invalid_record_fails_alone(reingester):
    """Where a call is invalid for one record's sake, the others are put without it."""
    payloads = [b"%d" % i for i in range(700)]
    with AwsServer(Plan(poison=b"333")) as server:
        outcome = reingester(server.client, workers=2).put(FIREHOSE, payloads, None, lambda: 60_000)
    balance(outcome, server, payloads)
    assert [(i, reason) for i, reason in enumerate(outcome.reasons) if reason] == [(333, "put_failed")]
    assert outcome.maybe_duplicate == ()


def test_a_stream_that_calls_everything_invalid(reingester):
    """Halving ends after a bounded number of calls where the fault is not one record's."""

    def invalid(entries, number):
        raise client_error("InvalidArgumentException")

    client = FakeClient(invalid)
    outcome = reingester(client.factory).put(FIREHOSE, [b"x"] * 3_000, None, lambda: 60_000)
    assert outcome.reasons == ["put_failed"] * 3_000
    assert outcome.calls == len(client.calls) == 6 + 2 * reingest.SPLITS_MAX


def test_boto3_is_found_by_its_environment(monkeypatch, reingester):
    """Without a factory boto3's own client is made, which honours the usual endpoint variables."""
    with AwsServer() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        one = reingester(None)
        assert one.put(FIREHOSE, [b"a"], None, lambda: 60_000).reasons == [None]
        assert one.put(KINESIS, [b"b"], ["k"], lambda: 60_000).reasons == [None]
        assert one.put(dataclasses.replace(KINESIS, arn=None), [b"c"], ["k"]).reasons == [None]
    assert [(call.service, call.stream) for call in server.calls] == [
        ("firehose", "overflow"),
        ("kinesis", "source"),
        ("kinesis", "source"),
    ]


def test_without_credentials_nothing_is_sent(monkeypatch, reingester):
    """A client without credentials fails its records at once, before anything left the machine."""
    with AwsServer() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        for name in [name for name in os.environ if name.startswith("AWS_") and ("KEY" in name or "PROFILE" in name)]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        outcome = reingester(None).put(FIREHOSE, [b"a"], None, lambda: 60_000)
    assert outcome.reasons == ["put_failed"]
    assert (outcome.maybe_duplicate, outcome.errors, server.seen) == ((), {"NoCredentialsError": 1}, 0)


def test_nothing_of_aws_is_imported_before_it_is_needed():
    """Importing the module and making a Reingester costs no boto3, no botocore and no thread."""
    program = (
        "import sys, threading, fastxform.puts.reingest as r; r.Reingester();"
        "print([m for m in ('boto3', 'botocore', 'urllib3') if m in sys.modules], threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 1"


# ---- the rules, one by one


def test_only_failed_entries_are_put_again(reingester):
    """The entries that failed inside a reply are put again, and no other."""
    client = FakeClient(lambda entries, number: acknowledge(entries, failed=[(1, 3), (0,), ()][number]))
    outcome = reingester(client.factory).put(FIREHOSE, [b"a", b"b", b"c", b"d"])
    sent = [[entry["Data"] for entry in call] for call in client.calls]
    assert sent == [[b"a", b"b", b"c", b"d"], [b"b", b"d"], [b"b"]]
    assert outcome.reasons == [None] * 4
    assert (outcome.calls, outcome.retries, outcome.errors) == (3, 2, {"ServiceUnavailableException": 3})


def test_an_entry_that_failed_inside_the_service_is_in_doubt(reingester):
    """AWS says of an internal failure that the write may have completed; of a throttle it does not."""
    codes = ["InternalFailure", "ServiceUnavailableException", "a text with a value: 4711"]

    def fail(entries, number):
        if number:
            return acknowledge(entries)
        return {"FailedPutCount": 3, "RequestResponses": [{"ErrorCode": code} for code in codes]}

    outcome = reingester(FakeClient(fail).factory).put(FIREHOSE, [b"a", b"b", b"c"])
    assert (outcome.reasons, outcome.maybe_duplicate) == ([None] * 3, (0,))
    assert outcome.errors == {"InternalFailure": 1, "ServiceUnavailableException": 1, "UnknownError": 1}


def test_an_answer_at_the_last_moment_counts():
    """An acknowledgement that is there when the time is over is booked, not thrown away."""
    run = reingest._PutRun(FIREHOSE, [b"a"], None, 1_000, Clock(), lambda: 0.0)
    batch, entries = run.start()
    answered = Future()
    answered.set_result(acknowledge(entries))
    run.in_flight[answered] = batch
    run.close()
    assert (run.outcome().reasons, run.outcome().maybe_duplicate) == ([None], ())


def test_keys_and_streams(reingester):
    """Kinesis gets each record's own key, or none where it has none, and the ARN if known; Firehose gets neither."""
    client = FakeClient()
    one = reingester(client.factory)
    one.put(KINESIS, [b"a", b"b", b"c"], ["k", None, ""])
    one.put(dataclasses.replace(KINESIS, arn=None), [b"a"])
    one.put(FIREHOSE, [b"a"], ["k"])
    assert client.calls == [
        [{"Data": b"a", "PartitionKey": "k"}, {"Data": b"b"}, {"Data": b"c"}],
        [{"Data": b"a"}],
        [{"Data": b"a"}],
    ]
    assert client.streams == [{"StreamARN": KINESIS_ARN}, {"StreamName": "source"}, {"DeliveryStreamName": "overflow"}]
    assert [(service, region) for service, region, _ in client.configs] == [
        ("kinesis", "eu-west-2"),
        ("firehose", "eu-west-1"),
    ]


@pytest.mark.parametrize("key", ["\ud800", 17, ["k"]], ids=["a lone surrogate", "a number", "a list"])
def test_a_key_that_is_none(key, reingester):
    """A key that an event can hold and a stream cannot raises nothing here."""
    client = FakeClient()
    assert reingester(client.factory).put(KINESIS, [b"a"], [key]).reasons == [None]


def test_nothing_to_put(reingester):
    """Without a record there is no client and no call; the same where none can ever fit."""
    client = FakeClient()
    one = reingester(client.factory)
    assert one.put(FIREHOSE, []).reasons == []
    assert one.put(FIREHOSE, [bytes(limits.FIREHOSE_RECORD_LIMIT_BYTES + 1)]).reasons == ["never_fits"]
    assert (client.configs, client.calls) == ([], [])


@settings(max_examples=150)
@given(sizes=st.lists(st.integers(0, 14), max_size=30), key=st.sampled_from([None, "", "k", "é"]))
def test_batches(sizes, key):
    """Each record that can fit is in one call, in order; no call is over a limit; the next record did not fit in."""
    small = dataclasses.replace(
        api.APIS["kinesis"], returned_limit_bytes=12, batch_limit_bytes=20, batch_limit_records=4
    )
    key_bytes = len((key or "").encode())
    client = FakeClient()
    one = Reingester(client.factory, workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(api.APIS, "kinesis", small)
        outcome = one.put(KINESIS, [bytes(size) for size in sizes], [key] * len(sizes))
    one.close()
    fitting = [size for size in sizes if size + key_bytes <= 12]
    assert outcome.reasons == [None if size + key_bytes <= 12 else "never_fits" for size in sizes]
    calls = [[len(entry["Data"]) for entry in call] for call in client.calls]
    assert [size for call in calls for size in call] == fitting
    filled = [sum(call) + len(call) * key_bytes for call in calls]
    assert all(1 <= len(call) <= 4 and size <= 20 for call, size in zip(calls, filled, strict=True))
    for call, size, following in zip(calls, filled, calls[1:], strict=False):
        assert len(call) == 4 or size + following[0] + key_bytes > 20


def test_backoff(reingester):
    """Pauses grow twofold to their maximum, each a drawn share of it, and end before the reserve is touched."""
    clock = Clock()

    def throttle(entries, number):
        clock.now += 0.010
        raise client_error("ThrottlingException")

    client = FakeClient(throttle)
    one = reingester(client.factory, clock=clock, sleep=clock.sleep, chance=lambda: 0.5)
    outcome = one.put(FIREHOSE, [b"a"], None, lambda: RESERVE_MS + 12_000)
    assert clock.sleeps == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5, 2.5, 2.5])
    assert (outcome.reasons, outcome.maybe_duplicate) == (["put_failed"], ())
    assert (outcome.calls, outcome.retries, outcome.errors) == (10, 9, {"ThrottlingException": 10})
    assert clock.now < 1_012


def test_patience_without_a_deadline(reingester):
    """Where nothing ends the invocation, or it ends late, one `put` still ends after its patience."""
    clock = Clock()

    def throttle(entries, number):
        raise client_error("Throttling")

    one = reingester(FakeClient(throttle).factory, clock=clock, sleep=clock.sleep, chance=lambda: 0.999)
    for remaining_ms in (None, lambda: 300_000):
        start = clock.now
        assert one.put(FIREHOSE, [b"a"], None, remaining_ms).reasons == ["put_failed"]
        assert 50 < clock.now - start < reingest.PATIENCE_MS / 1_000


@pytest.mark.parametrize("remaining_ms", [-5, 0, RESERVE_MS, RESERVE_MS + reingest.CALL_MIN_MS - 1])
def test_no_time_left(remaining_ms, reingester):
    """With the reserve touched, or no time for a call, nothing is started and every record says so."""
    client = FakeClient()
    outcome = reingester(client.factory).put(FIREHOSE, [b"a", b"b"], None, lambda: remaining_ms)
    assert (outcome.reasons, outcome.calls, client.configs) == (["deadline"] * 2, 0, [])


def test_no_call_starts_when_the_time_is_over(reingester):
    """Calls use up the time: what no call took has no put behind it and says `deadline`."""
    clock = Clock()

    def slow(entries, number):
        clock.now += 0.35  # the third ends with less time to go than a call may be started with
        return acknowledge(entries)

    client = FakeClient(slow)
    outcome = reingester(client.factory, clock=clock).put(
        FIREHOSE, [b"x"] * 2_500, None, lambda: RESERVE_MS + 1_000 + reingest.CALL_MIN_MS
    )
    assert outcome.reasons == [None] * 1_500 + ["deadline"] * 1_000
    assert (outcome.calls, outcome.maybe_duplicate) == (3, ())


def test_a_call_left_behind_does_not_keep_its_worker(reingester):
    """A client whose connections cannot be closed costs a thread, not the next `put`; a late answer changes nothing."""
    release, started = threading.Event(), threading.Event()

    def stuck(entries, number):
        if number:
            return acknowledge(entries)
        started.set()
        release.wait(20)
        return acknowledge(entries)

    client = FakeClient(stuck)
    one = reingester(client.factory)
    first = one.put(FIREHOSE, [b"a"], None, lambda: RESERVE_MS + 500)
    assert started.is_set()
    assert (first.reasons, first.maybe_duplicate, first.calls) == (["put_failed"], (0,), 1)
    assert one.put(FIREHOSE, [b"b"], None, lambda: RESERVE_MS + 500).reasons == [None]
    release.set()
    assert one.put(FIREHOSE, [b"c"], None, lambda: 60_000).reasons == [None]
    assert first.reasons == ["put_failed"]
    assert [call[0]["Data"] for call in client.calls] == [b"a", b"b", b"c"]


def test_threads_that_were_lost_are_bounded(reingester, monkeypatch):
    """Calls that nothing can end get new threads up to a bound; then the next call waits for one of them."""
    monkeypatch.setattr("fastxform.puts.threads.LOST_MAX", 3)
    release = threading.Event()

    def stuck(entries, number):
        release.wait(20)
        return acknowledge(entries)

    client = FakeClient(stuck)
    one = reingester(client.factory)
    before = set(threading.enumerate())
    for index in range(6):
        target = dataclasses.replace(FIREHOSE, name=f"s{index}")  # no stream is left alone for what another did
        reasons = one.put(target, [b"a"], None, lambda: RESERVE_MS + 150).reasons
        assert reasons == (["put_failed"] if index < 4 else ["deadline"])
    assert len(set(threading.enumerate()) - before) == 4
    release.set()
    assert one.put(FIREHOSE, [b"c"], None, lambda: 60_000).reasons == [None]


@pytest.fixture
def quick(monkeypatch):
    """Time-outs of tenths of a second instead of seconds."""
    monkeypatch.setattr(reingest, "READ_TIMEOUT_MIN_MS", 500)
    monkeypatch.setattr(reingest, "READ_TIMEOUT_MAX_MS", 500)


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("fault", ["drip_head", "drip_body", "hang"])
def test_a_call_takes_its_time_at_most(fault, with_tls, reingester, quick):
    """Answers that drip never meet a time-out of a read: the call ends all the same, and its thread is free."""
    with AwsServer(Plan(calls={fault: 1.0}, until_call=2), with_tls=with_tls) as server:
        one = reingester(server.client, workers=2)
        before = threading.active_count()
        outcome = one.put(FIREHOSE, [b"%d" % number for number in range(1_000)], None, lambda: 60_000)
        assert outcome.acknowledged == 1_000
        assert outcome.maybe_duplicate == tuple(range(1_000))
        assert sum(outcome.errors.values()) == 2
        assert fault == "hang" or outcome.errors.keys() == {"CallTimeout"}
        assert server.seen == 4
        one._pool.shutdown(wait=True)  # would wait for as long as the answers drip
    assert threading.active_count() <= before


@pytest.mark.parametrize("fault", ["drip_head", "drip_body", "hang"])
def test_a_stream_that_is_well_again_is_put_to(fault, reingester):
    """What dripped past the deadline of one invocation holds nothing of the next."""
    with AwsServer(Plan(calls={fault: 1.0})) as server:
        one = reingester(server.client, workers=2)
        first = one.put(FIREHOSE, [b"a"], None, lambda: RESERVE_MS + 900)
        assert (first.reasons, first.errors) == (["put_failed"], {"Unanswered": 1})
        server.plan = Plan()
        second = one.put(FIREHOSE, [b"b"] * 1_000, None, lambda: 60_000)
    assert (second.acknowledged, second.errors) == (1_000, {})


FORKED = """
import os, sys
sys.path[:0] = {path!r}
from aws_faults import AwsServer
from fastxform.puts.api import Target
from fastxform.puts.reingest import Reingester

with AwsServer() as server:
    one = Reingester(server.client, workers=2)
    target = Target("firehose", "s", None, "eu-west-1")
    assert one.put(target, [b"parent"], None, lambda: 60_000).reasons == [None]
    child = os.fork()
    if not child:
        reasons = one.put(target, [b"child"] * 700, None, lambda: 8_000).reasons
        os._exit(reasons != [None] * 700)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert one.put(target, [b"parent"], None, lambda: 60_000).reasons == [None]
    one.close()
sys.exit(status)
"""


def test_a_fork_has_threads_and_connections_of_its_own():
    """Threads do not come along in a fork, and a connection that two processes read from is neither's."""
    script = FORKED.format(path=[entry for entry in sys.path if entry])
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_slow_factory_does_not_hold_the_handler(reingester):
    """A client that takes too long to make is there for the next batch; this one's records say `deadline`."""
    release = threading.Event()
    client = FakeClient()

    def factory(*arguments):
        release.wait(20)
        return client.factory(*arguments)

    one = reingester(factory)
    assert one.put(FIREHOSE, [b"a"], None, lambda: RESERVE_MS + 150).reasons == ["deadline"]
    release.set()
    assert one.put(FIREHOSE, [b"a"], None, lambda: 60_000).reasons == [None]


def test_a_factory_that_raises(reingester):
    """Without a client the puts have failed, the class of the error is counted, and the next batch tries again."""
    client = FakeClient()
    problems = [ImportError("No module named 'boto3'")]

    def factory(*arguments):
        if problems:
            raise problems.pop()
        return client.factory(*arguments)

    one = reingester(factory)
    outcome = one.put(FIREHOSE, [b"a", bytes(limits.FIREHOSE_RECORD_LIMIT_BYTES + 1)])
    assert (outcome.reasons, outcome.errors) == (["put_failed", "never_fits"], {"ImportError": 1})
    assert one.put(FIREHOSE, [b"a"]).reasons == [None]


@pytest.mark.parametrize(
    ("left_ms", "connect_s", "read_s"),
    [
        pytest.param(300, 1.0, 1.0, id="short: at least a second, the deadline is kept without it"),
        pytest.param(4_500, 1.5, 1.5, id="a third of the time"),
        pytest.param(20_000, 2.0, 20 / 3, id="connections take two seconds at most"),
        pytest.param(300_000, 2.0, 10.0, id="ten seconds at most"),
    ],
)
def test_client_follows_from_time_and_workers(left_ms, connect_s, read_s, reingester):
    """Time-outs follow from the time left, connections from the workers, and the client never retries by itself."""
    client = FakeClient()
    one = reingester(client.factory, workers=5, clock=Clock())
    one.put(FIREHOSE, [b"a"], None, lambda: RESERVE_MS + left_ms)
    config = client.configs[0][2]
    assert (config.connect_timeout, config.read_timeout) == pytest.approx((connect_s, read_s))
    assert (config.max_pool_connections, config.retries["total_max_attempts"]) == (5, 1)


def test_one_client_for_the_container(reingester):
    """The client is kept, unless it was made with much less time than there is now."""
    client = FakeClient()
    one = reingester(client.factory, clock=Clock())
    for left_ms in (1_000, 1_000, 5_000, 30_000, 300, 30_000):
        one.put(FIREHOSE, [b"a"], None, lambda left_ms=left_ms: RESERVE_MS + left_ms)
    assert [config.read_timeout for _, _, config in client.configs] == pytest.approx([1, 10])


def answers(*entries, failed=0):
    """Return a Firehose reply with these entries."""
    return {"FailedPutCount": failed, "RequestResponses": list(entries)}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"FailedPutCount": 0}, id="no list"),
        pytest.param({"FailedPutCount": 0, "RequestResponses": None}, id="null for a list"),
        pytest.param({"FailedPutCount": 0, "RequestResponses": {"RecordId": "r"}}, id="an object for a list"),
        pytest.param(answers(), id="empty list"),
        pytest.param(answers({"RecordId": "r"}), id="one too few"),
        pytest.param(answers({"RecordId": "r"}, {"RecordId": "r"}, {"RecordId": "r"}), id="one too many"),
        pytest.param(answers({"RecordId": "r"}, {"RecordId": "r"}, failed=1), id="more failures counted than listed"),
        pytest.param(answers({"RecordId": "r"}, {"ErrorCode": "x"}), id="fewer failures counted than listed"),
        pytest.param(answers({"RecordId": "r"}, {"RecordId": "r"}, failed=None), id="null for a count"),
        pytest.param(answers({"RecordId": "r"}, {}), id="an entry without receipt or error"),
        pytest.param(answers({"RecordId": "r"}, {"RecordId": ""}), id="an empty receipt"),
        pytest.param(answers({"RecordId": "r"}, {"SequenceNumber": "1"}), id="the receipt of the other service"),
        pytest.param(answers({"RecordId": "r"}, None), id="null for an entry"),
        pytest.param(answers({"RecordId": "r"}, "r"), id="text for an entry"),
    ],
)
def test_a_malformed_reply_acknowledges_nothing(reply, reingester):
    """A reply that contradicts itself is no acknowledgement of any record: all are put again, all are in doubt."""
    client = FakeClient(lambda entries, number: reply if number == 0 else acknowledge(entries))
    outcome = reingester(client.factory).put(FIREHOSE, [b"a", b"b"])
    assert [len(call) for call in client.calls] == [2, 2]
    assert (outcome.reasons, outcome.maybe_duplicate, outcome.errors) == ([None] * 2, (0, 1), {"MalformedReply": 1})


def test_a_count_that_is_left_out(reingester):
    """The count of failures is optional in Kinesis's interface: without it the entries speak for themselves."""
    client = FakeClient(lambda entries, number: {"Records": acknowledge(entries)["Records"]})
    assert reingester(client.factory).put(KINESIS, [b"a"], ["k"]).reasons == [None]


AGAIN, AGAIN_IN_DOUBT = ([None], 2, ()), ([None], 2, (0,))
REFUSED, FAILED_AT_ONCE, FAILED_IN_DOUBT = (["put_refused"], 1, ()), (["put_failed"], 1, ()), (["put_failed"], 1, (0,))
URL = {"endpoint_url": "http://127.0.0.1"}


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (client_error("ServiceUnavailableException", 500), AGAIN, "ServiceUnavailableException"),
        (client_error("ProvisionedThroughputExceededException"), AGAIN, "ProvisionedThroughputExceededException"),
        (client_error("KMSThrottlingException"), AGAIN, "KMSThrottlingException"),
        (client_error("LimitExceededException"), AGAIN, "LimitExceededException"),
        (client_error("429", 429), AGAIN, "UnknownError"),
        (client_error("InternalFailure", 500), AGAIN_IN_DOUBT, "InternalFailure"),
        (client_error("InternalFailureException", 400), AGAIN_IN_DOUBT, "InternalFailureException"),
        (client_error("RequestTimeoutException"), AGAIN_IN_DOUBT, "RequestTimeoutException"),
        (client_error("502", 502), AGAIN_IN_DOUBT, "UnknownError"),
        (client_error("AccessDeniedException"), REFUSED, "AccessDeniedException"),
        (client_error("ResourceNotFoundException"), REFUSED, "ResourceNotFoundException"),
        (client_error("ExpiredTokenException"), REFUSED, "ExpiredTokenException"),
        (client_error("InvalidArgumentException", message="is not permitted on"), REFUSED, "InvalidArgumentException"),
        (client_error("InvalidArgumentException", message="too long"), FAILED_AT_ONCE, "InvalidArgumentException"),
        (client_error("RequestEntityTooLarge", 413), FAILED_AT_ONCE, "RequestEntityTooLarge"),
        (client_error("card 4711 of Mr. X", 500), AGAIN_IN_DOUBT, "UnknownError"),
        (botocore_errors.EndpointConnectionError(**URL), AGAIN, "EndpointConnectionError"),
        (botocore_errors.ConnectTimeoutError(**URL), AGAIN, "ConnectTimeoutError"),
        (botocore_errors.ProxyConnectionError(proxy_url="http://127.0.0.1"), AGAIN, "ProxyConnectionError"),
        (botocore_errors.ReadTimeoutError(**URL), AGAIN_IN_DOUBT, "ReadTimeoutError"),
        (botocore_errors.ConnectionClosedError(**URL), AGAIN_IN_DOUBT, "ConnectionClosedError"),
        (botocore_errors.HTTPClientError(error="x"), AGAIN_IN_DOUBT, "HTTPClientError"),
        (ResponseParserError("x"), AGAIN_IN_DOUBT, "ResponseParserError"),
        (ConnectionResetError(), AGAIN_IN_DOUBT, "ConnectionResetError"),
        (ConnectionRefusedError(), AGAIN, "ConnectionRefusedError"),
        (TimeoutError(), AGAIN_IN_DOUBT, "TimeoutError"),
        (botocore_errors.SSLError(error="x", **URL), FAILED_IN_DOUBT, "SSLError"),
        (botocore_errors.NoCredentialsError(), FAILED_AT_ONCE, "NoCredentialsError"),
        (botocore_errors.ParamValidationError(report="Data: b'secret'"), FAILED_AT_ONCE, "ParamValidationError"),
        (RuntimeError("a client that is not boto3's"), FAILED_IN_DOUBT, "RuntimeError"),
        (with_response({}), REFUSED, "UnknownError"),
        (with_response({"Error": None, "ResponseMetadata": None}), REFUSED, "UnknownError"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Exception) else None,
)
def test_what_an_error_means(error, expected, code, reingester):
    """Each error is put again, refused or failed at once, in doubt or not, and counted by one harmless word."""

    def once(entries, number):
        if number == 0:
            raise error
        return acknowledge(entries)

    client = FakeClient(once)
    outcome = reingester(client.factory).put(FIREHOSE, [b"a"], None, lambda: 60_000)
    assert (outcome.reasons, outcome.calls, outcome.maybe_duplicate) == expected
    assert outcome.errors == {code: 1}


def test_what_was_acknowledged_before_a_refusal_stays_so(reingester):
    """A stream that begins to refuse takes nothing back of what it took."""

    def then_deny(entries, number):
        if number == 1:
            raise client_error("AccessDeniedException")
        return acknowledge(entries, failed=(0,))

    outcome = reingester(FakeClient(then_deny).factory).put(FIREHOSE, [b"x"] * 1_000)
    assert outcome.reasons == ["put_refused", *[None] * 499, *["put_refused"] * 500]


@pytest.mark.parametrize(
    "fault",
    ["server_error_after", "reset_after", "cut_off", "not_json", "no_receipt", "drip_head", "drip_body", "hang"],
)
def test_a_stream_that_stores_and_does_not_acknowledge_gets_each_record_twice_at_most(fault, reingester, quick):
    """Each copy comes again and overflows again: 60, 287, 1,426 records in three generations, were it put for ever."""
    ahead = [0.0]
    with AwsServer(Plan(calls={fault: 1.0})) as server:
        one = reingester(server.client, workers=2, clock=lambda: time.monotonic() + ahead[0])
        generation, arrived = [b"%d" % number for number in range(60)], []
        for _ in range(4):
            before = len(server.taken)
            outcome = one.put(FIREHOSE, generation, None, lambda: 60_000)
            assert set(outcome.reasons) == {"put_failed"}
            generation = [record.data for record in server.taken[before:]]
            arrived.append(len(generation))
            assert outcome.possible_duplicates >= len(generation)
            if not generation:
                break
        assert arrived == [120, 0]
        ahead[0] += reingest.UNKNOWN_MEMORY_MS / 1_000
        server.plan = Plan()
        assert one.put(FIREHOSE, [b"later"], None, lambda: 60_000).reasons == [None]


def test_a_stream_of_which_too_many_calls_are_unknown_is_left_alone(reingester):
    """One call in two stored and not acknowledged: each generation of copies would be twice the one before."""
    clock = Clock()

    def every_other(entries, number):
        if number % 2 == 0:
            raise client_error("InternalFailure", 500)
        return acknowledge(entries)

    client = FakeClient(every_other)
    one = reingester(client.factory, clock=clock, sleep=clock.sleep)
    outcomes = [one.put(FIREHOSE, [b"a"], None, lambda: 60_000) for _ in range(4)]
    assert [outcome.reasons for outcome in outcomes] == [[None], [None], ["put_failed"], ["put_failed"]]
    assert outcomes[-1].errors == {"StreamUnknown": 1}
    assert len(client.calls) == 4


def test_a_few_calls_of_unknown_fate_are_no_reason_to_stop(reingester):
    """One call in six: a stream that is busy, of which copies do not grow."""
    clock = Clock()

    def every_sixth(entries, number):
        if number % 6 == 5:
            raise client_error("InternalFailure", 500)
        return acknowledge(entries)

    client = FakeClient(every_sixth)
    one = reingester(client.factory, clock=clock, sleep=clock.sleep)
    assert {one.put(FIREHOSE, [b"a"], None, lambda: 60_000).acknowledged for _ in range(60)} == {1}
