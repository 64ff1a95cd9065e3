"""`python -m deploy.layer.lock`: pins the wheels of every layer, from the dependencies of `pyproject.toml`.

pip resolves them for each version of Python and architecture, in the versions of requirements.lock; only metadata is
fetched. Invariant: what is written are exact versions with the hash of one wheel each, the same for the same index.
"""

import json
import tomllib
from typing import Final

from deploy.layer import LayerError
from deploy.layer.target import ARCHITECTURES, PYTHONS, ROOT, Target
from deploy.layer.wheels import lock_path, pip, platform_options

HEAD: Final = "# The wheels of one layer, written by python -m deploy.layer.lock from pyproject.toml.\n"


def dependencies() -> list[str]:
    """Return what the package depends on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


def resolved(target: Target) -> str:
    """Return the lock of a target.

    Raises:
        LayerError: pip cannot resolve it.
    """
    options = ["--dry-run", "--ignore-installed", "--report=-", f"--target={ROOT / '.cache' / 'nowhere'}"]
    options += ["--constraint", str(ROOT / "requirements.lock")]
    done = pip("install", *platform_options(target), *options, *dependencies())
    if done.returncode:
        raise LayerError(f"{target.name}: pip finds no wheels (its message is above)")
    lines = []
    for item in json.loads(done.stdout)["install"]:
        metadata, archive = item["metadata"], item["download_info"]["archive_info"]
        lines.append(f"{metadata['name'].lower()}=={metadata['version']} --hash=sha256:{archive['hashes']['sha256']}\n")
    return HEAD + "".join(sorted(lines))


def main() -> None:
    """Write every lock."""
    for python in PYTHONS:
        for arch in ARCHITECTURES:
            target = Target(python, arch)
            lock_path(target).write_text(resolved(target), encoding="utf-8")


if __name__ == "__main__":
    main()
