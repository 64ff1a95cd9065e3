"""`fastxform burst`: newline-delimited records of a burst, or one event of them.

What the records hold is in `fastxform.tools.sample_data.burst`; here they are only printed. Invariant: memory does not
grow with the number of records.
"""

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from fastxform import limits
from fastxform.cli.arguments import number, whole
from fastxform.cli.console import Console
from fastxform.errors import InputError

HELP: Final = "print the records of a burst, the same for the same seed everywhere"

EPILOG: Final = (
    "The tables are dynamotest and cities (DynamoDB changes as a Kinesis stream gets them), ticker, ses and "
    "cloudwatch, whose messages are printed as text and gzipped inside an event, as the service sends them."
)

_TABLES: Final = ("dynamotest", "cities", "ticker", "ses", "cloudwatch")
_BLOCK_RECORDS: Final = 1_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--records", type=whole(0), default=1_000, metavar="N", help="how many (default 1000)")
    parser.add_argument("--table", choices=_TABLES, default=_TABLES[0], help="what they are (default dynamotest)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="S", help="another one gives another burst")
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
    """Print the burst."""
    from fastxform.tools.sample_data import burst

    if options.kinesis and not options.event:
        raise InputError("--kinesis says what kind of event to make: it needs --event")
    payloads = burst.records(options.table, options.records, options.seed, options.size, options.bad)
    if not options.event:
        for block in _blocks(payloads):
            console.data(block)
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
