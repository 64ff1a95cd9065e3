"""The one importer of the native kernel: whether it is there, what its tuples hold, and arrays across the border.

What the kernel is given and what becomes of its columns is elsewhere (`decode.native_plan`, `native_pipeline`).
Invariant: the package does without it; where it is missing or turned off, `load` says so and nothing else here is
called.
"""

import os
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Final

import pyarrow as pa

from fastxform.core.structs import Struct, astuple
from fastxform.errors import KernelError

_MODULE: Final = "fastxform.core._kernel"


# Plain classes of numbers: an enumeration takes a cold start as long as importing the kernel.


class NodeKind:
    """What a member of a document is to a plan; as in `kernel/plan.h`."""

    OBJECT: Final = 0
    VALUE: Final = 1
    MAP: Final = 2
    ATTRIBUTE: Final = 3
    IMAGE: Final = 4
    SEARCH: Final = 5
    JUDGED: Final = 6
    ELEMENTS: Final = 7
    LIST: Final = 8
    HEADERS: Final = 9


class Conversion:
    """What a column's values become; as in `kernel/plan.h`."""

    TEXT: Final = 0
    JSON: Final = 1
    INT64: Final = 2
    TIMESTAMP: Final = 3
    DECIMAL: Final = 4
    FLOAT_TEXT: Final = 5
    BOOL: Final = 6
    DATE: Final = 7
    BINARY: Final = 8


class Pick:
    """Which of several members a column takes; as in `kernel/plan.h`."""

    ONLY: Final = 0
    FIRST_TRUE: Final = 1
    FIRST_OBJECT: Final = 2


class Invalid:
    """What becomes of a row whose text is not the document that it should be; as in `kernel/plan.h`."""

    FAIL: Final = 0
    NULL: Final = 1
    DROP: Final = 2


class IfEmpty:
    """What becomes of a list without elements; as in `kernel/plan.h`."""

    DROP: Final = 0
    NULL: Final = 1
    FAIL: Final = 2


class Documents:
    """What a record holds; as in `kernel/plan.h`."""

    ONE: Final = 0
    MANY: Final = 1
    LOG_MESSAGE: Final = 2
    ONE_TEXT: Final = 3
    MANY_TEXTS: Final = 4


class FieldFormat:
    """How the values of a text are written; as in `kernel/plan.h`."""

    SEPARATED: Final = 1
    PAIRS: Final = 2
    PATTERN: Final = 3


class Way:
    """How a field of a row is written; as in `kernel/rows.h`."""

    TEXT: Final = 0
    JSON: Final = 1
    INT64: Final = 2
    BOOL: Final = 3
    TIMESTAMP: Final = 4
    MICROSECONDS: Final = 5
    DATE: Final = 6
    DECIMAL: Final = 7
    BINARY: Final = 8
    WORD: Final = 9
    EPOCH: Final = 10


WIDTHS: Final = (0, 1, 2)
"""The plain code, that for AVX2 and that for AVX-512; as in `choose_simd` of `kernel/simd.h`. arm64 has one for all."""

STRING: Final = 1
NUMBER: Final = 2
TRUE: Final = 3
FALSE: Final = 4
NULL: Final = 5
CONTAINER: Final = 6
UNVERIFIED: Final = 10
"""Kinds of the values of a column, as in `kernel/plan.h`; an unverified one is null, and the engine's."""

Unpack = Callable[[bytes], bytes | None]
"""What a payload unpacks to that the kernel does not unpack itself; None where it is the engine's."""


class EventPart(Struct):
    """What an event holds beside its payloads; where its data stands, with its quotes, in bytes; what it is called."""

    ids: pa.StringArray
    arrivals: pa.Int64Array | None
    data_starts: pa.Int32Array
    data_ends: pa.Int32Array
    delivery_stream_arn: str | None
    invocation_id: str | None
    is_kafka: bool


class DecodedColumn(Struct):
    """One column: its array, a bit for each kind of value in it, and the kinds row by row where they differ."""

    array: pa.Array
    seen: int
    kinds: pa.Array | None

    @property
    def holds_other_than_text(self) -> bool:
        """Whether a value is neither text nor null."""
        return bool(self.seen & ~(1 << NULL | 1 << UNVERIFIED | 1 << STRING))


class Decoded(Struct):
    """Records as columns of rows.

    Attributes:
        record_count: how many records there were.
        columns: in the order of the plan.
        row_records: the record of each row, in ascending order.
        fallback: the records that have no rows because they are the engine's, ascending.
        event: what was beside the payloads, where they came as an event.
    """

    record_count: int
    columns: list[DecodedColumn]
    row_records: pa.Int32Array
    fallback: list[int]
    event: EventPart | None


