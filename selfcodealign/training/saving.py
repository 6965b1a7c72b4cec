"""The trained model as a folder: bf16 weights, tokenizer with chat template, card and settings."""

import dataclasses
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder
from selfcodealign.models import ModelCard, weights_digest, write_card

SETTINGS_NAME = "training_settings.json"


def save_aligned(
    model: Any,
    tokenizer: Any,
    *,
    base: Path,
    base_card: ModelCard,
    settings: dict[str, Any],
    end_token: int,
    destination: Path,
) -> float:
    """Write the trained model; an earlier folder is replaced only when the new one is whole.

    Args:
        model: the trained model, adapters and all; changed by this call.
        tokenizer: with the chat template of the training.
        base: folder of the model that was trained.
        base_card: its card.
        settings: everything that was set, for `training_settings.json`.
        end_token: id of the token that ends a turn; generation stops at it from now on.
        destination: the folder to make.

    Returns:
        The share of weights that differ from the base model's in bfloat16, between 0 and 1.

    Raises:
        InputError: the folder cannot be written, or no weight changed.
    """
    import torch

    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model = model.to("cpu", torch.bfloat16)
    model.config.use_cache = True
    _stop_at(model.generation_config, end_token)
    with replaced_folder(destination) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / SETTINGS_NAME).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        changed = share_of_changed_weights(base, folder)
        if changed == 0.0:
            raise InputError(
                "training changed no weight of the model: the updates are below bfloat16's steps; raise"
                " finetune_model.learning_rate or epochs"
            )
        card = dataclasses.replace(
            base_card,
            source="finetuned",
            name=f"{base_card.name}-aligned",
            revision="",
            sha256=weights_digest(folder),
            dtype="bfloat16",
            prompt_form="chat",
        )
        write_card(folder, card)
    return changed


def _stop_at(generation: Any, end_token: int) -> None:
    """End generation at the end of a turn, besides the tokens at which it ended before."""
    known = generation.eos_token_id
    stops = [] if known is None else [known] if isinstance(known, int) else list(known)
    generation.eos_token_id = list(dict.fromkeys([end_token, *stops]))


def share_of_changed_weights(before: Path, after: Path) -> float:
    """The share of weights of two model folders that differ in bfloat16.

    Tensors that only one of the folders has (a tied output layer saved twice, say) are left out.
    """
    import torch

    num_changed = num_compared = 0
    old, new = _tensor_files(before), _tensor_files(after)
    for name in sorted(old.keys() & new.keys()):
        left, right = _tensor(old[name], name), _tensor(new[name], name)
        if left.shape != right.shape:
            continue
        num_compared += left.numel()
        num_changed += int((left.to(torch.bfloat16) != right.to(torch.bfloat16)).sum())
    return num_changed / max(num_compared, 1)


def _tensor_files(folder: Path) -> dict[str, Path]:
    from safetensors import safe_open

    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            found.update(dict.fromkeys(file.keys(), path))
    return found


def _tensor(path: Path, name: str) -> Any:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.get_tensor(name)


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide how a training goes."""
    return {name: version(name) for name in ("torch", "transformers", "trl", "peft", "accelerate")}
