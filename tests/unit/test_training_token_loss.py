"""The loss over supervised tokens: the same numbers and gradients as torch's, however it is cut into chunks."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from selfcodealign.training import token_loss
from selfcodealign.training.token_loss import has_plain_head, supervised_loss, token_log_probs


def inputs(tokens: int = 23, width: int = 16, vocabulary: int = 50) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(tokens, width, generator=generator).requires_grad_()
    weight = torch.randn(vocabulary, width, generator=generator).requires_grad_()
    return hidden, weight, torch.randint(0, vocabulary, (tokens,), generator=generator)


@pytest.mark.parametrize("chunk", [5, 23, 512])
def test_loss_and_gradients_are_those_of_cross_entropy(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(token_loss, "CHUNK_TOKENS", chunk)
    hidden, weight, targets = inputs()
    expected = cross_entropy(hidden @ weight.T, targets, reduction="sum")
    expected_grads = torch.autograd.grad(expected / 7, [hidden, weight])
    loss = supervised_loss(hidden, weight, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for grad, expected_grad in zip(torch.autograd.grad(loss / 7, [hidden, weight]), expected_grads, strict=True):
        torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chunk", [5, 23, 512])
def test_log_probabilities_of_tokens_and_their_gradients_are_those_of_log_softmax(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(token_loss, "CHUNK_TOKENS", chunk)
    hidden, weight, targets = inputs()
    factors = torch.linspace(-2.0, 3.0, len(targets))  # each token has its own weight in the loss
    expected = torch.log_softmax(hidden @ weight.T, dim=1).gather(1, targets[:, None])[:, 0]
    expected_grads = torch.autograd.grad((factors * expected).sum(), [hidden, weight])
    found = token_log_probs(hidden, weight, targets)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    grads = torch.autograd.grad((factors * found).sum(), [hidden, weight])
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-4)
    frozen = token_log_probs(hidden, weight.detach(), targets)  # its gradients are computed in the forward pass
    (grad,) = torch.autograd.grad((factors * frozen).sum(), [hidden])
    torch.testing.assert_close(grad, expected_grads[0], rtol=1e-4, atol=1e-4)


def test_log_probabilities_in_bfloat16_have_gradients_of_the_same_precision_and_a_frozen_embedding_none() -> None:
    hidden, weight, targets = inputs()
    exact = torch.autograd.grad(token_log_probs(hidden, weight, targets).sum(), [hidden, weight])
    with torch.autocast("cpu", torch.bfloat16):
        cast = token_log_probs(hidden, weight, targets)
    assert cast.dtype == torch.float32
    for rough, fine in zip(torch.autograd.grad(cast.sum(), [hidden, weight]), exact, strict=True):
        assert rough.dtype == torch.float32
        assert float((rough - fine).norm() / fine.norm()) < 2e-2
    token_log_probs(hidden, weight.detach(), targets).sum().backward()
    torch.testing.assert_close(hidden.grad, exact[0], rtol=1e-4, atol=1e-5)


def test_in_bfloat16_loss_and_gradients_differ_by_its_precision_alone() -> None:
    hidden, weight, targets = inputs()
    exact = supervised_loss(hidden, weight, targets)
    with torch.autocast("cpu", torch.bfloat16):
        cast = supervised_loss(hidden, weight, targets)
    assert cast.dtype == torch.float32
    assert cast.item() == pytest.approx(exact.item(), rel=1e-2)
    for rough, fine in zip(
        torch.autograd.grad(cast, [hidden, weight]), torch.autograd.grad(exact, [hidden, weight]), strict=True
    ):
        assert rough.dtype == torch.float32
        assert float((rough - fine).norm() / fine.norm()) < 2e-2


def test_a_frozen_embedding_gets_no_gradient_and_no_tokens_no_loss() -> None:
    hidden, weight, targets = inputs()
    supervised_loss(hidden, weight.detach(), targets).backward()
    assert hidden.grad is not None
    with torch.no_grad():
        assert float(supervised_loss(hidden[:0], weight, targets[:0])) == 0.0


def test_models_whose_logits_are_scaled_or_capped_are_left_to_trl() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

    tiny = {"vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 4}
    assert has_plain_head(LlamaForCausalLM(LlamaConfig(**tiny, **heads)))
    assert not has_plain_head(Gemma2ForCausalLM(Gemma2Config(**tiny, **heads)))
