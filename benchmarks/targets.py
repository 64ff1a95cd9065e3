"""What the benchmark has to show: each claim with the ratio that must be there and the one we are after.

A target names two results of one run and how many times the one goes into the other. Invariant: a target whose
results are not there is open, never met.
"""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.cold import Cold
from benchmarks.harness import Result, ratio

Results = Mapping[tuple[str, str], Result]
"""By the names of corpus and contender."""

Verdict = Literal["aim", "gate", "missed", "open"]


@dataclass(frozen=True, slots=True)
class Target:
    """One claim: `measure` gives the ratio, or None where a result is missing."""

    claim: str
    measure: Callable[[Results, Cold | None], float | None]
    gate: float
    aim: float
    at_most: bool = False
    unit: str = "times"

    def verdict(self, found: float | None) -> Verdict:
        """Say what a measured value is worth."""
        if found is None:
            return "open"
        sign = -1 if self.at_most else 1
        if sign * found >= sign * self.aim:
            return "aim"
        return "gate" if sign * found >= sign * self.gate else "missed"


def _times(results: Results, slow: tuple[str, str], fast: tuple[str, str]) -> float | None:
    one, other = results.get(slow), results.get(fast)
    if one is None or other is None or one.absent is not None or other.absent is not None:
        return None
    return ratio(one, other)


def _against(corpus: str, contender: str, gate: float, aim: float, ours: str = "fastxform") -> Target:
    """Return the target that one contender takes so many times our CPU time."""
    label = {
        "stdlib": "the standard-library handler",
        "orjson": "the orjson handler",
        "tuned": "the tuned handler",
        "node": "Node.js",
        "rust": "Rust with `Value`",
        "rust-typed": "typed Rust",
    }
    return Target(
        f"{corpus}: {'dict in, dict out, ' if ours == 'fastxform-dict' else ''}against {label[contender]}",
        lambda results, _: _times(results, (corpus, contender), (corpus, ours)),
        gate,
        aim,
    )


def _over_limit(corpus: str) -> Target:
    """Return the target that our CPU time is at most so many times that of the native limit."""
    return Target(
        f"{corpus}: over the native limit",
        lambda results, _: _times(results, (corpus, "fastxform"), (corpus, "limit")),
        2,
        1.5,
        at_most=True,
    )


def _odd_over_engine(results: Results, cold: Cold | None) -> float | None:
    """Return the mean with the kernel over that without: the least would be of batches in which the kernel pauses."""
    one, other = results.get(("odd-records", "fastxform")), results.get(("odd-records", "fastxform-engine"))
    if one is None or other is None or one.absent is not None or other.absent is not None:
        return None
    return statistics.fmean(one.cpu_ns) / statistics.fmean(other.cpu_ns)


def _per_record(results: Results, cold: Cold | None) -> float | None:
    many, few = results.get(("records-25000", "fastxform")), results.get(("records-1000", "fastxform"))
    if many is None or few is None or many.absent is not None or few.absent is not None:
        return None
    return (many.least_ns / many.records) / (few.least_ns / few.records)


def _peak_mb(results: Results, cold: Cold | None) -> float | None:
    found = results.get(("direct-changes", "fastxform"))
    return None if found is None or found.absent is not None else found.peak_bytes / 1e6


TARGETS: Final[tuple[Target, ...]] = (
    _against("direct-changes", "stdlib", 15, 20),
    _against("direct-changes", "orjson", 6, 9),
    _against("direct-changes", "tuned", 6, 9),
    _against("direct-changes", "node", 8, 11),
    _against("direct-changes", "rust-typed", 3, 4),
    _over_limit("direct-changes"),
    _over_limit("kinesis-changes"),
    _against("direct-changes", "stdlib", 4, 5, "fastxform-dict"),
    _against("typed-changes", "rust-typed", 1.8, 3),
    _against("small-records", "rust-typed", 2.5, 4),
    _against("ticker", "rust-typed", 1.8, 2.5),
    _against("mail-routes", "tuned", 3.5, 5),
    _against("mail-routes", "rust-typed", 2.5, 4),
    _against("cloudwatch", "tuned", 1.6, 2),
    _against("whole-items", "tuned", 4, 8),
    Target(
        "bad-records: cost over the clean batch",
        lambda results, _: _times(results, ("bad-records", "fastxform"), ("clean-records", "fastxform")),
        1.6,
        1.3,
        at_most=True,
    ),
    Target("odd-records: cost over the engine alone, mean", _odd_over_engine, 1.1, 1.05, at_most=True),
    Target("cost per record at 25,000 records over that at 1,000", _per_record, 1.15, 1.05, at_most=True),
    Target(
        "import fastxform.handler over import pyarrow",
        lambda _, cold: cold and cold.import_ratio,
        2.2,
        2.0,
        at_most=True,
    ),
    Target(
        "import fastxform.handler over the same without the kernel",
        lambda _, cold: cold and cold.kernel_ratio,
        1.02,
        1.0,
        at_most=True,
    ),
    Target("first invocation over the tenth", lambda _, cold: cold and cold.first_over_tenth, 2.0, 1.3, at_most=True),
    Target("peak resident memory on the 5.6 MB event", _peak_mb, 160, 120, at_most=True, unit="MB"),
    Target(
        "resident memory after 1,000 invocations over that after 100",
        lambda _, cold: cold and cold.growth,
        1.05,
        1.02,
        at_most=True,
    ),
)
