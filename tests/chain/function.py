"""The function of a stream: the handler under AWS's runtime interface emulator, out of the unpacked layer.

The interpreter has nothing but AWS's runtime client; `environment` says what else is imported. A function is started
when it is invoked and is not there, as Lambda does, and dies by plan: a fault strikes the invocation of its number.
Invariant: no process of a function outlives `close`.
"""

import os
import signal
import threading
from collections import Counter
from pathlib import Path

from built_layer import mounted
from cloud import PATIENCE_SECONDS, wait_until
from lambda_runtime import PYTHON, ROOT, Emulator, version_of

from fastxform.tools.simulator import remote

BOTO3 = ROOT / ".cache" / "chain-boto3"
"""The runtime's own boto3, which no layer carries."""

KILL = "kill"
"""The function's process dies while it has an event."""

KILL_IN_PUTS = "kill in puts"
"""The function's process dies after some of its puts were taken."""

KILL_ALL = "kill all"
"""The function and the emulator around it die while it has an event, as when a host is lost."""

FREEZE = "freeze"
"""The function's process stands still until its time is over."""


def environment():
    """Return the variables that make the function's environment: the layer, and behind it what Lambda's runtime has."""
    return {"PYTHONPATH": f"{mounted(version_of(PYTHON))}:{BOTO3}"}


class _Sandbox(Emulator):
    """An emulator whose processes can be got at."""

    @property
    def url(self):
        """Where it takes events."""
        return self._url

    @property
    def pid(self):
        """Of the emulator."""
        return self._process.popen.pid

    def child(self):
        """Return the process of the function, None before its first start."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(") ")[2].split()
            except OSError:  # it ended meanwhile
                continue
            if fields[1] == str(self.pid) and fields[0] != "Z":
                return int(stat.parent.name)
        return None


class Function:
    """One function; `invoke` is what a stream calls, one event at a time.

    Attributes:
        faults_met: How often each fault struck.
    """

    def __init__(self, task, faults=None, timeout_seconds=PATIENCE_SECONDS, puts=None, **variables) -> None:
        """Take what it is.

        Args:
            task: its directory, with its `fastxform.toml`.
            faults: by the number of the invocation they strike, from 1; the first is a cold start and takes none.
            timeout_seconds: its time-out, whole seconds.
            puts: counts the puts on its stream, 0 while others put too; for `KILL_IN_PUTS`.
            variables: its environment variables.
        """
        self._task = task
        self._variables = environment() | {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds)} | variables
        self._faults = dict(faults or {})
        self._puts = puts
        self._sandbox = None
        self._number = 0
        self._logs = []
        self.faults_met = Counter()

    def invoke(self, event, context):
        """Invoke it, started anew if it is not there."""
        sandbox = self._started()
        self._number += 1
        fault = self._faults.pop(self._number, None)
        if fault is None:
            return remote.invoke(sandbox.url, event)
        self.faults_met[fault] += 1
        return self._strike(fault, sandbox, event)

    def close(self):
        """End its processes."""
        if self._sandbox is not None:
            sandbox, self._sandbox = self._sandbox, None
            sandbox.__exit__(None, None, None)
            self._logs.append(sandbox.log())

    def log(self):
        """Return what it wrote until `close`."""
        return "".join(self._logs)

    def _started(self):
        if self._sandbox is None:
            sandbox = _Sandbox(self._task, **self._variables)
            sandbox.__enter__()
            self._sandbox = sandbox
        return self._sandbox

    def _strike(self, fault, sandbox, event):
        """Invoke it and let it die or stand still meanwhile."""
        child = wait_until(sandbox.child, "process of the function")
        if fault == FREEZE:
            os.kill(child, signal.SIGSTOP)
            return remote.invoke(sandbox.url, event)
        if fault != KILL_IN_PUTS:
            os.kill(child, signal.SIGSTOP)  # so that it cannot be done before it dies
        answers = []
        call = threading.Thread(target=lambda: answers.append(remote.invoke(sandbox.url, event)))
        if fault == KILL_IN_PUTS:
            before = wait_until(self._puts, "end of the puts of others")
            call.start()
            wait_until(lambda: self._puts() > before or answers, "put of the function")
        else:
            call.start()
            wait_until(lambda: _has_input(child), "event in the socket of the function")
        if fault == KILL_ALL:
            os.kill(sandbox.pid, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
        call.join()
        if fault == KILL_ALL:
            self.close()
        return answers[0]


def _has_input(pid):
    """Tell whether a process has bytes in a socket that it did not read yet."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(descriptor.readlink().name.removeprefix("socket:[").removesuffix("]"))
        except OSError:  # closed meanwhile
            continue
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and int(fields[4].partition(":")[2], 16):
            return True
    return False
