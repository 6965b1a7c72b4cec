"""LoRA layers in one pass: the outputs and gradients of peft's own layers, with less memory read and written."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model

from selfcodealign.training.fused_adapters import fuse_adapters


class Block(torch.nn.Module):
    """Two layers of different sizes, one with a bias."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.up = torch.nn.Linear(width, inner, bias=True)
        self.down = torch.nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.down(torch.nn.functional.silu(self.up(x)))
        return result


def pair_of_models(width: int = 12, inner: int = 20, rank: int = 4, **changes: Any) -> tuple[Any, Any]:
    """The same adapted model twice, with adapters that are not zero; the second one is fused."""
    torch.manual_seed(0)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["up", "down"], **changes)
    plain = get_peft_model(Block(width, inner), config)
    with torch.no_grad():
        for name, weight in plain.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.3)
    return plain, copy.deepcopy(plain)


def gradients(
    model: Any, x: torch.Tensor, *, is_autocast: bool = False
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The output, and the gradients of a loss by the input and by all trained weights."""
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast):
        output = model(x)
    output.float().sin().sum().backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.requires_grad}
    assert x.grad is not None
    return output, {"x": x.grad, **found}


@settings(max_examples=25, deadline=None)
@given(
    shape=st.sampled_from([(1,), (7,), (2, 5), (2, 3, 4)]),
    width=st.integers(1, 16),
    inner=st.integers(1, 24),
    rank=st.integers(1, 6),
)
def test_outputs_and_gradients_are_pefts(shape: tuple[int, ...], width: int, inner: int, rank: int) -> None:
    plain, fused = pair_of_models(width, inner, rank)
    assert fuse_adapters(fused) == 2
    x = torch.randn(*shape, width, generator=torch.Generator().manual_seed(1))
    (expected, slopes), (output, found) = gradients(plain, x), gradients(fused, x)
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-5)
    assert found.keys() == slopes.keys()
    for name, slope in slopes.items():
        torch.testing.assert_close(found[name], slope, rtol=1e-3, atol=1e-5)


def test_in_bfloat16_the_difference_is_its_rounding() -> None:
    plain, fused = pair_of_models(64, 96, 8)
    exact, _ = pair_of_models(64, 96, 8)
    fuse_adapters(fused)
    x = torch.randn(50, 64, generator=torch.Generator().manual_seed(1))
    _, truth = gradients(exact, x)
    (output, found), (expected, slopes) = (gradients(model, x, is_autocast=True) for model in (fused, plain))
    assert output.dtype == expected.dtype == torch.bfloat16
    for name, slope in truth.items():
        assert found[name].dtype == slopes[name].dtype
        ours, pefts = ((one[name].float() - slope).norm() / slope.norm() for one in (found, slopes))
        assert ours < max(1.2 * pefts, 0.01), name


def test_adapters_that_are_switched_off_or_merged_are_not_added() -> None:
    plain, fused = pair_of_models()
    fuse_adapters(fused)
    x = torch.randn(3, 12)
    with plain.disable_adapter(), fused.disable_adapter():
        torch.testing.assert_close(fused(x), plain(x))
    expected = plain(x)
    torch.testing.assert_close(fused(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fused.merge_and_unload()(x), expected, rtol=1e-4, atol=1e-5)


def test_a_changed_adapter_is_seen_at_once() -> None:
    _, fused = pair_of_models()
    fuse_adapters(fused)
    x = torch.randn(3, 12)
    with torch.autocast("cpu", torch.bfloat16):
        before = fused(x)
        with torch.no_grad():
            for name, weight in fused.named_parameters():
                if "lora_B" in name:
                    weight.zero_()
        after = fused(x)
        with fused.disable_adapter():
            bare = fused(x)
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, bare, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("changes", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_layers_that_do_more_than_a_plain_adapter_are_left_alone(changes: dict[str, Any]) -> None:
    plain, other = pair_of_models(**changes)
    assert fuse_adapters(other) == 0
    plain.eval()
    other.eval()
    x = torch.randn(3, 12)
    torch.testing.assert_close(other(x), plain(x))


def test_full_models_have_nothing_to_fuse() -> None:
    assert fuse_adapters(Block(4, 8)) == 0
