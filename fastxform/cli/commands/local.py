"""`fastxform local`: a delivery stream on this machine that any AWS SDK puts records to.

The stream and its server are `fastxform.tools.simulator.local`; here they are started, and what happens is shown.
Invariant: the server is on loopback alone; it ends with an interrupt, after everything that it took is worked off.
"""

import argparse
import contextlib
import io
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastxform import limits
from fastxform.cli.commands.simulate import read_stream_name
from fastxform.cli.console import Console, counted, explain, number_of
from fastxform.cli.parser import number, whole
from fastxform.cli.tables import summary
from fastxform.errors import InputError

if TYPE_CHECKING:
    from fastxform.tools.simulator.local import LocalFirehose

HELP: Final = "a delivery stream on this machine that boto3, the AWS CLI and other SDKs put to"

EPILOG: Final = (
    "The stream buffers in real time, invokes the transform, checks its answers against the contract of Firehose, puts "
    "back what does not fit, and writes objects under DIR as `fastxform simulate` does. An interrupt (Ctrl-C) delivers "
    "what waits and ends it. The AWS credentials of a client are not checked. How AWS accounts a buffer exactly is "
    "UNVERIFIED. Rows for Iceberg tables are objects under iceberg/, or with --tables rows of real tables there, which "
    "are made as `fastxform ddl` has them: a catalog in SQLite and the data beside it, for PyIceberg, DuckDB or Spark; "
    "columns with a `schema` are structs, lists and maps. A directory that holds anything else is left as it is. "
    "How AWS names the errors of rows that no table takes is UNVERIFIED.\n\n"
    "With --function another function is invoked in the place of the transform: module:name of Python, or the URL of "
    "AWS's runtime interface emulator, behind which a function in any language runs. CONFIG is then left out."
)

EXAMPLES: Final = (
    ("fastxform local cities.toml --stream cities", "records for `cities` go to http://127.0.0.1:4573"),
    ("fastxform local change-capture.toml --stream shop --tables lake", "Iceberg tables in the directory lake"),
    ("fastxform local --function app:handler --stream orders", "the function `handler` of app.py"),
    ("fastxform local --function http://127.0.0.1:9000 --stream orders", "a container image under the emulator"),
)

PORT: Final = 4573
"""Where local emulators of AWS have long had Firehose."""

_LOOK_SECONDS: Final = 0.25
_LOG_SECONDS: Final = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("config", metavar="CONFIG", nargs="?", help="the transform")
    add("--stream", required=True, type=read_stream_name, metavar="NAME", help="name of the delivery stream")
    add("--out", metavar="DIR", help="where the objects go (default: NAME in the current directory)")
    add("--tables", metavar="DIR", help="write the rows of Iceberg tables to real tables there (extra iceberg)")
    add("--force", action="store_true", help="write into a directory that holds something else")
    add("--function", metavar="FUNCTION", help="invoke this instead of a transform: module:name, or a URL")
    add("--port", type=whole(0, 65_535), default=PORT, metavar="P", help=f"0 takes a free one (default {PORT})")
    add(
        "--buffer-mb",
        type=number(limits.BUFFER_SIZE_MIN_MB, limits.BUFFER_SIZE_MAX_MB),
        default=limits.BUFFER_SIZE_DEFAULT_MB,
        metavar="MB",
        help=f"buffer size hint (default {limits.BUFFER_SIZE_DEFAULT_MB:g})",
    )
    add(
        "--buffer-seconds",
        type=number(0, limits.BUFFER_INTERVAL_MAX_SECONDS),
        default=5.0,
        metavar="S",
        help="buffer interval hint (default 5, where AWS has 60)",
    )


