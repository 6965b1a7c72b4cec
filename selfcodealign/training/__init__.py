"""Fine-tuning with TRL: loss on the answers only, full or LoRA, resumable, never worse on held-out pairs.

`finetune_model` trains a model folder on `Example` rows (objective `sft`) or `Preference` rows (`dpo`) and writes
another model folder, which transformers and vLLM load with its chat template.
"""

from selfcodealign.training.checkpoints import checkpoint_folder
from selfcodealign.training.curve import LossPoint
from selfcodealign.training.finetune import TrainingResult, finetune_model
from selfcodealign.training.rewards import RewardPoint, mean_rewards
from selfcodealign.training.rows import DropReason, PreferenceRow, TokenRow, tokenise_examples, tokenise_preferences
from selfcodealign.training.scoring import ScorePoint, Scorer

__all__ = [
    "DropReason",
    "LossPoint",
    "PreferenceRow",
    "RewardPoint",
    "ScorePoint",
    "Scorer",
    "TokenRow",
    "TrainingResult",
    "checkpoint_folder",
    "finetune_model",
    "mean_rewards",
    "tokenise_examples",
    "tokenise_preferences",
]
