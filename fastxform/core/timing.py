"""The clock of one invocation: how long each stage of it took.

A stage says that it is over with `mark`, wherever it stands: no stage hands a clock to the next. What is written of the
times is `telemetry`'s. Invariant: every nanosecond between the start and the last mark belongs to one stage, a
mark outside an invocation is nothing, and its cost does not depend on the batch.
"""

import threading
import time
from typing import Final, Literal

Stage = Literal["event", "base64", "decompress", "JSON", "columns", "where", "rows", "cutoff", "reingest", "response"]
"""In the order of the work: reading the event; base64; gzip; UTF-8, depth and JSON with the members that paths name;
types, `map_batch` and `expr`; `where` and routes; metadata and the rows themselves; counting the response; putting back
what does not fit; writing the response.
"""


class Clock:
    """The times of one invocation, while it runs in its `with` block; an invocation inside another has its own."""

    __slots__ = ("_outer", "last_ns", "spent_ns", "start_ns")

    def __init__(self) -> None:
        self._outer: Clock | None = None
        self.spent_ns: dict[Stage, int] = {}
        self.start_ns = self.last_ns = time.perf_counter_ns()

    def __enter__(self) -> "Clock":
        """Make this the clock that marks are for."""
        self._outer, _RUNNING.clock = _RUNNING.clock, self
        self.start_ns = self.last_ns = time.perf_counter_ns()
        return self

    def __exit__(self, *_: object) -> None:
        """Give marks back to the clock that was there before."""
        _RUNNING.clock = self._outer

    def milliseconds(self) -> dict[str, float]:
        """Return the time of each stage that was marked, to the microsecond, in the order of the first marks."""
        return {stage: round(spent_ns / 1e6, 3) for stage, spent_ns in self.spent_ns.items()}

    @property
    def total_ms(self) -> float:
        """Milliseconds from the start to the last mark."""
        return round((self.last_ns - self.start_ns) / 1e6, 3)


class _Running(threading.local):
    """Each thread's own clock; `contextvars` would be as right and 0.3 ms of a cold start."""

    clock: Clock | None = None


_RUNNING: Final = _Running()


def mark(stage: Stage) -> None:
    """Give the time since the last mark to a stage (0.2 us)."""
    clock = _RUNNING.clock
    if clock is not None:
        now_ns = time.perf_counter_ns()
        clock.spent_ns[stage] = clock.spent_ns.get(stage, 0) + now_ns - clock.last_ns
        clock.last_ns = now_ns
