"""The checker of responses: every case of the contract, as literal rows, and one outcome per record whatever comes."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastxform.errors import EventError
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.simulator.response import MESSAGES, check, check_ids

IDS = ["a", "b", "c"]


def ok(identity, data=b"x\n", **members):
    """An Ok entry."""
    return {"recordId": identity, "result": "Ok", "data": b64encode(data).decode(), **members}


def other(identity, result, **members):
    """An entry without data."""
    return {"recordId": identity, "result": result, **members}


def answer(*entries):
    """A response of these entries, as bytes."""
    return json.dumps({"records": list(entries)}).encode()


def codes(verdict):
    """Result and error code of every outcome."""
    return [outcome.error_code or outcome.result for outcome in verdict.outcomes]


def errors(verdict):
    """The codes of the findings that cost records."""
    return {found.code for found in verdict.findings if found.level == "error"}


GOOD = answer(ok("a", b"one\n"), other("b", "Dropped"), other("c", "ProcessingFailed"))


def test_a_good_response_has_no_finding():
    """Each record goes where its result says, with its decoded data."""
    verdict = check_ids(IDS, GOOD)
    assert codes(verdict) == ["Ok", "Dropped", "Lambda.ProcessingFailedStatus"]
    assert verdict.outcomes[0].data == b"one\n"
    assert verdict.outcomes[2].error_message == "ProcessingFailed status set for record"
    assert verdict.findings == []


def test_the_order_of_the_response_means_nothing():
    """Answers are matched by id; outcomes stand in the order of the event."""
    verdict = check_ids(IDS, answer(other("c", "Dropped"), ok("a", b"1\n"), ok("b", b"2\n")))
    assert [outcome.data for outcome in verdict.outcomes] == [b"1\n", b"2\n", b""]
    assert verdict.findings == []


MISSING = "Lambda.MissingRecordId"
PARSING = "Lambda.JsonProcessingException"
FUNCTION = "Lambda.FunctionError"
MAPPING = "Lambda.JsonMappingException"
FORMAT = "Lambda.InvalidReturnFormat"
DUPLICATE = "Lambda.DuplicatedRecordId"

RECORD_FAULTS = [
    ("missing", answer(ok("a"), ok("c")), ["Ok", MISSING, "Ok"], {MISSING}),
    ("replaced", answer(ok("a"), ok("x"), ok("c")), ["Ok", MISSING, "Ok"], {MISSING, "id-unknown"}),
    ("extra", answer(ok("a"), ok("b"), ok("c"), ok("x"), ok("x")), ["Ok", "Ok", "Ok"], {"id-unknown"}),
    ("no-id", answer(ok("a"), {"result": "Dropped"}, ok("c")), ["Ok", MISSING, "Ok"], {MISSING}),
    ("id-is-number", answer(ok("a"), ok(5), ok("c")), ["Ok", MISSING, "Ok"], {MISSING}),
    ("no-entries", answer(), [MISSING] * 3, {MISSING}),
    ("empty-object", b"{}", [MISSING] * 3, {MISSING}),
    ("records-null", b'{"records":null}', [MISSING] * 3, {MISSING}),
]

BATCH_FAULTS = [
    ("not-json", b"<html>", PARSING),
    ("empty", b"", PARSING),
    ("null", b"null", PARSING),
    ("list", b"[]", PARSING),
    ("nan", GOOD[:-2] + b',{"recordId":"x","result":"Ok","data":NaN}]}', PARSING),
    ("mark", b"\xef\xbb\xbf" + GOOD, PARSING),
    ("latin-1", b'{"records":[],"x":"\xe9"}', PARSING),
    ("deep", b"[" * 100_000, PARSING),
    ("huge-number", b'{"records":[],"x":' + b"9" * 5_000 + b"}", PARSING),
    ("double-encoded", json.dumps(GOOD.decode()).encode(), PARSING),
    ("records-object", b'{"records":{}}', PARSING),
    ("entry-null", answer(ok("a"), None, ok("c")), PARSING),
    ("entry-text", answer("a", "b", "c"), PARSING),
    ("function-error", b'{"errorMessage":"boom","errorType":"KeyError","stackTrace":[]}', FUNCTION),
    ("unknown-result", answer(ok("a"), other("b", "OK"), ok("c")), FUNCTION),
    ("no-result", answer(ok("a"), {"recordId": "b"}, ok("c")), FUNCTION),
    ("result-list", answer(ok("a"), other("b", ["Ok"]), ok("c")), FUNCTION),
    ("same-id-twice", answer(ok("a"), ok("b"), ok("b"), ok("c")), DUPLICATE),
    ("no-data", answer(ok("a"), other("b", "Ok"), ok("c")), FORMAT),
    ("null-data", answer(ok("a"), other("b", "Ok", data=None), ok("c")), FORMAT),
    ("no-base64", answer(ok("a"), other("b", "Ok", data="%%%"), ok("c")), MAPPING),
    ("no-padding", answer(ok("a"), other("b", "Ok", data="YQ"), ok("c")), MAPPING),
    ("url-base64", answer(ok("a"), other("b", "Ok", data="_-8="), ok("c")), MAPPING),
    ("newline-base64", answer(ok("a"), other("b", "Ok", data="YWFh\n"), ok("c")), MAPPING),
    ("data-not-text", answer(ok("a"), other("b", "Ok", data=5), ok("c")), MAPPING),
    ("data-not-ascii", answer(ok("a"), other("b", "Ok", data="é==="), ok("c")), MAPPING),
    ("metadata-text", answer(ok("a", metadata="x"), ok("b"), ok("c")), PARSING),
    ("keys-list", answer(ok("a", metadata={"partitionKeys": ["x"]}), ok("b"), ok("c")), PARSING),
]


def rows(table):
    """The rows of a table with their ids."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("response", "outcomes", "findings"), rows(RECORD_FAULTS))
