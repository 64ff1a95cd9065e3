"""What one hostile record costs has a ceiling: processor time, and memory in a process that may take no more.

The list and its measurement are `tests/support/hostile_records.py` and `measured.py`; the table in `docs/security.md`
is made by `python -m dev.hostile`. The limits are 2 s and 256 MB, and ten times the cost of the same bytes in good
order; the ceiling of time here is twice that, since other processes share the machine.
"""

import re
from pathlib import Path

import hostile_records
import pytest

from dev import hostile
from fastxform.errors import DROPPED, OK, REASONS

pytestmark = pytest.mark.processes

CPU_CEILING_S = 4.0
MEMORY_CEILING_BYTES = 256_000_000
TIMES_CEILING = 20
ADDRESS_SPACE_MB = 700
"""Arrow's allocator and the threads of its pool ask for more address space than they use."""


def broken(found, cpu_s=CPU_CEILING_S, memory=MEMORY_CEILING_BYTES):
    """Return what a measured record broke."""
    if "error" in found:
        return found["error"]
    outcomes = {outcome.partition(":")[0] for outcome in found["outcomes"]}
    if not outcomes <= {OK, DROPPED, *REASONS.keys() - {"internal"}}:
        return f"became {outcomes}"
    if found["cpu_s"] > cpu_s or found["memory"] > memory:
        return f"took {found['cpu_s']:.1f} s and {found['memory'] / 1e6:.0f} MB"
    if found.get("times", 0) > TIMES_CEILING:
        return f"took {found['times']:.0f} times as long as the same bytes in good order"
    return None


def test_a_record_has_a_ceiling():
    """Of time and memory, whatever it holds: none is unknown, and none ends the process.

    What stands beside good order is for the engine, since the kernel takes good order at a fraction of the time.
    40 s of processor time: each record is to cost much, and is made in gzip first.
    """
    found = list(hostile.measured([], ADDRESS_SPACE_MB))
    assert [each["name"] for each in found] == [record.name for record in hostile_records.RECORDS]
    assert {each["name"]: why for each in found if (why := broken(each | {"times": 0}))} == {}
    assert max(each["bytes"] for each in found) <= 1_100_000


def test_a_record_has_a_ceiling_without_the_kernel():
    """Those that have a good order beside them, and some of the others: most are the engine's in any case."""
    others = [record.name for record in hostile_records.RECORDS if record.good is None and "gzip" not in record.name]
    quick = [name for name in others[::6] if "of brackets" not in name]  # 5 ms by the kernel
    brackets = [name for name in others if "of brackets" in name]
    names = [record.name for record in hostile_records.RECORDS if record.good is not None] + quick + brackets
    found = list(hostile.measured(names, ADDRESS_SPACE_MB, FASTXFORM_KERNEL="0"))
    assert {each["name"]: why for each in found if (why := broken(each))} == {}


@pytest.mark.parametrize(
    ("ceilings", "address_space_mb"),
    [({"cpu_s": 0.001}, 700), ({"memory": 1_000_000}, 700), ({}, 1)],
    ids=["time", "memory", "address space"],
)
def test_a_lower_ceiling_is_seen_to_be_broken(ceilings, address_space_mb):
    """Each of the three is one that fails."""
    (found,) = hostile.measured(["message of five million {} events"], address_space_mb)
    assert broken(found, **ceilings)


def test_a_batch_has_a_ceiling():
    """However many hostile records it holds: through the handler, at most 256 MB more than an empty invocation."""
    names = ["130 texts of 5 MB in zstd", "40 raw records of 150 KB for 30 columns"]
    for found in hostile.measured(names, ADDRESS_SPACE_MB):
        assert broken(found | {"cpu_s": 0.0, "outcomes": []}) is None, found


def test_the_table_is_complete():
    """`docs/security.md` has a row for each record, in their order, none of them over the limits."""
    page = (Path(__file__).parent.parent / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (.+?) \| [\d,.]+ \| `.*` \| ([\d,]+) \| ([\d,]+) \| ([\d.]*) ?\|$", page, re.MULTILINE)
    assert [row[0] for row in rows] == [r.name for r in [*hostile_records.RECORDS, *hostile_records.BATCHES]]
    single = rows[: len(hostile_records.RECORDS)]
    assert len(single) >= 60
    assert all(int(row[1].replace(",", "")) <= 2_000 for row in single)
    assert all(int(row[2].replace(",", "")) <= 256 for row in rows)
    assert all(float(row[3] or 0) <= 10 for row in rows)
