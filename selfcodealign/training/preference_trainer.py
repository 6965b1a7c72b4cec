"""TRL's trainer for preferences, with planned steps; imported only where TRL is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from trl.trainer.dpo_trainer import DPOTrainer

from selfcodealign.progress import progress
from selfcodealign.training.planned_steps import Batch, PlannedSteps
from selfcodealign.training.rewards import PairSums
from selfcodealign.training.rows import IGNORED, PreferenceRow
from selfcodealign.training.shared_prompts import TOLERANCE, SharedPrompts, takes_masks
from selfcodealign.training.token_loss import has_plain_head, token_log_probs


@dataclass(frozen=True, slots=True)
class StepSize:
    """What the loss of a step is a mean over.

    Attributes:
        num_pairs: for the preference term.
        num_chosen_tokens: tokens of the chosen answers, for the likelihood term.
    """

    num_pairs: int
    num_chosen_tokens: int


def preference_loss(
    log_probs: torch.Tensor, reference: torch.Tensor, size: StepSize, *, beta: float, nll_weight: float
) -> tuple[torch.Tensor, PairSums]:
    """The loss of some pairs as their share of a step's: DPO, plus the likelihood of the chosen answers.

    A step's loss is the mean over its pairs of `-log sigmoid(beta * (chosen change - rejected change))`, plus
    `nll_weight` times the negative log-likelihood of the chosen answers, mean over their tokens.

    Args:
        log_probs: of whole answers under the model, nats; the chosen ones first, then the rejected ones, [2 * pairs].
        reference: the same under the base model.
        size: pairs and chosen tokens of the whole step.
        beta: scale of the rewards.
        nll_weight: weight of the likelihood term.

    Returns:
        The loss, and sums of the pairs' rewards.

    Source: Rafailov et al. 2023 (arXiv 2305.18290), equation 7; the likelihood term: Pang et al. 2024, "Iterative
    Reasoning Preference Optimization" (arXiv 2404.19733), equation 1, there normalized per answer, here per step as
    TRL does.
    """
    chosen_change, rejected_change = (log_probs - reference).chunk(2)
    margins = beta * (chosen_change - rejected_change)
    preference = -torch.nn.functional.logsigmoid(margins).sum() / size.num_pairs
    likelihood = -log_probs.chunk(2)[0].sum() / size.num_chosen_tokens
    sums = PairSums(
        len(margins),
        int((margins > 0).sum()),
        float(margins.detach().sum()),
        float(chosen_change.detach().sum()),
        float(rejected_change.detach().sum()),
    )
    return preference + nll_weight * likelihood, sums


def collator_rows(rows: Sequence[PreferenceRow]) -> list[dict[str, list[int]]]:
    """Rows as TRL's collator reads them: token ids of the prompt, the chosen and the rejected answer."""
    return [
        {"prompt_ids": row.prompt_ids, "chosen_ids": row.chosen.answer_ids, "rejected_ids": row.rejected.answer_ids}
        for row in rows
    ]


