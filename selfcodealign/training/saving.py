"""The trained model as a folder: weights as trained, tokenizer with chat template, card and settings."""

import dataclasses
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder
from selfcodealign.models import ModelCard, weights_digest, write_card
from selfcodealign.records import derived_seed

SETTINGS_NAME = "training_settings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """How many weights of a saved model differ from the base model's.

    Attributes:
        saved: share of weights that differ in the precision in which they were saved, between 0 and 1.
        bfloat16: the same after both models are rounded to the nearest bfloat16. An engine that loads float32 weights
            in bfloat16 sees these changes alone.
    """

    saved: float
    bfloat16: float


def save_trained(
    model: Any,
    tokenizer: Any,
    *,
    base: Path,
    base_card: ModelCard,
    settings: dict[str, Any],
    dtype: Literal["float32", "bfloat16"],
    end_token: int,
    destination: Path,
) -> WeightChange:
    """Write the trained model; an earlier folder is replaced only when the new one is whole.

    Adapters are merged in float32: in bfloat16 their small updates would be lost in the merge.

    Args:
        model: the trained model, adapters and all; changed by this call.
        tokenizer: with the chat template of the training.
        base: folder of the model that was trained.
        base_card: its card.
        settings: everything that was set, for `training_settings.json`.
        dtype: precision of the saved weights; float32 is as trained, bfloat16 is `round_stochastically`.
        end_token: id of the token that ends a turn; generation stops at it from now on.
        destination: the folder to make.

    Raises:
        InputError: the folder cannot be written, or no saved weight changed.
    """
    import torch

    model = model.to("cpu", torch.float32)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    if dtype == "bfloat16":
        round_stochastically(model, seed=settings["seed"])
        model = model.to(torch.bfloat16)
    model.config.use_cache = True
    _stop_at(model.generation_config, end_token)
    with replaced_folder(destination) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        _write_settings(folder, settings)
        change = weight_change(base, folder)
        if change.saved == 0.0:
            raise InputError(
                f"training changed no weight of the model in {dtype}; raise finetune_model.learning_rate or epochs, or"
                " set save_dtype: float32"
            )
        trained = {"sha256": weights_digest(folder), "dtype": dtype, "prompt_form": "chat", "revision": ""}
        write_card(folder, _aligned_card(base_card, **trained))
    return change


def round_stochastically(model: Any, *, seed: int) -> None:
    """Round every weight to a neighboring bfloat16, up or down with the odds that keep its mean.

    At a learning rate of 1e-5 most updates are smaller than half a step of bfloat16 (6e-5 for weights from 0.016 on).
    Rounding to the nearest takes all of those back. Rounded this way their share survives, and the errors cancel in
    every sum over weights. Weights that bfloat16 holds exactly, as all of a base model's do, stay as they are.

    Args:
        model: its parameters are float32 on the CPU; changed in place.
        seed: of the draws.

    Source: Gupta et al., "Deep Learning with Limited Numerical Precision" (arXiv 1502.02551).
    """
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            generator = torch.Generator().manual_seed(derived_seed(seed, "rounding", name))
            bits = weight.contiguous().view(torch.int32)
            # bfloat16 is the upper half of a float32: what is added to the lower half carries over with its probability
            bits = bits + torch.randint(0, 1 << 16, bits.shape, generator=generator, dtype=torch.int32)
            weight.copy_((bits & -(1 << 16)).view(torch.float32))


def save_base(base: Path, base_card: ModelCard, settings: dict[str, Any], destination: Path) -> WeightChange:
    """Write a copy of the base model, prompted as the base model is, where no trained weights were better.

    Args:
        base: the model folder that training started from.
        base_card: its card; its fingerprint stays, so that answers of the base model are found again.
        settings: everything that was set, for `training_settings.json`.
        destination: the folder to make.

    Raises:
        InputError: the folder cannot be written.
    """
    with replaced_folder(destination) as folder:
        shutil.copytree(base, folder, dirs_exist_ok=True)
        _write_settings(folder, settings)
        write_card(folder, _aligned_card(base_card))
    return WeightChange(saved=0.0, bfloat16=0.0)


def _aligned_card(base_card: ModelCard, **changes: Any) -> ModelCard:
    return dataclasses.replace(base_card, source="finetuned", name=f"{base_card.name}-aligned", **changes)


def _write_settings(folder: Path, settings: dict[str, Any]) -> None:
    (folder / SETTINGS_NAME).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _stop_at(generation: Any, end_token: int) -> None:
    """End generation at the end of a turn, besides the tokens at which it ended before."""
    known = generation.eos_token_id
    stops = [] if known is None else [known] if isinstance(known, int) else list(known)
    generation.eos_token_id = list(dict.fromkeys([end_token, *stops]))


def weight_change(before: Path, after: Path) -> WeightChange:
    """Compare the weights of two model folders.

    Tensors that only one of the folders has (a tied output layer saved twice, say) are left out.
    """
    import torch

    num_saved = num_bfloat16 = num_compared = 0
    old, new = _tensor_files(before), _tensor_files(after)
    for name in sorted(old.keys() & new.keys()):
        left, right = _tensor(old[name], name), _tensor(new[name], name)
        if left.shape != right.shape:
            continue
        num_compared += left.numel()
        num_saved += int((left != right).sum())
        num_bfloat16 += int((left.to(torch.bfloat16) != right.to(torch.bfloat16)).sum())
    total = max(num_compared, 1)
    return WeightChange(saved=round(num_saved / total, 6), bfloat16=round(num_bfloat16 / total, 6))


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
