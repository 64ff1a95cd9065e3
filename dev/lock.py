"""`python -m dev.lock [--upgrade]`: resolves every extra and dependency group together into requirements.lock.

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


def command(arguments: list[str]) -> list[str]:
    """Return the call of uv that writes the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [option for name in project["dependency-groups"] for option in ("--group", name)]
    options = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--python-version=3.11"]
    # The file names this command instead of uv's own, which would repeat every option.
    options += ["--custom-compile-command=./build.sh lock", f"--output-file={LOCK}", "--quiet"]
    uv = str(Path(sys.executable).with_name("uv"))
    return [uv, "pip", "compile", "pyproject.toml", "--all-extras", *groups, *options, *arguments]


if __name__ == "__main__":
    sys.exit(subprocess.run(command(sys.argv[1:]), cwd=ROOT, check=False).returncode)
