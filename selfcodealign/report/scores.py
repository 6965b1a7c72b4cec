"""pass@1 and the paired comparison of the aligned model with the base model, out of the evaluations' files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfcodealign.report.facts import figure
from selfcodealign.report.inputs import Evaluation
from selfcodealign.report.wording import BENCHMARKS


class Change(StrEnum):
    """What became of one task from the base model to the aligned one."""

    BOTH = "both"
    GAINED = "gained"
    LOST = "lost"
    NEITHER = "neither"


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


def read_scores(evaluations: Sequence[Evaluation]) -> list[Score]:
    """The scores of all evaluations, grouped by benchmark and tests, the base model first within each."""
    found = []
    for benchmark in dict.fromkeys(one.benchmark for one in evaluations):
        for tests in ("base", "plus"):
            for one in evaluations:
                if one.benchmark == benchmark and (score := _score(one, tests)):
                    found.append(score)
    return found


def _score(one: Evaluation, tests: str) -> Score | None:
    value, total = figure(one.metrics, tests, "pass_at_1"), figure(one.metrics, "tasks")
    passed, low, high = (figure(one.metrics, tests, key) for key in ("passed", "low", "high"))
    if value is None or total is None or passed is None or low is None or high is None:
        return None
    return Score(
        model=one.model,
        benchmark=one.benchmark,
        heading=heading(one, tests),
        tests=tests,
        passed=int(passed),
        total=int(total),
        value=value,
        low=low,
        high=high,
    )


def heading(one: Evaluation, tests: str) -> str:
    """Benchmark and tests as the page calls them, after the variant that was really used."""
    variant = str(one.metrics.get("variant") or one.benchmark)
    name = BENCHMARKS.get(variant, variant)
    if variant == "humaneval":
        return f"{name}, its own tests"
    return f"{name}, {'base and plus' if tests == 'plus' else 'base'} tests"


def read_paired(evaluations: Sequence[Evaluation]) -> list[Paired]:
    """The paired comparison of each benchmark that both models were evaluated on, for each set of tests."""
    return []


def benchmark_notes(evaluations: Sequence[Evaluation]) -> list[str]:
    """One sentence for each benchmark: which variant of the data was used, and how much of it."""
    notes = []
    for name in dict.fromkeys(one.benchmark for one in evaluations):
        one = next(e for e in evaluations if e.benchmark == name)
        variant = str(one.metrics.get("variant") or name)
        total = figure(one.metrics, "tasks")
        tasks = f", {total:,.0f} tasks" if total else ""
        if variant == "humaneval":
            notes.append(
                f"The data of {BENCHMARKS.get(name, name)} could be neither found nor downloaded: this is HumanEval "
                f"with its own tests only{tasks}."
            )
            continue
        version = str(one.metrics.get("version") or "")
        release = " ".join(filter(None, (BENCHMARKS.get(variant, variant), version)))
        notes.append(f"{release}{tasks}, one greedy answer each.")
    return notes
