"""Build hook: the source distribution holds what git tracks and nothing else.

Hatchling leaves out what git ignores and takes every other file that lies in the tree, so notes and outputs would be
published. In an unpacked source distribution, where there is no git, every file belongs to it.
"""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TrackedFiles(BuildHookInterface[Any]):
    """Names the tracked files to hatchling, whose own walk is told to find nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files.

        Raises:
            RuntimeError: git does not answer in a checkout.
        """
        for name in files(Path(self.root)):
            build_data["force_include"][str(Path(self.root, name))] = name


def files(root: Path) -> list[str]:
    """Return the files of the distribution, relative to the root."""
    if not (root / ".git").exists():
        return sorted(
            str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "PKG-INFO"
        )
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git ls-files: {done.stderr.strip()}")
    return [name for name in done.stdout.split("\0") if name and (root / name).exists()]
