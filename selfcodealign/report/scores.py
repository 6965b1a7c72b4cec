"""pass@1 of each model, and the comparison of the aligned model with its base task by task, from the evaluations."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfcodealign.evaluation import Difference, compare, mean_interval, paired_difference
from selfcodealign.report.facts import figure
from selfcodealign.report.inputs import Evaluation, ReportInputs
from selfcodealign.report.wording import BENCHMARKS, plural

TESTS = ("base", "plus")
FALLBACK = "humaneval"
"""The variant without plus tests, used where HumanEval+ cannot be had."""


class Change(StrEnum):
    """What became of one task from the base model to the aligned one.

    With several samples per task: `gained` and `lost` if more or fewer of them pass, `both` if as many pass and these
    are at least half.
    """

    BOTH = "both"
    GAINED = "gained"
    LOST = "lost"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """pass@1 of one model on one set of tests.

    The 95% interval is Wilson's, with several samples per task Student's over the tasks; see `mean_interval`.

    Attributes:
        model: `base` or `aligned`.
        benchmark: name of the setting, such as `humaneval_plus`.
        heading: benchmark and tests as the page calls them.
        tests: `base` (the benchmark's own tests) or `plus` (these and EvalPlus's).
        shares: share of passing samples of each task, by its id.
        value: pass@1, the mean of the shares.
        low: lower end of the 95% interval.
        high: upper end of it.
    """

    model: str
    benchmark: str
    heading: str
    tests: str
    shares: Mapping[str, float]
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The aligned model against the base model, task by task.

    Attributes:
        benchmark: name of the setting.
        heading: benchmark and tests as the page calls them.
        tests: `base` or `plus`.
        changes: what became of each task, by its id, in the benchmark's order.
        difference: aligned pass@1 minus base pass@1, with its interval.
        p_value: two-sided exact McNemar test; with several samples per task, the sign test over tasks.
    """

    benchmark: str
    heading: str
    tests: str
    changes: Mapping[str, Change]
    difference: Difference
    p_value: float

    def tasks(self, change: Change) -> list[str]:
        """Ids of the tasks with this outcome."""
        return [task for task, found in self.changes.items() if found is change]


def read_scores(inputs: ReportInputs) -> list[Score]:
    """The scores of all evaluations, grouped by benchmark and tests, the base model first within each."""
    evaluations = inputs.evaluations
    return [
        score
        for benchmark in dict.fromkeys(one.benchmark for one in evaluations)
        for tests in TESTS
        for one in evaluations
        if one.benchmark == benchmark and (score := _score(one, tests, heading(inputs, one, tests)))
    ]


def _score(one: Evaluation, tests: str, heading: str) -> Score | None:
    found = shares(one.results, tests)
    if not found:
        return None
    low, high = mean_interval(found.values())
    return Score(
        model=one.model,
        benchmark=one.benchmark,
        heading=heading,
        tests=tests,
        shares=found,
        value=math.fsum(found.values()) / len(found),
        low=low,
        high=high,
    )


def shares(results: Mapping[str, Any], tests: str) -> dict[str, float]:
    """The share of passing samples of each task, from a `results.json`; empty if it has no such tests.

    Args:
        results: the whole file.
        tests: `base` or `plus`.
    """
    tasks = results.get("tasks")
    if not isinstance(tasks, Mapping):
        return {}
    found = {str(task): _share(row.get(tests)) for task, row in tasks.items() if isinstance(row, Mapping)}
    return {task: share for task, share in found.items() if share is not None}


def _share(statuses: object) -> float | None:
    """The share of passing samples: one status, or a list of them where a task has several samples."""
    samples = statuses if isinstance(statuses, list) else [statuses]
    if not samples or not all(isinstance(sample, str) for sample in samples):
        return None
    return float(sum(sample == "pass" for sample in samples) / len(samples))


