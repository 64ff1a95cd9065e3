"""`fastxform replay`: reads what failed, says what went wrong, runs it again or sends it back.

Reading, grouping, running and sending are `fastxform.tools.replay`'s; here they are put together and printed.
Invariant: nothing is sent without `--yes`, and nothing that was read is changed or removed.
"""

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform.cli import failed, sending, sent
from fastxform.cli.console import Console, amount, number_of, visible
from fastxform.cli.parser import whole
from fastxform.cli.progress import Progress
from fastxform.errors import DROPPED, OK, InputError

if TYPE_CHECKING:
    from fastxform.pipeline import Pipeline
    from fastxform.puts.api import Target
    from fastxform.tools.replay.dry_run import DryRunResult
    from fastxform.tools.replay.failures import Broken, Failure
    from fastxform.tools.replay.journal import Journal
    from fastxform.tools.replay.ledger import PutLedger
    from fastxform.tools.replay.locations import LocationNames
    from fastxform.tools.replay.outgoing import Outgoing, Sent
    from fastxform.tools.replay.stores import Stored

HELP: Final = "read failed records, say what went wrong, run them again or send them back"

EPILOG: Final = (
    "PATH is an object of Firehose's error prefix, a directory (hidden files in it are passed over) or an s3://BUCKET/"
    "PREFIX; gzip is decompressed. With --config the table says what the transform makes of each record today, and "
    "--put leaves out those that would fail again. What failed behind the transform (format conversion, Iceberg, "
    "OpenSearch...) is not what the stream got, and is neither run nor sent without --after-transform. "
    + sending.STREAM_HELP
)

_BROKEN_SHOWN: Final = 10

