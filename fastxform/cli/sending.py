"""What `replay --put` and `put` share: their arguments, the journal, interrupts and progress.

The puts are `fastxform.tools.replay.sender`'s, what is reported of them at the end is `sent`'s. Invariant: an interrupt
lets the calls in flight end, unless it comes twice.
"""

import argparse
import hashlib
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastxform.cli.console import Console, amount, number_of
from fastxform.cli.parser import number, whole
from fastxform.cli.progress import Progress
from fastxform.cli.sent import identity_of, named
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.puts.api import Target
    from fastxform.tools.replay.journal import Journal
    from fastxform.tools.replay.ledger import PutLedger
    from fastxform.tools.replay.locations import LocationNames
    from fastxform.tools.replay.outgoing import Outgoing, RateLimit, Sent
    from fastxform.tools.replay.sender import Sender
    from fastxform.tools.replay.stores import Stored

STREAM_HELP: Final = (
    "STREAM is the name of a Firehose stream, kinesis:NAME, or the ARN of either; a name is looked for in the region "
    "of the environment. Records go as they are, in calls that no limit of AWS refuses, at half of what the smallest "
    "stream takes unless --rate-records or --rate-bytes say more. A record whose partition key is not known gets one "
    "made from its bytes. The journal says after an interruption what was acknowledged: the same command again sends "
    "the rest, and names the records that may arrive twice."
)

_NAME: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_KINESIS_NAME: Final = re.compile(r"[\w.-]{1,128}", re.ASCII)


def configure(add: Callable[..., argparse.Action]) -> None:
    """Declare the arguments of the puts, by `add_argument` of a parser or group."""
    add("--rate-records", type=number(0.001, 1e9), metavar="R", help="records a second at most")
    add("--rate-bytes", type=number(1, 1e12), metavar="B", help="bytes a second at most")
    add("--workers", type=whole(1, 64), default=8, metavar="N", help="calls at once (default 8)")
    add(
        "--patience",
        type=number(0, 86_400),
        default=60.0,
        metavar="S",
        help="seconds for which a record is tried again (default 60)",
    )
    add("--journal", metavar="FILE", help="where the journal is (default: a hidden file in the current directory)")


def target_of(stream: str) -> "Target":
    """Return the stream that an argument names.

    Raises:
        InputError: it names none.
    """
    from fastxform.puts import target as targets
    from fastxform.puts.api import Target

    if stream.startswith("arn:"):
        candidates = [
            targets.target_of(delivery_stream_arn=stream),
            targets.target_of(source_kinesis_stream_arn=stream),
        ]
        for target in candidates:
            if isinstance(target, Target):
                return target
        raise InputError(f"{stream}: is not the ARN of a Firehose or Kinesis stream")
    region = os.environ.get("AWS_REGION") or None  # boto3 reads AWS_DEFAULT_REGION only
    service, colon, name = stream.partition(":")
    if colon and service == "kinesis" and _KINESIS_NAME.fullmatch(name):
        return Target("kinesis", name, None, region)
    if _NAME.fullmatch(stream):
        return Target("firehose", stream, None, region)
    raise InputError(f"{stream}: is no stream: write the name of a Firehose stream, kinesis:NAME, or an ARN")


def rate_limit_of(options: argparse.Namespace, target: "Target") -> "RateLimit":
    """Return the rate of the arguments, the safe one where they say none."""
    from fastxform.tools.replay.outgoing import RATES, RateLimit

    records, size_bytes = RATES[target.service]
    return RateLimit(
        options.rate_records or records, options.rate_bytes or size_bytes, options.workers, options.patience
    )


def journal_path(options: argparse.Namespace, verb: str, target: "Target", inputs: Sequence[str]) -> Path:
    """Return where the journal is: the default name is the same for the same stream and input."""
    if options.journal is not None:
        return Path(options.journal)
    locations = [name if name.startswith("s3://") else str(Path(name).resolve()) for name in inputs]
    digest = hashlib.sha256("\0".join([identity_of(target), *locations]).encode(errors="surrogateescape")).hexdigest()
    return Path(f".fastxform-{verb}-{digest[:12]}.journal")


def read_journal(path: Path, target: "Target") -> "PutLedger | None":
    """Return what an earlier run left, for a dry run; None where there was none."""
    from fastxform.tools.replay.ledger import parse

    if not path.is_file():
        return None
    try:
        text = path.read_bytes()
    except OSError as err:
        raise InputError(f"{path}: {err.strerror or err}") from err
    return parse(path, text, identity_of(target))[0]


def open_journal(path: Path, target: "Target", files: Sequence["Stored"], console: Console) -> "Journal":
    """Open the journal, and say what an earlier run left behind."""
    from fastxform.tools.replay.journal import Journal

    journal = Journal.open(path, identity_of(target), files)
    names = {stored.name for stored in files}
    gone = [stored.name for stored in journal.ledger.files if stored.name not in names]
    if gone:
        console.note(f"{path}: {number_of(len(gone), 'object')} of its input cannot be found now, the first {gone[0]}")
    return journal


def note_resumed(journal: "Journal", names: "LocationNames", console: Console) -> None:
    """Say what an earlier run did, and name what was in flight when it ended."""
    acknowledged = journal.ledger.acknowledged
    if acknowledged:
        console.note(f"{journal.path}: {number_of(acknowledged, 'record')} acknowledged before, not sent again")
    if journal.interrupted:
        records = sum(map(len, journal.interrupted))
        console.note(f"{number_of(records, 'record')} in flight when the last run ended, and may arrive twice:")
        for line in named(journal.interrupted, names):
            console.note(f"  {line}")


class SendingProgress:
    """Shows how far the puts are."""

    def __init__(self, console: Console, share: Callable[[], float | None]) -> None:
        self._progress = Progress(console, "records", share)

    def __call__(self, sender: "Sender") -> None:
        """Show it, if it is time."""
        calls = number_of(len(sender.in_flight), "call")
        self._progress.show(
            sender.sent.records,
            f"acknowledged ({amount(sender.sent.size_bytes)}, {calls} in flight, {sender.retries} again)",
        )

    def end(self) -> None:
        """Take the line away."""
        self._progress.end()


@contextmanager
def interrupts(sender: "Sender", console: Console) -> Iterator[None]:
    """Have Ctrl-C, or a request to end, let the calls in flight end; a second time, leave them."""

    def stop(signum: int, frame: object) -> None:
        sender.stop()
        if sender.stops == 1:
            console.error("stopping: waiting for the calls in flight; once more, and they are left")
        elif sender.stops > 2:  # what blocks is neither a call nor a pause
            raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def send(sender: "Sender", outgoing: Iterable["Outgoing"], progress: SendingProgress, console: Console) -> "Sent":
    """Put the records, and return what became of them."""
    with interrupts(sender, console):
        try:
            return sender.run(outgoing)
        finally:
            progress.end()


def leave(sent: "Sent", console: Console) -> None:
    """End the process where calls were left in flight: a thread that waits for an answer would keep it."""
    if sent.in_flight:
        console.flush()
        os._exit(1)
