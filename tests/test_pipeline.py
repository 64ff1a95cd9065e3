"""The pipeline against the slow oracle, record by record, over malformed batches."""

import gzip
import resource

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from oracle import Oracle
from strategies import batches, configs, metas

from fastxform import Pipeline
from fastxform.decode import validation

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
NOW_MS = 1_700_000_000_123


@st.composite
def runs(draw, source):
    config = draw(configs(source=source))
    payloads = draw(batches(config=config))
    return config, payloads, draw(metas(len(payloads)))


def outcomes_of(batch):
    metadata = batch.metadata or [None] * len(batch)
    return list(zip(batch.result, batch.reason, batch.data, metadata, strict=True))


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("source", ["json", "dynamodb", "cloudwatch-logs"])
def test_pipeline_equals_the_oracle(source):
    """Every record of any batch has the result, reason, data and metadata that the oracle gives it alone."""

    @SLOW
    @given(runs(source))
    def check(run):
        config, payloads, meta = run
        note(config)
        expected = Oracle(config).batch(payloads, meta, NOW_MS)
        found = Pipeline.from_toml(config).run(payloads, meta=meta, now_ms=NOW_MS)
        for position, (want, got) in enumerate(zip(expected, outcomes_of(found), strict=True)):
            assert (want.result, want.reason, want.data, want.metadata) == got, (
                f"record {position}: {payloads[position]!r}"
            )
        assert found.where_null == sum(want.where_null for want in expected)

    check()


DIGITS = b"1" * 5_000
INNER = next(
    packed for number in range(10_000) if b"\n" not in (packed := gzip.compress(b'{"a":%d}' % number, mtime=0))
)
DYNAMODB = 'source = "dynamodb"\n'
MANY = 'documents = "many"\n'
ODD = {
    "digits without end beside images": (
        DYNAMODB + '[columns]\nc = "dynamodb"\n',
        [b'{"dynamodb":{"SizeBytes":%s}}' % DIGITS, b'{"dynamodb":{"SizeBytes":-0,"x":[-0.0]}}'],
    ),
    "digits without end beside an item": (
        DYNAMODB + '[output]\nformat = "json"\n',
        [b'{"dynamodb":{"NewImage":{"a":{"S":"x"}},"SizeBytes":%s}}' % DIGITS],
    ),
    "digits without end for an attribute": (
        DYNAMODB + '[columns]\nc = "dynamodb.NewImage.a"\n',
        [b'{"dynamodb":{"NewImage":{"a":{"N":%s}}}}' % DIGITS, b'{"dynamodb":{"NewImage":{"a":{"N":"1"}}}}'],
    ),
    "an expression reference": ('[columns]\nc = "&a"\n', [b'{"a":1}', b"{}"]),
    "sums beyond float64": (
        '[columns]\nc = "sum(n)"\nd = { path = "to_number(s)", type = "float64" }\n',
        [b'{"n":[1e308,1e308],"s":"1"}', b'{"n":[1],"s":"nan"}', b'{"n":[1e400],"s":"2"}', b'{"n":[1],"s":"2"}'],
    ),
    "a letter as the delimiter": (
        '[output]\ndelimiter = "x"\n[columns]\na = "a"\nb = "b"\n',
        [b'{"a":"1x2","b":1}', b'{"a":"q","b":"y"}', b'{"a":null,"b":"\\""}'],
    ),
    "a compressed line": (
        MANY + '[columns]\na = "a"\n',
        [b'{"a":"x"}\n' + INNER, gzip.compress(INNER), gzip.compress(b'{"a":1}\n{"a":2}'), INNER],
    ),
    "a compressed line among documents": (
        MANY + '[output]\nformat = "json"\n',
        [b'{"a":"x"}\n' + INNER, b'{"a":1}'],
    ),
    "documents with digits without end": (
        MANY + '[columns]\na = "a"\n',
        [b'{"a":1}{"a":2,"b":%s}' % DIGITS, b'{"a":1}\n{"a":2,"b":%s}' % DIGITS, b'{"a":1}{"a":NaN}'],
    ),
    "compressed documents": (
        '[output]\nformat = "json"\n',
        [gzip.compress(b' {"a" : 1}'), b'{"a":2}', gzip.compress(b"{"), gzip.compress(b'{"a":3}')[:-1]],
    ),
    "zero times of log events": (
        'source = "cloudwatch-logs"\n[columns]\ntimestamp = { type = "int64" }\nmessage = {}\n',
        [
            b'{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":0,"message":-0},{"timestamp":-0},{"timestamp":{}}]}',
            b'{"messageType":"DATA_MESSAGE","logEvents":[{"timestamp":1,"message":[1]},{"timestamp":0,"message":"a"}]}',
            b'{"messageType":"DATA_MESSAGE","logEvents":"x"}',
        ],
    ),
}


@pytest.mark.usefixtures("with_and_without_kernel")
@pytest.mark.parametrize(("config", "payloads"), ODD.values(), ids=ODD)
def test_odd_records_are_what_the_oracle_says(config, payloads):
    """Alone, together and many times over, so that the decoders have widened: no neighbour shows."""
    pipeline = Pipeline.from_toml(config)
    expected = [(want.result, want.reason, want.data) for want in Oracle(config).batch(payloads, {}, NOW_MS)]
    for given_payloads in (payloads, payloads * 40, *([payload] for payload in payloads)):
        found = pipeline.run(given_payloads, now_ms=NOW_MS)
        by_payload = dict(zip(payloads, expected, strict=True))
        assert list(zip(found.result, found.reason, found.data, strict=True)) == [by_payload[p] for p in given_payloads]


def test_a_message_of_many_odd_events_costs_what_its_bytes_cost():
    """Its list is taken apart once, not for each event: 100,000 zeros would take a day."""
    config = 'source = "cloudwatch-logs"\n[columns]\ntimestamp = { type = "int64" }\n'
    events = b",".join([b'{"timestamp":0}'] * 100_000)
    found = Pipeline.from_toml(config).run([b'{"messageType":"DATA_MESSAGE","logEvents":[%s]}' % events])
    assert found.data == [b"0\n" * 100_000]


def test_a_long_string_behind_many_brackets_takes_no_memory_of_its_own():
    """Depth is told without remembering the way through a string: 8 MB of it took 800 MB."""
    payload = b'{"a":"' + b"[" * 600 + b"x" * 8_000_000 + b'"}'
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert not validation.is_deep(payload)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.usefixtures("with_and_without_kernel")
def test_what_jmespath_computes_may_be_longer_than_64_bits():
    """A sum over integers of a record is written with all its digits, as the oracle writes it."""
    config = '[columns]\ntotal = "sum(n)"\n'
    payloads = [b'{"n":[18446744073709551615,1]}', b'{"n":[-9223372036854775808,-1]}', b'{"n":[1,2]}']
    found = Pipeline.from_toml(config).run(payloads)
    assert found.data == [want.data for want in Oracle(config).batch(payloads, {}, NOW_MS)]
    assert found.data == [b"18446744073709551616\n", b"-9223372036854775809\n", b"3\n"]
