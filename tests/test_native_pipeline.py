"""The native kernel against the engine, and what decides between them."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import differential
import mutation
import planted
import pyarrow as pa
import pytest

from fastxform import Pipeline, make_handler
from fastxform.config.model import Column, Spec
from fastxform.core import native
from fastxform.core.native import Switch
from fastxform.decode import native_plan
from fastxform.decode.native_values import UnsupportedError
from fastxform.tools.sample_data import burst
from fastxform.transform.native_columns import mask_without

ROOT = Path(__file__).parent.parent
CONFIG = '[columns]\na = { type = "int64" }\nb = {}\n'


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No lines of metrics and logs."""
    for name, value in differential.QUIET.items():
        monkeypatch.setenv(name, value)


def test_the_package_has_a_kernel():
    """Where there is a compiler, the set-up has built it."""
    assert native.simd() in ("avx512", "avx2", "sse2", "neon")


@pytest.mark.parametrize("seed", range(4))
def test_kernel_and_engine_answer_alike(seed):
    """On spoilt records of every shape, by the plain and by the wide code: payloads, base64 and events."""
    assert differential.run(rounds=2, seed=100 + seed) == []


@pytest.mark.parametrize("number", range(len(planted.BUGS)), ids=[bug[-2] for bug in planted.BUGS])
def test_the_differential_test_finds_a_planted_bug(number):
    """It can fail: each of these bugs in the kernel's sources changes an answer that it looks at."""
    assert planted.is_found(number)


