"""Both answers of a preference pair in one sequence behind their shared prompt; imported only where torch is at hand.

A pair is two sequences with the same beginning. With short answers the prompt is most of both, and is computed twice.
Here a pair is one sequence: prompt, chosen answer, rejected answer. The rejected answer does not attend to the chosen
one, and its positions continue those of the prompt, so every token has the hidden state that it has in a sequence of
its own.

Source: the attention of several drafts over one prefix, Miao et al. 2023, "SpecInfer" (arXiv 2305.09781), section 4.2.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch

# Largest difference of an answer's log-probability, per token and in nats, that counts as rounding.
TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class SharedPrompts:
    """The pairs of a micro-batch, each as one sequence.

    Attributes:
        input_ids: tokens, [pairs, length].
        position_ids: position of each token in its own answer's sequence, [pairs, length].
        allowed: which token (third dimension) attends to which (fourth), [pairs, 1, length, length].
        rows: sequence of each supervised token, [tokens].
        columns: position in the sequence of the token before each supervised token, which predicts it, [tokens].
        targets: the supervised tokens, [tokens].
        answers: the answer of each supervised token, [tokens]: chosen ones from 0 on, rejected ones from `pairs` on.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    allowed: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor
    answers: torch.Tensor

    @classmethod
    def of(cls, batch: dict[str, torch.Tensor]) -> "SharedPrompts":
        """Join the sequences of each pair.

        Args:
            batch: of TRL's collator for preferences: `input_ids`, `attention_mask` and `completion_mask`, each
                [2 * pairs, length], padded on the right, the chosen sequences first.
        """
        ids, device = batch["input_ids"], batch["input_ids"].device
        num_pairs = len(ids) // 2
        ends = batch["attention_mask"].sum(1).tolist()
        prompts = (batch["attention_mask"].sum(1) - batch["completion_mask"].sum(1)).tolist()
        parts = [
            (prompts[pair], ends[pair] - prompts[pair], ends[num_pairs + pair] - prompts[num_pairs + pair])
            for pair in range(num_pairs)
        ]
        length = max(map(sum, parts))
        input_ids = ids.new_zeros(num_pairs, length)
        positions = ids.new_zeros(num_pairs, length)
        # Which part a token belongs to: 0 the prompt, 1 and 2 the answers, 3 padding.
        part_of = torch.full((num_pairs, length), 3, device=device)
        columns = [torch.empty(0, dtype=torch.long)] * (2 * num_pairs)
        for pair, (prompt, chosen, rejected) in enumerate(parts):
            middle, end = prompt + chosen, prompt + chosen + rejected
            input_ids[pair, :middle] = ids[pair, :middle]
            input_ids[pair, middle:end] = ids[num_pairs + pair, prompt : prompt + rejected]
            positions[pair, :middle] = torch.arange(middle, device=device)
            positions[pair, middle:end] = torch.arange(prompt, prompt + rejected, device=device)
            part_of[pair, :prompt] = 0
            part_of[pair, prompt:middle] = 1
            part_of[pair, middle:end] = 2
            # The token before the first one of either answer is the prompt's last.
            columns[pair] = torch.arange(prompt - 1, middle - 1)
            columns[num_pairs + pair] = torch.cat([torch.tensor([prompt - 1]), torch.arange(middle, end - 1)])
        sizes = torch.tensor([len(part) for part in columns])
        answers = torch.repeat_interleave(torch.arange(2 * num_pairs), sizes).to(device)
        return cls(
            input_ids=input_ids,
            position_ids=positions,
            allowed=_allowed(part_of),
            rows=answers % num_pairs,
            columns=torch.cat(columns).to(device),
            targets=ids[batch["completion_mask"].bool()],
            answers=answers,
        )


def _allowed(part_of: torch.Tensor) -> torch.Tensor:
    """The attention mask: earlier tokens of the same part and of the prompt; padding attends to itself alone."""
    length = part_of.shape[1]
    is_earlier = torch.ones(length, length, dtype=torch.bool, device=part_of.device).tril()
    queries, keys = part_of[:, :, None], part_of[:, None, :]
    allowed: torch.Tensor = is_earlier & ((keys == queries) | (keys == 0)) & (keys != 3)
    return (allowed | torch.eye(length, dtype=torch.bool, device=part_of.device))[:, None]


def takes_masks(decoder: Any) -> bool:
    """Whether a decoder takes an attention mask per token, and positions.

    Args:
        decoder: a causal model of transformers without its output layer.
    """
    has_masks = getattr(decoder.config, "_attn_implementation", None) in {"sdpa", "eager"}
    return has_masks and "position_ids" in inspect.signature(decoder.forward).parameters
