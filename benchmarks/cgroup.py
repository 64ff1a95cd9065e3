"""Limits of memory and CPU on a process and its children, by a control group of this machine, version 1 or 2.

Where no memory controller can be written, the process gets a limit of its private writable memory instead, and nothing
limits its CPU; `Limits.kind` says which it was. Invariant: a group ends with its `with` block, and every process in it.
"""

import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

PERIOD_US: Final = 20_000
"""A quota of CPU is given anew this often: a share is then felt within one invocation, as in Lambda."""

PATIENCE_SECONDS: Final = 10

Kind = Literal["cgroup v1", "cgroup v2", "rlimit"]

_FILES: Final[dict[Kind, dict[str, str]]] = {
    "cgroup v1": {
        "limit": "memory.limit_in_bytes",
        "peak": "memory.max_usage_in_bytes",
        "kills": "memory.oom_control",
    },
    "cgroup v2": {"limit": "memory.max", "peak": "memory.peak", "kills": "memory.events"},
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds a command that starts with `prefix`."""

    kind: Kind
    prefix: tuple[str, ...]
    memory: Path | None = None
    groups: tuple[Path, ...] = field(default=())

    def peak_bytes(self) -> int | None:
        """Return the most memory the group held at once, page cache included; None where nobody counted."""
        path = self.memory and self.memory / _FILES[self.kind]["peak"]
        return int(path.read_text()) if path and path.exists() else None

    def kills(self) -> int | None:
        """Return how many of its processes the kernel killed for memory; None where nobody counted."""
        if self.memory is None:
            return None
        found = re.search(r"^oom_kill (\d+)$", (self.memory / _FILES[self.kind]["kills"]).read_text(), re.MULTILINE)
        return int(found[1]) if found else None


@contextmanager
def limited(memory_bytes: int, cpus: float | None = None, *, group: bool = True) -> Iterator[Limits]:
    """Give limits to a command; start it inside the block.

    Args:
        memory_bytes: of all its processes together; of each one's private writable memory where there is no controller.
        cpus: how many CPUs' time it may use; not limited by default.
        group: False passes the controllers over.
    """
    with ExitStack() as stack:
        yield (_grouped(stack, memory_bytes, cpus) if group else None) or _each(memory_bytes)


def _each(memory_bytes: int) -> Limits:
    return Limits("rlimit", ("sh", "-c", f'ulimit -d {memory_bytes // 1024} && exec "$@"', "sh"))


def _grouped(stack: ExitStack, memory_bytes: int, cpus: float | None) -> Limits | None:
    """Make the groups; None where this machine does not let us."""
    name = f"fastxform-{uuid.uuid4().hex[:12]}"
    kind: Kind
    for kind, parents in (("cgroup v1", _version_1()), ("cgroup v2", _version_2())):
        if "memory" not in parents:
            continue
        groups = {controller: parent / name for controller, parent in parents.items()}
        try:
            for path in dict.fromkeys(groups.values()):
                path.mkdir()
                stack.callback(_end, path)
            (groups["memory"] / _FILES[kind]["limit"]).write_text(str(memory_bytes))
            if cpus is not None:
                _limit_cpu(kind, groups, cpus)
        except OSError:
            continue
        joins = "".join(f"echo $$ >{path}/cgroup.procs && " for path in groups.values())
        return Limits(kind, ("sh", "-c", f'{joins}exec "$@"', "sh"), groups["memory"], tuple(groups.values()))
    return None


def _limit_cpu(kind: Kind, groups: dict[str, Path], cpus: float) -> None:
    if "cpu" not in groups:
        return
    quota = max(1_000, round(cpus * PERIOD_US))
    if kind == "cgroup v2":
        (groups["cpu"] / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    else:
        (groups["cpu"] / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (groups["cpu"] / "cpu.cfs_quota_us").write_text(str(quota))


def _mounts(kind: str) -> list[tuple[Path, set[str]]]:
    """Return where file systems of this kind are mounted, with their options."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        what, _, options = after.split(" ", 2)
        if what == kind:
            found.append((Path(before.split(" ")[4]), set(options.split(","))))
    return found


def _version_1() -> dict[str, Path]:
    return {
        controller: mount
        for mount, options in _mounts("cgroup")
        for controller in ("memory", "cpu")
        if controller in options
    }


def _version_2() -> dict[str, Path]:
    for mount, _ in _mounts("cgroup2"):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return handing_down(mount, line[3:])
    return {}


def handing_down(mount: Path, own: str) -> dict[str, Path]:
    """Return the nearest group around a process that gives its children memory to limit, by controller.

    A group of version 2 that has processes of its own hands nothing down, so it is seldom the process's own.
    """
    group = mount / own.strip("/")
    for parent in (group, *group.parents):
        handed = parent / "cgroup.subtree_control"
        controllers = handed.read_text().split() if handed.exists() else []
        if "memory" in controllers:
            return {controller: parent for controller in ("memory", "cpu") if controller in controllers}
        if parent == mount:
            break
    return {}


def _end(group: Path) -> None:
    """End every process of a group, then the group."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
