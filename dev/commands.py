"""The reference page of the command, made from the parsers of its verbs: every argument, option and example.

Invariant: what the page says of an option is what `--help` says of it.
"""

import argparse
import re
from collections.abc import Iterator
from typing import Final

from fastxform.cli import ALIASES, SECTIONS, verb_module
from fastxform.cli.parser import VerbParser, parser_of

_HEAD: Final = """# The command

Every verb with its arguments and options, as its `--help` has them; the [index](README.md) says which page each verb
is used on. Data goes to standard output, everything
else to standard error; `-` is standard input, and `--json` is for programs. Exit code 0: all is well; 1: there are
findings, or a record failed where `--strict` asks for it; 2: usage, unreadable input or a configuration that cannot be
used; 130: interrupted.

| extra | for |
|---|---|
| `cli` | at a terminal colours, bars and tables (not with `NO_COLOR` or `TERM=dumb`); tab completion, \
`check --ddl`, `test --update` |
| `aws` | boto3: `put`, `replay` with S3 and streams, the pytest fixture `firehose` |
| `iceberg` | PyIceberg: `local` and the fixture write real Iceberg tables |
| `play` | the page in the browser |
| `spark` | PySpark, for a backfill |
| `cdk` | the construct for the AWS CDK |
| `runtime` | AWS's runtime client, for a container image of your own |
"""


def command() -> str:
    """Return the page."""
    parts = [_HEAD]
    for title, verbs in SECTIONS.items():
        parts += [f"## {title}\n", *("\n".join(_verb(verb)) for verb in verbs)]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def parsers() -> dict[str, VerbParser]:
    """Return the parser of each verb."""
    return {verb: parser_of(verb, verb_module(verb)) for verbs in SECTIONS.values() for verb in verbs}


def options(parser: VerbParser) -> Iterator[argparse.Action]:
    """Yield the arguments and options of a verb, without its help."""
    yield from (action for action in parser._actions if "--help" not in action.option_strings)


def _verb(verb: str) -> Iterator[str]:
    module = verb_module(verb)
    parser = parser_of(verb, module)
    older = [alias for alias, name in ALIASES.items() if name == verb]
    yield f"### fastxform {verb}\n"
    yield f"{parser.description}{f' `{older[0]}` is its older name.' if older else ''}\n"
    yield "| argument | meaning |\n|---|---|"
    for action in options(parser):
        yield f"| `{_spelling(action)}` | {_cell((action.help or '') % _values(parser, action))} |"
    for paragraph in getattr(module, "EPILOG", "").strip("\n").split("\n\n"):
        if paragraph:
            yield "\n" + (f"```text\n{paragraph}\n```" if re.search(r"(^|\n) ", paragraph) else _prose(paragraph))
    yield "\n```sh"
    yield from (f"{line}  # {what}" for line, what in module.EXAMPLES)
    yield "```\n"


def _values(parser: VerbParser, action: argparse.Action) -> dict[str, object]:
    return {**vars(action), "prog": parser.prog}


def _spelling(action: argparse.Action) -> str:
    """Return an argument as it is written on a command line."""
    choices = action.choices and "{" + ",".join(map(str, action.choices)) + "}"
    metavar = action.metavar if isinstance(action.metavar, str) else choices or action.dest.upper()
    if not action.option_strings:
        return metavar + (" ..." if action.nargs == "+" else "")
    return f"{action.option_strings[-1]} {metavar}" if action.nargs != 0 else action.option_strings[-1]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _prose(text: str) -> str:
    """Return a paragraph whose options and capitals are not taken for markup."""
    return " ".join(text.split()).replace("*", "\\*").replace("<", "&lt;")
