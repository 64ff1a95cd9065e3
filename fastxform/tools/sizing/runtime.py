"""Processor time and memory of one batch, measured in a fresh process of this machine.

The process runs `probe`, which holds nothing but the engine, as a function does. Invariant: times are processor time,
so that other work on the machine does not count; the peak is the process's own.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from fastxform.errors import InputError
from fastxform.tools.sizing.buffer import Odds
from fastxform.tools.sizing.sample import Sample, entries_of, event

PROBE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Measurement:
    """One batch: how many records, processor milliseconds (least and median of warm invocations), bytes of memory.

    `cold_ms` is the import of the engine and the first invocation, `idle_bytes` what the process holds before it.
    """

    records: int
    cpu_ms: float
    cpu_median_ms: float
    cold_ms: float
    idle_bytes: int
    peak_bytes: int


def measure(config: str, sample: Sample, odds: Odds) -> Measurement:
    """Run a batch of the sample's records, in their order and as often as needed, of the size of `odds`.

    Raises:
        InputError: the process did not end as it should.
    """
    count = max(1, round(odds.records))
    payloads = [sample.payloads[number % len(sample)] for number in range(count)]
    content = event(entries_of(payloads, sample.kinesis), sample.kinesis)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fastxform.tools.sizing.probe", config],
            input=content,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise InputError(f"one batch took more than {PROBE_SECONDS} seconds: it is not for Firehose") from err
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"the batch could not be measured: {''.join(last) or f'exit code {done.returncode}'}")
    measured = json.loads(done.stdout)
    return Measurement(records=count, **measured)
