"""Builds the native kernel: hatchling's hook for wheels, and `python kernel/build_hook.py` for this tree.

`FASTXFORM_KERNEL=0` builds a package without it, `=1` fails where it cannot be built; else a package without it says so
in one line. `FASTXFORM_KERNEL_TARGET=x86_64` or `aarch64` builds for that machine by the pinned Zig compiler, the same
bytes everywhere. Invariant: what is built needs a C compiler, and no headers beside C's own.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent.parent
SOURCE = "kernel/module.c"
EXTENSION = "fastxform/core/_kernel.abi3.so"
MACHINES = ("x86_64", "aarch64")
GLIBC = "2.17"
"""The oldest C library that a wheel or a layer runs on: manylinux2014's."""

ZIG = "ziglang==0.17.1"
ZIG_HASHES = (
    "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",  # x86_64
    "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",  # aarch64
)
# Vectors made of the offsets that the first pass writes would cost a tenth of it.
FLAGS = (
    "-O3",
    "-std=gnu11",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-tree-slp-vectorize",
    "-s",
    "-Wall",
    "-Wextra",
    "-Wl,--build-id=none",
)


class KernelError(Exception):
    """The kernel cannot be built; the message says why in one line."""


class KernelHook(BuildHookInterface[Any]):
    """Puts the extension into a wheel; an editable install has it in its tree."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, or say in one line why not."""
        target = os.environ.get("FASTXFORM_KERNEL_TARGET")
        is_wanted = _wanted(target)
        if not is_wanted:
            return
        if version == "editable":
            if build_in_tree():
                build_data["pure_python"] = False
                build_data["tag"] = f"cp311-abi3-linux_{platform.machine()}"
            return
        self._folder = tempfile.TemporaryDirectory(prefix="fastxform-kernel-")
        built = Path(self._folder.name, "_kernel.abi3.so")
        try:
            compile_kernel(built, target)
        except KernelError as error:
            _say_pure(error)
            return
        build_data["pure_python"] = False
        build_data["force_include"][str(built)] = EXTENSION
        glibc = GLIBC.replace(".", "_")
        build_data["tag"] = (
            f"cp311-abi3-manylinux_{glibc}_{target}" if target else f"cp311-abi3-linux_{platform.machine()}"
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built once the wheel holds it."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def build_in_tree() -> bool:
    """Build the extension of this tree for this machine; tell whether it is there."""
    try:
        with tempfile.TemporaryDirectory(prefix="fastxform-kernel-") as folder:
            built = Path(folder, "_kernel.abi3.so")
            compile_kernel(built, None)
            # Moved into place at once: a process that has the old one keeps it.
            partial = ROOT / f"{EXTENSION}.part"
            shutil.copyfile(built, partial)
            partial.replace(ROOT / EXTENSION)
    except KernelError as error:
        (ROOT / EXTENSION).unlink(missing_ok=True)
        _say_pure(error)
        return False
    return True


def compile_kernel(out: Path, target: str | None) -> None:
    """Compile the extension: for a machine by Zig, for this one by its own compiler, or else by Zig.

    Raises:
        KernelError: it cannot be.
    """
    machine = target or platform.machine()
    if machine not in MACHINES or (target is None and sys.platform != "linux"):
        raise KernelError(f"there is no kernel for {sys.platform} on {machine}")
    own = (
        None if target else next(filter(None, map(shutil.which, (os.environ.get("CC") or "cc", "gcc", "clang"))), None)
    )
    command = [own] if own else [*zig(), "cc", "-target", f"{machine}-linux-gnu.{GLIBC}"]
    cache = ROOT / ".cache" / "zig"
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache), "SOURCE_DATE_EPOCH": "0"}
    sources = f"-DFASTXFORM_SOURCES={checksum(ROOT / 'kernel')}u"
    done = _run([*command, *FLAGS, sources, SOURCE, "-o", str(out)], os.environ | environment)
    if done.returncode or not out.is_file():
        raise KernelError(f"{command[0]} cannot compile it: {_last_line(done.stderr)}")


def checksum(folder: Path) -> int:
    """Return the checksum of the C files of a directory, as `fastxform.core.native` makes it too."""
    total = 0
    for path in sorted(folder.glob("*.[ch]")):
        total = zlib.crc32(path.read_bytes(), total)
    return total


def zig() -> list[str]:
    """Return the command of the pinned Zig compiler, fetched by pip where it is not there.

    Raises:
        KernelError: it cannot be had.
    """
    folder = ROOT / ".cache" / ZIG
    command = [str(folder / "ziglang" / "zig")]
    if Path(command[0]).is_file():
        return command
    with tempfile.TemporaryDirectory(prefix="fastxform-zig-") as temporary:
        requirement = Path(temporary, "zig.txt")
        requirement.write_text(" ".join([ZIG, *(f"--hash=sha256:{sha256}" for sha256 in ZIG_HASHES)]) + "\n")
        options = [
            "-qq",
            "--disable-pip-version-check",
            "--no-input",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ]
        partial = folder.with_name(f"{ZIG}.part{os.getpid()}")
        done = _run(
            [sys.executable, "-m", "pip", "install", *options, "--target", str(partial), "-r", str(requirement)]
        )
        if done.returncode:
            shutil.rmtree(partial, ignore_errors=True)
            raise KernelError(f"no C compiler, and {ZIG} cannot be had: {_last_line(done.stderr)}")
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    return command


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise KernelError(f"{command[0]}: {error.strerror}") from error


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def _wanted(target: str | None) -> bool:
    choice = os.environ.get("FASTXFORM_KERNEL", "")
    if choice not in ("", "0", "1"):
        raise RuntimeError(f"FASTXFORM_KERNEL is neither 1 nor 0: {choice}")
    if target is not None and target not in MACHINES:
        raise RuntimeError(f"FASTXFORM_KERNEL_TARGET is none of {', '.join(MACHINES)}: {target}")
    return choice != "0"


def _say_pure(error: KernelError) -> None:
    if os.environ.get("FASTXFORM_KERNEL") == "1":
        raise RuntimeError(f"the native kernel cannot be built: {error}") from error
    print(f"fastxform: without its native kernel, slower: {error}", file=sys.stderr)


if __name__ == "__main__":
    if _wanted(None):
        build_in_tree()
    else:
        (ROOT / EXTENSION).unlink(missing_ok=True)
