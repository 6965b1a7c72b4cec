"""The loss of a causal model over its supervised tokens alone, for a CPU; imported only where torch is at hand."""

from typing import Any

import torch

CHUNK_TOKENS = 512  # logits in memory at a time: 300 MB in float32 for a vocabulary of 152k
_SCALED_LOGITS = (
    "final_logit_softcapping",
    "logit_scale",
    "logits_scaling",
    "output_multiplier",
    "lm_head_multiplier",
)


def has_plain_head(model: Any) -> bool:
    """Whether a causal model's logits are its hidden states times the output embedding, and nothing more."""
    head = model.get_output_embeddings()
    config = model.config.get_text_config()
    is_scaled = any(getattr(config, name, None) not in {None, 1.0} for name in _SCALED_LOGITS)
    is_mixture = hasattr(config, "output_router_logits")  # its loss has another term
    return isinstance(head, torch.nn.Linear) and head.bias is None and not is_scaled and not is_mixture


def supervised_loss(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of tokens, summed, nats.

    TRL's fused head scores every position where there is no Triton, prompts and padding too, computes the logits twice
    and multiplies for the gradients in float32. Here positions are selected before, the gradients are computed together
    with the loss, and all products are in the precision of autocast, as those of the other layers are.

    Args:
        hidden: last hidden states of the supervised positions, [tokens, width].
        weight: output embedding, [vocabulary, width].
        targets: the token that follows each position, [tokens].

    Source: the fused linear cross-entropy of Liger Kernel (arXiv 2410.10989).
    """
    loss: torch.Tensor = _SupervisedLoss.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
    return loss


class _SupervisedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        cast_weight = weight.to(dtype)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), CHUNK_TOKENS):
            chunk = hidden[start : start + CHUNK_TOKENS].to(dtype)
            target = targets[start : start + CHUNK_TOKENS, None]
            logits = (chunk @ cast_weight.T).float()
            log_sum = torch.logsumexp(logits, dim=1, keepdim=True)
            total += (log_sum - logits.gather(1, target)).sum()
            if grad_hidden is None and grad_weight is None:
                continue
            # the gradient of the logits: the softmax, less one at the target
            grad = logits.sub_(log_sum).exp_().scatter_add_(1, target, -torch.ones_like(log_sum)).to(dtype)
            if grad_hidden is not None:
                grad_hidden[start : start + CHUNK_TOKENS] = grad @ cast_weight
            if grad_weight is not None:
                grad_weight += grad.T @ chunk
        ctx.save_for_backward(grad_hidden, grad_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        grad_hidden, grad_weight = ctx.saved_tensors
        return (
            None if grad_hidden is None else grad_hidden.mul_(grads[0]),
            None if grad_weight is None else grad_weight.mul_(grads[0]),
            None,
        )


def token_log_probs(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The log-probability of each token, nats, [tokens].

    Unlike in `supervised_loss`, the weight of a token in the loss is known only after all log-probabilities of its
    answer are. For a frozen embedding the gradient of each log-probability is computed in the forward pass, and the
    backward pass multiplies it by the weight. Otherwise the logits are computed a second time in the backward pass,
    which takes less memory than keeping them.

    Args:
        hidden: last hidden states of the supervised positions, [tokens, width].
        weight: output embedding, [vocabulary, width].
        targets: the token that follows each position, [tokens].
    """
    log_probs: torch.Tensor = _TokenLogProbs.apply(hidden, weight, targets)  # type: ignore[no-untyped-call]
    return log_probs


class _TokenLogProbs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        cast_weight = weight.to(dtype)
        log_sums = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        log_probs = torch.empty_like(log_sums)
        is_frozen = ctx.needs_input_grad[0] and not ctx.needs_input_grad[1]
        slopes = torch.empty_like(hidden) if is_frozen else None
        for start in range(0, len(hidden), CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            logits = (hidden[part].to(dtype) @ cast_weight.T).float()
            log_sums[part] = torch.logsumexp(logits, dim=1)
            log_probs[part] = logits.gather(1, targets[part, None])[:, 0] - log_sums[part]
            if slopes is not None:
                slopes[part] = _logit_gradients(logits, log_sums[part], targets[part]).to(dtype) @ cast_weight
        ctx.dtype = dtype
        ctx.save_for_backward(slopes, *((hidden, weight, targets, log_sums) if slopes is None else ()))
        return log_probs

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        slopes, *kept = ctx.saved_tensors
        if slopes is not None:
            return slopes * grads[0][:, None].to(slopes.dtype), None, None
        hidden, weight, targets, log_sums = kept
        cast_weight = weight.to(ctx.dtype)
        grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            chunk, of_token = hidden[part].to(ctx.dtype), grads[0][part, None]
            logits = (chunk @ cast_weight.T).float()
            grad = (_logit_gradients(logits, log_sums[part], targets[part]) * of_token).to(ctx.dtype)
            if grad_hidden is not None:
                grad_hidden[part] = grad @ cast_weight
            if grad_weight is not None:
                grad_weight += grad.T @ chunk
        return grad_hidden, grad_weight, None


def _logit_gradients(logits: torch.Tensor, log_sums: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Gradients of log-probabilities by their logits: one at the target, less the softmax. Overwrites the logits."""
    ones = torch.ones_like(log_sums)[:, None]
    return logits.sub_(log_sums[:, None]).exp_().neg_().scatter_add_(1, targets[:, None], ones)