class Field(Struct):
    """One field of the rows.

    Attributes:
        way: how its values are written.
        array: they.
        prefix: of JSON, what stands before each.
        kinds: where a column of JSON holds texts.
        is_selected: whether it has the rows of the selection.
        separator: what stands between date and time; behind `T` comes a `Z`.
    """

    way: int
    array: pa.Array
    prefix: bytes = b""
    kinds: pa.Array | None = None
    is_selected: bool = False
    separator: int = 32


QUOTINGS: Final = ("minimal", "all", "strings", "none")
NEWLINES: Final = ("keep", "space", "escape", "fail")
"""Values of the keys of `[output]`, in the order of `kernel/rows.h`."""


class RowFlag:
    """What is unusual about rows; as in `read_format` of `kernel/module.c`."""

    QUOTES_EMPTY: Final = 1
    IS_STRICT: Final = 2
    MARKS_FORMULAS: Final = 4
    HAS_READER: Final = 8
    NESTS_AS_TEXT: Final = 16
    DROPS_LAST_END: Final = 32


class RowFormat(Struct):
    """How rows are written: `null` stands for null in CSV, whose rows `end` ends, those of JSON `suffix`."""

    is_json: bool
    delimiter: int = 44
    quoting: int = 0
    newlines: int = 0
    escape: int = 0
    flags: int = 0
    null: bytes = b""
    end: bytes = b"\n"
    suffix: bytes = b"}\n"
    refused: bytes = b""


class _Capsules:
    """An array on its way into Arrow, by the C data interface."""

    __slots__ = ("pair",)

    def __init__(self, pair: Any) -> None:
        self.pair = pair

    def __arrow_c_array__(self, requested_schema: object = None) -> Any:
        return self.pair


def _array(pair: Any) -> Any:
    return None if pair is None else pa.array(_Capsules(pair))  # type: ignore[call-overload]


class KernelPlan:
    """A compiled plan of the kernel, and the calls that it carries out."""

    def __init__(
        self,
        root: Any,
        lists: tuple[Any, ...],
        image_slots: tuple[int, ...],
        columns: tuple[Any, ...],
        parses: tuple[Any, ...],
        slot_documents: bytes,
        numbers: tuple[int, ...],
        wants_arrival: bool,
        width: int,
    ) -> None:
        """Compile; `width` is one of `WIDTHS`: the widest code that runs where the processor has it."""
        self._kernel = load()
        self._handle = self._kernel.compile(
            root, lists, image_slots, columns, parses, slot_documents, numbers, wants_arrival, width
        )

    def decode_event(self, event: bytes, unpack: Unpack, unpacked_limit_bytes: int) -> Decoded | None:
        """Return the records of an event; None where the event is spelt unusually."""
        return _decoded(self._kernel.decode_event(self._handle, event, unpack, unpacked_limit_bytes))

    def decode_texts(self, texts: list[Any], is_base64: bool, unpack: Unpack, unpacked_limit_bytes: int) -> Decoded:
        """Return the records of payloads, or of their base64; None stands for one that is bad."""
        decoded = _decoded(self._kernel.decode_texts(self._handle, texts, is_base64, unpack, unpacked_limit_bytes))
        assert decoded is not None
        return decoded

    def rows(
        self, fields: Sequence[Field], selection: pa.Array | None, row_records: pa.Array, row_format: RowFormat
    ) -> tuple[pa.BinaryArray, pa.Int32Array, list[int]]:
        """Return what the selected rows of each record come to, the records, and those that cannot be written so.

        Args:
            fields: the fields of a row.
            selection: which rows are written, int32, ascending; all of them where it is None.
            row_records: the record of each row of the batch.
            row_format: how they are written.
        """
        rows, records, refused = self._kernel.rows(
            self._handle, tuple(map(astuple, fields)), selection, row_records, astuple(row_format)
        )
        return _array(rows), _array(records), refused

    def respond(
        self, ids: pa.StringArray, is_kafka: bool, parts: Sequence[Any], failed: list[int], limit_bytes: int
    ) -> bytes | int:
        """Return the response; how many bytes it would have where these are above the limit.

        Args:
            ids: the ids of all records; those of which nothing else is reported are `Dropped`.
            is_kafka: whether data is called `kafkaRecordValue`.
            parts: records, their rows, and their metadata: None, JSON for all of them, or an array of JSON.
            failed: the records that failed.
            limit_bytes: the largest response that is written.
        """
        return self._kernel.respond(self._handle, ids, is_kafka, tuple(map(astuple, parts)), failed, limit_bytes)

    def respond_records(
        self, ids: list[str], parts: Sequence[Any], failed: list[int], costs: tuple[int, ...], limit_bytes: int
    ) -> tuple[list[dict[str, Any]], int] | None:
        """Return the entries of a response that is a dict, and its bytes as it will be written.

        None where it has more bytes than the limit, an id is not written as it is, or there is metadata.

        Args:
            ids: the ids of all records; those of which nothing else is reported are `Dropped`.
            parts: records and their rows.
            failed: the records that failed.
            costs: bytes around all entries, between two, and of one that is `Ok`, `Dropped` or `ProcessingFailed`, its
                id and data not counted.
            limit_bytes: the largest response that is written.
        """
        return self._kernel.respond_records(self._handle, ids, tuple(map(astuple, parts)), failed, costs, limit_bytes)


