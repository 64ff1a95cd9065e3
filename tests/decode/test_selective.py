"""Batches whose condition is read first against those that are read at once."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from oracle import Oracle
from strategies import batches, configs, metas

from fastxform import Pipeline
from fastxform.decode import selective

NOW_MS = 1_700_000_000_123
PRICES = """
where = "sector == 'RETAIL'"
[columns]
sector = { type = "string", pattern = "[A-Z]+" }
price = { type = "float64" }
note = { invalid = "null", type = "int64" }
first = "list[0]"
arrived = { meta = "arrival_ms", type = "timestamp[ms]" }
"""


def price(number):
    """One record; a fifth of them are kept."""
    record = {"sector": "RETAIL" if number % 5 == 0 else "TECH", "price": number / 7, "note": "x", "list": [number]}
    return json.dumps(record).encode()


def first_reads(pipeline, monkeypatch):
    """Note for each batch whether its condition is read first."""
    seen = []
    read = pipeline._selective.read

    def noting(payloads, meta):
        rows = read(payloads, meta)
        seen.append(rows is not None)
        return rows

    monkeypatch.setattr(pipeline._selective, "read", noting)
    return seen


def test_a_batch_after_one_of_which_little_was_kept_is_read_by_its_condition(monkeypatch):
    """The rows are the same, and a stream of which most is kept is read at once again."""
    pipeline = Pipeline.from_toml(PRICES)
    seen = first_reads(pipeline, monkeypatch)
    few, all_kept = [price(number) for number in range(100)], [price(0)] * 100
    meta = {"arrival_ms": list(range(100))}
    found = [pipeline.run_engine(batch, meta=meta, now_ms=NOW_MS) for batch in (few, few, all_kept, all_kept, few[:9])]
    assert seen == [False, True, True, False, False]
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[0].data[5] == b"RETAIL,0.7142857142857143,,5,1970-01-01 00:00:05.000\n"
    assert found[0].result[:2] == ["Ok", "Dropped"]


@pytest.mark.parametrize("source", ["json", "dynamodb"])
def test_what_is_read_by_its_condition_equals_the_oracle(source, monkeypatch):
    """Results, reasons, rows, metadata and counts, whatever the records and the configuration."""
    monkeypatch.setattr(selective, "_SELECTIVE", 2.0)
    monkeypatch.setattr(selective, "_FEW_RECORDS", 0)

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(st.data())
    def check(data):
        config = data.draw(configs(source=source))
        pipeline = Pipeline.from_toml(config)
        assume(pipeline._selective is not None)
        payloads = data.draw(batches(config=config))
        meta = data.draw(metas(len(payloads)))
        note(config)
        found = pipeline.run_engine(payloads, meta=meta, now_ms=NOW_MS)
        expected = Oracle(config).batch(payloads, meta, NOW_MS)
        for position, want in enumerate(expected):
            metadata = None if found.metadata is None else found.metadata[position]
            got = found.result[position], found.reason[position], found.data[position], metadata
            assert (want.result, want.reason, want.data, want.metadata) == got, payloads[position]
        pipeline._selective = None
        assert pipeline.run_engine(payloads, meta=meta, now_ms=NOW_MS) == found

    check()


def test_what_unpacks_to_more_than_a_part_holds_is_read_at_once(monkeypatch):
    """The rest of its records might not be read in one go."""
    pipeline = Pipeline.from_toml(PRICES)
    monkeypatch.setattr(selective, "PART_UNPACKED_LIMIT_BYTES", 20_000)
    seen = first_reads(pipeline, monkeypatch)
    packed = [gzip.compress(price(number) + b" " * 1_000) for number in range(100)]
    found = [pipeline.run_engine(packed, now_ms=NOW_MS) for _ in range(2)]
    assert found[0] == found[1]
    assert seen == [False, False]
