"""`fastxform doctor`: what is wrong between a transform and the account that it runs in, by what the AWS CLI printed.

The rules are in `fastxform.tools.doctor`; here files are read and findings printed. Invariant: nothing is asked of AWS
and nothing is written; exit code 1 means that records would be lost, refused or not delivered.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Colour, Console, Paint
from fastxform.cli.inputs import open_reader, read_document, read_source
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.tools.lint.finding import Finding

HELP: Final = "compare a transform with the account that it runs in: permissions, keys, tables, buffer, time-out"

EPILOG: Final = """
DESCRIPTION is a file that the AWS CLI printed as JSON, or a directory of such files (*.json):
  firehose  describe-delivery-stream
  lambda    get-function-configuration, list-aliases, get-policy
  iam       get-role, get-role-policy: of the stream's role, the function's and those of producers
  kinesis   describe-stream-summary
  glue      get-table

--from-account STREAM prints a script that gathers them. What is not given is not checked.
Exit code 1: there are errors. Exit code 2: a file cannot be read.
"""

EXAMPLES: Final = (
    ("fastxform doctor --from-account orders | bash", "ask AWS, with the AWS CLI: descriptions into account/"),
    ("fastxform doctor orders.toml account --sample records.jsonl", "what is wrong, with place and remedy"),
)

SAMPLE_LIMIT: Final = 20_000
"""Records of a sample that are read."""

_COLOURS: Final[dict[str, Colour]] = {"error": "red", "warning": "yellow", "hint": "blue"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("config", nargs="?", metavar="CONFIG", help="the transform")
    add("descriptions", nargs="*", metavar="DESCRIPTION", help="what describes the account")
    add("--sample", metavar="INPUT", help="records of the stream: whether they fit, in time too")
    add("--json", action="store_true", help="one JSON object")
    add("--from-account", metavar="STREAM", help="print the commands that gather the descriptions, and nothing else")
    add("--into", metavar="DIR", default="account", help="with --from-account: where they write (default account)")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the findings, and how many there are."""
    from fastxform.tools.doctor.gather import script

    if options.from_account is not None:
        if options.config is not None:
            raise InputError("--from-account only prints commands: give neither CONFIG nor DESCRIPTION with it")
        console.data(script(options.from_account, options.into).encode())
        return 0
    if options.config is None or not options.descriptions:
        raise InputError(
            "give CONFIG and what describes the account; `fastxform doctor --from-account STREAM` gathers it"
        )
    findings = _findings(options, console)
    levels = Counter[str](finding.level for finding in findings)
    if options.json:
        counts = {level: levels[level] for level in _COLOURS}
        console.json({"config": options.config, "counts": counts, "findings": list(map(_as_json, findings))})
    else:
        paint = Paint()
        for finding in findings:
            head = f"{finding.place}: {paint(finding.level, _COLOURS[finding.level])}"
            console.line(f"{head}: {finding.message} [{finding.code}]")
    counted = [f"{levels[level]} {level}{'s' * (levels[level] != 1)}" for level in _COLOURS if levels[level]]
    console.note(f"{options.config}: {', '.join(counted) or 'nothing found'}")
    return 1 if levels["error"] else 0


def _findings(options: argparse.Namespace, console: Console) -> "tuple[Finding, ...]":
    from fastxform.pipeline import Pipeline
    from fastxform.tools.doctor.account import read_account
    from fastxform.tools.doctor.diagnosis import diagnose

    pipeline = Pipeline.load(options.config)
    account = read_account((name, read_document(name)) for name in _files(options.descriptions))
    payloads = None
    if options.sample is not None:
        with open_reader(options.sample) as reader:
            items = read_source(reader, console, pipeline.spec).items
            payloads = [item.data for item in islice(items, SAMPLE_LIMIT)]
    return diagnose(pipeline, options.config, account, payloads)


def _files(names: list[str]) -> Iterator[str]:
    for name in names:
        path = Path(name)
        if not path.is_dir():
            yield name
            continue
        paths = sorted(map(str, path.glob("*.json")))
        if not paths:
            raise InputError(f"{name}: the directory has no file that ends in .json")
        yield from paths


def _as_json(finding: "Finding") -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("level", "code", "place", "message")}
