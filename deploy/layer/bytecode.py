"""Bytecode beside the sources: a layer is mounted read-only, so what is not compiled is compiled at every cold start.

Compiled by an interpreter of the layer's minor version, in one process with a fixed hash seed. Invariant: the files do
not depend on when or where they were made (unchecked hashes, paths as in Lambda), and Python reads them unless the
version differs.
"""

import subprocess
from pathlib import Path
from typing import Final

from deploy.layer import LayerError

MOUNT: Final = "/opt/python"
"""Where Lambda mounts the root of the layer; tracebacks name it."""

_SCRIPT: Final = """
import py_compile, sys
from pathlib import Path

directory = Path(sys.argv[1])
for source in sorted(directory.rglob("*.py")):
    py_compile.compile(
        str(source),
        dfile=sys.argv[2] + "/" + source.relative_to(directory).as_posix(),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
"""


def compile_sources(directory: Path, interpreter: Path) -> int:
    """Compile every source below a directory; return the bytes that were written.

    Raises:
        LayerError: a source cannot be compiled.
    """
    # Warnings are about the sources of others, and the reference counts that `marshal` looks at differ with a site.
    command = [str(interpreter), "-S", "-W", "ignore", "-c", _SCRIPT, str(directory), MOUNT]
    done = subprocess.run(command, env={"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LayerError(f"bytecode: {last}")
    return sum(path.stat().st_size for path in directory.rglob("*.pyc"))
