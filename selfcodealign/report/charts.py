"""The charts of the report: pure functions from numbers to an SVG string.

Each takes the width to draw at, because type in an SVG shrinks with its picture: the page carries a wide and a narrow
drawing and shows the one that fits. Colours are CSS classes (`fill-...`), so that light and dark need one drawing.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from selfcodealign.report import svg
from selfcodealign.report.wording import plural, whole

NARROW = 480.0
"""Widths below this, pixels, get the layout for phones: labels above their bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of `bars`: its label, its value, what is written behind it, and its colour class."""

    label: str
    value: float
    written: str
    fill: str = "accent"
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalBar:
    """One bar with its confidence interval; all three are shares from 0 to 1."""

    label: str
    value: float
    low: float
    high: float
    written: str
    fill: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of `cells`: its colour class and what it stands for."""

    fill: str
    tip: str


def bars(items: Sequence[Bar], *, title: str, desc: str, width: float, top: float | None = None) -> str:
    """Horizontal bars from zero, each with its label and its value written behind it.

    Args:
        items: the bars from top to bottom; values not negative.
        top: value of a bar of full length; None: the largest one.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    stacked = width < NARROW
    step, thick = (40.0, 12.0) if stacked else (28.0, 14.0)
    label_room = (
        0.0 if stacked else min(max((svg.text_width(item.label) for item in items), default=0) + 14, width * 0.4)
    )
    value_room = max((svg.text_width(item.written) for item in items), default=0) + 10
    room = max(width - label_room - value_room, 20.0)
    top = top or max((item.value for item in items), default=0.0) or 1.0
    marks = []
    for index, item in enumerate(items):
        y = index * step + (20 if stacked else 7)
        length = max(item.value / top * room, 1.0 if item.value else 0.0)
        label_y, label_x = (y - 6, 0.0) if stacked else (y + 11, label_room - 12)
        label = svg.cut(item.label, width if stacked else label_room - 10)
        marks += [
            svg.text(label_x, label_y, label, cls="label", anchor="start" if stacked else "end"),
            svg.rect(label_room, y, length, thick, cls=f"bar fill-{item.fill}", radius=2, tip=item.tip or item.label),
            svg.text(label_room + length + 8, y + thick - 3, item.written, cls="value"),
        ]
    return svg.document(width, len(items) * step + 4, title=title, desc=desc, marks=marks)


def interval_bars(groups: Sequence[tuple[str, Sequence[IntervalBar]]], *, title: str, desc: str, width: float) -> str:
    """Horizontal bars of shares with whiskers from `low` to `high`, in groups under a heading, over a percent axis.

    Args:
        groups: heading and bars of each group, from top to bottom.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    everything = [bar for _, group in groups for bar in group]
    label_room = max((svg.text_width(bar.label) for bar in everything), default=0) + 12
    value_room = max((svg.text_width(bar.written) for bar in everything), default=0) + 14
    axis = svg.ticks(0.0, min(max((bar.high for bar in everything), default=1.0), 1.0), 4)
    room = width - label_room - value_room
    marks, y = [], 0.0
    for heading, group in groups:
        marks.append(svg.text(0, y + 16, heading, cls="heading"))
        y += 28
        for bar in group:
            start, low, high = (label_room + share / axis[-1] * room for share in (0.0, bar.low, bar.high))
            tip = f"{heading}, {bar.label}: {bar.written}, 95% interval {bar.low:.1%} to {bar.high:.1%}"
            marks += [
                svg.text(label_room - 12, y + 15, bar.label, cls="label", anchor="end"),
                svg.rect(start, y + 1, bar.value / axis[-1] * room, 20, cls=f"bar fill-{bar.fill}", radius=2, tip=tip),
                *_whisker(low, high, y + 11, "whisker halo"),
                *_whisker(low, high, y + 11, "whisker"),
                svg.text(high + 8, y + 15, bar.written, cls="value"),
            ]
            y += 28
        y += 10
    grid = []
    for tick in axis:
        x = label_room + tick / axis[-1] * room
        grid += [svg.line(x, 22, x, y, cls="grid"), svg.text(x, y + 16, f"{tick:.0%}", cls="tick", anchor="middle")]
    return svg.document(width, y + 22, title=title, desc=desc, marks=[*grid, *marks])


