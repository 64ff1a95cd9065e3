"""Whole invocations as Lambda makes them: a function under AWS's runtime interface emulator, spoken to by HTTP.

The runtime client is AWS's own for Python; for Node.js, whose client is native code of the managed runtime, it is the
loop that AWS's page on custom runtimes describes. Measured are the CPU time of the function's process, with the client
in it, and the time until the caller has the response, with the emulator in it. Invariant: a response that is not the
right one is an error, and no process is left behind.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import corpora
from benchmarks.contenders import HERE, find
from benchmarks.harness import ROOT, RUNTIME_NAME, difference, expected_answer

EMULATOR: Final = ROOT / ".cache" / "aws-lambda-rie"
CORPUS: Final = "direct-changes"
WARM_UP: Final = 8
ROUNDS: Final = 25
PATIENCE_SECONDS: Final = 60

_PYTHON: Final = (sys.executable, "-m", "awslambdaric")
_CLIENTS: Final = {
    "stdlib": (*_PYTHON, "function.handler"),
    "node": ("node", str(HERE / "node" / "bootstrap.mjs")),
    "fastxform": (*_PYTHON, "fastxform.handler.lambda_handler"),
}
_FUNCTION: Final = """\
from benchmarks import corpora
from benchmarks.contenders.stdlib import make_handler, transform_of

handler = make_handler(transform_of(corpora.find({corpus!r})))
"""


@dataclass(frozen=True, slots=True)
class Emulated:
    """Invocations of one function: CPU of its process and wall time for its caller, milliseconds each."""

    name: str
    cpu_ms: list[float]
    wall_ms: list[float]

    @property
    def label(self) -> str:
        """Return the name of the contender."""
        return find(self.name).label

    @property
    def least_cpu_ms(self) -> float:
        """The smallest CPU time of an invocation."""
        return min(self.cpu_ms)

    @property
    def median_wall_ms(self) -> float:
        """The median time until the caller has the response."""
        return statistics.median(self.wall_ms)


class _Function:
    """A function behind an emulator."""

    def __init__(self, url: str, emulator: subprocess.Popen[bytes]) -> None:
        self._url, self._emulator = url, emulator

    def invoke(self, event: bytes) -> bytes:
        request = urllib.request.Request(self._url, data=event, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            body: bytes = response.read()
        return body

    def cpu_ns(self) -> int:
        """Return the CPU time of the function's process so far, all of its threads."""
        children = Path(f"/proc/{self._emulator.pid}/task").glob("*/children")
        (pid,) = {pid for path in children for pid in path.read_text().split()}
        return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def missing() -> str | None:
    """Return why nothing can be measured here; None where it can."""
    if not EMULATOR.exists():
        return f"{EMULATOR.name} is not there; run ./build.sh setup"
    return None if shutil.which("node") else "there is no node on the PATH"


def measure(progress: Callable[[str], None] = lambda _: None, rounds: int = ROUNDS) -> list[Emulated]:
    """Measure the functions in turns; none where the emulator is not there.

    Raises:
        RuntimeError: a function does not answer, or wrongly.
    """
    why = missing()
    if why is not None:
        progress(f"not under the emulator: {why}")
        return []
    progress("whole invocations under AWS's runtime interface emulator")
    corpus = corpora.find(CORPUS)
    event = corpus.event()
    expected = expected_answer(corpus, event)
    with ExitStack() as stack:
        functions = {name: stack.enter_context(_started(name, corpus)) for name in _CLIENTS}
        for name, function in functions.items():
            wrong = difference(expected, function.invoke(event), corpus.compare)
            if wrong is not None:
                raise RuntimeError(f"{name} under the emulator: {wrong}")
            for _ in range(WARM_UP):
                function.invoke(event)
        found = {name: Emulated(name, [], []) for name in functions}
        for _ in range(rounds):
            for name, function in functions.items():
                cpu, wall = function.cpu_ns(), time.perf_counter_ns()
                function.invoke(event)
                found[name].wall_ms.append((time.perf_counter_ns() - wall) / 1e6)
                found[name].cpu_ms.append((function.cpu_ns() - cpu) / 1e6)
    return list(found.values())


@contextmanager
def _started(name: str, corpus: corpora.Corpus) -> Iterator[_Function]:
    """Start an emulator with a function behind it; both end with the block."""
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as log:
        task = Path(directory)
        (task / "fastxform.toml").write_text(corpus.config)
        (task / "function.py").write_text(_FUNCTION.format(corpus=corpus.name))
        port, api_port = _free_ports(2)
        command = [str(EMULATOR), "--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{api_port}", *_CLIENTS[name]]
        variables = {
            "PYTHONPATH": str(ROOT),
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_EXECUTION_ENV": RUNTIME_NAME,
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(PATIENCE_SECONDS),
            "AWS_REGION": "us-east-1",
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "SHAPE": corpus.shape,
            "COLUMNS": str(corpus.columns),
        }
        process = subprocess.Popen(
            command, cwd=task, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _wait_for(port, process)
            yield _Function(f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations", process)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the emulator did not start") from None
            time.sleep(0.01)
        else:
            return


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
