"""Shipped pairs: preference pairs of earlier runs that a small run adds to its own.

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
# In the folder of a set: the name of the model that wrote the answers.
MODEL_FILE = "model.txt"


class ShippedReason(StrEnum):
    """Reason why a shipped pair is not used."""

    TASK_OF_THE_RUN = "task_of_the_run"
    BENCHMARK_TEXT = "benchmark_text"
    COMMENTS_DIFFER = "comments_differ"
    IN_EARLIER_SET = "in_earlier_set"
    OTHER_MODEL = "other_model"


@dataclass(frozen=True, slots=True)
class ShippedPairs:
    """Pairs that a run uses from shipped sets.

    Attributes:
        preferences: the pairs, in the order of the sets.
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


def is_written_by(root: Path, name: str, model: str) -> bool:
    """Whether a model wrote the answers of a shipped set: whether its name is in the set's folder.

    Args:
        root: the folder with the sets.
        name: the set's folder in it.
        model: name of a packaged model, or of one on the Hub; the owner and the case do not matter.

    Raises:
        InputError: the set does not say which model it is of.
    """
    path = root / name / MODEL_FILE
    try:
        writer = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error}); write the name of the model into it whose answers the pairs are"
        ) from error
    return writer.lower() == model.rpartition("/")[2].lower()


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
        shipped: the pairs of one or more sets. A pair that is in several is taken once.
        own: the run's own pairs.
        benchmarks: texts that no pair may hold.
        match: what the two answers of a pair have in common, as in `pair_preferences`.
    """
    tasks = {row.instruction_id for row in own}
    decontaminator = Decontaminator(benchmarks)
    taken: dict[str, Preference] = {}
    dropped = dict.fromkeys((reason.value for reason in ShippedReason), 0)
    for row in shipped:
        text = "\n\n".join((row.instruction, row.chosen, row.rejected))
        if row.id in taken:
            dropped[ShippedReason.IN_EARLIER_SET.value] += 1
        elif row.instruction_id in tasks:
            dropped[ShippedReason.TASK_OF_THE_RUN.value] += 1
        elif decontaminator.hits(row.id, text):
            dropped[ShippedReason.BENCHMARK_TEXT.value] += 1
        elif match == "comments" and comments_differ(row):
            dropped[ShippedReason.COMMENTS_DIFFER.value] += 1
        else:
            taken[row.id] = row
    return ShippedPairs(list(taken.values()), dropped)
