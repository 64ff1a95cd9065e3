"""`./build.sh soak --seconds N`: what the suite checks for seconds, for longer, and each time from another seed.

Five parts, a fifth of the time each: the pipeline against the independent oracle, the kernel against the engine, nasty
values through all functions, mixed invocations whose memory is watched, and puts to a loopback AWS that misbehaves.
Invariant: the seed is printed, and the same seed begins with the same runs.
"""

import argparse
import base64
import contextlib
import io
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import differential
import mutation
import nasty
import pyarrow as pa
import pytest
import reasons
from aws_faults import FAULTS, AwsServer, Plan
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_watch import watched
from oracle import Oracle
from strategies import batches, configs, metas

from fastxform import Pipeline, make_handler
from fastxform.core import native
from fastxform.errors import DROPPED, OK

NOW_MS = 1_700_000_000_123
EXAMPLES = 25
MIXED_INVOCATIONS = 20_000
MIXED_LIMIT_BYTES = 2_000_000
MISBEHAVIOUR = sorted(FAULTS.keys() - {"hang", "slow"})  # which only wait
PUT_RECORDS = 120


class SoakError(Exception):
    """Something differs; the message says what."""


def until(end: float) -> Iterator[int]:
    """Yield numbers while there is time, at least one."""
    for number in itertools.count():
        yield number
        if time.monotonic() >= end:
            return


def model(rng: random.Random, end: float) -> str:
    """Compare the pipeline with the oracle, record by record, with the kernel and by the engine alone."""
    compared = configurations = 0

    def compare(data):
        nonlocal compared, configurations
        config = data.draw(configs())
        payloads = data.draw(batches(config=config))
        meta = data.draw(metas(len(payloads)))
        expected = Oracle(config).batch(payloads, meta, NOW_MS)
        pipeline = Pipeline.from_toml(config)
        for run in (pipeline.run, pipeline.run_engine):
            found = run(payloads, meta=meta, now_ms=NOW_MS)
            for payload, want, got in zip(payloads, expected, found, strict=True):
                if (want.result, want.reason, want.data, want.metadata) != tuple(got):
                    name = "kernel" if run == pipeline.run else "engine"
                    raise SoakError(f"the oracle says {want}, the {name} {got}, of {payload!r} in\n{config}")
        compared += len(payloads)
        configurations += 1

    with pytest.MonkeyPatch.context() as patch, watched(patch) as watch:
        for _ in until(end):
            check = settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
            )(given(st.data())(compare))
            seed(rng.randrange(2**32))(check)()
    return (
        f"{compared:,} records in {configurations:,} configurations agree with the oracle, "
        f"{watch.records:,} of them by the kernel"
    )


def kernel(rng: random.Random, end: float) -> str:
    """Compare the kernel with the engine."""
    os.environ.update(differential.QUIET)
    batch_count = 0
    pairs = [differential.Pair(case, width) for case in mutation.CASES for width in native.WIDTHS]
    for number in until(end):
        pair = pairs[number % len(pairs)]
        if differences := list(pair.differences(rng)):
            raise SoakError(f"{pair.case.name}: kernel and engine differ: {differences[0]!r}")
        batch_count += 3
    for name in differential.QUIET:
        del os.environ[name]
    return f"{batch_count * differential.BATCH_RECORDS:,} records are the same with the kernel and without"


