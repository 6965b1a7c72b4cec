"""What the report is made from, and how it is read from the files that the stages wrote.

A file that is not there leaves its part of the report out: a run without evaluation still gets a page.
"""

import csv
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText, load_benchmark_texts
from selfcodealign.inputs.packages import REPORTED
from selfcodealign.params import Params
from selfcodealign.records import Example, read_rows

PACKAGES = ("selfcodealign", *REPORTED)
"""Distributions whose versions decide results; those that are not installed are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """One logged optimizer step."""

    step: int
    loss: float
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One model on one benchmark.

    Attributes:
        model: `base` or `aligned`.
        benchmark: name of the setting, such as `humaneval_plus`.
        metrics: the metrics file of the evaluation.
        results: the whole content of `results.json`, per-task results among it; empty if there is none.
    """

    model: str
    benchmark: str
    metrics: Mapping[str, Any]
    results: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Attempts:
    """What was tried for the tasks of one category and difficulty: counts of tasks, well-formed answers, passes."""

    tasks: int = 0
    answers: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything that the page shows.

    Attributes:
        params: the settings of the run.
        stages: the metrics of each stage by its name; a stage that has not run is absent.
        evaluations: the evaluated models, one entry a benchmark.
        task_texts: texts of the benchmark tasks by `(benchmark, task id)`; empty if they cannot be read.
        examples: the selected training pairs.
        loss: the training curve in the order of the steps.
        attempts: tasks, answers and passes by `(category, difficulty)`.
        output_tokens: generated tokens by id of the response.
        versions: versions of installed packages by name.
    """

    params: Params
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    evaluations: Sequence[Evaluation] = ()
    task_texts: Mapping[tuple[str, str], BenchmarkText] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    loss: Sequence[LossPoint] = ()
    attempts: Mapping[tuple[str, str], Attempts] = field(default_factory=dict)
    output_tokens: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def read_stage_metrics(folder: Path, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The metrics files of those stages that have run.

    Args:
        folder: holds one `<stage>.json` a stage.
        names: the stages to look for.

    Raises:
        InputError: a metrics file is no JSON object.
    """
    found = {name: read_json(folder / f"{name}.json") for name in names if (folder / f"{name}.json").is_file()}
    return {name: values for name, values in found.items() if values}


def read_evaluations(
    metrics_folder: Path, results_folder: Path, *, models: Sequence[str], benchmarks: Sequence[str]
) -> list[Evaluation]:
    """The evaluations of this run: each model on each benchmark of its params, as far as they have been made.

    Files of other models and benchmarks, which belong to another run, are not read.

    Args:
        metrics_folder: holds one `<model>-<benchmark>.json` per evaluation.
        results_folder: holds `<model>/<benchmark>/results.json`; results that are not there stay empty.
        models: `evaluate_model.models` of the params.
        benchmarks: `evaluate_model.benchmarks` of the params; the first one is the run's main benchmark.

    Returns:
        The evaluations by benchmark, in the order of the params, the base model first within each.

    Raises:
        InputError: a file is not a JSON object.
    """
    evaluations = []
    ordered = sorted(dict.fromkeys(models), key=lambda model: model != "base")
    for benchmark, model in itertools.product(dict.fromkeys(benchmarks), ordered):
        metrics = metrics_folder / f"{model}-{benchmark}.json"
        results = results_folder / model / benchmark / "results.json"
        if metrics.is_file():
            evaluations.append(
                Evaluation(
                    model=model,
                    benchmark=benchmark,
                    metrics=read_json(metrics),
                    results=read_json(results) if results.is_file() else {},
                )
            )
    return evaluations


def read_task_texts(folder: Path) -> dict[tuple[str, str], BenchmarkText]:
    """The texts of the benchmark tasks. The report can do without them, so an unreadable folder is not an error.

    Args:
        folder: the folder that `import_benchmarks` wrote.

    Returns:
        The texts by benchmark and task id; empty if the folder cannot be read.
    """
    try:
        return {(text.benchmark, text.task_id): text for text in load_benchmark_texts(folder)}
    except InputError:
        return {}


def read_examples(path: Path) -> list[Example]:
    """The selected pairs; none if the file is not there.

    Raises:
        InputError: the file is there but is no table of examples.
    """
    return read_rows(path, Example) if path.is_file() else []


def read_loss(path: Path) -> list[LossPoint]:
    """The training curve; empty if the file is not there.

    Raises:
        InputError: a line lacks its step or loss, or they are no numbers.
    """
    if not path.is_file():
        return []
    points = []
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            try:
                step, loss, tokens = row["step"], row["loss"], row.get("tokens") or 0
                points.append(LossPoint(step=int(float(step)), loss=float(loss), tokens=float(tokens)))
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}, line {number}: no step and loss; rerun finetune_model") from error
    return points


def read_attempts(
    instructions: Path, responses: Sequence[Path], verdicts: Sequence[Path]
) -> dict[tuple[str, str], Attempts]:
    """How many tasks, well-formed answers and passes there were by category and difficulty.

    Args:
        instructions: the tasks; without this file there are no counts.
        responses: files of well-formed answers; those that are missing are skipped.
        verdicts: files of verdicts on them; likewise.

    Raises:
        InputError: a file is there but is not readable.
    """
    kinds: dict[str, tuple[str, str]] = {}
    counts: dict[tuple[str, str], Attempts] = {}
    for row_id, category, difficulty in _columns(instructions, "id", "category", "difficulty"):
        kinds[row_id] = (category, difficulty)
        counts.setdefault(kinds[row_id], Attempts()).tasks += 1
    judged = [row for path in verdicts for row in _columns(path, "id", "status")]
    passed = {row_id for row_id, status in judged if status == "passed"}
    for row_id, instruction_id in (row for path in responses for row in _columns(path, "id", "instruction_id")):
        if instruction_id in kinds:
            counts[kinds[instruction_id]].answers += 1
            counts[kinds[instruction_id]].passed += row_id in passed
    return counts


def read_output_tokens(responses: Sequence[Path]) -> dict[str, int]:
    """Generated tokens by id of the response; files that are missing are skipped."""
    return dict(row for path in responses for row in _columns(path, "id", "output_tokens"))


def installed_versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    """The versions of those packages that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: the file cannot be read or is no JSON object.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not readable ({error}); remake it with `dvc repro`") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path} is no JSON object; remake it with `dvc repro`")
    return loaded


def _columns(path: Path, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of a Parquet file as rows: the texts beside them may be gigabytes and are not read."""
    if not path.is_file():
        return []
    try:
        table = pq.read_table(path, columns=list(names), partitioning=None)
        return list(zip(*(table.column(name).to_pylist() for name in names), strict=True))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"{path} is not readable ({error}); remake it with `dvc repro`") from error
