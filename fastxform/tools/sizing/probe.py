"""The process in which a batch is measured: `python -m fastxform.tools.sizing.probe CONFIG < EVENT`.

It prints one JSON object. Puts are refused, so that nothing is sent anywhere. Invariant: it imports what a function
imports and no more, before the clock is read for the last time.
"""

import sys
import time

_STARTED = time.process_time()

_WARM_SECONDS = 0.6
_WARM_RUNS = (3, 30)


def main() -> None:
    """Load, invoke, and print."""
    import contextlib
    import io
    import json

    from fastxform.core.structs import replace
    from fastxform.invocation.handler import make_handler
    from fastxform.pipeline import Pipeline

    event = sys.stdin.buffer.read()
    pipeline = Pipeline.load(sys.argv[1])
    pipeline.spec = replace(pipeline.spec, overflow=replace(pipeline.spec.overflow, policy="fail"))
    handler = make_handler(pipeline, reports=True)
    idle_bytes = peak_bytes()
    with contextlib.redirect_stdout(io.StringIO()):
        handler(event, None)
        cold_ms = (time.process_time() - _STARTED) * 1000
        times: list[float] = []
        while len(times) < _WARM_RUNS[0] or (sum(times) < _WARM_SECONDS * 1000 and len(times) < _WARM_RUNS[1]):
            before = time.process_time()
            handler(event, None)
            times.append((time.process_time() - before) * 1000)
    times.sort()
    figures = {
        "cpu_ms": times[0],
        "cpu_median_ms": times[len(times) // 2],
        "cold_ms": cold_ms,
        "idle_bytes": idle_bytes,
        "peak_bytes": peak_bytes(),
    }
    sys.stdout.write(json.dumps(figures))


def peak_bytes() -> int:
    """Return the most memory that this process has held.

    Linux keeps the peak of a process across `exec` in `ru_maxrss`, that of whoever started it too: `VmHWM` begins anew.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib is not for this process
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
