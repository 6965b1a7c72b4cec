"""TRL's trainer with whole optimizer steps as its batches; imported only where TRL is at hand."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from trl.trainer.sft_trainer import SFTTrainer

from selfcodealign.params import Scheduler
from selfcodealign.training.plan import micro_batches, rate_factor
from selfcodealign.training.rows import IGNORED
from selfcodealign.training.token_loss import has_plain_head, supervised_loss


class StepTrainer(SFTTrainer):
    """An SFTTrainer that reads a given list of rows per optimizer step.

    The data loader yields one step at a time, already split into micro-batches, so the micro-batch size decides memory
    and speed only: the rows of a step, their order and the loss are the same for any size, and a training can resume
    with another one. The loss of a step is the mean over all of its supervised tokens.

    It casts by itself instead of by accelerate, which patches the model's forward for good. Only the training runs in
    bfloat16, never a score: there the forward pass sees weights rounded to the nearest bfloat16, and most of what a
    small learning rate changed is not in them.

    `plan_training` must be called before `train`.
    """

    plan: list[list[int]]
    steps_per_epoch: int
    num_warmup: int
    _scheduler: Scheduler
    _micro_batch_size: int
    _is_autocast: bool
    _num_supervised = 0
    _num_tokens = 0

    def plan_training(
        self,
        plan: list[list[int]],
        *,
        steps_per_epoch: int,
        num_warmup: int,
        scheduler: Scheduler,
        micro_batch_size: int,
        is_autocast: bool,
    ) -> None:
        """Set what is trained on.

        Args:
            plan: rows of the training set per optimizer step (`plan_steps`); the whole training is one trainer epoch.
            steps_per_epoch: optimizer steps of one pass over the rows.
            num_warmup: steps in which the rate rises.
            scheduler: decay of the rate after that.
            micro_batch_size: rows per forward pass at most.
            is_autocast: matrix products of the training run in bfloat16.
        """
        self.plan = plan
        self.steps_per_epoch = steps_per_epoch
        self.num_warmup = num_warmup
        self._scheduler = scheduler
        self._micro_batch_size = micro_batch_size
        self._is_autocast = is_autocast

    def get_train_dataloader(self) -> Any:
        """One item per optimizer step: `{"micro_batches": [...]}`."""
        dataset: Any = self.train_dataset
        return DataLoader(
            dataset,
            batch_sampler=self.plan,
            collate_fn=lambda rows: {"micro_batches": self._micro_batches(rows)},
            pin_memory=self.args.dataloader_pin_memory,
        )

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The rate of `rate_factor`."""
        if self.lr_scheduler is None:
            trained: Any = optimizer or self.optimizer
            self.lr_scheduler = LambdaLR(
                trained,
                lambda step: rate_factor(
                    step, num_steps=num_training_steps, num_warmup=self.num_warmup, scheduler=self._scheduler
                ),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def autocast_smart_context_manager(self, cache_enabled: bool | None = True) -> Any:
        """The precision of a forward pass and its loss."""
        model: Any = self.model
        casts = self._is_autocast and model.training
        return torch.autocast(self.args.device.type, torch.bfloat16, enabled=casts, cache_enabled=cache_enabled)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward passes of one optimizer step; returns its loss."""
        batches = inputs["micro_batches"]
        self._num_supervised = _count_supervised(batches)
        self._num_tokens += sum(_count_tokens(batch) for batch in batches)
        self.current_gradient_accumulation_steps = len(batches)
        total = torch.tensor(self._num_supervised, device=self.args.device)
        one_batch: Any = super().training_step
        losses = [one_batch(model, batch, total) for batch in batches]
        return torch.stack(losses).sum()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a micro-batch as its share of the step's mean, by TRL's fused head except on a CPU."""
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        if self.args.device.type != "cpu" or not has_plain_head(causal):
            fused_head: Any = super().compute_loss
            return fused_head(model, inputs, return_outputs, num_items_in_batch)
        inputs = dict(inputs)
        targets = inputs.pop("labels")[:, 1:]
        hidden = causal.base_model(**inputs, use_cache=False).last_hidden_state[:, :-1]
        is_supervised = targets != IGNORED
        loss = supervised_loss(hidden[is_supervised], causal.get_output_embeddings().weight, targets[is_supervised])
        return loss / num_items_in_batch

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the step's supervised tokens, by which the loss of an epoch is weighted, and all tokens so far."""
        if "loss" in logs:
            logs["num_supervised"] = self._num_supervised
            logs["num_tokens"] = self._num_tokens
        super().log(logs, start_time)

    def mean_loss(self, rows: Sequence[dict[str, Any]]) -> float:
        """The loss of the model as it is now, mean over all supervised tokens of the rows, nats.

        Args:
            rows: `input_ids` and `labels`; not packed. The model must be in evaluation mode.
        """
        batches = self._micro_batches(rows)
        total = torch.tensor(_count_supervised(batches), device=self.args.device)
        loss = 0.0
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in batches:
                inputs = self._prepare_inputs(batch)
                loss += float(self.compute_loss(self.model, inputs, False, total))
        return loss

    def _micro_batches(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        groups = micro_batches([len(row["input_ids"]) for row in rows], self._micro_batch_size)
        return [self.data_collator([rows[index] for index in group]) for group in groups]


def _count_tokens(batch: dict[str, Any]) -> int:
    """Tokens without padding; a packed batch has none and no mask."""
    return int(batch["attention_mask"].sum()) if "attention_mask" in batch else int(batch["input_ids"].numel())


def _count_supervised(batches: Sequence[dict[str, Any]]) -> int:
    """Labels that the loss sees; the first of a row has no token before it that could predict it."""
    return sum(int((batch["labels"][:, 1:] != IGNORED).sum()) for batch in batches)
