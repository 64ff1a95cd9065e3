"""The command `fastxform`: finds the verb, runs it, and turns whatever happens into an exit code and clear lines.

Each verb is a module of its own with `HELP`, `configure` and `execute`, imported when it is asked for; what a verb
needs of the engine it imports when it runs. Invariant: `main` returns 0, 1, 2 or 130 (interrupted), and outside
input never shows a traceback.
"""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Final

from fastxform.cli.console import Console
from fastxform.cli.parser import parser_of
from fastxform.errors import FastxformError, nearest

SECTIONS: Final = {
    "Write a transform": ("init", "check", "explain", "test", "play", "schema"),
    "Run it on this machine": ("run", "generate", "simulate", "local"),
    "Deploy it": ("ddl", "size", "doctor", "check-response"),
    "Operate it": ("replay", "put"),
    "The command": ("completion", "version"),
}
"""The verbs by what they are for, in the order of the help; `check-response` lives in `check_response`."""

VERBS: Final = tuple(verb for verbs in SECTIONS.values() for verb in verbs)

ALIASES: Final = {"burst": "generate"}
"""Older names of verbs, which stay."""

FINE: Final = 0
FINDINGS: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 130


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    console = Console()
    code = _attempt(sys.argv[1:] if argv is None else argv, console)
    try:
        console.flush()
    except BrokenPipeError:
        _abandon_stdout()
    except OSError as err:
        _abandon_stdout()
        if code != UNUSABLE:
            console.error(str(err.strerror or err))
        return UNUSABLE
    return code


def _attempt(arguments: list[str], console: Console) -> int:
    """Run one command line; whatever ends it early becomes an exit code and its lines."""
    try:
        return _dispatch(arguments, console)
    except FastxformError as err:
        for line in str(err).splitlines() or [type(err).__name__]:
            console.error(line)
        return UNUSABLE
    except BrokenPipeError:
        # Whoever read the output has seen enough: `fastxform burst | head`.
        return FINE
    except KeyboardInterrupt:
        console.error("interrupted")
        return INTERRUPTED
    except OSError as err:
        console.error(f"{_place(err)}{err.strerror or err}")
        return UNUSABLE


def _dispatch(arguments: list[str], console: Console) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        console.data(_overview().encode())
        return FINE
    if arguments[:1] == ["--version"]:
        arguments = ["version"]
    if not arguments:
        console.note(_overview().rstrip())
        return UNUSABLE
    verb = ALIASES.get(arguments[0], arguments[0])
    if verb not in VERBS:
        console.error(f"there is no verb {verb!r}: {nearest(verb, [*VERBS, *ALIASES], 'the verbs are')}")
        return UNUSABLE
    return _execute(verb, arguments, console)


def _execute(verb: str, arguments: list[str], console: Console) -> int:
    module = verb_module(verb)
    try:
        options = parser_of(arguments[0], module).parse_args(arguments[1:])
    except SystemExit as err:
        # argparse leaves this way, after help (0) and after a usage mistake that it has printed (2).
        return err.code if isinstance(err.code, int) else UNUSABLE
    code: int = module.execute(options, console)
    return code


def verb_module(verb: str) -> ModuleType:
    """Return the module of a verb."""
    return import_module(f"fastxform.cli.commands.{verb.replace('-', '_')}")


def _overview() -> str:
    lines = ["usage: fastxform VERB ...", "", "Transforms whole Amazon Data Firehose batches into CSV or JSON."]
    for title, verbs in SECTIONS.items():
        lines += ["", f"{title}:", *(f"  {verb:<16}{verb_module(verb).HELP}" for verb in verbs)]
    example = "fastxform init --sample records.jsonl --out my.toml && fastxform run my.toml records.jsonl"
    lines += ["", "Begin with records of yours:", f"  {example}"]
    return "\n".join([*lines, "", "`fastxform VERB --help` has the options and examples; `-` is standard input.", ""])


def _abandon_stdout() -> None:
    """Point standard output nowhere, so that the interpreter's last flush does not fail again."""
    if sys.__stdout__ is None or sys.stdout is not sys.__stdout__:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.__stdout__.fileno())
    os.close(nowhere)


def _place(err: OSError) -> str:
    return f"{err.filename}: " if err.filename is not None else ""
