"""Lists that the native kernel explodes: which transforms it takes, and that the limits of a record hold.

What it answers of each record is held by the differential test and by the property tests of layers. Invariant: whatever
the kernel is not sure of is the engine's.
"""

import json

import pytest

from fastxform import Pipeline

CHANGE, LOGS = 'source = "dynamodb"\n', 'source = "cloudwatch-logs"\n'
EXPLODE = '[explode]\npath = "h"\nindex = "n"\n'
NUMBERED = EXPLODE + '[columns]\nn = { type = "int64" }\n'
REPEATED = EXPLODE + '[columns]\na = { hidden = true }\nn = { type = "int64" }\n'
META = EXPLODE + '[columns]\nk = { meta = "partition_key", hidden = true }\nn = { type = "int64" }\n'


def holding(count, text=""):
    return b'{"a":"%s","h":[%s]}' % (text.encode(), b",".join([b"0"] * count))


def kernel_answers(pipeline, payloads):
    """Which payloads the kernel does not leave to the engine."""
    assert pipeline.native is not None
    decoded = pipeline.native.plan.plan.decode_texts(payloads, False, lambda payload: None, 300_000)
    return [index for index in range(len(payloads)) if index not in decoded.fallback]


@pytest.mark.parametrize(
    ("config", "payload", "meta", "reason", "is_taken"),
    [
        (NUMBERED, holding(29_000), {}, None, True),
        (NUMBERED, holding(30_000), {}, None, False),
        (NUMBERED, holding(100_000), {}, None, False),
        (NUMBERED, holding(100_001), {}, "rows", False),
        (REPEATED, holding(29, "x" * 100_000), {}, None, True),
        (REPEATED, holding(31, "x" * 100_000), {}, None, False),
        (REPEATED, holding(61, "x" * 100_000), {}, "never_fits", False),
        (META, holding(2_900), {"partition_key": ["k" * 256]}, None, True),
        (META, holding(29_000), {"partition_key": ["k" * 256]}, "never_fits", False),
    ],
    ids=["rows", "more", "most", "too-many", "wide", "wider", "too-wide", "meta", "meta-too-wide"],
)
def test_near_the_limits_the_engine_answers(config, payload, meta, reason, is_taken):
    """What repeats too much, or has too many rows, is refused as without the kernel; below it the kernel answers."""
    pipeline = Pipeline.from_toml(config)
    assert kernel_answers(pipeline, [payload]) == ([0] if is_taken else [])
    batches = [run([payload], meta=meta, now_ms=0) for run in (pipeline.run, pipeline.run_engine)]
    assert [(batch.result, batch.reason, batch.data) for batch in batches].count(
        (batches[0].result, [reason], batches[0].data)
    ) == 2


@pytest.mark.parametrize(
    "config",
    [
        CHANGE + '[explode]\npath = "dynamodb.NewImage.h"\n[columns]\nk = "dynamodb.Keys.k"\na = "item.a"\n',
        CHANGE + '[parse.p]\nof = "dynamodb.NewImage.t"\n[explode]\npath = "p.h"\n[columns]\na = "item.a"\n',
        CHANGE + '[explode]\npath = "Item.h"\n[columns]\nk = "dynamodb.Keys.k"\na = "item"\n',
        CHANGE + '[explode]\npath = "(dynamodb.NewImage || Item).h"\n[columns]\nk = "dynamodb.Keys.k"\na = "item"\n',
        CHANGE + 'images = ["@"]\n[explode]\npath = "h"\n[columns]\nk = "k"\na = "item"\n',
        '[parse.p]\nof = "(a || b).t"\n[explode]\npath = "p.h || p.g"\n[columns]\na = "item"\n',
        '[parse.p]\nof = "item.t"\n[explode]\npath = "h"\n[columns]\na = "p.a"\n',
        '[parse.p]\nof = "item"\n[explode]\npath = "h"\nas = "item"\n[columns]\na = "p.a"\n',
        'documents = "many"\n[explode]\npath = "h"\n[columns]\nb = "b"\na = "(item.a || item.b).c"\n',
        '[explode]\npath = "h"\n[columns]\na = "item[0]"\n',
        LOGS + '[parse.p]\nof = "message"\n[explode]\npath = "p.h"\n[columns]\ng = "logGroup"\na = "item"\n',
        LOGS + '[parse.p]\nof = "logStream"\n[columns]\ng = "p.g"\nm = "message"\n',
    ],
    ids=[
        "change",
        "text-of-a-change",
        "export",
        "either-image",
        "bare",
        "either",
        "text-of-an-element",
        "element-that-is-a-text",
        "many",
        "element-of-an-element",
        "events",
        "message",
    ],
)
def test_what_the_kernel_takes(config):
    """Lists of documents, of attributes, in texts and in events, and texts in elements."""
    assert Pipeline.from_toml(config).native is not None


