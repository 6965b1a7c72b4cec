"""LoRA layers in one pass, for a CPU; imported only where torch and peft are installed.

An adapter has 2 % of a layer's arithmetic. peft's forward pass nevertheless reads and writes the layer's output five
more times: the adapter's own output, scaled, added, and the input cast to float32 and back. On a CPU the memory is what
that takes. Here the adapter is added by the matrix product itself, and the frozen weight is cast to bfloat16 once.
"""

from typing import Any

import torch
from peft.tuners.lora.layer import Linear


def fuse_adapters(model: Any) -> int:
    """Give the LoRA layers of a model a forward and a backward pass in fewer reads of memory.

    Outputs and gradients are those of peft, up to rounding. Layers with dropout, with a variant such as DoRA, or with a
    trained weight or bias of their own are left as they are; so is a layer whose adapters are switched off or merged.

    Args:
        model: of peft; changed in place.

    Returns:
        The number of layers that were changed.
    """
    fused = [module for module in model.modules() if isinstance(module, Linear) and _is_plain(module)]
    for module in fused:
        module.forward = _FusedForward(module)  # type: ignore[method-assign]
    return len(fused)


def _is_plain(module: Any) -> bool:
    base = module.get_base_layer()
    is_frozen = isinstance(base, torch.nn.Linear) and not any(one.requires_grad for one in base.parameters())
    has_dropout = any(not isinstance(one, torch.nn.Identity) for one in module.lora_dropout.values())
    has_bias = any(one.bias is not None for one in module.lora_B.values())
    return is_frozen and len(module.lora_A) == 1 and not (has_dropout or has_bias or module.lora_variant)


class _FusedForward:
    """The forward pass of one layer."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._peft_forward = module.forward
        self._cast_weight: torch.Tensor | None = None

    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        module = self._module
        if module.disable_adapters or module.merged or args or kwargs:
            plain: torch.Tensor = self._peft_forward(x, *args, **kwargs)
            return plain
        (name,) = module.lora_A
        base = module.get_base_layer()
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else base.weight.dtype
        bias = None if base.bias is None else base.bias.to(dtype)
        down, up = module.lora_A[name].weight, module.lora_B[name].weight
        result: torch.Tensor = _AdaptedLinear.apply(  # type: ignore[no-untyped-call]
            x.to(dtype), self._weight(base.weight, dtype), bias, down, up, module.scaling[name]
        )
        return result

    def _weight(self, weight: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The frozen weight in the precision of the products; its cast is kept."""
        if weight.dtype == dtype:
            return weight
        if self._cast_weight is None or self._cast_weight.dtype != dtype:
            self._cast_weight = weight.detach().to(dtype)
        return self._cast_weight


class _AdaptedLinear(torch.autograd.Function):
    """x W^T + bias + scaling * (x A^T) B^T, of which A and B are trained (Hu et al. 2021, arXiv 2106.09685)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """The output, [..., out]; x: [..., in], weight: [out, in], down (A): [rank, in], up (B): [out, rank]."""
        rows = x.reshape(-1, x.shape[-1])
        small_down, small_up = down.to(x.dtype), (up * scaling).to(x.dtype)
        result = torch.nn.functional.linear(rows, weight, bias)
        inner = rows @ small_down.T
        result.addmm_(inner, small_up.T)
        ctx.save_for_backward(rows, weight, small_down, small_up, inner)
        ctx.scaling = scaling
        ctx.dtypes = down.dtype, up.dtype
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients of x, A and B."""
        rows, weight, small_down, small_up, inner = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        grad_inner = grad @ small_up
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ weight
            grad_x = grad_x.addmm_(grad_inner, small_down).view(*grads[0].shape[:-1], -1)
        grad_down = (grad_inner.T @ rows).to(ctx.dtypes[0])
        grad_up = (grad.T @ inner).to(ctx.dtypes[1]) * ctx.scaling
        return grad_x, None, None, grad_down, grad_up, None
