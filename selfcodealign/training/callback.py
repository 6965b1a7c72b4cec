"""Progress of a training; imported only where transformers is at hand."""

import math
from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback

from selfcodealign.errors import InputError
from selfcodealign.progress import Progress, progress


class ProgressCallback(TrainerCallback):
    """Shows `selfcodealign.progress` in place of the trainer's bars, and keeps the token count across restarts."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bar: Progress | None = None
        self._tokens_before = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Open the bar where the last run stopped."""
        self._bar = self._stack.enter_context(progress("training steps", state.max_steps))
        if state.global_step:
            self._bar.advance(state.global_step)
        self._tokens_before = max((int(entry.get("num_tokens", 0)) for entry in state.log_history), default=0)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Add the tokens of earlier runs (TRL counts from zero after a restart); checkpoints keep the sum."""
        entry = state.log_history[-1]
        if "loss" not in entry:
            return
        entry["num_tokens"] = int(entry.get("num_tokens", 0)) + self._tokens_before
        if not math.isfinite(entry["loss"]):
            raise InputError(
                f"the loss is {entry['loss']} at step {state.global_step}: training diverged; lower"
                " finetune_model.learning_rate"
            )
        if self._bar is not None:
            self._bar.advance(note=f"loss {entry['loss']:.3f}")
