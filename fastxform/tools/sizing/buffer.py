"""How much of the response limit a batch takes, over the buffer size hint of the stream.

A batch is as many records as the hint holds of raw bytes, drawn from the sample at random and with replacement.
Invariant: the curve and the odds are the same for the same sample and seed; `never_mb` is a bound and no estimate.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from fastxform import limits
from fastxform.tools.simulator import wire
from fastxform.tools.sizing.sample import INVOCATION_ID, Sample

STEPS_MB: Final = tuple(round(0.2 + 0.1 * step, 1) for step in range(29))
"""The hints that are tried: 0.2 to 3.0 MiB."""

_ENVELOPE_BYTES: Final = len('{"records":[]}')
_BATCHES: Final = 400
_RECORDS: Final = 1_000_000
"""Records drawn in all, about: half a second."""
_BATCHES_LEAST: Final = 40
_SEARCH_STEPS: Final = 80


@dataclass(frozen=True, slots=True)
class Odds:
    """What batches of one buffer size take: shares of the response limit (1 is all of it), and how many overflow."""

    buffer_mb: float
    records: float
    share_median: float
    share_max: float
    overflow_share: float


@dataclass(frozen=True, slots=True)
class BufferModel:
    """The response over the buffer size hint, MiB of raw data.

    Attributes:
        never_mb: up to here no batch overflows, in whatever mixture the records of the sample come; None where no batch
            that a request holds does.
        border_mb: here half of the batches overflow; None as above, of average batches.
        odds: one line for each of the hints that are tried.
        batches: how many batches were drawn for each.
    """

    never_mb: float | None
    border_mb: float | None
    odds: tuple[Odds, ...]
    batches: int

    def at(self, buffer_mb: float) -> Odds:
        """Return the line of the smallest hint that is at least this one."""
        return next((line for line in self.odds if line.buffer_mb >= buffer_mb), self.odds[-1])

    def largest(self, overflow_share: float) -> float | None:
        """Return the largest hint at which no larger share of the batches overflows, None where even 0.2 does."""
        fitting = [line.buffer_mb for line in self.odds if line.overflow_share <= overflow_share]
        return max(fitting, default=None)


def model_buffer(sample: Sample, seed: int = 0, batches: int | None = None) -> BufferModel:
    """Draw batches from a sample and add up their responses.

    Args:
        sample: the records.
        seed: another one draws other batches.
        batches: how many; by default 400, or so many that a million records are drawn, 40 at least.
    """
    payload, request, response = sample.payload_bytes, sample.request_bytes, sample.response_bytes
    mean_bytes = max(sum(payload) / len(payload), 1)
    per_batch = min(STEPS_MB[-1] * 2**20 / mean_bytes, limits.REQUEST_LIMIT_BYTES / (sum(request) / len(request)))
    batches = batches or int(max(_BATCHES_LEAST, min(_BATCHES, _RECORDS / per_batch)))
    draw = random.Random(seed)
    drawn = [_draw(draw, payload, request, response, sample.kinesis) for _ in range(batches)]
    odds = tuple(_odds(step, [one[number] for one in drawn]) for number, step in enumerate(STEPS_MB))
    return BufferModel(_never(sample), _border(sample), odds, batches)


def _draw(
    draw: random.Random, payload: Sequence[int], request: Sequence[int], response: Sequence[int], kinesis: bool
) -> list[tuple[int, int]]:
    """Fill one batch record by record; return its records and response bytes when each hint is reached."""
    room_bytes = limits.REQUEST_LIMIT_BYTES - len(wire.head(wire.ResourceNames(), INVOCATION_ID, kinesis) + wire.TAIL)
    reached: list[tuple[int, int]] = []
    records, raw_bytes, event_bytes, response_bytes = 0, 0, -1, _ENVELOPE_BYTES - 1
    count = len(payload)
    for step in STEPS_MB:
        hint_bytes = int(step * 2**20)
        while True:
            number = int(draw.random() * count)
            raw, entry = payload[number], request[number] + 1
            if records and (raw_bytes + raw > hint_bytes or event_bytes + entry > room_bytes):
                break
            records += 1
            raw_bytes += raw
            event_bytes += entry
            response_bytes += response[number] + 1
        reached.append((records, response_bytes))
    return reached


def _odds(buffer_mb: float, batches: Sequence[tuple[int, int]]) -> Odds:
    shares = [response_bytes / limits.RESPONSE_LIMIT_BYTES for _, response_bytes in batches]
    return Odds(
        buffer_mb=buffer_mb,
        records=sum(records for records, _ in batches) / len(batches),
        share_median=median(shares),
        share_max=max(shares),
        overflow_share=sum(share > 1 for share in shares) / len(shares),
    )


def _never(sample: Sample) -> float | None:
    """Return the largest hint at which no mixture of the sample's records overflows; None where none ever does.

    A mixture is bound by the hint on its raw bytes and by the request limit on its event. By weak duality, for every
    price `m` of an event byte: response <= hint * max((response_i - m * event_i) / raw_i) + m * request limit. So each
    `m` gives a hint that is safe; the best of them is looked for, and it is safe wherever the search ends.
    """
    room_bytes = limits.RESPONSE_LIMIT_BYTES - _ENVELOPE_BYTES + 1
    event_bytes = limits.REQUEST_LIMIT_BYTES + 1
    kinds = {
        (raw, request + 1, response + 1)
        for raw, request, response in zip(
            sample.payload_bytes, sample.request_bytes, sample.response_bytes, strict=True
        )
    }

    def safe_bytes(price: float) -> float:
        most = max(_per_byte(response - price * request, raw) for raw, request, response in kinds)
        left = room_bytes - price * event_bytes
        return math.inf if most <= 0 else left / most

    low, high = 0.0, room_bytes / event_bytes
    # Less than the last bit, lest what is left be rounded below nothing.
    if safe_bytes(high * (1 - 1e-12)) == math.inf:
        return None
    for _ in range(_SEARCH_STEPS):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        if safe_bytes(first) < safe_bytes(second):
            low = first
        else:
            high = second
    return max(safe_bytes(0.0), safe_bytes(low)) / 2**20


def _per_byte(cost: float, raw_bytes: int) -> float:
    return cost / raw_bytes if raw_bytes else math.inf if cost > 0 else 0.0


def _border(sample: Sample) -> float | None:
    """Return the hint at which a batch of the sample's mixture just fills the response."""
    count = len(sample)
    response = sum(sample.response_bytes) / count + 1
    records = (limits.RESPONSE_LIMIT_BYTES - _ENVELOPE_BYTES + 1) / response
    if records * (sum(sample.request_bytes) / count + 1) > limits.REQUEST_LIMIT_BYTES:
        return None
    return records * sum(sample.payload_bytes) / count / 2**20
