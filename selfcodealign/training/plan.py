"""What each optimizer step of a training reads, and at which learning rate."""

import math
import random
from collections.abc import Sequence

from selfcodealign.records import derived_seed
from selfcodealign.training_params import Scheduler

MOST_PADDED = 1.25


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Optimizer steps of one pass over the rows; every step has at most `batch_size` rows."""
    return max(math.ceil(num_rows / batch_size), 1)


def plan_steps(num_rows: int, batch_size: int, epochs: float, seed: int) -> list[list[int]]:
    """The rows of every optimizer step of the training, in order.

    The rows of an epoch are spread evenly over its steps: 13 rows at batch size 4 give steps of 4, 3, 3 and 3 rows. A
    trailing step of a single row would move the weights as far as a whole batch does (Adafactor and Adam normalize the
    gradient), and dropping the remainder would lose a share of a small data set in every epoch.

    Args:
        num_rows: rows of the training set, packed sequences if it is packed.
        batch_size: rows of a step at most.
        epochs: passes over the rows; a fraction ends the last pass early, at a whole step.
        seed: of the order, which differs from epoch to epoch.

    Returns:
        One list of row indices per step. The sizes of an epoch's steps differ by at most one.
    """
    per_epoch = steps_per_epoch(num_rows, batch_size)
    num_steps = max(math.ceil(per_epoch * epochs), 1)
    steps: list[list[int]] = []
    for epoch in range(math.ceil(num_steps / per_epoch)):
        order = list(range(num_rows))
        random.Random(derived_seed(seed, "training order", epoch)).shuffle(order)  # noqa: S311 - not cryptographic
        steps += [order[num_rows * step // per_epoch : num_rows * (step + 1) // per_epoch] for step in range(per_epoch)]
    return steps[:num_steps]


def micro_batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Split the rows of a step into forward passes, rows of similar length together, so that little is padded.

    Args:
        lengths: tokens of each row.
        size: rows per forward pass at most.

    Returns:
        One list of row indices per forward pass; no row is longer than `MOST_PADDED` times the shortest of its list.
    """
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if not groups or len(groups[-1]) == size or lengths[row] > MOST_PADDED * lengths[groups[-1][0]]:
            groups.append([])
        groups[-1].append(row)
    return groups


def warmup_steps(num_steps: int, warmup_share: float) -> int:
    """Optimizer steps in which the rate rises: at least one, unless the share is 0 or there is a single step.

    Adafactor's first update has no history to be scaled by, so it moves every weight by about the full rate whatever
    its gradient is. A warm-up of one step halves that move.
    """
    if warmup_share == 0.0:
        return 0
    return min(max(round(num_steps * warmup_share), 1), num_steps - 1)


def rate_factor(step: int, *, num_steps: int, num_warmup: int, scheduler: Scheduler) -> float:
    """The learning rate of a step as a share of the peak rate, above 0 and at most 1.

    The shapes are those of transformers, with one difference: the warm-up begins above 0, so that no step is wasted.

    Args:
        step: optimizer steps done before this one.
        num_steps: optimizer steps of the training.
        num_warmup: steps of the warm-up (`warmup_steps`).
        scheduler: decay after the warm-up.
    """
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    if scheduler == "constant":
        return 1.0
    done = min((step - num_warmup) / (num_steps - num_warmup), 1.0)
    return 1.0 - done if scheduler == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


def evaluation_steps(num_steps: int, per_epoch: int, eval_steps: int | None) -> frozenset[int]:
    """The steps after which the model is scored: every `eval_steps`, or at the end of each epoch, and the last step."""
    return frozenset({*range(eval_steps or per_epoch, num_steps + 1, eval_steps or per_epoch), num_steps})
