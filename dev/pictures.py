"""The pictures of the README: `python -m dev.pictures` draws them, `--play` also takes those of the playground.

`terminal.svg` is what the command prints at a terminal, recorded; `batch.svg` is the way of a batch; `play-light.png`
and `play-dark.png` are the page in headless Chromium. Invariant: an SVG has no fonts, scripts or images from elsewhere,
and is the same bytes for the same output of the command.
"""

import contextlib
import io
import os
import pty
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.syntax import Syntax
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).parent.parent
PICTURES: Final = ROOT / "docs" / "pictures"
EXAMPLE: Final = ROOT / "fastxform" / "examples" / "readme"
COLUMNS: Final = 92

# What GitHub's dark theme has, so that the picture looks at home on light and on dark pages.
_NORMAL: Final = "484f58 ff7b72 3fb950 d29922 58a6ff bc8cff 39c5cf b1bac4"
_BRIGHT: Final = "6e7681 ffa198 56d364 e3b341 79c0ff d2a8ff 56d4dd ffffff"


def _colours(words: str) -> list[tuple[int, int, int]]:
    return [(value >> 16, value >> 8 & 255, value & 255) for value in (int(word, 16) for word in words.split())]


_THEME: Final = TerminalTheme((13, 17, 23), (230, 237, 243), _colours(_NORMAL), _colours(_BRIGHT))

_FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>fastxform run readme.toml sample.jsonl: the file, two rows, two failed records with their reasons</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ display: none; }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


# -- the terminal


def recorded(command: str, directory: Path) -> str:
    """Return what a command prints at a terminal of `COLUMNS` columns, with its colours."""
    theirs, ours = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LC_ALL": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    words = [sys.executable, "-m", *shlex.split(command)]
    running = subprocess.Popen(words, cwd=directory, env=environment, stdout=ours, stderr=ours)
    os.close(ours)
    chunks = []
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(theirs, 65_536):
            chunks.append(chunk)
    os.close(theirs)
    if running.wait() != 0:
        raise RuntimeError(f"{command}: {b''.join(chunks).decode()}")
    return b"".join(chunks).decode().replace("\r\n", "\n")


def terminal() -> str:
    """Return the picture of the README's ten lines and what comes of them."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text("$ cat readme.toml", style="bold"))
    source = (EXAMPLE / "readme.toml").read_text(encoding="utf-8")
    console.print(Syntax(source.rstrip("\n"), "toml", theme="github-dark", background_color="default"))
    command = "fastxform run readme.toml sample.jsonl"
    console.print()
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(recorded(command, EXAMPLE).rstrip("\n")))
    drawn = console.export_svg(
        title="fastxform run readme.toml sample.jsonl", theme=_THEME, code_format=_FORMAT, unique_id="terminal"
    )
    drawn = re.sub(r' clip-path="[^"]*"', "", drawn)  # which cuts descenders off in other fonts than Rich's
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


# -- the way of a batch

_STYLE: Final = """
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; text-anchor: middle }
.small { font-size: 12px; fill: #59636e }
.ours { fill: #ddf4ff; stroke: #0969da }
.theirs { fill: #f6f8fa; stroke: #8c959f }
.frame { fill: none; stroke: #8c959f; stroke-dasharray: 5 4 }
.way { fill: none; stroke: #59636e; stroke-width: 1.6; marker-end: url(#arrow) }
.head { fill: #59636e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .ours { fill: #121d2f; stroke: #4493f8 }
  .theirs { fill: #151b23; stroke: #656c76 }
  .frame { stroke: #656c76 }
  .way { stroke: #9198a1 }
  .head { fill: #9198a1 }
}
"""
_WIDTH: Final = 900
_HEIGHT: Final = 300
_BOXES: Final = (
    # left, top, width, class, title, what it does
    (16, 60, 120, "theirs", "Firehose", "a batch of records"),
    (196, 60, 120, "ours", "decode", "bytes to columns"),
    (346, 60, 120, "ours", "transform", "filter, route, type"),
    (496, 60, 120, "ours", "encode", "rows: CSV, JSON"),
    (646, 60, 120, "ours", "budget", "counts to 6 MB"),
    (646, 206, 120, "ours", "put back", "what does not fit"),
    (196, 206, 270, "theirs", "fastxform.toml", "columns, filter, routes, tests"),
    (16, 206, 120, "theirs", "stream", "comes again later"),
)
_WAYS: Final = (
    "M136 86 H192",
    "M316 86 H342",
    "M466 86 H492",
    "M616 86 H642",
    "M766 86 H826 V22 H76 V56",
    "M706 112 V202",
    "M706 262 V284 H76 V266",
    "M76 206 V120",
    "M256 206 V116",
    "M406 206 V116",
)
_LABELS: Final = (
    (450, 16, "response: Ok with rows, Dropped, ProcessingFailed with the original kept"),
    (400, 300, "acknowledged puts only; a failed put is ProcessingFailed, never lost"),
    (480, 52, "in Lambda"),
)


def batch() -> str:
    """Return the picture of the way of a batch."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT + 6}" role="img">',
        "<title>The way of a batch: Firehose, decode, transform, encode, budget, response; "
        "what does not fit goes back to the stream</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="head" d="M0 0 L10 5 L0 10 z" /></marker></defs>',
        '<rect class="frame" x="176" y="36" width="610" height="236" rx="10" />',
    ]
    parts += [f'<path class="way" d="{way}" />' for way in _WAYS]
    for left, top, width, kind, title, what in _BOXES:
        middle = left + width / 2
        parts += [
            f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="56" rx="8" />',
            f'<text x="{middle:g}" y="{top + 25}">{title}</text>',
            f'<text class="small" x="{middle:g}" y="{top + 43}">{what}</text>',
        ]
    parts += [f'<text class="small" x="{left}" y="{top}">{text}</text>' for left, top, text in _LABELS]
    return "\n".join([*parts, "</svg>"]) + "\n"


# -- the playground


@contextlib.contextmanager
def _playground() -> Iterator[str]:
    """Serve the playground with the README's example; the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = [str(EXAMPLE / "readme.toml"), str(EXAMPLE / "sample.jsonl")]
    command = [sys.executable, "-m", "fastxform", "play", *files, "--no-browser", "--port", str(port)]
    with subprocess.Popen(command) as running:
        while running.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield f"http://127.0.0.1:{port}/"
        running.send_signal(signal.SIGINT)
        running.wait(30)


def play(scheme: str) -> bytes:
    """Return the page of the playground as PNG; `scheme` is `light` or `dark`."""
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        raise RuntimeError("Chromium is needed and was not found; on Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1040"):
        options.add_argument(argument)
    with _playground() as address:
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            )
            browser.get(address)
            WebDriverWait(browser, 60).until(
                lambda one: "2 ProcessingFailed" in one.find_element(By.TAG_NAME, "body").text
            )
            image: bytes = browser.get_screenshot_as_png()
            return image
        finally:
            browser.quit()


SVGS: Final = {"terminal.svg": terminal, "batch.svg": batch}


def main(arguments: list[str]) -> int:
    """Draw the pictures."""
    PICTURES.mkdir(exist_ok=True)
    for name, draw in SVGS.items():
        (PICTURES / name).write_text(draw(), encoding="utf-8")
    if "--play" in arguments:
        for scheme in ("light", "dark"):
            (PICTURES / f"play-{scheme}.png").write_bytes(play(scheme))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
