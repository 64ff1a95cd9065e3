"""A layer as the tests use it: built by the command that ships it, unpacked, once for the same inputs.

It lies under `.cache` by a digest of all that goes into it, so that a change of the package, the locks or the build
makes another. Invariant: what a test runs on came out of the zip.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import time
import zipfile
from functools import cache
from pathlib import Path

from deploy.layer.target import ARCHITECTURES, ROOT, Target

STORE = ROOT / ".cache" / "layer" / "tests"
KEPT = 4
KEPT_SECONDS = 3_600
"""What is older, and not of the newest, goes: another run of the tests may be using one."""


def here(python: str) -> Target:
    """Return the target of this machine's architecture."""
    names = {machine: name for name, machine in ARCHITECTURES.items()}
    return Target(python, names[platform.machine()])


def inputs_digest() -> str:
    """Return the digest of all that goes into a layer, beside the interpreter."""
    paths = [ROOT / "pyproject.toml", ROOT / "LICENSE", ROOT / "README.md"]
    for folder in ("fastxform", "deploy/layer"):
        paths += (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def built(target: Target) -> Path:
    """Return the directory with the zip, its hash and bill, what the build printed, and `opt` as Lambda mounts it."""
    STORE.mkdir(parents=True, exist_ok=True)
    with (STORE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = STORE / f"{target.name}-{inputs_digest()}"
        if not place.exists():
            _build(target, place)
        os.utime(place)
        old = sorted((path for path in STORE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
        for path in old[:-KEPT]:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(path)
    return place


def _build(target: Target, place: Path) -> None:
    draft = place.with_name(place.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    command = [
        ROOT / ".venv" / "bin" / "python",
        "-m",
        "deploy.layer",
        "--python",
        target.python,
        "--arch",
        target.arch,
    ]
    done = subprocess.run([*command, "--out", draft], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (draft / "report.txt").write_text(done.stdout)
    (archive,) = draft.glob("*.zip")
    with zipfile.ZipFile(archive) as layer:
        layer.extractall(draft / "opt")
    draft.rename(place)


def mounted(python: str) -> Path:
    """Return the `/opt/python` of a layer for this machine."""
    return built(here(python)) / "opt" / "python"
