"""Supervised fine-tuning with TRL: loss on the answers only, full or LoRA, resumable, never worse on held-out pairs.

`finetune_model` trains a model folder on `Example` rows and writes another model folder, which transformers and vLLM
load with its chat template.
"""

from selfcodealign.training.checkpoints import checkpoint_folder
from selfcodealign.training.curve import LossPoint
from selfcodealign.training.finetune import TrainingResult, finetune_model
from selfcodealign.training.rows import DropReason, TokenRow, tokenise_examples
from selfcodealign.training.scoring import ScorePoint, Scorer

__all__ = [
    "DropReason",
    "LossPoint",
    "ScorePoint",
    "Scorer",
    "TokenRow",
    "TrainingResult",
    "checkpoint_folder",
    "finetune_model",
    "tokenise_examples",
]
