"""Shipped pairs: preference pairs of an earlier run that a small run adds to its own.

A small run makes a few dozen pairs, while published gains used at least a few hundred tasks. The pairs fit only the
model that wrote their answers; for any other model they are off-policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from selfcodealign.curation.decontamination import Decontaminator
from selfcodealign.curation.preferences import comments_differ
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.params import PreferenceMatch
from selfcodealign.records import Preference, read_rows

# Each set of shipped pairs has its own folder in here.
SHIPPED_FOLDER = Path("pairs")


class ShippedReason(StrEnum):
    """Reason why a shipped pair is not used."""

    TASK_OF_THE_RUN = "task_of_the_run"
    BENCHMARK_TEXT = "benchmark_text"
    COMMENTS_DIFFER = "comments_differ"


@dataclass(frozen=True, slots=True)
class ShippedPairs:
    """Pairs that a run uses from a shipped set.

    Attributes:
        preferences: the pairs, in the order of the set.
        dropped: number of unused pairs by `ShippedReason`.
    """

    preferences: list[Preference]
    dropped: Mapping[str, int]


def read_shipped(root: Path, name: str) -> list[Preference]:
    """Read the pairs of a shipped set and set their origin to its name.

    Args:
        root: the folder with the sets.
        name: the set's folder in it.

    Raises:
        InputError: the set does not exist, or its file cannot be read.
    """
    path = root / name / "preferences.parquet"
    if not path.is_file():
        known = ", ".join(sorted(file.parent.name for file in root.glob("*/preferences.parquet"))) or "none"
        raise InputError(f"select_examples.shipped_pairs = {name}: {path} is missing; there are: {known}")
    return [replace(row, origin=name) for row in read_rows(path, Preference)]


def take_shipped(
    shipped: Sequence[Preference],
    own: Sequence[Preference],
    benchmarks: Sequence[BenchmarkText],
    match: PreferenceMatch = "comments",
) -> ShippedPairs:
    """Select the shipped pairs to add to a run's own.

    Pairs of tasks for which the run has its own pairs are dropped, because the run's pairs match its settings. Pairs
    that contain benchmark text are dropped as well: the set may predate a benchmark that this run imports. With `match`
    `comments` so are pairs of which one answer has a comment and the other one has none.

    Args:
        shipped: the pairs of a set.
        own: the run's own pairs.
        benchmarks: texts that no pair may hold.
        match: what the two answers of a pair have in common, as in `pair_preferences`.
    """
    tasks = {row.instruction_id for row in own}
    decontaminator = Decontaminator(benchmarks)
    taken: list[Preference] = []
    dropped = dict.fromkeys((reason.value for reason in ShippedReason), 0)
    for row in shipped:
        text = "\n\n".join((row.instruction, row.chosen, row.rejected))
        if row.instruction_id in tasks:
            dropped[ShippedReason.TASK_OF_THE_RUN.value] += 1
        elif decontaminator.hits(row.id, text):
            dropped[ShippedReason.BENCHMARK_TEXT.value] += 1
        elif match == "comments" and comments_differ(row):
            dropped[ShippedReason.COMMENTS_DIFFER.value] += 1
        else:
            taken.append(row)
    return ShippedPairs(taken, dropped)
