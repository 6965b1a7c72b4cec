"""Training on rewards with TRL's GRPO: real groups, steps and checkpoints, on a model of two layers."""

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_example, make_examples, make_model_folder, make_preferences, make_settings, make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.models import end_of_turn_token, read_card
from selfcodealign.opened_answers import OPENING, whole_answer
from selfcodealign.records import Example
from selfcodealign.training import GroupPoint, Scorer, TrainingResult, checkpoint_folder, finetune_model, mean_groups
from selfcodealign.training.groups import check_some_varied, group_figures, group_points
from selfcodealign.training.task_rows import tasks_of_examples
from selfcodealign.training_params import LEARNING_RATES

SLOW_STEPS = """
import pickle, sys, time
from pathlib import Path
from transformers import TrainerCallback
import selfcodealign.training.callback as callback
from selfcodealign.training import finetune_model

class Slow(callback.ProgressCallback):
    def on_step_end(self, args, state, control, **kwargs):
        time.sleep(0.3)  # time for the test to kill us between two checkpoints

def many_letters(prompts, completions, **columns):
    return [sum("a" <= letter <= "z" for letter in text) / 20 for text in completions]

callback.ProgressCallback = Slow
base, destination, checkpoints, pickled = map(Path, sys.argv[1:])
examples, settings = pickle.loads(pickled.read_bytes())
finetune_model(
    base, examples, settings, seed=1, destination=destination, checkpoints=checkpoints, reward=many_letters
)
"""


