"""The process of one Python contender: `python -m benchmarks.worker MODULE`, messages on stdin and stdout.

It answers `load` (an event and what to do with it), `answer` (one response, to be compared) and `round` (so many
invocations, with the CPU time of each, all threads of the process counted). What a contender does is in
`contenders/`. Invariant: nothing but the invocation is inside the clock, and a response is freed before the next one
is made.
"""

import importlib
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import frames
from benchmarks.contenders import UnsupportedError

_PACKAGES = (
    "aws-lambda-powertools",
    "awslambdaric",
    "duckdb",
    "msgspec",
    "orjson",
    "polars",
    "pyarrow",
    "pybase64",
    "simplejson",
)


def _versions() -> dict[str, str]:
    """Return the versions of those packages that the contender has really imported."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        module = package.removeprefix("aws-").replace("-", "_").replace("lambda_powertools", "aws_lambda_powertools")
        if module in sys.modules:
            found[package] = importlib.metadata.version(package)
    return found


def _round(invoke: Callable[[bytes], bytes], event: bytes, times: int) -> dict[str, list[int]]:
    cpu: list[int] = []
    wall: list[int] = []
    for _ in range(times):
        wall_start, cpu_start = time.perf_counter_ns(), time.process_time_ns()
        response = invoke(event)
        cpu_end, wall_end = time.process_time_ns(), time.perf_counter_ns()
        del response
        cpu.append(cpu_end - cpu_start)
        wall.append(wall_end - wall_start)
    return {"cpu_ns": cpu, "wall_ns": wall}


def main(name: str) -> None:
    """Answer until the controller closes the pipe."""
    # What a contender prints must not get between the messages.
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    contender: Any = None
    invoke: Callable[[bytes], bytes] | None = None
    event = b""
    while (message := frames.receive(requests)) is not None:
        request, body = message
        if request["op"] == "load":
            event = body
            try:
                contender = contender or importlib.import_module(f"benchmarks.contenders.{name}")
                invoke = contender.make(request["corpus"])
            except UnsupportedError as error:
                frames.send(answers, {"unsupported": str(error)})
                continue
            frames.send(answers, {"versions": _versions()})
        elif invoke is None:
            frames.send(answers, {"error": "nothing is loaded"})
        elif request["op"] == "answer":
            frames.send(answers, {}, invoke(event))
        else:
            frames.send(answers, dict(_round(invoke, event, request["times"])))


if __name__ == "__main__":
    main(sys.argv[1])
