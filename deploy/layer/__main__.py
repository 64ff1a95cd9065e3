"""`python -m deploy.layer`: builds one layer and prints what is in it.

Exit 0: it is there and passed its checks. 1: it is not, and one line says why. 2: wrong usage.
"""

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from deploy.layer import LayerError, report
from deploy.layer.build import build
from deploy.layer.target import ARCHITECTURES, PYTHONS, ROOT, target


class _Parser(argparse.ArgumentParser):
    """One line for wrong usage, as for everything else."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"layer: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the layer that the arguments name."""
    parser = _Parser(prog="./build.sh layer", description="Builds the Lambda layer.", allow_abbrev=False)
    parser.add_argument("--python", default="3.13", metavar="VERSION", help=f"of {', '.join(PYTHONS)} (default: 3.13)")
    parser.add_argument("--arch", default="x86_64", help=f"of {', '.join(ARCHITECTURES)} (default: x86_64)")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the zip goes (default: dist/)")
    given = parser.parse_args(arguments)
    try:
        wanted = target(given.python, given.arch)
    except LayerError as error:
        parser.error(str(error))
    if sys.platform != "linux":
        parser.error(f"layers are built on Linux, not on {platform.system()}")
    try:
        built = build(wanted, given.out, say=lambda step: print(f"layer: {step}", file=sys.stderr))
    except (LayerError, OSError) as error:
        print(f"layer: {error}", file=sys.stderr)
        return 1
    print(report.text(built, wanted))
    print(built.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
