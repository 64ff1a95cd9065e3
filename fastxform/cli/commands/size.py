"""`fastxform size`: what a transform needs, and is billed, measured from a sample of its records.

The counting is in `fastxform.tools.sizing`; here it is printed. Invariant: a picture is written only where no file is,
or over one that this verb wrote.
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform import limits
from fastxform.cli.console import Console, amount
from fastxform.cli.inputs import open_reader, read_document, read_source
from fastxform.cli.parser import number, whole
from fastxform.cli.progress import Progress, waiting
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.pipeline import Pipeline
    from fastxform.tools.sizing.billing import Bill, Prices
    from fastxform.tools.sizing.buffer import BufferModel
    from fastxform.tools.sizing.plan import Plan
    from fastxform.tools.sizing.runtime import Measurement
    from fastxform.tools.sizing.sample import Sample

HELP: Final = "what a transform needs: buffer, memory, time-out, concurrency, billed units, from a sample"

EPILOG: Final = (
    "Bytes, odds and billed units are counted from the sample and are the same everywhere; times and memory are "
    "measured in a process of this machine, and a function has the share of a processor that its memory buys. A batch "
    "is drawn from the sample at random. A price file is TOML: currency, firehose_gb, partitioned_gb, "
    "lambda_million_requests, lambda_gb_second, each the price of one unit in your region."
)

SAMPLE_LIMIT: Final = 100_000
"""Records of a sample that are read."""

_SHOWN_MB: Final = (0.2, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)

EXAMPLES: Final = (("fastxform size cities.toml records.jsonl --rate 5000", "buffer, memory and bill of your records"),)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("config", metavar="CONFIG", help="the transform")
    add("sample", metavar="SAMPLE", help="records of it, some hundred of each kind; - is standard input")
    add = parser.add_argument_group("the stream").add_argument
    add("--kinesis", action="store_true", help="the stream reads a Kinesis stream; default is Direct PUT")
    low, high = limits.BUFFER_SIZE_MIN_MB, limits.BUFFER_SIZE_MAX_MB
    add(
        "--buffer-mb",
        type=number(low, high),
        metavar="MB",
        help="plan with this hint (default: the largest that keeps responses of the sample under 80 %% of the limit)",
    )
    add(
        "--memory-mb",
        type=whole(128, 10_240),
        metavar="MB",
        help="plan with this memory (default: the least that fits)",
    )
    add("--rate", type=number(0.001, 1e9), metavar="R", help="records a second that arrive, for the concurrency")
    add("--put-ms", type=number(1, 60_000), default=100.0, metavar="MS", help="of one put back (default 100, assumed)")
    add("--partitioned", action="store_true", help="the stream has dynamic partitioning, which is billed")
    add = parser.add_argument_group("output").add_argument
    add("--prices", metavar="FILE", help="prices of your region, for money")
    add("--picture", metavar="FILE", help="write the response share over the buffer size as SVG")
    add("--seed", type=whole(0), default=0, metavar="S", help="another one draws other batches")
    add("--json", action="store_true", help="print one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Count, measure, and print."""
    from fastxform.pipeline import Pipeline
    from fastxform.tools.sizing import picture
    from fastxform.tools.sizing.billing import make_bill, read_prices
    from fastxform.tools.sizing.buffer import model_buffer
    from fastxform.tools.sizing.plan import calm_buffer_mb, make_plan
    from fastxform.tools.sizing.runtime import measure
    from fastxform.tools.sizing.sample import read_sample

    prices = read_prices(read_document(options.prices), options.prices) if options.prices else None
    pipeline = Pipeline.load(options.config)
    sample = read_sample(pipeline, _payloads(options.sample, console, pipeline), kinesis=options.kinesis)
    model = model_buffer(sample, options.seed)
    buffer_mb = options.buffer_mb or calm_buffer_mb(model)
    with waiting(console, "measuring time and memory in a process of its own"):
        measured = measure(options.config, sample, model.at(buffer_mb))
    plan = make_plan(
        sample,
        model,
        measured,
        pipeline.spec.overflow,
        buffer_mb=buffer_mb,
        memory_mb=options.memory_mb,
        rate=options.rate,
        put_ms=options.put_ms,
    )
    bill = make_bill(sample, plan, prices, partitioned=options.partitioned)
    if options.picture:
        _write_picture(Path(options.picture), picture.draw(model, f"{Path(options.config).stem}: response share"))
    if options.json:
        console.json(_as_json(sample, model, measured, plan, bill, prices))
    else:
        for line in (
            *_sample_lines(sample),
            *_buffer_lines(model),
            *_plan_lines(plan, measured, options),
            *_bill_lines(bill, plan, prices),
        ):
            console.line(line)
    return 0


def _payloads(name: str, console: Console, pipeline: "Pipeline") -> list[bytes]:
    with open_reader(name) as reader, Progress(console, share=reader.done_share) as progress:
        payloads: list[bytes] = []
        for item in progress.over(read_source(reader, console, pipeline.spec).items):
            if len(payloads) == SAMPLE_LIMIT:
                break
            payloads.append(item.data)
    return payloads


