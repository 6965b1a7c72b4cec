"""Progress and scoring of a training; imported only where transformers is at hand."""

import logging
import math
from contextlib import ExitStack
from typing import Any

from transformers import TrainerCallback

from selfcodealign.errors import InputError
from selfcodealign.progress import Progress, progress
from selfcodealign.training.scoring import BestWeights, ScorePoint, Scorer, score_history

logger = logging.getLogger(__name__)


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


class ScoringCallback(TrainerCallback):
    """Scores the model before training and after some steps, and keeps the best weights.

    The scores go into the trainer's log, which its checkpoints store: a resumed run has those of the run before.
    """

    def __init__(self, scorer: Scorer, tokenizer: Any, best: BestWeights, steps: frozenset[int]) -> None:
        """Take what is scored and when.

        Args:
            scorer: scores the model.
            tokenizer: of the model.
            best: keeps the weights with the best score.
            steps: optimizer steps after which the model is scored.
        """
        self._scorer = scorer
        self._tokenizer = tokenizer
        self._best = best
        self._steps = steps

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Score the base model, unless an earlier run has."""
        if not score_history(state.log_history, self._scorer.name):
            self._score(state, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Score the model if it is its turn."""
        if state.global_step in self._steps:
            self._score(state, kwargs["model"])

    def _score(self, state: Any, model: Any) -> None:
        was_training = model.training
        model.eval()
        point = ScorePoint(int(state.global_step), self._scorer.score(model, self._tokenizer))
        model.train(was_training)
        state.log_history.append({"step": point.step, self._scorer.name: point.score})
        is_best = self._best.offer(model, point)
        note = "" if point.step == 0 else ", the best so far" if is_best else ", not better"
        logger.info("step %d: %s %.4f%s", point.step, self._scorer.name, point.score, note)
