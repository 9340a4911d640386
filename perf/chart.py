"""Stacked bars as SVG, small enough to read in a diff."""

from collections.abc import Mapping
from html import escape
from typing import Final

# Readable on white and on black, and told apart by those who see fewer colours.
COLOURS: Final = (
    "#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#999999", "#dd8452", "#7f6bb3", "#117755",
    "#aaccee", "#552266", "#bb8866", "#88bb55", "#333333", "#ddaacc", "#0077aa",
)  # fmt: skip
_WIDTH, _LEFT, _BAR, _GAP, _LINE = 900, 150, 34, 18, 20
_STYLE: Final = "font-family='sans-serif' font-size='13'"


def bars(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """One bar per group, made of its parts in their order; equal names have equal colours."""
    names = list(dict.fromkeys(name for parts in groups.values() for name in parts))
    colours = {name: COLOURS[position % len(COLOURS)] for position, name in enumerate(names)}
    longest = max(sum(parts.values()) for parts in groups.values())
    scale = (_WIDTH - _LEFT - 80) / longest
    lines = [_text(8, 22, title, "font-weight='bold'")]
    y = 40
    for group, parts in groups.items():
        x = float(_LEFT)
        lines.append(_text(8, y + 22, group))
        for name, value in parts.items():
            width = value * scale
            tip = f"<title>{escape(name)}: {value:,.0f}</title>"
            lines.append(
                f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='{_BAR}' fill='{colours[name]}'>{tip}</rect>"
            )
            x += width
        lines.append(_text(x + 6, y + 22, f"{sum(parts.values()):,.0f}"))
        y += _BAR + _GAP
    for name in names:
        values = [parts[name] for parts in groups.values() if name in parts]
        lines.append(f"<rect x='{_LEFT}' y='{y}' width='12' height='12' fill='{colours[name]}'/>")
        lines.append(_text(_LEFT + 20, y + 11, f"{name}: {', '.join(f'{value:,.0f}' for value in values)}"))
        y += _LINE
    size = f"width='{_WIDTH}' height='{y + 8}' viewBox='0 0 {_WIDTH} {y + 8}'"
    background = "<rect width='100%' height='100%' fill='#ffffff'/>"
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_STYLE}>", background, *lines, "</svg>", ""])


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y}' {more}>{escape(text)}</text>".replace(" >", ">")
