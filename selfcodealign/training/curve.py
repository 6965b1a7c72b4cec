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
        loss: mean over the step's supervised tokens, nats, before the step's update.
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


def epoch_losses(curve: Sequence[LossPoint], steps_per_epoch: int) -> list[float]:
    """The training loss of each epoch, mean over its supervised tokens; the last epoch may be a part of one.

    The weights change within an epoch, so this is the mean of the losses that the steps saw, not the loss of any one
    model. A single step's loss says less: its few pairs differ from the next step's.
    """
    epochs = groupby(curve, key=lambda point: (point.step - 1) // steps_per_epoch)
    return [_token_mean(list(points)) for _, points in epochs]


def _token_mean(points: Sequence[LossPoint]) -> float:
    return sum(point.loss * point.num_supervised for point in points) / sum(point.num_supervised for point in points)