class KeyTable:
    """Texts in a hash table of the kernel's, made once; none of them comes twice."""

    def __init__(self, keys: pa.Array) -> None:
        self._kernel = load()
        self._handle = self._kernel.key_table(keys, int.from_bytes(os.urandom(8), "little"))

    def find(self, texts: pa.Array) -> pa.Array:
        """Return where each text stands among the keys, null for one that does not, and for null."""
        found: pa.Array = _array(self._kernel.find_keys(self._handle, texts))
        return found


def read_records(records: list[Any]) -> tuple[list[str], list[Any]] | None:
    """Return ids and data of the records of an event; None where one is no plain dict with a text and data."""
    return load().read_records(records)


def _decoded(parts: Any) -> Decoded | None:
    if parts is None:
        return None
    count, columns, row_records, fallback, event = parts
    part = None
    if event is not None:
        ids, arrivals, starts, ends, stream, invocation, is_kafka = event
        part = EventPart(_array(ids), _array(arrivals), _array(starts), _array(ends), stream, invocation, is_kafka)
    decoded = [DecodedColumn(_array(array), seen, _array(kinds)) for array, seen, kinds in columns]
    return Decoded(count, decoded, _array(row_records), fallback, part)


@cache
def _imported() -> Any:
    try:
        kernel = import_module(_MODULE)
    except ImportError:
        return None
    _check_sources(kernel)
    return kernel


def _check_sources(kernel: Any) -> None:
    """Refuse an extension that is older than its sources, where these are there: in a clone, never in Lambda."""
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "kernel")
    if not os.path.isfile(os.path.join(folder, "python_abi.h")):
        return
    built = kernel.sources() if hasattr(kernel, "sources") else None
    if built == 0:  # built for a test, with flags of its own
        return
    checksum = 0
    for name in sorted(os.listdir(folder)):
        if name.endswith((".c", ".h")):
            with open(os.path.join(folder, name), "rb") as file:
                checksum = zlib.crc32(file.read(), checksum)
    if built != checksum:
        raise KernelError(
            "the native kernel was built from other sources than those in kernel/; build it again by "
            "`./build.sh setup` or `pip install .`, or set FASTXFORM_KERNEL=0"
        )


def load() -> Any:
    """Return the extension module, None where the package has none for this machine.

    Raises:
        KernelError: it was built from other sources than those beside the package.
    """
    return _imported()


def simd() -> str | None:
    """Return what the kernel runs on: `avx512`, `avx2`, `sse2` or `neon`; None where there is no kernel."""
    kernel = load()
    return None if kernel is None else kernel.simd()


class Switch:
    """Whether a stream is worth the kernel: by how many of its last records were the engine's.

    A record that falls back costs both. Where that happens to most of a batch the kernel pauses, longer each time, up
    to `LONGEST_PAUSE` batches, and then tries one again.
    """

    __slots__ = ("_left", "_pause")

    FALLBACK_SHARE: Final = 0.5
    """Above it a batch costs more than by the engine alone: decoding here takes a quarter of what it takes there."""
    FIRST_PAUSE: Final = 8
    LONGEST_PAUSE: Final = 64

    def __init__(self) -> None:
        self._left, self._pause = 0, 0

    @property
    def is_paused(self) -> bool:
        """Whether the next batch is the engine's."""
        return self._left > 0

    def is_on(self) -> bool:
        """Tell whether the next batch is the kernel's; a batch of a pause is counted."""
        if self._left:
            self._left -= 1
            return False
        return True

    def pause(self) -> None:
        """Leave the next batches to the engine, more of them each time."""
        self._pause = min(self._pause * 2, self.LONGEST_PAUSE) if self._pause else self.FIRST_PAUSE
        self._left = self._pause

    def note(self, fallback_count: int, record_count: int) -> None:
        """Take what became of a batch."""
        if fallback_count <= record_count * self.FALLBACK_SHARE or record_count < _FEW_RECORDS:
            self._pause = 0
            return
        self.pause()


_FEW_RECORDS: Final = 16
"""A batch of fewer records says little about its stream, and costs little either way."""
