"""The checker of responses: what Firehose would do with each record, given what a function answered.

Pure: bytes in, a verdict out; it invokes nothing and writes nothing. The rules are those of Firehose's
documentation and of error objects seen in the wild. Where these disagree or are silent (UNVERIFIED), the way that
is worse for the function is taken, so that what passes here passes there:

* the same id twice fails the whole batch (one source: that record only);
* data that is null, or not strict base64, on an `Ok` fails the whole batch; its code is that of the documentation;
* an unparsable response is `Lambda.JsonProcessingException` (documentation; an observation says `MissingRecordId`),
  one without `records` `Lambda.MissingRecordId`; neither is retried;
* an unknown `result` fails the whole batch without a retry;
* a partition key that is not text, or empty, fails its record as `DynamicPartitioning.MetadataExtractionFailed`;
* Iceberg metadata that Firehose could not use fails its record; `Iceberg.InvalidOperation` and
  `Iceberg.InvalidRecord` are names of ours;
* an answer of API Gateway's shape has no `records`, like any other.

The faults themselves are listed in `contract`, entries are read in `entries`. Invariant: a verdict has exactly one
outcome per record of the event, in the order of the event; the order of the entries means nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastxform.core.payloads import DecompressionError, decode, decompress
from fastxform.errors import EventError
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.tools.simulator.contract import ContractFinding, Notebook, shown
from fastxform.tools.simulator.entries import DATA_NAMES, EntryReader, parse, refuse_constant
from fastxform.tools.simulator.outcome import DROPPED_OUTCOME, MESSAGES, Destination, Outcome, failed

__all__ = [
    "MESSAGES",
    "ContractFinding",
    "Destination",
    "Outcome",
    "Verdict",
    "check",
    "check_ids",
    "event_ids",
    "failed",
]

_INVALID_RESULT: Final = (
    "Check your function and make sure the output is in required format. In addition to that, "
    "make sure the processed records contain valid result status of Dropped, Ok, or ProcessingFailed"
)

# The worst first: the code of a batch that fails whole is that of the first of these that was found.
_WHOLE_BATCH: Final = (
    "Lambda.JsonProcessingException",
    "Lambda.FunctionError",
    "Lambda.DuplicatedRecordId",
    "Lambda.InvalidReturnFormat",
    "Lambda.JsonMappingException",
)


@dataclass(slots=True)
class Verdict:
    """The outcomes, one per record of the event in its order, and the findings."""

    outcomes: list[Outcome]
    findings: list[ContractFinding]


def check(event: bytes | Mapping[str, Any], response: bytes) -> Verdict:
    """Return what Firehose would do with the answer `response` to `event`.

    Raises:
        EventError: the event is not a Firehose event.
    """
    document = parse(event) if isinstance(event, bytes) else event
    record_ids, kafka = event_ids(document)
    verdict = check_ids(record_ids, response, kafka=kafka)
    if (
        record_ids
        and all(outcome is DROPPED_OUTCOME for outcome in verdict.outcomes)
        and not _fits(document["records"])
    ):
        notebook = Notebook()
        notebook.add("all-dropped", "response")
        verdict.findings += notebook.findings()
    return verdict


def event_ids(event: bytes | Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return the record ids of an event, and whether its source is MSK, where data is called `kafkaRecordValue`.

    Raises:
        EventError: the event is not a Firehose event.
    """
    document = parse(event) if isinstance(event, bytes) else event
    records = document.get("records") if isinstance(document, Mapping) else None
    if not isinstance(records, list):
        raise EventError("the event is not a Firehose event: it is no JSON object with a list `records`")
    record_ids = []
    for index, record in enumerate(records):
        identity = record.get("recordId") if isinstance(record, Mapping) else None
        if not isinstance(identity, str):
            raise EventError(f"records[{index}] of the event has no recordId")
        record_ids.append(identity)
    return record_ids, "sourceMSKArn" in document


def _fits(records: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a response can hold the records of an event as they are, each decompressed, in base64."""
    left_bytes = RESPONSE_LIMIT_BYTES - len('{"records":[]}')
    for record in records:
        data = record.get("data", record.get("kafkaRecordValue"))
        raw = decode(data) if isinstance(data, str) else None
        try:
            size_bytes = len(decompress(raw or b""))
        except DecompressionError as err:
            # Broken data is answered in no way that needs room.
            size_bytes = left_bytes if err.reason == "too_large" else 0
        entry_bytes = len(record["recordId"]) + len('{"recordId":"","result":"Ok","data":""},')
        left_bytes -= entry_bytes + (size_bytes + 2) // 3 * 4
        if left_bytes < 0:
            return False
    return True


def check_ids(record_ids: Sequence[str], response: bytes, *, kafka: bool = False) -> Verdict:
    """Return what Firehose would do with `response` as the answer to an event of these record ids."""
    notebook = Notebook()
    if len(response) > RESPONSE_LIMIT_BYTES:
        detail = f"{len(response)} bytes, {len(response) - RESPONSE_LIMIT_BYTES} over the limit"
        notebook.add("response-too-large", "response", detail)
    entries = _entries(response, notebook)
    if entries is None:
        answers = [failed("Lambda.MissingRecordId")] * len(record_ids)
    else:
        answers = EntryReader(record_ids, notebook, DATA_NAMES[kafka]).answers(entries)
    for code in _WHOLE_BATCH:
        fault = notebook.sinks(code)
        if fault is not None:
            message = _INVALID_RESULT if fault.startswith("result-") else None
            return Verdict([failed(code, message)] * len(record_ids), notebook.findings())
    return Verdict(answers, notebook.findings())


def _fault_of_text(text: bytes) -> str:
    """Return why a text is no JSON, without quoting it."""
    if not text:
        return "it is empty"
    if text.startswith(b"\xef\xbb\xbf"):
        return "it starts with a byte order mark"
    try:
        json.loads(text.decode(), parse_constant=refuse_constant)
    except UnicodeDecodeError as err:
        return f"invalid UTF-8 at byte {err.start + 1}"
    except json.JSONDecodeError as err:
        return f"line {err.lineno}, column {err.colno}: {err.msg}"
    except RecursionError:
        return "it nests too deep"
    except ValueError as err:
        return str(err).partition(";")[0]
    return ""


def _entries(response: bytes, notebook: Notebook) -> list[Any] | None:
    """Return the list `records` of the response; None where there is none, of which a fault is noted."""
    document = parse(response)
    if isinstance(document, dict) and isinstance(document.get("records"), list):
        for name in document.keys() - {"records"}:
            notebook.add("member-unknown", "response", shown(name))
        entries: list[Any] = document["records"]
        return entries
    fault, detail = "response-not-object", shown(document)
    if isinstance(document, str) and isinstance(parse(document.encode(errors="replace")), dict):
        fault, detail = "response-is-text", ""
    elif isinstance(document, dict):
        fault, detail = _without_records(document)
    elif document is None and (why := _fault_of_text(response)):
        fault, detail = "response-not-json", why
    notebook.add(fault, "response", detail)
    return None


def _without_records(document: dict[str, Any]) -> tuple[str, str]:
    """Return what is wrong with an object that has no list `records`."""
    if "errorMessage" in document or "errorType" in document:
        kind = document.get("errorType")
        return "function-error", shown(kind) if isinstance(kind, str) else ""
    if "statusCode" in document and "body" in document:
        return "gateway-response", ""
    if document.get("records") is not None:
        return "records-not-list", shown(document["records"])
    near = next((name for name in document if name.lower() in ("records", "record")), None)
    return "records-missing", f"it has {shown(near)}" if near is not None and near != "records" else ""
