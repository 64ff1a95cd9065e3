"""A batch in parts: what one record unpacks to, holds and raises is its own, and answers stand in their order."""

import gzip
import json
import time

import pytest

from fastxform import Pipeline
from fastxform.encode import rows as row_encoder
from fastxform.errors import DROPPED, FAILED, OK
from fastxform.limits import RECORD_ROWS_LIMIT

CSV = '[columns]\na = "a"\n'
MANY = f'documents = "many"\n{CSV}'
LOGS = 'source = "cloudwatch-logs"\n[columns]\nid = "id"\ngroup = "logGroup"\n'
GOOD = b'{"a":1}'


def message(events, group="g"):
    """A CloudWatch Logs message as it comes."""
    text = json.dumps({"messageType": "DATA_MESSAGE", "owner": "o", "logGroup": group, "logStream": "s"})
    return gzip.compress((text[:-1] + f', "logEvents": [{events}]}}').encode())


def outcomes(config, payloads, **options):
    """The reason of each record that failed, else its result."""
    pipeline = Pipeline.from_toml(config)
    batch = pipeline.run_engine(payloads, **options)
    assert options or pipeline.run(payloads) == batch
    assert len(batch.result) == len(batch.reason) == len(batch.data) == len(payloads)
    return [word if reason is None else reason for word, reason in zip(batch.result, batch.reason, strict=True)]


# -- the net


@pytest.fixture
def broken_writer(monkeypatch):
    """A stage that raises on a value that nobody expected."""
    write = row_encoder.csv_rows.write

    def raising(columns, output):
        if any("boom" in str(column.column.array.to_pylist()) for column in columns):
            raise OverflowError("boom of a secret")
        return write(columns, output)

    monkeypatch.setattr(row_encoder.csv_rows, "write", raising)


@pytest.mark.usefixtures("broken_writer")
def test_an_exception_costs_its_own_records():
    """Wherever they stand, and however many: their neighbours are answered as they would be without them."""
    payloads = [b'{"a":"boom"}' if number in (0, 7, 8, 99) else b'{"a":%d}' % number for number in range(100)]
    batch = Pipeline.from_toml(CSV).run_engine(payloads)
    assert [row for row, reason in enumerate(batch.reason) if reason] == [0, 7, 8, 99]
    assert {reason for reason in batch.reason if reason} == {"internal"}
    assert [data for data in batch.data if data] == [b"%d\n" % n for n in range(100) if n not in (0, 7, 8, 99)]
    assert [fault.record for fault in batch.faults] == [0, 7, 8, 99]
    assert {fault.exception for fault in batch.faults} == {"OverflowError"}
    assert all(fault.location.startswith("encode/rows.py:") for fault in batch.faults)
    assert "secret" not in repr(batch.faults)


@pytest.mark.usefixtures("broken_writer")
def test_a_table_has_the_same_net():
    """The same records fail where columns are asked for instead of bytes."""
    columns = Pipeline.from_toml(CSV).columns([GOOD, b'{"a":"boom"}', b"no", GOOD])
    assert columns.result == [OK, OK, FAILED, OK]  # nothing is written, so nothing raises
    assert columns.table.column("a").to_pylist() == ["1", "boom", None, "1"]


def test_a_table_is_whole_where_a_part_of_it_raises(monkeypatch):
    """Rows, records and metadata of the parts stand where they would in one part."""
    config = f'documents = "many"\npartition_keys = {{ k = "a" }}\noutput = {{ format = "json" }}\n{CSV}'
    payloads = [GOOD * 2, b'{"a":"boom"}', GOOD, b"no", b'{"a":2}\n{"a":2}']
    pipeline = Pipeline.from_toml(config)
    whole = pipeline.columns([payload for payload in payloads if b"boom" not in payload])
    real = pipeline._source.read

    def read(payloads, meta):
        if any(b"boom" in payload for payload in payloads):
            raise KeyError
        return real(payloads, meta)

    monkeypatch.setattr(pipeline._source, "read", read)
    columns = pipeline.columns(payloads)
    assert columns.result == [OK, FAILED, OK, FAILED, OK]
    assert columns.reason[1] == "internal"
    assert list(columns.record) == [0, 0, 1, 2, 3, 4, 4]
    assert list(columns.ordinal) == [0, 1, 0, 0, 0, 0, 1]
    assert [row for row in columns.table.column("a").to_pylist() if row] == [
        row for row in whole.table.column("a").to_pylist() if row
    ]
    assert [value for value in columns.metadata if value] == [value for value in whole.metadata if value]


# -- how much one record may hold


