"""The entries of a response, one by one: which record each answers, with what, and every fault in it.

The response around them is read in `response`, what Firehose makes of the whole is decided there. Invariant: every
record of the event gets one outcome, whatever the entries are.
"""

import json
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from fastxform.errors import DROPPED, FAILED, OK
from fastxform.tools.simulator.contract import Notebook, shown
from fastxform.tools.simulator.outcome import (
    DROPPED_OUTCOME,
    ICEBERG_FAILED,
    STATUS_FAILED,
    Destination,
    Outcome,
    failed,
)

DATA_NAMES: Final = ("data", "kafkaRecordValue")
"""What the data of an entry is called: the second where the source is MSK."""

_RESULTS: Final = (OK, DROPPED, FAILED)
_RESULT_WORDS: Final = frozenset(("ok", "dropped", "processingfailed"))
_METADATA: Final = frozenset({"partitionKeys", "otfMetadata"})
_TABLE: Final = frozenset({"destinationDatabaseName", "destinationTableName", "operation"})
_MEMBERS: Final = frozenset({"recordId", "result", "data", "kafkaRecordValue", "metadata"})
_OPERATIONS: Final = ("insert", "update", "delete")
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/=]")
_BYTES_LITERAL: Final = re.compile(r"""b['"]""")


def refuse_constant(name: str) -> NoReturn:
    """Refuse what Python reads and JSON does not have: NaN and Infinity."""
    raise ValueError(f"{name} is not JSON")