def documents_of_the_suite():
    """The documents of nst/JSONTestSuite (its licence is beside them in the archive), by their names."""
    with zipfile.ZipFile(ROOT / "tests/fixtures/jsontestsuite.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".json")}


@pytest.mark.parametrize(
    "config",
    [
        '[columns]\nv = { type = "json" }\n',
        'output = { format = "json" }\n',
        '[parse.p]\nof = "t"\n[columns]\nv = "p.v"\n',
    ],
    ids=["column", "document", "text"],
)
def test_the_json_test_suite_has_the_same_verdicts(config):
    """Whole, as a member, and as a text: y_ is taken, n_ is not, and what may be either is the same with the kernel."""
    documents = documents_of_the_suite()
    assert len(documents) > 300
    wrapped = [b'{"v":' + text + b"}" for text in documents.values()]
    if "parse" in config:
        wrapped = [
            json.dumps({"t": text.decode("utf-8", "replace")}, ensure_ascii=False).encode("utf-8", "replace")
            for text in wrapped
        ]
    for payloads in (wrapped, list(documents.values())):
        pipeline = Pipeline.from_toml(config)
        assert pipeline.native is not None
        batches = pipeline.run(payloads, now_ms=0), pipeline.run_engine(payloads, now_ms=0)
        for name, *answers in zip(documents, *(map(tuple, batch) for batch in batches), strict=True):
            assert answers[0] == answers[1], name
    if "parse" not in config:
        for name, result in zip(documents, Pipeline.from_toml(config).run(wrapped).result, strict=True):
            assert name.startswith("i_") or (result == "Ok") == name.startswith("y_"), name


@pytest.mark.parametrize("case", mutation.CASES, ids=[case.name for case in mutation.CASES])
def test_records_that_are_right_do_not_fall_back(case):
    """The kernel itself answers the records of each shape as they were written."""
    pair = differential.Pair(case, native.WIDTHS[-1])
    stages = pair.native.native
    payloads = [seed for seed in case.seeds if seed and not case.is_packed]
    stages.run(payloads * 20, {}, 0, lambda stage: None, None)
    decoded = stages.plan.plan.decode_texts(payloads, False, lambda payload: None, 300_000)
    assert len(decoded.fallback) <= len(payloads) // 3  # binary of two layers of base64, and what has no documents


def test_a_key_that_the_plan_does_not_know_is_the_engines():
    """A new key of the language, set, makes the transform the engine's; at its default it changes nothing."""

    class NewColumn(Column, frozen=True, eq=False):
        explode: str = ""

    known = native_plan._KNOWN | {NewColumn: native_plan._KNOWN[Column]}
    spec = Spec(columns=(NewColumn("a", path="a"),))
    other = Spec(columns=(NewColumn("a", path="a", explode="b"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_plan, "_KNOWN", known)
        native_plan.check(spec, {"a": spec.columns[0]})
        with pytest.raises(UnsupportedError, match="explode"):
            native_plan.check(other, {"a": other.columns[0]})


@pytest.mark.parametrize(
    "config",
    [
        '[columns]\na = { path = "a[1000]" }\n',
        '[columns]\na = { path = "a[0]" }\nb = "a.b"\n',
        'source = "dynamodb"\n[columns]\na = { path = "dynamodb.Keys[0]" }\nb = "dynamodb.Keys.a"\n',
        '[parse.p]\nof = "a"\nformat = "regex"\npattern = "(?P<b>.*)(?P<c>y)"\n[columns]\na = {}\nb = "p.b"\n',
        '[parse.p]\nof = "a"\nformat = "logfmt"\n[columns]\na = {}\nb = "p"\n',
        '[parse.p]\nof = "a"\nformat = "csv"\nfields = ["b"]\ndelimiter = "é"\n[columns]\na = "p.b"\n',
        '[parse.p]\nof = "a"\nformat = "csv"\nfields = ["b"]\n[columns]\na = "p.b.c"\n',
        '[columns]\na = { path = "length(a)" }\n',
        'output = { delimiter = "x" }\n[columns]\na = {}\n',
        'source = "dynamodb"\n[columns]\na = "dynamodb"\n',
    ],
)
def test_what_the_plan_does_not_take_is_the_engines(config):
    """Paths, outputs and sources beyond its list are left alone, and answered."""
    pipeline = Pipeline.from_toml(config)
    assert pipeline.native is None
    assert pipeline.run([b'{"a":"y","dynamodb":{"Keys":{"a":{"S":"y"}}}}']).result == ["Ok"]


@pytest.mark.parametrize("images", ['["dynamodb", "dynamodb.Keys"]', '["@"]', '["@", "dynamodb.Keys"]'])
def test_images_that_the_plan_does_not_take_are_the_engines(images):
    """One in another, and an attribute whose name says how binary values are encoded."""
    config = f'source = "dynamodb"\nimages = {images}\n[columns]\na = "dynamodb.Keys"\n'
    assert Pipeline.from_toml(config).native is None


def test_a_stream_of_odd_records_is_left_to_the_engine():
    """The pause grows up to its limit, and ends with the first batch that is worth it."""
    switch = Switch()
    pauses = []
    for _ in range(6):
        assert switch.is_on()
        switch.note(fallback_count=60, record_count=100)
        pauses.append(0)
        while switch.is_paused:
            assert not switch.is_on()
            pauses[-1] += 1
    assert pauses == [8, 16, 32, 64, 64, 64]
    switch.note(fallback_count=50, record_count=100)
    assert switch.is_on()
    switch.note(fallback_count=9, record_count=9)
    assert switch.is_on()


def test_a_paused_kernel_answers_nothing():
    """After a batch of odd records the next ones are the engine's, with the same answers."""
    handler = make_handler(pipeline := Pipeline.from_toml(CONFIG))
    event = burst.event([b'{"a":1.5e0}'] * 40)
    answers = [handler(event, None) for _ in range(12)]
    assert len(set(answers)) == 1
    assert pipeline.native.switch.is_paused


@pytest.mark.parametrize(
    "change",
    [
        lambda event: json.dumps(event, indent=2).encode(),
        lambda event: json.dumps(event).replace("/", "\\/").encode(),
        lambda event: json.dumps({"recördId": "é", **event}).encode(),
        lambda event: json.dumps({**event, "records": [{**r, "recordId": '"é'} for r in event["records"]]}).encode(),
        lambda event: json.dumps(
            {**event, "records": [{"recordId": r["recordId"]} for r in event["records"]]}
        ).encode(),
        lambda event: json.dumps(
            {**event, "records": [{"recordId": r["recordId"], "kafkaRecordValue": r["data"]} for r in event["records"]]}
        ).encode(),
        lambda event: json.dumps(event).replace('"records"', '"records":[],"records"').encode(),
        lambda event: json.dumps({**event, "records": []}).encode(),
        lambda event: event,
    ],
    ids=["indented", "escaped", "not-ascii", "odd-ids", "no-data", "kafka", "twice", "empty", "dict"],
)
def test_events_of_any_spelling(change):
    """What the kernel refuses as an event the engine reads; the answer is the same with and without it."""
    event = json.loads(burst.event([b'{"a":1,"b":"x,y"}', b'{"a":"z"}', b"?", b'{"a":2,"b":[1, 2]}']))
    handlers = []
    for with_kernel in (True, False):
        pipeline = Pipeline.from_toml(CONFIG)
        if not with_kernel:
            pipeline.native = None
        handlers.append(make_handler(pipeline))
    one, other = (handler(change(event), None) for handler in handlers)
    assert one == other


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 100])
def test_rows_of_some_records_are_masked(count):
    """Wherever the records stand, those among them that have no rows or several; also in a part of an array."""
    records = [record for record in range(count) if record % 5 for _ in range(record % 3 + 1)]
    gone = {0, 1, count // 2, count - 1, count + 5}
    whole = pa.array([-1, *records], pa.int32())
    for array in (pa.array(records, pa.int32()), whole.slice(1)):
        assert mask_without(array, gone).to_pylist() == [record not in gone for record in records]


def test_an_event_of_msk_is_the_kernels():
    """Its data is `kafkaRecordValue`, in and out; an event with `data` in any of its records is the engine's."""
    event = json.loads(burst.event([b'{"a":1}', b"?", b'{"a":2,"b":"x"}']))
    event["sourceMSKArn"] = "arn:aws:kafka:x:1:cluster/c"
    kafka = [
        {"recordId": r["recordId"], "kafkaRecordValue": r["data"], "mskRecordMetadata": {}} for r in event["records"]
    ]
    pipeline = Pipeline.from_toml(CONFIG)

    def answer(records):
        return pipeline.native.answer(
            json.dumps(event | {"records": records}).encode(), 10_000, 0, lambda _: None, None
        )

    ok, bad, last = json.loads(answer(kafka).written)["records"]
    assert (ok["kafkaRecordValue"], bad["result"], last["kafkaRecordValue"]) == ("MSwK", "ProcessingFailed", "Mix4Cg==")
    assert answer(event["records"]) is answer([*kafka[:2], event["records"][2]]) is None


def test_each_row_has_the_arrival_of_its_own_record():
    """Also where one record has as many rows more as the kernel leaves others to the engine."""
    pipeline = Pipeline.from_toml('documents = "many"\n[columns]\na = {}\nt = { meta = "arrival_ms" }\n')
    batch = pipeline.run([b'{"a":1,"a":2}', b'{"a":3}{"a":4}'], meta={"arrival_ms": [10, 20]}, now_ms=0)
    assert batch.data == [b"2,10\n", b"3,20\n4,20\n"]


def test_an_event_of_nothing_but_odd_records_is_the_engines():
    """It is worked once: what the kernel had the engine answer, it would throw away above the limit of a response."""
    pipeline, worked = Pipeline.from_toml(CONFIG), []
    pipeline.native.engine = lambda *arguments: worked.append(arguments)
    event = burst.event([b'{"a":1,"a":2}'] * 3)
    assert pipeline.native.answer(event, 10_000, 0, lambda stage: None, None) is None
    assert worked == []


def test_the_environment_turns_the_kernel_off():
    """`FASTXFORM_KERNEL=0` leaves the engine alone."""
    code = "import fastxform; print(fastxform.Pipeline.from_toml('[columns]\\na = {}\\n').native)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"FASTXFORM_KERNEL": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


def test_invocations_leave_nothing_behind():
    """20,000 invocations by the kernel, odd records and gzip among them, take no more memory than the first 4,000."""
    code = """
import gzip, resource, fastxform
from fastxform.tools.sample_data import burst
COLUMNS = '[columns]\\na = {}\\nb = {path="b",type="json"}\\nt = {type="date",format="%d.%m.%Y"}\\n'
FILTER = 'where = "a is not None"\\noutput = {format="json"}\\n[columns]\\na = {type="string",hidden=true}\\n'
pipelines = [
    fastxform.Pipeline.from_toml(COLUMNS),
    fastxform.Pipeline.from_toml(COLUMNS, lambda batch: batch),
    fastxform.Pipeline.from_toml(FILTER),
]
handlers = [fastxform.make_handler(pipeline) for pipeline in pipelines]
good = b'{"a":"x\\\\u00e9","b":{"c":[1, 2]},"t":"02.05.2022"}'
event = burst.event([good, b"?", gzip.compress(good), good])
events = [event, event.replace(b'"data"', b'"kafkaRecordValue"')]
assert b'"kafkaRecordValue":"' in handlers[0](events[1], None)
sizes = []
for turn in range(20_000):
    handlers[turn % 3](events[turn % 2], None)
    if turn in (4_000, 19_999):
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
for pipeline in pipelines:  # none of which has paused
    answer = pipeline.native.answer(event, 10_000, 0, lambda stage: None, None)
    assert answer.answers.fallback_count == 1
print(sizes[1] - sizes[0])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2_048  # KiB
