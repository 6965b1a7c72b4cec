"""Answers sampled from the model in memory; imported only where torch and transformers are installed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from selfcodealign.opened_answers import OPENING, STOPS, code_end
from selfcodealign.records import derived_seed

# Answers sampled at a time. It decides the draws, so it is not a setting; at 0.5B parameters and 1,000 tokens the keys
# and values of 32 answers take 0.8 GB in float32.
BATCH = 32
# Tokens at the end of an answer in which a stop string shows: one has a byte at least, and the last may hold more text.
TAIL = max(map(len, STOPS)) + 1


@dataclass(frozen=True, slots=True)
class SampledAnswer:
    """One answer.

    Attributes:
        token_ids: as sampled, up to the end token or the token that completes a stop string.
        text: without special tokens. It can go past the stop string by what the last token has after it.
        is_cut: it used up its tokens.
    """

    token_ids: list[int]
    text: str
    is_cut: bool


class AnswerEnd(StoppingCriteria):
    """Ends answers that continue an opened code block at the stop strings of evaluation.

    Args:
        tokenizer: of the model.
        is_opened: for each answer, whether it continues an opened block.
        prompt_length: tokens before the answers, padding included.
    """

    def __init__(self, tokenizer: Any, is_opened: Sequence[bool], prompt_length: int) -> None:
        self._tokenizer = tokenizer
        self._is_opened = is_opened
        self._prompt_length = prompt_length
        self.lengths: dict[int, int] = {}
        """Tokens of the answers that have ended, by their number."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Which answers have ended: a boolean for each."""
        length = input_ids.shape[1] - self._prompt_length
        open_ones = [n for n, is_opened in enumerate(self._is_opened) if is_opened and n not in self.lengths]
        tails = input_ids[open_ones, -min(TAIL, length) :].tolist()
        for number, tail in zip(open_ones, tails, strict=True):
            if code_end(self._tokenizer.decode(tail)) is not None:
                self.lengths[number] = length
        ended = [number in self.lengths for number in range(len(self._is_opened))]
        return torch.tensor(ended, device=input_ids.device)


def sample_answers(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    end_token: int,
    max_new_tokens: int,
    temperature: float,
    seed: int,
) -> list[SampledAnswer]:
    """Sample one answer to each prompt, in batches with left padding.

    The draws depend on the seed and the prompts alone, and the global random state is left as it was.

    Args:
        model: a causal model, with or without adapters, in evaluation mode.
        tokenizer: of the model.
        prompts: whole prompts as text, special tokens among it. One that ends with `OPENING` has its answer end at the
            stop strings of opened answers.
        end_token: id of the token that ends a turn.
        max_new_tokens: tokens of an answer at most.
        temperature: above 0; neither top-p nor top-k, so that the samples are those of the model.
        seed: of the draws.
    """
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    end_tokens = list(dict.fromkeys([end_token, *_ids(tokenizer.eos_token_id), *_ids(causal.generation_config)]))
    settings: dict[str, Any] = dict(
        max_new_tokens=max_new_tokens,
        do_sample=True,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        repetition_penalty=1.0,
        eos_token_id=end_tokens,
        pad_token_id=end_token if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        use_cache=True,
        disable_compile=True,
    )
    config = GenerationConfig(**settings)  # type: ignore[no-untyped-call]
    answers: list[SampledAnswer] = []
    with _generation_config(causal, config), _own_random_state(causal.device):
        for start in range(0, len(prompts), BATCH):
            torch.manual_seed(derived_seed(seed, "batch", start))
            answers += _sample_batch(causal, tokenizer, prompts[start : start + BATCH], config, end_tokens)
    return answers


def _sample_batch(
    causal: Any, tokenizer: Any, prompts: Sequence[str], config: GenerationConfig, end_tokens: list[int]
) -> list[SampledAnswer]:
    rows = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    width = max(map(len, rows))
    padded = [[config.pad_token_id] * (width - len(row)) + row for row in rows]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
    end = AnswerEnd(tokenizer, [prompt.endswith(OPENING) for prompt in prompts], width)
    with torch.no_grad():
        sequences = causal.generate(
            input_ids=torch.tensor(padded, device=causal.device),
            attention_mask=torch.tensor(mask, device=causal.device),
            generation_config=config,
            stopping_criteria=StoppingCriteriaList([end]),
        )
    answers = []
    for number, tokens in enumerate(sequences[:, width:].tolist()):
        ended = next((place + 1 for place, token in enumerate(tokens) if token in end_tokens), None)
        length = min(ended or len(tokens), end.lengths.get(number, len(tokens)))
        text = tokenizer.decode(tokens[:length], skip_special_tokens=True)
        answers.append(SampledAnswer(tokens[:length], text, ended is None and number not in end.lengths))
    return answers


def _ids(ends: Any) -> list[int]:
    """End tokens as a list, of a generation config or a tokenizer."""
    found = getattr(ends, "eos_token_id", ends)
    return [] if found is None else [found] if isinstance(found, int) else list(found)


@contextmanager
def _generation_config(causal: Any, config: GenerationConfig) -> Iterator[None]:
    """Replace the model's own settings: transformers fills what a given config leaves out from them."""
    own, causal.generation_config = causal.generation_config, config
    try:
        yield
    finally:
        causal.generation_config = own


@contextmanager
def _own_random_state(device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
