"""`python -m dev.hostile [NAME...]`: what hostile records cost, as the table of docs/security.md.

Each record of `tests/support/hostile_records.py` is transformed once, in a process of its own whose address space is
bounded (`tests/support/measured.py`). Invariant: the table has a row for each record, in their order.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
ADDRESS_SPACE_MB: Final = 2_000


def measured(
    names: list[str], address_space_mb: int = ADDRESS_SPACE_MB, **environment: str
) -> Iterator[dict[str, Any]]:
    """Yield what each record costs that is named, by default all: bytes, CPU seconds, bytes of memory, outcomes.

    `batches` stands for all batches of several records.
    """
    support = ROOT / "tests" / "support"
    command = [sys.executable, str(support / "measured.py"), str(address_space_mb), *names]
    known = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(support)])} | environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=known) as process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def row(found: dict[str, Any]) -> str:
    """Return the row of a record."""
    if "error" in found:
        return f"| {found['name']} | {found['bytes'] / 1e3:,.1f} | {found['error']} | | | |"
    outcomes = ", ".join(f"`{outcome}`" for outcome in found["outcomes"])
    times = f"{found['times']:.1f}" if "times" in found else ""
    cost = f"{found['cpu_s'] * 1e3:,.0f} | {found['memory'] / 1e6:,.0f} | {times}"
    return f"| {found['name']} | {found['bytes'] / 1e3:,.1f} | {outcomes} | {cost} |"


def main() -> None:
    """Print the rows of the table."""
    print("| record | KB | what becomes of it | CPU ms | MB | times good order |\n|---|--:|---|--:|--:|--:|")
    for found in measured(sys.argv[1:]):
        print(row(found), flush=True)
    if not sys.argv[1:]:
        for found in measured(["batches"]):
            print(row(found), flush=True)


if __name__ == "__main__":
    main()
