"""The papers of what a layer carries: licence texts, the bills of materials of the wheels, and one of the layer.

Invariant: nothing is carried without the text of its licence, and the bill names each wheel with the hash that its lock
pins; it holds no date and no path, so that it is the same for the same layer.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy.layer import LayerError
from deploy.layer.target import Target
from deploy.layer.wheels import Wheel

DIRECTORY: Final = "fastxform_licenses"
_TEXTS: Final = ("LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "licenses/**/*", "sboms/**/*")


def gather(directory: Path, owners: dict[str, str]) -> None:
    """Move the licence texts and bills of every package from its metadata to `fastxform_licenses/PACKAGE/`.

    Raises:
        LayerError: a package has no licence text.
    """
    for info in sorted(directory.glob("*.dist-info")):
        package = owners[f"{info.name}/METADATA"]
        moved = {path for pattern in _TEXTS for path in info.glob(pattern) if path.is_file()}
        if not any("sboms" not in path.parts for path in moved):
            raise LayerError(f"{package}: its wheel has no licence text; add one before it is shipped")
        for path in sorted(moved):
            old = path.relative_to(directory).as_posix()
            new = f"{DIRECTORY}/{package}/{path.relative_to(info).as_posix()}"
            (directory / new).parent.mkdir(parents=True, exist_ok=True)
            path.rename(directory / new)
            owners[new] = owners.pop(old)


def bill(target: Target, wheels: Sequence[Wheel], interpreter: str | None) -> str:
    """Return the CycloneDX bill of materials; the first wheel is this package's.

    Args:
        target: what the layer is for.
        wheels: what it carries.
        interpreter: what compiled its bytecode; None where it has none.
    """
    properties = {
        "aws:lambda:runtime": f"python{target.python}",
        "aws:lambda:architecture": target.arch,
        "fastxform:bytecode": interpreter or "none",
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": _component(wheels[0]),
            "properties": [{"name": name, "value": value} for name, value in properties.items()],
        },
        "components": [_component(wheel) for wheel in wheels[1:]],
        "dependencies": [
            {"ref": _purl(wheels[0]), "dependsOn": [_purl(wheel) for wheel in wheels[1:]]},
            *({"ref": _purl(wheel)} for wheel in wheels[1:]),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _purl(wheel: Wheel) -> str:
    return f"pkg:pypi/{wheel.name.lower()}@{wheel.version}"


def _component(wheel: Wheel) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(wheel),
        "name": wheel.name,
        "version": wheel.version,
        "purl": _purl(wheel),
        "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
        "licenses": [{"expression": wheel.licence}],
    }
