"""Fresh interpreters that have the unpacked layer and nothing else, and what they say of an event.

Used by `layer` (cold start) and `memory` (sizes of a function). Invariant: no number comes from a process that had
done anything before, or that could import something the layer lacks.
"""

import json
import os
import platform
import shutil
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from deploy.layer.build import Built, build
from deploy.layer.target import ARCHITECTURES, PYTHONS, Target, interpreter

_EVENT: Final = """
import sys, time
sys.path.insert(0, sys.argv[1])
start = time.process_time_ns()
import {module}
imported = time.process_time_ns() - start
from pathlib import Path
found = {{"import_ns": imported, "cpu_ns": [], "wall_ns": []}}
if sys.argv[2:]:
    handler = {module}.lambda_handler
    event = Path(sys.argv[2]).read_bytes()
    for _ in range(int(sys.argv[3])):
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        handler(event, None)
        found["cpu_ns"].append(time.process_time_ns() - cpu)
        found["wall_ns"].append(time.perf_counter_ns() - wall)
import json, re
status = Path("/proc/self/status").read_text()
found["peak_bytes"] = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
print(json.dumps(found), file=sys.stderr)
"""


def without_bytecode(root: Path, place: Path) -> Path:
    """Return a layer's files without its bytecode: links, in a directory that this makes."""
    return Path(shutil.copytree(root, place, copy_function=os.link, ignore=shutil.ignore_patterns("__pycache__")))


@dataclass(frozen=True, slots=True)
class Mounted:
    """A layer, unpacked, with the interpreter that runs it."""

    built: Built
    target: Target
    root: Path
    python: Path

    def run(
        self,
        module: str,
        config: Path,
        *event: str,
        root: Path | None = None,
        within: Sequence[str] = (),
    ) -> dict[str, Any] | None:
        """Import a module and answer an event some times; None where the process was ended.

        Args:
            module: what is imported, as the first thing.
            config: the configuration of the handler.
            event: the file of an event and how many times; none to import only.
            root: another place of the layer's files.
            within: a command that runs the interpreter.
        """
        command = [*within, str(self.python), "-I", "-S", "-B", "-c", _EVENT.format(module=module)]
        done = subprocess.run(
            [*command, str(root or self.root), *event],
            env={
                "FASTXFORM_CONFIG": str(config),
                "POWERTOOLS_METRICS_DISABLED": "true",
                "AWS_LAMBDA_LOG_LEVEL": "FATAL",
            },
            cwd=config.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return None
        found: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])
        return found


def targets() -> list[Target]:
    """Return what this machine executes: the shipped version first, then this one's."""
    names = {machine: name for name, machine in ARCHITECTURES.items()}
    wanted = dict.fromkeys(["3.13", *PYTHONS])
    return [Target(python, names[platform.machine()]) for python in wanted if interpreter(python)]


@contextmanager
def mounted(target: Target) -> Iterator[Mounted]:
    """Build and unpack a layer."""
    python = interpreter(target.python)
    assert python is not None
    with TemporaryDirectory(prefix="fastxform-fresh-") as folder:
        built = build(target, Path(folder))
        with zipfile.ZipFile(built.path) as archive:
            archive.extractall(folder)
        yield Mounted(built, target, Path(folder, "python"), python)
