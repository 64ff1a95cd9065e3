"""Bursts: deterministic, one record a line, shaped as the real ones, and malformed where asked."""

import base64
import gzip
import hashlib
import json
import random
import re
from collections import Counter

import pytest

from fastxform.limits import REQUEST_LIMIT_BYTES
from fastxform.tools.sample_data import burst, malformed
from fastxform.tools.sample_data.rng import Rng
from fastxform.tools.sample_data.text import fill

TABLES = sorted(burst.TABLES)
CHANGES = ["cities", "dynamotest"]

MEMBERS = [
    "awsRegion",
    "eventID",
    "eventName",
    "userIdentity",
    "recordFormat",
    "tableName",
    "dynamodb",
    "eventSource",
]


def digest(payloads):
    """One hash over payloads and their boundaries."""
    return hashlib.sha256(b"\n".join(payloads)).hexdigest()[:16]


@pytest.mark.parametrize(
    ("table", "arguments", "expected"),
    [
        ("dynamotest", {}, "24eb1c3b6ee65aeb"),
        ("cities", {}, "fde41792918c88c5"),
        ("ticker", {}, "c96674c26e2512c4"),
        ("ses", {}, "2d3f5bcda4f36470"),
        ("cloudwatch", {}, "8c66e97385a83178"),
        ("dynamotest", {"seed": 7, "size": 900, "bad": 0.5}, "65d0b5bec0ab18e5"),
    ],
    ids=["dynamotest", "cities", "ticker", "ses", "cloudwatch", "malformed"],
)
def test_the_bytes_of_a_burst_are_fixed(table, arguments, expected):
    """The same seed gives the same bytes on every Python and machine: a changed hash is a changed corpus."""
    assert digest(burst.records(table, 500, **arguments)) == expected


@pytest.mark.parametrize("table", TABLES)
def test_a_burst_begins_with_every_shorter_one(table):
    """A longer burst adds records and changes none; the global random state has no say."""
    random.seed(1)
    long = list(burst.records(table, 600, seed=3, bad=0.2))
    random.seed(2)
    assert list(burst.records(table, 250, seed=3, bad=0.2)) == long[:250]


def test_another_seed_is_another_burst():
    """Seeds matter."""
    assert set(burst.records("cities", 50, seed=1)).isdisjoint(burst.records("cities", 50, seed=2))


@pytest.mark.parametrize("table", TABLES)
def test_every_good_record_is_one_line_of_compact_raw_json(table):
    """No line feed byte, no white space between tokens, nothing escaped that may stand raw but the odd \\u0041."""
    for payload in burst.records(table, 2_000):
        assert b"\n" not in payload
        document = json.loads(payload)
        again = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        assert json.loads(again) == document
        assert len(again.encode()) <= len(payload)
        assert re.sub(rb"\\u0041\\/", b"A/", payload).count(b"\\u") == 0


@pytest.mark.parametrize("table", CHANGES)
def test_changes_have_the_shape_of_a_kinesis_destination(table):
    """Members and their order are those of real records, images are there by the kind of change, numbers are text."""
    for payload in burst.records(table, 2_000):
        change = json.loads(payload)
        assert list(change) == MEMBERS
        name = change["eventName"]
        images = {"INSERT": ["NewImage"], "MODIFY": ["NewImage", "OldImage"], "REMOVE": ["OldImage"]}[name]
        inside = change["dynamodb"]
        assert list(inside) == ["ApproximateCreationDateTime", "Keys", *images, "SizeBytes"]
        assert change["tableName"] == table
        assert len(str(inside["ApproximateCreationDateTime"])) == 13
        for image in images:
            assert inside["Keys"].items() <= inside[image].items()
            assert all(isinstance(value, str) for typed in inside[image].values() for value in typed.values())


@pytest.mark.parametrize("table", CHANGES)
def test_the_old_image_is_what_the_last_change_left(table):
    """Replaying the changes gives the table: an insert finds nothing, a change finds the image before it."""
    items = {}
    for payload in burst.records(table, 5_000):
        inside = json.loads(payload)["dynamodb"]
        key = json.dumps(inside["Keys"])
        assert items.get(key) == inside.get("OldImage")
        items[key] = inside.get("NewImage")


