"""`python -m dev.lock [--upgrade]`: resolves every extra and dependency group together into requirements.lock.

Beside it, requirements-lowest.lock holds the oldest version that pyproject.toml allows of each library that the
package, its handler and its command depend on: what `./build.sh lowest` tests with.

uv resolves them for every Python from 3.11 on and every platform; the lock holds one version of a package for all
environments, with the hashes of its files and no name of an index. Versions that still fit stay unless `--upgrade` is
given. The locks of the layers are `python -m deploy.layer.lock`.
"""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = "requirements.lock"
LOWEST_LOCK: Final = "requirements-lowest.lock"
_LOWEST_EXTRAS: Final = ("aws", "cli", "runtime")


def command(arguments: list[str]) -> list[str]:
    """Return the call of uv that writes the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [option for name in project["dependency-groups"] for option in ("--group", name)]
    return _compile(LOCK, ["--universal", "--all-extras", *groups, *arguments])


def lowest_command() -> list[str]:
    """Return the call of uv that writes the lock of oldest versions, for the Python of the tests."""
    extras = [f"--extra={name}" for name in _LOWEST_EXTRAS]
    return _compile(LOWEST_LOCK, ["--resolution=lowest-direct", *extras, "--group=lowest"])


def _compile(lock: str, arguments: list[str]) -> list[str]:
    options = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--python-version=3.11"]
    # The file names this command instead of uv's own, which would repeat every option.
    options += ["--custom-compile-command=./build.sh lock", f"--output-file={lock}", "--quiet"]
    uv = str(Path(sys.executable).with_name("uv"))
    return [uv, "pip", "compile", "pyproject.toml", *options, *arguments]


if __name__ == "__main__":
    for call in (command(sys.argv[1:]), lowest_command()):
        if code := subprocess.run(call, cwd=ROOT, check=False).returncode:
            sys.exit(code)