def _write_picture(path: Path, text: str) -> None:
    from fastxform.tools.files import create, replace
    from fastxform.tools.sizing.picture import MARK

    try:
        create(path, text.encode())
        return
    except FileExistsError:
        pass
    if path.is_symlink() or not path.is_file() or path.read_bytes()[: len(MARK)] != MARK.encode():
        raise InputError(f"{path}: is there and is no picture of this command; name a file that is not there")
    replace(path, text.encode())


def _sample_lines(sample: "Sample") -> list[str]:
    count = len(sample)
    payload = sorted(sample.payload_bytes)
    response, rows = (amount(sum(sizes) / count) for sizes in (sample.response_bytes, sample.row_bytes))
    answers = ", ".join(f"{number:,} {word}" for word, number in sample.results.most_common())
    mean = sum(payload) / count
    return [
        f"sample        {count:,} {'record' if count == 1 else 'records'}: {answers}",
        f"payload       {amount(mean)} on average, {amount(payload[count // 2])} median, {amount(payload[-1])} largest",
        f"event         {amount(sum(sample.request_bytes) / count)} a record",
        f"response      {response} a record, rows {rows} before base64",
    ]


def _buffer_lines(model: "BufferModel") -> list[str]:
    lines = []
    if model.border_mb is None:
        lines.append("overflow      never on average: the event is full before the response is")
    else:
        note = ", beyond the largest hint of 3" if model.border_mb > limits.BUFFER_SIZE_MAX_MB else ""
        lines.append(f"overflow      half of the batches at BufferSizeInMBs {model.border_mb:.2f}{note}")
    if model.never_mb is None:
        lines.append("              none at any hint, in whatever mixture the records come")
    else:
        lines.append(f"              none up to {model.never_mb:.2f}, in whatever mixture the records come")
    lines.append("buffer MB     records   response, median   largest   batches that overflow")
    lines += [
        f"  {line.buffer_mb:<10.1f}{line.records:>9,.0f}{line.share_median:>17.1%} {line.share_max:>10.1%}"
        f"{line.overflow_share:>10.0%}"
        for line in model.odds
        if line.buffer_mb in _SHOWN_MB
    ]
    return lines


def _plan_lines(plan: "Plan", measured: "Measurement", options: argparse.Namespace) -> list[str]:
    lines = [
        f"buffer        {plan.buffer_mb:.1f} MB: {plan.batch_records:,.0f} records an invocation",
        f"memory        {plan.memory_mb} MB: a batch of {measured.records:,} "
        f"{'record' if measured.records == 1 else 'records'} peaks at "
        f"{measured.peak_bytes / 2**20:.0f} MiB here, {measured.idle_bytes / 2**20:.0f} without one",
        f"duration      {plan.duration_ms:,.0f} ms warm with that memory; on a whole processor "
        f"{measured.cpu_ms:,.1f} ms, median {measured.cpu_median_ms:,.1f}, cold {measured.cold_ms:,.0f}",
        f"time-out      {plan.timeout_seconds} s without puts, {plan.timeout_with_puts_seconds} s where a whole "
        f"batch is put back three times ({options.put_ms:g} ms a call)",
    ]
    if plan.concurrency is not None:
        lines.append(f"concurrency   {plan.concurrency:,.2f} invocations at once at {options.rate:g} records a second")
    return lines


def _bill_lines(bill: "Bill", plan: "Plan", prices: "Prices | None") -> list[str]:
    lines = [
        "a million records",
        f"  Firehose    {bill.firehose_gb:,.2f} GB billed in steps of 5 KB, {bill.step_factor:,.1f} times their "
        f"{bill.raw_gb:,.2f} GB",
        f"  Lambda      {bill.requests:,.0f} requests, {bill.gb_seconds:,.1f} GB-seconds at {plan.memory_mb} MB",
        f"  rows        {bill.output_gb:,.2f} GB before compression",
    ]
    if prices is not None:
        parts = ", ".join(f"{name} {cost:,.4f}" for name, cost in bill.cost.items())
        lines.append(f"  money       {bill.total:,.4f} {prices.currency}".rstrip() + (f" ({parts})" if parts else ""))
    return lines


def _as_json(
    sample: "Sample",
    model: "BufferModel",
    measured: "Measurement",
    plan: "Plan",
    bill: "Bill",
    prices: "Prices | None",
) -> dict[str, Any]:
    count = len(sample)
    return {
        "sample": {
            "records": count,
            "results": dict(sample.results),
            "payload_bytes": sum(sample.payload_bytes) / count,
            "request_bytes": sum(sample.request_bytes) / count,
            "response_bytes": sum(sample.response_bytes) / count,
            "row_bytes": sum(sample.row_bytes) / count,
        },
        "buffer": {
            "never_mb": model.never_mb,
            "border_mb": model.border_mb,
            "batches": model.batches,
            "odds": [asdict(line) for line in model.odds],
        },
        "measured": asdict(measured),
        "plan": asdict(plan),
        "bill": {
            **asdict(bill),
            "total": bill.total if prices else None,
            "currency": prices.currency if prices else None,
        },
    }
