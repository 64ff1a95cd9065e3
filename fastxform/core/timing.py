"""The clock of one invocation: how long each stage of it took.

Who calls a stage records it, in `pipeline` and in `invocation`; what is written of the times is `telemetry`'s.
Invariant: every nanosecond between the start and the last record belongs to one stage, and the cost does not depend on
the batch.
"""

import time
from typing import Literal

Stage = Literal["event", "decode", "where", "columns", "encode", "response", "budget", "reingest"]
"""In the order of the work: reading the event; base64, gzip, UTF-8, and JSON with the members that paths name; `where`
and routes, with the columns that they name; types, `map_batch` and `expr`; metadata and the rows themselves; writing
the response; counting it; putting back what does not fit.
"""


class StageClock:
    """The times of one invocation, which starts when this is made."""

    __slots__ = ("last_ns", "spent_ns", "start_ns")

    def __init__(self) -> None:
        self.spent_ns: dict[Stage, int] = {}
        self.start_ns = self.last_ns = time.perf_counter_ns()

    def record_stage(self, stage: Stage) -> None:
        """Give the time since the last record to a stage (0.2 us)."""
        now_ns = time.perf_counter_ns()
        self.spent_ns[stage] = self.spent_ns.get(stage, 0) + now_ns - self.last_ns
        self.last_ns = now_ns

    def milliseconds(self) -> dict[str, float]:
        """Return the time of each stage, to the microsecond, in the order of the first records."""
        return {stage: round(spent_ns / 1e6, 3) for stage, spent_ns in self.spent_ns.items()}
