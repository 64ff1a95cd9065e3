"""The controller: processes for each contender, equal answers first, then rounds in turn.

`measure` takes pairs of a corpus and a contender, and gives a `Result` for each: its CPU and wall times, its peak
memory, or why it has none. What is measured is in `corpora`, who takes part in `contenders`, what is made of it in
`report`. Invariant: there are no times without an answer that was compared record by record and found equal.
"""

import base64
import json
import math
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final, Self

from benchmarks import frames
from benchmarks.contenders import REFERENCE, Contender
from benchmarks.corpora import Comparison, Corpus

ROOT: Final = Path(__file__).parents[1]

RUNTIME_NAME: Final = "AWS_Lambda_python3.12"
"""What the managed runtime puts into `AWS_EXECUTION_ENV`; its marshaller writes raw UTF-8 from 3.12 on."""

WARM_UP_SECONDS: Final = 0.4
"""Each contender runs this long, and three times at least, before anything counts: caches, allocators and V8's
compilers settle.
"""

TURN_SECONDS: Final = 0.03
"""A turn takes about this long: once for a full event, many times for a small one."""

ROUNDS: Final = 25

PROCESSES: Final = 3
"""How many processes a contender gets, one after the other: where one has its memory moves it by 4 to 10 %."""


class WorkerError(Exception):
    """A contender's process ended or failed; the message holds the end of what it wrote to stderr."""


class Worker:
    """The process of one contender."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        self._process = subprocess.Popen(
            contender.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=os.environ | {"AWS_EXECUTION_ENV": RUNTIME_NAME, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        # One core for all of them, one after the other: the cores of a shared machine are not equally fast.
        os.sched_setaffinity(self._process.pid, {max(os.sched_getaffinity(0))})

    def __enter__(self) -> Self:
        """Return the worker; its process ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process and wait for it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self._process.kill()
        self._process.wait(timeout=60)
        self._errors.close()

    def ask(self, op: str, body: bytes = b"", **header: Any) -> tuple[dict[str, Any], bytes]:
        """Send one request and return the answer.

        Raises:
            WorkerError: the process has ended, or says that it failed.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            frames.send(self._process.stdin, {"op": op, **header}, body)
            message = frames.receive(self._process.stdout)
        except BrokenPipeError:
            message = None
        if message is None:
            self._process.wait(timeout=60)
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            raise WorkerError(lines[-1] if lines else f"it ended with status {self._process.returncode}")
        if "error" in message[0]:
            raise WorkerError(message[0]["error"])
        return message

    def load(self, corpus: Corpus, event: bytes) -> dict[str, Any]:
        """Give the worker an event; the answer has `versions`, or `unsupported` with what it lacks."""
        return self.ask("load", event, corpus=corpus.name, shape=corpus.shape, columns=corpus.columns)[0]

    def answer(self) -> bytes:
        """Return the response to the event."""
        return self.ask("answer")[1]

    def turn(self, times: int) -> dict[str, list[int]]:
        """Run the event so many times; return `cpu_ns` and `wall_ns`."""
        return self.ask("round", times=times)[0]

    def memory_bytes(self) -> tuple[int, int]:
        """Return the peak and the present resident set; `ru_maxrss` would start with that of the controller."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = dict(re.findall(r"^(VmHWM|VmRSS):\s+(\d+) kB$", status, re.MULTILINE))
        return int(found["VmHWM"]) * 1024, int(found["VmRSS"]) * 1024


# ---- answers


def _document(text: bytes) -> Any:
    """Return a JSON document; texts in it that hold JSON objects are read too, since their spelling is free."""

    def opened(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: opened(member) for name, member in value.items()}
        if isinstance(value, str) and value.startswith("{"):
            return json.loads(value)
        return value

    return opened(json.loads(text))


def _without_clock(row: bytes) -> bytes:
    """Return a row without its first field, which must be epoch milliseconds."""
    clock, comma, rest = row.partition(b",")
    if not comma or not re.fullmatch(rb"[0-9]{13}", clock):
        raise ValueError("the first field is not the time of processing")
    return rest