def _whisker(low: float, high: float, y: float, cls: str) -> list[str]:
    ends = [svg.line(x, y - 5, x, y + 5, cls=cls) for x in (low, high)]
    return [svg.line(low, y, high, y, cls=cls), *ends]


def line(
    series: Sequence[tuple[float, float]], *, x_name: str, y_name: str, title: str, desc: str, width: float
) -> str:
    """A curve over its axes. More than 24 points get a pale line of all points and a strong one of their running mean.

    Args:
        series: `(x, y)` in increasing x; points that are not finite are left out.
        x_name: what x counts.
        y_name: what y measures.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    known = [(x, y) for x, y in series if math.isfinite(x) and math.isfinite(y)]
    left, right, top, bottom = 46.0, 14.0, 26.0, 40.0
    height = 250.0
    xs, ys = [x for x, _ in known] or [0.0], [y for _, y in known] or [0.0]
    x_axis, y_axis = svg.ticks(min(xs), max(xs), 4 if width < NARROW else 6), svg.ticks(min(ys), max(ys), 4)
    x_low, x_high = (min(xs), max(xs)) if max(xs) > min(xs) else (x_axis[0], x_axis[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low)
        up = (y - y_axis[0]) / (y_axis[-1] - y_axis[0])
        return left + across * (width - left - right), height - bottom - up * (height - top - bottom)

    marks = [svg.text(0, 12, y_name, cls="tick"), svg.text(width - right, height - 4, x_name, cls="tick", anchor="end")]
    for tick in y_axis:
        _, y = place(x_low, tick)
        marks += [svg.line(left, y, width - right, y, cls="grid")]
        marks += [svg.text(left - 8, y + 4, svg.compact(tick), cls="tick", anchor="end")]
    for tick in x_axis:
        if x_low <= tick <= x_high:
            x, y = place(tick, y_axis[0])
            marks.append(svg.text(x, y + 17, svg.compact(tick), cls="tick", anchor="middle"))
    placed = [place(x, y) for x, y in known]
    smooth = running_mean([y for _, y in known], max(len(known) // 12, 1))
    is_dense = len(known) > 24
    marks.append(svg.polyline(placed, cls="curve faint" if is_dense else "curve"))
    if is_dense:
        strong = [place(x, y) for (x, _), y in zip(known, smooth, strict=True)]
        marks.append(svg.polyline(strong, cls="curve"))
    dot = 2.0 if is_dense else 3.5
    for (x, y), (px, py) in zip(known, placed, strict=True):
        cls = "dot faint" if is_dense else "dot"
        marks.append(svg.circle(px, py, dot, cls=cls, tip=f"{x_name} {svg.compact(x)}: {y_name} {y:.3f}"))
    return svg.document(width, height, title=title, desc=desc, marks=marks)


def running_mean(values: Sequence[float], reach: int) -> list[float]:
    """The mean of each value and of up to `reach` neighbours on either side."""
    return [statistics.fmean(values[max(i - reach, 0) : i + reach + 1]) for i in range(len(values))]


def bins(values: Sequence[float], most: int = 14) -> list[tuple[float, float, int]]:
    """Equal bins with round borders: `(from, to, count)`, the upper border excluded."""
    if not values:
        return []
    borders = svg.ticks(min(values), max(values) + 1e-9, most)
    step = borders[1] - borders[0]
    if all(float(value).is_integer() for value in values) and step < 1:
        step = 1.0
        first = math.floor(min(values))
        borders = [first + index * step for index in range(int(max(values) - first) + 2)]
    if max(values) >= borders[-1]:
        borders.append(borders[-1] + step)
    return [(low, high, sum(low <= value < high for value in values)) for low, high in itertools.pairwise(borders)]


def histogram(values: Sequence[float], *, unit: str, title: str, desc: str, width: float) -> str:
    """Counts by bin as columns whose heights are proportional to the counts, with the median marked.

    Args:
        values: finite numbers.
        unit: what they count, such as `words`.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    columns = bins(values)
    left, right, top, bottom, height = 30.0, 8.0, 26.0, 38.0, 200.0
    if not columns:
        return svg.document(width, height, title=title, desc=desc, marks=[])
    axis = [tick for tick in svg.ticks(0, max(count for *_, count in columns), 3) if float(tick).is_integer()]
    low, high = columns[0][0], columns[-1][1]
    rise, run = (height - top - bottom) / axis[-1], (width - left - right) / (high - low)
    floor = height - bottom
    marks = []
    for tick in axis:
        marks += [svg.line(left, floor - tick * rise, width - right, floor - tick * rise, cls="grid")]
        marks += [svg.text(left - 8, floor - tick * rise + 4, svg.compact(tick), cls="tick", anchor="end")]
    every = max(math.ceil(len(columns) * svg.text_width("00,000") / (width - left - right)), 1)
    for index, (start, end, count) in enumerate(columns):
        x = left + (start - low) * run
        tip = f"{svg.compact(start)} to {svg.compact(end)} {unit}: {plural(count, 'pair')}"
        column = svg.rect(
            x + 1, floor - count * rise, (end - start) * run - 2, count * rise, cls="bar fill-accent", tip=tip
        )
        marks += [column] if count else []
        marks += (
            [svg.text(x, floor + 16, svg.compact(start), cls="tick", anchor="middle")] if index % every == 0 else []
        )
    median = statistics.median(values)
    x = left + (median - low) * run
    anchor = "end" if x > width * 0.6 else "start"
    marks += [
        svg.line(x, top - 8, x, floor, cls="marker"),
        svg.text(x + (-6 if anchor == "end" else 6), top - 8, f"median {whole(median)}", cls="value", anchor=anchor),
        svg.text(width - right, height - 2, unit, cls="tick", anchor="end"),
    ]
    return svg.document(width, height, title=title, desc=desc, marks=marks)


