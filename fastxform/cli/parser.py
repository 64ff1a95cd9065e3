"""Command lines: the parser of a verb with its help, and the types of arguments that several verbs take.

Each type refuses a bad value with one line that says what is right. Invariant: a word that is none names the nearest
right one, a usage mistake is exit code 2, and help reads the same without `rich-argparse`, which only colours it.
"""

import argparse
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final, NoReturn

from fastxform.errors import near

_WIDTH: Final = 100


class VerbParser(argparse.ArgumentParser):
    """The parser of one verb; what it does not know, it answers with what comes nearest."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse a command line; as argparse, but a wrong option names the nearest."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error("; ".join(map(self._unknown, unknown[:3])))
        return parsed

    def error(self, message: str) -> NoReturn:
        """End with a usage mistake."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")

    def _unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        if not name.startswith("-") or name == "-":
            return f"unexpected argument {word!r}"
        close = near(name, [option for option in self._option_string_actions if option.startswith("--")])
        return f"there is no option {name}" + (f": did you mean {close}?" if close else "")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices: Iterable[Any] | None = action.choices
        if choices is None or value in choices:
            return
        close = near(str(value), map(str, choices))
        remedy = f"did you mean {close}?" if close else f"one of {', '.join(map(str, choices))}"
        raise argparse.ArgumentError(action, f"{value!r} is not possible: {remedy}")


def parser_of(verb: str, module: ModuleType, prog: str | None = None) -> VerbParser:
    """Return the parser of a verb: its `HELP`, `EPILOG` and `EXAMPLES`, and what its `configure` declares."""
    parser = VerbParser(
        prog=prog or f"fastxform {verb}",
        description=module.HELP[0].upper() + module.HELP[1:] + ".",
        epilog=epilog_of(module),
        allow_abbrev=False,
        formatter_class=_formatter(),
    )
    module.configure(parser)
    return parser


def epilog_of(module: ModuleType) -> str:
    """Return what stands below the options: paragraphs, lists as lists, and the examples."""
    paragraphs = [_filled(text) for text in getattr(module, "EPILOG", "").strip("\n").split("\n\n") if text]
    examples = getattr(module, "EXAMPLES", ())
    if examples:
        lines = "\n".join(f"  {command}\n      {what}" for command, what in examples)
        paragraphs.append(f"examples:\n{lines}")
    return "\n\n".join(paragraphs)


def _filled(paragraph: str) -> str:
    """Return a paragraph broken into lines; lines that are indented stay as they are."""
    if "\n " in paragraph or paragraph.startswith(" "):
        return paragraph
    return textwrap.fill(" ".join(paragraph.split()), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _formatter() -> Any:
    if sys.stdout is None or not sys.stdout.isatty() or find_spec("rich_argparse") is None:
        return argparse.RawDescriptionHelpFormatter
    from rich_argparse import RawDescriptionRichHelpFormatter

    class Formatter(RawDescriptionRichHelpFormatter):
        """Help in colours; what stands in brackets is text and no markup."""

        group_name_formatter = str.lower
        usage_markup = False
        help_markup = False
        text_markup = False

    return Formatter


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""
    span = f"from {low} to {high}" if high is not None else f"of {low} or more"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {span}")
        return value

    return read


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers from `low` to `high`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
        return value

    return read
