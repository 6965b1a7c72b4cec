"""TRL's trainer for supervised fine-tuning, with planned steps; imported only where TRL is installed."""

from collections.abc import Sequence
from typing import Any

import torch
from trl.trainer.sft_trainer import SFTTrainer

from selfcodealign.training.planned_steps import Batch, PlannedSteps
from selfcodealign.training.rows import IGNORED
from selfcodealign.training.token_loss import has_plain_head, supervised_loss


class StepTrainer(PlannedSteps, SFTTrainer):
    """An SFTTrainer with planned steps. The loss of a step is the mean over all of its supervised tokens."""

    def row_length(self, row: dict[str, Any]) -> int:
        """Tokens of a pair, or of a packed sequence."""
        return len(row["input_ids"])

    def num_supervised_in(self, batch: Batch) -> int:
        """Labels that the loss sees; the first of a row has no token before it that could predict it."""
        return int((batch["labels"][:, 1:] != IGNORED).sum())

    def step_total(self, batches: Sequence[Batch]) -> Any:
        """The supervised tokens of a step."""
        return torch.tensor(sum(map(self.num_supervised_in, batches)), device=self.args.device)

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

    def mean_loss(self, rows: Sequence[dict[str, Any]]) -> float:
        """The loss of the model as it is now, mean over all supervised tokens of the rows, nats.

        Args:
            rows: `input_ids` and `labels`; not packed. The model must be in evaluation mode.
        """
        batches = self.micro_batches_of(rows)
        total = self.step_total(batches)
        loss = 0.0
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in batches:
                inputs = self._prepare_inputs(batch)
                loss += float(self.compute_loss(self.model, inputs, False, total))
        return loss