@pytest.mark.parametrize(
    ("rows", "reason"), [(RECORD_ROWS_LIMIT, OK), (RECORD_ROWS_LIMIT + 1, "rows"), (3_000_000, "rows")]
)
@pytest.mark.parametrize("separator", [b"\n", b" \n\r\n"], ids=["lines", "blank lines"])
def test_a_record_has_rows_up_to_a_limit(rows, reason, separator):
    """One more and the record fails before it is decoded; its neighbours do not."""
    payload = gzip.compress((b"{}" + separator) * min(rows, 3_000_000 // len(separator)))
    assert outcomes(MANY, [GOOD, payload, GOOD]) == [OK, reason, OK]


@pytest.mark.parametrize(("rows", "reason"), [(RECORD_ROWS_LIMIT, OK), (RECORD_ROWS_LIMIT + 1, "rows")])
def test_documents_of_one_line_are_counted_too(rows, reason):
    """Nothing need stand between them."""
    assert outcomes(MANY, [GOOD, b"{}" * rows, GOOD]) == [OK, reason, OK]


@pytest.mark.parametrize(
    ("events", "reason"), [(RECORD_ROWS_LIMIT, OK), (RECORD_ROWS_LIMIT + 1, "rows"), (5_000_000, "rows")]
)
def test_a_message_has_events_up_to_a_limit(events, reason):
    """As a record has rows."""
    good = message('{"id":"1"}')
    assert outcomes(LOGS, [good, message(",".join(["{}"] * events)), good]) == [OK, reason, OK]


def test_braces_in_messages_are_no_events():
    """A message of many braces is counted exactly, not refused for them."""
    assert outcomes(LOGS, [message('{"id":"%s"}' % ("{" * 200_000))]) == [OK]


def test_what_each_event_repeats_is_counted_before_it_is_written():
    """Ten thousand events of a group whose name is 100 KB are a gigabyte."""
    good = message('{"id":"1"}')
    events = ",".join(['{"id":"1"}'] * 10_000)
    assert outcomes(LOGS, [good, message(events, "g" * 100_000), good]) == [OK, "never_fits", OK]


# -- parts


@pytest.mark.parametrize("config", [CSV, MANY, 'output = { format = "json" }\n'], ids=["one", "many", "document"])
def test_parts_are_answered_as_the_whole(config, monkeypatch):
    """Records that unpack to more than a part are worked in several, and nothing shows of it."""
    payloads = [gzip.compress(b'{"a":"%s"}' % (b"x" * number * 10)) for number in range(200)]
    payloads[50:50] = [b"no", None, gzip.compress(b"no"), GOOD]
    whole = Pipeline.from_toml(config).run(payloads)
    for module in ("projection", "source"):
        monkeypatch.setattr(f"fastxform.decode.{module}.PART_UNPACKED_LIMIT_BYTES", 3_000)
    monkeypatch.setattr("fastxform.decode.projection.CHUNK_UNPACKED_BYTES", 1_000)
    assert Pipeline.from_toml(config).run_engine(payloads) == whole
    assert whole.result.count(OK) == 201


def test_parts_of_messages_are_answered_as_the_whole(monkeypatch):
    """However many events a part has room for."""
    payloads = [message(",".join(f'{{"id":"{event}"}}' for event in range(number % 7))) for number in range(60)]
    payloads[20:20] = [b"no", None, GOOD]
    whole = Pipeline.from_toml(LOGS).run(payloads)
    monkeypatch.setattr("fastxform.decode.cloudwatch.PART_ROWS_LIMIT", 5)
    monkeypatch.setattr("fastxform.decode.cloudwatch._GROUP_BYTES", 20)
    assert Pipeline.from_toml(LOGS).run_engine(payloads) == whole
    assert (whole.result.count(OK), whole.result.count(DROPPED), whole.result.count(FAILED)) == (51, 9, 3)


def test_meta_of_parts_is_that_of_their_records(monkeypatch):
    """Each record keeps what came with it."""
    monkeypatch.setattr("fastxform.decode.projection.PART_UNPACKED_LIMIT_BYTES", 10)
    config = f'{CSV}id = {{ meta = "record_id" }}\n'
    ids = [str(number) for number in range(600)]
    batch = Pipeline.from_toml(config).run_engine([gzip.compress(GOOD)] * 600, meta={"record_id": ids})
    assert batch.data == [f"1,{number}\n".encode() for number in ids]


def test_records_that_are_not_begun_in_time_fail(monkeypatch):
    """The first part is worked in any case; after the end nothing is begun."""
    monkeypatch.setattr("fastxform.decode.projection.PART_UNPACKED_LIMIT_BYTES", 10)
    payloads = [gzip.compress(GOOD)] * 1_100
    assert outcomes(CSV, payloads, stop_ns=time.monotonic_ns()) == [OK] * 512 + ["deadline"] * 588
    assert outcomes(CSV, payloads, stop_ns=time.monotonic_ns() + 10**12) == [OK] * 1_100
