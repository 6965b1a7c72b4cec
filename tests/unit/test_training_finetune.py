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
from tiny_models import make_examples, make_model_folder, make_settings

from selfcodealign.errors import InputError
from selfcodealign.models import read_card
from selfcodealign.training import TrainingResult, checkpoint_folder, finetune_model
from selfcodealign.training.checkpoints import last_whole_checkpoint

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


def train(base: Path, folder: Path, *, num_examples: int = 8, seed: int = 1, **changes: Any) -> TrainingResult:
    return finetune_model(
        base,
        make_examples(num_examples),
        make_settings(**changes),
        seed=seed,
        destination=folder / "aligned",
        checkpoints=folder / "checkpoints",
    )


def test_a_training_lowers_the_loss_and_saves_a_model_that_loads_and_differs(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = train(base, tmp_path)
    losses = [point.loss for point in result.curve]
    assert losses[-1] < losses[0]
    assert result.num_steps == 8  # 8 pairs, batch 2, 2 epochs
    assert [point.step for point in result.curve] == list(range(1, 9))
    assert result.share_weights_changed > 0.5
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "aligned")
    assert str(model.dtype) == "torch.bfloat16"
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "aligned")
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(base).chat_template
    assert model.generation_config.eos_token_id == [tokenizer.convert_tokens_to_ids("<|im_end|>")]
    card = read_card(tmp_path / "aligned")
    assert (card.source, card.name, card.prompt_form) == ("finetuned", "tiny-aligned", "chat")
    assert card.sha256 != read_card(base).sha256
    saved = json.loads((tmp_path / "aligned" / "training_settings.json").read_text())
    assert (saved["learning_rate"], saved["num_steps"], saved["end_of_turn_token"]) == (1e-3, 8, 2)


def test_the_first_step_already_learns_where_the_warm_up_is_less_than_a_step(base: Path, tmp_path: Path) -> None:
    assert train(base, tmp_path).curve[0].learning_rate == pytest.approx(1e-3)


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
    assert 0.0 < result.share_weights_changed < 1.0  # embeddings stay as they were
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
    assert resumed.num_steps == whole.num_steps == 16
    assert resumed.curve == whole.curve
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
    others = [
        checkpoint_folder(tmp_path, card, pairs[:2], settings, 1),
        checkpoint_folder(tmp_path, card, pairs, make_settings(learning_rate=2e-3), 1),
        checkpoint_folder(tmp_path, card, pairs, settings, 2),
    ]
    assert len({first, *others}) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_examples": 9}, r"8 usable training pairs \(of 8\) are fewer than finetune_model.min_examples = 9"),
        ({"max_length": 60}, r"usable training pairs \(of 8; \d too_long\) are fewer"),
        ({"batch_size": 3, "micro_batch_size": 2}, "no multiple"),
        ({"warmup_share": 1.0}, "warmup_share"),
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
