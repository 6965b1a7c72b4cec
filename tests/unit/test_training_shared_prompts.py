"""Pairs as one sequence: each token sees what it sees in a sequence of its own, and models that cannot are left out."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import make_preferences, make_settings, make_tokenizer
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig
from trl.trainer.dpo_trainer import DataCollatorForPreference

from selfcodealign.models import end_of_turn_token
from selfcodealign.training import tokenise_preferences
from selfcodealign.training.shared_prompts import SharedPrompts
from selfcodealign.training.trainer import Precision, build_preference_trainer

VOCABULARY = 300
TINY = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip


@cache
def llama() -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(LlamaConfig(**TINY)).eval()


def collated(parts: list[tuple[list[int], list[int], list[int]]]) -> dict[str, torch.Tensor]:
    rows = [dict(zip(("prompt_ids", "chosen_ids", "rejected_ids"), part, strict=True)) for part in parts]
    batch: dict[str, torch.Tensor] = DataCollatorForPreference(pad_token_id=0)(rows)
    return batch


tokens = st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=9)


@given(st.lists(st.tuples(tokens, tokens, tokens), min_size=1, max_size=4))
def test_each_answer_has_the_logits_of_a_sequence_of_its_own(
    parts: list[tuple[list[int], list[int], list[int]]],
) -> None:
    pairs = SharedPrompts.of(collated(parts))
    with torch.no_grad():
        shared = llama()(
            input_ids=pairs.input_ids, attention_mask=pairs.allowed, position_ids=pairs.position_ids
        ).logits[pairs.rows, pairs.columns]
        expected, targets, answers = [], [], []
        for side in (1, 2):
            for number, part in enumerate(parts):
                prompt, answer = part[0], part[side]
                logits = llama()(input_ids=torch.tensor([prompt + answer])).logits[0]
                expected.append(logits[len(prompt) - 1 : -1])
                targets += answer
                answers += [number + (side - 1) * len(parts)] * len(answer)
    torch.testing.assert_close(shared, torch.cat(expected), atol=1e-4, rtol=1e-3)
    assert pairs.targets.tolist() == targets
    assert pairs.answers.tolist() == answers


def test_a_pair_is_shorter_by_one_prompt_than_two_sequences() -> None:
    batch = collated([([1] * 7, [2] * 3, [3] * 4), ([4] * 2, [5], [6] * 2)])
    assert int(batch["attention_mask"].sum()) == 7 + 3 + 7 + 4 + 2 + 1 + 2 + 2
    assert SharedPrompts.of(batch).input_ids.tolist() == [
        [1] * 7 + [2] * 3 + [3] * 4,
        [4] * 2 + [5] + [6] * 2 + [0] * 9,
    ]


def shares_prompts(config: Any, folder: Path) -> bool:
    """Whether a trainer of such a model computes prompts once, for pairs of about 60 tokens."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    rows, _ = tokenise_preferences(
        make_preferences(3), tokenizer, max_length=200, end_token=end_of_turn_token(tokenizer)
    )
    trainer = build_preference_trainer(
        AutoModelForCausalLM.from_config(config), tokenizer, rows, make_settings(objective="dpo"),
        precision=Precision("cpu", "float32", False), seed=1, folder=folder,
    )  # fmt: skip
    assert trainer.model.training
    found: bool = trainer._shares_prompts
    return found


@pytest.mark.parametrize(("window", "expected"), [(None, True), (500, True), (8, False)])
def test_a_window_shorter_than_the_pairs_keeps_the_sequences_apart(
    window: int | None, expected: bool, tmp_path: Path
) -> None:
    assert shares_prompts(MistralConfig(**TINY, sliding_window=window), tmp_path) is expected


def test_a_decoder_that_takes_no_positions_keeps_the_sequences_apart(tmp_path: Path) -> None:
    from transformers import BloomConfig

    config = BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4)
    assert not shares_prompts(config, tmp_path)
