"""`fastxform init`: writes a configuration, a copy of an example or one inferred from sample records.

Inferring is `fastxform.tools.inference`'s, the examples lie in `fastxform/examples`; here they are only found and
written. Invariant: a file that exists stays as it is unless it is to be overwritten, and what is written passes
`check` and `test`.
"""

import argparse
import json
import os
import re
import tomllib
from collections import Counter
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastxform.cli.console import Console, counted, number_of
from fastxform.cli.inputs import open_reader, read_source
from fastxform.cli.progress import Progress
from fastxform.errors import InputError
from fastxform.tools.files import create, replace

if TYPE_CHECKING:
    from fastxform.tools.inference.draft import Inferred

HELP: Final = "write a configuration: a preset, or one inferred from sample records"

PRESETS: Final[dict[str, str]] = {
    "dynamotest": "DynamoDB changes to CSV, the two attributes of the key",
    "cities": "DynamoDB changes to typed CSV, the item as it is or was",
    "change-capture": "DynamoDB changes to an Iceberg table: insert, update, delete",
    "debezium": "change events of Debezium in envelopes to Iceberg tables, by the source's table",
    "debezium-unwrapped": "rows of Debezium, unwrapped, to an Iceberg table",
    "dms": "changes that AWS DMS writes to Kinesis to Iceberg tables",
    "documents": "DynamoDB items as JSON documents, whole",
    "streams": "a DynamoDB Streams batch to CSV",
    "ticker": "JSON to CSV with a filter and patterns",
    "readings": "several JSON documents in one record, under partition keys",
    "ses": "Amazon SES events to three Iceberg tables",
    "cloudwatch-logs": "compressed CloudWatch Logs messages to JSON lines",
    "lambda-logs": "JSON log lines of functions out of CloudWatch Logs, by application and day",
    "vpc-flow": "VPC flow log lines out of CloudWatch Logs to CSV",
    "cloudfront-realtime": "real-time log lines of CloudFront, tab-separated, to CSV",
    "order-lines": "the lines of an order in a DynamoDB item, a CSV row each",
    "lookups": "orders with names of countries and segments of customers, out of files beside it",
    "dynamodb-export": "full and incremental DynamoDB exports, and the stream, to CSV",
}
"""The presets and what each does; the README's own example has no tests, so it is none."""

EPILOG: Final = (
    "The presets:\n"
    + "".join(f"  {name:<20} {says}\n" for name, says in PRESETS.items())
    + "\nA sample is what INPUT is elsewhere (fastxform run --help): lines, an event, what the AWS CLI prints, gzip.\n"
    "DynamoDB changes (both shapes), exports and items, SES events and CloudWatch Logs messages are recognised, so\n"
    "are lines of text and their formats, several documents in a record, JSON in texts, and lists of objects; all\n"
    "else is plain JSON. Rare members share a column (`rest`) where they are many, and an object of few members may\n"
    "be spread in JSON output. Types are those that every record of the sample fits, with room for longer numbers.\n"
    "Values of the sample go into comments and tests.\n"
)

SCHEMA: Final = "fastxform.schema.json"
"""The file beside a configuration that editors complete it by."""

_SAMPLE: Final = re.compile(r"\bsample\.(?:jsonl?|txt)\b")