def test_faults_that_cost_their_own_record(response, outcomes, findings):
    """Only the records that are not answered fail; the others are delivered."""
    verdict = check_ids(IDS, response)
    assert codes(verdict) == outcomes
    assert errors(verdict) == findings


@pytest.mark.parametrize(("response", "code"), rows(BATCH_FAULTS))
def test_faults_that_cost_the_batch(response, code):
    """Every record fails with the code of the fault, and its message is Firehose's."""
    verdict = check_ids(IDS, response)
    assert codes(verdict) == [code] * 3
    assert code in errors(verdict)
    assert verdict.outcomes[0].error_message.startswith((MESSAGES[code], "Check your function"))


def test_an_unknown_result_is_explained_as_such():
    """The message of `Lambda.FunctionError` differs where the cause is a result."""
    verdict = check_ids(["a"], answer(other("a", "ok")))
    assert "valid result status of Dropped, Ok, or ProcessingFailed" in verdict.outcomes[0].error_message


def test_the_limit_of_a_response_is_kept_to_the_byte():
    """At the limit it passes, one byte more fails the batch."""
    room = RESPONSE_LIMIT_BYTES - len(answer({**ok("a"), "data": ""}))
    fitting = answer({**ok("a"), "data": "A" * (room // 4 * 4)})
    assert codes(check_ids(["a"], fitting + b" " * (RESPONSE_LIMIT_BYTES - len(fitting)))) == ["Ok"]
    assert codes(check_ids(["a"], fitting + b" " * (RESPONSE_LIMIT_BYTES - len(fitting) + 1))) == [FUNCTION]


def keys(**values):
    """Metadata of partition keys."""
    return {"partitionKeys": values}


def table(**values):
    """Metadata of an Iceberg table."""
    return {"otfMetadata": {"destinationDatabaseName": "db", "destinationTableName": "t", **values}}


PARTITION = "DynamicPartitioning.MetadataExtractionFailed"


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        pytest.param({}, "Ok", id="none"),
        pytest.param(None, "Ok", id="null"),
        pytest.param({"partitionKeys": {}, "otfMetadata": {}}, "Ok", id="empty-as-go-sends"),
        pytest.param(keys(k="v", l="w"), "Ok", id="keys"),
        pytest.param(keys(k="東京/../x"), "Ok", id="odd-text"),
        pytest.param(keys(k=""), PARTITION, id="empty"),
        pytest.param(keys(k=None), PARTITION, id="null-key"),
        pytest.param(keys(k=42), PARTITION, id="number"),
        pytest.param(keys(k="\ud800"), PARTITION, id="lone-surrogate"),
        pytest.param({"partitionKeys": {"": "v"}}, PARTITION, id="nameless"),
        pytest.param(table(), "Ok", id="table"),
        pytest.param(table(operation="delete"), "Ok", id="delete"),
        pytest.param(table(operation="Delete"), "Iceberg.InvalidOperation", id="case"),
        pytest.param(table(operation="upsert"), "Iceberg.InvalidOperation", id="upsert"),
        pytest.param(table(operation=None), "Iceberg.InvalidOperation", id="null-operation"),
        pytest.param(table(destinationTableName=None), "Iceberg.NoSuchTable", id="null-table"),
        pytest.param({"otfMetadata": {"operation": "insert"}}, "Iceberg.NoSuchTable", id="no-table"),
        pytest.param(table(destinationDatabaseName="a-b"), "Iceberg.InvalidTableName", id="hyphen"),
    ],
)
def test_metadata(metadata, code):
    """Metadata that Firehose could not use fails its own record, and the neighbour is delivered."""
    verdict = check_ids(["a", "b"], answer(ok("a", b'{"x":1}\n', metadata=metadata), ok("b")))
    assert codes(verdict) == [code, "Ok"]
    assert verdict.outcomes[0].error_type == ("iceberg-failed" if code.startswith("Iceberg") else "processing-failed")
    assert errors(verdict) == ({code} - {"Ok"})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":1}', "Ok"),
        (b' {"a":\n1}\n', "Ok"),
        (b'{"a":1}\n{"a":2}\n', "Iceberg.InvalidRecord"),
        (b'[{"a":1}]', "Iceberg.InvalidRecord"),
        (b"a,b\n", "Iceberg.InvalidRecord"),
        (b"", "Iceberg.InvalidRecord"),
        (b'{"a":NaN}', "Iceberg.InvalidRecord"),
        (b"\xff", "Iceberg.InvalidRecord"),
    ],
    ids=["object", "white", "two", "array", "csv", "empty", "nan", "binary"],
)
def test_an_iceberg_row_is_exactly_one_object(data, code):
    """Anything else goes to the error prefix, that record alone."""
    assert codes(check_ids(["a"], answer(ok("a", data, metadata=table())))) == [code]


