"""A whole model of two layers with a byte-level tokenizer, made in milliseconds: real files for the real libraries."""

import hashlib
from pathlib import Path
from typing import Any

from selfcodealign.models import ModelCard, weights_digest, write_card
from selfcodealign.records import Example, Message, Preference
from selfcodealign.training_params import FinetuneModel

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONTEXT_LENGTH = 512


def make_tokenizer(template: str | None = CHATML) -> Any:
    """A byte-level tokenizer without merges: one token a byte, and four special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*special, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>" if template else "<|endoftext|>",
        pad_token=special[3],
        additional_special_tokens=special[:3],
    )
    fast.chat_template = template
    return fast


def make_model_folder(folder: Path, template: str | None = CHATML, seed: int = 0) -> Path:
    """Write a random Llama of two layers with hidden size 32, its tokenizer and its card."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer(template)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    card = ModelCard(
        source="path",
        name="tiny",
        revision="",
        sha256=weights_digest(folder),
        architecture="LlamaForCausalLM",
        parameters=0,
        dtype="bfloat16",
        licence="Apache-2.0",
        prompt_form="chat" if template else "completion",
        context_length=CONTEXT_LENGTH,
    )
    write_card(folder, card)
    return folder


def make_example(instruction: str, response: str) -> Example:
    """A training pair with made-up lineage."""
    return Example(
        id=hashlib.sha256((instruction + response).encode()).hexdigest()[:20],
        messages=[Message(role="user", content=instruction), Message(role="assistant", content=response)],
        instruction=instruction,
        response=response,
        tests="assert True",
        category="function",
        difficulty="easy",
        concepts=[],
        status="passed",
        kept_because="passing",
        response_id="r",
        instruction_id=hashlib.sha256(instruction.encode()).hexdigest()[:20],
        seed_id="s",
        package="p",
        version="1",
        licence="MIT",
        file="p.py",
        first_line=1,
        last_line=2,
    )


def make_examples(count: int) -> list[Example]:
    """Pairs of different lengths."""
    return [
        make_example(f"Add {n} to a number.", "def f(x):\n    return x" + f" + {n}" * (1 + n % 5)) for n in range(count)
    ]


def make_preferences(count: int) -> list[Preference]:
    """Pairs of a right and a wrong answer of different lengths."""
    return [
        Preference(
            id=f"pair {n}",
            instruction=example.instruction,
            chosen=example.response,
            rejected=example.response.replace(" + ", " - ") + " # ok" * (n % 3),
            rejected_status="failed",
            category="function",
            difficulty="easy",
            chosen_id=f"chosen {n}",
            rejected_id=f"rejected {n}",
            instruction_id=example.instruction_id,
            seed_id="s",
            package="p",
            version="1",
            licence="MIT",
        )
        for n, example in enumerate(make_examples(count))
    ]


def make_settings(**changes: Any) -> FinetuneModel:
    """Settings for a training of seconds."""
    values: dict[str, Any] = {
        "method": "full",
        "min_examples": 2,
        "learning_rate": 1e-3,
        "optimizer": "adafactor",
        "scheduler": "linear",
        "warmup_share": 0.05,
        "batch_size": 2,
        "micro_batch_size": 1,
        "epochs": 2.0,
        "max_length": 200,
        "packing": False,
        "save_steps": 2,
        "grpo_max_new_tokens": 20,
    }
    return FinetuneModel(**{**values, **changes})
