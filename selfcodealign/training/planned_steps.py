"""A trainer with whole optimizer steps as its batches; imported only where transformers is installed."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import Trainer

from selfcodealign.training.plan import micro_batches, rate_factor
from selfcodealign.training_params import Scheduler

Batch = dict[str, Any]


class PlannedSteps(Trainer):
    """What our trainers have in common: they read a given list of rows per optimizer step.

    The data loader yields one step at a time, already split into micro-batches, so the micro-batch size decides memory
    and speed only: the rows of a step, their order and the loss are the same for any size, and a training can resume
    with another one.

    It casts by itself instead of by accelerate, which patches the model's forward for good. Only the training runs in
    bfloat16, never a score: there the forward pass sees weights rounded to the nearest bfloat16, and most of what a
    small learning rate changed is not in them.

    A subclass lists it before one of TRL's trainers in its bases, and defines the length of a row (`row_length`), the
    tokens of a batch that the loss sees (`num_supervised_in`), and what the loss of a step is a mean over
    (`step_total`). `plan_training` must be called before `train`.
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
            collate_fn=lambda rows: {"micro_batches": self.micro_batches_of(rows)},
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

    def row_length(self, row: dict[str, Any]) -> int:
        """Tokens of a row of the training set, by which rows are grouped into forward passes."""
        raise NotImplementedError

    def num_supervised_in(self, batch: Batch) -> int:
        """Tokens of a collated batch that the loss sees."""
        raise NotImplementedError

    def step_total(self, batches: Sequence[Batch]) -> Any:
        """What the loss of a step is a mean over; `compute_loss` gets it as `num_items_in_batch`."""
        raise NotImplementedError

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward passes of one optimizer step; returns its loss."""
        batches = inputs["micro_batches"]
        self._num_supervised = sum(self.num_supervised_in(batch) for batch in batches)
        self._num_tokens += sum(_count_tokens(batch) for batch in batches)
        self.current_gradient_accumulation_steps = len(batches)
        total = self.step_total(batches)
        one_batch: Any = super().training_step
        losses = [one_batch(model, batch, total) for batch in batches]
        return torch.stack(losses).sum()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the step's supervised tokens, by which the loss of an epoch is weighted, and all tokens so far."""
        if "loss" in logs:
            logs["num_supervised"] = self._num_supervised
            logs["num_tokens"] = self._num_tokens
        super().log(logs, start_time)

    def grouped_micro_batches(self, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], Batch]]:
        """Rows as collated forward passes, each with the indices of its rows."""
        for group in micro_batches([self.row_length(row) for row in rows], self._micro_batch_size):
            yield group, self.data_collator([rows[index] for index in group])

    def micro_batches_of(self, rows: Sequence[dict[str, Any]]) -> list[Batch]:
        """Rows as collated forward passes."""
        return [batch for _, batch in self.grouped_micro_batches(rows)]


def _count_tokens(batch: Batch) -> int:
    """Tokens without padding; a packed batch has none and no mask."""
    return int(batch["attention_mask"].sum()) if "attention_mask" in batch else int(batch["input_ids"].numel())
