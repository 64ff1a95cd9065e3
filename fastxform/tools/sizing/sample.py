"""The sample: what each of its records weighs on the way in and on the way out.

The handler itself answers it, in events as Firehose writes them, so sizes are those that are sent. Invariant:
`response_bytes` of a record is exactly what its entry takes in the compact response, without the separator.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from fastxform import limits
from fastxform.errors import InputError
from fastxform.invocation.handler import Handler, make_handler
from fastxform.pipeline import Pipeline
from fastxform.tools.simulator import wire

INVOCATION_ID: Final = "03e5bd3b-848c-4b86-a88b-e7a000b48125"
"""The id of each event made here; real ones have this length."""

ARRIVAL_MS: Final = 1_767_225_600_000
_EVENT_BYTES: Final = limits.RESPONSE_LIMIT_BYTES // 16
"""Raw bytes of one event of the sample: so few that rows sixteen times as long as their records still fit."""


class _Entry(msgspec.Struct):
    result: str
    data: str = ""


class _Response(msgspec.Struct):
    records: list[msgspec.Raw]


_RESPONSE: Final = msgspec.json.Decoder(_Response)
_ENTRY: Final = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True, slots=True)
class Sample:
    """The records of a sample, column-wise.

    Attributes:
        payloads: raw, as a stream holds them.
        request_bytes: of the entry of each in the event.
        response_bytes: of the entry of each in the response.
        row_bytes: of the rows of each, before base64; 0 where it is not `Ok`.
        results: the answers, counted by their word.
        kinesis: whether the events are those of a Kinesis source.
    """

    payloads: tuple[bytes, ...]
    request_bytes: tuple[int, ...]
    response_bytes: tuple[int, ...]
    row_bytes: tuple[int, ...]
    results: Counter[str]
    kinesis: bool

    def __len__(self) -> int:
        return len(self.payloads)

    @property
    def payload_bytes(self) -> tuple[int, ...]:
        """Raw bytes of each payload."""
        return tuple(map(len, self.payloads))


def read_sample(pipeline: Pipeline, payloads: Sequence[bytes], *, kinesis: bool = False) -> Sample:
    """Have the transform answer the payloads of a sample.

    Args:
        pipeline: the transform.
        payloads: raw payloads, as a stream holds them.
        kinesis: events of a stream that reads Kinesis, whose entries are longer.

    Raises:
        InputError: there is no payload, or one that no event can hold.
    """
    if not payloads:
        raise InputError("the sample has no record: give at least one, better some hundred of each kind")
    entries = [wire.entry(record, kinesis) for record in _records(payloads)]
    handler = make_handler(pipeline, reports=True)
    sizes: list[int] = []
    rows: list[int] = []
    results: Counter[str] = Counter()
    start = 0
    while start < len(payloads):
        end, raw_bytes = start + 1, len(payloads[start])
        while end < len(payloads) and raw_bytes + len(payloads[end]) <= _EVENT_BYTES:
            raw_bytes += len(payloads[end])
            end += 1
        answers = _answers(handler, event(entries[start:end], kinesis), start)
        sizes += map(len, answers)
        decoded = list(map(_ENTRY.decode, answers))
        rows += [len(entry.data) // 4 * 3 - entry.data.count("=") for entry in decoded]
        results.update(entry.result for entry in decoded)
        start = end
    return Sample(tuple(payloads), tuple(map(len, entries)), tuple(sizes), tuple(rows), results, kinesis)


def event(entries: Sequence[bytes], kinesis: bool) -> bytes:
    """Return the event that holds these entries."""
    return wire.head(wire.ResourceNames(), INVOCATION_ID, kinesis) + b",".join(entries) + wire.TAIL


def entries_of(payloads: Sequence[bytes], kinesis: bool) -> list[bytes]:
    """Return the entries of payloads in an event, each with an id of its own."""
    return [wire.entry(record, kinesis) for record in _records(payloads)]


def _records(payloads: Sequence[bytes]) -> list[wire.StreamRecord]:
    return [
        wire.StreamRecord(wire.record_id(number), ARRIVAL_MS, data, wire.partition_key(data))
        for number, data in enumerate(payloads)
    ]


def _answers(handler: Handler, content: bytes, start: int) -> list[msgspec.Raw]:
    if len(content) > limits.REQUEST_LIMIT_BYTES:
        raise InputError(
            f"record {start + 1} of the sample makes an event of {len(content):,} bytes, and a request to Lambda holds "
            f"{limits.REQUEST_LIMIT_BYTES:,}: Firehose cannot give it to any function"
        )
    with contextlib.redirect_stdout(io.StringIO()):
        response = handler(content, None)
    return _RESPONSE.decode(response).records
