"""`fastxform play`: the playground, a page on this machine.

The page is `fastxform.tools.play`'s. Invariant: it listens on loopback alone.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastxform.cli.console import Console
from fastxform.cli.inputs import read_document
from fastxform.cli.parser import whole
from fastxform.errors import InputError

HELP: Final = "try a configuration in the browser: mistakes, rows and reasons while you type"

EPILOG: Final = (
    "The page is on this machine (127.0.0.1) alone and answers no page of another site. Save writes CONFIG, where one "
    "is named. Needs the extra play: pip install 'fastxform[play]'."
)

EXAMPLES: Final = (
    ("fastxform play", "begins with an example"),
    ("fastxform play orders.toml sample.jsonl", "your configuration beside your records"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="the transform; Save writes it")
    parser.add_argument("sample", metavar="SAMPLE", nargs="?", help="records, a Firehose event, or one document")
    parser.add_argument("--port", type=whole(1, 65_535), default=8_573, metavar="P", help="default 8573")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def execute(options: argparse.Namespace, console: Console) -> int:
    """Serve the page until an interrupt."""
    if find_spec("nicegui") is None:
        raise InputError("the playground needs NiceGUI: pip install 'fastxform[play]'")
    from fastxform.tools.play import page, session

    config, sample = session.example(session.EXAMPLES[0])
    path = None
    if options.config is not None:
        path = Path(options.config)
        config = _text(options.config) if path.exists() else config
    if options.sample is not None:
        sample = _text(options.sample)
    console.note(f"the playground is at http://{page.HOST}:{options.port}; Ctrl-C ends it")
    page.serve(options.port, config, sample, path, show=not options.no_browser)
    return 0


def _text(name: str) -> str:
    try:
        return read_document(name).decode()
    except UnicodeDecodeError as err:
        raise InputError(f"{name}: is not UTF-8") from err
