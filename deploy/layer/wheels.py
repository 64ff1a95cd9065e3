"""Wheels: those that a lock pins, fetched by pip and kept in `.cache`, and the one built of this tree.

What a lock pins is decided in `lock`, and what becomes of the files in the modules after this one. Invariant: a wheel
is unpacked only if its sha256 is the lock's, whether it was fetched now or lay there.
"""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path, PurePosixPath
from typing import Final

from deploy.layer import LayerError
from deploy.layer.target import ARCHITECTURES, ROOT, Target

CACHE: Final = ROOT / ".cache" / "layer" / "wheels"
LOCKS: Final = Path(__file__).parent / "locks"

_LINE: Final = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>\S+) --hash=sha256:(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that is what it should be."""

    path: Path
    name: str
    version: str
    sha256: str
    licence: str


def lock_path(target: Target) -> Path:
    """Return where the lock of a target lies."""
    return LOCKS / f"{target.name}.txt"


def pins(lock: Path) -> list[Pin]:
    """Read a lock: requirements of pip, one wheel and its hash a line.

    Raises:
        LayerError: it is not there, or a line is something else.
    """
    if not lock.is_file():
        raise LayerError(f"{lock}: no such lock; write it with python -m deploy.layer.lock")
    found = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise LayerError(f"{lock}:{number}: not a pinned wheel: name==version --hash=sha256:...")
        found.append(Pin(**match.groupdict()))
    return found


def locked(lock: Path, target: Target, cache: Path = CACHE) -> list[Wheel]:
    """Return the wheels of a lock, fetched where they are not in the cache.

    Raises:
        LayerError: the lock cannot be read, or no index gives a wheel with its hash.
    """
    wanted = pins(lock)
    directory = cache / target.name
    directory.mkdir(parents=True, exist_ok=True)
    found = _by_hash(directory)
    if any(pin.sha256 not in found for pin in wanted):
        _download(lock, target, directory)
        found = _by_hash(directory)
    for pin in wanted:
        if pin.sha256 not in found:
            raise LayerError(f"{lock}: {pin.name}=={pin.version}: no wheel of that hash; write the lock anew")
    return [_wheel(found[pin.sha256], pin.sha256) for pin in wanted]


def _by_hash(directory: Path) -> Mapping[str, Path]:
    return {sha256_of(path): path for path in directory.glob("*.whl")}


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def platform_options(target: Target) -> list[str]:
    """Return pip's options for wheels of a target, whatever runs pip."""
    platforms = [f"--platform={tag}" for tag in target.platforms]
    return ["--only-binary=:all:", "--implementation=cp", f"--python-version={target.python}", *platforms]


def pip(verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pip; what it says on stderr is passed on, without its warnings."""
    command = [sys.executable, "-m", "pip", verb, "-qq", "--disable-pip-version-check", "--no-input", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.stderr.write(done.stderr)
    return done


def _download(lock: Path, target: Target, directory: Path) -> None:
    options = ["--no-deps", "--require-hashes", "-d", str(directory), "-r", str(lock)]
    done = pip("download", *platform_options(target), *options)
    if done.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in done.stderr:
        raise LayerError(f"{lock}: a wheel is not the one that was pinned (pip's message is above): do not use it")
    raise LayerError(f"{lock}: the wheels could not be fetched (pip's message is above); is a package index reachable?")


def own(directory: Path, target: Target) -> Wheel:
    """Build the wheel of this tree into a directory, its kernel for the target by the pinned compiler.

    Raises:
        LayerError: the build failed.
    """
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    # The machine's own compiler would make another layer on every machine.
    kernel = {"FASTXFORM_KERNEL": "1", "FASTXFORM_KERNEL_TARGET": ARCHITECTURES[target.arch]}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | kernel,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise LayerError("the wheel of this tree could not be built (the builder's message is above)")
    (path,) = directory.glob("*.whl")
    return _wheel(path, sha256_of(path))


def _wheel(path: Path, sha256: str) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        (metadata,) = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        fields = message_from_string(archive.read(metadata).decode())
    licence = fields["License-Expression"] or fields["License"]
    if not licence or "\n" in licence:
        raise LayerError(f"{path.name}: its metadata names no licence; look at it before it is shipped")
    return Wheel(path, fields["Name"], fields["Version"], sha256, licence)


def unpack(wheels: Sequence[Wheel], directory: Path) -> dict[str, str]:
    """Unpack wheels into one directory; return which package each file is of, by its path there.

    Raises:
        LayerError: two packages bring the same file, or a wheel names a place outside.
    """
    owners: dict[str, str] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel.path) as archive:
            for name in archive.namelist():
                if name.endswith("/"):
                    continue
                if ".." in PurePosixPath(name).parts or name.startswith("/"):
                    raise LayerError(f"{wheel.path.name}: {name}: a file outside of the layer")
                if name in owners:
                    raise LayerError(f"{wheel.path.name}: {name}: {owners[name]} brings that file too")
                owners[name] = wheel.name
                archive.extract(name, directory)
    return owners
