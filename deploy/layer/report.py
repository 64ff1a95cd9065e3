"""What a build prints: sizes by package, what pruning saved and why, and what was checked.

Nothing is measured or decided here. Invariant: every number is one that the build counted.
"""

from collections.abc import Sequence

from deploy.layer.build import Built
from deploy.layer.checks import MIB
from deploy.layer.target import Target


def text(built: Built, target: Target) -> str:
    """Return the report."""
    facts = [
        f"bytecode   {_compiled(built, target)}",
        f"libraries  {built.libraries} shared libraries: every library they need is there",
        f"imports    {built.imports}",
        f"sha256     {built.sha256}",
    ]
    head = f"{built.path.name}, Python {target.python}, {target.arch}; sizes in MiB"
    return "\n".join([head, "", *_packages(built), "", *_savings(built), "", *facts, ""])


def _packages(built: Built) -> list[str]:
    weights = [(one.wheel_bytes, one.unzipped_bytes, one.zipped_bytes) for one in built.packages]
    rows: list[Sequence[str]] = [("package", "version", "wheel", "unzipped", "zipped")]
    for package, sizes in zip(built.packages, weights, strict=True):
        rows.append((package.name, package.version, *map(_mib, sizes)))
    rows.append(("total", "", *(_mib(sum(sizes)) for sizes in zip(*weights, strict=True))))
    return _aligned(rows, "<<>>>")


def _savings(built: Built) -> list[str]:
    rows = [("MiB saved", "pruned", "because")]
    rows += [(_mib(saving.size_bytes), saving.rule.pattern, saving.rule.reason) for saving in built.savings]
    rows.append((_mib(built.stripped_bytes), "(stripped)", "symbol tables and comments, which nothing loads"))
    return _aligned(rows, "><<")


def _compiled(built: Built, target: Target) -> str:
    if built.interpreter is None:
        return f"none: no Python {target.python} on this machine; a cold start compiles the sources, twice as long"
    return f"{_mib(built.bytecode_bytes)} MiB, by {built.interpreter}"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.2f}"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, sides, widths, strict=True)
        lines.append("  ".join(f"{cell:{side}{width}}" for cell, side, width in cells).rstrip())
    return lines
