"""The table of a set: the same rows as text, as CSV, and as an HTML page."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from selfcodealign.experiments.config import ExperimentSet
from selfcodealign.experiments.results import ArmResult
from selfcodealign.report import BENCHMARKS, decimal, page_environment, page_style, percent, point_range, points

ABSENT = "\u2013"

NOTES = {
    "scores": "Scores are pass@1 on each benchmark's hardest tests. Difference: aligned minus base over all tasks.",
    "interval": "The 95% interval of an arm with one run covers the draw of the tasks, not that of the training seed.",
    "seeds": "Arms with several training seeds: means, with the lowest and the highest run in brackets. Their interval"
    " covers the draw of the tasks and that of the training seeds; the data they are trained on is the same.",
    "outdated": "Outdated: from an experiment with other params or code than the working tree; run the set again.",
    "missing": "Missing: not run yet, or only some of the seeds.",
}


def table_text(results: Sequence[ArmResult]) -> str:
    """The table as aligned text, with its notes.

    Args:
        results: one per arm.
    """
    lines = [_header(results), *(_cells(one, _benchmarks(results)) for one in results)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", *_notes(results)])


def table_csv(results: Sequence[ArmResult]) -> str:
    """The table as CSV: one row per arm, shares and differences in -1..1, empty where nothing was measured.

    Args:
        results: one per arm.
    """
    rows = [_record(one, _benchmarks(results)) for one in results]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def table_page(name: str, chosen: ExperimentSet, results: Sequence[ArmResult]) -> str:
    """The table as one self-contained HTML page in the look of the report.

    Args:
        name: of the set.
        chosen: the set.
        results: one per arm.
    """
    header, *_ = lines = [_header(results), *(_cells(one, _benchmarks(results)) for one in results)]
    return (
        page_environment("selfcodealign.experiments")
        .get_template("experiments.html.j2")
        .render(
            name=name,
            chosen=chosen,
            style=page_style(),
            policy="default-src 'none'; style-src 'unsafe-inline'; img-src data:",
            header=header,
            rows=lines[1:],
            notes=_notes(results),
            num_missing=sum(one.num_runs - one.num_done for one in results),
            num_runs=sum(one.num_runs for one in results),
        )
    )


def _benchmarks(results: Sequence[ArmResult]) -> list[str]:
    return list(dict.fromkeys(name for arm in results for one in arm.results for name in one.scores))


def _header(results: Sequence[ArmResult]) -> list[str]:
    scores = [f"{BENCHMARKS.get(name, name)} {model}" for name in _benchmarks(results) for model in ("base", "aligned")]
    return ["Arm", "State", "Pairs", *scores, "Difference", "95% interval", "Kept", "Training loss"]


def _cells(arm: ArmResult, benchmarks: Sequence[str]) -> list[str]:
    pooled = arm.pooled
    return [
        arm.arm,
        arm.state,
        _spread([float(one.pairs) for one in arm.results if one.pairs is not None], "{:,.0f}".format),
        *(_spread(arm.scores(name, model), percent) for name in benchmarks for model in ("base", "aligned")),
        points(pooled.value) if pooled else ABSENT,
        point_range(pooled.low, pooled.high) if pooled else ABSENT,
        ", ".join(dict.fromkeys(one.kept for one in arm.results if one.kept)) or ABSENT,
        _spread([one.loss for one in arm.results if one.loss is not None], lambda loss: decimal(loss, 3)),
    ]


def _spread(values: Sequence[float], written: Any) -> str:
    """The mean of the runs, with the lowest and the highest where these differ."""
    if not values:
        return ABSENT
    mean, low, high = (str(written(value)) for value in (statistics.fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def _record(arm: ArmResult, benchmarks: Sequence[str]) -> dict[str, object]:
    pooled = arm.pooled
    record: dict[str, object] = {"arm": arm.arm, "state": arm.state, "runs": arm.num_runs, "runs_done": arm.num_done}
    record |= _columns("pairs", [float(one.pairs) for one in arm.results if one.pairs is not None])
    for name in benchmarks:
        for model in ("base", "aligned"):
            record |= _columns(f"{name}_{model}", arm.scores(name, model))
    record |= {
        "difference": pooled.value if pooled else None,
        "interval_95_low": pooled.low if pooled else None,
        "interval_95_high": pooled.high if pooled else None,
        "kept": ", ".join(one.kept for one in arm.results if one.kept),
    }
    return {**record, **_columns("training_loss", [one.loss for one in arm.results if one.loss is not None])}


def _columns(name: str, values: Sequence[float]) -> Mapping[str, float | None]:
    if not values:
        return {name: None, f"{name}_lowest": None, f"{name}_highest": None}
    return {name: round(statistics.fmean(values), 6), f"{name}_lowest": min(values), f"{name}_highest": max(values)}


def _notes(results: Sequence[ArmResult]) -> list[str]:
    """The notes that apply to these results."""
    measured = [one for one in results if one.pooled]
    applies = {
        "scores": bool(measured),
        "interval": any(len(one.results) == 1 for one in measured),
        "seeds": any(len(one.results) > 1 for one in measured),
        "outdated": any(one.is_outdated for one in results),
        "missing": any(one.num_done < one.num_runs and not one.is_outdated for one in results),
    }
    return [note for key, note in NOTES.items() if applies[key]]
