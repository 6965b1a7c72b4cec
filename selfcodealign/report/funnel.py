"""The funnel: how many rows each step of the pipeline let through, and what it dropped."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfcodealign.report import svg
from selfcodealign.report.charts import NARROW
from selfcodealign.report.wording import listed, percent, whole

LOGARITHMIC_FROM = 40.0
"""Ratio of the largest to the smallest count from which the bars are logarithmic: linear ones would not be seen."""


NOTE_INDENT = 26.0
"""Space between the funnel and the notes beside it, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level of the funnel.

    Attributes:
        name: what the rows are, such as `well-formed answers`.
        stage: the stage whose metrics say so.
        rows: how many rows there are.
        dropped: rows dropped on the way here from the level above, by reason.
        note: said instead of the drops where rows multiply, such as `10 answers a task`.
    """

    name: str
    stage: str
    rows: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def is_logarithmic(steps: Sequence[Step]) -> bool:
    """Whether the counts differ too much for lengths in proportion."""
    counts = [step.rows for step in steps if step.rows > 0]
    return bool(counts) and max(counts) / min(counts) > LOGARITHMIC_FROM


def shares(steps: Sequence[Step]) -> list[float]:
    """Length of each bar as a share of the longest one.

    In proportion to the count; on the logarithmic scale, to `1 + log10(count)`, so that one row still shows.
    """
    most = max((step.rows for step in steps), default=0)
    if most <= 0:
        return [0.0 for _ in steps]
    if not is_logarithmic(steps):
        return [step.rows / most for step in steps]
    return [(1 + math.log10(step.rows)) / (1 + math.log10(most)) if step.rows > 0 else 0.0 for step in steps]


def funnel(steps: Sequence[Step], *, title: str, desc: str, width: float) -> str:
    """Centred bars from top to bottom, joined by pale bands; what was dropped stands beside each band.

    Args:
        steps: the levels from the first to the last.
        title: accessible name.
        desc: what the chart says.
        width: width of the drawing, pixels.
    """
    is_narrow = width < NARROW
    label_room = 0.0 if is_narrow else 160.0
    note_room = 0.0 if is_narrow else _note_room(width)
    room = width - label_room - note_room
    bar, head, band = (26.0, 18.0, 22.0) if is_narrow else (34.0, 0.0, 26.0)
    center = label_room + room / 2
    lengths = [share * room for share in shares(steps)]
    marks: list[str] = []
    y = 0.0
    for index, (step, length) in enumerate(zip(steps, lengths, strict=True)):
        if index:
            marks += _band(center, y, band + head, lengths[index - 1], length)
            marks += _note(steps[index - 1], step, y + band / 2 + 4, center, width, is_narrow)
            y += band
        last = index == len(steps) - 1
        fill = "accent" if last else "slate"
        tip = f"{step.name}: {whole(step.rows)}"
        y += head
        marks.append(svg.rect(center - length / 2, y, length, bar, cls=f"bar fill-{fill}", radius=3, tip=tip))
        if is_narrow:
            marks.append(svg.text(0, y - 5, step.name, cls="label haloed"))
            marks.append(svg.text(width, y - 5, whole(step.rows), cls="count haloed", anchor="end"))
        else:
            marks.append(svg.text(label_room - 16, y + bar / 2 + 4, step.name, cls="label", anchor="end"))
            is_inside = length > svg.text_width(whole(step.rows)) + 24
            x = center if is_inside else center + length / 2 + 10
            cls, anchor = (f"count on-{fill}", "middle") if is_inside else ("count", "start")
            marks.append(svg.text(x, y + bar / 2 + 5, whole(step.rows), cls=cls, anchor=anchor))
        y += bar
    return svg.document(width, y + 2, title=title, desc=desc, marks=marks)


def _note_room(width: float) -> float:
    return min(350.0, width * 0.34)


def _band(center: float, y: float, height: float, upper: float, lower: float) -> list[str]:
    corners = [
        (center - upper / 2, y),
        (center + upper / 2, y),
        (center + lower / 2, y + height),
        (center - lower / 2, y + height),
    ]
    return [svg.polygon(corners, cls="band")]


def _note(above: Step, step: Step, y: float, center: float, width: float, is_narrow: bool) -> list[str]:
    if is_narrow:
        lost = above.rows - step.rows
        brief = step.note or (f"\u2212{whole(lost)}" if lost > 0 else "all kept")
        return [svg.text(center, y, brief, cls="tick", anchor="middle")]
    side = width - _note_room(width) + NOTE_INDENT
    if step.note:
        return [svg.text(side, y, step.note, cls="tick")]
    share = step.rows / above.rows if above.rows else None
    kept = "" if share is None else "all kept" if share == 1 else f"{percent(share)} kept"
    marks = [svg.text(center, y, kept, cls="tick", anchor="middle")]
    if any(step.dropped.values()):
        marks.append(svg.text(side, y, _drops(step.dropped, width - side), cls="tick"))
    return marks


def _drops(dropped: Mapping[str, int], room: float) -> str:
    """As many reasons as fit, the most frequent first: a number that is cut short would be a wrong one."""
    labels = [f"\u2212 {listed(dropped, most)}" for most in (3, 2, 1)]
    total = f"\u2212 {whole(sum(dropped.values()))}"
    # Notes are set smaller than the type that widths are estimated for.
    return next((label for label in labels if svg.text_width(label) <= room * 1.1), total)
