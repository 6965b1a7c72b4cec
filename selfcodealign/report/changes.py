"""The tasks that the aligned model gained or lost, with the solutions of both models side by side."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from selfcodealign.evaluation import SampleResult
from selfcodealign.report.failures import failure_line
from selfcodealign.report.inputs import ReportInputs
from selfcodealign.report.samples import read_samples
from selfcodealign.report.scores import Change, Paired, variant
from selfcodealign.report.wording import BENCHMARKS

MOST_CHANGED = 400
"""Changed tasks that the page shows in full: each one has two programs, and the page must stay quick to open."""

Tests = Literal["base", "plus"]
CHANGED = (Change.GAINED, Change.LOST)
STATUS_WORDS = {"pass": "passes", "fail": "fails", "timeout": "timeout in"}


class Line(NamedTuple):
    """One line of a solution.

    Attributes:
        text: the line without its line break.
        differs: whether the other model's solution lacks this line at this place.
    """

    text: str
    differs: bool


class Verdict(NamedTuple):
    """The status of a solution on one set of tests.

    Attributes:
        words: the status and the tests, such as `fails the extra tests`.
        passes: whether the solution passes these tests.
    """

    words: str
    passes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The solution of one model to a changed task.

    Attributes:
        model: `base` or `aligned`.
        lines: lines of the shown sample; empty if the results have no sample.
        verdicts: its status on the base tests and, if the benchmark has them, on the extra tests.
        first_failure: the first test that it fails, as one line; empty if it passes all or the results do not say.
        passes: whether the shown sample passes the tests on which the task changed.
        num_passing: samples that pass these tests.
        num_samples: samples of the model for the task.
    """

    model: str
    lines: Sequence[Line]
    verdicts: Sequence[Verdict]
    first_failure: str
    passes: bool
    num_passing: int
    num_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTask:
    """A task that the aligned model gained or lost.

    Attributes:
        task_id: id of the task, such as `HumanEval/32`.
        anchor: HTML id of its entry on the page, such as `task-HumanEval-32`.
        benchmark: name of the setting, such as `humaneval_plus`.
        heading: benchmark and tests on which the task changed, as the page calls them.
        change: `gained` or `lost`.
        title: first line of the task's description; empty if the task text is not known.
        text: the task text that the models were shown; empty if it is not known.
        sides: the solution of the base model and that of the aligned model.
    """

    task_id: str
    anchor: str
    benchmark: str
    heading: str
    change: Change
    title: str
    text: str
    sides: tuple[Side, Side]

    @property
    def is_same_code(self) -> bool:
        """Whether both models have a solution and these do not differ."""
        both = all(side.lines for side in self.sides)
        return both and not any(line.differs for side in self.sides for line in side.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTasks:
    """The changed tasks of all benchmarks.

    Attributes:
        shown: the tasks to show, by benchmark and in the benchmark's order.
        num_left_out: further changed tasks, beyond the limit of the page.
        benchmarks: name of each benchmark with a shown task as the page calls it, by the name of the setting.
    """

    shown: Sequence[ChangedTask]
    num_left_out: int
    benchmarks: Mapping[str, str]

    @property
    def anchors(self) -> dict[tuple[str, str], str]:
        """HTML ids of the shown tasks, by benchmark and task id."""
        return {(task.benchmark, task.task_id): task.anchor for task in self.shown}

    def count(self, change: Change) -> int:
        """Number of shown tasks with this change."""
        return sum(task.change is change for task in self.shown)


def changed_tasks(inputs: ReportInputs, paired: Sequence[Paired], most: int = MOST_CHANGED) -> ChangedTasks:
    """The gained and lost tasks with both solutions, as far as the results hold solutions.

    A task that changed on the base tests and on the extra tests is listed once, for the extra tests.

    Args:
        inputs: the evaluations with their solutions, and the task texts.
        paired: the comparisons of these evaluations; see `read_paired`.
        most: the number of tasks to show at most.

    Returns:
        The tasks to show, and the number of those that are left out.
    """
    results = {(one.benchmark, one.model): one.results for one in inputs.evaluations}
    found = {
        (benchmark, task): one
        for (benchmark, task), one in _changed(paired).items()
        if any(read_samples(results[benchmark, model], task) for model in ("base", "aligned"))
    }
    anchors = _anchors([task for _, task in found])
    shown = [
        _changed_task(inputs, one, task, anchor, (results[benchmark, "base"], results[benchmark, "aligned"]))
        for ((benchmark, task), one), anchor in list(zip(found.items(), anchors, strict=True))[:most]
    ]
    names = {one.benchmark: variant(inputs, one)[0] for one in inputs.evaluations}
    return ChangedTasks(
        shown=shown,
        num_left_out=len(found) - len(shown),
        benchmarks={task.benchmark: BENCHMARKS.get(names[task.benchmark], names[task.benchmark]) for task in shown},
    )


def diff_lines(before: str, after: str) -> tuple[list[Line], list[Line]]:
    """Split two programs into lines and flag the lines in which they differ.

    Args:
        before: the first program.
        after: the second program.

    Returns:
        The lines of each program; joined with line breaks they are the program again.
    """
    old, new = before.split("\n"), after.split("\n")
    kept = SequenceMatcher(None, old, new).get_matching_blocks()
    kept_old = {block.a + step for block in kept for step in range(block.size)}
    kept_new = {block.b + step for block in kept for step in range(block.size)}
    return _flagged(old, kept_old), _flagged(new, kept_new)


def _flagged(lines: Sequence[str], kept: set[int]) -> list[Line]:
    return [Line(line, index not in kept) for index, line in enumerate(lines)]


def _changed(paired: Sequence[Paired]) -> dict[tuple[str, str], Paired]:
    """The comparison in which each changed task changed, by benchmark and task id; `plus` tests before `base`."""
    found: dict[tuple[str, str], Paired | None] = {}
    for one in paired:
        for task, change in one.changes.items():
            # An unchanged task keeps its place, so that all tasks stay in the benchmark's order.
            found.setdefault((one.benchmark, task), None)
            if change in CHANGED:
                found[one.benchmark, task] = one
    return {key: one for key, one in found.items() if one is not None}


def _changed_task(
    inputs: ReportInputs, one: Paired, task: str, anchor: str, results: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> ChangedTask:
    known = inputs.task_texts.get((one.benchmark, task))
    description = known.docstring.strip().splitlines() if known else []
    return ChangedTask(
        task_id=task,
        anchor=anchor,
        benchmark=one.benchmark,
        heading=one.heading,
        change=one.changes[task],
        title=description[0] if description else "",
        text=known.prompt.strip("\n") if known else "",
        sides=_sides(one, task, results),
    )


def _sides(one: Paired, task: str, results: tuple[Mapping[str, Any], Mapping[str, Any]]) -> tuple[Side, Side]:
    tests: Tests = "plus" if one.tests == "plus" else "base"
    before, after = (read_samples(found, task) for found in results)
    is_gained = one.changes[task] is Change.GAINED
    first = _representative(before, tests, passes=not is_gained)
    second = _representative(after, tests, passes=is_gained)
    if first is None or second is None:
        # There is nothing to compare with, so no line is flagged.
        lines = [[Line(text, False) for text in _lines(sample)] for sample in (first, second)]
    else:
        lines = list(diff_lines(first.solution.rstrip(), second.solution.rstrip()))
    return (
        _side("base", first, before, lines[0], tests),
        _side("aligned", second, after, lines[1], tests),
    )


def _lines(sample: SampleResult | None) -> list[str]:
    return sample.solution.rstrip().split("\n") if sample else []


def _side(
    model: str, shown: SampleResult | None, samples: Sequence[SampleResult], lines: Sequence[Line], tests: Tests
) -> Side:
    return Side(
        model=model,
        lines=lines,
        verdicts=_verdicts(shown) if shown else [],
        first_failure=failure_line(shown.first_failure) if shown and shown.first_failure else "",
        passes=shown is not None and shown.passes(tests),
        num_passing=sum(sample.passes(tests) for sample in samples),
        num_samples=len(samples),
    )


def _representative(samples: Sequence[SampleResult], tests: Tests, *, passes: bool) -> SampleResult | None:
    """The first sample with this outcome; the first one of all if none has it."""
    fitting = (sample for sample in samples if sample.passes(tests) is passes)
    return next(fitting, samples[0] if samples else None)


def _verdicts(sample: SampleResult) -> list[Verdict]:
    found = [("base tests", sample.base_status)]
    if sample.plus_status is not None:
        found.append(("extra tests", sample.plus_status))
    return [
        Verdict(f"{STATUS_WORDS.get(status, f'{status} on')} the {tests}", status == "pass") for tests, status in found
    ]


def _anchors(tasks: Sequence[str]) -> list[str]:
    """An HTML id for each task: the task id in letters, digits and hyphens, numbered where it is taken."""
    taken: set[str] = set()
    anchors = []
    for task in tasks:
        anchor = stem = "task-" + re.sub(r"[^A-Za-z0-9_]+", "-", task).strip("-")
        number = 2
        while anchor in taken:
            anchor, number = f"{stem}-{number}", number + 1
        taken.add(anchor)
        anchors.append(anchor)
    return anchors
