"""Curation gives the same rows with any number of workers, and on a Ray cluster that loses a node."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from selection_rows import answer, seed_row, task, verdict

from selfcodealign.curation import Decontaminator, SelectionSettings, near_duplicates, select_examples
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.params import FilterSeeds, Workers
from selfcodealign.records import Dropped, Seed, by_id
from selfcodealign.seeds import Origin, SourceFile, collect_seeds, filter_seeds

NUM_FILES = 300
NUM_COMPARED = 100  # texts from which near-duplicates are hashed by workers: those of seeds, not those of pairs
ORIGIN = Origin(source="folder", package="sample", version="1", licence="MIT")
FILTERS = FilterSeeds.model_validate(
    {
        "docstring": True, "returns_value": True, "arguments": True, "bad_words": True, "system_imports": True,
        "types": False, "benchmark_text": True, "near_duplicates": True, "judge": False, "min_lines": 1,
    }
)  # fmt: skip
BENCHMARK = BenchmarkText(
    benchmark="mbpp", task_id="1", docstring="", prompt="",
    solution="def total(xs):\n    best = 0\n    for x in xs:\n        best = best + x * 10 + 17\n    return best\n",
)  # fmt: skip
TASKS = [task(number) for number in range(40)]
RESPONSES = [answer(owner, sample) for owner in TASKS for sample in range(3)]
COPY = f"```python\n{BENCHMARK.solution.replace('best', 'sum_so_far')}```"
RESPONSES[5] = replace(RESPONSES[5], response=COPY)


class Files:
    """A source of files with good functions, near-copies, wrong ones and copies of a benchmark's solution."""

    def __iter__(self) -> Iterator[SourceFile]:
        for number in range(NUM_FILES):
            body = (
                f"    z = [x * {number % 100} + {', '.join(f'y{number % 100}_{k}' for k in range(9))}]\n    return z\n"
            )
            names = ", ".join(f"y{number % 100}_{k}" for k in range(9))
            text = f'def f{number}(x, {names}):\n    """Say {number % 100}."""\n{body}'
            if number % 50 == 0:
                text = BENCHMARK.solution.replace("total", "other").replace("):\n", '):\n    """Add."""\n')
            yield SourceFile(origin=ORIGIN, file=f"m{number}.py", path=f"/m{number}.py", text=text)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step has enough to do for workers."""
    for module, values in (
        ("selfcodealign.seeds.filters", {"INLINE_ROWS": 20}),
        ("selfcodealign.curation.near_duplicates", {"INLINE_TEXTS": NUM_COMPARED, "CHUNK_TEXTS": 17}),
        ("selfcodealign.curation.selection", {"INLINE_RESPONSES": 20}),
    ):
        for name, value in values.items():
            monkeypatch.setattr(importlib.import_module(module), name, value)


def curated(workers: Workers, at_half: Callable[[], None] = lambda: None) -> tuple[object, ...]:
    """Everything that extraction, filters, near-duplicates and decontamination give."""
    lost: list[Dropped] = []
    with (
        TemporaryDirectory() as folder,
        collect_seeds([Files()], Path(folder) / "parts", max_functions=200, seed=1, workers=workers) as found,
    ):
        collected = list(found.rows(lost.append))

    def rows() -> Iterator[Seed]:
        for number, row in enumerate(collected):
            if number == len(collected) // 2:
                at_half()
            yield row

    def no_near_duplicates(texts: Iterable[str]) -> list[int | None]:
        return near_duplicates(list(texts), jaccard=0.5, workers=workers)

    filtered = filter_seeds(
        rows(), FILTERS, seed=1, benchmarks=Decontaminator([BENCHMARK]), workers=workers,
        near_duplicates=no_near_duplicates,
    )  # fmt: skip
    selection = select_examples(
        RESPONSES, by_id([verdict(row) for row in RESPONSES]), by_id(TASKS),
        by_id([seed_row(number) for number in range(40)]), [BENCHMARK], SelectionSettings(jaccard=1.0), workers=workers,
    )  # fmt: skip
    return (collected, lost), (filtered.seeds, filtered.dropped, filtered.hits, filtered.counts), selection


@pytest.fixture(scope="module")
def expected() -> tuple[object, ...]:
    with pytest.MonkeyPatch.context():
        return curated(Workers(num_workers=1))


def test_every_step_keeps_some_rows_and_drops_some(expected: tuple[object, ...]) -> None:
    (collected, lost), (kept, _, hits, counts), selection = expected
    assert len(collected) == 200
    assert sum(row.reason == "beyond_max_functions" for row in lost) == NUM_FILES - 200
    assert len(kept) > 50
    assert min(counts["near_duplicates"], counts["benchmark_text"], len(hits)) > 0
    assert len(selection.examples) == 40
    assert "benchmark_text" in {row.reason for row in selection.dropped}


@pytest.mark.parametrize("num_workers", [2, 8])
def test_rows_are_the_same_with_any_number_of_workers(num_workers: int, expected: tuple[object, ...]) -> None:
    assert curated(Workers(num_workers=num_workers)) == expected


def test_rows_are_the_same_on_a_ray_cluster_that_loses_a_node(
    expected: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    from selfcodealign.cluster import connect, living_nodes

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        with connect(cluster.address):
            # Only now: on one machine the connection might else be by way of the node that will be lost.
            second = cluster.add_node(num_cpus=1)
            cluster.wait_for_nodes()
            assert len(living_nodes()) == 2
            on_ray = Workers(kind="ray", ray_address=cluster.address)
            found = curated(on_ray, lambda: cluster.remove_node(second, allow_graceful=False))
    finally:
        cluster.shutdown()
    assert second not in cluster.worker_nodes, "no node was lost"
    assert found == expected
