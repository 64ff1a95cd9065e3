"""Every example: its sample gives its expected output on every way through the engine, and its own tests pass."""

import base64
import csv
import io
import json
from collections import Counter
from importlib.resources import files
from types import SimpleNamespace

import pytest
from oracle import Oracle

from fastxform import Pipeline, make_handler
from fastxform.cli import main
from fastxform.cli.inputs import open_reader, read_source
from fastxform.config import model
from fastxform.tools.lint.rules import lint
from fastxform.tools.sample_data import burst

pytestmark = pytest.mark.usefixtures("with_and_without_kernel")

EXAMPLES = (
    "change-capture",
    "cities",
    "cloudfront-realtime",
    "cloudwatch-logs",
    "debezium",
    "debezium-unwrapped",
    "dms",
    "documents",
    "dynamodb-export",
    "dynamotest",
    "lambda-logs",
    "lookups",
    "order-lines",
    "readings",
    "ses",
    "streams",
    "ticker",
    "vpc-flow",
)
ODD_RECORDS = {"change-capture": 2, "dms": 1, "documents": 1, "lambda-logs": 1}
"""How many records of a sample are odd to the kernel, the engine's: exponents, deletes without a value that is
required, binary values of two layers of base64, a message whose events go different ways."""

ROOT = files("fastxform") / "examples"
NOW_MS = 1_510_254_480_000
"""The time of processing in the expected output; only the ticker writes it."""


def config_of(name):
    return ROOT / name / f"{name}.toml"


def only(name, start):
    """The one file of an example whose name starts so."""
    (found,) = (path for path in (ROOT / name).iterdir() if path.name.startswith(start))
    return found


def expected_of(name):
    return only(name, "expected.").read_bytes()


def payloads_of(name):
    """The records of the sample, read as the command reads them."""
    with open_reader(str(only(name, "sample."))) as reader:
        return [item.data for item in read_source(reader).items]


def decoded(response):
    """The data of a response, put together as Firehose does."""
    return b"".join(base64.b64decode(record.get("data", "")) for record in response["records"])


@pytest.fixture
def stopped_clock(monkeypatch):
    """The engine's clock, held at the time of the expected output."""
    for module in ("fastxform.pipeline", "fastxform.cli.commands.run"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000))


@pytest.fixture
def command(capfdbinary):
    """Run the command in this process: (exit code, standard output as bytes, standard error as text)."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


# -- golden files


@pytest.mark.parametrize("name", EXAMPLES)
def test_pipeline_gives_the_expected_output(name):
    """`Pipeline.run` on the sample, no record failed."""
    batch = Pipeline.load(config_of(name)).run(payloads_of(name), now_ms=NOW_MS)
    assert b"".join(data or b"" for data in batch.data) == expected_of(name)
    assert "ProcessingFailed" not in batch.result


@pytest.mark.parametrize("name", EXAMPLES)
def test_handler_gives_the_expected_output(name, stopped_clock):
    """The event as bytes and as dict, answered in kind, with the same content."""
    handler = make_handler(Pipeline.load(config_of(name)))
    event = burst.event(payloads_of(name))
    as_bytes, as_dict = handler(event, None), handler(json.loads(event), None)
    assert json.loads(as_bytes) == as_dict
    assert decoded(as_dict) == expected_of(name)


@pytest.mark.parametrize("name", EXAMPLES)
def test_kernel_takes_the_records(name, with_and_without_kernel):
    """All of them but those that are listed: what it took once, it does not leave to the engine unseen."""
    pipeline = Pipeline.load(config_of(name))
    if with_and_without_kernel is None:
        assert pipeline.native is None
        return
    answers = pipeline.native.run(payloads_of(name) * 2, {}, NOW_MS, lambda stage: None, None)
    assert answers.fallback_count == 2 * ODD_RECORDS.get(name, 0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_oracle_gives_the_expected_output(name):
    """The slow transform agrees, in metadata too."""
    payloads = payloads_of(name)
    batch = Pipeline.load(config_of(name)).run(payloads, now_ms=NOW_MS)
    if name == "cloudwatch-logs":
        assert all(payload.startswith(b"\x1f\x8b") for payload in payloads)
    wanted = Oracle(config_of(name).read_text(), directory=ROOT / name).batch(payloads, {}, NOW_MS)
    assert b"".join(outcome.data or b"" for outcome in wanted) == expected_of(name)
    assert [outcome.metadata for outcome in wanted] == (batch.metadata or [None] * len(batch))


@pytest.mark.parametrize("name", EXAMPLES)
def test_run_prints_the_expected_output(name, command, stopped_clock):
    """`fastxform run` on the sample as it lies there."""
    code, out, err = command("run", config_of(name), only(name, "sample."))
    assert (code, out) == (0, expected_of(name))
    assert "0 ProcessingFailed" in err


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tests_of_an_example_pass(name, command):
    """`fastxform test`, with a test that is delivered and one that is not."""
    code, out, err = command("test", config_of(name))
    assert (code, b"FAIL" in out) == (0, False)
    assert ", 0 failed" in err
    examples = model.load(config_of(name)).tests
    assert any(example.expect for example in examples)
    assert any(example.reason or example.result for example in examples)


@pytest.mark.parametrize("name", EXAMPLES)
def test_lint_finds_no_fault_with_an_example(name):
    """Hints at most: an example is a model."""
    assert [found for found in lint(model.load(config_of(name)), name) if found.level != "hint"] == []


# -- read back by other readers


def columns_of(name):
    """The visible columns of an example without routes."""
    return [column.name for column in model.load(config_of(name)).columns if not column.hidden]


@pytest.mark.parametrize("name", ["cities", "dynamotest", "lookups", "readings", "streams", "ticker"])
def test_csv_reads_back(name):
    """Python's csv module finds as many fields as there are columns, and writes the same bytes again."""
    text = expected_of(name).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in rows} == {len(columns_of(name))}
    again = io.StringIO(newline="")
    csv.writer(again, lineterminator="\n").writerows(rows)
    assert again.getvalue() == text


