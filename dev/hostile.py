"""`python -m dev.hostile [NAME...]`: what a single hostile record costs, as the table of docs/security.md.

Each record of `tests/support/hostile_records.py` is transformed once, in a process of its own whose address space is
bounded. Invariant: what is measured is the record alone, above an empty invocation of its transform.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
ADDRESS_SPACE_BYTES: Final = 2 << 30

CHILD: Final = """
import resource, sys, time, json
sys.path.insert(0, sys.argv[2])
resource.setrlimit(resource.RLIMIT_AS, (%d, %d))
from hostile_records import RECORDS
from fastxform import Pipeline
(record,) = [record for record in RECORDS if record.name == sys.argv[1]]
payload = record.make()
pipeline = Pipeline.from_toml(record.config)
for warm in (b"{}", b"\\x1f\\x8bno", b"\\x28\\xb5\\x2f\\xfdno", b"no"):
    pipeline.run([warm])

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def resident():
    with open("/proc/self/statm") as lines:
        return int(lines.read().split()[1]) * 4096

with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before, start = resident(), time.process_time()
batch = pipeline.run([payload])
cpu = time.process_time() - start
print(json.dumps({"bytes": len(payload), "cpu_s": cpu, "memory": max(0, peak() - before),
    "reason": batch.reason[0] or batch.result[0]}))
"""


def measure(name: str, timeout_s: float = 60) -> dict[str, Any]:
    """Return the bytes of a record, the seconds and the memory that it takes, and what becomes of it."""
    code = CHILD % (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES)
    command = [sys.executable, "-c", code, name, str(ROOT / "tests" / "support")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return {"bytes": 0, "cpu_s": timeout_s, "memory": 0, "reason": "no end"}
    if done.returncode:
        return {"bytes": 0, "cpu_s": 0.0, "memory": 0, "reason": (done.stderr.splitlines() or ["killed"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def names() -> list[str]:
    """Return the names of all records."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    from hostile_records import RECORDS  # type: ignore[import-not-found]

    return [record.name for record in RECORDS]


def main() -> None:
    """Print the rows of the table."""
    print("| record | KB | what becomes of it | CPU ms | MB |\n|---|--:|---|--:|--:|")
    for name in sys.argv[1:] or names():
        found = measure(name)
        cost = f"{found['cpu_s'] * 1e3:,.0f} | {found['memory'] / 1e6:,.0f}"
        print(f"| {name} | {found['bytes'] / 1e3:,.1f} | `{found['reason']}` | {cost} |", flush=True)


if __name__ == "__main__":
    main()
