"""The pipeline against the slow oracle, record by record, over hostile batches."""

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from oracle import Oracle
from strategies import batches, configs, metas

from fastxform import Pipeline

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


def test_what_jmespath_computes_may_be_longer_than_64_bits():
    """A sum over integers of a record is written with all its digits, as the oracle writes it."""
    config = '[columns]\ntotal = "sum(n)"\n'
    payloads = [b'{"n":[18446744073709551615,1]}', b'{"n":[-9223372036854775808,-1]}', b'{"n":[1,2]}']
    found = Pipeline.from_toml(config).run(payloads)
    assert found.data == [want.data for want in Oracle(config).batch(payloads, {}, NOW_MS)]
    assert found.data == [b"18446744073709551616\n", b"-9223372036854775809\n", b"3\n"]
