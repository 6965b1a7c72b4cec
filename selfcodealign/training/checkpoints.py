"""Checkpoints of an interrupted training: where they lie, and which of them are whole."""

import json
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from selfcodealign.models import ModelCard
from selfcodealign.records import Example, Preference, row_id
from selfcodealign.training_params import FinetuneModel

STATE_FILE = "trainer_state.json"
# Settings that change neither the data nor the losses, only memory, speed, what is stored and what is saved at the end:
# a run that is repeated with others of these continues from its checkpoints, as the out-of-memory message promises.
UNRELATED_TO_LOSS = frozenset(
    {"min_examples", "eval_steps", "micro_batch_size", "gradient_checkpointing", "save_steps", "save_dtype"}
)
OF_PREFERENCES = frozenset({"dpo_beta", "dpo_nll_weight"})
OF_GROUPS = frozenset({"grpo_samples", "grpo_temperature", "grpo_max_new_tokens", "grpo_beta"})
OF_VALIDATION = frozenset({"validation_samples", "validation_max_new_tokens"})


def checkpoint_folder(
    cache: Path,
    card: ModelCard,
    pairs: Sequence[Example] | Sequence[Preference],
    settings: FinetuneModel,
    seed: int,
) -> Path:
    """The folder for the checkpoints of exactly this training.

    Its name is a digest of all that decides the loss curve (model, data, settings, seed, library versions), so that a
    rerun after `kill -9` finds its own checkpoints and never another run's.

    Args:
        cache: the folder for caches, outside what DVC removes before a stage runs.
        card: of the model that is trained.
        pairs: what is trained on, in order.
        settings: all settings of the training; those of `UNRELATED_TO_LOSS` are not in the digest.
        seed: the training seed; it replaces the one of the settings, which may be null.
    """
    unrelated = UNRELATED_TO_LOSS
    if settings.objective != "dpo":
        unrelated |= OF_PREFERENCES
    if settings.objective != "grpo":
        unrelated |= OF_GROUPS
    if settings.validation == "loss":
        unrelated |= OF_VALIDATION
    libraries = [f"{name} {version(name)}" for name in ("torch", "transformers", "trl")]
    deciding = {
        **settings.model_dump(exclude={*unrelated, "seed"}),
        "learning_rate": settings.peak_learning_rate,
        "max_grad_norm": max(settings.max_grad_norm or 0.0, 0.0),
    }
    texts = json.dumps([_texts(pair, has_tests=settings.runs_answers) for pair in pairs])
    fingerprint = row_id("checkpoints", card.sha256, texts, json.dumps(deciding), seed, *libraries)
    return cache / "checkpoints" / fingerprint


def _texts(pair: Example | Preference, *, has_tests: bool) -> list[Any]:
    if isinstance(pair, Preference):
        return [pair.id, pair.instruction, pair.chosen, pair.rejected]
    tests = [pair.tests] if has_tests else []
    return [pair.id, *tests, *([turn.role, turn.content] for turn in pair.messages)]


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; half-written ones are removed.

    Args:
        folder: the trainer's output folder, with `checkpoint-<step>` folders.
    """
    found = sorted(folder.glob("checkpoint-*"), key=_step, reverse=True)
    for checkpoint in found:
        if _is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint)
    return None


def _step(checkpoint: Path) -> int:
    digits = checkpoint.name.removeprefix("checkpoint-")
    return int(digits) if digits.isdigit() else -1


def _is_whole(checkpoint: Path) -> bool:
    """Transformers writes the state file last: if it is whole, so is all else."""
    try:
        state = json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(state.get("global_step") == _step(checkpoint))