def parse(text: bytes) -> Any:
    """Parse strict JSON; None, which is no event and no response, stands for everything that is not."""
    try:
        return json.loads(text.decode(), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return None


class EntryReader:
    """Reads the entries of one response as if nothing failed the whole batch."""

    def __init__(self, record_ids: Sequence[str], notebook: Notebook, data_name: str) -> None:
        self.record_ids = record_ids
        self.notebook = notebook
        self.data_name = data_name
        self.entry = 0
        self.identity: object = None

    def add(self, fault: str, member: str = "", detail: str = "") -> None:
        """Note a fault of the present entry, or of a member of it."""
        self.notebook.add(fault, f"records[{self.entry}]{member}", detail, entry=self.entry, record_id=self.identity)

    def answers(self, entries: list[Any]) -> list[Outcome]:
        """Return the outcome of each record of the event."""
        wanted = set(self.record_ids)
        answered: dict[str, Outcome] = {}
        for self.entry, entry in enumerate(entries):
            self.identity = entry.get("recordId") if isinstance(entry, dict) else None
            if not isinstance(entry, dict):
                self.add("entry-not-object", detail=shown(entry))
            elif self.identity is None:
                self.add("id-missing")
            elif not isinstance(self.identity, str):
                self.add("id-not-text", ".recordId", shown(self.identity))
            elif self.identity not in wanted:
                self.add("id-unknown", ".recordId")
            elif self.identity in answered:
                self.add("id-repeated", ".recordId")
            else:
                answered[self.identity] = self._answer(entry)
        for number, identity in enumerate(self.record_ids):
            if identity not in answered:
                self.notebook.add("record-missing", f"event.records[{number}]", entry=number, record_id=identity)
        absent = failed("Lambda.MissingRecordId")
        return [answered.get(identity, absent) for identity in self.record_ids]

    def _answer(self, entry: dict[str, Any]) -> Outcome:
        """Return the outcome of the record that this entry answers."""
        result = entry.get("result")
        if not entry.keys() <= _MEMBERS:
            self.add("member-unknown", detail=shown(next(name for name in entry if name not in _MEMBERS)))
        if result == OK:
            return self._ok(entry)
        if result not in _RESULTS:
            self._wrong_result(result)
            return STATUS_FAILED
        if entry.get(self.data_name):
            self.add("data-echoed", f".{self.data_name}")
        return DROPPED_OUTCOME if result == DROPPED else STATUS_FAILED

    def _wrong_result(self, result: object) -> None:
        if result is None:
            self.add("result-missing")
            return
        word = result.lower().replace("_", "").replace(" ", "") if isinstance(result, str) else ""
        self.add("result-case" if word in _RESULT_WORDS else "result-unknown", ".result", shown(result))

    def _ok(self, entry: dict[str, Any]) -> Outcome:
        text = entry.get(self.data_name)
        if text is None:
            other = DATA_NAMES[self.data_name == "data"]
            if entry.get(other) is not None:
                self.add("data-misnamed", f".{other}")
            else:
                self.add("data-missing", f".{self.data_name}")
            return STATUS_FAILED
        data = _decode(text)
        if data is None:
            self._wrong_data(text)
            return STATUS_FAILED
        if not data:
            self.add("data-empty", f".{self.data_name}")
        metadata = entry.get("metadata")
        if metadata:
            return self._routed(data, metadata)
        self._check_end(data)
        return Outcome(OK, data)

    def _check_end(self, data: bytes) -> None:
        if data and not data.endswith(b"\n"):
            self.add("no-newline", f".{self.data_name}")

    def _wrong_data(self, text: object) -> None:
        location = f".{self.data_name}"
        if not isinstance(text, str):
            self.add("data-not-text", location, shown(text))
            return
        foreign = _NOT_BASE64.search(text)
        if foreign is None:
            self.add("data-padding", location, f"{len(text)} characters")
        elif _BYTES_LITERAL.match(text):
            self.add("data-not-base64", location, "it is written as Python writes bytes; decode them to text")
        else:
            self.add("data-not-base64", location, f"{shown(foreign[0])} at character {foreign.start() + 1}")

    def _routed(self, data: bytes, metadata: object) -> Outcome:
        """Return the outcome of an `Ok` record that has metadata."""
        partition = metadata.get("partitionKeys") if isinstance(metadata, dict) else metadata
        table = metadata.get("otfMetadata") if isinstance(metadata, dict) else metadata
        if not isinstance(metadata, dict) or not isinstance(partition or {}, dict) or not isinstance(table or {}, dict):
            self.add("metadata-not-object", ".metadata")
            return STATUS_FAILED
        for name in metadata:
            if name not in _METADATA:
                self.add("metadata-unknown", ".metadata", shown(name))
        if partition and table:
            self.add("metadata-mixed", ".metadata")
        if isinstance(table, dict) and table:
            return self._iceberg(data, table)
        # What goes to an Iceberg table is a row for itself; everything else is put together.
        self._check_end(data)
        if isinstance(partition, dict) and partition:
            return self._partitioned(data, partition)
        return Outcome(OK, data)

    def _partitioned(self, data: bytes, keys: dict[str, object]) -> Outcome:
        location = ".metadata.partitionKeys"
        pairs = []
        for name, value in keys.items():
            if not isinstance(value, str) or not _writable(name + value):
                self.add("partition-key-not-text", location, f"{shown(name)} is {shown(value)}")
            elif not name or not value:
                self.add("partition-key-empty", location, shown(name) if name else "it has no name")
            else:
                pairs.append((name, value))
        if len(pairs) < len(keys):
            return failed("DynamicPartitioning.MetadataExtractionFailed")
        return Outcome(OK, data, Destination(partition=tuple(pairs)))

    def _iceberg(self, data: bytes, metadata: dict[str, object]) -> Outcome:
        location = ".metadata.otfMetadata"
        for name in metadata:
            if name not in _TABLE:
                self.add("table-member-unknown", location, shown(name))
        database, table = metadata.get("destinationDatabaseName"), metadata.get("destinationTableName")
        operation = metadata.get("operation", "insert")
        code = ""
        if not _is_name(database) or not _is_name(table):
            code = "Iceberg.NoSuchTable"
            self.add("table-missing", location)
        elif "-" in f"{database}{table}":
            code = "Iceberg.InvalidTableName"
            self.add("table-hyphen", location, f"{shown(database)}, {shown(table)}")
        elif operation not in _OPERATIONS:
            code = "Iceberg.InvalidOperation"
            is_case = isinstance(operation, str) and operation.lower() in _OPERATIONS
            self.add("operation-case" if is_case else "operation-unknown", f"{location}.operation", shown(operation))
        elif not isinstance(parse(data), dict):
            code = "Iceberg.InvalidRecord"
            self.add("row-not-object", f".{self.data_name}")
        if code:
            return failed(code, error_type=ICEBERG_FAILED)
        return Outcome(OK, data, Destination(database=str(database), table=str(table), operation=str(operation)))


def _decode(text: object) -> bytes | None:
    """Decode strict base64; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name != "" and _writable(name)


def _writable(text: str) -> bool:
    """Tell whether the text can be part of an S3 key: a lone surrogate, which JSON can spell, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
