"""The few SVG pieces that the charts are made of. Every text is escaped here; colours are CSS classes of the page."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from html import escape

CHARACTER_WIDTH = 6.6
"""Average width of a character at the charts' 12.5 pixel type, pixels: labels are cut by it, not measured."""


def document(width: float, height: float, *, title: str, desc: str, marks: Iterable[str]) -> str:
    """A whole SVG image with its accessible name and description.

    Args:
        width: width of the drawing, pixels at natural size.
        height: height of the drawing, pixels.
        title: accessible name.
        desc: what the chart says, in a sentence.
        marks: SVG elements, already escaped.
    """
    body = "".join(marks)
    key = "c" + hashlib.sha256(f"{title}|{width}|{desc}|{body}".encode("utf-8", "replace")).hexdigest()[:10]
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" '
        f'height="{number(height)}" aria-labelledby="{key}-t {key}-d">'
        f'<title id="{key}-t">{escape(title)}</title><desc id="{key}-d">{escape(desc)}</desc>{body}</svg>'
    )


def number(value: float) -> str:
    """A coordinate with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def text(x: float, y: float, content: object, *, cls: str = "", anchor: str = "start") -> str:
    """A line of text; `y` is its baseline."""
    return f'<text x="{number(x)}" y="{number(y)}" class="{cls}" text-anchor="{anchor}">{escape(str(content))}</text>'


def rect(x: float, y: float, width: float, height: float, *, cls: str, tip: str = "", radius: float = 0.0) -> str:
    """A rectangle; `tip` is what the page shows when it is pointed at."""
    corner = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(width, 0.0))}" '
        f'height="{number(max(height, 0.0))}" class="{cls}"{corner}{tip_attribute(tip)}/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, cls: str) -> str:
    """A straight line."""
    return f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" class="{cls}"/>'


def polygon(points: Sequence[tuple[float, float]], *, cls: str) -> str:
    """A filled shape."""
    return f'<polygon points="{_pairs(points)}" class="{cls}"/>'


def polyline(points: Sequence[tuple[float, float]], *, cls: str) -> str:
    """A line through points."""
    return f'<polyline points="{_pairs(points)}" class="{cls}"/>'


def circle(x: float, y: float, radius: float, *, cls: str, tip: str = "") -> str:
    """A dot."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" class="{cls}"{tip_attribute(tip)}/>'


def tip_attribute(tip: str) -> str:
    """The attribute that the page's script shows as a tooltip; empty without a tip."""
    return f' data-tip="{escape(tip)}"' if tip else ""


def _pairs(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def text_width(content: str) -> float:
    """Estimated width of a label, pixels."""
    return len(content) * CHARACTER_WIDTH


def cut(content: str, width: float) -> str:
    """A label shortened to a width in pixels; a cut one ends in an ellipsis."""
    fits = max(int(width / CHARACTER_WIDTH), 1)
    return content if len(content) <= fits else content[: max(fits - 1, 1)].rstrip() + "\u2026"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round tick values (1, 2, 2.5 or 5 times a power of ten) that enclose a range.

    Args:
        low: smallest value, finite.
        high: largest value, finite; not below `low`.
        count: how many steps there should be, about.

    Returns:
        At least two increasing values; the first is at most `low`, the last at least `high`.
    """
    span = high - low
    if span <= max(abs(high) * 1e-9, 1e-9):
        span = abs(high) if abs(high) > 1e-6 else 1.0
        low, high = (low - span / 2, high + span / 2) if low else (0.0, span)
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((factor * power for factor in (1.0, 2.0, 2.5, 5.0) if factor * power >= rough * 0.999), 10.0 * power)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, max(last, first + 1) + 1)]


def compact(value: float) -> str:
    """A tick label: thousands and millions shortened, no trailing zeros."""
    for limit, factor, unit in ((1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            return f"{value / factor:.3g}{unit}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