@pytest.mark.parametrize("table", CHANGES)
def test_changes_are_mixed_as_in_a_real_table(table):
    """INSERT, MODIFY and REMOVE in the ratio 6:3:1, some keys hot, sizes to 100 KB, the average near 600 bytes."""
    payloads = list(burst.records(table, 20_000))
    names = Counter(json.loads(payload)["eventName"] for payload in payloads)
    assert names["INSERT"] == pytest.approx(12_000, rel=0.05)
    assert names["MODIFY"] == pytest.approx(6_000, rel=0.05)
    assert names["REMOVE"] == pytest.approx(2_000, rel=0.1)
    keys = Counter(json.dumps(json.loads(payload)["dynamodb"]["Keys"]) for payload in payloads)
    assert keys.most_common(1)[0][1] > 20
    assert sum(map(len, payloads)) / len(payloads) == pytest.approx(600, rel=0.03)
    assert min(map(len, payloads)) < 480
    assert 95_000 < max(map(len, payloads)) < 105_000


def test_the_texts_hold_what_breaks_naive_handlers():
    """Commas, quotes, both newlines, Unicode beyond the BMP, formulas and empty strings are in the values."""
    values = [
        value
        for payload in burst.records("dynamotest", 3_000)
        for typed in json.loads(payload)["dynamodb"].get("NewImage", {}).values()
        for value in typed.values()
    ]
    text = "".join(values)
    assert "" in values
    assert all(part in text for part in (",", '"', "\n", "\r\n", "東京都", "🚚", "\\", "=1+1", "\u2028", "\t"))
    keys = "".join(json.loads(payload)["dynamodb"]["Keys"]["id"]["S"] for payload in burst.records("dynamotest", 3_000))
    assert all(part in keys for part in (",", '"', "\n", "東京都"))


@pytest.mark.parametrize("size", [700, 5_000, 100_000])
@pytest.mark.parametrize("table", TABLES)
def test_a_fixed_size_is_kept_where_the_shape_allows(table, size):
    """Most records have the size asked for, and the average is near it."""
    if table == "ses" and size == 700:
        size = 1_000
    sizes = [len(payload) for payload in burst.records(table, 300, size=size)]
    assert sum(sizes) / len(sizes) == pytest.approx(size, rel=0.2)
    assert max(sizes) < size * 1.2 + 200


def test_all_mail_and_log_messages_are_of_known_types():
    """SES events name their part as their type does; CloudWatch messages are data or control messages with events."""
    kinds = Counter()
    for payload in burst.records("ses", 1_000):
        document = json.loads(payload)
        kinds[document["eventType"]] += 1
        assert document["eventType"].lower() in document
        assert {"From", "To"} <= {header["name"] for header in document["mail"]["headers"]}
    assert kinds["Send"] > kinds["Open"] > kinds["Click"] > kinds["Delivery"] > 0
    types = Counter()
    for payload in burst.records("cloudwatch", 1_000):
        document = json.loads(payload)
        types[document["messageType"]] += 1
        assert document["logEvents"]
        assert all(len(found["id"]) in (0, 56) for found in document["logEvents"])
    assert types["DATA_MESSAGE"] > types["CONTROL_MESSAGE"] > 0


@pytest.mark.parametrize("bad", [0.0, 0.1, 1.0])
def test_the_share_of_malformed_records_is_kept(bad):
    """Malformed records stand where good ones would; with a share of 0 there are none, and 1 leaves none."""
    good = list(burst.records("dynamotest", 2_000))
    mixed = list(burst.records("dynamotest", 2_000, bad=bad))
    assert len(mixed) == len(good)
    if not bad:
        assert mixed == good
    broken = sum(not is_change(payload) for payload in mixed)
    assert broken == pytest.approx(bad * 2_000, rel=0.3) if bad else broken == 0


def is_change(payload):
    """Whether a strict reader takes the payload as a change of the table with texts as keys."""
    try:
        document = json.loads(payload.decode(), parse_constant=lambda name: 1 / 0)
        keys = document["dynamodb"]["Keys"]
        return {"zz"}.isdisjoint(document) and all(isinstance(keys[name]["S"], str) for name in ("id", "datetime"))
    except (ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError):
        return False


