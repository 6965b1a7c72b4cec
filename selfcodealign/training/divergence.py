"""How far a training moved the model from its base, on answers that it was not trained on."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from selfcodealign.training.rows import TokenRow
from selfcodealign.training.trainer import Precision, load_model
from selfcodealign.training_params import FinetuneModel

# Answers that are compared at most. Each takes a pass through both models, in full precision.
MAX_ROWS = 16


def divergence_from_base(
    model: Any, base: Path, rows: Sequence[TokenRow], settings: FinetuneModel, precision: Precision
) -> float | None:
    """The Kullback-Leibler divergence of the next token, KL(base || trained): mean over the answers' tokens, nats.

    Of two models trained on the same task, the one with the smaller divergence on it forgets less of other tasks
    (Shenfeld et al. 2025, "RL's Razor", arXiv 2509.04259). The base model is the trained one without its adapters; for
    full fine-tuning it is loaded once more. Nothing is cast to bfloat16, which would hide small updates.

    Args:
        model: the trained model, with its adapters, if any. It is in evaluation mode afterwards.
        base: folder of the base model.
        rows: held-out prompts with an answer each; the first `MAX_ROWS` are taken.
        settings: of the training.
        precision: of the training; says how the base model is loaded.

    Returns:
        The divergence, or None without rows.
    """
    import torch

    if not rows:
        return None
    model.eval()
    has_adapters = hasattr(model, "disable_adapter")
    other = model if has_adapters else load_model(base, settings, precision).to(model.device).eval()
    total, num_tokens = 0.0, 0
    with torch.no_grad():
        for row in rows[:MAX_ROWS]:
            trained = _log_probs(model, row)
            with _without_adapters(model) if has_adapters else nullcontext():
                reference = _log_probs(other, row)
            total += float((reference.exp() * (reference - trained)).sum())
            num_tokens += row.num_supervised
    return total / num_tokens


def _without_adapters(model: Any) -> AbstractContextManager[None]:
    context: AbstractContextManager[None] = model.disable_adapter()
    return context


def _log_probs(model: Any, row: TokenRow) -> Any:
    """The log-probabilities of all tokens at each place of the answer, [answer tokens, vocabulary]."""
    import torch

    input_ids = torch.tensor([row.input_ids], device=model.device)
    # The logits of a place predict the token after it; those of the prompt would take most of the memory.
    logits = model(input_ids=input_ids, use_cache=False, logits_to_keep=row.num_supervised + 1).logits
    return torch.log_softmax(logits[0, -row.num_supervised - 1 : -1].float(), dim=-1)
