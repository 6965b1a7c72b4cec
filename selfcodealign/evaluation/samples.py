"""Samples in EvalPlus's own formats: what is to be scored."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.evaluation.benchmarks import Benchmark


@dataclass(frozen=True, slots=True)
class Sample:
    """One program that is said to solve a task.

    Attributes:
        task_id: the task.
        solution: the whole program: prompt and completion, or what the model wrote if that is whole.
    """

    task_id: str
    solution: str


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The samples of a file that belong to a benchmark.

    Attributes:
        by_task: task id to its samples, in the order of the file; tasks in the order of the benchmark.
        unknown: rows whose task the benchmark does not have (of another release, say).
        missing: tasks of the benchmark without a sample.
    """

    by_task: dict[str, list[str]]
    unknown: int
    missing: list[str]


def read_samples(path: Path, benchmark: Benchmark) -> SampleSet:
    """Read a JSONL file with `task_id` and `solution` (a whole program) or `completion` (what follows the prompt).

    Args:
        path: the file.
        benchmark: gives the prompts for completions, and the tasks that count.

    Raises:
        InputError: the file cannot be read, a row is none of EvalPlus's formats (the message names its line), or no row
            belongs to the benchmark.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the samples {path}: {error}") from error
    rows = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    samples = [_sample(line, f"{path}, line {number}", benchmark) for number, line in rows]
    return group_samples(samples, benchmark, str(path))


def group_samples(samples: Iterable[Sample], benchmark: Benchmark, where: str) -> SampleSet:
    """Sort samples by the tasks of a benchmark.

    Raises:
        InputError: no sample belongs to the benchmark.
    """
    by_task: dict[str, list[str]] = {task_id: [] for task_id in benchmark.tasks}
    unknown: Counter[str] = Counter()
    for sample in samples:
        if sample.task_id in by_task:
            by_task[sample.task_id].append(sample.solution)
        else:
            unknown[sample.task_id] += 1
    missing = [task_id for task_id, solutions in by_task.items() if not solutions]
    if len(missing) == len(by_task):
        known, first = next(iter(by_task)), next(iter(unknown), None)
        reason = f"its tasks are such as {first}" if first else "it is empty"
        raise InputError(f"{where} has no sample of {benchmark.info.name} ({reason}); task ids must be such as {known}")
    found = {task_id: solutions for task_id, solutions in by_task.items() if solutions}
    return SampleSet(found, unknown.total(), missing)


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Write samples as EvalPlus reads them: one JSON object a line, with `task_id` and `solution`."""
    rows = (json.dumps({"task_id": sample.task_id, "solution": sample.solution}) + "\n" for sample in samples)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(rows), encoding="utf-8")


def _sample(line: str, where: str, benchmark: Benchmark) -> Sample:
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: no JSON ({error})") from error
    if not isinstance(row, Mapping) or not isinstance(row.get("task_id"), str):
        raise InputError(f"{where}: no object with a text `task_id`")
    key = "solution" if "solution" in row else "completion"
    if key not in row:
        raise InputError(f"{where}: neither `solution` nor `completion`")
    if not isinstance(row[key], str):
        raise InputError(f"{where}: `{key}` is no text; give several samples as several rows")
    task_id = row["task_id"]
    prompt = benchmark.tasks.get(task_id, {}).get("prompt", "") if key == "completion" else ""
    return Sample(task_id, prompt + row[key])
