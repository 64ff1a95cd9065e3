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
  `Iceberg.InvalidRecord` are names of ours.

Invariant: a verdict has exactly one outcome per record of the event, in the order of the event.
"""

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn

from fastxform.errors import DROPPED, FAILED, OK, EventError
from fastxform.limits import RESPONSE_LIMIT_BYTES

PROCESSING_FAILED: Final = "processing-failed"
ICEBERG_FAILED: Final = "iceberg-failed"

MESSAGES: Final[dict[str, str]] = {
    "Lambda.MissingRecordId": (
        "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids."
    ),
    "Lambda.DuplicatedRecordId": (
        "Multiple records were returned with the same record ID. "
        "Ensure that the Lambda function returns unique record IDs for each record."
    ),
    "Lambda.JsonProcessingException": (
        "There was an error parsing returned records from the Lambda function. "
        "Ensure that the returned records follow the status model required by Amazon Data Firehose."
    ),
    "Lambda.JsonMappingException": (
        "There was an error parsing returned records from the Lambda function. "
        "Ensure that data field is base-64 encoded."
    ),
    "Lambda.InvalidReturnFormat": (
        "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource "
        "and processing result is Ok. "
        "The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok."
    ),
    "Lambda.FunctionError": "The Lambda function was successfully invoked but it returned an error result.",
    "Lambda.InvocationFailure": "The Lambda function could not be invoked.",
    "Lambda.ProcessingFailedStatus": "ProcessingFailed status set for record",
    "DynamicPartitioning.MetadataExtractionFailed": "A partition key is missing, empty or not a string.",
    "Iceberg.NoSuchTable": "The destination database or table name is missing.",
    "Iceberg.InvalidTableName": "A database or table name must not hold a hyphen.",
    "Iceberg.InvalidOperation": "The operation is not insert, update or delete.",
    "Iceberg.InvalidRecord": "The data is not exactly one JSON object.",
}
"""What Firehose writes beside each error code."""

_INVALID_RESULT: Final = (
    "Check your function and make sure the output is in required format. In addition to that, "
    "make sure the processed records contain valid result status of Dropped, Ok, or ProcessingFailed"
)
_RESULTS: Final = (OK, DROPPED, FAILED)
_MEMBERS: Final = frozenset({"recordId", "result", "data", "kafkaRecordValue", "metadata"})
_OPERATIONS: Final = ("insert", "update", "delete")

# The worst first: the code of a batch that fails whole is that of the first of these that was found.
_WHOLE_BATCH: Final = (
    "Lambda.JsonProcessingException",
    "Lambda.FunctionError",
    "Lambda.DuplicatedRecordId",
    "Lambda.InvalidReturnFormat",
    "Lambda.JsonMappingException",
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an `Ok` record goes: partition keys of an S3 prefix, or an Iceberg table; neither is plain S3."""

    partition: tuple[tuple[str, str], ...] = ()
    database: str = ""
    table: str = ""
    operation: str = "insert"


_PLAIN: Final = Destination()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What Firehose does with one record; the `error_` members are for `ProcessingFailed`."""

    result: str
    data: bytes = b""
    destination: Destination = _PLAIN
    error_code: str = ""
    error_message: str = ""
    error_type: str = PROCESSING_FAILED


_DROPPED: Final = Outcome(DROPPED)
_STATUS_FAILED: Final = Outcome(
    FAILED, error_code="Lambda.ProcessingFailedStatus", error_message=MESSAGES["Lambda.ProcessingFailedStatus"]
)


def failed(code: str, message: str | None = None, error_type: str = PROCESSING_FAILED) -> Outcome:
    """Return the outcome of a record that fails with this error code; the message defaults to Firehose's."""
    return Outcome(
        FAILED, error_code=code, error_message=MESSAGES[code] if message is None else message, error_type=error_type
    )


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of mistake in a response, and where it was first met; an `error` costs records, a `note` does not."""

    level: Literal["error", "note"]
    code: str
    place: str
    message: str
    count: int = 1

    def __str__(self) -> str:
        """Return the line as the command prints it."""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.place}: {self.level}: {self.message}{times} [{self.code}]"


@dataclass(slots=True)
class Verdict:
    """The outcomes, one per record of the event in its order, and the findings."""

    outcomes: list[Outcome]
    findings: list[Finding]


@dataclass(slots=True)
class _Notebook:
    """Findings under way: the first of each kind, and how many more there were."""

    found: dict[tuple[str, str], Finding] = field(default_factory=dict)
    whole_batch: set[str] = field(default_factory=set)

    def add(self, level: Literal["error", "note"], code: str, place: str, message: str, count: int = 1) -> None:
        """Add a finding, or count one more of a kind that was found before."""
        seen = self.found.get((code, message))
        if seen is not None:
            place, count = seen.place, seen.count + count
        self.found[code, message] = Finding(level, code, place, message, count)

    def sink_batch(self, code: str, place: str, message: str) -> None:
        """Add a finding that fails every record of the batch."""
        self.whole_batch.add(code)
        self.add("error", code, place, message)


def check(event: bytes | Mapping[str, Any], response: bytes) -> Verdict:
    """Return what Firehose would do with the answer `response` to `event`.

    Raises:
        EventError: the event is not a Firehose event.
    """
    record_ids, kafka = event_ids(event)
    return check_ids(record_ids, response, kafka=kafka)


def event_ids(event: bytes | Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return the record ids of an event, and whether its source is MSK, where data is called `kafkaRecordValue`.

    Raises:
        EventError: the event is not a Firehose event.
    """
    document = _parse(event) if isinstance(event, bytes) else event
    records = document.get("records") if isinstance(document, Mapping) else None
    if not isinstance(records, list):
        raise EventError("the event is not a Firehose event: it is no JSON object with a list `records`")
    record_ids = []
    for place, record in enumerate(records):
        identity = record.get("recordId") if isinstance(record, Mapping) else None
        if not isinstance(identity, str):
            raise EventError(f"records[{place}] of the event has no recordId")
        record_ids.append(identity)
    return record_ids, "sourceMSKArn" in document


