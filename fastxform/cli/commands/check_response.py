"""`fastxform check-response`: lints any function's answer to an event against the contract of Firehose.

The rules are in `fastxform.tools.simulator.response`; here they are only applied to two files. Invariant: exit code 1
means that Firehose would fail records that the function did not fail itself, or deliver something else than was meant.
"""

import argparse
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli.console import Colour, Console, Paint, counted, number_of
from fastxform.cli.inputs import read_document
from fastxform.errors import EventError, InputError
from fastxform.limits import RESPONSE_LIMIT_BYTES

if TYPE_CHECKING:
    from fastxform.tools.simulator.contract import ContractFinding

HELP: Final = "lint any function's answer to an event against the contract"

EPILOG: Final = (
    "RESPONSE is what the function sent, to the byte: the output file of `aws lambda invoke`, or what `sam local "
    "invoke` prints. Exit code 1: there are errors, which cost records, or warnings, for which something else is "
    "delivered than was likely meant. Notes alone leave the exit code 0. Exit code 2: a file cannot be read, or EVENT "
    "is none."
)

_COLOURS: Final[dict[str, Colour]] = {"error": "red", "warning": "yellow", "note": "blue"}

EXAMPLES: Final = (("fastxform check-response event.json response.json", "the answer of any function"),)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("event", metavar="EVENT", help="the Firehose event that the function got")
    parser.add_argument("response", metavar="RESPONSE", help="what the function answered, as it was sent")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the findings, how long the response is, and how many records get through."""
    from fastxform.tools.simulator.response import check

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
    levels = Counter[str](finding.level for finding in verdict.findings)
    if options.json:
        console.json(
            {
                "records": len(verdict.outcomes),
                "response_bytes": len(response),
                "limit_bytes": RESPONSE_LIMIT_BYTES,
                "left_bytes": RESPONSE_LIMIT_BYTES - len(response),
                "results": results,
                "error_codes": codes,
                "counts": {level: levels[level] for level in _COLOURS},
                "findings": list(map(_as_json, verdict.findings)),
            }
        )
    else:
        paint = Paint()
        for finding in verdict.findings:
            console.line(
                str(finding).replace(f": {finding.level}: ", f": {paint(finding.level, _COLOURS[finding.level])}: ", 1)
            )
    console.note(_size(len(response)))
    console.note(_summary(results, codes, levels))
    return 1 if levels["error"] or levels["warning"] else 0


def _size(response_bytes: int) -> str:
    left = RESPONSE_LIMIT_BYTES - response_bytes
    distance = f"{left} below" if left >= 0 else f"{-left} above"
    share = 100 * response_bytes / RESPONSE_LIMIT_BYTES
    return f"response: {response_bytes} bytes, {distance} the limit of {RESPONSE_LIMIT_BYTES} ({share:.1f} %)"


def _summary(results: Counter[str], codes: Counter[str], levels: Counter[str]) -> str:
    records = number_of(results.total(), "record")
    failed = f" ({counted(codes)})" if codes else ""
    counts = [number_of(levels[level], level) for level in _COLOURS if levels[level]]
    return f"{records}: {counted(results) or 'none'}{failed}; {', '.join(counts) or 'nothing found'}"


def _as_json(finding: "ContractFinding") -> dict[str, Any]:
    names = ("level", "fault", "code", "place", "record_id", "message", "detail", "remedy", "count", "entries")
    return {name: getattr(finding, name) for name in names}
