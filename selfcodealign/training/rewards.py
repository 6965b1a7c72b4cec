"""The rewards of a training on preferences: whether, and how far, chosen answers became likelier than rejected ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Split = Literal["train", "holdout"]
_FIGURES = ("num_pairs", "accuracy", "margin", "chosen_change", "rejected_change")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPoint:
    """The rewards of some pairs at one optimizer step.

    The reward of an answer is beta times the change of its log-probability since the base model.

    Attributes:
        split: `train`: the pairs of the step, before its update; `holdout`: all held-out pairs, after it.
        step: optimizer step, counted from 1; 0 is the base model.
        num_pairs: pairs.
        accuracy: share of the pairs whose chosen answer has the higher reward; 0 for the base model, whose rewards
            are all 0.
        margin: reward of the chosen answer less that of the rejected one, mean over the pairs.
        chosen_change: change of the chosen answers' log-probability since the base model, mean over the pairs, nats.
        rejected_change: the same for the rejected answers.

    Source: Rafailov et al. 2023, "Direct Preference Optimization" (arXiv 2305.18290), section 4.
    """

    split: Split
    step: int
    num_pairs: int
    accuracy: float
    margin: float
    chosen_change: float
    rejected_change: float


@dataclass(frozen=True, slots=True)
class PairSums:
    """Sums over preference pairs, which add up over the forward passes of a step.

    Attributes:
        num_pairs: pairs.
        num_correct: pairs whose chosen answer has the higher reward.
        margin: difference of the rewards.
        chosen_change: change of the chosen answers' log-probability, nats.
        rejected_change: the same for the rejected answers.
    """

    num_pairs: int = 0
    num_correct: int = 0
    margin: float = 0.0
    chosen_change: float = 0.0
    rejected_change: float = 0.0

    def __add__(self, other: "PairSums") -> "PairSums":
        """The sums over both."""
        return PairSums(
            self.num_pairs + other.num_pairs,
            self.num_correct + other.num_correct,
            self.margin + other.margin,
            self.chosen_change + other.chosen_change,
            self.rejected_change + other.rejected_change,
        )

    def log_entry(self, split: Split) -> dict[str, float]:
        """The means, under the keys that `reward_points` reads."""
        values = (
            self.num_pairs,
            *(
                total / self.num_pairs
                for total in (self.num_correct, self.margin, self.chosen_change, self.rejected_change)
            ),
        )
        return {f"{split}_{name}": value for name, value in zip(_FIGURES, values, strict=True)}


def reward_points(log_history: Sequence[dict[str, Any]]) -> list[RewardPoint]:
    """The rewards out of the trainer's log, in the order in which they were logged; none for SFT."""
    splits: tuple[Split, ...] = ("train", "holdout")
    return [
        RewardPoint(split=split, step=int(entry["step"]), **{name: entry[f"{split}_{name}"] for name in _FIGURES})
        for entry in log_history
        for split in splits
        if f"{split}_margin" in entry
    ]


def mean_rewards(points: Sequence[RewardPoint]) -> dict[str, float]:
    """Means over points, weighted by their pairs, for a metrics file; empty without points."""
    total = sum(point.num_pairs for point in points)
    return {
        name: round(sum(float(getattr(point, name)) * point.num_pairs for point in points) / total, 6)
        for name in _FIGURES[1:]
        if total
    }
