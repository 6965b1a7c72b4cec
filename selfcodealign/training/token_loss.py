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

    Unlike in `supervised_loss`, what weight a token has in the loss is known only after all log-probabilities of its
    answer are. So the gradients cannot be computed with them, and the logits are computed a second time on the way
    back, which takes less memory than keeping them.

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
        for start in range(0, len(hidden), CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            logits = (hidden[part].to(dtype) @ cast_weight.T).float()
            log_sums[part] = torch.logsumexp(logits, dim=1)
            log_probs[part] = logits.gather(1, targets[part, None])[:, 0] - log_sums[part]
        ctx.dtype = dtype
        ctx.save_for_backward(hidden, weight, targets, log_sums)
        return log_probs

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        hidden, weight, targets, log_sums = ctx.saved_tensors
        cast_weight = weight.to(ctx.dtype)
        grad_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        grad_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), CHUNK_TOKENS):
            part = slice(start, start + CHUNK_TOKENS)
            chunk, of_token = hidden[part].to(ctx.dtype), grads[0][part, None]
            logits = (chunk @ cast_weight.T).float()
            # the gradient of the logits: one at the target, less the softmax
            grad = (
                logits.sub_(log_sums[part, None]).exp_().mul_(-of_token).scatter_add_(1, targets[part, None], of_token)
            )
            grad = grad.to(ctx.dtype)
            if grad_hidden is not None:
                grad_hidden[part] = grad @ cast_weight
            if grad_weight is not None:
                grad_weight += grad.T @ chunk
        return grad_hidden, grad_weight, None
