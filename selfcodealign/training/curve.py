"""The loss curve of a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPoint:
    """One optimizer step.

    Attributes:
        step: counted from 1.
        epoch: passes over the data so far.
        loss: mean over the step's supervised tokens, nats.
        learning_rate: of the step.
        tokens: tokens read so far, prompt and answer, without padding.
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    tokens: int


def loss_curve(log_history: Sequence[dict[str, Any]]) -> list[LossPoint]:
    """The loss curve out of the trainer's log, one point an optimizer step."""
    return [
        LossPoint(
            step=int(entry["step"]),
            epoch=round(float(entry["epoch"]), 4),
            loss=float(entry["loss"]),
            learning_rate=float(entry["learning_rate"]),
            tokens=int(entry["num_tokens"]),
        )
        for entry in log_history
        if "loss" in entry
    ]
