"""`fastxform completion`: the script by which a shell completes verbs, options and files.

The script is shtab's, made from the parsers of all verbs. Invariant: every verb and option is in it.
"""

import argparse
from importlib.util import find_spec
from typing import Final

from fastxform.cli.console import Console
from fastxform.errors import InputError

HELP: Final = "print the completion script of a shell"

EPILOG: Final = "Needs the extra cli: pip install 'fastxform[cli]'."

EXAMPLES: Final = (
    ("fastxform completion bash > ~/.local/share/bash-completion/completions/fastxform", "for bash"),
    ("fastxform completion zsh > ~/.zfunc/_fastxform", "for zsh, with ~/.zfunc in fpath"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "tcsh"), help="bash, zsh or tcsh")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the script."""
    if find_spec("shtab") is None:
        raise InputError("completion needs shtab: pip install 'fastxform[cli]'")
    import shtab

    from fastxform.cli import ALIASES, VERBS, verb_module

    parser = argparse.ArgumentParser(prog="fastxform")
    verbs = parser.add_subparsers()
    for verb in (*VERBS, *ALIASES):
        module = verb_module(ALIASES.get(verb, verb))
        own = verbs.add_parser(verb, help=module.HELP)
        module.configure(own)
        for action in own._actions:
            if (not action.option_strings and action.choices is None) or action.metavar in ("FILE", "DIR"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    console.line(shtab.complete(parser, options.shell))
    return 0
