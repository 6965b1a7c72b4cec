"""The pairs that training never sees, on which its checkpoints are compared."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol, TypeVar

from selfcodealign.records import Example, Preference, row_id

MIN_ROWS = 10  # with fewer pairs every one is needed for training, and the loss of a single one says little


class _Row(Protocol):
    @property
    def id(self) -> str: ...


RowT = TypeVar("RowT", bound=_Row)


def split_holdout(
    rows: Sequence[RowT], pairs: Sequence[Example] | Sequence[Preference], share: float, seed: int
) -> tuple[list[RowT], list[RowT]]:
    """Hold out a share of the pairs, whole tasks at a time.

    Which pairs are held out depends on the seed and the ids alone, not on their order. All pairs of a task go to the
    same side: an answer to a task that was trained on would make the held-out loss look better than it is.

    Args:
        rows: the usable pairs as tokens.
        pairs: the pairs they come from; they name the task of each row.
        share: share of the rows to hold out; at least one row is, unless the share is 0.
        seed: the run's seed.

    Returns:
        The rows to train on and the rows held out, each in the order of `rows`. None is held out of fewer than
        `MIN_ROWS` rows.
    """
    if len(rows) < MIN_ROWS or share == 0.0:
        return list(rows), []
    task_of = {pair.id: pair.instruction_id for pair in pairs}
    tasks: dict[str, list[RowT]] = defaultdict(list)
    for row in rows:
        tasks[task_of[row.id]].append(row)
    wanted = max(round(len(rows) * share), 1)
    held_out: set[str] = set()
    for task in sorted(tasks, key=lambda task: row_id("holdout", seed, task)):
        if len(held_out) + len(tasks[task]) <= wanted:
            held_out.update(row.id for row in tasks[task])
    return [row for row in rows if row.id not in held_out], [row for row in rows if row.id in held_out]