def functions(rng: random.Random, end: float) -> str:
    """Evaluate random calls on random pairs of nasty values, whole and row by row."""
    os.environ["HASH_KEY"] = "k"
    texts = [text for name in (*nasty.FUNCTIONS, *nasty.NAMED) for text in nasty.calls(name)]
    texts += [f"x {operator} y" for operator in nasty.OPERATORS]
    kinds = list(nasty.VALUES)
    count = 0
    for _ in until(end):
        text, one, other = rng.choice(texts), rng.choice(kinds), rng.choice(kinds)
        expression = nasty.compiled(text, one, other)
        if expression is None:
            continue
        x, y = nasty.pairs(one, other, rng.randrange(20, 400))
        array, raised = nasty.evaluated(expression, {"x": x, "y": y})
        for row in range(len(x)):
            alone, refused = nasty.evaluated(expression, {"x": x.slice(row, 1), "y": y.slice(row, 1)})
            if bool(refused) != (row in raised) or not nasty.is_same(alone[0], array[row]):
                raise SoakError(f"{text} of {one}, {other}: row {row} is another alone")
            count += 1
    return f"{count:,} values of functions are the same alone and among others"


def memory(rng: random.Random, end: float) -> str:
    """Watch the memory of mixed invocations."""
    with contextlib.redirect_stdout(io.StringIO()):
        invoke = reasons.mixed(rng)
    count = 0
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        for _ in range(300):
            invoke()
        before = reasons.resident_bytes()
        for _ in until(end):
            for _ in range(50):
                invoke()
            count += 50
            if count >= MIXED_INVOCATIONS:
                break
        grown = reasons.resident_bytes() - before
    if grown > MIXED_LIMIT_BYTES:
        raise SoakError(f"{count:,} invocations grew by {grown:,} bytes")
    return f"{count:,} mixed invocations grew by {grown:,} bytes"


def puts(rng: random.Random, end: float) -> str:
    """Put records back to a stream that misbehaves: what is dropped was taken, nothing is put more than twice."""
    case = reasons.CASES["put_failed"]
    payloads = [b'{"a":"%06d%s"}' % (number, b"x" * 300) for number in range(PUT_RECORDS)]
    event = reasons.event_of(tuple(payloads), case.event)
    invocations = dropped = copies = 0
    for _ in until(end):
        faults = rng.sample(MISBEHAVIOUR, 2)
        plan = Plan(seed=rng.randrange(2**32), calls=dict.fromkeys(faults, rng.choice((0.2, 0.45))), entries=0.1)
        with AwsServer(plan) as server:
            handler = make_handler(Pipeline.from_toml(case.config), server.client)
            with contextlib.redirect_stdout(io.StringIO()):
                answer = json.loads(reasons.limited(handler, event, reasons.Context(4_000), 20_000))
        taken = Counter(record.data for record in server.taken)
        results = [entry["result"] for entry in answer["records"]]
        lost = [
            payload
            for payload, entry in zip(payloads, answer["records"], strict=True)
            if entry["result"] == DROPPED and not taken[payload]
        ]
        sent = [base64.b64decode(entry["data"]) for entry in answer["records"] if entry["result"] == OK]
        if lost or len(sent) != results.count(OK) or max(taken.values(), default=0) > 2:
            raise SoakError(f"{plan}: {len(lost)} records lost, put {max(taken.values(), default=0)} times at most")
        invocations += 1
        dropped += results.count(DROPPED)
        copies += taken.total() - len(taken)
    return f"{invocations:,} invocations put {dropped:,} records back under faults: none lost, {copies:,} copies"


PARTS: dict[str, Callable[[random.Random, float], str]] = {
    "model": model,
    "kernel": kernel,
    "functions": functions,
    "memory": memory,
    "puts": puts,
}


def main() -> int:
    """Run all parts, or those that are named, and print what they did."""
    parser = argparse.ArgumentParser(prog="./build.sh soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    names = options.part or list(PARTS)
    print(f"soak: --seed {options.seed}", flush=True)
    status = 0
    for name in names:
        end = time.monotonic() + options.seconds / len(names)
        start = time.process_time()
        try:
            said = PARTS[name](random.Random(f"{options.seed}:{name}"), end)
        except (SoakError, AssertionError, pa.ArrowException) as error:
            status, said = 1, f"FAILED: {type(error).__name__}: {error}"
        print(f"soak: {name}: {said} ({time.process_time() - start:.0f} s of processor time)", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
