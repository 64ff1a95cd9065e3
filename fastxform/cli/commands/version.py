"""`fastxform version`: what is installed, down to the codecs and the instruction set that base64 runs on."""

import argparse
import platform
from importlib import import_module, metadata
from typing import Final

from fastxform.cli.console import Console
from fastxform.settings import kernel_is_wanted

HELP: Final = "versions of fastxform and of every codec under it"

EXAMPLES: Final = (("fastxform version --json", "for a report, or a script"),)

_PACKAGES: Final = ("pyarrow", "orjson", "pybase64", "msgspec", "jmespath", "zlib-ng", "zstandard", "boto3")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the versions."""
    versions = {"fastxform": _version("fastxform"), "python": platform.python_version(), "machine": platform.machine()}
    versions |= {name: _version(name) for name in _PACKAGES}
    versions["base64"] = _base64_path()
    versions["kernel"] = _kernel()
    if options.json:
        console.json(versions)
        return 0
    for name, version in versions.items():
        console.line(f"{name:<10} {version or 'not installed'}")
    return 0


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _kernel() -> str:
    """Return what the native kernel runs on, or why it does not."""
    from fastxform.core import native  # with Arrow, which the help does without

    return (native.simd() or "not there") if kernel_is_wanted() else "off"


def _base64_path() -> str | None:
    """Return pybase64's own words: C extension or not, and which SIMD path it chose on this machine."""
    if _version("pybase64") is None:
        return None
    # Asked by name: the one importer of the codec is the engine, which has no use for its version.
    version: str = import_module("pybase64").get_version()
    return version
