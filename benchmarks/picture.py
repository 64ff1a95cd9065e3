"""The pictures of the report: SVG, written by hand, legible on light and on dark backgrounds.

A picture is made of panels: bars for the contenders of a corpus, lines for what grows. What the numbers mean is
decided in `report`. Invariant: no fonts, scripts or images from elsewhere, and the colours follow the reader's colour
scheme.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_STYLE: Final = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.muted { fill: #59636e }
.small { font-size: 11px }
.bar { fill: #afb8c1 }
.ours { fill: #0969da }
.name-ours { font-weight: 600 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke: #8c959f; stroke-width: 2 }
.line-ours { fill: none; stroke: #0969da; stroke-width: 2.5 }
.dot { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .muted { fill: #9198a1 }
  .bar { fill: #59636e }
  .ours { fill: #4493f8 }
  .grid { stroke: #3d444d }
  .line { stroke: #9198a1 }
  .line-ours { stroke: #4493f8 }
  .dot { fill: #9198a1 }
}
"""

_MARGIN: Final = 16
_HEAD: Final = 50
_ROW: Final = 24
_NAMES: Final = 205
"""Pixels for the names of the contenders; the longest has 28 letters."""

_LETTER: Final = 7.6
"""Pixels that a letter of the font takes, a wide one."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a panel; without a value `text` says why, in the place of the bar."""

    name: str
    value: float | None
    text: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Bars:
    """A panel of bars, shorter is better or longer is, as the subtitle says."""

    title: str
    subtitle: str
    rows: Sequence[Bar]

    def height(self) -> float:
        """The height of the panel."""
        return _HEAD + _ROW * len(self.rows) + _MARGIN

    def _values(self) -> list[float]:
        return [row.value for row in self.rows if row.value is not None]

    def draw(self, left: float, top: float, width: float) -> list[str]:
        """Return the elements of the panel."""
        texts = _LETTER * max(len(row.text) for row in self.rows if row.value is not None) if self._values() else 0
        start, room = left + _NAMES, width - _NAMES - texts - 12
        longest = max(self._values(), default=1.0)
        drawn = _titles(left, top, self.title, self.subtitle)
        for place, row in enumerate(self.rows):
            y = top + _HEAD + place * _ROW
            style = "name-ours" if row.is_ours else ""
            drawn.append(_text(start - 8, y + 15, row.name, style, "end"))
            if row.value is None:
                drawn.append(_text(start, y + 15, row.text, "muted small"))
                continue
            length = max(room * row.value / longest, 1.5)
            drawn.append(
                f'<rect class="{"ours" if row.is_ours else "bar"}" x="{start:.1f}" y="{y:.1f}" '
                f'width="{length:.1f}" height="18" rx="2"/>'
            )
            drawn.append(_text(start + length + 6, y + 14, row.text, style))
        return drawn


@dataclass(frozen=True, slots=True)
class Line:
    """One contender over the steps."""

    name: str
    points: Sequence[tuple[float, float]]
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """A panel of lines; both axes are logarithmic, or both linear from zero."""

    title: str
    subtitle: str
    x_name: str
    lines: Sequence[Line]
    logarithmic: bool

    def height(self) -> float:
        """The height of the panel."""
        return 340.0

    def draw(self, left: float, top: float, width: float) -> list[str]:
        """Return the elements of the panel."""
        points = [point for line in self.lines for point in line.points]
        drawn = _titles(left, top, self.title, self.subtitle)
        if not points:
            return drawn
        x_axis = _Axis.over([x for x, _ in points], self.logarithmic, left + 48, left + width - 110)
        y_axis = _Axis.over([y for _, y in points], self.logarithmic, top + 290, top + _HEAD + 8)
        for tick in y_axis.ticks:
            y = y_axis.place(tick)
            drawn.append(
                f'<line class="grid" x1="{left + 48:.1f}" y1="{y:.1f}" x2="{left + width - 110:.1f}" y2="{y:.1f}"/>'
            )
            drawn.append(_text(left + 42, y + 4, f"{tick:,g}", "muted small", "end"))
        for tick in x_axis.ticks:
            drawn.append(_text(x_axis.place(tick), top + 308, f"{tick:,g}", "muted small", "middle"))
        drawn.append(_text((left + 48 + left + width - 110) / 2, top + 328, self.x_name, "muted small", "middle"))
        for line in self.lines:
            spots = [(x_axis.place(x), y_axis.place(y)) for x, y in line.points]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            drawn.append(f'<polyline class="{"line-ours" if line.is_ours else "line"}" points="{path}"/>')
            drawn += [
                f'<circle class="{"ours" if line.is_ours else "dot"}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
                for x, y in spots
            ]
            drawn.append(_text(spots[-1][0] + 8, spots[-1][1] + 4, line.name, "name-ours" if line.is_ours else "muted"))
        return drawn


@dataclass(frozen=True, slots=True)
class _Axis:
    """A scale: values to places, and the values that are named on it."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool
    ticks: Sequence[float]

    @classmethod
    def over(cls, values: Sequence[float], logarithmic: bool, start: float, end: float) -> "_Axis":
        if logarithmic:
            first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            last = max(last, first + 1)
            return cls(first, last, start, end, True, [10.0**power for power in range(first, last + 1)])
        step = 10.0 ** math.floor(math.log10(max(values)))
        step = next(step * part for part in (0.2, 0.5, 1, 2) if max(values) / (step * part) <= 6)
        count = math.ceil(max(values) / step)
        return cls(0, step * count, start, end, False, [step * place for place in range(count + 1)])

    def place(self, value: float) -> float:
        at = math.log10(value) if self.logarithmic else value
        return self.start + (self.end - self.start) * (at - self.low) / (self.high - self.low)


Panel = Bars | Lines


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "start") -> str:
    named = f' class="{style}"' if style else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}{side}>{escape(text)}</text>'


def _titles(left: float, top: float, title: str, subtitle: str) -> list[str]:
    return [_text(left, top + 18, title, "title"), _text(left, top + 36, subtitle, "muted")]


def draw(panels: Sequence[Panel], description: str, width: float = 880, columns: int = 1) -> str:
    """Return one SVG with the panels in rows of so many columns.

    Args:
        panels: what is drawn, row by row.
        description: what a reader who does not see the picture is told.
        width: of the picture, in pixels.
        columns: how many panels stand beside each other.
    """
    cell = (width - _MARGIN * (columns + 1)) / columns
    drawn: list[str] = []
    top = float(_MARGIN)
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        for place, panel in enumerate(row):
            drawn += panel.draw(_MARGIN + place * (cell + _MARGIN), top, cell)
        top += max(panel.height() for panel in row) + _MARGIN / 2
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top:.0f}" '
        f'width="{width:.0f}" height="{top:.0f}" role="img" aria-label="{escape(description, quote=True)}">'
    )
    return (
        "\n".join([head, f"<title>{escape(description)}</title>", f"<style>{_STYLE}</style>", *drawn, "</svg>"]) + "\n"
    )
