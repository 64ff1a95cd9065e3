"""How the verbs say what became of records: reasons with their meaning, counts, sizes.

Only texts are made here. Invariant: they hold codes, names of the configuration and numbers, never a value of a
record.
"""

from collections.abc import Mapping

from fastxform.errors import REASONS


def explain(reason: str) -> str:
    """Return a reason with its meaning: `type:population: the value does not fit the type of the column`."""
    return f"{reason}: {REASONS.get(reason.partition(':')[0], 'unknown reason')}"


def counted(counts: Mapping[str, int]) -> str:
    """Return counts as `12 json, 3 utf8`, the most frequent first."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def amount(size_bytes: float) -> str:
    """Return a number of bytes for people: `5.6 MB`, decimal units."""
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} GB"
