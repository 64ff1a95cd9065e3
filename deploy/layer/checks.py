"""What a layer must pass before it gets its name: libraries, imports, size.

Each check looks at the files as they will be shipped and changes none. Invariant: a check that cannot run here says so
in its answer; it never passes silently.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.layer import LayerError
from deploy.layer.elf import facts
from deploy.layer.target import ELF_MACHINES, GLIBC, RUNTIME_LIBRARIES, Target

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Budget:
    """How large a layer may be, in MiB. Lambda itself takes 250 unzipped, of function and layers together."""

    zipped_mib: float = 32
    unzipped_mib: float = 90


def size(zipped_bytes: int, unzipped_bytes: int, budget: Budget) -> None:
    """Compare the sizes of a layer with its budget.

    Raises:
        LayerError: it is over.
    """
    for what, found, limit in (
        ("zipped", zipped_bytes, budget.zipped_mib),
        ("unzipped", unzipped_bytes, budget.unzipped_mib),
    ):
        if found > limit * MIB:
            raise LayerError(f"the layer is {found / MIB:.1f} MiB {what}, the budget is {limit:g}: prune what came in")


def libraries(directory: Path, target: Target) -> int:
    """Check every shared library: made for the target, and each library it needs beside it or the runtime's own.

    Returns:
        How many were looked at.

    Raises:
        LayerError: the first that could not be loaded, with what it lacks.
    """
    paths = sorted(shared_libraries(directory))
    for path in paths:
        name = path.relative_to(directory).as_posix()
        found = facts(path)
        if found.machine != ELF_MACHINES[target.arch]:
            raise LayerError(f"{name}: it is for {found.machine.removeprefix('EM_')}, the layer for {target.arch}")
        if ".cpython-" in path.name and not path.name.endswith(target.extension):
            raise LayerError(f"{name}: an extension of another Python; those of the layer end in {target.extension}")
        if found.glibc > GLIBC:
            version, limit = (".".join(map(str, number)) for number in (found.glibc, GLIBC))
            raise LayerError(f"{name}: it needs glibc {version}, the runtime has {limit}")
        folders = [Path(os.path.normpath(entry.replace("$ORIGIN", str(path.parent)))) for entry in found.run_path]
        for needed in found.needed:
            if needed not in RUNTIME_LIBRARIES and not any((folder / needed).is_file() for folder in folders):
                raise LayerError(f"{name}: it needs {needed}, which is neither in the layer nor in the runtime")
    return len(paths)


def shared_libraries(directory: Path) -> Iterator[Path]:
    """Yield the files that are shared libraries, by their names."""
    return (path for path in directory.rglob("*") if path.suffix == ".so" or ".so." in path.name)


_TRANSFORM: Final = """
where = "amount > 1"

[columns]
name = "name"
first = "tags[*].key | [0]"
amount = { path = "amount", type = "decimal(9,2)" }
label = { expr = "utf8_upper(name)" }
"""
_SCRIPT: Final = """
import base64, importlib, json, pathlib, sys

root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root))
names = ["pyarrow.compute", "pyarrow.csv", "pyarrow.json", "pyarrow.ipc", "pyarrow.types"]
names += ["jmespath", "msgspec", "orjson", "pybase64", "zlib_ng.zlib_ng", "zstandard"]
for path in sorted((root / "fastxform").rglob("*.py")):
    names.append(".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"))
for name in names:
    importlib.import_module(name)
from fastxform.handler import lambda_handler

document = {"name": "a,b", "tags": [{"key": 1.50}], "amount": 2.5}
data = base64.b64encode(json.dumps(document).encode()).decode()
event = json.dumps({"records": [{"recordId": "1", "data": data}]}).encode()
(answer,) = json.loads(lambda_handler(event, None))["records"]
row = base64.b64decode(answer["data"])
assert row == b'"a,b",1.5,2.50,"A,B"\\n', row
"""


def imports(directory: Path, target: Target, interpreter: Path | None) -> str:
    """Import every module of the package and answer an event, in an interpreter that has nothing but the layer.

    Returns:
        `executed`, or why it was not.

    Raises:
        LayerError: an import failed, or the answer was wrong.
    """
    if not target.runs_here:
        return f"not executed: this machine is no {target.arch}"
    if interpreter is None:
        return f"not executed: no Python {target.python} on this machine"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "fastxform.toml")
        config.write_text(_TRANSFORM, encoding="utf-8")
        done = subprocess.run(
            [interpreter, "-I", "-S", "-B", "-W", "error", "-c", _SCRIPT, directory],
            env={"FASTXFORM_CONFIG": str(config)},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
        raise LayerError(f"the layer does not run in Python {target.python}: {last}")
    return "executed"
