"""Ready settings for the base models of the paper: short name, hub name, and what each needs.

With `import_model.source: hub`, `name` may be a short name of this table (`codeqwen1.5-7b`) or any hub name.

Source: SelfCodeAlign (arXiv 2410.24198): the models of its main and size experiments; context lengths
are those of the models' own configurations.
"""

from dataclasses import dataclass
from typing import Literal

from selfcodealign.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a model of the paper needs.

    Attributes:
        hub_name: `org/model` on the Hugging Face Hub.
        prompt_form: completion for base models, also where their tokenizer ships a chat template.
        context_length: tokens at most; params `engine.max_model_len` should not exceed it.
        dtype: precision to generate in (params `engine.dtype`).
        learning_rate: peak rate for full fine-tuning (the paper uses one for all).
        licence: the licence tag on the hub.
        is_gated: the hub asks to accept terms first (`hf auth login`).
    """

    hub_name: str
    prompt_form: Literal["chat", "completion"] = "completion"
    context_length: int
    dtype: str = "bfloat16"
    learning_rate: float = 1e-5
    licence: str
    is_gated: bool = False


FAMILIES: dict[str, Family] = {
    "starcoder2-3b": Family(hub_name="bigcode/starcoder2-3b", context_length=16_384, licence="bigcode-openrail-m"),
    "starcoder2-7b": Family(hub_name="bigcode/starcoder2-7b", context_length=16_384, licence="bigcode-openrail-m"),
    "starcoder2-15b": Family(hub_name="bigcode/starcoder2-15b", context_length=16_384, licence="bigcode-openrail-m"),
    "codeqwen1.5-7b": Family(hub_name="Qwen/CodeQwen1.5-7B", context_length=65_536, licence="tongyi-qianwen-research"),
    "llama-3-8b": Family(hub_name="meta-llama/Meta-Llama-3-8B", context_length=8_192, licence="llama3", is_gated=True),
    "deepseek-coder-33b": Family(
        hub_name="deepseek-ai/deepseek-coder-33b-base", context_length=16_384, licence="deepseek-license"
    ),
}


def find_family(name: str) -> Family | None:
    """The ready settings of a short name or a hub name, in any case of letters; None if there are none."""
    wanted = name.lower()
    if wanted in FAMILIES:
        return FAMILIES[wanted]
    return next((family for family in FAMILIES.values() if family.hub_name.lower() == wanted), None)


def family_of(name: str) -> Family:
    """The ready settings of a model of the paper.

    Raises:
        InputError: there are none; the message lists the short names.
    """
    family = find_family(name)
    if family is None:
        raise InputError(f"no ready settings for {name!r}; there are some for {', '.join(FAMILIES)}")
    return family
