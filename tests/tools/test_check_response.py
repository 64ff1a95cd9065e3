"""`check-response`: each fault of the closed list is found in its fixture, and what the command says beside it."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.simulator.contract import FAULTS, ContractFinding, shown
from fastxform.tools.simulator.outcome import MESSAGES

FIXTURES = Path(__file__).parents[1] / "fixtures" / "check_response"
EXIT_CODES = {"error": 1, "warning": 1, "note": 0}


def fixture_of(fault):
    """The event, the bytes of the response and the lines of the findings of one fixture."""
    content = json.loads((FIXTURES / f"{fault}.json").read_text())
    response = content["response"].encode().ljust(content.get("padded_to_bytes", 0))
    return json.dumps(content["event"]).encode(), response, content["findings"]


def event_of(*identities, **members):
    """An event of these ids, each with a small record."""
    records = [{"recordId": identity, "data": "e30="} for identity in identities]
    return json.dumps({"records": records, **members}).encode()


def answer(*entries):
    """A response, as bytes."""
    return json.dumps({"records": list(entries)}).encode()


def ok(identity, data=b"1\n", **members):
    """An Ok entry."""
    return {"recordId": identity, "result": "Ok", "data": b64encode(data).decode(), **members}


@pytest.fixture
def checked(command, write):
    """Run the command on an event and a response: (exit code, lines on standard output, lines on standard error)."""

    def run(event, response, *arguments):
        code, out, err = command("check-response", write(event, "event"), write(response, "response"), *arguments)
        return code, out.splitlines(), err.splitlines()

    return run


# -- the closed list


def test_every_fault_has_its_fixture():
    """A new fault comes with a file that has it, and no file is of a fault that is gone."""
    assert sorted(path.stem for path in FIXTURES.iterdir()) == sorted(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_in_its_fixture(fault, checked):
    """That one and no other, in the words of the fixture; the exit code is that of its level."""
    event, response, lines = fixture_of(fault)
    code, out, err = checked(event, response)
    assert out == lines
    assert len(lines) == 1
    assert lines[0].endswith(("]", f"[{fault}]"))
    assert code == EXIT_CODES[FAULTS[fault].level]
    assert err[0].startswith(f"response: {len(response)} bytes, ")


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_programs_too(fault, checked):
    """One JSON object: the id of the fault, its remedy, the entries, and how the level is counted."""
    event, response, _ = fixture_of(fault)
    code, out, _ = checked(event, response, "--json")
    found = json.loads("\n".join(out))
    (finding,) = found["findings"]
    assert (finding["fault"], finding["level"], finding["remedy"]) == (
        fault,
        FAULTS[fault].level,
        FAULTS[fault].remedy,
    )
    assert found["counts"] == {level: int(level == FAULTS[fault].level) for level in EXIT_CODES}
    assert found["left_bytes"] == RESPONSE_LIMIT_BYTES - len(response)
    assert code == EXIT_CODES[FAULTS[fault].level]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_records_where_it_says_so(fault, checked):
    """Every record where the batch fails whole, some where it has an error code, else none."""
    event, response, _ = fixture_of(fault)
    _, out, _ = checked(event, response, "--json")
    found = json.loads("\n".join(out))
    failed = found["error_codes"].get(FAULTS[fault].error_code, 0)
    assert FAULTS[fault].error_code in ("", *MESSAGES)
    if FAULTS[fault].fails_batch or fault in ("gateway-response", "records-missing"):
        assert failed == found["records"] == 2
    elif fault in ("id-missing", "id-not-text"):
        # Both records are answered beside the entry that answers none.
        assert failed == 0
    else:
        assert failed == (FAULTS[fault].error_code != "")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_words_of_a_fault_are_one_line(fault):
    """What is wrong and what to do, without a full stop, as the other findings of the command are."""
    for text in (FAULTS[fault].text, FAULTS[fault].remedy):
        assert text
        assert text.isprintable()
        assert not text.endswith(".")


# -- what is no fault


@pytest.mark.parametrize(
    ("event", "response"),
    [
        pytest.param(event_of("a", "b"), answer(ok("a"), ok("b")), id="in-order"),
        pytest.param(event_of("a", "b"), answer(ok("b"), ok("a")), id="other-order"),
        pytest.param(event_of("a"), answer({"recordId": "a", "result": "Dropped"}), id="all-dropped-and-small"),
        pytest.param(event_of("a"), answer({"recordId": "a", "result": "ProcessingFailed"}), id="failed"),
        pytest.param(event_of("a"), answer(ok("a", metadata=None)), id="null-metadata"),
        pytest.param(event_of("a"), answer({**ok("a"), "metadata": {"partitionKeys": {"k": "v"}}}), id="keys"),
        pytest.param(
            event_of("a"),
            answer(
                ok(
                    "a",
                    b'{"x":1}',
                    metadata={"otfMetadata": {"destinationDatabaseName": "d", "destinationTableName": "t"}},
                )
            ),
            id="iceberg-without-newline",
        ),
        pytest.param(
            event_of("a", sourceMSKArn="arn"),
            answer({"recordId": "a", "result": "Ok", "kafkaRecordValue": "MQo="}),
            id="msk",
        ),
        pytest.param(event_of(), answer(), id="no-records"),
        pytest.param(event_of("a"), answer(ok("a")) + b"\r\n", id="newline-of-an-editor"),
    ],
)
def test_a_good_response_passes(event, response, checked):
    """Exit code 0 and no finding; size and results are said all the same."""
    code, out, err = checked(event, response)
    assert (code, out) == (0, [])
    assert err[-1].endswith("; nothing found")


def test_the_size_is_said_to_the_byte(checked):
    """How long the response is, and how far from the limit, below it, at it and above it."""
    small = answer(ok("a"))
    lines = []
    for length in (len(small), RESPONSE_LIMIT_BYTES, RESPONSE_LIMIT_BYTES + 7):
        code, _, err = checked(event_of("a"), small.ljust(length))
        lines.append((code, err[0]))
    assert lines == [
        (0, f"response: {len(small)} bytes, {RESPONSE_LIMIT_BYTES - len(small)} below the limit of 6291556 (0.0 %)"),
        (0, "response: 6291556 bytes, 0 below the limit of 6291556 (100.0 %)"),
        (1, "response: 6291563 bytes, 7 above the limit of 6291556 (100.0 %)"),
    ]


# -- several faults


def test_faults_of_a_kind_are_one_line(checked):
    """With the first place, how many there are and which entries."""
    identities = [str(number) for number in range(30)]
    entries = [ok(name) if int(name) % 2 else {"recordId": name, "result": "DROPPED"} for name in identities]
    code, out, err = checked(event_of(*identities), answer(*entries))
    assert (code, out) == (
        1,
        [
            'records[0].result (recordId "0"): error: the result is written with wrong small or capital letters '
            '("DROPPED"); write Ok, Dropped or ProcessingFailed (15 times: 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, ...) '
            "[result-case, Lambda.FunctionError]"
        ],
    )
    assert err[-1] == "30 records: 30 ProcessingFailed (30 Lambda.FunctionError); 1 error"


def test_faults_of_all_kinds_are_found_at_once(checked):
    """The first does not hide the others, and what is said of each is its own record."""
    entries = [
        {"recordId": "a", "result": "Ok", "data": "MQ"},
        ok("b", b"1", metadata={"partitionKeys": {"k": 1, "l": ""}, "x": {}}),
        ok("x"),
        7,
    ]
    code, out, _ = checked(event_of("a", "b", "c"), answer(*entries), "--json")
    found = json.loads("\n".join(out))["findings"]
    assert code == 1
    assert [(finding["fault"], finding["record_id"]) for finding in found] == [
        ("data-padding", "a"),
        ("metadata-unknown", "b"),
        ("no-newline", "b"),
        ("partition-key-not-text", "b"),
        ("partition-key-empty", "b"),
        ("id-unknown", "x"),
        ("entry-not-object", None),
        ("record-missing", "c"),
    ]


@pytest.mark.parametrize(
    ("response", "detail"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b"<html>", "line 1, column 1: Expecting value", id="html"),
        pytest.param(b'\xef\xbb\xbf{"records":[]}', "it starts with a byte order mark", id="mark"),
        pytest.param(b'{"x":"\xe9"}', "invalid UTF-8 at byte 7", id="latin-1"),
        pytest.param(b"[" * 100_000, "it nests too deep", id="deep"),
        pytest.param(b'{"records":[NaN]}', "NaN is not JSON", id="nan"),
        pytest.param(b'{"records":[' + b"9" * 5_000 + b"]}", "Exceeds the limit", id="huge-number"),
        pytest.param(b'{"records":[]}\n{"records":[]}', "line 2, column 1: Extra data", id="two"),
    ],
)
def test_what_is_no_json_says_where(response, detail, checked):
    """One line with the position, never a traceback."""
    code, out, _ = checked(event_of("a"), response)
    assert code == 1
    (line,) = out
    assert detail in line
    assert line.endswith("[response-not-json, Lambda.JsonProcessingException]")


def test_a_response_of_null_is_no_object(checked):
    """What a function without a return statement answers."""
    _, out, _ = checked(event_of("a"), b"null")
    assert "(null)" in out[0]
    assert "[response-not-object" in out[0]


def test_ids_of_the_response_cannot_break_the_line(checked):
    """Line breaks, escape sequences and lone surrogates in ids are escaped, and long ones are cut."""
    entries = [ok("a\n\x1b[31m"), ok("x" * 1_000), ok("\ud800")]
    code, out, _ = checked(event_of("a"), answer(*entries))
    assert (code, len(out)) == (1, 2)
    assert all(line.isprintable() and len(line) < 400 for line in out)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "null", id="null"),
        pytest.param("a", '"a"', id="text"),
        pytest.param("a" * 50, '"' + "a" * 40 + '..."', id="long"),
        pytest.param(True, "true or false", id="bool"),
        pytest.param(1.5, "a number", id="number"),
        pytest.param([], "a list", id="list"),
        pytest.param({}, "an object", id="object"),
    ],
)
def test_what_stood_there_is_said_in_words(value, text):
    """A text as it is, shortened, everything else by its kind."""
    assert shown(value) == text


def test_a_finding_of_another_count_says_the_number_alone():
    """Where the entries are not known, as in the sums of a simulation, only the count is printed."""
    assert str(ContractFinding("error", "c", "p", "m", 3)) == "p: error: m (3 times) [c]"


# -- files


def test_what_is_no_event_cannot_be_checked(command, write):
    """Exit code 2 with the name of the file."""
    path = write(b"{}", "event")
    code, out, err = command("check-response", path, path)
    assert (code, out) == (2, "")
    assert err.startswith(f"fastxform: {path}: the event is not a Firehose event")


def test_a_file_that_is_not_there_is_one_line(command, write):
    """Exit code 2, nothing on standard output."""
    code, out, err = command("check-response", write(event_of("a"), "event"), "nowhere")
    assert (code, out, err) == (2, "", "fastxform: nowhere: No such file or directory\n")
