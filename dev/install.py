"""`python -m dev.install GROUP DIRECTORY [--lock FILE]`: a dependency group into an environment.

pip takes every version from the lock, requirements.lock unless another is named, and refuses a file whose hash is not
in it. With `--package` the package comes too, editable, built by what the group brings and not by what an index
offers; with `--target` the directory is one of modules instead of an environment.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = "requirements.lock"


def commands(
    group: str, directory: str, package: bool = False, target: bool = False, extras: Sequence[str] = ()
) -> list[list[str]]:
    """Return the calls of pip, in their order."""
    where = [] if target else ["--python", f"{directory}/bin/python"]
    pip = [sys.executable, "-m", "pip", *where, "install", "-qq", "--disable-pip-version-check", "--no-input"]
    location = ["--target", directory] if target else []
    # A file of constraints with hashes is what makes pip ask for the hash of everything.
    calls = [[*pip, *location, "--group", group, *(dependencies(extras) if package else ())]]
    if package:
        calls.append([*pip, "--no-deps", "--no-build-isolation", "--editable", "."])
    return calls


def dependencies(extras: Sequence[str] = ()) -> list[str]:
    """Return what the package depends on, with some of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(name for extra in extras for name in project["optional-dependencies"][extra])]


def main(arguments: list[str]) -> int:
    """Install, and return pip's exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.install", allow_abbrev=False)
    parser.add_argument("group")
    parser.add_argument("directory")
    parser.add_argument("--package", action="store_true")
    parser.add_argument("--target", action="store_true")
    parser.add_argument("--extras", default="", help="of the package, with commas between")
    parser.add_argument("--lock", default=LOCK)
    options = parser.parse_args(arguments)
    print(f"installing the group {options.group} of {options.lock} into {options.directory}", file=sys.stderr)
    extras = tuple(filter(None, options.extras.split(",")))
    first, *rest = commands(options.group, options.directory, options.package, options.target, extras)
    code = subprocess.run(first, cwd=ROOT, env=os.environ | {"PIP_CONSTRAINT": options.lock}, check=False).returncode
    for command in rest:
        code = code or subprocess.run(command, cwd=ROOT, check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
