"""What a training did: counts, losses, scores, and which weights were saved."""

from dataclasses import dataclass

from selfcodealign.records import Dropped
from selfcodealign.training.curve import LossPoint
from selfcodealign.training.groups import GroupPoint
from selfcodealign.training.rewards import RewardPoint
from selfcodealign.training.saving import WeightChange
from selfcodealign.training.scoring import ScorePoint
from selfcodealign.training.trainer import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a training did.

    Attributes:
        num_examples: pairs trained on.
        num_holdout: pairs held out.
        dropped: pairs that were neither, each with its reason.
        curve: one point per optimizer step, those before a restart included.
        epoch_losses: mean training loss of each epoch over its supervised tokens (dpo: over its pairs).
        rewards: dpo: one point per optimizer step over its pairs, and one per score over the held-out pairs; else none.
        groups: grpo: one point per optimizer step over its sampled answers; else none.
        score_name: what the scores are, such as `holdout_loss`.
        score_counts: what the scores are counted over, such as tasks and answers; empty for a loss.
        scores: of the base model (step 0) and of the weights after some steps; empty if nothing was scored.
        kept_step: the step whose weights were saved; 0 if no weights scored better than the base model's, which were
            saved then.
        num_sequences: rows of the training set after packing.
        num_supervised_tokens: tokens that the loss sees in one pass over the data; grpo: 0, its answers are sampled.
        num_steps: optimizer steps in all.
        steps_per_epoch: optimizer steps of one pass over the pairs.
        num_warmup: optimizer steps in which the learning rate rose.
        resumed_from_step: the step of the checkpoint that this run resumed from; 0 if from none.
        train_seconds: wall time of the steps of this run, scoring included.
        tokens_per_second: prompt and answer tokens trained on per second in this run; 0 if no step was left to do.
        masked_row: one row as text, what the loss sees between `<<` and `>>`.
        change: shares of the saved weights that differ from the base model's.
        divergence: KL(base || saved) on held-out answers, nats per token; see `divergence_from_base`. None if no answer
            was held out.
        precision: device and number formats.
    """

    num_examples: int
    num_holdout: int
    dropped: list[Dropped]
    curve: list[LossPoint]
    epoch_losses: list[float]
    rewards: list[RewardPoint]
    groups: list[GroupPoint]
    score_name: str
    score_counts: dict[str, int]
    scores: list[ScorePoint]
    kept_step: int
    num_sequences: int
    num_supervised_tokens: int
    num_steps: int
    steps_per_epoch: int
    num_warmup: int
    resumed_from_step: int
    train_seconds: float
    tokens_per_second: float
    masked_row: str
    change: WeightChange
    divergence: float | None
    precision: Precision

    @property
    def kept(self) -> str:
        """Which weights were saved: `base` or `step N`."""
        return f"step {self.kept_step}" if self.kept_step else "base"

    @property
    def outcome(self) -> str:
        """Which weights were saved and why, in one line."""
        if not self.scores:
            return f"kept {self.kept}, the last one: nothing was held out to compare it with the base model"
        before = f"{self.score_name} {self.score_at(0):.4f} of the base model"
        if self.kept_step == 0:
            return f"kept the base model: {before}, {self.score_at(self.num_steps):.4f} after the last step"
        return (
            f"kept {self.kept} of {self.num_steps}: {before}, {self.score_at(self.kept_step):.4f} of the kept weights"
        )

    @property
    def last_epoch_rewards(self) -> list[RewardPoint]:
        """The training pairs' rewards over the last pass; each pair's is of the step that read it."""
        train = [point for point in self.rewards if point.split == "train"]
        return [point for point in train if point.step > self.num_steps - self.steps_per_epoch]

    def holdout_rewards_at(self, step: int) -> list[RewardPoint]:
        """The held-out pairs' rewards after a step; empty if there are none."""
        return [point for point in self.rewards if point.split == "holdout" and point.step == step]

    def score_at(self, step: int) -> float | None:
        """The score after a step; None if there is none."""
        return next((point.score for point in self.scores if point.step == step), None)
