"""Who takes part: the name of each contender, how its process is started, and what it needs to be there.

The transforms live in the modules beside this one, each as people write it; `make(corpus_name)` of a Python module
returns the whole invocation, event bytes to response bytes. Invariant: a contender that cannot run here says why in
one line, and one that does not do a corpus raises `UnsupportedError` for it.
"""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
RUST_BINARY: Final = HERE.parents[1] / ".cache" / "bench-rust" / "release" / "bench-handler"
LIMIT_BINARY: Final = HERE.parents[1] / ".cache" / "bench-limit" / "limit"

NODE_MAJOR: Final = 20


class UnsupportedError(Exception):
    """This contender does not do this corpus; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work: `missing()` is why it cannot run here, or None."""

    name: str
    label: str
    command: tuple[str, ...]
    missing: Callable[[], str | None]


def _modules(*names: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [name for name in names if importlib.util.find_spec(name) is None]
        return f"the package {', '.join(absent)} is not installed; run benchmarks/setup.sh" if absent else None

    return missing


def _node() -> str | None:
    program = shutil.which("node")
    if program is None:
        return "there is no node on the PATH"
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE_MAJOR:
        return f"node is {version}; {NODE_MAJOR} or later is needed"
    return None


def _built(binary: Path, directory: Path) -> Callable[[], str | None]:
    """Tell of a program that `setup.sh` builds; where it could not, one line in `missing.txt` says why."""

    def missing() -> str | None:
        if binary.exists():
            return None
        log = directory / "missing.txt"
        return log.read_text().strip() if log.exists() else "it was not built; run benchmarks/setup.sh"

    return missing


_rust = _built(RUST_BINARY, RUST_BINARY.parents[1])
_limit = _built(LIMIT_BINARY, LIMIT_BINARY.parent)


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.worker", name)


RUNTIME: Final = "awslambdaric"

CONTENDERS: Final[tuple[Contender, ...]] = (
    Contender("stdlib", "standard library, dict", _python("stdlib"), _modules(RUNTIME)),
    Contender("orjson", "orjson + pybase64 per record", _python("orjson_loop"), _modules("orjson", "pybase64")),
    Contender("tuned", "msgspec + pybase64 per record", _python("tuned"), _modules("msgspec", "orjson", "pybase64")),
    Contender("powertools", "AWS Lambda Powertools", _python("powertools"), _modules(RUNTIME, "aws_lambda_powertools")),
    Contender("polars", "Polars", _python("polars"), _modules(RUNTIME, "polars")),
    Contender("duckdb", "DuckDB", _python("duckdb"), _modules(RUNTIME, "duckdb")),
    Contender("node", "Node.js", ("node", str(HERE / "node" / "handler.mjs")), _node),
    Contender("rust", "Rust, serde_json `Value`", (str(RUST_BINARY),), _rust),
    Contender("rust-typed", "Rust, typed and borrowing", (str(RUST_BINARY), "typed"), _rust),
    Contender("limit", "C++, simdjson and libbase64: the limit", (str(LIMIT_BINARY),), _limit),
    Contender("fastxform-dict", "fastxform, dict", _python("fastxform_dict"), _modules(RUNTIME, "fastxform")),
    Contender("fastxform-engine", "fastxform, without its kernel", _python("fastxform_engine"), _modules("fastxform")),
    Contender("fastxform", "fastxform, bytes", _python("fastxform"), _modules("fastxform")),
)

REFERENCE: Final = Contender("reference", "tests/support/oracle.py", _python("reference"), lambda: None)
"""The slow transform whose answers are right; it is asked once per corpus and never timed."""


def find(name: str) -> Contender:
    """Return the contender of that name.

    Raises:
        LookupError: there is none; the message names those there are.
    """
    for contender in CONTENDERS:
        if contender.name == name:
            return contender
    raise LookupError(f"no contender {name!r}; there are {', '.join(contender.name for contender in CONTENDERS)}")
