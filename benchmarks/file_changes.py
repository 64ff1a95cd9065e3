"""How far a reader must leaf for one warm invocation: `python -m benchmarks.file_changes [--tree DIRECTORY]`.

A call of a function in another file of the package than the call before it is a change of file; one that comes back to
a file that was left before is a return. Both are counted by `sys.setprofile`, in a process of its own that imports the
package of the tree that is named: the tree of another commit, from `git worktree add`, is the comparison. How long an
invocation takes is `report`'s. Invariant: the counts depend on the code and the batch alone, and not on the machine.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RECORDS: Final = 30
"""Of one invocation: some of each kind of change and of mail; the counts hardly grow with more."""


TABLES: Final = {"cities": "cities", "ses": "ses", "cloudwatch-logs": "cloudwatch"}
"""The bursts that are counted, by the names of the examples' directories whose configurations transform them."""


def event_of(name: str) -> bytes:
    """Return the event of a burst; log messages compressed, as they come."""
    from fastxform.tools.sample_data import burst  # an older tree, which the child imports from, has it elsewhere

    payloads = burst.records(TABLES[name], RECORDS, seed=5)
    return burst.event(burst.compressed(payloads) if name == "cloudwatch-logs" else payloads)


class Calls:
    """The files of the package whose functions are called while this is the profile function, one after the other."""

    def __init__(self, package: Path) -> None:
        self._package = f"{package}{os.sep}"
        self.order: list[str] = []
        """Without repetition of what is next to itself."""

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Take a call of a Python function; generated code is no file."""
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(self._package) and (not self.order or self.order[-1] != name):
            self.order.append(name)


def count(tree: Path, name: str) -> dict[str, int]:
    """Return the counts of the third invocation of a fresh handler, whose event is on standard input."""
    import fastxform

    package = Path(str(fastxform.__file__)).parent
    assert package == tree / "fastxform", f"{package} is imported, and not that of {tree}"
    handler: Callable[..., Any] = fastxform.make_handler(
        fastxform.Pipeline.load(str(package / "examples" / name / f"{name}.toml"))
    )
    event = sys.stdin.buffer.read()
    for _ in range(2):
        handler(event, None)
    calls = Calls(package)
    sys.setprofile(calls)
    handler(event, None)
    sys.setprofile(None)
    files, changes = len(set(calls.order)), len(calls.order) - 1
    return {"files": files, "changes": changes, "returns": changes - files + 1}


def measure(tree: Path, name: str) -> dict[str, int]:
    """Return the counts of an example in a process that imports the package of a tree."""
    command = [sys.executable, __file__, "--count", name, "--tree", str(tree)]
    environment = {**os.environ, "PYTHONPATH": str(tree), "POWERTOOLS_METRICS_DISABLED": "false"}
    environment["POWERTOOLS_LOG_LEVEL"] = "INFO"  # as in Lambda
    done = subprocess.run(command, env=environment, input=event_of(name), capture_output=True, check=True)
    found: dict[str, int] = json.loads(done.stderr.splitlines()[-1])
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each example."""
    parser = argparse.ArgumentParser(description="Count the files that one warm invocation visits and comes back to.")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout whose package is counted; this one")
    parser.add_argument("--count", choices=TABLES, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    tree = options.tree.resolve()
    if options.count:
        print(json.dumps(count(tree, options.count)), file=sys.stderr)
        return
    print(f"{'example':<18}{'files':>7}{'changes':>9}{'returns':>9}")
    for name in TABLES:
        found = measure(tree, name)
        print(f"{name:<18}{found['files']:>7}{found['changes']:>9}{found['returns']:>9}")


if __name__ == "__main__":
    main()