_READERS: Final[dict[Comparison, Callable[[bytes], Any]]] = {
    "bytes": bytes,
    "clock": _without_clock,
    "documents": lambda data: [_document(line) for line in data.splitlines()],
}


Entry = tuple[str, str, Any, Any]
"""(record id, result, data, metadata) of one record."""


def decoded(response: bytes, comparison: Comparison) -> list[Entry]:
    """Return the entries of a response; data and metadata of `Ok` ones only."""
    read = _READERS[comparison]
    entries = []
    for entry in json.loads(response)["records"]:
        kept = entry["result"] == "Ok"
        data = read(base64.b64decode(entry["data"], validate=True)) if kept else None
        entries.append((entry["recordId"], entry["result"], data, entry.get("metadata") if kept else None))
    return entries


def difference(expected: Sequence[Entry], response: bytes, comparison: Comparison) -> str | None:
    """Return what is wrong with a response, in one line; None where it is right."""
    try:
        found = decoded(response, comparison)
    except (KeyError, TypeError, ValueError) as error:
        return f"the response cannot be read: {type(error).__name__}"
    if len(found) != len(expected):
        return f"{len(found)} entries for {len(expected)} records"
    wrong = [place for place, (right, entry) in enumerate(zip(expected, found, strict=True)) if right != entry]
    return f"{len(wrong)} of {len(expected)} records differ, the first at {wrong[0]}" if wrong else None


# ---- times


@dataclass(frozen=True, slots=True)
class Result:
    """One contender on one corpus: the times of every turn per invocation, or `absent`, why there are none."""

    contender: Contender
    corpus: Corpus
    event_bytes: int
    records: int
    cpu_ns: list[float] = field(default_factory=list)
    wall_ns: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    absent: str | None = None

    @property
    def least_ns(self) -> float:
        """The smallest CPU time of an invocation."""
        return min(self.cpu_ns)

    @property
    def median_ns(self) -> float:
        """The median CPU time of an invocation."""
        return statistics.median(self.cpu_ns)

    def joined(self, other: "Result") -> "Result":
        """Return this with the turns of another process of the same contender; without any where one has none."""
        if self.absent is not None or other.absent is not None:
            return replace(self, cpu_ns=[], wall_ns=[], peak_bytes=0, absent=self.absent or other.absent)
        return replace(
            self,
            cpu_ns=self.cpu_ns + other.cpu_ns,
            wall_ns=self.wall_ns + other.wall_ns,
            peak_bytes=max(self.peak_bytes, other.peak_bytes),
        )

    def records_per_second(self) -> float:
        """Records per CPU second, at the median."""
        return self.records / self.median_ns * 1e9

    def megabytes_per_second(self) -> float:
        """10^6 bytes of event per CPU second, at the median."""
        return self.event_bytes / self.median_ns * 1e3


def ratio(slow: Result, fast: Result) -> float:
    """Return how many times the least CPU time of `fast` goes into that of `slow`: noise only ever adds."""
    return slow.least_ns / fast.least_ns


def paired_ratio(slow: Result, fast: Result) -> float:
    """Return the same as the median over rounds, each of which ran both within a moment."""
    return statistics.median(a / b for a, b in zip(slow.cpu_ns, fast.cpu_ns, strict=True))


@dataclass
class _Runner:
    """A contender whose answer was right, and its times so far."""

    worker: Worker
    corpus: Corpus
    event_bytes: int
    records: int
    versions: dict[str, str]
    times: int
    cpu_ns: list[float] = field(default_factory=list)
    wall_ns: list[float] = field(default_factory=list)

    def turn(self) -> None:
        found = self.worker.turn(self.times)
        self.cpu_ns.append(sum(found["cpu_ns"]) / self.times)
        self.wall_ns.append(sum(found["wall_ns"]) / self.times)

    def result(self) -> Result:
        peak_bytes, _ = self.worker.memory_bytes()
        return Result(
            self.worker.contender,
            self.corpus,
            self.event_bytes,
            self.records,
            self.cpu_ns,
            self.wall_ns,
            peak_bytes,
            self.versions,
        )


