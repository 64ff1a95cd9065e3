"""`fastxform schema`: the JSON Schema of configurations, for editors and for programs that write them.

It is made from the table of keys that the reader reads by, in `fastxform.config.schema`. Invariant: what is printed is
of this version.
"""

import argparse
import json
from typing import Final

from fastxform.cli.console import Console

HELP: Final = "print the JSON Schema of a configuration"

EPILOG: Final = (
    "An editor with a TOML language server (Even Better TOML, Taplo, Tombi) completes and explains keys where the "
    "first line of the file names the schema: #:schema ./fastxform.schema.json; `fastxform init --out FILE` writes "
    "both. A schema sees keys, types and choices; `fastxform check` sees everything."
)

EXAMPLES: Final = (
    ("fastxform schema > fastxform.schema.json", "the file that the first line of a configuration names"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments: the schema is one."""


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the schema."""
    console.line(text())
    return 0


def text() -> str:
    """Return the schema as it is written to files."""
    from fastxform.config.schema import json_schema

    return json.dumps(json_schema(), ensure_ascii=False, indent=2)
