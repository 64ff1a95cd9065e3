"""What a layer can be built for: versions of Python, architectures, and what the runtime of each brings.

How a layer is built is the other modules' business; `python -m deploy.layer.target 3.13` prints the interpreter of that
version, if there is one. Invariant: every name that depends on the target (wheel tags, ELF machine, suffix of an
extension, file name) is made here.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from deploy.layer import LayerError

ROOT: Final = Path(__file__).parents[2]

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""3.11 is for tests only: its managed runtime has glibc 2.26, and pyarrow's wheels need 2.28."""

ARCHITECTURES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
"""AWS's name and that of wheels and of Linux."""

ELF_MACHINES: Final = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}

GLIBC: Final = (2, 34)
"""The C library of Amazon Linux 2023, under the runtimes of Python 3.12 and later; a layer may need nothing newer.

Source: https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html (2026-11)
"""

MANYLINUX: Final = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
"""The tags of wheels that Amazon Linux 2023 takes, the newest first."""

RUNTIME_LIBRARIES: Final = frozenset(
    {
        "ld-linux-aarch64.so.1",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libdl.so.2",
        "libgcc_s.so.1",
        "libm.so.6",
        "libpthread.so.0",
        "librt.so.1",
        "libstdc++.so.6",
    }
)
"""Libraries of the runtime itself: those that every manylinux wheel may take for granted. Source: PEP 600."""


@dataclass(frozen=True, slots=True)
class Target:
    """One version of Python on one architecture."""

    python: str
    arch: str

    @property
    def name(self) -> str:
        """`py313-x86_64`, as in file names."""
        return f"py{self.python.replace('.', '')}-{self.arch}"

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform tags of its wheels."""
        return tuple(f"{tag}_{ARCHITECTURES[self.arch]}" for tag in MANYLINUX)

    @property
    def extension(self) -> str:
        """The suffix of its extension modules."""
        return f".cpython-{self.python.replace('.', '')}-{ARCHITECTURES[self.arch]}-linux-gnu.so"

    @property
    def runs_here(self) -> bool:
        """Whether this machine executes its code."""
        return sys.platform == "linux" and platform.machine() == ARCHITECTURES[self.arch]


def target(python: str, arch: str) -> Target:
    """Return the target of these names.

    Raises:
        LayerError: there is none; the line names the right ones.
    """
    return Target(_known("--python", python, PYTHONS), _known("--arch", arch, tuple(ARCHITECTURES)))


def _known(option: str, value: str, known: tuple[str, ...]) -> str:
    if value in known:
        return value
    near = get_close_matches(value, known, 1, 0.6)
    remedy = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}"
    raise LayerError(f"{option} {value!r}: a layer is not built for that; {remedy}")


def interpreter(python: str) -> Path | None:
    """Return an interpreter of this minor version, from this process, the PATH or pyenv; None where there is none."""
    for candidate in _candidates(python):
        asked = [str(candidate), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            # Run it: a name on the PATH may be the shim of a version that is not installed.
            found = subprocess.run(asked, capture_output=True, text=True, check=False)
        except OSError:
            continue
        if found.returncode == 0 and found.stdout.strip() == python:
            return candidate
    return None


def _candidates(python: str) -> Iterator[Path]:
    if python == "{}.{}".format(*sys.version_info[:2]):
        yield Path(sys.executable)
    on_path = shutil.which(f"python{python}")
    if on_path:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{python}.*/bin/python{python}"), reverse=True)


def version(python: Path) -> str:
    """Return the whole version of an interpreter: `CPython 3.13.0`."""
    script = "import platform; print(platform.python_implementation(), platform.python_version())"
    return subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(interpreter(sys.argv[1]) or "")
