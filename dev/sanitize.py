"""`./build.sh test --sanitize [ARGUMENT OF PYTEST...]`: the tests with a kernel under ASAN and UBSAN of GCC.

Every block of Python's and of Arrow's is one of its own of the C library's then, so that a byte read past a text, a
payload or a column is seen; the sanitizer ends the process there. Processes that tests start have this kernel, too.
Before the tests the differential test is run by itself, and what its kernel did not free is listed. Invariant: the
kernel of the tree stays as it is.
"""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / ".cache" / "sanitized"
FLAGS: Final = ("-g", "-O1", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-omit-frame-pointer")
CHECKS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_OPTIONS: Final = "abort_on_error=1:allocator_may_return_null=1"
LEAKS: Final = {"ASAN_OPTIONS": f"detect_leaks=1:{_OPTIONS}"}
DIFFERENTIAL: Final = "tests/support/differential.py"
SOURCE: Final = "kernel/module.c"
SITE: Final = '''\
"""Has the kernel beside this file imported in the place of the package's own."""
import sys, _frozen_importlib_external as external

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "fastxform.core._kernel":
            return external.spec_from_file_location(name, {file!r})

sys.meta_path.insert(0, Finder)
'''
"""What Python runs when it starts; `importlib.util` would be one more module in tests of what a start imports."""


class MissingError(Exception):
    """Something cannot be had here; the message says what in one line."""


def main() -> int:
    """Run the tests; 1 where the sanitizers find something, else the exit code of pytest; 0 without a compiler."""
    try:
        environment = prepared()
    except MissingError as missing:
        print(f"sanitize: not executed: {missing}", file=sys.stderr)
        return 0
    if run([DIFFERENTIAL, "--rounds", "2"], environment | LEAKS):
        return 1
    return run(["-m", "pytest", *sys.argv[1:]], environment)


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run Python in an environment beside that of this process; its exit code."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, check=False).returncode


def prepared(folder: Path = FOLDER, source: str | Path = SOURCE) -> dict[str, str]:
    """Return the environment of a Python with a kernel under the sanitizers, which is built into a folder.

    Raises:
        MissingError: there is no GCC with them here.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise MissingError("there is no gcc (on Debian: apt-get install gcc)")
    runtime = _output([compiler, "-print-file-name=libasan.so"])
    if not Path(runtime).is_absolute():
        raise MissingError("this gcc has no AddressSanitizer (on Debian: apt-get install libgcc-12-dev)")
    folder.mkdir(parents=True, exist_ok=True)
    built = folder / "_kernel.abi3.so"
    checksum = runpy.run_path(str(ROOT / "kernel" / "build_hook.py"))["checksum"](ROOT / "kernel")
    options = [*FLAGS, *CHECKS, f"-DFASTXFORM_SOURCES={checksum}u"]
    subprocess.run([compiler, *options, str(source), "-o", str(built)], cwd=ROOT, check=True)
    (folder / "sitecustomize.py").write_text(SITE.format(file=str(built)))
    return {
        # What is preloaded is what the sanitizer replaces: the allocator of all libraries of the process.
        "LD_PRELOAD": runtime,
        "PYTHONPATH": str(folder),
        "PYTHONMALLOC": "malloc",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        # Compilers that tests call end with blocks that nothing refers to.
        "ASAN_OPTIONS": f"detect_leaks=0:{_OPTIONS}",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
