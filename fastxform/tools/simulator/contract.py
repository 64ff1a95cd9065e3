"""The closed list of faults that an answer to Firehose can have, and the findings that name them.

What a fault says and how it is mended stands here once; where the faults are looked for is `response`. An `error`
costs records that the function meant to deliver, a `warning` delivers something else than was likely meant, a `note`
is harmless. Invariant: a finding is of one fault, and names the first place where it was met and how often it was.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

Level = Literal["error", "warning", "note"]

_RECORDS: Final = 'return {"records": [{"recordId": ..., "result": ..., "data": ...}, ...]}'
_UNPARSABLE: Final = "Lambda.JsonProcessingException"
_FUNCTION: Final = "Lambda.FunctionError"
_MISSING: Final = "Lambda.MissingRecordId"
_FORMAT: Final = "Lambda.InvalidReturnFormat"
_MAPPING: Final = "Lambda.JsonMappingException"
_PARTITION: Final = "DynamicPartitioning.MetadataExtractionFailed"


class ContractFault(NamedTuple):
    """One kind of fault; `error_code` is Firehose's, where it has one, `fails_batch` that every record fails for it."""

    level: Level
    text: str
    remedy: str
    error_code: str = ""
    fails_batch: bool = False


def _sinking(error_code: str, text: str, remedy: str) -> ContractFault:
    return ContractFault("error", text, remedy, error_code, True)


def _failing(error_code: str, text: str, remedy: str) -> ContractFault:
    return ContractFault("error", text, remedy, error_code)


FAULTS: Final[dict[str, ContractFault]] = {
    # of the answer as a whole
    "response-too-large": _sinking(
        _FUNCTION,
        "the response is longer than Lambda lets through",
        "put records back and answer them Dropped, or make the buffer of the stream smaller",
    ),
    "response-not-json": _sinking(_UNPARSABLE, "the response is not JSON in UTF-8", _RECORDS),
    "response-is-text": _sinking(
        _UNPARSABLE,
        "the response is a JSON string that holds JSON",
        "the function returned text; return the object itself",
    ),
    "response-not-object": _sinking(_UNPARSABLE, "the response is not a JSON object", _RECORDS),
    "function-error": _sinking(
        _FUNCTION,
        "this is the error of a function that raised, not a response",
        "fix the exception; answer a record that cannot be transformed ProcessingFailed",
    ),
    "gateway-response": _failing(
        _MISSING, "this is a response for API Gateway, with statusCode and body", f"for Firehose {_RECORDS}"
    ),
    "records-missing": _failing(_MISSING, "the response has no records", _RECORDS),
    "records-not-list": _sinking(_UNPARSABLE, "records is not a list", _RECORDS),
    # of entries and their ids
    "entry-not-object": _sinking(_UNPARSABLE, "the entry is not an object", _RECORDS),
    "record-missing": _failing(
        _MISSING, "the record of the event is not answered", "answer every recordId, what is filtered out as Dropped"
    ),
    "id-missing": _failing(_MISSING, "the entry has no recordId", "copy the recordId of the record that it answers"),
    "id-not-text": _failing(_MISSING, "the recordId is not text", "copy the recordId of the event as it stands"),
    "id-unknown": ContractFault(
        "error", "the event has no record of this id, and Firehose ignores the entry", "copy the recordId of the event"
    ),
    "id-repeated": _sinking(
        "Lambda.DuplicatedRecordId",
        "the id was answered before",
        "answer each record once; several rows go into the data of one entry",
    ),
    # of results
    "result-missing": _sinking(_FUNCTION, "the entry has no result", "write Ok, Dropped or ProcessingFailed"),
    "result-case": _sinking(
        _FUNCTION, "the result is written with wrong small or capital letters", "write Ok, Dropped or ProcessingFailed"
    ),
    "result-unknown": _sinking(
        _FUNCTION, "the result is none that Firehose knows", "write Ok, Dropped or ProcessingFailed"
    ),
    # of data
    "data-missing": _sinking(_FORMAT, "an Ok entry has no data", "add the data in base64, or answer Dropped"),
    "data-misnamed": _sinking(
        _FORMAT,
        "the data of an Ok entry has another source's name",
        "it is kafkaRecordValue where the source is MSK, else data",
    ),
    "data-not-text": _sinking(
        _MAPPING, "the data of an Ok entry is not text", "encode the bytes of the row in base64, and that as text"
    ),
    "data-not-base64": _sinking(
        _MAPPING,
        "the data holds characters that base64 does not have",
        "encode it in standard base64 (+ and /), without line breaks",
    ),
    "data-padding": _sinking(
        _MAPPING,
        "the data is base64 with wrong padding, or cut short",
        "encode each record's bytes whole, and keep the = at the end",
    ),
    "data-empty": ContractFault(
        "warning", "the data of an Ok entry is empty, and nothing is delivered", "answer Dropped for what is left out"
    ),
    "data-echoed": ContractFault(
        "note", "only Ok entries need data; here it only makes the response larger", "leave data out"
    ),
    "no-newline": ContractFault(
        "warning",
        "the data does not end with a newline, and Firehose puts none between records",
        "end each row with a line feed, unless the stream appends a delimiter",
    ),
    "member-unknown": ContractFault("note", "Firehose does not know this member", "leave it out, or correct its name"),
    # of partition keys
    "metadata-not-object": _sinking(
        _UNPARSABLE, "metadata, partitionKeys and otfMetadata are objects", 'write {"partitionKeys": {"name": "value"}}'
    ),
    "metadata-unknown": ContractFault(
        "warning",
        "Firehose does not know this member of metadata, and the record goes out without it",
        "the members are partitionKeys and otfMetadata",
    ),
    "metadata-mixed": ContractFault(
        "error",
        "partitionKeys are for S3, otfMetadata is for Iceberg: no stream has both",
        "write the one that the destination takes",
    ),
    "partition-key-not-text": _failing(
        _PARTITION, "the value of a partition key is not text", 'write it as text: "42", not 42'
    ),
    "partition-key-empty": _failing(
        _PARTITION, "a partition key has no name or no value", "give it a value, or answer ProcessingFailed"
    ),
    # of Iceberg tables
    "table-missing": _failing(
        "Iceberg.NoSuchTable",
        "otfMetadata lacks the name of the database or of the table, or it is not text",
        "write destinationDatabaseName and destinationTableName",
    ),
    "table-hyphen": _failing(
        "Iceberg.InvalidTableName", "the name of a database or table has a hyphen", "name it with underscores"
    ),
    "operation-case": _failing(
        "Iceberg.InvalidOperation",
        "the operation is written with capital letters",
        "write insert, update or delete in small letters",
    ),
    "operation-unknown": _failing(
        "Iceberg.InvalidOperation",
        "the operation is none that Firehose knows",
        "write insert, update or delete, or leave it out for the stream's own",
    ),
    "table-member-unknown": ContractFault(
        "warning",
        "Firehose does not know this member of otfMetadata",
        "the members are destinationDatabaseName, destinationTableName and operation",
    ),
    "row-not-object": _failing(
        "Iceberg.InvalidRecord",
        "for an Iceberg table the data is not exactly one JSON object",
        "write one object a record, no list and no second row",
    ),
    # of the batch
    "all-dropped": ContractFault(
        "warning",
        "every record is Dropped, and the event, decompressed, is more than one response holds: a function that puts "
        "back what does not fit puts back everything, forever",
        "deliver at least one record a batch, and answer ProcessingFailed for one that can never fit",
    ),
}
"""Every fault by its id, which is what tests and programs know it by."""