@pytest.mark.parametrize("name", ["change-capture", "cloudwatch-logs"])
def test_json_reads_back(name):
    """Every line is an object with the columns of the file, in their order."""
    lines = expected_of(name).decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [columns_of(name)] * len(lines)


def test_cities_is_what_the_table_holds():
    """Quotes, a line break, 38 digits, a microsecond stamp, and the old image of what is gone."""
    rows = list(csv.reader(io.StringIO(expected_of("cities").decode(), newline="")))
    assert rows == [
        ["MODIFY", "t0926", "下野", "54148", "", "1950-9-7", "2022-05-02 12:45:25.900"],
        ["INSERT", "t1071", "横浜, 港北", "358530", "31.4000", "1951-1-3", "2022-05-02 12:45:26.012"],
        ["INSERT", "t0113", 'Frankfurt "am Main"', "773068", "248.31", "1952-12-31", "2022-05-02 12:45:26.040"],
        ["MODIFY", "t0800", "Two Lines", "0", "12345678901234567890123456789012.123456", "", "2022-05-02 12:45:26.301"],
        ["REMOVE", "t0926", "下野", "54148", "", "1950-9-7", "2022-05-02 12:45:27.000"],
    ]


def test_ticker_is_what_the_blueprint_writes():
    """The first record is the blueprint's own sample, and so is its line."""
    assert payloads_of("ticker")[0] == b'{"TICKER_SYMBOL":"QXZ","SECTOR":"RETAIL","CHANGE":-0.05,"PRICE":84.51}'
    assert expected_of("ticker").splitlines()[0] == b"1510254480000,QXZ,RETAIL,-0.05,84.51"


def test_ses_rows_are_those_of_the_tables():
    """A row of a Send, an Open and a Click, with times as epoch microseconds and tags as text."""
    payloads = [json.loads(payload) for payload in payloads_of("ses")]
    common = {
        "message_id": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "tags": json.dumps(payloads[0]["mail"]["tags"], separators=(",", ":")),
        "from_address": "sender@example.com",
        "to_address": "recipient@example.com",
    }
    opened, clicked = payloads[1]["open"], payloads[2]["click"]
    assert [json.loads(line) for line in expected_of("ses").splitlines()] == [
        {"event_type": "Send", **common, "timestamp": 1_476_421_336_645_000},
        {
            "event_type": "Open",
            **common,
            "ip_address": "192.0.2.1",
            "user_agent": opened["userAgent"],
            "timestamp": 1_502_316_019_652_000,
        },
        {
            "event_type": "Click",
            **common,
            "ip_address": "192.0.2.1",
            "link": clicked["link"],
            "link_tags": json.dumps(clicked["linkTags"], separators=(",", ":")),
            "user_agent": clicked["userAgent"],
            "timestamp": 1_502_322_685_570_000,
        },
    ]


def test_ses_records_are_routed_to_their_tables():
    """The metadata of the sample names database, table and operation."""
    batch = Pipeline.load(config_of("ses")).run(payloads_of("ses"))
    assert [found["otfMetadata"] for found in batch.metadata] == [
        {"destinationDatabaseName": "email_event", "destinationTableName": table, "operation": "insert"}
        for table in ("send_log", "open_log", "click_log")
    ]


