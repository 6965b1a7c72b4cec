"""The loss on rows that no system trained on, computed the same way for every system, without autocast."""

from collections.abc import Sequence
from typing import Any

from benchmarks.training.workload import Row, count_tokens, sequences_of
from selfcodealign.training import TokenRow
from selfcodealign.training_params import FinetuneModel


def answer_log_probs(model: Any, rows: Sequence[Row]) -> list[float]:
    """The log-probability of each answer, nats; of a preference pair the chosen one's, then the rejected one's.

    Args:
        model: a causal model without the wrappers that a trainer puts around its forward pass.
        rows: read one sequence at a time, so nothing is padded.
    """
    import torch

    was_training = model.training
    model.eval()
    with torch.no_grad():
        found = [_log_prob(model, sequence) for row in rows for sequence in sequences_of(row)]
    model.train(was_training)
    return found


def held_loss(
    rows: Sequence[Row], log_probs: Sequence[float], reference: Sequence[float], settings: FinetuneModel
) -> float:
    """The loss of the objective, nats: sft over supervised tokens, dpo over pairs with its likelihood term.

    Args:
        rows: the held-out rows.
        log_probs: of the trained model, by `answer_log_probs`.
        reference: the same of the base model.
        settings: of the training.
    """
    import torch

    from selfcodealign.training.preference_trainer import StepSize, preference_loss

    if settings.objective == "sft":
        return -sum(log_probs) / count_tokens(rows).supervised
    chosen_first = [*range(0, len(log_probs), 2), *range(1, len(log_probs), 2)]
    size = StepSize(len(rows), sum(sequences_of(row)[0].num_supervised for row in rows))
    loss, _ = preference_loss(
        torch.tensor([log_probs[index] for index in chosen_first], dtype=torch.float64),
        torch.tensor([reference[index] for index in chosen_first], dtype=torch.float64),
        size,
        beta=settings.dpo_beta,
        nll_weight=settings.dpo_nll_weight,
    )
    return float(loss)


def _log_prob(model: Any, sequence: TokenRow) -> float:
    import torch

    ids = torch.tensor([sequence.input_ids], device=model.device)
    answer = ids[0, -sequence.num_supervised :]
    logits = model(input_ids=ids, use_cache=False).logits[0, -sequence.num_supervised - 1 : -1].float()
    return -float(torch.nn.functional.cross_entropy(logits, answer, reduction="sum"))
