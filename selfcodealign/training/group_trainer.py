"""TRL's trainer for GRPO, with planned steps; imported only where TRL is installed."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from selfcodealign.records import derived_seed
from selfcodealign.training.groups import group_figures
from selfcodealign.training.plan import micro_batches
from selfcodealign.training.planned_steps import Batch, PlannedSteps
from selfcodealign.training.sampling import SampledAnswer, sample_answers

# What TRL makes of a step's answers: one row per answer.
PER_ANSWER = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "advantages", "ref_per_token_logps")


class GroupTrainer(PlannedSteps, GRPOTrainer):
    """A GRPOTrainer with planned steps: each step samples a group of answers to each of its tasks and learns from them.

    Rewards, advantages and the loss are TRL's. Replaced are:

    - its sampler, which drops a remainder of tasks; the plan has every task in every epoch;
    - its generation, which tokenizes prompts with another begin-of-text token, cannot stop at strings, and draws from
      the global random state, so that a resumed run would sample other answers;
    - its splitting of a step into forward passes, which must divide the groups evenly and pads all to one length.

    All answers of a step come from the weights before its update, so that no importance weights are needed.
    """

    end_token: int
    num_generations: int
    max_completion_length: int
    _sampled: Sequence[SampledAnswer] = ()

    def micro_batches_of(self, rows: Sequence[dict[str, Any]]) -> list[Batch]:
        """The tasks of a step: there is nothing to collate before answers are sampled."""
        return list(rows)

    def num_supervised_in(self, batch: Batch) -> int:
        """Tokens of the answers."""
        return int(batch["completion_mask"].sum())

    def step_total(self, batches: Sequence[Batch]) -> int:
        """Tokens of all answers of a step, which is what TRL's default loss is a mean over."""
        return sum(map(self.num_supervised_in, batches))

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Answers to the tasks of one optimizer step, then forward and backward passes over them; returns its loss."""
        model.train()  # TRL reads off the mode whether this is an evaluation
        tasks = [task for task in inputs["micro_batches"] for _ in range(self.num_generations)]
        answers = self._generate_and_score_completions(tasks)
        return super().training_step(model, {"micro_batches": self._split(answers)}, num_items_in_batch)

    def _split(self, answers: dict[str, Any]) -> list[Batch]:
        """The answers of a step in forward passes, answers of similar length together, without needless padding."""
        lengths = answers["prompt_mask"].sum(dim=1) + answers["completion_mask"].sum(dim=1)
        groups = micro_batches(lengths.tolist(), self._micro_batch_size)
        batches: list[Batch] = []
        for group in groups:
            batch = {name: answers[name][group] for name in PER_ANSWER if name in answers}
            num_prompt = int(batch["prompt_mask"].sum(dim=1).max())
            num_answer = int(batch["completion_mask"].sum(dim=1).max())
            for name in ("prompt_ids", "prompt_mask"):  # padded on the left
                batch[name] = batch[name][:, -num_prompt:]
            for name in ("completion_ids", "completion_mask", "ref_per_token_logps"):  # padded on the right
                if name in batch:
                    batch[name] = batch[name][:, :num_answer]
            batch["attention_mask"] = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
            # TRL multiplies it by the number of forward passes of the step.
            batch["num_items_in_batch"] = answers["num_items_in_batch"] / len(groups)
            batches.append(batch)
        return batches

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """Done by `training_step`."""
        return generation_batch

    def _generate(self, prompts: list[str]) -> tuple[Any, ...]:
        """One answer to each prompt; the draws depend on the training seed and the step alone."""
        model: Any = self.model
        device = self.args.device.type
        model.eval()
        # On a CPU, autocast would round all frozen weights again for each token.
        with torch.autocast(device, torch.bfloat16, enabled=self._is_autocast and device != "cpu"):
            self._sampled = sample_answers(
                model,
                self.processing_class,
                prompts,
                end_token=self.end_token,
                max_new_tokens=self.max_completion_length,
                temperature=self.temperature,
                seed=derived_seed(self.args.seed, "rollout", self.state.global_step),
            )
        model.train()
        tokenizer: Any = self.processing_class
        prompt_ids = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        completion_ids = [answer.token_ids for answer in self._sampled]
        return prompt_ids, completion_ids, None, [answer.text for answer in self._sampled], None, {}, None, None

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        """TRL's, with the figures of the groups for the log."""
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        known = [None if math.isnan(reward) else reward for reward in rewards[:, 0].tolist()]
        size = self.num_generations
        self._figures = group_figures(
            [known[start : start + size] for start in range(0, len(known), size)],
            [len(answer.token_ids) for answer in self._sampled],
            [answer.is_cut for answer in self._sampled],
        )
        return rewards

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Add the figures of the step's groups."""
        if "loss" in logs:
            logs.update(self._figures)
        super().log(logs, start_time)
