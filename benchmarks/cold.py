"""What a fresh process pays: imports, the first invocation, and whether memory grows.

Each number comes from processes that did nothing before. Warm times are `harness`'s. Invariant: an import is timed by
the interpreter that makes it, without the start of the interpreter itself.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import contenders, corpora
from benchmarks.harness import ROOT, Worker

IMPORT_ROUNDS: Final = 21
FIRST_ROUNDS: Final = 7
GROWTH_FROM: Final = 100
GROWTH_TO: Final = 1_000

# Where they are installed, which they are not in the layer, pyarrow would import numpy, and msgspec typing_extensions.
_TIMED_IMPORT: Final = """
import sys, time
sys.modules["numpy"] = sys.modules["typing_extensions"] = None
start = time.process_time_ns()
import {module}
print(time.process_time_ns() - start)
"""


@dataclass(frozen=True, slots=True)
class Cold:
    """The cold numbers: CPU milliseconds of imports (least), of the first and the tenth invocation (median), resident
    bytes.
    """

    pyarrow_ms: float
    handler_ms: float
    engine_ms: float
    first_ms: float
    tenth_ms: float
    early_bytes: int
    late_bytes: int

    @property
    def import_ratio(self) -> float:
        """How many times `import pyarrow` goes into `import fastxform.handler`."""
        return self.handler_ms / self.pyarrow_ms

    @property
    def kernel_ratio(self) -> float:
        """How many times the import without the native kernel goes into that with it."""
        return self.handler_ms / self.engine_ms

    @property
    def first_over_tenth(self) -> float:
        """How many times the tenth invocation goes into the first."""
        return self.first_ms / self.tenth_ms

    @property
    def growth(self) -> float:
        """The resident memory after 1,000 invocations over that after 100."""
        return self.late_bytes / self.early_bytes


def _import_ns(module: str, environment: dict[str, str]) -> int:
    found = subprocess.run(
        [sys.executable, "-c", _TIMED_IMPORT.format(module=module)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout)


def _imports() -> tuple[float, float, float]:
    """Return the least CPU milliseconds of pyarrow's import, the handler's, and that without the kernel, made in turn.

    Bytecode is read, as from a layer that was compiled when it was built: the first import of each only writes it, to a
    directory of this measurement.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "fastxform.toml")
        path.write_text(corpora.find("direct-changes").config)
        environment = os.environ | {"FASTXFORM_CONFIG": str(path), "PYTHONPYCACHEPREFIX": directory}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environments = {
            ("pyarrow", "1"): environment,
            ("fastxform.handler", "1"): environment | {"FASTXFORM_KERNEL": "1"},
            ("fastxform.handler", "0"): environment | {"FASTXFORM_KERNEL": "0"},
        }
        turns = [
            [_import_ns(module, variables) for (module, _), variables in environments.items()]
            for _ in range(IMPORT_ROUNDS + 1)
        ]
    pyarrow, handler, engine = zip(*turns[1:], strict=True)
    return min(pyarrow) / 1e6, min(handler) / 1e6, min(engine) / 1e6


def measure(progress: Callable[[str], None] = lambda _: None) -> Cold:
    """Measure everything cold."""
    progress("imports in fresh interpreters")
    pyarrow_ms, handler_ms, engine_ms = _imports()
    corpus = corpora.find("direct-changes")
    event = corpus.event()
    ours = contenders.find("fastxform")
    progress("first invocations of fresh processes")
    firsts = []
    for _ in range(FIRST_ROUNDS):
        with Worker(ours) as worker:
            worker.load(corpus, event)
            firsts.append(worker.turn(10)["cpu_ns"])
    progress(f"{GROWTH_TO:,} invocations of one process")
    with Worker(ours) as worker:
        worker.load(corpus, event)
        worker.turn(GROWTH_FROM)
        _, early = worker.memory_bytes()
        worker.turn(GROWTH_TO - GROWTH_FROM)
        _, late = worker.memory_bytes()
    first_ms = statistics.median(times[0] for times in firsts) / 1e6
    tenth_ms = statistics.median(times[9] for times in firsts) / 1e6
    return Cold(pyarrow_ms, handler_ms, engine_ms, first_ms, tenth_ms, early, late)
