"""The settings that follow from sizes and times: buffer, memory, time-out, concurrency.

Time on Lambda is the processor time of this machine at the share of a processor that the memory buys. Invariant: each
number is derived here by one formula, which its docstring gives.
"""

import math
from dataclasses import dataclass
from typing import Final

from fastxform import limits
from fastxform.config.model import Overflow
from fastxform.tools.sizing.buffer import BufferModel, Odds
from fastxform.tools.sizing.runtime import Measurement
from fastxform.tools.sizing.sample import Sample

MEMORY_LEAST_MB: Final = 256
MEMORY_STEP_MB: Final = 64
PUT_MODULES_MB: Final = 64
"""What boto3 and its clients take beside the transform, imported for the first put."""

CALM_SHARE: Final = 0.8
"""The share of the response that a planned batch takes at most: from there on the module's alarm says so."""

PUT_MS: Final = 100
"""What one PutRecordBatch or PutRecords of a full call takes, unless given: an assumption, not a measurement."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings for a transform; times are milliseconds on Lambda with `memory_mb`.

    Attributes:
        buffer_mb: the hint that is planned with.
        batch_records: records of an invocation, on average.
        memory_mb: of the function.
        duration_ms: of a warm invocation, without puts.
        puts_ms: what puts add where all but one record of the batch go back.
        timeout_seconds: duration, cold start and reserve, tenfold for what is not average.
        timeout_with_puts_seconds: the same, and puts, each tried three times.
        concurrency: invocations at once at the rate; None without one.
        odds: of this buffer.
    """

    buffer_mb: float
    batch_records: float
    memory_mb: int
    duration_ms: float
    puts_ms: float
    timeout_seconds: int
    timeout_with_puts_seconds: int
    concurrency: float | None
    odds: Odds


def make_plan(
    sample: Sample,
    model: BufferModel,
    measured: Measurement,
    overflow: Overflow,
    *,
    buffer_mb: float,
    memory_mb: int | None = None,
    rate: float | None = None,
    put_ms: float = PUT_MS,
) -> Plan:
    """Derive the settings.

    Args:
        sample: the records.
        model: their response over the buffer size.
        measured: processor time and memory of a batch of `measured.records` records.
        overflow: of the configuration: workers and reserve of puts.
        buffer_mb: the hint.
        memory_mb: of the function; by default the least that holds the batch, half as much again left free.
        rate: records a second that arrive.
        put_ms: of one call.
    """
    odds = model.at(buffer_mb)
    if memory_mb is None:
        memory_mb = least_memory_mb(measured)
    duration_ms = measured.cpu_ms / measured.records * odds.records / processor_share(memory_mb)
    puts_ms = puts_time_ms(sample, odds, overflow, put_ms)
    plain_ms = 10 * duration_ms + measured.cold_ms / processor_share(memory_mb) + overflow.reserve_ms
    concurrency = None if rate is None else rate / odds.records * max(duration_ms, 1) / 1000
    return Plan(
        buffer_mb=buffer_mb,
        batch_records=odds.records,
        memory_mb=memory_mb,
        duration_ms=duration_ms,
        puts_ms=puts_ms,
        timeout_seconds=math.ceil(plain_ms / 1000),
        timeout_with_puts_seconds=math.ceil((plain_ms + 3 * puts_ms) / 1000),
        concurrency=concurrency,
        odds=odds,
    )


def calm_buffer_mb(model: BufferModel) -> float:
    """Return the largest hint at which no drawn batch takes more than 80 % of the response, else the least there is."""
    return max(
        (line.buffer_mb for line in model.odds if line.share_max <= CALM_SHARE), default=limits.BUFFER_SIZE_MIN_MB
    )


def least_memory_mb(measured: Measurement) -> int:
    """Return the memory that holds the peak and the modules of puts, half as much again left free; 64 MB steps."""
    need_mb = 1.5 * (measured.peak_bytes / 2**20 + PUT_MODULES_MB)
    return max(MEMORY_LEAST_MB, math.ceil(need_mb / MEMORY_STEP_MB) * MEMORY_STEP_MB)


def processor_share(memory_mb: float) -> float:
    """Return how much of one processor a function of this memory has, 1 at most: the pipeline works in one thread."""
    return min(1.0, memory_mb / limits.LAMBDA_PROCESSOR_MB)


def puts_time_ms(sample: Sample, odds: Odds, overflow: Overflow, put_ms: float) -> float:
    """Return what it takes to put all but one record of a batch back: calls of all workers, side by side."""
    mean_bytes = sum(sample.payload_bytes) / len(sample)
    records = max(odds.records - 1, 0)
    per_call = max(
        1.0, min(limits.FIREHOSE_BATCH_LIMIT_RECORDS, limits.FIREHOSE_BATCH_LIMIT_BYTES / max(mean_bytes, 1))
    )
    return math.ceil(math.ceil(records / per_call) / overflow.workers) * put_ms