def test_change_capture_is_insert_update_delete():
    """One item's life: its rows carry microseconds, plain nested values, and the operation of each change."""
    batch = Pipeline.load(config_of("change-capture")).run(payloads_of("change-capture"))
    operations = [found["otfMetadata"]["operation"] for found in batch.metadata]
    assert operations == ["insert", "update", "update", "delete"]
    rows = [json.loads(line) for line in expected_of("change-capture").splitlines()]
    assert [row["changed_at"] for row in rows] == [
        1_714_653_925_000_123,
        1_714_653_925_900_456,
        1_714_653_926_100_789,
        1_714_653_990_000_001,
    ]
    assert [row["status"] for row in rows] == ["new", "paid", "", ""]
    assert json.loads(rows[0]["address"]) == {"city": "Sendai", "zip": "980-0011", "geo": [38.268, 140.87]}
    assert json.loads(rows[3]["items"])[1] == {"sku": 'B, "9"', "count": 1, "note": None}


def test_documents_are_the_items():
    """Every attribute type as plain JSON; a number of 38 digits is still all there."""
    first, second, third = expected_of("documents").decode().splitlines()
    assert json.loads(first) == {
        "device": "d-1",
        "name": "Café, 2nd floor",
        "serial": 12345678901234567890123456789012345678,
        "active": True,
        "owner": None,
        "limits": {"high": 40.50, "low": -5},
        "tags": ["blue", "floor 2"],
        "channels": [1, 2.5],
        "history": [1, "x", {}],
        "firmware": base64.b64encode(bytes([18, 2, 8, 123])).decode(),
    }
    assert '"high":40.50' in first
    assert [json.loads(second), json.loads(third)] == [{"device": "d-2", "name": "gone\nnow"}, {"device": "d-3"}]


def test_lookups_add_what_the_tables_hold():
    """A text with a comma, a key in lower case, a number as key, and what stands for a key that no table has."""
    rows = list(csv.reader(io.StringIO(expected_of("lookups").decode(), newline="")))
    assert [row[-5:] for row in rows] == [
        ["Korea, Republic of", "asia", "enterprise", "Okafor, Ada", "web"],
        ["Côte d'Ivoire", "africa", "small business", "", "shop"],
        ["Germany", "europe", "consumer", "", "app"],
        ["", "elsewhere", "new", "", "phone"],
        ["", "elsewhere", "new", "", ""],
    ]
    assert len(rows) == len(payloads_of("lookups")) - 1  # the order of a test account is left out


def test_readings_are_partitioned():
    """All rows of a record share its partition; the key of a timestamp is its UTC day."""
    batch = Pipeline.load(config_of("readings")).run(payloads_of("readings"))
    assert batch.result == ["Ok", "Ok", "Dropped", "Ok"]
    assert [found and found["partitionKeys"] for found in batch.metadata] == [
        {"site": "north", "day": "2024-05-02"},
        {"site": "south", "day": "2024-05-02"},
        None,
        {"site": "north", "day": "2024-05-02"},
    ]


# -- bursts


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("dynamotest", "dynamotest"),
        ("cities", "cities"),
        ("ticker", "ticker"),
        ("cloudwatch", "cloudwatch-logs"),
        ("dynamotest", "documents"),
        ("cities", "documents"),
    ],
)
def test_no_record_of_a_burst_fails(table, name):
    """200 records of `fastxform burst`, none of them malformed."""
    batch = Pipeline.load(config_of(name)).run(list(burst.records(table, 200)))
    assert Counter(batch.reason) == {None: 200}
    assert batch.result.count("Ok") > 20


def test_no_mail_event_with_a_table_fails():
    """Of a burst of mail events those fail that have no table, since the example says so, and no other."""
    payloads = list(burst.records("ses", 200))
    batch = Pipeline.load(config_of("ses")).run(payloads)
    tables = ("Send", "Open", "Click")
    wanted = [None if json.loads(payload)["eventType"] in tables else "unmatched" for payload in payloads]
    assert batch.reason == wanted
    assert 0 < wanted.count("unmatched") < 20


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("dynamotest", "dynamotest"),
        ("cities", "documents"),
        ("dynamotest", "change-capture"),
        ("ticker", "ticker"),
        ("ses", "ses"),
        ("cloudwatch", "cloudwatch-logs"),
    ],
)
def test_a_malformed_burst_is_what_the_oracle_says(table, name):
    """300 records, half of them broken: each answered as the slow transform answers it alone."""
    config, payloads = config_of(name).read_text(), list(burst.records(table, 300, seed=7, bad=0.5))
    batch = Pipeline.from_toml(config).run(payloads, now_ms=NOW_MS)
    found = zip(batch.result, batch.reason, batch.data, batch.metadata or [None] * len(batch), strict=True)
    wanted = Oracle(config).batch(payloads, {}, NOW_MS)
    assert list(found) == [(outcome.result, outcome.reason, outcome.data, outcome.metadata) for outcome in wanted]
    assert 50 < batch.result.count("ProcessingFailed") < 250