def test_the_destination_is_read_from_the_metadata():
    """Keys in their order, table names and the operation with its default."""
    verdict = check_ids(
        ["a", "b", "c"],
        answer(
            ok("a", metadata=keys(z="1", y="2")),
            ok("b", b"{}", metadata=table()),
            ok("c", b"{}", metadata=table(operation="update")),
        ),
    )
    first, second, third = (outcome.destination for outcome in verdict.outcomes)
    assert first.partition == (("z", "1"), ("y", "2"))
    assert (second.database, second.table, second.operation) == ("db", "t", "insert")
    assert third.operation == "update"


def test_both_kinds_of_metadata_are_a_mistake():
    """A stream delivers to S3 or to Iceberg, never both."""
    verdict = check_ids(["a"], answer(ok("a", b"{}", metadata={**keys(k="v"), **table()})))
    assert errors(verdict) == {"metadata-mixed"}


@pytest.mark.parametrize(
    ("entry", "level", "code"),
    [
        (ok("a", b"no newline"), "warning", "no-newline"),
        (ok("a", b""), "warning", "data-empty"),
        (ok("a", metadata={"partitionkeys": {"k": "v"}}), "warning", "metadata-unknown"),
        (ok("a", extra=1), "note", "member-unknown"),
        (other("a", "Dropped", data="YQ=="), "note", "data-echoed"),
        (other("a", "ProcessingFailed", data="YQ=="), "note", "data-echoed"),
    ],
    ids=["no-newline", "empty", "metadata", "unknown-member", "dropped-data", "failed-data"],
)
def test_what_firehose_tolerates_is_no_error(entry, level, code):
    """It is said, as a warning where something else is delivered than was likely meant, and as a note else."""
    verdict = check_ids(["a"], answer(entry))
    assert [(found.level, found.code) for found in verdict.findings] == [(level, code)]
    assert verdict.outcomes[0].error_code in ("", "Lambda.ProcessingFailedStatus")


