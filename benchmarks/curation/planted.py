"""Near-copies of benchmark tasks, hidden among real functions: how many are caught, how many clean rows are flagged."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.curation.near_copies import Planted, near_copies
from selfcodealign.curation import Decontaminator
from selfcodealign.evaluation import BenchmarkText


@dataclass(frozen=True, slots=True)
class Hidden:
    """What decontamination made of a hidden sample.

    Attributes:
        num_planted: near-copies in it.
        missed: those that were not found.
        num_clean: other rows.
        flagged: what was found in those, by row: benchmark, task, way and what matched.
        ways: planted rows found by each way.
        rows_per_second: rows looked at in a second, on one core.
        index_s: seconds to index the benchmarks.
    """

    num_planted: int
    missed: list[Planted]
    num_clean: int
    flagged: dict[str, str]
    ways: dict[str, int]
    rows_per_second: float
    index_s: float

    @property
    def caught(self) -> float:
        """Share of the planted rows that were found to hold their own task."""
        return 1.0 - len(self.missed) / self.num_planted

    @property
    def clean_flagged(self) -> float:
        """Share of the other rows that were flagged."""
        return len(self.flagged) / max(self.num_clean, 1)


def hide_and_seek(benchmarks: Sequence[BenchmarkText], clean: Sequence[str], num_planted: int, seed: int = 0) -> Hidden:
    """Hide near-copies among clean rows, and look for them.

    Args:
        benchmarks: the benchmarks' texts.
        clean: rows that hold no benchmark.
        num_planted: near-copies to hide.
        seed: draws tasks and places.
    """
    planted = {row.id: row for row in near_copies(benchmarks, num_planted, seed)}
    rows = [*((row.id, row.text) for row in planted.values()), *((f"clean:{n}", text) for n, text in enumerate(clean))]
    random.Random(seed).shuffle(rows)  # noqa: S311
    started = time.perf_counter()
    decontaminator = Decontaminator(benchmarks)
    indexed = time.perf_counter()
    found = {row_id: decontaminator.hits(row_id, text) for row_id, text in rows}
    seconds = time.perf_counter() - indexed
    own = {
        row_id: [hit for hit in found[row_id] if (hit.benchmark, hit.task_id) == row.task]
        for row_id, row in planted.items()
    }
    return Hidden(
        num_planted=len(planted),
        missed=[row for row in planted.values() if not own[row.id]],
        num_clean=len(clean),
        flagged={
            row_id: f"{hits[0].benchmark} {hits[0].task_id} {hits[0].how.value}: {hits[0].matched}"
            for row_id, hits in sorted(found.items())
            if hits and row_id not in planted
        },
        ways=dict(Counter(how for hits in own.values() for how in {hit.how.value for hit in hits})),
        rows_per_second=len(rows) / seconds,
        index_s=indexed - started,
    )
