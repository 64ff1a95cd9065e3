"""`fastxform check-response`: lints any function's answer to an event against the contract of Firehose.

The rules are in `fastxform.local.response`; here they are only applied to two files. Invariant: exit code 1 means
that Firehose would fail records that the function did not fail itself.
"""

import argparse
from collections import Counter
from typing import Any, Final

from fastxform.cli.console import Console
from fastxform.cli.inputs import read_document
from fastxform.errors import EventError, InputError

HELP: Final = "lint any function's answer to an event against the contract"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("event", metavar="EVENT", help="the Firehose event that the function got")
    parser.add_argument("response", metavar="RESPONSE", help="what the function answered, as it was sent")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the findings, and how many records get through."""
    from fastxform.local.response import check

    if options.event == options.response == "-":
        raise InputError("only one of EVENT and RESPONSE can be standard input")
    event = read_document(options.event)
    # An editor's last newline was not sent, and would count against the limit.
    response = read_document(options.response).rstrip(b"\r\n")
    try:
        verdict = check(event, response)
    except EventError as err:
        raise InputError(f"{options.event}: {err}") from err
    results = Counter(outcome.result for outcome in verdict.outcomes)
    codes = Counter(outcome.error_code for outcome in verdict.outcomes if outcome.error_code)
    if options.json:
        findings = [_as_json(found) for found in verdict.findings]
        console.json({"records": len(verdict.outcomes), "results": results, "error_codes": codes, "findings": findings})
    else:
        for found in verdict.findings:
            console.line(str(found))
        counts = ", ".join(f"{count} {result}" for result, count in results.items())
        console.note(f"{len(verdict.outcomes)} records: {counts or 'none'}; {len(verdict.findings)} findings")
    return 1 if any(found.level == "error" for found in verdict.findings) else 0


def _as_json(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("level", "code", "place", "message", "count")}
