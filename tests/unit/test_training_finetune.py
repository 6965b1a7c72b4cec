"""Whole trainings with TRL, on a model of two layers: they take seconds, and nothing in them is pretended."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_examples, make_model_folder, make_settings, make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.models import end_of_turn_token, read_card
from selfcodealign.training import (
    Scorer,
    TokenRow,
    TrainingResult,
    checkpoint_folder,
    finetune_model,
    tokenise_examples,
)
from selfcodealign.training.checkpoints import last_whole_checkpoint
from selfcodealign.training.holdout import split_holdout
from selfcodealign.training.saving import round_stochastically
from selfcodealign.training.trainer import use_one_gpu

SLOW_STEPS = """
import pickle, sys, time
from pathlib import Path
from transformers import TrainerCallback
import selfcodealign.training.callback as callback
from selfcodealign.training import finetune_model

class Slow(callback.ProgressCallback):
    def on_step_end(self, args, state, control, **kwargs):
        time.sleep(0.3)  # time for the test to kill us between two checkpoints

callback.ProgressCallback = Slow
base, destination, checkpoints, pickled = map(Path, sys.argv[1:])
examples, settings = pickle.loads(pickled.read_bytes())
finetune_model(base, examples, settings, seed=1, destination=destination, checkpoints=checkpoints)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("models") / "base")


def train(
    base: Path, folder: Path, *, num_examples: int = 8, seed: int = 1, scorer: Scorer | None = None, **changes: Any
) -> TrainingResult:
    return finetune_model(
        base,
        make_examples(num_examples),
        make_settings(**changes),
        seed=seed,
        destination=folder / "aligned",
        checkpoints=folder / "checkpoints",
        validation=(lambda held_out: scorer) if scorer else None,
    )


def test_a_training_lowers_the_loss_and_saves_a_model_that_loads_and_differs(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = train(base, tmp_path)
    losses = [point.loss for point in result.curve]
    assert losses[-1] < losses[0]
    assert result.num_steps == 8  # 8 pairs, batch 2, 2 epochs
    assert [point.step for point in result.curve] == list(range(1, 9))
    assert result.change.saved > 0.9
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "aligned")
    assert str(model.dtype) == "torch.float32"
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "aligned")
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(base).chat_template
    assert model.generation_config.eos_token_id == [tokenizer.convert_tokens_to_ids("<|im_end|>")]
    card = read_card(tmp_path / "aligned")
    assert (card.source, card.name, card.prompt_form, card.dtype) == ("finetuned", "tiny-aligned", "chat", "float32")
    assert card.sha256 != read_card(base).sha256
    saved = json.loads((tmp_path / "aligned" / "training_settings.json").read_text())
    assert (saved["learning_rate"], saved["num_steps"], saved["end_of_turn_token"]) == (1e-3, 8, 2)


def test_the_first_step_learns_at_half_the_rate_where_the_warm_up_is_less_than_a_step(
    base: Path, tmp_path: Path
) -> None:
    rates = [point.learning_rate for point in train(base, tmp_path).curve]
    assert rates[:2] == pytest.approx([5e-4, 1e-3])
    assert rates[-1] == pytest.approx(1e-3 / 7)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_saved_model_has_the_loss_of_the_model_that_was_trained(base: Path, tmp_path: Path, method: str) -> None:
    # so close only because scores do not see weights rounded to bfloat16, as the forward passes of the training may
    result = train(base, tmp_path, num_examples=20, holdout_share=0.2, method=method)
    assert result.num_holdout == 4
    assert result.kept == f"step {result.num_steps}"
    rows = held_out(20, 0.2)
    assert loss_of_folder(tmp_path / "aligned", rows) == pytest.approx(result.score_at(result.num_steps), abs=2e-5)
    assert loss_of_folder(base, rows) == pytest.approx(result.score_at(0), abs=2e-5)
    assert result.divergence == pytest.approx(divergence_of_folders(base, tmp_path / "aligned", rows), rel=1e-3)
    assert result.divergence > 1e-3


@pytest.mark.parametrize("method", ["full", "lora"])
def test_small_updates_are_in_the_saved_weights_and_rounding_to_the_nearest_would_lose_them(
    base: Path, tmp_path: Path, method: str
) -> None:
    change = train(base, tmp_path, method=method, learning_rate=1e-5).change
    assert change.bfloat16 < 0.5 * change.saved