def execute(options: argparse.Namespace, console: Console) -> int:
    """Serve the stream until an interrupt, and print what became of its records."""
    from fastxform.pipeline import Pipeline
    from fastxform.tools.simulator.firehose import StreamSettings
    from fastxform.tools.simulator.layout import DirectorySink
    from fastxform.tools.simulator.local import LocalFirehose, function_of
    from fastxform.tools.simulator.local_tables import LocalTables
    from fastxform.tools.simulator.wire import ResourceNames

    if (options.config is None) == (options.function is None):
        raise InputError("local takes one of CONFIG and --function FUNCTION")
    name = options.stream
    function = function_of(options.function) if options.function else Pipeline.load(options.config)
    tables = LocalTables(Path(options.tables)) if options.tables else None
    writer = tables.writer(function.spec if isinstance(function, Pipeline) else None) if tables else None
    out = options.out or name
    sink = DirectorySink(Path(out))
    sink.prepare(options.force)
    settings = StreamSettings(
        names=ResourceNames(stream=name),
        buffer_bytes=int(options.buffer_mb * 2**20),
        buffer_interval_ms=int(options.buffer_seconds * 1000),
    )
    try:
        local = LocalFirehose(function, sink, settings, port=options.port, tables=writer)
    except OSError as err:
        raise InputError(f"port {options.port}: {err.strerror or err}; --port 0 takes a free one") from err
    with contextlib.redirect_stdout(io.StringIO()), _interrupted() as stopped, local:
        _introduce(local, out, console)
        with _shown(local, console) as show:
            while not stopped.wait(_LOOK_SECONDS):
                show()
            console.note("stopping: what waits is delivered")
    rows = list(_rows(local))
    if tables is not None:
        rows += [("table", f"{table}: {number_of(count, 'row')}") for table, count in tables.counts()]
    for line in summary(rows, f"stream {name}", {"delivered": "green", "response": "yellow", "failed as": "red"}):
        console.line(line)
    if tables is not None:
        console.note(f"the catalog of the tables is {tables.uri}")
        tables.close()
    return 0


@contextlib.contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Have an interrupt, or a request to end, set an event."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _introduce(local: "LocalFirehose", out: str, console: Console) -> None:
    variables = " ".join(f"{name}={value}" for name, value in local.environment.items())
    console.note(f"stream {local.name} takes records at {local.url}, and writes objects under {out}")
    console.note(f"  export {variables}")
    console.note(
        f"  aws firehose put-record --delivery-stream-name {local.name} "
        '--cli-binary-format raw-in-base64-out --record \'{"Data":"{}"}\''
    )


@contextlib.contextmanager
def _shown(local: "LocalFirehose", console: Console) -> Iterator[Callable[[], None]]:
    """Show the totals: a live table at a terminal with colours, else a line when they have changed."""
    if console.has_colours:
        from rich.console import Console as Rich
        from rich.live import Live

        rich = Rich(stderr=True)
        with Live(_table(local), console=rich, auto_refresh=False, transient=True) as live:
            yield lambda: live.update(_table(local), refresh=True)
        return
    seen: list[Any] = [None, 0.0]

    def show() -> None:
        totals = _counts(local)
        if totals != seen[0] and time.monotonic() - seen[1] >= _LOG_SECONDS:
            seen[:] = totals, time.monotonic()
            console.note(", ".join(f"{count} {name}" for name, count in totals.items()))

    yield show


def _counts(local: "LocalFirehose") -> dict[str, int]:
    from fastxform.tools.simulator.local import summary_of

    return dict(summary_of(local.totals, local.firehose.delivery.objects))


def _table(local: "LocalFirehose") -> Any:
    from rich.table import Table

    table = Table(title=local.name, title_justify="left")
    counts = _counts(local)
    for name in counts:
        table.add_column(name, justify="right")
    table.add_row(*(f"{count:,}" for count in counts.values()))
    return table


def _rows(local: "LocalFirehose") -> Iterator[tuple[str, str]]:
    """Yield what became of the records: names, and what is to say of each."""
    totals = local.totals
    for name, count in _counts(local).items():
        yield name, str(count)
    if totals.failed:
        yield "failed as", counted(totals.failed)
    for reason, count in sorted(totals.reasons.items()):
        yield f"  {count}", explain(reason)
    for error, count in totals.errors.items():
        yield f"  {count}", error
    for finding in totals.findings.values():
        yield "response", str(finding)