def stacked_bar(segments: Sequence[Bar], *, title: str, desc: str, width: float) -> str:
    """One bar of the full width, split in proportion to the values; segments that are wide enough carry their text.

    Args:
        segments: from left to right; values not negative.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    known = [segment for segment in segments if segment.value > 0]
    total = sum(segment.value for segment in known)
    gap, height, x = 2.0, 36.0, 0.0
    room = width - gap * max(len(known) - 1, 0)
    marks = []
    for segment in known:
        length = segment.value / total * room
        marks.append(svg.rect(x, 0, length, height, cls=f"bar fill-{segment.fill}", radius=3, tip=segment.tip))
        if svg.text_width(segment.written) + 12 < length:
            marks.append(svg.text(x + 10, 23, segment.written, cls=f"inside on-{segment.fill}"))
        x += length + gap
    return svg.document(width, height, title=title, desc=desc, marks=marks)


def cells(items: Sequence[Cell], *, title: str, desc: str, width: float) -> str:
    """One small square an item, in reading order."""
    size, gap = (18.0, 4.0) if width >= NARROW else (15.0, 3.0)
    across = max(int((width + gap) // (size + gap)), 1)
    marks = [
        svg.rect(
            index % across * (size + gap),
            index // across * (size + gap),
            size,
            size,
            cls=f"bar fill-{item.fill}",
            radius=3,
            tip=item.tip,
        )
        for index, item in enumerate(items)
    ]
    return svg.document(
        width, max(math.ceil(len(items) / across), 1) * (size + gap), title=title, desc=desc, marks=marks
    )