def test_a_model_saved_in_bfloat16_keeps_the_loss_of_the_model_that_was_trained(base: Path, tmp_path: Path) -> None:
    small = {"learning_rate": 3e-5, "epochs": 10.0, "num_examples": 20, "holdout_share": 0.2, "save_dtype": "bfloat16"}
    result = train(base, tmp_path, **small)
    before, after = result.score_at(0), result.score_at(result.kept_step)
    assert before is not None
    assert after is not None
    saved = loss_of_folder(tmp_path / "aligned", held_out(20, 0.2))
    assert saved == pytest.approx(after, abs=1e-3)
    assert saved == pytest.approx(after, abs=0.2 * (before - after))
    assert read_card(tmp_path / "aligned").dtype == "bfloat16"
    assert result.change.saved == result.change.bfloat16


def test_weights_are_rounded_to_a_neighbor_with_the_odds_that_keep_their_mean() -> None:
    import torch

    exact, between = 0.015625, 0.015625 * (1 + 0.25 / 128)  # a bfloat16, and a quarter of the way to the next one
    model = torch.nn.Linear(100, 1000, bias=False)
    with torch.no_grad():
        model.weight.fill_(-between)
        model.weight[0].fill_(exact)
    round_stochastically(model, seed=1)
    first = model.weight.detach().clone()
    assert torch.equal(first, first.to(torch.bfloat16).float())
    assert torch.equal(first[0], torch.full((100,), exact))
    assert sorted(set(first[1:].flatten().tolist())) == [-exact * (1 + 1 / 128), -exact]
    assert float((first[1:] != -exact).double().mean()) == pytest.approx(0.25, abs=0.01)
    with torch.no_grad():
        model.weight[1:].fill_(-between)
    round_stochastically(model, seed=1)
    assert torch.equal(model.weight, first)


def held_out(num_examples: int, share: float) -> list[TokenRow]:
    """The rows that `train` holds out."""
    tokenizer, pairs = make_tokenizer(), make_examples(num_examples)
    rows, _ = tokenise_examples(pairs, tokenizer, max_length=200, end_token=end_of_turn_token(tokenizer))
    return split_holdout(rows, pairs, share, seed=1)[1]


def divergence_of_folders(base: Path, trained: Path, rows: list[TokenRow]) -> float:
    """KL(base || trained) of saved models, by transformers and torch alone: mean over the supervised tokens, nats."""
    import torch
    from transformers import AutoModelForCausalLM

    both = [AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32) for folder in (base, trained)]
    found = []
    for row in rows:
        ids = torch.tensor([row.input_ids])
        with torch.no_grad():
            before, after = (model(input_ids=ids).logits[0, :-1].log_softmax(-1) for model in both)
        is_supervised = torch.tensor([label != -100 for label in row.labels[1:]])
        per_place = torch.nn.functional.kl_div(after, before, reduction="none", log_target=True).sum(-1)
        found.append(per_place[is_supervised])
    return float(torch.cat(found).mean())


