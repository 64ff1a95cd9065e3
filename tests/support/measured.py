"""`python measured.py [NAME...]`: what hostile records cost, a line of JSON for each, in a process for each.

The processes are forks of this one, which has everything imported and has transformed nothing, so that one costs some
milliseconds; their address space is bounded, so that what takes too much fails instead of swapping. Invariant: what is
measured is the records alone, above an empty invocation of their transform.
"""

import base64
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_records import BATCHES, RECORDS, Hostile

from fastxform import Batch, Pipeline, make_handler

MB = 1_000_000
_EMPTY = (b"{}", b"\x1f\x8bno", b"\x28\xb5\x2f\xfdno", b"no")
_PAGE_BYTES = resource.getpagesize()
_ROUNDS = 3
_ROOM_TO_MAKE_BYTES = 2_000 * MB


def _status(name: str) -> int:
    """Return a number of bytes that the kernel says of this process."""
    with Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1_024


def _resident_bytes() -> int:
    with Path("/proc/self/statm").open() as line:
        return int(line.read().split()[1]) * _PAGE_BYTES


def cost(config: str, payloads: list[bytes], rounds: int = 1) -> dict[str, Any]:
    """Transform payloads in this process: CPU seconds, the least of some rounds, peak memory, and what becomes of them.

    One goes through the pipeline, several through the handler, as an event. The memory is that of the first round.
    """
    pipeline = Pipeline.from_toml(config)
    for payload in _EMPTY:
        pipeline.run([payload])
    handler, event = make_handler(pipeline), _event(payloads)
    if len(payloads) > 1:
        handler(_event([b"{}"]), None)

    def run() -> list[str]:
        return _results(handler(event, None)) if len(payloads) > 1 else _outcomes(pipeline.run(payloads))

    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is resident now
    before = _resident_bytes()
    seconds = []
    peak = 0
    for number in range(rounds):
        start = time.process_time()
        outcomes = run()
        seconds.append(time.process_time() - start)
        peak = peak if number else _status("VmHWM")
    return {"cpu_s": min(seconds), "memory": max(0, peak - before), "outcomes": list(dict.fromkeys(outcomes))}


def _outcomes(batch: Batch) -> list[str]:
    return [reason or result for reason, result in zip(batch.reason, batch.result, strict=True)]


def _event(payloads: list[bytes]) -> bytes:
    records = [
        {"recordId": str(number), "data": base64.b64encode(payload).decode()} for number, payload in enumerate(payloads)
    ]
    return json.dumps({"records": records}).encode()


def _results(response: bytes) -> list[str]:
    return [entry["result"] for entry in json.loads(response)["records"]]


def in_fork(function: Callable[[], bytes], limit_bytes: int) -> bytes:
    """Call a function in a fork that may take so much more address space than this process has; b"" where it died."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the handler's log
        limit = _status("VmSize") + limit_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with os.fdopen(writer, "wb") as file:
            file.write(function())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        written = file.read()
    os.waitpid(pid, 0)
    return written


def _cost_in_fork(config: str, payloads: list[bytes], rounds: int, limit_bytes: int) -> dict[str, Any]:
    def function() -> bytes:
        try:
            return json.dumps(cost(config, payloads, rounds)).encode()
        except MemoryError:
            return b'{"error": "MemoryError"}'

    return json.loads(in_fork(function, limit_bytes) or b'{"error": "the process died"}')


def measure(record: Hostile, limit_bytes: int) -> dict[str, Any]:
    """Return what a record costs, and how many times as much as the same bytes in good order."""
    # Made in this process, it would leave room behind that is taken again without the peak showing it.
    payload = in_fork(record.make, _ROOM_TO_MAKE_BYTES)
    rounds = 1 if record.good is None else _ROUNDS
    found = {"name": record.name, "bytes": len(payload)}
    found |= _cost_in_fork(record.config, [payload] * record.copies, rounds, limit_bytes)
    if record.good is not None and "error" not in found:
        good = [in_fork(record.good, _ROOM_TO_MAKE_BYTES)] * record.copies
        found["times"] = found["cpu_s"] / _cost_in_fork(record.config, good, rounds, limit_bytes)["cpu_s"]
    return found


def main() -> None:
    """Print what each record costs that is named, by default all; the first argument is the address space in MB."""
    limit_bytes, names = int(sys.argv[1]) * MB, sys.argv[2:]
    for record in [*RECORDS, *BATCHES]:
        if record.name in names or (record.copies > 1 if names == ["batches"] else record.copies == 1 and not names):
            print(json.dumps(measure(record, limit_bytes)), flush=True)


if __name__ == "__main__":
    main()
