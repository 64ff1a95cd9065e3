"""The whole package on arm64, under qemu's user emulation: `python -m dev.arm64`.

An arm64 Python of Debian's, the aarch64 wheels of what the package depends on, and the kernel as the layers have it,
built by Zig, answer the records of the differential test; the answers have to be those of this machine. Where a part
cannot be had, one line says "not executed" and why. Invariant: nothing is installed on this machine: all of it lies
under `.cache`.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
OUTPUTS: Final = "tests/support/kernel_outputs.py"
WHEELS: Final = ("jmespath", "msgspec", "orjson", "pyarrow", "pybase64", "zlib-ng")
DEBIAN: Final = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libexpat1", "zlib1g", "libssl3"),
    *("libstdc++6", "libgcc-s1", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1"),
)
PLATFORMS: Final = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_APT: Final = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "root";
Dir::State "{folder}/state";
Dir::Cache "{folder}/cache";
Dir::State::status "{folder}/state/status";
"""


class MissingError(Exception):
    """Something cannot be had here; the message says what in one line."""


def main() -> int:
    """Compare; 1 where an answer differs."""
    try:
        folder = prepared()
        python = [_tool("qemu-aarch64-static"), "-L", str(folder / "root"), str(_python(folder))]
    except MissingError as missing:
        print(f"arm64: not executed: {missing}", file=sys.stderr)
        return 0
    try:
        found = outputs(python, folder)
    except MissingError as error:
        print(f"arm64: it does not answer: {error}", file=sys.stderr)
        return 1
    expected = outputs([sys.executable], None)
    differing = [one for one, other in zip(expected, found, strict=True) if one != other]
    for line in differing:
        print(f"arm64: another answer: {line}", file=sys.stderr)
    if not differing:
        print(f"arm64: the same answers as this machine to {len(expected)} cases", file=sys.stderr)
    return 1 if differing else 0


def outputs(python: Sequence[str], folder: Path | None) -> list[str]:
    """Return the lines that an interpreter prints: of the tree in a folder, or of this one."""
    root = ROOT if folder is None else folder / "tree"
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if folder is not None:
        environment["PYTHONPATH"] = str(folder / "site")
    return _run([*python, str(root / OUTPUTS)], environment | {"PYTHONDONTWRITEBYTECODE": "1"}).splitlines()


def prepared() -> Path:
    """Return the folder with the interpreter, its packages and this tree with a kernel for arm64.

    Raises:
        MissingError: it cannot be made here.
    """
    wheels = _locked(WHEELS)
    digest = hashlib.sha256(f"{wheels}{DEBIAN}".encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"arm64-{digest}"
    if not folder.is_dir():
        _tool("apt-get")
        partial = folder.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        _fetch_debian(partial)
        _fetch_wheels(partial, wheels)
        partial.replace(folder)
    _copy_tree(folder / "tree")
    return folder


def _copy_tree(tree: Path) -> None:
    sys.path.insert(0, str(ROOT / "kernel"))
    from build_hook import EXTENSION, KernelError, compile_kernel  # type: ignore[import-not-found]

    shutil.rmtree(tree, ignore_errors=True)
    for name in ("fastxform", "tests/support"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    try:
        compile_kernel(tree / EXTENSION, "aarch64")
    except KernelError as error:
        raise MissingError(str(error)) from error


def _fetch_debian(folder: Path) -> None:
    """Download Debian's packages by an apt of its own, and unpack them without installing any."""
    for name in ("state/lists/partial", "cache/archives/partial", "root", "debian"):
        (folder / name).mkdir(parents=True)
    (folder / "state/status").touch()
    configuration = folder / "apt.conf"
    configuration.write_text(_APT.format(folder=folder))
    environment = os.environ | {"APT_CONFIG": str(configuration)}
    _run(["apt-get", "-qq", "update"], environment)
    _run(["apt-get", "-qq", "download", *DEBIAN], environment, folder / "debian")
    for package in sorted((folder / "debian").glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(folder / "root")], environment)


def _fetch_wheels(folder: Path, requirements: str) -> None:
    (folder / "wheels.txt").write_text(requirements)
    options = ["-qq", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    options += [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "install", *options, "--python-version=3.11", "--implementation=cp"]
    _run([*command, "--target", str(folder / "site"), "-r", str(folder / "wheels.txt")], os.environ)


def _locked(names: Sequence[str]) -> str:
    """Return what the lock says of some packages, with their hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = []
    for name in names:
        match = re.search(rf"^{re.escape(name)}==.*?(?<!\\)$", text, re.MULTILINE | re.DOTALL)
        if match is None:
            raise MissingError(f"{name} is not in requirements.lock")
        found.append(match[0])
    return "\n".join(found) + "\n"


def _python(folder: Path) -> Path:
    return folder / "root/usr/bin/python3.11"


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"there is no {name}")
    return found


def _run(command: Sequence[str], environment: Mapping[str, str], directory: Path = ROOT) -> str:
    done = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise MissingError(f"{Path(command[0]).name}: {lines[-1]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