def loss_of_folder(folder: Path, rows: list[TokenRow]) -> float:
    """The loss of a saved model, by transformers alone: mean over the supervised tokens of the rows."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        losses = [
            float(model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss)
            for row in rows
        ]
    weighted = sum(loss * row.num_supervised for loss, row in zip(losses, rows, strict=True))
    return weighted / sum(row.num_supervised for row in rows)


def test_gradients_are_clipped_to_the_norm_unless_that_is_off(base: Path, tmp_path: Path) -> None:
    adam = {"optimizer": "adamw_torch", "learning_rate": 1e-3}
    curves = {
        norm: [point.loss for point in train(base, tmp_path / str(norm), max_grad_norm=norm, **adam).curve]
        for norm in (1e-12, 1.0, None, -1)
    }
    # far below Adam's epsilon a clipped gradient moves nothing: each pair has the loss that the base model gives it
    moved = max(curves[1.0][0] - loss for loss in curves[1.0])
    assert max(abs(curves[1e-12][0] - loss) for loss in curves[1e-12]) < 0.5 * moved
    assert curves[None] == curves[-1]
    assert curves[None] != curves[1.0]


def test_the_micro_batch_size_changes_neither_the_losses_nor_the_order(base: Path, tmp_path: Path) -> None:
    curves = [
        [(point.loss, point.tokens) for point in train(base, tmp_path / str(size), batch_size=4, **extra).curve]
        for size, extra in ((1, {}), (3, {"micro_batch_size": 3}), (8, {"micro_batch_size": 8}))
    ]
    assert len(curves[0]) == 4
    for other in curves[1:]:
        assert [tokens for _, tokens in other] == [tokens for _, tokens in curves[0]]
        assert [loss for loss, _ in other] == pytest.approx([loss for loss, _ in curves[0]], rel=2e-3)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_loss_over_supervised_tokens_trains_as_the_fused_head_of_trl_does(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    from selfcodealign.training import step_trainer

    ours = train(base, tmp_path / "ours", method=method, micro_batch_size=2)
    monkeypatch.setattr(step_trainer, "has_plain_head", lambda model: False)
    theirs = train(base, tmp_path / "theirs", method=method, micro_batch_size=2)
    assert [point.tokens for point in ours.curve] == [point.tokens for point in theirs.curve]
    assert [point.loss for point in ours.curve] == pytest.approx([point.loss for point in theirs.curve], rel=2e-3)


def test_the_loss_of_an_epoch_is_the_mean_over_its_supervised_tokens(base: Path, tmp_path: Path) -> None:
    # at this rate the weights stay, so every epoch has the base model's loss over all pairs, whatever the steps are
    result = train(base, tmp_path, num_examples=9, batch_size=4, learning_rate=1e-9)
    tokenizer, pairs = make_tokenizer(), make_examples(9)
    rows, _ = tokenise_examples(pairs, tokenizer, max_length=200, end_token=end_of_turn_token(tokenizer))
    assert result.epoch_losses == pytest.approx([loss_of_folder(base, rows)] * 2, abs=1e-3)
    assert sum(point.num_supervised for point in result.curve) == 2 * result.num_supervised_tokens


def test_held_out_pairs_are_scored_before_training_after_each_epoch_and_never_trained_on(
    base: Path, tmp_path: Path
) -> None:
    result = train(base, tmp_path, num_examples=10)
    assert (result.num_examples, result.num_holdout) == (9, 1)
    assert [point.step for point in result.scores] == [0, 5, 10]
    lengths = {row.id: len(row.input_ids) for row in held_out(10, 0.1)}
    everything = train(base, tmp_path / "all", num_examples=10, holdout_share=0.0)
    assert result.curve[4].tokens == everything.curve[4].tokens - sum(lengths.values())
    assert everything.scores == []
    assert (everything.kept, everything.divergence) == ("step 10", None)


def test_the_base_model_is_kept_as_it_is_where_training_makes_it_worse(tmp_path: Path) -> None:
    plain = make_model_folder(tmp_path / "base", template=None)
    result = train(plain, tmp_path, num_examples=12, learning_rate=10.0, warmup_share=0.0)
    assert result.kept == "base"
    assert (result.change.saved, result.change.bfloat16, result.divergence) == (0.0, 0.0, 0.0)
    assert all(point.score >= result.scores[0].score for point in result.scores)
    for name in ("model.safetensors", "tokenizer_config.json"):
        assert (tmp_path / "aligned" / name).read_bytes() == (plain / name).read_bytes()
    card, before = read_card(tmp_path / "aligned"), read_card(plain)
    assert (card.source, card.prompt_form, card.sha256) == ("finetuned", "completion", before.sha256)
    assert json.loads((tmp_path / "aligned" / "training_settings.json").read_text())["kept_step"] == 0


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_weights_of_the_best_step_are_saved_and_not_those_of_the_last(
    base: Path, tmp_path: Path, method: str
) -> None:
    from transformers import AutoModelForCausalLM

    seen: list[float] = []

    def score(model: Any, tokenizer: Any) -> float:
        assert not model.training
        assert tokenizer.chat_template
        seen.append(fingerprint(model))
        return {0: 0.2, 1: 0.5, 2: 0.9, 3: 0.9, 4: 0.1}[len(seen) - 1]

    scorer = Scorer(name="pass_rate", score=score, higher_is_better=True)
    result = train(base, tmp_path, scorer=scorer, method=method, eval_steps=2, learning_rate=1e-2)
    assert result.score_name == "pass_rate"
    assert [(point.step, point.score) for point in result.scores] == [(0, 0.2), (2, 0.5), (4, 0.9), (6, 0.9), (8, 0.1)]
    assert result.kept == "step 4"  # on equal scores the earlier weights stay
    saved = fingerprint(AutoModelForCausalLM.from_pretrained(tmp_path / "aligned"))
    assert min(range(5), key=lambda index: abs(seen[index] - saved)) == 2


def fingerprint(model: Any) -> float:
    """A number that changes with the weights."""
    import torch

    with torch.no_grad():
        return float(model(input_ids=torch.arange(4, 100)[None]).logits.double().abs().mean())


def test_the_same_seed_gives_the_same_training(base: Path, tmp_path: Path) -> None:
    first, second = train(base, tmp_path / "a"), train(base, tmp_path / "b")
    assert first.curve == second.curve
    assert read_card(tmp_path / "a" / "aligned") == read_card(tmp_path / "b" / "aligned")


def test_packing_keeps_every_supervised_token_and_pairs_do_not_see_each_other(base: Path, tmp_path: Path) -> None:
    plain = train(base, tmp_path / "plain", batch_size=8, epochs=1.0)
    packed = train(base, tmp_path / "packed", batch_size=8, epochs=1.0, packing=True)
    assert packed.num_sequences < plain.num_sequences
    assert packed.num_supervised_tokens == plain.num_supervised_tokens
    assert packed.curve[-1].tokens == plain.curve[-1].tokens
    # one step over all pairs: if packed pairs saw their neighbours, the loss before the update would differ
    assert packed.curve[0].loss == pytest.approx(plain.curve[0].loss, rel=1e-4)


def test_lora_is_merged_into_weights_of_the_same_names(base: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    result = train(base, tmp_path, method="lora", lora_rank=4)
    assert 0.0 < result.change.saved < 1.0  # embeddings stay as they were
    names = []
    for folder in (base, tmp_path / "aligned"):
        with safe_open(folder / "model.safetensors", framework="pt") as file:
            names.append(sorted(file.keys()))
    assert names[0] == names[1]


def test_a_base_model_without_a_chat_template_is_saved_with_one(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    plain = make_model_folder(tmp_path / "base", template=None)
    train(plain, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "aligned")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Sort."}], add_generation_prompt=True, tokenize=False
    )
    assert prompt == "### Task\nSort.\n\n### Answer\n"


def test_a_killed_training_goes_on_from_its_checkpoint_to_the_same_end(base: Path, tmp_path: Path) -> None:
    import pickle

    whole = train(base, tmp_path / "whole", num_examples=16)
    assert whole.num_holdout == 2
    pickled = tmp_path / "run.pickle"
    pickled.write_bytes(pickle.dumps((make_examples(16), make_settings())))
    checkpoints = tmp_path / "killed" / "checkpoints"
    arguments = [base, tmp_path / "killed" / "aligned", checkpoints, pickled]
    process = subprocess.Popen([sys.executable, "-c", SLOW_STEPS, *map(str, arguments)])
    deadline = time.monotonic() + 450  # it takes seconds, but the machine may be busy
    while not (checkpoints / "checkpoint-4" / "trainer_state.json").exists():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, "the training never reached its second checkpoint"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "aligned").exists()

    resumed = train(base, tmp_path / "killed", num_examples=16)
    assert resumed.resumed_from_step >= 2
    assert resumed.num_steps == whole.num_steps == 14  # two of the pairs are held out
    assert resumed.curve == whole.curve
    assert resumed.scores == whole.scores
    assert resumed.kept == whole.kept
    weights = [(tmp_path / run / "aligned" / "model.safetensors").read_bytes() for run in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_a_half_written_checkpoint_is_removed_and_the_one_before_it_used(tmp_path: Path) -> None:
    for step, state in ((2, '{"global_step": 2}'), (4, '{"global_step": 4'), (10, "")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    assert not (tmp_path / "checkpoint-10").exists()
    assert last_whole_checkpoint(tmp_path / "nowhere") is None


def test_checkpoints_belong_to_one_model_data_set_setting_and_seed(base: Path, tmp_path: Path) -> None:
    card, pairs, settings = read_card(base), make_examples(3), make_settings()
    first = checkpoint_folder(tmp_path, card, pairs, settings, 1)
    assert first == checkpoint_folder(tmp_path, card, list(pairs), make_settings(), 1)
    assert first == checkpoint_folder(tmp_path, card, pairs, make_settings(seed=1), 1)
    others = [
        checkpoint_folder(tmp_path, card, pairs[:2], settings, 1),
        checkpoint_folder(tmp_path, card, pairs, make_settings(learning_rate=2e-3), 1),
        checkpoint_folder(tmp_path, card, pairs, settings, 2),
    ]
    assert len({first, *others}) == 4


def test_memory_and_storage_settings_find_the_same_checkpoints(base: Path, tmp_path: Path) -> None:
    card, pairs = read_card(base), make_examples(3)
    first = checkpoint_folder(tmp_path, card, pairs, make_settings(method="lora"), 1)
    for same in (
        {"micro_batch_size": 2, "gradient_checkpointing": True, "save_steps": 7, "min_examples": 1},
        {"save_dtype": "bfloat16", "eval_steps": 3},
        {"learning_rate": None},  # the method's own rate
        {"max_grad_norm": 1},
    ):
        changed = make_settings(**{"method": "lora", "learning_rate": 1e-4, **same})
        assert checkpoint_folder(tmp_path, card, pairs, changed, 1) == checkpoint_folder(
            tmp_path, card, pairs, make_settings(method="lora", learning_rate=1e-4), 1
        )
    for other in ({"holdout_share": 0.2}, {"max_grad_norm": None}, {"batch_size": 3}, {"learning_rate": 2e-4}):
        assert checkpoint_folder(tmp_path, card, pairs, make_settings(method="lora", **other), 1) != first


def test_a_training_that_ran_out_of_memory_resumes_with_a_smaller_micro_batch(base: Path, tmp_path: Path) -> None:
    def stop_at_step_five(model: Any, tokenizer: Any) -> float:
        stopped.append(len(stopped))
        if len(stopped) == 6:
            raise InputError("stopped")
        return -float(len(stopped))

    stopped: list[int] = []
    settings = {"num_examples": 16, "eval_steps": 1, "batch_size": 4}
    scorer = Scorer(name="countdown", score=stop_at_step_five)
    with pytest.raises(InputError, match="stopped"):
        train(base, tmp_path, scorer=scorer, micro_batch_size=4, **settings)
    resumed = train(
        base, tmp_path, scorer=scorer, micro_batch_size=2, gradient_checkpointing=True, save_steps=1, **settings
    )
    assert resumed.resumed_from_step == 4
    whole = train(base, tmp_path / "whole", micro_batch_size=1, **settings)
    assert [point.loss for point in resumed.curve] == pytest.approx([p.loss for p in whole.curve], rel=5e-3)


def test_several_visible_gpus_do_not_multiply_the_batch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from trl.trainer.sft_config import SFTConfig

    config = SFTConfig(output_dir=str(tmp_path), per_device_train_batch_size=16, use_cpu=True)
    assert config.n_gpu <= 1  # asks for the device, which decides the number
    config._n_gpu = 8
    assert config.train_batch_size == 128
    use_one_gpu(config)
    assert config.train_batch_size == 16
    assert [record.message for record in caplog.records] == [
        "8 GPUs are visible; training uses the first one, because more would multiply finetune_model.batch_size"
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_examples": 9}, r"8 usable training pairs \(of 8\) are fewer than finetune_model.min_examples = 9"),
        ({"max_length": 60}, r"usable training pairs \(of 8; \d too_long\) are fewer"),
        ({"max_length": 4096}, "over the 512 tokens"),
        ({"learning_rate": 1e-60, "epochs": 0.5}, "changed no weight"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_the_earlier_model(
    base: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "aligned").mkdir()
    (tmp_path / "aligned" / "earlier").touch()
    with pytest.raises(InputError, match=message) as caught:
        train(base, tmp_path, **{"min_examples": 8, **changes})
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path.name != "checkpoints"] == ["aligned"]
    assert (tmp_path / "aligned" / "earlier").exists()


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    broken = make_model_folder(tmp_path / "base")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"] = torch.full_like(weights["model.norm.weight"], float("nan"))
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="diverged"):
        train(broken, tmp_path)
