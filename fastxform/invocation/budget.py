"""The response budget: which records of a batch are sent, which go back and which can never fit.

Whole columns of exact sizes come in, positions go out; nothing here reads a payload, writes a response or talks to AWS.
Invariant: the response that follows a plan is at most the limit *whatever the puts answer*, and a plan that sends a
record back delivers at least one.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from fastxform.core import kernels
from fastxform.core.structs import Struct, replace
from fastxform.errors import DROPPED, OK, ContractError
from fastxform.invocation.event import Event, is_plain
from fastxform.limits import RESPONSE_LIMIT_BYTES
from fastxform.pipeline import Batch


class ResponsePlan(Struct, frozen=True):
    """What becomes of the `Ok` records of a batch; a record in neither tuple is sent.

    Attributes:
        back: Positions of the records that overflow, in order: to put back, or to fail where the policy says so.
        never: Positions of the records that do not fit even as the only `Ok` one of this batch.
        response_bytes_max: Bytes of the response as sent if every record of `back` ends as `ProcessingFailed`: exact
            where nothing goes back, else the most that it can be.
    """

    back: tuple[int, ...]
    never: tuple[int, ...]
    response_bytes_max: int


def plan_response(received: Event, batch: Batch, spelling: "Spelling", limit_bytes: int) -> ResponsePlan:
    """Count a response exactly as it will be sent and decide which records it carries."""
    if received.is_kafka:
        spelling = spelling.for_msk()
    metadata = None
    if batch.metadata is not None:
        sizes = [None if value is None else spelling.json_bytes(value) for value in batch.metadata]
        metadata = pa.array(sizes, pa.int64())
    entry_bytes, failed_bytes = spelling.entry_sizes(
        pa.array(_text_sizes(received.record_ids, spelling), pa.int64()),
        pa.array([None if data is None else (len(data) + 2) // 3 * 4 for data in batch.data], pa.int64()),
        metadata,
        pa.array([word == DROPPED for word in batch.result], pa.bool_()),
    )
    is_ok = pa.array([word == OK for word in batch.result], pa.bool_())
    return plan(is_ok, entry_bytes, failed_bytes, spelling.envelope_bytes, spelling.separator_bytes, limit_bytes)


def most_bytes(received: Event, batch: Batch, spelling: "Spelling") -> int | None:
    """Return what a response that is not written yet can be at most; None where only counting it exactly tells."""
    ids = "".join(received.record_ids)
    if batch.metadata is not None or not is_plain(ids):
        return None
    data_bytes = sum(map(len, filter(None, batch.data)))
    entry_bytes = max(spelling.for_msk().ok_cost_bytes, spelling.failed_cost_bytes) + spelling.separator_bytes + 4
    return spelling.envelope_bytes + len(batch) * entry_bytes + len(ids) + data_bytes * 4 // 3


def _text_sizes(texts: Sequence[str], spelling: "Spelling") -> list[int]:
    if is_plain("".join(texts)):
        return list(map(len, texts))
    return [spelling.text_bytes(text) for text in texts]


def plan(
    is_ok: pa.BooleanArray | None,
    entry_bytes: pa.Int64Array,
    failed_bytes: pa.Int64Array,
    envelope_bytes: int,
    separator_bytes: int,
    limit_bytes: int = RESPONSE_LIMIT_BYTES,
) -> ResponsePlan:
    """Decide, before any side effect, which `Ok` records the response carries.

    Records that do not fit even alone, every other `Ok` record answered as `ProcessingFailed`, are taken out first. Of
    the rest the longest prefix is sent with which the response fits, all after it budgeted as `ProcessingFailed`, the
    longest that they may become.

    Args:
        is_ok: Which records the pipeline decided to send; None where it is all of them.
        entry_bytes: Bytes of each entry as the pipeline decided it, in the spelling really sent, without separator.
        failed_bytes: Bytes of the bare `ProcessingFailed` entry of the same record.
        envelope_bytes: Bytes of the response around its entries.
        separator_bytes: Bytes between two entries.
        limit_bytes: The largest response that may be sent, itself included.

    Raises:
        ContractError: The response does not fit although every `Ok` record fails. An event that reached a Lambda cannot
            do that: each of its records is longer in the request than its failure is in the response.
    """
    frame_bytes = envelope_bytes + separator_bytes * max(len(entry_bytes) - 1, 0)
    total_bytes = frame_bytes + _sum(entry_bytes)
    if total_bytes <= limit_bytes:  # the ordinary batch: one sum (3 us), and done
        return ResponsePlan((), (), total_bytes)
    return _cut(is_ok, entry_bytes, failed_bytes, total_bytes, limit_bytes)


def _cut(
    is_ok: pa.BooleanArray | None,
    entry_bytes: pa.Int64Array,
    failed_bytes: pa.Int64Array,
    total_bytes: int,
    limit_bytes: int,
) -> ResponsePlan:
    """Find the cut of a batch that does not fit whole, on `extra`: what each `Ok` record costs above failing."""
    extra = kernels.call("subtract", [entry_bytes, failed_bytes])
    if is_ok is None:
        positions = pa.array(range(len(entry_bytes)), pa.int64())
    else:
        positions = kernels.call("indices_nonzero", [is_ok])
        extra = kernels.call("array_filter", [extra, is_ok])
    room_bytes = limit_bytes - total_bytes + _sum(extra)
    if room_bytes < 0:
        raise ContractError(
            f"the response needs {limit_bytes - room_bytes:,} bytes with every record failed, the limit is"
            f" {limit_bytes:,}: the recordIds are too long"
        )
    fits = kernels.call("less_equal", [extra, room_bytes])
    rest = kernels.call("array_filter", [positions, fits])
    running = kernels.call("cumulative_sum", [kernels.call("array_filter", [extra, fits])])
    # An Ok entry without data is shorter than its failure: the running sum may fall again, so the *last* fit counts.
    within = kernels.call("indices_nonzero", [kernels.call("less_equal", [running, room_bytes])])
    sent = within[-1].as_py() + 1 if len(within) else 0
    spent_bytes = running[sent - 1].as_py() if sent else 0
    never = kernels.call("array_filter", [positions, kernels.call("invert", [fits])])
    response_bytes_max = limit_bytes - room_bytes + spent_bytes
    return ResponsePlan(tuple(rest[sent:].to_pylist()), tuple(never.to_pylist()), response_bytes_max)


def _sum(column: pa.Int64Array) -> int:
    """Add up a column; an empty one is 0, where Arrow says null."""
    return int(kernels.call("sum", [column]).as_py() or 0)


class Spelling(Struct, frozen=True):
    """What a response costs in one way of writing JSON, ids and data and metadata text not counted.

    Attributes:
        ascii: Whether text outside ASCII is escaped, six bytes for each UTF-16 unit.
        envelope_bytes: The response without entries.
        separator_bytes: Between two entries.
        ok_cost_bytes: An `Ok` entry with empty id and data.
        metadata_cost_bytes: The member `metadata` without its content.
        dropped_cost_bytes: A `Dropped` entry with an empty id.
        failed_cost_bytes: A `ProcessingFailed` entry with an empty id.
    """

    ascii: bool
    envelope_bytes: int
    separator_bytes: int
    ok_cost_bytes: int
    metadata_cost_bytes: int
    dropped_cost_bytes: int
    failed_cost_bytes: int

    @property
    def costs(self) -> tuple[int, int, int, int, int]:
        """Around all entries, between two, and of one that is `Ok`, `Dropped` or `ProcessingFailed`."""
        entries = self.ok_cost_bytes, self.dropped_cost_bytes, self.failed_cost_bytes
        return self.envelope_bytes, self.separator_bytes, *entries

    def for_msk(self) -> "Spelling":
        """Return the costs where the data of an entry is called `kafkaRecordValue`."""
        return replace(self, ok_cost_bytes=self.ok_cost_bytes + len("kafkaRecordValue") - len("data"))

    def text_bytes(self, text: str) -> int:
        """Count a string as written, escapes included, without its quotes."""
        return len(json.dumps(text, ensure_ascii=self.ascii).encode()) - 2

    def json_bytes(self, value: Any) -> int:
        """Count a JSON value, the metadata of an entry, as written."""
        separators = (",", ":") if self.separator_bytes == 1 else (", ", ": ")
        return len(json.dumps(value, ensure_ascii=self.ascii, separators=separators).encode())

    def ok_bytes(self, id_bytes: int, data_bytes: int, metadata_bytes: int | None = None) -> int:
        """Count an `Ok` entry; `data_bytes` is base64, `metadata_bytes` the JSON text of its `metadata`, if any."""
        metadata_cost_bytes = 0 if metadata_bytes is None else self.metadata_cost_bytes + metadata_bytes
        return self.ok_cost_bytes + id_bytes + data_bytes + metadata_cost_bytes

    def dropped_bytes(self, id_bytes: int) -> int:
        """Count a `Dropped` entry."""
        return self.dropped_cost_bytes + id_bytes

    def failed_bytes(self, id_bytes: int) -> int:
        """Count a `ProcessingFailed` entry."""
        return self.failed_cost_bytes + id_bytes

    def entry_sizes(
        self,
        id_bytes: pa.Int64Array,
        data_bytes: pa.Int64Array,
        metadata_bytes: pa.Int64Array | None = None,
        is_dropped: pa.BooleanArray | None = None,
    ) -> tuple[pa.Int64Array, pa.Int64Array]:
        """Count whole columns as `plan` takes them: the entries as decided, and the same records as `ProcessingFailed`.

        Args:
            id_bytes: Bytes of each id as written, escapes included, without quotes.
            data_bytes: Bytes of each base64 text; null where the record is not `Ok`.
            metadata_bytes: Bytes of each metadata text; null, or the column None, where there is none.
            is_dropped: Which of the records that are not `Ok` are `Dropped`; None where none is.
        """
        failed: Any = kernels.call("add", [id_bytes, self.failed_cost_bytes])
        other = failed
        if is_dropped is not None:
            dropped = kernels.call("add", [id_bytes, self.dropped_cost_bytes])
            other = kernels.call("if_else", [is_dropped, dropped, failed])
        sent = kernels.call("add", [kernels.call("add", [id_bytes, data_bytes]), self.ok_cost_bytes])
        if metadata_bytes is not None:
            cost = kernels.call("add", [metadata_bytes, self.metadata_cost_bytes])
            sent = kernels.call("add", [sent, kernels.call("coalesce", [cost, pa.scalar(0, pa.int64())])])
        return kernels.call("coalesce", [sent, other]), failed


COMPACT: Final = Spelling(
    ascii=False,
    envelope_bytes=len('{"records":[]}'),
    separator_bytes=len(","),
    ok_cost_bytes=len('{"recordId":"","result":"Ok","data":""}'),
    metadata_cost_bytes=len(',"metadata":'),
    dropped_cost_bytes=len('{"recordId":"","result":"Dropped"}'),
    failed_cost_bytes=len('{"recordId":"","result":"ProcessingFailed"}'),
)
"""JSON without white space in UTF-8: what fastxform's own codec sends."""

RUNTIME_UTF8: Final = Spelling(
    ascii=False,
    envelope_bytes=len('{"records": []}'),
    separator_bytes=len(", "),
    ok_cost_bytes=len('{"recordId": "", "result": "Ok", "data": ""}'),
    metadata_cost_bytes=len(', "metadata": '),
    dropped_cost_bytes=len('{"recordId": "", "result": "Dropped"}'),
    failed_cost_bytes=len('{"recordId": "", "result": "ProcessingFailed"}'),
)
"""What the Lambda runtime of Python 3.12 and later makes of a dict.

Source: awslambdaric 4.2.2, `lambda_runtime_marshaller.py`.
"""

RUNTIME_ASCII: Final = replace(RUNTIME_UTF8, ascii=True)
"""What the Lambda runtimes up to Python 3.11 make of a dict. Source: the same file."""
