"""The floating-point operations that a training step needs, and the peak of the machine that they are compared with.

Counted are the matrix products of weights, two operations per weight and position in each of three passes: forward, the
gradient of the input, and, for weights that are trained, the gradient of the weight. So a token costs 6 per trained
weight and 4 per frozen one. The output layer counts for supervised positions only, and embedding lookups not at all.
Attention scores, padding, and whatever is computed twice or for nothing are not counted either, so that every system is
measured by the same work.
"""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.training.workload import Tokens

SHAPES = ((1024, 1024, 1024), (2048, 1024, 4096), (2048, 2048, 2048), (4096, 4096, 1024))
MIN_S = 0.3
MIN_REPEATS = 4


@dataclass(frozen=True, slots=True)
class ModelSize:
    """The weights of a model that take part in matrix products.

    Attributes:
        frozen: weights that are not trained, without the output layer.
        trained: weights that are trained, without the output layer.
        head: weights of the output layer.
        head_is_trained: whether the output layer is trained.
    """

    frozen: int
    trained: int
    head: int
    head_is_trained: bool


def model_size(model: Any) -> ModelSize:
    """Count the weights of a causal model, with or without adapters."""
    import torch

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = causal.get_output_embeddings().weight
    apart = {id(head)} | {id(part.weight) for part in model.modules() if isinstance(part, torch.nn.Embedding)}
    counts = {True: 0, False: 0}
    for weight in model.parameters():
        if weight.ndim > 1 and id(weight) not in apart:
            counts[weight.requires_grad] += weight.numel()
    return ModelSize(counts[False], counts[True], head.numel(), head.requires_grad)


def step_flops(size: ModelSize, tokens: Tokens) -> int:
    """The operations of a training step over some tokens.

    Args:
        size: of the model.
        tokens: of the step, without padding.
    """
    body = (4 * size.frozen + 6 * size.trained) * tokens.all
    return body + (6 if size.head_is_trained else 4) * size.head * tokens.supervised


def peak_flops(dtype: str, device: str) -> float:
    """The fastest matrix product of this machine, operations per second.

    Args:
        dtype: `bfloat16` or `float32`, the precision of the training's products.
        device: `cpu` or `cuda`.
    """
    import torch

    best = 0.0
    for rows, inner, columns in SHAPES:
        left = torch.randn(rows, inner, dtype=getattr(torch, dtype), device=device)
        right = torch.randn(columns, inner, dtype=getattr(torch, dtype), device=device)
        started, repeats = time.perf_counter(), 0
        while repeats < MIN_REPEATS or time.perf_counter() - started < MIN_S:
            before = time.perf_counter()
            torch.nn.functional.linear(left, right)
            synchronize(device)
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - before))
            repeats += 1
    return best


def synchronize(device: str) -> None:
    """Wait until a GPU has done what it was given; a CPU has."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