class PreferenceTrainer(PlannedSteps, DPOTrainer):
    """A DPOTrainer with planned steps.

    The dataset preparation, the reference pass and the loss of TRL's class are replaced, for three reasons. It
    tokenizes text itself. It averages over each forward pass, so the NLL term depends on the micro-batch size. Without
    Triton it computes logits for every position of a padded batch. Its collator, its fused head for GPUs, its
    checkpoints and its adapters are used unchanged.

    `take_reference` must be called before `train`, and before weights are loaded from a checkpoint.
    """

    loss_is_scaled_for_ga = True
    _nll_weight = 0.0
    _sums = PairSums()
    _shares_prompts = False

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """The rows are tokens already."""
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """Done by `take_reference`, once the steps are planned."""
        return dataset

    def take_reference(self, nll_weight: float) -> None:
        """Take the model as it is now as the reference: the base model, since adapters start at zero.

        The log-probabilities of the training set are computed in the precision of the training, so that the rewards
        start at 0: bfloat16 alone changes the log-probability of a long answer by more than a small rate does.

        Args:
            nll_weight: weight of the likelihood term.
        """
        self._nll_weight = nll_weight
        rows: Any = self.train_dataset
        self._shares_prompts = self._can_share_prompts(rows)
        for name, values in self._reference_columns(rows, casts=self._is_autocast).items():
            rows = rows.add_column(name, values)
        self.train_dataset = rows

    def with_reference(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Held-out rows with the reference log-probabilities of the model as it is now, in full precision."""
        columns = self._reference_columns(rows, casts=False)
        return [{**row, **{name: columns[name][index] for name in columns}} for index, row in enumerate(rows)]

    def _reference_columns(self, rows: Any, *, casts: bool) -> dict[str, list[float]]:
        model: Any = self.model
        was_training = model.training
        model.eval()
        chosen, rejected = [0.0] * len(rows), [0.0] * len(rows)
        autocast = torch.autocast(self.args.device.type, torch.bfloat16, enabled=casts)
        with torch.no_grad(), autocast, progress("pairs under the base model", len(rows)) as shown:
            for group, batch in self.grouped_micro_batches(list(rows)):
                log_probs = self._answer_log_probs(model, self._prepare_inputs(batch)).tolist()
                for index, one, other in zip(group, log_probs[: len(group)], log_probs[len(group) :], strict=True):
                    chosen[index], rejected[index] = one, other
                shown.advance(len(group))
        model.train(was_training)
        return {"ref_chosen_logps": chosen, "ref_rejected_logps": rejected}

    def _can_share_prompts(self, rows: Any) -> bool:
        """Whether a pair can be one sequence: the model gives the longest pair the same log-probabilities that way.

        Models with a state beside attention, with a window shorter than the pairs, or with other positions do not.
        """
        model: Any = self.model
        causal = _causal_of(model)
        if self.args.device.type != "cpu" or not has_plain_head(causal) or not takes_masks(causal.base_model):
            return False
        longest = max(rows, key=lambda row: sum(map(len, _parts_of(row))))
        batch = self._prepare_inputs(self.data_collator([longest]))
        was_training = model.training
        model.eval()
        with torch.no_grad():
            apart, shared = self._separate_log_probs(model, batch), self._shared_log_probs(model, batch)
        model.train(was_training)
        error = ((apart - shared).abs() / batch["completion_mask"].sum(1)).max()
        return bool(error < TOLERANCE)

    def row_length(self, row: dict[str, Any]) -> int:
        """Tokens of a pair as one sequence, or of the longer one of its two sequences."""
        prompt, chosen, rejected = map(len, _parts_of(row))
        return prompt + (chosen + rejected if self._shares_prompts else max(chosen, rejected))

    def num_supervised_in(self, batch: Batch) -> int:
        """Tokens of the chosen and the rejected answers."""
        return int(batch["completion_mask"].sum())

    def step_total(self, batches: Sequence[Batch]) -> StepSize:
        """Pairs and chosen tokens of a step."""
        chosen = [batch["completion_mask"].chunk(2)[0] for batch in batches]
        return StepSize(sum(map(len, chosen)), sum(int(mask.sum()) for mask in chosen))

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward passes of one optimizer step; returns its loss."""
        self._sums = PairSums()
        return super().training_step(model, inputs, num_items_in_batch)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a micro-batch as its share of the step's."""
        reference = torch.cat([inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]])
        loss, sums = preference_loss(
            self._answer_log_probs(model, inputs),
            reference,
            num_items_in_batch,
            beta=self.beta,
            nll_weight=self._nll_weight,
        )
        self._sums += sums
        return loss

    def _answer_log_probs(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """The log-probability of each answer, summed over its tokens, nats: [2 * pairs]."""
        return (
            self._shared_log_probs(model, inputs) if self._shares_prompts else self._separate_log_probs(model, inputs)
        )

    def _shared_log_probs(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """`_answer_log_probs` with the prompt of a pair computed once."""
        causal = _causal_of(model)
        pairs = SharedPrompts.of(inputs)
        hidden = causal.base_model(
            input_ids=pairs.input_ids, attention_mask=pairs.allowed, position_ids=pairs.position_ids, use_cache=False
        ).last_hidden_state
        weight = causal.get_output_embeddings().weight
        log_probs = token_log_probs(hidden[pairs.rows, pairs.columns], weight, pairs.targets)
        return log_probs.new_zeros(len(inputs["input_ids"])).index_add(0, pairs.answers, log_probs)

    def _separate_log_probs(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """`_answer_log_probs` with a sequence per answer."""
        causal = _causal_of(model)
        tokens = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"], "use_cache": False}
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, IGNORED)
        if self.args.device.type != "cpu" or not has_plain_head(causal):
            per_token: torch.Tensor = model(**tokens, labels=labels, fused_lm_head=True).log_probs
            return per_token.float().sum(dim=1)
        targets = labels[:, 1:]
        is_supervised = targets != IGNORED
        hidden = causal.base_model(**tokens).last_hidden_state[:, :-1]
        log_probs = token_log_probs(
            hidden[is_supervised], causal.get_output_embeddings().weight, targets[is_supervised]
        )
        answers = is_supervised.nonzero()[:, 0]
        return log_probs.new_zeros(len(targets)).index_add(0, answers, log_probs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the rewards of the step's pairs."""
        if "loss" in logs:
            logs.update(self._sums.log_entry("train"))
        super().log(logs, start_time)

    def score_pairs(self, rows: Sequence[dict[str, Any]]) -> tuple[float, PairSums]:
        """The loss of the model as it is now over pairs, and their rewards.

        Args:
            rows: of `with_reference`. The model must be in evaluation mode.
        """
        batches = self.micro_batches_of(rows)
        total = self.step_total(batches)
        loss, before = 0.0, self._sums
        self._sums = PairSums()
        with torch.no_grad(), self.compute_loss_context_manager():
            for batch in batches:
                loss += float(self.compute_loss(self.model, self._prepare_inputs(batch), False, total))
        sums, self._sums = self._sums, before
        return loss, sums


def _causal_of(model: Any) -> Any:
    """The causal model under adapters, if there are any."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _parts_of(row: dict[str, Any]) -> tuple[list[int], list[int], list[int]]:
    return row["prompt_ids"], row["chosen_ids"], row["rejected_ids"]