def _warm(worker: Worker) -> int:
    """Run the worker until it is warm; return how many invocations make a turn."""
    spent = runs = 0
    least = math.inf
    while spent < WARM_UP_SECONDS * 1e9 or runs < 3:
        wall_ns = worker.turn(1)["wall_ns"][0]
        spent += wall_ns
        runs += 1
        least = min(least, wall_ns)
    return max(1, round(TURN_SECONDS * 1e9 / least))


def expected_answer(corpus: Corpus, event: bytes) -> Sequence[Entry]:
    """Return the right answers, by the oracle of the tests."""
    with Worker(REFERENCE) as worker:
        worker.load(corpus, event)
        return decoded(worker.answer(), corpus.compare)


Pair = tuple[Corpus, Contender]


def measure(
    pairs: Sequence[Pair], rounds: int = ROUNDS, progress: Callable[[str], None] = lambda _: None
) -> list[Result]:
    """Compare the answers of all pairs, then time those that are right, one turn each in every round.

    Args:
        pairs: who does what, each in processes of its own; their times can be compared with each other.
        rounds: how many turns each one gets, over all its processes.
        progress: gets a line now and then.
    """
    tasks: dict[str, tuple[bytes, Sequence[Entry]]] = {}
    for corpus, _ in pairs:
        if corpus.name not in tasks:
            event = corpus.event()
            progress(f"{corpus.name}: {len(event):,} bytes of event")
            tasks[corpus.name] = event, expected_answer(corpus, event)
    found: list[Result] = []
    for place in range(min(PROCESSES, rounds)):
        more = _measure_once(pairs, tasks, len(range(place, rounds, PROCESSES)))
        found = [one.joined(other) for one, other in zip(found, more, strict=True)] if found else more
    for result in found:
        if result.absent is not None:
            progress(f"{result.corpus.name}: {result.contender.name}: {result.absent}")
    return found


def _measure_once(
    pairs: Sequence[Pair], tasks: Mapping[str, tuple[bytes, Sequence[Entry]]], rounds: int
) -> list[Result]:
    """Give each pair one process, and each that is right its turns."""
    with ExitStack() as stack:
        found = [_admit(stack, corpus, contender, *tasks[corpus.name]) for corpus, contender in pairs]
        _run_rounds([runner for runner in found if isinstance(runner, _Runner)], rounds)
        return [one if isinstance(one, Result) else one.result() for one in found]


def _admit(
    stack: ExitStack, corpus: Corpus, contender: Contender, event: bytes, expected: Sequence[Entry]
) -> "Result | _Runner":
    """Return the warm runner of a contender, or the result that says why it may not run."""

    def absent(reason: str) -> Result:
        return Result(contender, corpus, len(event), len(expected), absent=reason)

    missing = contender.missing()
    if missing is not None:
        return absent(f"not here: {missing}")
    worker = stack.enter_context(Worker(contender))
    try:
        loaded = worker.load(corpus, event)
        if "unsupported" in loaded:
            return absent(f"not supported by {contender.name}: {loaded['unsupported']}")
        wrong = difference(expected, worker.answer(), corpus.compare)
        if wrong is not None:
            return absent(f"wrong answer: {wrong}")
        return _Runner(worker, corpus, len(event), len(expected), loaded["versions"], _warm(worker))
    except WorkerError as error:
        return absent(f"failed: {error}")


def _run_rounds(runners: Sequence[_Runner], rounds: int) -> None:
    """Give everyone a turn in each round, another one first each time."""
    for place in range(rounds if runners else 0):
        first = place % len(runners)
        for runner in [*runners[first:], *runners[:first]]:
            runner.turn()
