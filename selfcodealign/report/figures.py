"""The figures of the page: which facts go into which chart, and the same numbers as a table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from selfcodealign.report import charts, facts
from selfcodealign.report.charts import Bar, Cell, IntervalBar
from selfcodealign.report.funnel import funnel, is_logarithmic
from selfcodealign.report.inputs import ReportInputs
from selfcodealign.report.scores import Change, Paired, Score
from selfcodealign.report.wording import (
    BENCHMARKS,
    MODELS,
    STAGES,
    decimal,
    duration,
    percent,
    whole,
    words,
)
from selfcodealign.sandbox import STATUS_MEANINGS

FULL, TABLET, HALF, THIRD, PHONE = 1040.0, 700.0, 500.0, 325.0, 340.0
"""Widths at which charts are drawn, pixels: a whole row, that of a tablet or of paper, half, a third, a phone's."""
MOST_PACKAGES = 8

STATUS_FILLS = {
    "passed": "good",
    "failed": "c1",
    "error": "c2",
    "syntax": "c3",
    "incomplete": "c4",
    "vacuous": "c5",
    "timeout": "c6",
    "memory": "c7",
    "output": "c8",
    "sandbox_error": "c8",
}
CHANGE_FILLS = {Change.BOTH: "slate", Change.GAINED: "good", Change.LOST: "bad", Change.NEITHER: "empty"}
CHANGE_WORDS = {
    Change.BOTH: "solved by both",
    Change.GAINED: "gained by the aligned model",
    Change.LOST: "lost by the aligned model",
    Change.NEITHER: "solved by neither",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One chart of the page.

    Attributes:
        title: heading above the chart.
        drawings: the chart as SVG for `wide` screens, `medium` ones and paper, and `narrow` ones; see `report.css`.
        columns: headings of the table with the same numbers.
        rows: cells of that table, as text.
        caption: a sentence below the chart; may be empty.
        legend: colour class and text of each entry; may be empty.
    """

    title: str
    drawings: Mapping[str, str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    legend: Sequence[tuple[str, str]] = ()


def funnel_figure(inputs: ReportInputs) -> Figure | None:
    """Seeds to training pairs; None if no stage has run."""
    steps = facts.funnel_steps(inputs)
    if not steps:
        return None
    desc = "; ".join(f"{step.name}: {step.rows:,}" for step in steps)
    draw = partial(funnel, steps, title="From functions to training pairs", desc=desc)
    logarithmic = "Bar lengths are logarithmic, so that small counts still show."
    scale = logarithmic if is_logarithmic(steps) else "Bar lengths are in proportion to the counts."
    return Figure(
        title="From functions to training pairs",
        drawings=_drawings(draw, FULL),
        columns=("Step", "Rows", "Dropped before"),
        rows=[(step.name, whole(step.rows), step.note or _reasons(step.dropped)) for step in steps],
        caption=scale,
    )


def drop_figures(inputs: ReportInputs) -> list[Figure]:
    """One chart of drop reasons for each stage that dropped rows."""
    figures = []
    for stage, reasons in facts.drops(inputs).items():
        total = sum(reasons.values())
        rows_in, _, _ = facts.flow(inputs, stage) or (total, 0, {})
        whole_stage = float(max(rows_in, total))
        items = [
            Bar(
                label=words(name),
                value=count,
                written=whole(count),
                fill="slate",
                tip=f"{words(name)}: {count:,} rows, {percent(count / whole_stage)}",
            )
            for name, count in reasons.items()
        ]
        rows = [(words(name), whole(count), percent(count / whole_stage)) for name, count in reasons.items()]
        title = f"{STAGES[stage]}: {total:,} of {whole(whole_stage)} dropped"
        figures.append(_bars_figure(title, items, ("Reason", "Rows", "Share"), rows, top=whole_stage))
    return figures


def length_figures(inputs: ReportInputs) -> list[Figure]:
    """Histograms of the lengths of the training pairs; none without pairs."""
    examples = inputs.examples
    tokens = [inputs.output_tokens[e.response_id] for e in examples if e.response_id in inputs.output_tokens]
    measured: list[tuple[str, str, list[float]]] = [
        ("Task length", "words", [float(len(e.instruction.split())) for e in examples]),
        ("Answer length", "lines", [float(len(e.response.splitlines())) for e in examples]),
        ("Generated tokens, tests included", "tokens", [float(count) for count in tokens]),
    ]
    return [_histogram_figure(title, unit, values) for title, unit, values in measured if values]


def _histogram_figure(title: str, unit: str, values: list[float]) -> Figure:
    desc = f"{len(values):,} training pairs, from {min(values):,.0f} to {max(values):,.0f} {unit}"
    draw = partial(charts.histogram, values, unit=unit, title=title, desc=desc)
    rows = [(f"{low:,.0f} to {high:,.0f}", whole(count)) for low, high, count in charts.bins(values)]
    return Figure(title=title, drawings=_drawings(draw, THIRD), columns=(unit.capitalize(), "Pairs"), rows=rows)


def loss_figure(inputs: ReportInputs) -> Figure | None:
    """The training curve; None if nothing was trained."""
    if not inputs.loss:
        return None
    first, last = inputs.loss[0], inputs.loss[-1]
    desc = f"Loss {first.loss:.3f} at step {first.step}, {last.loss:.3f} at step {last.step}"
    series = [(float(point.step), point.loss) for point in inputs.loss]
    draw = partial(charts.line, series, x_name="optimizer step", y_name="loss", title="Training loss", desc=desc)
    values = inputs.stages.get("finetune_model", {})
    caption = f"{last.step:,} steps, loss on the answers only; each step has other pairs."
    caption += _trained_pairs(inputs, values) + _kept_weights(values)
    return Figure(
        title="Training loss",
        drawings=_drawings(draw, FULL),
        columns=("Step", "Loss", "Tokens so far"),
        rows=[(whole(point.step), decimal(point.loss, 4), whole(point.tokens)) for point in inputs.loss],
        caption=caption,
    )


def _trained_pairs(inputs: ReportInputs, values: Mapping[str, Any]) -> str:
    """Sentence with the number of training pairs and their origin; empty if the metrics lack them."""
    num_trained = facts.figure(values, "num_train") or facts.figure(values, "rows_out")
    if not num_trained:
        return ""
    if values.get("objective") == "grpo":
        return f" {whole(num_trained)} tasks, with sampled answers that the sandbox rewards."
    if values.get("objective") != "dpo":
        return f" {whole(num_trained)} pairs."
    sentence = f" {whole(num_trained)} pairs of a passing and a failing answer."
    num_all, num_shipped = facts.trained_preferences(inputs) or (0, 0)
    if num_shipped:
        sentence += f" Of all {whole(num_all)} such pairs, {whole(num_shipped)} come from earlier runs."
    return sentence


def _kept_weights(values: Mapping[str, Any]) -> str:
    """Which weights of a training were saved, as a sentence; empty for metrics that do not say."""
    before, kept = facts.figure(values, "score_base"), facts.figure(values, "score_kept")
    if before is None or kept is None:
        return ""
    is_rate = values.get("score") == "pass_rate"
    name, verb = ("pass rate", "raised") if is_rate else ("loss", "lowered")
    written = [percent(value) if is_rate else f"{value:.3f}" for value in (before, kept)]
    if values.get("kept") == "base":
        return f" Kept: the base model, because no step {verb} its held-out {name} of {written[0]}."
    sentence = f" Kept: {values.get('kept')}; held-out {name} {written[0]} before, {written[1]} after."
    divergence = facts.figure(values, "kl_from_base")
    if divergence is not None:
        sentence += f" KL divergence of the base model from it: {divergence:.2g} nats per token of held-out answers."
    return sentence


def score_figure(scores: Sequence[Score]) -> Figure | None:
    """pass@1 with 95% intervals, grouped by benchmark and tests; None without scores."""
    if not scores:
        return None
    groups: dict[str, list[IntervalBar]] = {}
    for score in scores:
        bar = IntervalBar(
            label=MODELS.get(score.model, score.model).removesuffix(" model"),
            value=score.value,
            low=score.low,
            high=score.high,
            written=percent(score.value),
            fill="slate" if score.model == "base" else "accent",
        )
        groups.setdefault(score.heading, []).append(bar)
    title = "pass@1"
    desc = "; ".join(f"{score.heading}, {score.model}: {percent(score.value)}" for score in scores)
    draw = partial(charts.interval_bars, list(groups.items()), title=title, desc=desc)
    rows = [
        (
            score.heading,
            MODELS.get(score.model, score.model),
            f"{math.fsum(score.shares.values()):,.4g} of {len(score.shares):,}",
            percent(score.value),
            f"{percent(score.low)} to {percent(score.high)}",
        )
        for score in scores
    ]
    return Figure(
        title=title,
        drawings=_drawings(draw, FULL),
        columns=("Tests", "Model", "Solved", "pass@1", "95% interval"),
        rows=rows,
        caption="Whiskers are 95% intervals over the tasks: Wilson's, or Student's where tasks have several samples.",
    )


def change_figure(paired: Paired) -> Figure:
    """One cell a task: solved by both models, gained, lost, or by neither."""
    order = [Change.GAINED, Change.LOST, Change.BOTH, Change.NEITHER]
    items = [
        Cell(fill=CHANGE_FILLS[paired.changes[task]], tip=f"{task}: {CHANGE_WORDS[paired.changes[task]]}")
        for change in order
        for task in paired.tasks(change)
    ]
    title = f"Task by task, {paired.heading}"
    counted = {change: len(paired.tasks(change)) for change in order}
    desc = "; ".join(f"{CHANGE_WORDS[change]}: {count}" for change, count in counted.items())
    draw = partial(charts.cells, items, title=title, desc=desc)
    return Figure(
        title=title,
        drawings=_drawings(draw, FULL),
        columns=("Outcome", "Tasks"),
        rows=[(CHANGE_WORDS[change], whole(count)) for change, count in counted.items()],
        legend=[(CHANGE_FILLS[change], f"{CHANGE_WORDS[change]} {count:,}") for change, count in counted.items()],
    )


def status_figure(inputs: ReportInputs) -> Figure | None:
    """Verdicts of the sandbox as one split bar; None if nothing was validated."""
    seen = facts.statuses(inputs)
    if not seen:
        return None
    total = sum(seen.values())
    segments = [
        Bar(
            label=words(name),
            value=count,
            written=f"{words(name)} {percent(count / total, 0)}",
            fill=STATUS_FILLS.get(name, "c8"),
            tip=f"{words(name)}: {count:,} of {total:,}",
        )
        for name, count in seen.items()
    ]
    desc = "; ".join(f"{words(name)}: {count:,}" for name, count in seen.items())
    draw = partial(charts.stacked_bar, segments, title="Verdicts of the sandbox", desc=desc)
    return Figure(
        title="Verdicts of the sandbox",
        drawings=_drawings(draw, FULL),
        columns=("Verdict", "Meaning", "Programs", "Share"),
        rows=[
            (words(name), STATUS_MEANINGS.get(name, ""), whole(count), percent(count / total))
            for name, count in seen.items()
        ],
        legend=[(segment.fill, f"{segment.label} {whole(segment.value)}") for segment in segments],
    )


def strength_figure(inputs: ReportInputs) -> Figure | None:
    """Passing responses by mutation score; None if the strength of tests was not measured."""
    found = facts.scores_by_tenth(inputs)
    if not any(found):
        return None
    names = [f"{10 * tenth} to {10 * tenth + 10}%" for tenth in range(10)]
    items = [
        Bar(label=name, value=count, written=whole(count), fill="slate")
        for name, count in zip(names, found, strict=True)
    ]
    rows = [(name, whole(count)) for name, count in zip(names, found, strict=True)]
    figure = _bars_figure("Mutants that the tests kill", items, ("Share of mutants", "Answers"), rows)
    values = inputs.stages["validate_responses"]
    mean, weak, covered = (
        facts.figure(values, "test_strength", name)
        for name in ("mean_mutation_score", "share_below_half", "mean_branch_coverage")
    )
    caption = (
        f"Answers that passed, by the share of small faults in their code that their tests notice: {percent(mean)} on "
        f"average; those of {percent(weak)} notice less than half. The tests take {percent(covered)} of the branches."
    )
    return replace(figure, caption=caption)


def licence_figures(inputs: ReportInputs) -> list[Figure]:
    """Training pairs by licence and by package of their seed; none without pairs."""
    figures = []
    for title, column, found in (
        ("Pairs by licence of the seed", "Licence", facts.licences(inputs)),
        ("Pairs by package of the seed", "Package", facts.packages(inputs)),
    ):
        rows = [(name, whole(count)) for name, count in found]
        shown = found[:MOST_PACKAGES]
        if rest := sum(count for _, count in found[MOST_PACKAGES:]):
            shown.append((f"{len(found) - MOST_PACKAGES} others", rest))
        items = [Bar(label=name, value=count, written=whole(count), fill="slate") for name, count in shown]
        if items:
            figures.append(_bars_figure(title, items, (column, "Pairs"), rows))
    return figures


def timing_figure(inputs: ReportInputs) -> Figure | None:
    """Time by stage; None if no stage has run."""
    found = facts.timings(inputs)
    total = sum(timing.seconds for timing in found)
    if not total:
        return None
    items = [
        Bar(
            label=stage_name(timing.stage),
            value=timing.seconds,
            written=duration(timing.seconds),
            fill="slate",
            tip=f"{stage_name(timing.stage)}: {duration(timing.seconds)}, {percent(timing.seconds / total)} of the run",
        )
        for timing in found
    ]
    rows = [(item.label, item.written, percent(item.value / total)) for item in items]
    return _bars_figure("Time by stage", items, ("Stage", "Time", "Share"), rows, width=FULL)


def stage_name(stage: str) -> str:
    """A stage as the page calls it; an evaluation with its model and benchmark."""
    if stage.startswith("evaluate_model "):
        _, model, benchmark = stage.split(" ", 2)
        return f"Evaluate {MODELS.get(model, model).lower()}, {BENCHMARKS.get(benchmark, benchmark)}"
    return STAGES.get(stage, words(stage))


def _drawings(draw: Callable[..., str], width: float) -> dict[str, str]:
    """The same chart for every kind of screen; only charts of a whole row need one for the medium kind."""
    medium = {"medium": draw(width=TABLET)} if width > TABLET else {}
    return {"wide": draw(width=width), **medium, "narrow": draw(width=PHONE)}


def _bars_figure(
    title: str,
    items: Sequence[Bar],
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: float = HALF,
    top: float | None = None,
) -> Figure:
    desc = "; ".join(f"{item.label}: {item.written}" for item in items)
    draw: Callable[..., str] = partial(charts.bars, items, title=title, desc=desc, top=top)
    return Figure(title=title, drawings=_drawings(draw, width), columns=columns, rows=rows)


def _reasons(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{words(name)} {count:,}" for name, count in dropped.items() if count) or "none"
