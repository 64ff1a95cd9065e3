"""Sizes and cold start of the layer as it ships, measured by `python -m benchmarks.layer`; docs/sizing.md shows them.

The layer is built here, and run by fresh interpreters that have nothing else. Invariant: what is written was measured
on the zip whose sha256 stands beside it.
"""

import json
import statistics
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks import corpora, fresh, readme, report
from deploy.layer.checks import MIB

RESULTS: Final = Path(__file__).parent / "results" / "layer.json"
CORPUS: Final = "direct-changes"
IMPORT_ROUNDS: Final = 15
FIRST_ROUNDS: Final = 7
HANDLER: Final = "fastxform.handler"


def _imports(layer: fresh.Mounted, config: Path) -> dict[str, float]:
    """Return the least CPU milliseconds of each import, made in turn."""
    bare = fresh.without_bytecode(layer.root, layer.root.parent / "bare")
    cases = {
        "import_ms": (HANDLER, layer.root),
        "pyarrow_ms": ("pyarrow", layer.root),
        "import_without_bytecode_ms": (HANDLER, bare),
    }
    found: dict[str, list[int]] = {name: [] for name in cases}
    for _ in range(IMPORT_ROUNDS):
        for name, (module, root) in cases.items():
            numbers = layer.run(module, config, root=root)
            assert numbers is not None
            found[name].append(numbers["import_ns"])
    return {name: min(times) / 1e6 for name, times in found.items()}


def _invocations(layer: fresh.Mounted, config: Path, event: Path) -> dict[str, float]:
    """Return the median CPU milliseconds of the first and the tenth invocation."""
    runs = [layer.run(HANDLER, config, str(event), "10") for _ in range(FIRST_ROUNDS)]
    times = [run["cpu_ns"] for run in runs if run is not None]
    assert len(times) == FIRST_ROUNDS
    return {
        "first_ms": statistics.median(one[0] for one in times) / 1e6,
        "tenth_ms": statistics.median(one[9] for one in times) / 1e6,
    }


def measure() -> dict[str, Any]:
    """Measure the layer of the shipped Python, or of this machine's where it has no other."""
    corpus = corpora.find(CORPUS)
    target = fresh.targets()[0]
    with TemporaryDirectory() as folder, fresh.mounted(target) as layer:
        config, event = Path(folder, "fastxform.toml"), Path(folder, "event.json")
        config.write_text(corpus.config, encoding="utf-8")
        event.write_bytes(corpus.event())
        cold = _imports(layer, config) | _invocations(layer, config, event)
        built = layer.built
        zipped_bytes = built.path.stat().st_size
    return {
        "machine": report.machine(),
        "name": built.path.name,
        "sha256": built.sha256,
        "python": built.interpreter,
        "records": len(corpus.payloads()),
        "zipped_mib": zipped_bytes / MIB,
        "unzipped_mib": sum(package.unzipped_bytes for package in built.packages) / MIB,
        "wheels_mib": sum(package.wheel_bytes for package in built.packages) / MIB,
        "packages": {
            package.name: {"version": package.version, "unzipped_mib": package.unzipped_bytes / MIB}
            for package in built.packages
        },
        "cold": cold,
    }


def main() -> None:
    """Measure, and write the numbers; `tests/test_docs.py` writes them into the guide."""
    numbers = measure()
    RESULTS.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    print(readme.layer_table(numbers), file=sys.stdout)


if __name__ == "__main__":
    main()
