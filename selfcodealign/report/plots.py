"""The report's figures for DVC: CSV files for `dvc plots`, headline numbers for `dvc metrics` and `dvc exp show`."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from selfcodealign.files import write_text
from selfcodealign.report import facts
from selfcodealign.report.inputs import ReportInputs
from selfcodealign.report.page import headline_pair
from selfcodealign.report.scores import read_paired, read_scores


def write_plots(inputs: ReportInputs, folder: Path) -> None:
    """Write `funnel.csv`, `drops.csv`, `yields.csv`, `pass_at_1.csv` and `timings.csv`.

    A file without rows still gets its header, so that DVC finds every file that `dvc.yaml` names.

    Args:
        inputs: what the stages measured.
        folder: where the files go; it is made.

    Raises:
        InputError: a file cannot be written.
    """
    steps = enumerate(facts.funnel_steps(inputs), start=1)
    # DVC sorts a nominal axis by name: the number keeps the steps in the order of the data.
    _write(folder / "funnel.csv", ("step", "rows"), ((f"{place:02d} {step.name}", step.rows) for place, step in steps))
    _write(
        folder / "drops.csv",
        ("reason", "stage", "rows"),
        (
            (f"{stage}: {reason}", stage, count)
            for stage, reasons in facts.drops(inputs).items()
            for reason, count in reasons.items()
        ),
    )
    _write(
        folder / "yields.csv",
        ("kind", "category", "difficulty", "tasks", "answers", "passed", "pairs"),
        (
            (f"{category} {difficulty}", category, difficulty, tried.tasks, tried.answers, tried.passed, pairs)
            for category, difficulty, tried, pairs in facts.yields(inputs)
        ),
    )
    _write(
        folder / "pass_at_1.csv",
        ("score", "model", "benchmark", "tests", "value", "low", "high"),
        (
            (f"{s.benchmark} {s.tests}: {s.model}", s.model, s.benchmark, s.tests, s.value, s.low, s.high)
            for s in read_scores(inputs)
        ),
    )
    _write(
        folder / "timings.csv",
        ("stage", "seconds"),
        ((timing.stage, timing.seconds) for timing in facts.timings(inputs)),
    )


def summary_metrics(inputs: ReportInputs) -> dict[str, Any]:
    """The headline numbers, flat, for `dvc metrics show` and `dvc exp show`.

    Returns:
        `seeds`, `pairs`, `pass_rate`, `seconds_total`, and for the first benchmark `base_pass_at_1`,
        `aligned_pass_at_1`, `delta`, `p_value` on its hardest tests, and the same models on its base tests as
        `base_pass_at_1_base_tests` and `aligned_pass_at_1_base_tests`. What was not measured is left out.
    """
    scores, paired = read_scores(inputs), read_paired(inputs)
    headline = headline_pair(scores, paired)
    numbers: dict[str, float | int | None] = {
        "seeds": facts.num_seeds(inputs),
        "pairs": facts.num_pairs(inputs),
        "pass_rate": _rounded(facts.pass_rate(inputs)),
        "seconds_total": _rounded(facts.seconds_total(inputs), 1),
    }
    for model in ("base", "aligned"):
        score = headline[model]
        numbers[f"{model}_pass_at_1"] = _rounded(score.value) if score else None
        easier = (s for s in scores if score and s.tests == "base" and s.benchmark == score.benchmark)
        own = next((s for s in easier if s.model == model), None)
        numbers[f"{model}_pass_at_1_base_tests"] = _rounded(own.value) if own else None
    comparison = headline["paired"]
    numbers["delta"] = _rounded(comparison.delta) if comparison else None
    numbers["p_value"] = _rounded(comparison.p_value) if comparison else None
    return {name: value for name, value in numbers.items() if value is not None}


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())
