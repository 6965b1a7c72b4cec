"""pass@1 and the paired comparison of the aligned model with the base model, out of the evaluations' files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from selfcodealign.report.facts import figure
from selfcodealign.report.inputs import Evaluation, ReportInputs
from selfcodealign.report.wording import BENCHMARKS

TESTS = ("base", "plus")
FALLBACK = "humaneval"
"""The variant without plus tests, used where HumanEval+ cannot be had."""


class Change(StrEnum):
    """What became of one task from the base model to the aligned one."""

    BOTH = "both"
    GAINED = "gained"
    LOST = "lost"
    NEITHER = "neither"


_CHANGES = {
    (True, True): Change.BOTH,
    (False, True): Change.GAINED,
    (True, False): Change.LOST,
    (False, False): Change.NEITHER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """pass@1 of one model on one set of tests.

    Attributes:
        model: `base` or `aligned`.
        benchmark: name of the setting, such as `humaneval_plus`.
        heading: benchmark and tests as the page calls them.
        tests: `base` (the benchmark's own tests) or `plus` (these and EvalPlus's).
        passed: tasks solved.
        total: tasks asked.
        value: share of tasks solved.
        low: lower end of the 95% Wilson interval.
        high: upper end of it.
    """

    model: str
    benchmark: str
    heading: str
    tests: str
    passed: int
    total: int
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
        delta: aligned pass@1 minus base pass@1.
        p_value: two-sided exact McNemar test.
    """

    benchmark: str
    heading: str
    tests: str
    changes: Mapping[str, Change]
    delta: float
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
    from selfcodealign.evaluation import wilson_interval

    passes = outcomes(one.results, tests)
    if not passes:
        return None
    passed, total = sum(passes.values()), len(passes)
    low, high = wilson_interval(passed, total)
    return Score(
        model=one.model,
        benchmark=one.benchmark,
        heading=heading,
        tests=tests,
        passed=passed,
        total=total,
        value=passed / total,
        low=low,
        high=high,
    )


def outcomes(results: Mapping[str, Any], tests: str) -> dict[str, bool]:
    """Whether each task was solved, out of a `results.json`; empty if it has no such tests.

    Args:
        results: the whole file.
        tests: `base` or `plus`.
    """
    tasks = results.get("tasks")
    if not isinstance(tasks, Mapping):
        return {}
    found = {str(task): _is_pass(row.get(tests)) for task, row in tasks.items() if isinstance(row, Mapping)}
    return {task: is_pass for task, is_pass in found.items() if is_pass is not None}


def _is_pass(outcome: object) -> bool | None:
    if isinstance(outcome, list | tuple):
        outcome = outcome[0] if outcome else None
    if isinstance(outcome, str):
        return outcome in {"pass", "passed"}
    return outcome if isinstance(outcome, bool) else None


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
            before, after = outcomes(base.results, tests), outcomes(aligned.results, tests)
            if before and after:
                found.append(_paired(benchmark, heading(inputs, aligned, tests), tests, before, after))
    return found


def _paired(benchmark: str, heading: str, tests: str, before: dict[str, bool], after: dict[str, bool]) -> Paired:
    from selfcodealign.evaluation import compare

    comparison = compare(before, after)
    changes = {task: _CHANGES[was, after[task]] for task, was in before.items()}
    return Paired(
        benchmark=benchmark,
        heading=heading,
        tests=tests,
        changes=changes,
        delta=(sum(after.values()) - sum(before.values())) / len(before),
        p_value=comparison.p_value,
    )


def benchmark_notes(inputs: ReportInputs) -> list[str]:
    """One sentence for each benchmark: which variant of the data was used, and how much of it."""
    notes = []
    for name in dict.fromkeys(one.benchmark for one in inputs.evaluations):
        one = next(e for e in inputs.evaluations if e.benchmark == name)
        used, version = variant(inputs, one)
        total = len(outcomes(one.results, "base"))
        missing = int(figure(one.results, "num_missing_tasks") or 0)
        share = f"{total:,} of {total + missing:,}" if missing else f"{total:,}"
        tasks = f", {share} tasks" if total else ""
        if used == FALLBACK:
            notes.append(
                f"The data of {BENCHMARKS.get(name, name)} could be neither found nor downloaded: this is HumanEval "
                f"with its own tests only{tasks}.{_opening_note(one)}"
            )
            continue
        release = " ".join(filter(None, (BENCHMARKS.get(used, used), version)))
        notes.append(f"{release}{tasks}, one greedy answer each.{_opening_note(one)}")
    return notes


def _opening_note(one: Evaluation) -> str:
    is_begun = one.metrics.get("opening") == "stub"
    return " Answers begin with the task's signature and docstring, given to the model." if is_begun else ""
