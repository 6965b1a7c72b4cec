"""The loss curve of a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """One optimizer step.

    Attributes:
        step: counted from 1.
        epoch: passes over the data so far.
        loss: before the step's update; mean over its supervised tokens, nats (dpo: see `preference_loss`).
        learning_rate: of the step.
        tokens: tokens read so far, prompt and answer, without padding.
        num_supervised: tokens of the step that the loss sees.
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    tokens: int
    num_supervised: int


def loss_curve(log_history: Sequence[dict[str, Any]], steps_per_epoch: int) -> list[LossPoint]:
    """The loss curve out of the trainer's log, one point per optimizer step."""
    return [
        LossPoint(
            step=int(entry["step"]),
            epoch=round(int(entry["step"]) / steps_per_epoch, 4),
            loss=float(entry["loss"]),
            learning_rate=float(entry["learning_rate"]),
            tokens=int(entry["num_tokens"]),
            num_supervised=int(entry["num_supervised"]),
        )
        for entry in log_history
        if "loss" in entry
    ]


def epoch_losses(
    curve: Sequence[LossPoint], steps_per_epoch: int, num_pairs: Sequence[int] | None = None
) -> list[float]:
    """The training loss of each epoch; the last epoch may be a part of one.

    Args:
        curve: one point per step.
        steps_per_epoch: optimizer steps of one pass over the rows.
        num_pairs: pairs of each step, where its loss is a mean over pairs; None: it is one over supervised tokens.

    The weights change within an epoch, so this is the mean of the losses that the steps saw, not the loss of any one
    model. A single step's loss says less: its few pairs differ from the next step's.
    """
    weights = [point.num_supervised for point in curve] if num_pairs is None else num_pairs
    weighted = zip(curve, weights, strict=True)
    epochs = groupby(weighted, key=lambda entry: (entry[0].step - 1) // steps_per_epoch)
    return [_mean(list(entries)) for _, entries in epochs]


def _mean(entries: Sequence[tuple[LossPoint, int]]) -> float:
    return sum(point.loss * weight for point, weight in entries) / sum(weight for _, weight in entries)