def check_ids(record_ids: Sequence[str], response: bytes, *, kafka: bool = False) -> Verdict:
    """Return what Firehose would do with `response` as the answer to an event of these record ids."""
    notebook = _Notebook()
    if len(response) > RESPONSE_LIMIT_BYTES:
        message = f"the response has {len(response)} bytes, Lambda lets {RESPONSE_LIMIT_BYTES} through"
        notebook.sink_batch("Lambda.FunctionError", "response", message)
    entries = _entries(response, notebook)
    answers = _answers(record_ids, entries, notebook, "kafkaRecordValue" if kafka else "data")
    findings = list(notebook.found.values())
    for code in _WHOLE_BATCH:
        if code in notebook.whole_batch:
            unknown_result = any(found.code == code and found.place.endswith(".result") for found in findings)
            return Verdict([failed(code, _INVALID_RESULT if unknown_result else None)] * len(record_ids), findings)
    return Verdict(answers, findings)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse(text: bytes) -> Any:
    """Parse strict JSON; None, which is no event and no response, stands for everything that is not."""
    try:
        return json.loads(text.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _entries(response: bytes, notebook: _Notebook) -> list[Any]:
    """Return the list `records` of the response, empty where there is none."""
    document = _parse(response)
    if isinstance(document, dict) and isinstance(document.get("records"), list):
        entries: list[Any] = document["records"]
        return entries
    if isinstance(document, str) and isinstance(_parse(document.encode(errors="replace")), dict):
        message = (
            "the response is a JSON string that holds JSON: the function returned text, let it return the object itself"
        )
    elif isinstance(document, dict) and "errorMessage" in document:
        notebook.sink_batch(
            "Lambda.FunctionError", "response", "this is the error of a function that raised, not a response"
        )
        return []
    elif isinstance(document, dict) and document.get("records") is None:
        # Every id is missing then; `_answers` says so.
        return []
    else:
        message = "the response is not one JSON object with a list `records`"
    notebook.sink_batch("Lambda.JsonProcessingException", "response", message)
    return []


def _answers(record_ids: Sequence[str], entries: list[Any], notebook: _Notebook, data_name: str) -> list[Outcome]:
    """Return the outcome of each record as if nothing failed the whole batch."""
    wanted = set(record_ids)
    answered: dict[str, Outcome] = {}
    for number, entry in enumerate(entries):
        place = f"records[{number}]"
        if not isinstance(entry, dict):
            notebook.sink_batch("Lambda.JsonProcessingException", place, "the entry is not an object")
            continue
        identity = entry.get("recordId")
        if not isinstance(identity, str):
            notebook.add("error", "Lambda.MissingRecordId", place, "the entry has no recordId that is a string")
        elif identity not in wanted:
            notebook.add(
                "error", "unknown-id", f"{place}.recordId", "the id is not one of the event; Firehose ignores the entry"
            )
        elif identity in answered:
            notebook.sink_batch("Lambda.DuplicatedRecordId", f"{place}.recordId", "the id was answered before")
        else:
            answered[identity] = _answer(entry, place, notebook, data_name)
    missing = [number for number, identity in enumerate(record_ids) if identity not in answered]
    if missing:
        message = "records of the event are not answered, the first is the one named"
        notebook.add("error", "Lambda.MissingRecordId", f"event.records[{missing[0]}]", message, len(missing))
    absent = failed("Lambda.MissingRecordId")
    return [answered.get(identity, absent) for identity in record_ids]


def _answer(entry: dict[str, Any], place: str, notebook: _Notebook, data_name: str) -> Outcome:
    """Return the outcome of the record that this entry answers."""
    result = entry.get("result")
    if not entry.keys() <= _MEMBERS:
        notebook.add("note", "unknown-member", place, "the entry has members that Firehose does not know")
    if result == OK:
        return _ok(entry, place, notebook, data_name)
    if result not in _RESULTS:
        message = "the result is none of Ok, Dropped, ProcessingFailed (the case counts)"
        notebook.sink_batch("Lambda.FunctionError", f"{place}.result", message)
        return _STATUS_FAILED
    if entry.get(data_name):
        notebook.add(
            "note",
            "echoed-data",
            f"{place}.{data_name}",
            "only Ok entries need data; here it only makes the response larger",
        )
    return _DROPPED if result == DROPPED else _STATUS_FAILED


def _ok(entry: dict[str, Any], place: str, notebook: _Notebook, data_name: str) -> Outcome:
    text = entry.get(data_name)
    if text is None:
        notebook.sink_batch("Lambda.InvalidReturnFormat", f"{place}.{data_name}", f"an Ok entry needs {data_name}")
        return _STATUS_FAILED
    data = _decode(text)
    if data is None:
        notebook.sink_batch(
            "Lambda.JsonMappingException", f"{place}.{data_name}", "the data is not base64 with its padding"
        )
        return _STATUS_FAILED
    metadata = entry.get("metadata")
    if not metadata:
        if data and not data.endswith(b"\n"):
            notebook.add(
                "note",
                "no-newline",
                f"{place}.{data_name}",
                "the data does not end with a newline, and Firehose puts none between records",
            )
        return Outcome(OK, data)
    return _routed(data, metadata, f"{place}.metadata", notebook)


def _decode(text: object) -> bytes | None:
    """Decode strict base64; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None


def _routed(data: bytes, metadata: object, place: str, notebook: _Notebook) -> Outcome:
    """Return the outcome of an `Ok` record that has metadata."""
    partition = metadata.get("partitionKeys") if isinstance(metadata, dict) else metadata
    table = metadata.get("otfMetadata") if isinstance(metadata, dict) else metadata
    if not isinstance(metadata, dict) or not isinstance(partition or {}, dict) or not isinstance(table or {}, dict):
        notebook.sink_batch(
            "Lambda.JsonProcessingException", place, "metadata, partitionKeys and otfMetadata are objects"
        )
        return _STATUS_FAILED
    if partition and table:
        message = "partitionKeys are for S3, otfMetadata is for Iceberg: no stream has both"
        notebook.add("error", "mixed-metadata", place, message)
    if isinstance(table, dict) and table:
        return _iceberg(data, table, f"{place}.otfMetadata", notebook)
    if isinstance(partition, dict) and partition:
        return _partitioned(data, partition, f"{place}.partitionKeys", notebook)
    return Outcome(OK, data)


def _partitioned(data: bytes, keys: dict[str, object], place: str, notebook: _Notebook) -> Outcome:
    pairs = tuple(
        (name, value) for name, value in keys.items() if isinstance(value, str) and value and _writable(name + value)
    )
    if len(pairs) < len(keys) or "" in keys:
        code = "DynamicPartitioning.MetadataExtractionFailed"
        notebook.add("error", code, place, "a partition key is empty or not text")
        return failed(code)
    return Outcome(OK, data, Destination(partition=pairs))


def _iceberg(data: bytes, metadata: dict[str, object], place: str, notebook: _Notebook) -> Outcome:
    database, table = metadata.get("destinationDatabaseName"), metadata.get("destinationTableName")
    operation = metadata.get("operation", "insert")
    code = ""
    if (
        not isinstance(database, str)
        or not isinstance(table, str)
        or not database
        or not table
        or not _writable(database + table)
    ):
        code = "Iceberg.NoSuchTable"
    elif "-" in database or "-" in table:
        code = "Iceberg.InvalidTableName"
    elif operation not in _OPERATIONS:
        code = "Iceberg.InvalidOperation"
    elif not isinstance(_parse(data), dict):
        code = "Iceberg.InvalidRecord"
    if code:
        notebook.add("error", code, place, MESSAGES[code][0].lower() + MESSAGES[code][1:-1])
        return failed(code, error_type=ICEBERG_FAILED)
    return Outcome(OK, data, Destination(database=str(database), table=str(table), operation=str(operation)))


def _writable(text: str) -> bool:
    """Tell whether the text can be part of an S3 key: a lone surrogate, which JSON can spell, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
