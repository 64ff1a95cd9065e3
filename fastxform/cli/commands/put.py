"""`fastxform put`: the records of a file to a Firehose or Kinesis stream.

The forms of input are `inputs`', the puts `fastxform.tools.replay.sender`'s. Invariant: every record of the input is
acknowledged, or named, or in the journal; of standard input, which cannot be read again, what is left is in a file.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from fastxform.cli import sending, sent
from fastxform.cli.console import Console, number_of
from fastxform.cli.inputs import INPUT_HELP, InputReader, open_reader, read_source
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.puts.api import Target
    from fastxform.tools.replay.journal import Journal
    from fastxform.tools.replay.ledger import PutLedger
    from fastxform.tools.replay.outgoing import Outgoing

HELP: Final = "put the records of a file on a Firehose or Kinesis stream"

EPILOG: Final = (
    f"{INPUT_HELP} Line feeds behind records are not sent. Standard input has no journal: what could not be sent is "
    "written to a file that `fastxform replay` reads. The default journal is removed when everything is acknowledged. "
    + sending.STREAM_HELP
)

EXAMPLES: Final = (
    ("fastxform put orders records.jsonl", "with a journal, so that it can be resumed"),
    ("fastxform put kinesis:orders records.jsonl --dry-run", "what would be sent"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("stream", metavar="STREAM", help="where to: a Firehose stream, kinesis:NAME, or an ARN")
    add("input", metavar="INPUT", help="the records; - is standard input")
    add("--dry-run", action="store_true", help="say what would be sent, and send nothing")
    add("--unsent", metavar="FILE", help="with -: where records go that could not be sent")
    add("--json", action="store_true", help="one JSON object")
    sending.configure(parser.add_argument_group("how it is sent").add_argument)


def execute(options: argparse.Namespace, console: Console) -> int:
    """Send the records, or say what would be sent."""
    target = sending.target_of(options.stream)
    is_piped = options.input == "-"
    if is_piped and options.journal is not None:
        raise InputError("--journal: standard input cannot be read again, so there is nothing to resume: name a file")
    if options.unsent is not None and not is_piped:
        raise InputError("--unsent is for standard input: what a file holds stays there, and the journal says the rest")
    with open_reader(options.input) as reader:
        if options.dry_run:
            return _forecast(options, target, reader, console)
        return _pipe(options, target, reader, console) if is_piped else _send(options, target, reader, console)


def _forecast(options: argparse.Namespace, target: "Target", reader: InputReader, console: Console) -> int:
    ledger = None
    if options.input != "-":
        ledger = sending.read_journal(sending.journal_path(options, "put", target, [options.input]), target)
    forecast = sent.Forecast(target, sending.rate_limit_of(options, target))
    forecast.run(_outgoing(reader, ledger, console))
    if options.json:
        console.json(forecast.as_json())
    else:
        console.line(forecast.line())
    return 0


def _send(options: argparse.Namespace, target: "Target", reader: InputReader, console: Console) -> int:
    """Send the records of a file, with a journal."""
    from fastxform.tools.replay.locations import LocationNames
    from fastxform.tools.replay.sender import Sender, make_client
    from fastxform.tools.replay.stores import Stored

    if not Path(options.input).is_file():
        raise InputError(f"{options.input}: is no file, so it cannot be read again: pipe it in, and name it -")
    status = Path(options.input).stat()
    stored = Stored(options.input, status.st_size, status.st_mtime_ns)
    path = sending.journal_path(options, "put", target, [options.input])
    rate_limit = sending.rate_limit_of(options, target)
    client = make_client(target, rate_limit.workers)
    journal: Journal = sending.open_journal(path, target, [stored], console)
    names = LocationNames([file.name for file in journal.ledger.files], are_lines=False)
    try:
        sending.note_resumed(journal, names, console)
        progress = sending.SendingProgress(console, reader.done_share)
        sender = Sender(target, client, rate_limit, journal, progress=progress)
        try:
            sending.send(sender, _outgoing(reader, journal.ledger, console), progress, console)
        finally:
            code = sent.report(sender.sent, target, names, console)
        if options.journal is None and (code == 0 or not journal.ledger.is_started()):
            journal.remove()
        else:
            console.note(f"{path}: the journal; the same command sends what is not acknowledged in it, and no more")
    finally:
        journal.close()
    if options.json:
        console.json(sent.as_json(sender.sent, target, names, journal.ledger))
    sending.leave(sender.sent, console)
    return code


def _pipe(options: argparse.Namespace, target: "Target", reader: InputReader, console: Console) -> int:
    """Send the records of standard input; what could not be sent goes to a file."""
    from fastxform.tools.replay.locations import LocationNames
    from fastxform.tools.replay.sender import Sender, make_client

    names = LocationNames([reader.name], are_lines=False)
    rate_limit = sending.rate_limit_of(options, target)
    client = make_client(target, rate_limit.workers)
    unsent = _Unsent(options.unsent)
    progress = sending.SendingProgress(console, reader.done_share)
    sender = Sender(target, client, rate_limit, progress=progress, unsent=unsent)
    outgoing = _outgoing(reader, None, console)
    with contextlib.closing(unsent):
        try:
            sending.send(sender, outgoing, progress, console)
            if sender.sent.problem is not None:  # an interrupt is meant for the one who writes, too
                for record in outgoing:
                    unsent(record)
        finally:
            code = sent.report(sender.sent, target, names, console)
            if unsent.records:
                console.note(
                    f"{unsent.path}: {number_of(unsent.records, 'record')} not sent, for fastxform replay --put"
                )
    if options.json:
        console.json(sent.as_json(sender.sent, target, names) | {"unsent": unsent.records and str(unsent.path)})
    sending.leave(sender.sent, console)
    return code


def _outgoing(reader: InputReader, ledger: "PutLedger | None", console: Console) -> "Iterator[Outgoing]":
    from fastxform.tools.replay.outgoing import Outgoing

    for number, item in enumerate(read_source(reader, console).items, 1):
        if ledger is None or not ledger.is_acknowledged(0, number):
            yield Outgoing(0, number, item.data, item.partition_key)


class _Unsent:
    """A file for records that could not be sent, made when there is one."""

    def __init__(self, name: str | None) -> None:
        self.path = Path(name or f"fastxform-unsent-{os.getpid()}.jsonl")
        self.records = 0
        self._file: IO[Any] | None = None

    def __call__(self, record: "Outgoing") -> None:
        """Write one record."""
        from fastxform.tools.replay.failures import unsent_line

        try:
            if self._file is None:
                self._file = self.path.open("xb")
            self._file.write(unsent_line(record.data, record.partition_key))
        except OSError as err:
            raise InputError(f"{self.path}: {err.strerror or err}, so what was not sent has no place") from err
        self.records += 1

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
