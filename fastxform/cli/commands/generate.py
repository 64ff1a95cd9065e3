"""`fastxform generate`: newline-delimited made-up records, or one event of them; `burst` is its older name.

What the records hold is in `fastxform.tools.sample_data.burst`; here they are only printed. Invariant: memory does not
grow with the number of records.
"""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from fastxform import limits
from fastxform.cli.console import Console
from fastxform.cli.parser import number, whole
from fastxform.cli.progress import Progress
from fastxform.errors import InputError

HELP: Final = "print made-up records, the same for the same seed everywhere"

EPILOG: Final = """
tables:
  dynamotest  DynamoDB changes of two attributes, as a Kinesis stream gets them
  cities      DynamoDB changes of a typed table, as a Kinesis stream gets them
  ticker      stock prices, the JSON of AWS's demo stream
  ses         Amazon SES events: Send, Open, Click
  cloudwatch  CloudWatch Logs messages: text, and gzipped inside an event, as the service sends them
"""

EXAMPLES: Final = (
    ("fastxform generate --table cities --records 1000 > cities.jsonl", "1,000 DynamoDB changes, a line each"),
    ("fastxform generate --table ses --bad 0.01 | fastxform run ses.toml -", "one record in 100 is malformed"),
    ("fastxform generate --event --kinesis > event.json", "one Firehose event, for sam local invoke"),
)

_TABLES: Final = ("dynamotest", "cities", "ticker", "ses", "cloudwatch")
_BLOCK_RECORDS: Final = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--records", type=whole(0), default=1_000, metavar="N", help="how many (default 1000)")
    parser.add_argument("--table", choices=_TABLES, default=_TABLES[0], help="what they are (default dynamotest)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="S", help="another one gives other records")
    parser.add_argument(
        "--size",
        type=whole(1, limits.FIREHOSE_RECORD_LIMIT_BYTES),
        metavar="BYTES",
        help="of each record, as far as its shape allows",
    )
    parser.add_argument(
        "--bad", type=number(0, 1), default=0.0, metavar="SHARE", help="share of malformed records, 0 to 1"
    )
    parser.add_argument("--event", action="store_true", help="wrap all records as one Firehose event")
    parser.add_argument("--kinesis", action="store_true", help="with --event: the event of a Kinesis source")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Print the records."""
    from fastxform.tools.sample_data import burst

    if options.kinesis and not options.event:
        raise InputError("--kinesis says what kind of event to make: it needs --event")
    payloads = burst.records(options.table, options.records, options.seed, options.size, options.bad)
    if not options.event:
        total = max(options.records, 1)
        made = 0
        with Progress(console, share=lambda: made / total, shares_terminal=True) as progress:
            for block in _blocks(payloads):
                console.data(block)
                made = min(made + _BLOCK_RECORDS, total)
                progress.show(made)
        return 0
    if options.table == "cloudwatch":
        payloads = burst.compressed(payloads)
    size_bytes = 0
    for piece in burst.event_chunks(payloads, options.kinesis, options.seed):
        size_bytes += len(piece)
        console.data(piece)
    console.data(b"\n")
    if size_bytes > limits.REQUEST_LIMIT_BYTES:
        console.note(
            f"the event has {size_bytes} bytes: more than a request to Lambda holds ({limits.REQUEST_LIMIT_BYTES})"
        )
    return 0


def _blocks(payloads: Iterable[bytes]) -> Iterator[bytes]:
    records = iter(payloads)
    while block := list(islice(records, _BLOCK_RECORDS)):
        yield b"\n".join(block) + b"\n"
