"""Rules for a sample: whether its responses fit, in time and in memory, and what Firehose bills it as.

Sizes and times come from `tools.sizing`. Invariant: without a sample nothing is found.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from fastxform import limits
from fastxform.pipeline import Pipeline
from fastxform.tools.doctor.account import Account
from fastxform.tools.doctor.delivery import DescribedStream, number
from fastxform.tools.lint.finding import Finding
from fastxform.tools.sizing.buffer import BufferModel, Odds, model_buffer
from fastxform.tools.sizing.plan import calm_buffer_mb, least_memory_mb, make_plan
from fastxform.tools.sizing.runtime import measure
from fastxform.tools.sizing.sample import Sample, read_sample

STEP_FACTOR: Final = 10
"""From here on the billing steps are worth a hint."""


def traffic_rules(
    pipeline: Pipeline, config: str, payloads: Sequence[bytes], account: Account, stream: DescribedStream
) -> Iterator[Finding]:
    """Yield what the sample shows."""
    yield from _record_sizes(payloads, account, stream)
    limit_bytes = limits.FIREHOSE_RECORD_LIMIT_BYTES if not stream.kinesis_arn else _kinesis_limit_bytes(account)
    fitting = [payload for payload in payloads if len(payload) <= min(limit_bytes, 4_000_000)]
    if not fitting:
        return
    sample = read_sample(pipeline, fitting, kinesis=bool(stream.kinesis_arn))
    model = model_buffer(sample)
    odds = model.at(stream.buffer_mb)
    yield from _overflow(pipeline, model, odds, stream)
    if account.function is not None:
        yield from _time_and_memory(pipeline, config, sample, model, odds, account)
    yield from _steps(sample, stream)


def _kinesis_limit_bytes(account: Account) -> int:
    """Return the largest record that the source takes."""
    size_kib = number(account.source.value, "MaxRecordSizeInKiB") if account.source is not None else None
    return limits.KINESIS_RECORD_LIMIT_BYTES if size_kib is None else int(size_kib) * 1024


def _record_sizes(payloads: Sequence[bytes], account: Account, stream: DescribedStream) -> Iterator[Finding]:
    largest = max(map(len, payloads), default=0)
    place = stream.document.place()
    if stream.kinesis_arn:
        limit_bytes = _kinesis_limit_bytes(account)
        if largest > limit_bytes:
            message = f"the sample has a record of {largest:,} bytes, and its Kinesis stream takes {limit_bytes:,}"
            yield Finding("error", "record-too-large", place, f"{message}: raise MaxRecordSizeInKiB, or split it")
        elif largest > limits.FIREHOSE_RECORD_LIMIT_BYTES:
            message = (
                f"the sample has a record of {largest:,} bytes: AWS advises against records of more than 1 MiB where"
            )
            yield Finding("warning", "record-large", place, f"{message} Firehose invokes a function; split it")
    elif largest > limits.FIREHOSE_RECORD_LIMIT_BYTES:
        message = (
            f"the sample has a record of {largest:,} bytes, and Firehose takes {limits.FIREHOSE_RECORD_LIMIT_BYTES:,}"
        )
        yield Finding("error", "record-too-large", place, f"{message}: split it, or compress it")


def _overflow(pipeline: Pipeline, model: BufferModel, odds: Odds, stream: DescribedStream) -> Iterator[Finding]:
    if not odds.overflow_share:
        return
    place = stream.place("ProcessingConfiguration.Processors: BufferSizeInMBs")
    calm = calm_buffer_mb(model)
    fails = pipeline.spec.overflow.policy == "fail" or stream.is_msk
    fate = "go to the error prefix" if fails else "are put back and billed again"
    share = f"{odds.overflow_share:.0%} of the batches of this sample overflow"
    message = f"with {stream.buffer_mb:g} MB {share}, and records {fate}"
    yield Finding("error" if fails else "warning", "overflow", place, f"{message}: set it to {calm:g}")


def _time_and_memory(
    pipeline: Pipeline,
    config: str,
    sample: Sample,
    model: BufferModel,
    odds: Odds,
    account: Account,
) -> Iterator[Finding]:
    function = account.function
    timeout = number(function.value, "Timeout") if function is not None else None
    memory_mb = number(function.value, "MemorySize") if function is not None else None
    if function is None or timeout is None or memory_mb is None:
        return
    measured = measure(config, sample, odds)
    plan = make_plan(
        sample, model, measured, pipeline.spec.overflow, buffer_mb=odds.buffer_mb, memory_mb=int(memory_mb)
    )
    needed = plan.timeout_with_puts_seconds if pipeline.spec.overflow.policy == "reingest" else plan.timeout_seconds
    if timeout < needed:
        message = (
            f"a batch of this sample takes {plan.duration_ms:,.0f} ms with {memory_mb:g} MB, and with puts back up to"
        )
        yield Finding(
            "warning", "timeout-short", function.place("Timeout"), f"{message} {needed} s: set it to that at least"
        )
    peak_mb = measured.peak_bytes / 2**20
    if peak_mb > memory_mb:
        message = f"a batch of this sample takes {peak_mb:,.0f} MiB, more than the function has: set it to"
        yield Finding("error", "memory-short", function.place("MemorySize"), f"{message} {least_memory_mb(measured)}")


def _steps(sample: Sample, stream: DescribedStream) -> Iterator[Finding]:
    if stream.is_msk:
        return
    step = limits.FIREHOSE_BILLING_STEP_BYTES
    raw_bytes = sum(sample.payload_bytes)
    billed_bytes = sum(-(-max(size, 1) // step) * step for size in sample.payload_bytes)
    if raw_bytes and billed_bytes >= STEP_FACTOR * raw_bytes:
        message = f"Firehose bills each record in steps of 5 KB: {billed_bytes / raw_bytes:.0f} times what these weigh"
        remedy = 'where producers can put several documents into one record, documents = "many" reads them'
        yield Finding("hint", "billing-steps", stream.document.place(), f"{message}; {remedy}")
