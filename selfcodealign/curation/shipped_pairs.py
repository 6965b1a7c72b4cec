"""Shipped pairs: preference pairs of an earlier run, which a small run trains on beside its own.

A run of half an hour makes a few dozen pairs, and published gains had some hundred tasks at least. Pairs are worth
their time only for the model that wrote their answers: for another one they are off policy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from selfcodealign.curation.decontamination import Decontaminator
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.records import Preference, read_rows

# Where sets of shipped pairs are, each in a folder of its own, with a card.
SHIPPED_FOLDER = Path("pairs")


class ShippedReason(StrEnum):
    """Why a shipped pair is not taken."""

    TASK_OF_THE_RUN = "task_of_the_run"
    BENCHMARK_TEXT = "benchmark_text"


@dataclass(frozen=True, slots=True)
class ShippedPairs:
    """What a run takes of a shipped set.

    Attributes:
        preferences: the pairs that it takes, in the order of the set.
        dropped: how many it does not take, by `ShippedReason`.
    """

    preferences: list[Preference]
    dropped: Mapping[str, int]


def read_shipped(root: Path, name: str) -> list[Preference]:
    """The pairs of a shipped set, with its name as their origin.

    Args:
        root: the folder with the sets.
        name: the set's folder in it.

    Raises:
        InputError: there is no such set, or its file cannot be read.
    """
    path = root / name / "preferences.parquet"
    if not path.is_file():
        known = ", ".join(sorted(file.parent.name for file in root.glob("*/preferences.parquet"))) or "none"
        raise InputError(f"select_examples.shipped_pairs = {name}: {path} is missing; there are: {known}")
    return [replace(row, origin=name) for row in read_rows(path, Preference)]


def take_shipped(
    shipped: Sequence[Preference], own: Sequence[Preference], benchmarks: Sequence[BenchmarkText]
) -> ShippedPairs:
    """The shipped pairs that go beside a run's own.

    A pair whose task the run has pairs of is left out: the run's own are of its own settings. So is one with text of a
    benchmark: the set may have been made when fewer benchmarks were imported.

    Args:
        shipped: the pairs of a set.
        own: the run's own pairs.
        benchmarks: texts that no pair may hold.
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
        else:
            taken.append(row)
    return ShippedPairs(taken, dropped)