EXAMPLES: Final = (
    ("fastxform replay s3://bucket/processing-failed/", "what failed, by error code"),
    ("fastxform replay failed/ --config orders.toml --put orders --yes", "send back what would succeed today"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add(
        "paths",
        metavar="PATH",
        nargs="+",
        help="where failed records are: file, directory, s3:// URI, - for standard input",
    )
    add = parser.add_argument_group("what is read, and what is reported").add_argument
    add("--error-code", action="append", metavar="CODE", help="only records that failed so; may be repeated")
    add("--after-transform", action="store_true", help="take what failed behind the transform for originals")
    add("--examples", type=whole(0, 100), default=3, metavar="N", help="examples of each group (default 3)")
    add("--show-data", action="store_true", help="print the beginning of the examples' records")
    add("--strict", action="store_true", help="exit code 1 if a line is broken or a record fails again")
    add("--json", action="store_true", help="one JSON object")
    add = parser.add_argument_group("run again").add_argument
    add("--config", metavar="FILE", help="run the records through this transform")
    add("--out", metavar="DIR", help="with --config: write what comes out to a directory or s3://BUCKET/PREFIX")
    add = parser.add_argument_group("send back").add_argument
    add("--put", metavar="STREAM", help="send the originals to this stream; a dry run without --yes")
    add("--yes", action="store_true", help="with --put: send them")
    sending.configure(add)


def execute(options: argparse.Namespace, console: Console) -> int:
    """Read, and do what was asked for."""
    from fastxform.pipeline import Pipeline
    from fastxform.tools.replay import stores

    _check(options)
    target = sending.target_of(options.put) if options.put is not None else None
    pipeline = Pipeline.load(options.config) if options.config is not None else None
    files = stores.find(options.paths, console.note)
    run = _ReplayRun(options, files, pipeline, console)
    code = 0
    if target is None:
        run.write()
    elif options.yes:
        code = run.send(target)
    else:
        run.forecast(target)
    run.print()
    if run.sent is not None:
        sending.leave(run.sent, console)
    return code or run.code()


def _check(options: argparse.Namespace) -> None:
    from fastxform.tools.replay.output import check_apart

    if options.out is not None and options.config is None:
        raise InputError("--out writes what a transform gives: it needs --config")
    if options.out is not None and options.put is not None:
        raise InputError("--out and --put would deliver the records twice: choose one")
    if options.yes and options.put is None:
        raise InputError("--yes says that records are sent: it needs --put")
    if options.put is not None and "-" in options.paths:
        raise InputError("standard input cannot be read again, so that puts could not be resumed: name a file")
    if options.out is not None:
        check_apart(options.out, options.paths)


class _ReplayRun:
    """One run over the objects, and what is to be reported."""

    def __init__(
        self, options: argparse.Namespace, files: "list[Stored]", pipeline: "Pipeline | None", console: Console
    ) -> None:
        from fastxform.tools.replay.groups import Groups
        from fastxform.tools.replay.locations import LocationNames

        self.groups = Groups(options.examples)
        self.sent: Sent | None = None
        self._options, self._pipeline, self._console = options, pipeline, console
        self._files = files
        self._names: LocationNames = LocationNames([stored.name for stored in files])
        self._broken: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._document: dict[str, Any] = {}
        self._read_bytes = 0

    def write(self) -> None:
        """Read everything, and write what the transform gives where that was asked for."""
        from fastxform.tools.replay.output import ReplayOutput

        if self._options.out is None or self._pipeline is None:
            with Progress(self._console, share=self._share) as progress:
                for _ in progress.over(self._results(enumerate(self._files))):
                    pass
            return
        suffix = f".{self._pipeline.spec.output.format}"
        progress = Progress(self._console, share=self._share)
        with ReplayOutput(self._options.out, self._digest(), suffix) as output, progress:
            for finding in progress.over(self._results(enumerate(self._files))):
                if finding.row is not None:
                    output.row(finding.row, finding.metadata)
                elif finding.today != DROPPED:
                    output.failed(finding.failure.text)
        self._document["out"] = {"objects": output.objects, "bytes": output.bytes_written}
        self._console.note(
            f"{number_of(output.objects, 'object')} in {self._options.out} ({amount(output.bytes_written)})"
        )

    def forecast(self, target: "Target") -> None:
        """Say what would be sent."""
        path = sending.journal_path(self._options, "replay", target, self._options.paths)
        ledger = sending.read_journal(path, target)
        numbered = _numbered(self._files, ledger.files if ledger else [])
        self._names = _names(numbered)
        forecast = sent.Forecast(target, sending.rate_limit_of(self._options, target))
        with Progress(self._console, share=self._share) as progress:
            forecast.run(progress.over(self._outgoing(self._results(numbered), ledger)))
        self._note_left_out()
        self._document["put"] = forecast.as_json()
        changed = sorted(self._pipeline.spec.changed_tables) if self._pipeline is not None else []
        if changed:
            tables = ", ".join(".".join(name) for name in changed)
            self._console.note(
                f"in {tables} what is sent now overwrites newer changes of the same rows; compare them first"
            )
        self._console.note(f"{forecast.line()}; --yes sends them")

    def send(self, target: "Target") -> int:
        """Send the originals."""
        from fastxform.tools.replay.sender import Sender, make_client

        rate_limit = sending.rate_limit_of(self._options, target)
        client = make_client(target, rate_limit.workers)
        path = sending.journal_path(self._options, "replay", target, self._options.paths)
        journal: Journal = sending.open_journal(path, target, self._files, self._console)
        try:
            numbered = _numbered(self._files, journal.ledger.files)
            self._names = _names(numbered)
            sending.note_resumed(journal, self._names, self._console)
            progress = sending.SendingProgress(self._console, self._share)
            sender = Sender(target, client, rate_limit, journal, progress=progress)
            outgoing = self._outgoing(self._results(numbered), journal.ledger)
            try:
                sending.send(sender, outgoing, progress, self._console)
            finally:
                self._note_left_out()
                code = sent.report(sender.sent, target, self._names, self._console)
            is_needed = self._options.journal is not None or journal.ledger.is_started()
            if not is_needed:
                journal.remove()
        finally:
            journal.close()
        if is_needed:
            self._console.note(
                f"{path}: the journal; the same command sends what is not acknowledged in it, and no more"
            )
        self._document["put"] = sent.as_json(sender.sent, target, self._names, journal.ledger) | {"journal": str(path)}
        self.sent = sender.sent
        return code

    def print(self) -> None:
        """Print the groups."""
        for what, count in self._broken.items():
            if count > _BROKEN_SHOWN:
                self._console.note(f"and {number_of(count - _BROKEN_SHOWN, 'more line')}: {what}")
        if self._options.json:
            document = {
                "objects": len(self._files),
                "records": self.groups.records,
                "bytes": self.groups.size_bytes,
                "broken": dict(self._broken),
                "groups": [failed.as_json(group, self._names, self._options) for group in self.groups],
            }
            self._console.json(document | self._document)
            return
        for line in failed.table(self.groups, self._names, self._options):
            self._console.line(line)
        broken = f", {number_of(self._broken.total(), 'broken line')}" if self._broken else ""
        self._console.note(
            f"{number_of(self.groups.records, 'failed record')} in {number_of(len(self._files), 'object')}{broken}"
        )

    def code(self) -> int:
        """Return the exit code of what was read."""
        if self._broken and not self.groups.records:
            return 1
        again = any(group.today not in (None, OK, DROPPED) for group in self.groups)
        return 1 if self._options.strict and (self._broken or again) else 0

    def _results(self, numbered: "Iterable[tuple[int, Stored]]") -> "Iterator[DryRunResult]":
        """Yield the records with what is reported of them today, and count them."""
        from fastxform.tools.replay.dry_run import dry_run

        for finding in dry_run(self._failures(numbered), self._pipeline, after_transform=self._options.after_transform):
            self.groups.add(finding.failure, finding.today)
            yield finding

    def _failures(self, numbered: "Iterable[tuple[int, Stored]]") -> "Iterator[Failure]":
        from fastxform.tools.replay.failures import Broken, read

        codes = self._options.error_code and set(self._options.error_code)
        for file, stored in numbered:
            for failure in read(file, stored):
                if isinstance(failure, Broken):
                    self._note_broken(failure)
                elif not codes or failure.code in codes:
                    yield failure
            self._read_bytes += stored.size_bytes

    def _outgoing(self, findings: "Iterator[DryRunResult]", ledger: "PutLedger | None") -> "Iterator[Outgoing]":
        """Yield the records that are to be sent."""
        from fastxform.tools.replay.groups import AFTER
        from fastxform.tools.replay.outgoing import Outgoing

        for finding in findings:
            failure = finding.failure
            if ledger is not None and ledger.is_acknowledged(failure.file, failure.line):
                self._left_out["acknowledged before"] += 1
            elif finding.today == AFTER:
                self._left_out["failed behind the transform, so are not what the stream got"] += 1
            elif not finding.is_taken:
                self._left_out[f"would fail again: {finding.today}"] += 1
            else:
                yield Outgoing(failure.file, failure.line, failure.data, failure.partition_key)

    def _note_broken(self, broken: "Broken") -> None:
        self._broken[broken.what] += 1
        if self._broken[broken.what] <= _BROKEN_SHOWN:
            self._console.note(f"{visible(self._names.location(broken.file, broken.line))}: {broken.what}")

    def _note_left_out(self) -> None:
        for why, count in self._left_out.items():
            self._console.note(f"{number_of(count, 'record')} left out: {why}")
        self._document["left_out"] = dict(self._left_out)

    def _share(self) -> float | None:
        total = sum(stored.size_bytes for stored in self._files)
        return self._read_bytes / total if total else None

    def _digest(self) -> str:
        """Return a word for the input and the configuration."""
        hashed = hashlib.sha256(Path(self._options.config).read_bytes())
        for stored in self._files:
            hashed.update(repr((*stored, self._options.error_code, self._options.after_transform)).encode())
        return hashed.hexdigest()[:12]


def _numbered(files: "list[Stored]", known: "list[Stored]") -> "list[tuple[int, Stored]]":
    """Return the objects with their numbers in the journal, those that it knows first."""
    numbers = {stored.name: number for number, stored in enumerate(known)}
    for stored in files:
        numbers.setdefault(stored.name, len(numbers))
    return sorted((numbers[stored.name], stored) for stored in files)


def _names(numbered: "list[tuple[int, Stored]]") -> "LocationNames":
    from fastxform.tools.replay.locations import LocationNames

    names = [""] * (numbered[-1][0] + 1 if numbered else 0)
    for number, stored in numbered:
        names[number] = stored.name
    return LocationNames(names)
