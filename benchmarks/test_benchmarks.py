"""The benchmark under pytest: `./build.sh bench`; `-k` chooses, and a whole run writes the report.

Contenders take turns, so a corpus is measured at once for all of them when its first test asks, and pytest-benchmark
is handed the CPU times that were measured. How is in `harness`, what must come out in `targets`. Invariant: a
contender without a time is a reason, and for fastxform itself a failure.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import cold as cold_module
from benchmarks import emulated, harness, readme, report
from benchmarks.cold import Cold
from benchmarks.harness import Pair, Result
from benchmarks.targets import TARGETS, Target

GROUPS = report.groups()
PAIRS = list(dict.fromkeys(pair for group in GROUPS for pair in group))


class Replay:
    """A clock that goes on by the CPU times that were measured, for pytest-benchmark to read."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def step(self, times_ns: Iterator[float]) -> None:
        self.seconds += next(times_ns) / 1e9


CLOCK = Replay()


class Run:
    """What was measured in this session so far."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self.progress = progress
        self.results: dict[tuple[str, str], Result] = {}
        self.found_cold: Cold | None = None

    def result(self, pair: Pair) -> Result:
        """Return the result of a pair; its whole group is measured when the first of it is asked for."""
        corpus, contender = pair
        if (corpus.name, contender.name) not in self.results:
            group = next(group for group in GROUPS if pair in group)
            self.results |= report.collect([group], harness.ROUNDS, self.progress)
        return self.results[corpus.name, contender.name]

    def cold(self) -> Cold:
        """Return the cold numbers, measured once."""
        if self.found_cold is None:
            self.found_cold = cold_module.measure(self.progress)
        return self.found_cold

    def everything(self) -> tuple[dict[tuple[str, str], Result], Cold]:
        """Return all results; what no test has asked for yet is measured now."""
        for pair in PAIRS:
            self.result(pair)
        return self.results, self.cold()


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Iterator[Run]:
    """The run of this session; if it came to everything, the report is written at its end."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def progress(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    found = Run(progress)
    yield found
    if found.found_cold is not None and all((corpus.name, one.name) in found.results for corpus, one in PAIRS):
        invocations = emulated.measure(progress)
        report.write(report.DIRECTORY, found.results, found.found_cold, harness.ROUNDS, invocations)
        readme.main()
        progress(f"written to {report.DIRECTORY}")


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{corpus.name}-{contender.name}" for corpus, contender in PAIRS])
@pytest.mark.benchmark(timer=CLOCK, min_rounds=1, disable_gc=False, warmup=False)
def test_cpu_time(run: Run, pair: Pair, request: pytest.FixtureRequest) -> None:
    """The CPU time of whole invocations, of contenders whose answers are right."""
    result = run.result(pair)
    if result.absent is not None:
        assert result.contender.name not in report.OURS, result.absent
        assert result.absent.startswith(("not here", "not supported", "wrong answer", "failed"))
        return
    benchmark: Any = request.getfixturevalue("benchmark")
    benchmark.group = result.corpus.name
    benchmark.name = result.contender.name
    benchmark.extra_info |= {
        "records_per_second": round(result.records_per_second()),
        "megabytes_per_second": round(result.megabytes_per_second()),
        "peak_bytes": result.peak_bytes,
        **result.versions,
    }
    times = iter(result.cpu_ns)
    benchmark.pedantic(CLOCK.step, args=(times,), rounds=len(result.cpu_ns), iterations=1)


@pytest.mark.parametrize("target", TARGETS, ids=[target.claim for target in TARGETS])
def test_gate(run: Run, target: Target) -> None:
    """Every gate is passed; a contender that is not here leaves its target open."""
    found = target.measure(*run.everything())
    assert target.verdict(found) != "missed", f"found {found:.2f}, the gate is {target.gate:g}"