_LISTED: Final = 10


@dataclass(frozen=True, slots=True)
class ContractFinding:
    """One kind of fault in a response, and where it was met; `code` is Firehose's, else the id of the fault.

    `place` and `record_id` are those of the first time, `detail` says what stood there; `entries` are the indexes of
    all of them, in `records` of the response, or of the event where nothing answers the record.
    """

    level: Level
    code: str
    place: str
    message: str
    count: int = 1
    fault: str = ""
    remedy: str = ""
    detail: str = ""
    record_id: str | None = None
    entries: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return the line as the command prints it."""
        identity = f" (recordId {_shown(self.record_id, _ID_CHARACTERS)})" if self.record_id is not None else ""
        detail = f" ({self.detail})" if self.detail else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        label = f"{self.fault}, {self.code}" if self.fault not in ("", self.code) else self.code
        return f"{self.place}{identity}: {self.level}: {self.message}{detail}{remedy}{self._times()} [{label}]"

    def _times(self) -> str:
        if self.count == 1:
            return ""
        if len(self.entries) != self.count:
            return f" ({self.count} times)"
        more = ", ..." if self.count > _LISTED else ""
        return f" ({self.count} times: {', '.join(map(str, self.entries[:_LISTED]))}{more})"


class Notebook:
    """Findings under way: the first of each fault, and where there were more; and which faults sink the batch."""

    def __init__(self) -> None:
        self._found: dict[str, ContractFinding] = {}
        self._counts: Counter[str] = Counter()
        self._entries: dict[str, list[int]] = {}

    def add(
        self, fault: str, place: str, detail: str = "", *, entry: int | None = None, record_id: object = None
    ) -> None:
        """Note a fault: a new finding, or one more of a kind that was found before."""
        entries = self._entries.setdefault(fault, [])
        if entry is not None and (not entries or entries[-1] != entry):
            entries.append(entry)
        self._counts[fault] += 1
        if fault in self._found:
            return
        level, text, remedy, code, _ = FAULTS[fault]
        identity = record_id if isinstance(record_id, str) else None
        self._found[fault] = ContractFinding(level, code or fault, place, text, 1, fault, remedy, detail, identity)

    def findings(self) -> list[ContractFinding]:
        """Return one finding a fault, in the order in which they were met first."""
        return [
            replace(count, count=self._counts[fault], entries=tuple(self._entries[fault]))
            for fault, count in self._found.items()
        ]

    def sinks(self, error_code: str) -> str | None:
        """Return the first fault with this error code for which every record fails, if any was found."""
        return next(
            (fault for fault in self._found if FAULTS[fault].fails_batch and FAULTS[fault].error_code == error_code),
            None,
        )


def shown(value: object) -> str:
    """Return a word of the response for people: text in quotes, shortened, anything else by its kind."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _shown(value)
    return "true or false" if isinstance(value, bool) else _KINDS.get(type(value), "a number")


_KINDS: Final[dict[type, str]] = {dict: "an object", list: "a list"}
_SHOWN_CHARACTERS: Final = 40
_ID_CHARACTERS: Final = 80
"""Firehose's ids have 56 to 62 digits, and differ in the last ones."""


def _shown(text: str, limit_characters: int = _SHOWN_CHARACTERS) -> str:
    short = text if len(text) <= limit_characters else text[:limit_characters] + "..."
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short) + '"'