@pytest.mark.parametrize("spoiler", malformed.SPOILERS, ids=lambda spoiler: spoiler.__name__.strip("_"))
def test_no_malformed_record_breaks_the_lines(spoiler):
    """Whatever the kind and the payload: no line feed, no carriage return at the end, and never nothing."""
    for table in TABLES:
        for index, payload in enumerate(burst.records(table, 60)):
            spoilt = spoiler(Rng(9, index), payload)
            assert b"\n" not in spoilt
            assert not spoilt.endswith(b"\r")
            assert spoilt


def test_broken_neighbours_can_look_like_one_document():
    """Among the malformed kinds are two that join to a document, the trap of parsers of joined streams."""
    first = malformed._first_half(Rng(0, 0), b"{}")
    second = malformed._second_half(Rng(0, 0), b"{}")
    assert json.loads(first + second)["dynamodb"]["Keys"]["id"]["S"] == "ab"


@pytest.mark.parametrize("length", [-1, 0, 1, 2, 7, 100, 99_999, 1_000_000])
def test_free_text_has_exactly_the_length_asked_for(length):
    """The length is in UTF-8 bytes, and the text may stand between quotes as it is."""
    for index in range(20):
        text = fill(Rng(1, index), length)
        assert len(text.encode()) == max(length, 0)
        assert isinstance(json.loads(f'"{text}"'), str)


def test_draws_are_even():
    """Choices below a bound are spread over all of it."""
    counts = Counter(Rng(5, index).below(10) for index in range(10_000))
    assert sorted(counts) == list(range(10))
    assert min(counts.values()) > 850


@pytest.mark.parametrize("kinesis", [False, True], ids=["direct", "kinesis"])
def test_an_event_is_what_firehose_sends(kinesis):
    """Names, order and types of all members, for both sources; the payloads come back in order."""
    payloads = list(burst.records("dynamotest", 20))
    event = json.loads(burst.event(payloads, kinesis))
    source = ["sourceKinesisStreamArn"] if kinesis else []
    assert list(event) == ["invocationId", *source, "deliveryStreamArn", "region", "records"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["invocationId"])
    assert event["deliveryStreamArn"].startswith("arn:aws:firehose:us-east-1:123456789012:deliverystream/")
    assert [base64.b64decode(record["data"], validate=True) for record in event["records"]] == payloads
    assert len({record["recordId"] for record in event["records"]}) == 20
    for record in event["records"]:
        assert re.fullmatch(r"\d{62}", record["recordId"])
        assert type(record["approximateArrivalTimestamp"]) is int
        assert ("kinesisRecordMetadata" in record) == kinesis
        if kinesis:
            metadata = record["kinesisRecordMetadata"]
            assert list(metadata) == [
                "sequenceNumber",
                "subsequenceNumber",
                "partitionKey",
                "shardId",
                "approximateArrivalTimestamp",
            ]
            assert record["recordId"] == metadata["sequenceNumber"] + "000000"
            assert re.fullmatch(r"[0-9A-F]{32}", metadata["partitionKey"])
            assert metadata["subsequenceNumber"] == 0
            assert metadata["approximateArrivalTimestamp"] == record["approximateArrivalTimestamp"]


@pytest.mark.parametrize(
    ("records", "kinesis", "megabytes"), [(6_000, False, 5.6), (5_200, True, 6.2)], ids=["direct", "kinesis"]
)
def test_full_events_have_the_sizes_that_were_measured(records, kinesis, megabytes):
    """6,000 changes by Direct PUT are about 5.6 MB, 5,200 through Kinesis about 6.2, and both fit a request."""
    event = burst.event(burst.records("dynamotest", records), kinesis)
    assert len(event) / 1e6 == pytest.approx(megabytes, rel=0.02)
    assert len(event) <= REQUEST_LIMIT_BYTES


def test_a_record_without_payload_has_broken_base64():
    """None stands for data that no decoder takes; its neighbours are untouched."""
    event = json.loads(burst.event([b"a", None, b""]))
    first, broken, empty = (record["data"] for record in event["records"])
    assert (base64.b64decode(first), empty) == (b"a", "")
    with pytest.raises(ValueError, match=r"Only base64|Non-base64|Excess"):
        base64.b64decode(broken, validate=True)


def test_compressed_payloads_are_single_gzip_members():
    """CloudWatch messages arrive gzipped; the bytes do not depend on the clock."""
    payloads = list(burst.records("cloudwatch", 5))
    packed = list(burst.compressed(payloads))
    assert [gzip.decompress(data) for data in packed] == payloads
    assert list(burst.compressed(payloads)) == packed
