"""`Pipeline.columns` and `Pipeline.run` are one transform: what becomes of a record is the same in both."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import NOW_MS, batches, configs, metas

from fastxform import Pipeline
from fastxform.errors import ConfigError


@st.composite
def cases(draw):
    config = draw(configs())
    payloads = draw(batches(config=config))
    return config, payloads, draw(metas(len(payloads)))


def documents_in(text):
    """How many JSON documents stand one behind the other, whatever ends them."""
    decoder, count = json.JSONDecoder(parse_int=str, parse_float=str), 0
    while text := text.lstrip():
        text = text[decoder.raw_decode(text)[1] :]
        count += 1
    return count


@given(cases())
def test_results_and_reasons_are_those_of_run(case):
    """Any configuration, any batch; but a value that CSV may not write for its quotes is no problem in a column."""
    config, payloads, meta = case
    pipeline = Pipeline.from_toml(config)
    batch = pipeline.run(payloads, meta=meta, now_ms=NOW_MS)
    try:
        found = pipeline.columns(payloads, meta=meta, now_ms=NOW_MS)
    except ConfigError:
        assert "routes" in tomllib.loads(config)
        return
    unquoted = {n for n, why in enumerate(batch.reason) if why and why.startswith("quoting:")}
    for number in set(range(len(batch))) - unquoted:
        assert (found.result[number], found.reason[number]) == (batch.result[number], batch.reason[number])
        assert (found.metadata or {number: None})[number] == (batch.metadata or {number: None})[number]
        rows = [place for place, record in enumerate(found.record) if record == number]
        written = pipeline.run([payloads[number]], meta={k: [v[number]] for k, v in meta.items()}, now_ms=NOW_MS).data[
            0
        ]
        assert [found.ordinal[place] for place in rows] == list(range(len(rows)))
        if pipeline.spec.output.format == "json":
            assert len(rows) == (1 if written is None else documents_in(written.decode()))
        if written is None:
            assert all(
                found.table.slice(place, 1).column(index)[0].as_py() is None
                for place in rows
                for index in range(found.table.num_columns)
            )
    assert list(found.record) == sorted(found.record)
    assert set(found.record) == set(range(len(payloads)))


@pytest.mark.parametrize("payloads", [[], [b"x"], [None, b"[]"]], ids=["no record", "a failed one", "two"])
def test_a_batch_without_rows_has_its_columns(payloads):
    """One row of nulls for each record, none for none."""
    found = Pipeline.from_toml('[columns]\na = { path = "a", type = "date" }\n').columns(payloads)
    assert found.table.schema.names == ["a"]
    assert found.table.to_pylist() == [{"a": None}] * len(payloads)


@pytest.mark.parametrize(
    ("config", "payload", "rows"),
    [
        ('documents = "many"\nwhere = "n != 0"\n', b'{"n":1}{"n":0}{"n":2}', [(0, 1, 2), (1, 2, 3)]),
        ("", b'{"n":9223372036854775807}', [(0, None, None)]),
        ('documents = "many"\n', b'{"n":1}{"n":9223372036854775807}', [(0, None, None)]),
    ],
    ids=["a document that is left out", "a record that fails at its last stage", "one document of two that fails"],
)
def test_only_what_would_be_written_is_shown(config, payload, rows):
    """A document that `where` drops has no row; of a record that failed late no value is left."""
    columns = '[columns]\nn = { path = "n", type = "int64" }\nm = { expr = "n + 1" }\n'
    found = Pipeline.from_toml(config + columns).columns([payload])
    table = found.table.to_pydict()
    assert list(zip(found.ordinal, table["n"], table["m"], strict=True)) == rows