@pytest.mark.parametrize(
    "config",
    [
        '[explode]\npath = "h[0].a"\n[columns]\na = "item"\n',
        CHANGE + '[explode]\npath = "dynamodb.NewImage.h"\n[columns]\na = "item[0]"\n',
        CHANGE + '[explode]\npath = "records"\n[columns]\nk = "dynamodb.Keys.k"\na = "item"\n',
        CHANGE + '[explode]\npath = "dynamodb.NewImage"\n[columns]\nk = "dynamodb.Keys.k"\na = "item.key"\n',
    ],
    ids=["computed", "element-of-an-attribute", "beside-images", "image"],
)
def test_what_is_left_to_the_engine(config):
    """Whole transforms whose list, or whose paths into an element, the kernel does not know."""
    pipeline = Pipeline.from_toml(config)
    assert pipeline.native is None
    assert len(pipeline.run([b"{}"])) == 1


def test_records_of_lists_that_are_none():
    """A list that is null, missing or empty has no row; an object or a text in its place is the engine's."""
    pipeline = Pipeline.from_toml('[explode]\npath = "h"\n[columns]\na = "item"\n')
    payloads = [
        b"{}",
        b'{"h":null}',
        b'{"h":[]}',
        b'{"h":[ ]}',
        b'{"h":{}}',
        b'{"h":{"a":1}}',
        b'{"h":"x"}',
        b'{"h":5}',
    ]
    assert kernel_answers(pipeline, payloads) == [0, 1, 2, 3, 4]
    batch = pipeline.run(payloads)
    assert batch.result == ["Dropped"] * 5 + ["Ok", "ProcessingFailed", "ProcessingFailed"]
    assert batch.reason[6:] == ["explode", "explode"]


def test_attributes_that_no_column_reads_are_judged():
    """A list of attributes is taken or refused as a whole, as the engine takes it."""
    config = (
        'source = "dynamodb"\n[explode]\npath = "dynamodb.NewImage.h"\n[columns]\nk = "dynamodb.Keys.k"\na = "item.a"\n'
    )
    pipeline = Pipeline.from_toml(config)
    good = {"M": {"a": {"S": "x"}, "b": {"L": [{"NS": ["1", "2"]}, {"M": {"c": {"B": "YQ=="}}}, {"NULL": True}]}}}
    bad = [{"M": {"b": {"N": "01"}}}, {"M": {"b": {"L": [{"X": 1}]}}}, {"L": [{"BS": ["YQ="]}]}, {"NULL": False}, {}, 5]
    payloads = [
        json.dumps(
            {"eventVersion": "1", "dynamodb": {"Keys": {"k": {"S": "k"}}, "NewImage": {"h": {"L": [good, other]}}}}
        ).encode()
        for other in (good, *bad)
    ]
    assert kernel_answers(pipeline, payloads) == [0]
    batch = pipeline.run(payloads)
    assert batch.data[0] == b"k,x\nk,x\n"
    assert batch.reason == [None] + ["explode"] * len(bad)


def test_each_row_has_the_arrival_of_its_own_record():
    """Also where one record has as many rows more as others have fewer."""
    pipeline = Pipeline.from_toml(EXPLODE + '[columns]\na = "item"\nt = { meta = "arrival_ms" }\n')
    payloads = [b'{"h":[]}', b'{"h":[3,4]}', b'{"h":[5]}']
    assert kernel_answers(pipeline, payloads) == [0, 1, 2]
    batch = pipeline.run(payloads, meta={"arrival_ms": [10, 20, 30]}, now_ms=0)
    assert batch.data == [None, b"3,20\n4,20\n", b"5,30\n"]
