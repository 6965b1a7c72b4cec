"""The report's figures for DVC: CSV files for `dvc plots`, headline numbers for `dvc metrics` and `dvc exp show`."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from selfcodealign.evaluation import Difference
from selfcodealign.files import write_text
from selfcodealign.report import facts
from selfcodealign.report.conclusion import NUM_TRAINING_SEEDS, BenchmarkRow, benchmark_rows, pool
from selfcodealign.report.inputs import ReportInputs
from selfcodealign.report.scores import read_scores


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
    """The headline numbers for `dvc metrics show` and `dvc exp show`. Differences are aligned minus base, -1..1.

    Returns:
        - `seeds`, `pairs`, `pass_rate`, `seconds_total` (with model answers at the time of their generation), and
          `answers_without_cost` if the time of some is unknown: they are left out of it.
        - For the first benchmark `base_pass_at_1`, `aligned_pass_at_1`, `delta`, `p_value` on its hardest tests, and
          the same models on its base tests as `base_pass_at_1_base_tests` and `aligned_pass_at_1_base_tests`.
        - `pooled`: `difference`, `interval_95` and `num_tasks` over all benchmarks that both models were evaluated on,
          `seeds` (training seeds of the aligned model), `outcome` (`gain`, `harm` or `no_difference`) and
          `detectable_difference`, the smallest that this run finds with a probability of 80%.
        - `benchmarks`: by name, `base` and `aligned` (pass@1 on the hardest tests), `difference`, `interval_95`, and
          `base_pass_at_10` and `aligned_pass_at_10` with at least 10 samples per task.

        What was not measured is left out.
    """
    rows = benchmark_rows(inputs)
    numbers: dict[str, Any] = {
        "seeds": facts.num_seeds(inputs),
        "pairs": facts.num_pairs(inputs),
        "pass_rate": _rounded(facts.pass_rate(inputs)),
        "seconds_total": _rounded(facts.seconds_total(inputs), 1),
        "answers_without_cost": facts.num_without_cost(inputs) or None,
        **(_headline(inputs, rows[0]) if rows else {}),
        "pooled": _pooled(rows),
        "benchmarks": {row.benchmark: _benchmark(row) for row in rows} or None,
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _headline(inputs: ReportInputs, row: BenchmarkRow) -> dict[str, float | None]:
    """The first benchmark, flat."""
    easier = {s.model: s for s in read_scores(inputs) if s.benchmark == row.benchmark and s.tests == "base"}
    numbers: dict[str, float | None] = {}
    for model in ("base", "aligned"):
        own, on_base_tests = row.scores.get(model), easier.get(model)
        numbers[f"{model}_pass_at_1"] = _rounded(own.value) if own else None
        numbers[f"{model}_pass_at_1_base_tests"] = _rounded(on_base_tests.value) if on_base_tests else None
    numbers["delta"] = _rounded(row.paired.difference.value) if row.paired else None
    numbers["p_value"] = _rounded(row.paired.p_value) if row.paired else None
    return numbers


def _pooled(rows: Sequence[BenchmarkRow]) -> dict[str, Any] | None:
    pooled = pool(rows)
    if pooled is None:
        return None
    return {
        **_difference(pooled.difference),
        "num_tasks": pooled.difference.num_tasks,
        "seeds": NUM_TRAINING_SEEDS,
        "outcome": str(pooled.outcome),
        "detectable_difference": _rounded(pooled.difference.detectable),
    }


def _benchmark(row: BenchmarkRow) -> dict[str, Any]:
    scores = {model: _rounded(score.value) for model, score in row.scores.items()}
    at_10 = {f"{model}_pass_at_10": _rounded(value) for model, value in row.pass_at_10.items()}
    return {**scores, **(_difference(row.paired.difference) if row.paired else {}), **at_10}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "difference": _rounded(difference.value),
        "interval_95": [_rounded(difference.low), _rounded(difference.high)],
    }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, stream.getvalue())