def test_findings_of_a_kind_are_counted():
    """Thousands of the same mistake are one finding, with the first place and the number."""
    entries = [other(str(number), "Ok", data="!") for number in range(1_000)]
    verdict = check_ids([str(number) for number in range(1_000)], answer(*entries))
    assert [(found.place, found.count) for found in verdict.findings] == [("records[0].data", 1_000)]
    assert str(verdict.findings[0]).endswith(
        " (1000 times: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...) [data-not-base64, Lambda.JsonMappingException]"
    )
    assert verdict.findings[0].entries == tuple(range(1_000))


def test_msk_data_has_its_own_name():
    """Where the event comes from MSK, the data of an Ok entry is `kafkaRecordValue`."""
    event = {"sourceMSKArn": "", "records": [{"recordId": "a", "kafkaRecordValue": ""}]}
    named = answer({"recordId": "a", "result": "Ok", "kafkaRecordValue": "YQo="})
    assert check(event, named).outcomes[0].data == b"a\n"
    assert codes(check(event, answer(ok("a")))) == [FORMAT]
    assert codes(check({"records": [{"recordId": "a"}]}, named)) == [FORMAT]


@pytest.mark.parametrize(
    "event",
    [b"", b"[]", b"{}", b'{"records":{}}', b'{"records":[5]}', b'{"records":[{}]}', b'{"records":[{"recordId":1}]}'],
    ids=["empty", "list", "no-records", "object", "number", "no-id", "number-id"],
)
def test_what_is_no_event_is_said(event):
    """Without ids there is nothing to check."""
    with pytest.raises(EventError):
        check(event, GOOD)


def test_an_event_is_taken_as_bytes_or_as_a_dict():
    """Both give the same verdict."""
    event = {"records": [{"recordId": identity, "data": ""} for identity in IDS]}
    assert check(event, GOOD) == check(json.dumps(event).encode(), GOOD)


ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "recordId": st.sampled_from(["a", "b", "c", "x", 1, None]),
        "result": st.sampled_from(["Ok", "Dropped", "ProcessingFailed", "ok", None, [], {}]),
        "data": st.sampled_from(["", "YQo=", "YQ", "é", 7, None, []]),
        "metadata": st.sampled_from([None, {}, 1, keys(k="v"), keys(k=1), table(), table(operation=3), "x"]),
    },
)


@given(
    st.one_of(
        st.binary(max_size=40),
        st.lists(st.one_of(ENTRIES, st.none(), st.text(max_size=3)), max_size=5).map(lambda found: answer(*found)),
    )
)
def test_there_is_one_outcome_per_record_whatever_comes(response):
    """Any bytes: no exception, and as many outcomes as records; an error code stands where the result is a failure."""
    verdict = check_ids(IDS, response)
    assert len(verdict.outcomes) == 3
    for outcome in verdict.outcomes:
        assert (outcome.result == "ProcessingFailed") == bool(outcome.error_code) == bool(outcome.error_message)


def test_an_event_of_no_records_is_answered_by_none():
    """Nothing asked, nothing missing."""
    verdict = check_ids([], answer())
    assert (verdict.outcomes, verdict.findings) == ([], [])
