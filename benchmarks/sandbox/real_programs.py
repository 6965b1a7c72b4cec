"""Real programs: exemplars, reference solutions of the benchmarks, what models wrote."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.evaluation import Benchmark, import_benchmarks, load_benchmark, read_samples
from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.inputs import benchmark_places
from selfcodealign.params import ImportBenchmarks, load_params
from selfcodealign.records import Response, read_rows
from selfcodealign.sandbox import Program

ROOT = Path(__file__).parents[2]
BENCHMARKS = ("humaneval_plus", "mbpp_plus")

logger = logging.getLogger(__name__)


def exemplar_programs() -> list[Program]:
    """Answers of the exemplars with their tests."""
    return [
        Program(f"exemplar/{exemplar.name}", as_program(exemplar.code, exemplar.tests)) for exemplar in load_exemplars()
    ]


def find_benchmarks(folders: Sequence[str] | None = None) -> list[Benchmark]:
    """HumanEval+ and MBPP+, those of them that this machine has or can download.

    Args:
        folders: where to look beside EvalPlus's own places; None: the folders of `params.yaml`.
    """
    if folders is None:
        folders = load_params(ROOT / "params.yaml").import_benchmarks.folders
    found = []
    for name in BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-sandbox-") as destination:
            try:
                import_benchmarks(
                    ImportBenchmarks.model_validate({"names": [name], "folders": list(folders)}),
                    Path(destination),
                    benchmark_places(folders, ROOT, Path("data/import_benchmarks")),
                )
            except PrerequisiteError as error:
                logger.warning("%s", error)
                continue
            found.append(load_benchmark(Path(destination), name))
    return found


def reference_programs(benchmark: Benchmark) -> list[Program]:
    """The reference solution of each task with the task's own assertions."""
    solutions = {task_id: task["prompt"] + task["canonical_solution"] for task_id, task in benchmark.tasks.items()}
    return [
        Program(f"{task_id} (reference)", _with_assertions(benchmark, task_id, solution))
        for task_id, solution in solutions.items()
    ]


def sample_programs(path: Path, benchmarks: Sequence[Benchmark]) -> list[Program]:
    """What a model wrote for the tasks of a benchmark, in EvalPlus's format, with the tasks' own assertions.

    Raises:
        InputError: the file is not readable, or has samples of none of the benchmarks.
    """
    refused = InputError(f"{path}: no benchmark is there that it could have samples of")
    for benchmark in benchmarks:
        try:
            by_task = read_samples(path, benchmark).by_task
        except InputError as error:
            refused = error
            continue
        return [
            Program(f"{task_id} ({path}, {number})", _with_assertions(benchmark, task_id, solution))
            for task_id, solutions in by_task.items()
            for number, solution in enumerate(solutions)
        ]
    raise refused


def response_programs(path: Path) -> list[Program]:
    """Responses of a run of the pipeline with their own tests.

    Raises:
        InputError: the file cannot be read.
    """
    return [Program(f"response/{row.id}", row.program) for row in read_rows(path, Response)]


def _with_assertions(benchmark: Benchmark, task_id: str, solution: str) -> str:
    task = benchmark.tasks[task_id]
    if task.get("assertion"):  # MBPP
        return as_program(solution, task["assertion"])
    return as_program(solution, f"{task['test']}\n\ncheck({task['entry_point']})")
