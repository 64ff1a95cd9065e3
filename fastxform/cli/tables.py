"""Tables for people: drawn with `rich` where somebody sees them in colours, else plain lines with aligned columns.

What the cells say is the verb's. Invariant: without colours a table is the same lines on every machine, and no cell is
taken for markup.
"""

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastxform.cli.console import Colour, Paint, table

_NAME_WIDTH: Final = 12


def summary(
    rows: Sequence[tuple[str, str]], title: str, colours: Mapping[str, Colour], *, drawn: bool | None = None
) -> Iterator[str]:
    """Yield the lines of a summary: a name and what is to say of it; a name that begins with a blank is a detail.

    Args:
        rows: names and texts.
        title: stands above the drawn table.
        colours: of texts, by their names.
        drawn: whether to draw; by default where standard output takes colours.
    """
    if not (Paint().enabled if drawn is None else drawn):
        yield from (f"{name:<{_NAME_WIDTH}} {text}" for name, text in rows)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawing = Table(
        title=title, title_justify="left", title_style="bold", box=box.ROUNDED, border_style="dim", show_header=False
    )
    drawing.add_column(no_wrap=True)
    drawing.add_column()
    for name, text in rows:
        style = "dim" if name.startswith(" ") else colours.get(name, "")
        drawing.add_row(Text(name, style="dim" if name.startswith(" ") else "bold"), Text(text, style=style))
    yield from _lines(drawing)


def grid(
    head: Sequence[str],
    rows: Sequence[tuple[Sequence[str], Sequence[str]]],
    *,
    right: Sequence[int] = (),
    paint: Paint | None = None,
) -> Iterator[str]:
    """Yield the lines of a table whose rows have details below them, over the whole width of the terminal.

    Args:
        head: the names of the columns.
        rows: the cells of each row, and the lines of its details.
        right: columns that are aligned at their right side.
        paint: colours head and details; by default where standard output takes colours.
    """
    paint = Paint() if paint is None else paint
    cells: list[Sequence[str]] = [head, *(row for row, _ in rows)]
    lines = table(cells, right)
    yield paint(lines[0], "bold")
    if paint.enabled:
        yield paint("\u2500" * max(map(len, lines)), "dim")
    indent = " " * (max(len(row[0]) for row in cells) + 2)
    for line, (_, details) in zip(lines[1:], rows, strict=True):
        yield line
        yield from (paint(f"{indent}{detail}", "dim") for detail in details)


def _lines(drawing: Any) -> Iterator[str]:
    from rich.console import Console as Rich

    out = io.StringIO()
    width = shutil.get_terminal_size().columns
    rich = Rich(file=out, force_terminal=True, width=width, legacy_windows=False, color_system="standard")
    rich.print(drawing)
    yield from out.getvalue().splitlines()
