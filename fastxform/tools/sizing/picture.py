"""The response share over the buffer size as a picture: one SVG, drawn from the odds alone.

Plain text with no script, style sheet or font of its own, so that it is shown everywhere. Invariant: the same model
gives the same bytes, and a file that this wrote is recognised by its first line.
"""

from typing import Final

from fastxform.tools.sizing.buffer import BufferModel

MARK: Final = "<!-- fastxform size -->"
"""The first line of each picture."""

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 48, 56
_MB_MAX: Final = 3.0


def draw(model: BufferModel, title: str) -> str:
    """Return the picture: the median and the largest response over the hint, the limit, and where half overflow."""
    top = max(1.25, min(4.0, max(line.share_max for line in model.odds) * 1.1))

    def x(buffer_mb: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * buffer_mb / _MB_MAX

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * min(share, top) / top

    def path(points: list[tuple[float, float]]) -> str:
        return "M" + " L".join(f"{x(across):.1f} {y(up):.1f}" for across, up in points)

    middle = [(line.buffer_mb, line.share_median) for line in model.odds]
    largest = [(line.buffer_mb, line.share_max) for line in model.odds]
    right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    lines = [
        MARK,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{_escaped(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" fill="#1a1a1a">{_escaped(title)}</text>',
    ]
    for percent in range(0, int(top * 100) + 1, 25 if top <= 2 else 50):
        up = y(percent / 100)
        lines += [
            f'<line x1="{_LEFT}" y1="{up:.1f}" x2="{right}" y2="{up:.1f}" stroke="#dddddd"/>',
            f'<text x="{_LEFT - 8}" y="{up + 4:.1f}" text-anchor="end" fill="#444444">{percent} %</text>',
        ]
    for step in range(7):
        across = x(step / 2)
        lines.append(f'<text x="{across:.1f}" y="{floor + 18}" text-anchor="middle" fill="#444444">{step / 2:g}</text>')
    limit = y(1)
    note = "6,291,556 bytes: beyond it records are put back"
    lines += [
        f'<line x1="{_LEFT}" y1="{limit:.1f}" x2="{right}" y2="{limit:.1f}" stroke="#b00020" stroke-width="1.5"/>',
        f'<text x="{_LEFT + 4}" y="{limit - 5:.1f}" fill="#b00020">{note}</text>',
        f'<path d="{path(largest)}" fill="none" stroke="#d97a00" stroke-width="2" stroke-dasharray="5 3"/>',
        f'<path d="{path(middle)}" fill="none" stroke="#0b5cad" stroke-width="2"/>',
    ]
    if model.border_mb is not None and model.border_mb <= _MB_MAX:
        across = x(model.border_mb)
        lines.append(
            f'<line x1="{across:.1f}" y1="{_TOP}" x2="{across:.1f}" y2="{floor}" stroke="#0b5cad" '
            'stroke-dasharray="2 3"/>'
        )
    lines += [
        f'<line x1="{_LEFT}" y1="{floor}" x2="{right}" y2="{floor}" stroke="#444444"/>',
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{floor + 38}" text-anchor="middle" fill="#1a1a1a">'
        "BufferSizeInMBs, MiB of raw records</text>",
        f'<text x="{right}" y="{_TOP - 8}" text-anchor="end" fill="#444444">response: solid median, '
        f"dashed largest of {model.batches} batches</text>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
