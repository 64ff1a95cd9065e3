"""The steps of a build, in their order; what each does is its module's.

Invariant: the zip, its hash and its bill of materials appear under their names only after the last check.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.layer import archive, bytecode, checks, elf, licences, prune, wheels
from deploy.layer.checks import Budget
from deploy.layer.prune import Rule, Saving
from deploy.layer.target import Target, interpreter, version


@dataclass(frozen=True, slots=True)
class Package:
    """What one package weighs, in bytes."""

    name: str
    version: str
    wheel_bytes: int
    unzipped_bytes: int
    zipped_bytes: int


@dataclass(frozen=True, slots=True)
class Built:
    """A layer that passed its checks."""

    path: Path
    sha256: str
    packages: tuple[Package, ...]
    savings: tuple[Saving, ...]
    stripped_bytes: int
    bytecode_bytes: int
    interpreter: str | None
    libraries: int
    imports: str


def build(
    target: Target,
    out: Path,
    *,
    lock: Path | None = None,
    rules: Sequence[Rule] | None = None,
    budget: Budget | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """Build a layer into a directory.

    Args:
        target: for what.
        out: where the zip, its `.sha256` and its `.sbom.json` go.
        lock: the wheels; the target's own by default.
        rules: what is left out; `prune.toml` by default.
        budget: how large it may be.
        say: gets a line for each step.

    Raises:
        LayerError: why there is none.
        OSError: the directory cannot be written.
    """
    lock = lock or wheels.lock_path(target)
    rules = prune.rules() if rules is None else rules
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fastxform-layer-") as folder:
        say("wheels")
        carried = [wheels.own(Path(folder, "wheel"), target), *wheels.locked(lock, target)]
        directory = Path(folder, archive.ROOT)
        owners = wheels.unpack(carried, directory)
        before = _sizes(directory, owners)
        licences.gather(directory, owners)
        savings = prune.prune(directory, rules)
        say("symbols")
        stripped_bytes = _strip(directory)
        python = interpreter(target.python)
        compiler = version(python) if python else None
        say("bytecode")
        bytecode_bytes = bytecode.compile_sources(directory, python) if python else 0
        say("libraries and imports")
        libraries = checks.libraries(directory, target)
        imported = checks.imports(directory, target, python)
        bill = licences.bill(target, carried, compiler)
        (directory / licences.DIRECTORY / "sbom.json").write_text(bill, encoding="utf-8")
        say("zip")
        draft = Path(folder, "layer.zip")
        zipped = archive.write(directory, draft)
        unzipped = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        checks.size(draft.stat().st_size, unzipped, budget or Budget())
        after = _sizes(directory, owners)
        compressed = _by_package(zipped, owners)
        path, sha256 = _publish(draft, out, f"fastxform-layer-{carried[0].version}-{target.name}", bill)
    packages = tuple(
        Package(wheel.name, wheel.version, before[wheel.name], after[wheel.name], compressed[wheel.name])
        for wheel in carried
    )
    return Built(path, sha256, packages, tuple(savings), stripped_bytes, bytecode_bytes, compiler, libraries, imported)


def _strip(directory: Path) -> int:
    """Strip every shared library; return the bytes saved."""
    saved = 0
    for path in checks.shared_libraries(directory):
        data = path.read_bytes()
        bare = elf.stripped(data)
        path.write_bytes(bare)
        saved += len(data) - len(bare)
    return saved


def _sizes(directory: Path, owners: dict[str, str]) -> Counter[str]:
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return _by_package({name: path.stat().st_size for name, path in files.items()}, owners)


def _by_package(sizes: dict[str, int], owners: dict[str, str]) -> Counter[str]:
    """Sum sizes by package; bytecode belongs to the package of its source, the bill of materials to the first."""
    first = next(iter(owners.values()))
    folders = {name.split("/")[0]: package for name, package in owners.items()}
    total: Counter[str] = Counter()
    for name, size in sizes.items():
        total[owners.get(name) or folders.get(name.split("/")[0], first)] += size
    return total


def _publish(draft: Path, out: Path, name: str, bill: str) -> tuple[Path, str]:
    """Copy the zip to its place, with its hash and its bill beside it."""
    sha256 = wheels.sha256_of(draft)
    path = out / f"{name}.zip"
    partial: list[tuple[Path, bytes]] = [
        (path, draft.read_bytes()),
        (out / f"{name}.zip.sha256", f"{sha256}  {name}.zip\n".encode()),
        (out / f"{name}.sbom.json", bill.encode()),
    ]
    for place, content in partial:
        unfinished = place.with_name(place.name + ".part")
        unfinished.write_bytes(content)
        unfinished.replace(place)
    return path, sha256