def variant(inputs: ReportInputs, one: Evaluation) -> tuple[str, str]:
    """Which data an evaluation really used: variant and version, such as `("humaneval_plus", "v0.1.10")`."""
    imported = inputs.stages.get("import_benchmarks", {}).get("benchmarks")
    known = imported.get(one.benchmark) if isinstance(imported, Mapping) else None
    sources = (one.metrics, one.results, known if isinstance(known, Mapping) else {})

    def first(key: str) -> str:
        return next((str(source[key]) for source in sources if isinstance(source.get(key), str)), "")

    return first("variant") or one.benchmark, first("version")


def heading(inputs: ReportInputs, one: Evaluation, tests: str) -> str:
    """Benchmark and tests as the page calls them, after the variant that was really used."""
    used, _ = variant(inputs, one)
    name = BENCHMARKS.get(used, used)
    if used == FALLBACK:
        return f"{name}, its own tests"
    return name if tests == "plus" else f"{name.removesuffix('+')}, base tests only"


def read_paired(inputs: ReportInputs) -> list[Paired]:
    """The paired comparison of each benchmark that both models were evaluated on, for each set of tests.

    Raises:
        InputError: the two models were scored on different tasks.
    """
    by_model = {(one.model, one.benchmark): one for one in inputs.evaluations}
    found = []
    for benchmark in dict.fromkeys(one.benchmark for one in inputs.evaluations):
        base, aligned = by_model.get(("base", benchmark)), by_model.get(("aligned", benchmark))
        if base is None or aligned is None:
            continue
        for tests in TESTS:
            before, after = shares(base.results, tests), shares(aligned.results, tests)
            if before and after:
                found.append(_paired(benchmark, heading(inputs, aligned, tests), tests, before, after))
    return found


def hardest(scores: Sequence[Score], benchmark: str) -> dict[str, Score]:
    """Each model's score on the benchmark's hardest tests that were run, by model."""
    own = [score for score in scores if score.benchmark == benchmark]
    tests = max((score.tests for score in own), key=TESTS.index, default="")
    return {score.model: score for score in own if score.tests == tests}


def _paired(benchmark: str, heading: str, tests: str, before: dict[str, float], after: dict[str, float]) -> Paired:
    changes = {task: _change(was, after.get(task, was)) for task, was in before.items()}
    return Paired(
        benchmark=benchmark,
        heading=heading,
        tests=tests,
        changes=changes,
        difference=paired_difference(before, after),
        p_value=compare(before, after).p_value,
    )


def _change(before: float, after: float) -> Change:
    if after != before:
        return Change.GAINED if after > before else Change.LOST
    return Change.BOTH if after >= 0.5 else Change.NEITHER


def benchmark_notes(inputs: ReportInputs) -> list[str]:
    """One sentence for each benchmark: which variant of the data was used, and how much of it."""
    notes = []
    for name in dict.fromkeys(one.benchmark for one in inputs.evaluations):
        one = next(e for e in inputs.evaluations if e.benchmark == name)
        used, version = variant(inputs, one)
        if reason := one.metrics.get("missing"):
            notes.append(f"{BENCHMARKS.get(name, name)} was not evaluated: its data could not be imported ({reason}).")
            continue
        total = len(shares(one.results, "base"))
        missing = int(figure(one.results, "num_missing_tasks") or 0)
        share = f"{total:,} of {total + missing:,}" if missing else f"{total:,}"
        tasks = f", {share} tasks" if total else ""
        if used == FALLBACK:
            notes.append(
                f"The data of {BENCHMARKS.get(name, name)} could be neither found nor downloaded: this is HumanEval "
                f"with its own tests only{tasks}, {_sampling(one)}.{_opening_note(one)}"
            )
            continue
        release = " ".join(filter(None, (BENCHMARKS.get(used, used), version)))
        notes.append(f"{release}{tasks}, {_sampling(one)}.{_opening_note(one)}")
    return notes


def _sampling(one: Evaluation) -> str:
    samples, temperature = (figure(one.metrics, name) for name in ("samples_per_task", "temperature"))
    if not temperature:
        return "one greedy answer each"
    return f"{plural(int(samples or 1), 'sample')} per task at temperature {temperature:g}"


def _opening_note(one: Evaluation) -> str:
    is_begun = one.metrics.get("opening") == "stub"
    return " Answers begin with the task's signature and docstring, given to the model." if is_begun else ""
