"""Training on preferences: the loss equals its formula, and whole trainings prefer what they should."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_training_finetune import SLOW_STEPS, fingerprint
from tiny_models import make_examples, make_model_folder, make_preferences, make_settings, make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.models import end_of_turn_token, read_card
from selfcodealign.records import Preference
from selfcodealign.training import (
    PreferenceRow,
    RewardPoint,
    Scorer,
    TrainingResult,
    checkpoint_folder,
    finetune_model,
    tokenise_preferences,
)
from selfcodealign.training.rows import IGNORED
from selfcodealign.training_params import LEARNING_RATES


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("models") / "base")


def train(
    base: Path,
    folder: Path,
    *,
    pairs: list[Preference] | None = None,
    num_pairs: int = 8,
    scorer: Scorer | None = None,
    **changes: Any,
) -> TrainingResult:
    return finetune_model(
        base,
        make_preferences(num_pairs) if pairs is None else pairs,
        make_settings(objective="dpo", **changes),
        seed=1,
        destination=folder / "aligned",
        checkpoints=folder / "checkpoints",
        validation=(lambda held_out: scorer) if scorer else None,
    )


def rows_of(pairs: list[Preference]) -> list[PreferenceRow]:
    tokenizer = make_tokenizer()
    rows, dropped = tokenise_preferences(pairs, tokenizer, max_length=200, end_token=end_of_turn_token(tokenizer))
    assert dropped == []
    return rows


def of_split(result: TrainingResult, split: str) -> list[RewardPoint]:
    return [point for point in result.rewards if point.split == split]


def answer_log_probs(model: Any, row: PreferenceRow) -> tuple[Any, Any]:
    """The log-probabilities of both answers, by torch alone."""
    import torch

    sums = []
    for side in (row.chosen, row.rejected):
        logits = model(input_ids=torch.tensor([side.input_ids])).logits[0, :-1]
        targets, labels = torch.tensor(side.input_ids[1:]), torch.tensor(side.labels[1:])
        log_probs = torch.log_softmax(logits.float(), dim=1)[torch.arange(len(targets)), targets]
        sums.append(log_probs[labels != IGNORED].sum())
    return sums[0], sums[1]


def loss_by_hand(model: Any, reference: Any, rows: list[PreferenceRow], beta: float, nll_weight: float) -> Any:
    """The loss of a step over some rows, one pair at a time."""
    import torch

    contrast, likelihood = [], []
    for row in rows:
        chosen, rejected = answer_log_probs(model, row)
        with torch.no_grad():
            ref_chosen, ref_rejected = answer_log_probs(reference, row)
        contrast.append(-torch.log(torch.sigmoid(beta * ((chosen - ref_chosen) - (rejected - ref_rejected)))))
        likelihood.append(chosen)
    num_tokens = sum(row.chosen.num_supervised for row in rows)
    return torch.stack(contrast).mean() - nll_weight * torch.stack(likelihood).sum() / num_tokens


def make_trainer(base: Path, folder: Path, rows: list[PreferenceRow], **changes: Any) -> Any:
    """A trainer in float32 whose reference is the base model, and whose model is another one."""
    import torch
    from transformers import AutoModelForCausalLM

    from selfcodealign.training.trainer import Precision, build_preference_trainer

    settings = make_settings(objective="dpo", **changes)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    trainer = build_preference_trainer(
        model, make_tokenizer(), rows, settings, precision=Precision("cpu", "float32", False), seed=1, folder=folder
    )
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in trainer.model.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    trainer.model.train()
    return trainer


def gradients(trainer: Any) -> tuple[float, dict[str, Any]]:
    """The loss of one step over all rows of a trainer, and its gradients."""
    trainer.model.zero_grad()
    batches = trainer.micro_batches_of(list(trainer.train_dataset))
    total, loss = trainer.step_total(batches), 0.0
    for batch in batches:
        part = trainer.compute_loss(trainer.model, batch, False, total)
        part.backward()
        loss += float(part.detach())
    return loss, {name: weight.grad.clone() for name, weight in trainer.model.named_parameters()}


@pytest.mark.parametrize(("beta", "nll_weight"), [(0.1, 1.0), (0.5, 0.0), (2.0, 0.3)])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_loss_and_gradients_are_those_of_the_formula_whatever_the_micro_batch_size(
    base: Path, tmp_path: Path, beta: float, nll_weight: float, size: int
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    rows = rows_of(make_preferences(7))
    trainer = make_trainer(base, tmp_path, rows, dpo_beta=beta, dpo_nll_weight=nll_weight, micro_batch_size=size)
    loss, found = gradients(trainer)
    reference = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    trainer.model.zero_grad()
    expected = loss_by_hand(trainer.model, reference, rows, beta, nll_weight)
    expected.backward()
    assert loss == pytest.approx(float(expected), abs=1e-4)
    for name, weight in trainer.model.named_parameters():
        torch.testing.assert_close(found[name], weight.grad, atol=1e-5, rtol=1e-3)


def test_the_loss_of_a_step_is_the_one_that_trl_computes_for_one_batch(base: Path, tmp_path: Path) -> None:
    from trl.trainer.dpo_trainer import DPOTrainer

    trainer = make_trainer(base, tmp_path, rows_of(make_preferences(6)), dpo_nll_weight=0.7, micro_batch_size=6)
    batch = trainer.data_collator(list(trainer.train_dataset))
    ours = trainer.compute_loss(trainer.model, batch, False, trainer.step_total([batch]))
    trainer.loss_types, trainer.loss_weights = ["sigmoid", "sft"], [1.0, 0.7]
    theirs = DPOTrainer._compute_loss(trainer, trainer.model, batch, return_outputs=False)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-5)


def test_the_fused_head_for_gpus_gives_the_same_loss(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from selfcodealign.training import preference_trainer

    trainer = make_trainer(base, tmp_path, rows_of(make_preferences(5)), micro_batch_size=2)
    ours = gradients(trainer)
    monkeypatch.setattr(preference_trainer, "has_plain_head", lambda model: False)
    theirs = gradients(trainer)
    assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
    assert all(float((ours[1][name] - grad).abs().max()) < 1e-4 for name, grad in theirs[1].items())


@pytest.mark.parametrize("nll_weight", [0.0, 1.0])
def test_a_step_widens_the_margin_and_the_likelihood_term_raises_the_chosen_answers(
    base: Path, tmp_path: Path, nll_weight: float
) -> None:
    import torch

    rows = rows_of(make_preferences(4))
    trainer = make_trainer(base, tmp_path, rows, dpo_beta=1.0, dpo_nll_weight=nll_weight)
    before = torch.tensor([[float(side) for side in answer_log_probs(trainer.model, row)] for row in rows]).mean(dim=0)
    _, grads = gradients(trainer)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            weight.sub_(1e-3 * grads[name] / grads[name].norm().clamp(min=1e-9))
    after = torch.tensor([[float(side) for side in answer_log_probs(trainer.model, row)] for row in rows]).mean(dim=0)
    if nll_weight:
        assert after[0] > before[0]
    else:
        assert after[0] - before[0] > after[1] - before[1]


def test_a_pair_of_unlike_answers_moves_them_apart(base: Path, tmp_path: Path) -> None:
    import torch

    (pair,) = make_preferences(1)
    rows = rows_of([Preference(**{**as_dict(pair), "chosen": "yes" * 5, "rejected": "NOPE" * 4})])
    trainer = make_trainer(base, tmp_path, rows, dpo_nll_weight=0.0)
    before = [float(side) for side in answer_log_probs(trainer.model, rows[0])]
    _, grads = gradients(trainer)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            weight.sub_(1e-2 * grads[name] / grads[name].norm().clamp(min=1e-9))
    after = [float(side) for side in answer_log_probs(trainer.model, rows[0])]
    assert after[0] > before[0]
    assert after[1] < before[1]


def as_dict(pair: Preference) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in Preference.__dataclass_fields__}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_training_widens_the_margin_from_zero_and_saves_a_model_that_loads(
    base: Path, tmp_path: Path, method: str
) -> None:
    from transformers import AutoModelForCausalLM

    rate = {"full": 1e-3, "lora": 1e-2}[method]
    result = train(base, tmp_path, method=method, learning_rate=rate, epochs=6.0)
    points = of_split(result, "train")
    assert [point.step for point in points] == [point.step for point in result.curve] == list(range(1, 25))
    assert points[0].margin == pytest.approx(0.0, abs=1e-4)
    assert points[0].chosen_change == pytest.approx(0.0, abs=1e-3)
    last = result.last_epoch_rewards
    assert len(last) == 4
    assert min(point.margin for point in last) > 0.1
    assert sum(point.accuracy for point in last) / 4 > 0.9
    assert result.epoch_losses[-1] < result.epoch_losses[0]
    assert result.change.saved > 0.1
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "aligned")
    assert str(model.dtype) == "torch.float32"
    saved = json.loads((tmp_path / "aligned" / "training_settings.json").read_text())
    assert (saved["objective"], saved["dpo_beta"]) == ("dpo", 0.1)


def test_one_pair_repeated_is_always_told_apart_in_the_end(base: Path, tmp_path: Path) -> None:
    (pair,) = make_preferences(1)
    pairs = [Preference(**{**as_dict(pair), "id": f"pair {n}"}) for n in range(4)]
    result = train(base, tmp_path, pairs=pairs, epochs=5.0)
    assert {point.accuracy for point in result.last_epoch_rewards} == {1.0}


def test_without_the_likelihood_term_the_loss_starts_at_log_2(base: Path, tmp_path: Path) -> None:
    plain = train(base, tmp_path / "plain", dpo_nll_weight=0.0, micro_batch_size=2)
    assert plain.curve[0].loss == pytest.approx(0.6931, abs=1e-3)
    both = train(base, tmp_path / "both", dpo_nll_weight=1.0, micro_batch_size=2)
    assert both.curve[0].loss > plain.curve[0].loss + 1.0


def test_beta_scales_the_rewards_and_the_likelihood_term_sees_the_chosen_answers_alone() -> None:
    import torch

    from selfcodealign.training.preference_trainer import StepSize, preference_loss

    log_probs = torch.tensor([-10.0, -20.0, -12.0, -15.0])  # two chosen answers, then two rejected ones
    reference = torch.tensor([-12.0, -19.0, -12.0, -18.0])
    size = StepSize(num_pairs=2, num_chosen_tokens=60)
    loss, sums = preference_loss(log_probs, reference, size, beta=0.5, nll_weight=0.0)
    assert (sums.num_pairs, sums.num_correct) == (2, 1)
    assert (sums.chosen_change, sums.rejected_change, sums.margin) == pytest.approx((1.0, 3.0, -1.0))
    margins = torch.tensor([0.5 * 2.0, 0.5 * (-1.0 - 3.0)])
    assert float(loss) == pytest.approx(float(torch.log(1 + torch.exp(-margins)).mean()), abs=1e-6)
    doubled = preference_loss(log_probs, reference, size, beta=1.0, nll_weight=0.0)[1]
    assert doubled.margin == pytest.approx(2 * sums.margin)
    both, _ = preference_loss(log_probs, reference, size, beta=0.5, nll_weight=2.0)
    assert float(both - loss) == pytest.approx(2.0 * 30.0 / 60, abs=1e-6)
    moved = log_probs - torch.tensor([0.0, 0.0, 5.0, 5.0])
    first, second = (preference_loss(moved, reference, size, beta=0.5, nll_weight=weight)[0] for weight in (2.0, 0.0))
    assert float(first - second) == pytest.approx(float(both - loss), abs=1e-6)


def test_the_micro_batch_size_changes_neither_the_losses_nor_the_order(base: Path, tmp_path: Path) -> None:
    curves = [train(base, tmp_path / str(size), batch_size=4, micro_batch_size=size).curve for size in (1, 3, 8)]
    assert len(curves[0]) == 4
    for other in curves[1:]:
        assert [point.tokens for point in other] == [point.tokens for point in curves[0]]
        assert [point.num_supervised for point in other] == [point.num_supervised for point in curves[0]]
        assert [point.loss for point in other] == pytest.approx([point.loss for point in curves[0]], rel=2e-3)


def test_held_out_pairs_are_scored_by_loss_accuracy_and_margin(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    result = train(base, tmp_path, num_pairs=20, holdout_share=0.2, epochs=3.0, learning_rate=2e-3)
    assert (result.num_examples, result.num_holdout) == (16, 4)
    points = of_split(result, "holdout")
    assert [point.step for point in points] == [point.step for point in result.scores] == [0, 8, 16, 24]
    assert (points[0].margin, points[0].accuracy, points[0].num_pairs) == (0.0, 0.0, 4)
    assert points[-1].margin > 0.0
    assert result.kept == "step 24"
    models = [AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32) for path in (tmp_path / "aligned", base)]
    rows = rows_of(make_preferences(20))
    from selfcodealign.training.holdout import split_holdout

    held_out = split_holdout(rows, make_preferences(20), 0.2, seed=1)[1]
    with torch.no_grad():
        expected = float(loss_by_hand(models[0], models[1], held_out, 0.1, 1.0))
        sides = [answer_log_probs(models[0], row) for row in held_out]
        before = [answer_log_probs(models[1], row) for row in held_out]
    assert result.score_at(24) == pytest.approx(expected, abs=1e-4)
    changes = [float(new[0] - old[0]) for new, old in zip(sides, before, strict=True)]
    assert points[-1].chosen_change == pytest.approx(sum(changes) / 4, abs=1e-3)


def test_the_base_model_is_kept_where_training_makes_it_worse(base: Path, tmp_path: Path) -> None:
    result = train(base, tmp_path, num_pairs=12, learning_rate=10.0, warmup_share=0.0)
    assert (result.kept, result.change.saved) == ("base", 0.0)
    assert (tmp_path / "aligned/model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()


def test_another_scorer_decides_which_weights_are_kept(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    seen: list[float] = []

    def score(model: Any, tokenizer: Any) -> float:
        seen.append(fingerprint(model))
        return {0: 0.2, 1: 0.9, 2: 0.1}[len(seen) - 1]

    scorer = Scorer(name="pass_rate", score=score, higher_is_better=True)
    result = train(base, tmp_path, scorer=scorer, learning_rate=1e-2)
    assert result.kept == "step 4"
    saved = fingerprint(AutoModelForCausalLM.from_pretrained(tmp_path / "aligned"))
    assert min(range(3), key=lambda index: abs(seen[index] - saved)) == 1


def test_a_killed_training_resumes_with_the_reference_of_the_base_model(base: Path, tmp_path: Path) -> None:
    whole = train(base, tmp_path / "whole", num_pairs=16)
    pickled = tmp_path / "run.pickle"
    pickled.write_bytes(pickle.dumps((make_preferences(16), make_settings(objective="dpo"))))
    checkpoints = tmp_path / "killed" / "checkpoints"
    arguments = [base, tmp_path / "killed" / "aligned", checkpoints, pickled]
    process = subprocess.Popen([sys.executable, "-c", SLOW_STEPS, *map(str, arguments)])
    deadline = time.monotonic() + 450
    while not (checkpoints / "checkpoint-4" / "trainer_state.json").exists():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, "the training never reached its second checkpoint"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    resumed = train(base, tmp_path / "killed", num_pairs=16)
    assert resumed.resumed_from_step >= 2
    assert resumed.curve == whole.curve
    assert resumed.rewards == whole.rewards
    assert (resumed.scores, resumed.kept) == (whole.scores, whole.kept)
    weights = [(tmp_path / run / "aligned" / "model.safetensors").read_bytes() for run in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_both_answers_are_shown_with_what_the_loss_sees(base: Path, tmp_path: Path) -> None:
    (shown, rejected) = train(base, tmp_path, epochs=1.0).masked_row.split("\n\nrejected:\n")
    assert shown.startswith("chosen:\n<|im_start|>user\nAdd 0 to a number.<|im_end|>")
    assert "<<def f(x):\n    return x + 0<|im_end|>>>" in shown
    assert "<<def f(x):\n    return x - 0<|im_end|>>>" in rejected


def test_pairs_with_a_side_that_cannot_be_trained_are_dropped_with_the_side() -> None:
    pairs = make_preferences(4)
    broken = [
        Preference(**{**as_dict(pairs[0]), "rejected": "x" * 300}),
        Preference(**{**as_dict(pairs[1]), "chosen": " "}),
        Preference(**{**as_dict(pairs[2]), "rejected": "a <|im_end|> b"}),
        pairs[3],
    ]
    tokenizer = make_tokenizer()
    rows, dropped = tokenise_preferences(broken, tokenizer, max_length=200, end_token=end_of_turn_token(tokenizer))
    assert [row.id for row in rows] == ["pair 3"]
    assert [(row.reason, row.detail.split(":")[0], row.parent_id) for row in dropped] == [
        ("too_long", "rejected answer", "chosen 0"),
        ("empty_response", "chosen answer", "chosen 1"),
        ("special_token_in_text", "rejected answer", "chosen 2"),
    ]
    assert rows[0].prompt_ids + rows[0].chosen.answer_ids == rows[0].chosen.input_ids
    assert rows[0].prompt_ids + rows[0].rejected.answer_ids == rows[0].rejected.input_ids


def test_a_lost_token_of_the_rejected_side_stops_the_training(base: Path, tmp_path: Path) -> None:
    from selfcodealign.training.objectives import OBJECTIVES

    rows = rows_of(make_preferences(3))
    trainer = make_trainer(base, tmp_path, rows)
    check, end = OBJECTIVES["dpo"].check, end_of_turn_token(make_tokenizer())
    assert "rejected:" in check(trainer, rows, make_tokenizer(), end)
    trainer.data_collator.max_length = max(len(row.rejected.input_ids) for row in rows) - 1
    with pytest.raises(InputError, match="end-of-turn token"):
        check(trainer, rows, make_tokenizer(), end)


def test_checkpoints_of_preferences_depend_on_their_settings_and_those_of_examples_do_not(
    base: Path, tmp_path: Path
) -> None:
    card = read_card(base)

    def folder(pairs: Any, **changes: Any) -> Path:
        return checkpoint_folder(tmp_path, card, pairs, make_settings(**changes), 1)

    pairs = make_preferences(3)
    first = folder(pairs, objective="dpo")
    assert first == folder(pairs, objective="dpo", micro_batch_size=3)
    others = [
        folder(pairs, objective="dpo", dpo_beta=0.2),
        folder(pairs, objective="dpo", dpo_nll_weight=0.0),
        folder([Preference(**{**as_dict(pairs[0]), "rejected": "other"}), *pairs[1:]], objective="dpo"),
    ]
    assert len({first, *others}) == 4
    examples = make_examples(3)
    assert folder(examples) == folder(examples, dpo_beta=0.2, dpo_nll_weight=0.0)


def test_each_objective_and_method_has_its_own_rate() -> None:
    for objective, rates in LEARNING_RATES.items():
        for method, rate in rates.items():
            settings = make_settings(objective=objective, method=method, learning_rate=None, holdout_share=0.0)
            assert settings.peak_learning_rate == rate
    assert LEARNING_RATES["dpo"] == {"full": 1e-6, "lora": 5e-6}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "no preference pairs.*generate_responses.num_samples, or set objective: sft"),
        (make_examples(8), "are Example rows; finetune_model.objective needs Preference rows"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(base: Path, tmp_path: Path, pairs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(base, tmp_path, pairs=pairs)
    assert "\n" not in str(caught.value)