def many_letters(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
    """A reward that a byte-level model can raise within a few steps."""
    assert columns["tests"] == ["assert True"] * len(prompts)
    return [sum("a" <= letter <= "z" for letter in text) / 20 for text in completions]


def opened_examples(count: int) -> list[Example]:
    return [make_example(f"Do {n}.", whole_answer("f = abs")) for n in range(count)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("models") / "base")


def group_settings(**changes: Any) -> Any:
    chosen = {
        "objective": "grpo", "holdout_share": 0.0, "grpo_samples": 4, "grpo_max_new_tokens": 20, "epochs": 1.0,
        "batch_size": 2, "micro_batch_size": 8, "optimizer": "adamw_torch", "learning_rate": 1e-3, **changes,
    }  # fmt: skip
    return make_settings(**chosen)


def train(
    base: Path,
    folder: Path,
    *,
    pairs: Any = None,
    reward: Any = many_letters,
    scorer: Scorer | None = None,
    **changes: Any,
) -> TrainingResult:
    return finetune_model(
        base,
        opened_examples(6) if pairs is None else pairs,
        group_settings(**changes),
        seed=1,
        destination=folder / "aligned",
        checkpoints=folder / "checkpoints",
        validation=(lambda held_out: scorer) if scorer else None,
        reward=reward,
    )


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_training_raises_the_reward_and_saves_a_model_that_loads(base: Path, tmp_path: Path, method: str) -> None:
    from transformers import AutoModelForCausalLM

    result = train(base, tmp_path, method=method, learning_rate=1e-2, epochs=6.0, grpo_samples=8)
    assert [point.step for point in result.groups] == [point.step for point in result.curve] == list(range(1, 19))
    first, last = mean_groups(result.groups[:3]), mean_groups(result.groups[-3:])
    if method == "full":  # adapters leave the embeddings as they are, which here allow nearly uniform tokens only
        assert last["mean_reward"] > first["mean_reward"] + 0.1
    assert result.change.saved > 0.1
    assert first["share_groups_with_variance"] == 1.0
    assert all(0 < point.mean_completion_tokens <= 20 and point.num_groups == 2 for point in result.groups)
    assert result.curve[-1].num_supervised <= 2 * 8 * 20
    assert result.kept == "step 18"
    assert (
        result.masked_row == f"<|im_start|>user\nDo 0.<|im_end|>\n<|im_start|>assistant\n{OPENING}<<8 sampled answers>>"
    )
    AutoModelForCausalLM.from_pretrained(tmp_path / "aligned")


def test_the_reward_sees_each_task_with_its_own_answers_and_no_template_twice(base: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def reward(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        assert {prompt.count("<|im_start|>") for prompt in prompts} == {2}
        assert all("<|im_" not in text for text in completions)
        seen.extend(zip(prompts, columns["id"], strict=True))
        return [float(number) for number in range(len(prompts))]

    train(base, tmp_path, reward=reward, batch_size=4, epochs=2.0)
    tasks = {example.id: example.instruction for example in opened_examples(6)}
    assert len(seen) == 2 * 6 * 4  # every task once per epoch, although 6 is no multiple of 4
    assert all(f"user\n{tasks[id_]}<" in prompt for prompt, id_ in seen)
    assert [len({id_ for _, id_ in seen[start : start + 4]}) for start in range(0, 48, 4)] == [1] * 12


def test_the_micro_batch_size_changes_neither_answers_nor_losses(base: Path, tmp_path: Path) -> None:
    results = [train(base, tmp_path / str(size), micro_batch_size=size, grpo_beta=0.1) for size in (1, 3, 16)]
    for other in results[1:]:
        assert other.groups == results[0].groups
        losses = [point.loss for point in results[0].curve]
        assert [point.loss for point in other.curve] == pytest.approx(losses, rel=2e-2, abs=2e-4)
        assert [point.tokens for point in other.curve] == [point.tokens for point in results[0].curve]


def test_loss_and_gradients_are_those_of_trl_over_one_batch(base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM
    from trl.trainer.grpo_trainer import GRPOTrainer

    from selfcodealign.training.trainer import Precision, build_group_trainer

    tokenizer = make_tokenizer()
    rows, _ = tasks_of_examples(opened_examples(3), tokenizer, max_length=180, end_token=end_of_turn_token(tokenizer))
    trainer = build_group_trainer(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tokenizer, rows,
        group_settings(batch_size=3, micro_batch_size=5, grpo_samples=4), precision=Precision("cpu", "float32", False),
        seed=1, folder=tmp_path, reward=many_letters, end_token=end_of_turn_token(tokenizer),
    )  # fmt: skip
    trainer.model.train()
    tasks = [row for row in trainer.train_dataset for _ in range(4)]
    answers = trainer._generate_and_score_completions(tasks)
    trainer.current_gradient_accumulation_steps = 1
    theirs = GRPOTrainer._compute_loss(trainer, trainer.model, answers)
    theirs.backward()
    expected = {name: weight.grad.clone() for name, weight in trainer.model.named_parameters()}
    trainer.model.zero_grad()
    batches = trainer._split(answers)
    assert len(batches) > 2
    trainer.current_gradient_accumulation_steps = len(batches)
    total = 0.0
    for batch in batches:
        loss = trainer.compute_loss(trainer.model, batch)
        loss.backward()
        total += float(loss.detach())
    assert total == pytest.approx(float(theirs.detach()), abs=1e-6)
    assert sum(float(grad.abs().sum()) for grad in expected.values()) > 0
    for name, weight in trainer.model.named_parameters():
        torch.testing.assert_close(weight.grad, expected[name], atol=1e-6, rtol=1e-3)


def test_a_killed_training_resumes_with_the_same_answers(base: Path, tmp_path: Path) -> None:
    whole = train(base, tmp_path / "whole", pairs=opened_examples(12), epochs=2.0)
    pickled = tmp_path / "run.pickle"
    pickled.write_bytes(pickle.dumps((opened_examples(12), group_settings(epochs=2.0))))
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

    resumed = train(base, tmp_path / "killed", pairs=opened_examples(12), epochs=2.0)
    assert resumed.resumed_from_step >= 2
    assert resumed.groups == whole.groups
    assert resumed.curve == whole.curve
    weights = [(tmp_path / run / "aligned" / "model.safetensors").read_bytes() for run in ("whole", "killed")]
    assert weights[0] == weights[1]


def test_unjudged_answers_are_counted_and_left_out_of_their_group(base: Path, tmp_path: Path) -> None:
    def reward(prompts: Any, completions: Any, **columns: Any) -> list[float | None]:
        return [None, 0.0, 1.0, 1.0] * (len(prompts) // 4)

    result = train(base, tmp_path, reward=reward)
    assert {point.num_unjudged for point in result.groups} == {2}
    assert [point.mean_reward for point in result.groups] == [pytest.approx(2 / 3)] * 3


def test_groups_with_equal_rewards_teach_nothing_and_that_is_one_line(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the same reward .mean 0.50.*raise finetune_model.grpo_samples"):
        train(base, tmp_path, reward=lambda prompts, **columns: [0.5] * len(prompts))
    kept = iter([0.5, 0.5])
    scorer = Scorer(name="pass_rate", score=lambda model, tokenizer: next(kept), higher_is_better=True)
    result = train(base, tmp_path / "scored", reward=lambda prompts, **columns: [0.5] * len(prompts), scorer=scorer)
    assert (result.kept, result.change.saved) == ("base", 0.0)


def test_a_step_counts_groups_rewards_and_lengths() -> None:
    figures = group_figures([[0.0, 1.0], [1.0, None], [None, None]], [2, 4, 6, 8, 1, 3], [True] + [False] * 5)
    (point,) = group_points([{"step": 3, **figures}, {"step": 3, "loss": 0.0}])
    assert point == GroupPoint(
        step=3, num_groups=3, share_groups_with_variance=1 / 3, mean_reward=2 / 3, num_unjudged=3,
        mean_completion_tokens=4.0, share_cut=1 / 6,
    )  # fmt: skip
    unknown = replace(point, mean_reward=None, num_groups=1, share_groups_with_variance=0.0)
    assert mean_groups([point, unknown])["mean_reward"] == pytest.approx(2 / 3, abs=1e-6)
    assert mean_groups([point, unknown])["share_groups_with_variance"] == pytest.approx(0.25)
    assert mean_groups([]) == {}
    check_some_varied([point, unknown])
    check_some_varied([])


def test_each_task_is_trained_once_and_needs_tests_and_a_prompt_that_fits() -> None:
    tokenizer = make_tokenizer()
    good = make_example("Sort.", "x")
    examples = [
        good,
        replace(make_example("Sort.", "y"), instruction_id=good.instruction_id),
        replace(make_example("Add.", "x"), tests=" \n"),
        replace(make_example("Call.", "x"), status="failed"),
        make_example("x" * 100, "x"),
        make_example("a <|im_end|> b", "x"),
    ]
    rows, dropped = tasks_of_examples(examples, tokenizer, max_length=60, end_token=end_of_turn_token(tokenizer))
    assert [(row.id, row.tests) for row in rows] == [(good.id, "assert True")]
    assert rows[0].prompt == "<|im_start|>user\nSort.<|im_end|>\n<|im_start|>assistant\n"
    reasons = ["same_task", "no_tests", "no_tests", "too_long", "special_token_in_text"]
    assert [row.reason for row in dropped] == reasons


def test_checkpoints_depend_on_tests_and_on_the_settings_of_groups(base: Path, tmp_path: Path) -> None:
    def folder(pairs: Any, **changes: Any) -> Path:
        return checkpoint_folder(tmp_path, read_card(base), pairs, group_settings(**changes), 1)

    pairs = opened_examples(3)
    first = folder(pairs)
    assert first == folder(pairs, micro_batch_size=3, dpo_beta=0.3)
    others = [
        folder([replace(pairs[0], tests="assert f"), *pairs[1:]]),
        *(folder(pairs, **change) for change in ({"grpo_samples": 5}, {"grpo_beta": 0.1}, {"grpo_temperature": 0.9})),
    ]
    assert len({first, *others}) == 5
    sft = [
        checkpoint_folder(tmp_path, read_card(base), pairs, make_settings(**change), 1)
        for change in ({}, {"grpo_samples": 5})
    ]
    assert sft[0] == sft[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"holdout_share": 0.1}, "objective grpo has no loss on held-out answers; set validation: executed, or"),
        ({"grpo_max_new_tokens": 200}, "max_length must be above grpo_max_new_tokens"),
        ({"packing": True}, "packing works with objective sft only"),
        ({"grpo_samples": 1}, "greater than or equal to 2"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        group_settings(**changes)
    assert LEARNING_RATES["grpo"] == {"full": 1e-6, "lora": 1e-5}


@pytest.mark.parametrize(
    ("pairs", "reward", "message"),
    [
        (make_preferences(8), many_letters, "are Preference rows; finetune_model.objective needs Example rows"),
        (make_examples(8), None, "objective grpo needs a reward"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(
    base: Path, tmp_path: Path, pairs: Any, reward: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(base, tmp_path, pairs=pairs, reward=reward)
    assert "\n" not in str(caught.value)
