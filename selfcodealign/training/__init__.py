"""Fine-tuning with TRL: loss on the answers only, full or LoRA, resumable, never worse on held-out pairs or tasks.

`finetune_model` trains a model folder on `Example` rows (objectives `sft` and `grpo`) or `Preference` rows (`dpo`) and
writes another model folder, which transformers and vLLM load with its chat template.
"""

from selfcodealign.training.checkpoints import checkpoint_folder
from selfcodealign.training.curve import LossPoint
from selfcodealign.training.finetune import finetune_model
from selfcodealign.training.groups import GroupPoint, mean_groups
from selfcodealign.training.result import TrainingResult
from selfcodealign.training.rewards import RewardPoint, mean_rewards
from selfcodealign.training.rows import DropReason, PreferenceRow, TokenRow, tokenise_examples, tokenise_preferences
from selfcodealign.training.scoring import ScorePoint, Scorer
from selfcodealign.training.setup import Validation
from selfcodealign.training.validation import MIN_VALIDATION_TASKS, pass_rate_scorer, suites_by_task

__all__ = [
    "MIN_VALIDATION_TASKS",
    "DropReason",
    "GroupPoint",
    "LossPoint",
    "PreferenceRow",
    "RewardPoint",
    "ScorePoint",
    "Scorer",
    "TokenRow",
    "TrainingResult",
    "Validation",
    "checkpoint_folder",
    "finetune_model",
    "mean_groups",
    "mean_rewards",
    "pass_rate_scorer",
    "suites_by_task",
    "tokenise_examples",
    "tokenise_preferences",
]