EXAMPLES: Final = (
    ("fastxform init --preset ses --out ses.toml", "an example to begin with"),
    ("fastxform init --sample records.jsonl --out orders.toml", "columns and types of your records"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--preset", metavar="NAME", help="an example that comes with fastxform, see below")
    parser.add_argument("--sample", metavar="FILE", help="records to infer a configuration from; - is standard input")
    parser.add_argument(
        "--format", choices=("csv", "json"), help="with --sample: the output; CSV unless a value is an object or a list"
    )
    parser.add_argument("--out", metavar="FILE", default="-", help="where to write it (default standard output)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    parser.add_argument("--json", action="store_true", help="one JSON object about what was written")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Write the configuration, and say what it is made of."""
    _check(options)
    if options.preset is not None:
        return _preset(options, console)
    with open_reader(options.sample) as reader:
        from fastxform.tools.inference.inference import infer

        source = read_source(reader, console)
        with Progress(console, share=reader.done_share) as progress:
            inferred = infer((item.data for item in progress.over(source.items)), reader.name, options.format)
    _write(options, inferred.text, console)
    _report(inferred, options, console)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is read.

    Raises:
        InputError: it does not.
    """
    if (options.preset is None) == (options.sample is None):
        both = "not both" if options.preset is not None else f"the presets are {', '.join(PRESETS)}"
        raise InputError(f"init takes one of --preset NAME and --sample FILE; {both}")
    if options.preset is not None and options.format is not None:
        raise InputError("--format goes with --sample; the output of a preset is in its [output]")
    if options.preset is not None and options.preset not in PRESETS:
        from fastxform.errors import nearest, shown

        raise InputError(f"there is no preset {shown(options.preset)}; {nearest(options.preset, PRESETS)}")
    if options.out != "-" and Path(options.out).is_dir():
        raise InputError(
            f"{options.out}: is a directory; name the file, such as {Path(options.out) / 'transform.toml'}"
        )
    if options.out != "-" and not Path(options.out).parent.is_dir():
        raise InputError(f"{options.out}: there is no directory {Path(options.out).parent}; make it first")
    if options.out != "-" and not options.force and os.path.lexists(options.out):
        raise InputError(f"{options.out}: exists; --force overwrites it")


def _preset(options: argparse.Namespace, console: Console) -> int:
    """Write an example, and beside it its sample and the files that it names; the comments keep naming the sample."""
    from fastxform.config.files import named_files
    from fastxform.errors import one_line

    home = files("fastxform") / "examples" / options.preset
    text = (home / f"{options.preset}.toml").read_text(encoding="utf-8")
    named = named_files(tomllib.loads(text), Path(str(home)))
    sample = next(entry for entry in home.iterdir() if _SAMPLE.fullmatch(entry.name))
    copy = _sample_name(options.out, sample)
    text = _SAMPLE.sub(lambda match: one_line(copy), text)
    if options.out != "-":
        text = text.replace(f"{options.preset}.toml", one_line(options.out))
        sources = [sample, *(home / name for name in named)]
        named = [str(Path(options.out).with_name(name)) for name in named]
        _write_all(dict(zip([copy, *named], sources, strict=True)), options.force)
    else:
        named = [str(home / name) for name in named]
    _write(options, text, console)
    if options.json:
        written = {"preset": options.preset, "config": options.out, "sample": copy, "files": named}
        console.json({**written, **_text(options, text)})
    elif options.out != "-":
        beside = f", and beside it are {', '.join(named)}" if named else ""
        console.note(f"{options.out}: the preset {options.preset}; its sample is {copy}{beside}")
        console.note(_next(options.out))
    elif named:
        console.note(f"copy {', '.join(named)} to where the configuration will be")
    return 0


def _sample_name(out: str, sample: Traversable) -> str:
    """Return where the sample of a preset is found: beside the configuration, or where it is installed."""
    if out == "-":
        return str(sample)
    path = Path(out)
    return str(path.with_name(f"{path.stem}-{sample.name}"))


def _write(options: argparse.Namespace, text: str, console: Console) -> None:
    """Write the configuration; a file gets the schema beside it, which its first line names to editors."""
    if options.out != "-":
        _write_file(options.out, f"#:schema ./{SCHEMA}\n{text}".encode(), options.force)
        _write_schema(Path(options.out).with_name(SCHEMA))
    elif not options.json:
        console.data(text.encode())


def _write_schema(path: Path) -> None:
    """Write the schema of this version, over one of another version, but over nothing else."""
    from fastxform.cli.commands import schema
    from fastxform.config.schema import json_schema

    content = f"{schema.text()}\n".encode()
    try:
        if not (path.exists() or path.is_symlink()):
            create(path, content)
        elif path.is_file() and not path.is_symlink() and _title(path.read_bytes()) == json_schema()["title"]:
            replace(path, content)
    except OSError as err:
        raise InputError(f"{path}: {err.strerror or err}") from err


def _title(text: bytes) -> object:
    """Return the title of a JSON Schema; None of anything else."""
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return schema.get("title") if isinstance(schema, dict) and "$schema" in schema else None


def _write_file(name: str, content: bytes, force: bool) -> None:
    """Write a file whole.

    Raises:
        InputError: it exists and is not to be overwritten, or it cannot be written.
    """
    try:
        (replace if force else create)(Path(name), content)
    except FileExistsError as err:
        raise InputError(f"{name}: exists; --force overwrites it") from err
    except (OSError, ValueError) as err:
        raise InputError(f"{name}: {getattr(err, 'strerror', None) or err}") from err


def _write_all(sources: dict[str, Traversable], force: bool) -> None:
    """Write copies of files, all of them or, where one exists, none."""
    there = next((name for name in sources if os.path.lexists(name)), None)
    if there is not None and not force:
        raise InputError(f"{there}: exists; --force overwrites it")
    for name, source in sources.items():
        _write_file(name, source.read_bytes(), force)


def _report(inferred: "Inferred", options: argparse.Namespace, console: Console) -> None:
    if options.json:
        console.json(
            {
                "config": options.out,
                "family": next(iter(inferred.families)),
                "families": inferred.families,
                "skipped": inferred.skipped,
                "is_partial": inferred.is_partial,
                "columns": inferred.columns,
                "tests": inferred.tests,
                "results": inferred.results,
                **_text(options, inferred.text),
            }
        )
        return
    for line in _lines(inferred):
        console.note(line)
    if options.out != "-":
        console.note(_next(options.out))


def _lines(inferred: "Inferred") -> list[str]:
    """Return what the user sees of an inferred configuration."""
    (family, count), *others = inferred.families.items()
    lines = []
    if inferred.is_partial:
        lines.append("the sample has more records than are read; the first ones decide")
    failed = Counter({reason: count for reason, count in inferred.skipped.items() if reason != "empty"})
    if failed:
        lines.append(f"{failed.total()} skipped, which would be ProcessingFailed: {counted(failed)}")
    if empty := inferred.skipped["empty"]:
        lines.append(f"{number_of(empty, 'empty record')} skipped, which would be Dropped")
    if others:
        rest = ", ".join(f"{number} {name}" for name, number in others)
        lines.append(f"the sample mixes families: {count} {family}, {rest}; the configuration is for {family} alone")
    lines += inferred.notes
    made = f"{number_of(count, 'record')}, {number_of(inferred.columns, 'column')}, {number_of(inferred.tests, 'test')}"
    tried = inferred.results.total()
    outcome = f"of {tried} tried: {counted(inferred.results)}" if tried else "none was small enough to be tried"
    return [*lines, f"{inferred.title}: {made}; {outcome}"]


def _text(options: argparse.Namespace, text: str) -> dict[str, str]:
    """Return the configuration itself where it is written nowhere else."""
    return {"text": text} if options.out == "-" else {}


def _next(name: str) -> str:
    return f"next: fastxform check {name}; fastxform test {name}"
