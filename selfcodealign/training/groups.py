"""The groups of a training on rewards: several sampled answers per task, and whether their rewards differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfcodealign.errors import InputError

_PREFIX = "groups_"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPoint:
    """The answers of one optimizer step, sampled before its update.

    Attributes:
        step: optimizer step, counted from 1.
        num_groups: tasks of the step; each has one group of answers.
        share_groups_with_variance: share of the groups whose answers have different rewards. The others give no
            gradient.
        mean_reward: mean over the answers that were judged, 0 to 1; None if none was.
        num_unjudged: answers without a reward, because the sandbox failed on them.
        mean_completion_tokens: mean length of an answer, tokens.
        share_cut: share of the answers that used up their tokens.
    """

    step: int
    num_groups: int
    share_groups_with_variance: float
    mean_reward: float | None
    num_unjudged: int
    mean_completion_tokens: float
    share_cut: float


def group_figures(
    rewards: Sequence[Sequence[float | None]], lengths: Sequence[int], is_cut: Sequence[bool]
) -> dict[str, float | int | None]:
    """The figures of a step for the trainer's log; `group_points` reads them.

    Args:
        rewards: of each group's answers; None: not judged.
        lengths: tokens of all answers.
        is_cut: whether each answer used up its tokens.
    """
    judged = [reward for group in rewards for reward in group if reward is not None]
    varied = sum(len({reward for reward in group if reward is not None}) > 1 for group in rewards)
    figures = {
        "num_groups": len(rewards),
        "share_groups_with_variance": varied / len(rewards),
        "mean_reward": sum(judged) / len(judged) if judged else None,
        "num_unjudged": len(lengths) - len(judged),
        "mean_completion_tokens": sum(lengths) / len(lengths),
        "share_cut": sum(is_cut) / len(is_cut),
    }
    return {_PREFIX + name: value for name, value in figures.items()}


def group_points(log_history: Sequence[dict[str, Any]]) -> list[GroupPoint]:
    """The groups out of the trainer's log, one point per optimizer step; none for other objectives."""
    names = [name for name in GroupPoint.__dataclass_fields__ if name != "step"]
    return [
        GroupPoint(step=int(entry["step"]), **{name: entry[_PREFIX + name] for name in names})
        for entry in log_history
        if f"{_PREFIX}num_groups" in entry
    ]


def mean_groups(points: Sequence[GroupPoint]) -> dict[str, float]:
    """Means over points, weighted by their groups, for a metrics file; empty without points."""
    found: dict[str, float] = {}
    for name in ("mean_reward", "share_groups_with_variance", "mean_completion_tokens", "share_cut"):
        known = [(value, point.num_groups) for point in points if (value := getattr(point, name)) is not None]
        if known:
            found[name] = round(sum(value * weight for value, weight in known) / sum(weight for _, weight in known), 6)
    return found


def check_some_varied(points: Sequence[GroupPoint]) -> None:
    """Check that a training on rewards had something to learn from.

    Raises:
        InputError: no group had different rewards, so no weight can have changed.
    """
    if points and not any(point.share_groups_with_variance for point in points):
        rewards = [point.mean_reward for point in points if point.mean_reward is not None]
        mean = f"{sum(rewards) / len(rewards):.2f}" if rewards else "unknown"
        raise InputError(
            f"all answers to each task had the same reward (mean {mean}), so there was nothing to learn; raise"
            " finetune_model.grpo_samples, or take tasks that the model solves sometimes"
        )
