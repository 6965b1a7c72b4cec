"""The fine-tuning stage as people run it, on the packaged 135M model."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfcodealign.models import import_model
from selfcodealign.opened_answers import whole_answer
from selfcodealign.params import ImportModel
from selfcodealign.records import Dropped, Example, Preference, read_rows, write_rows

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from tiny_models import (  # noqa: E402 - beside the unit tests
    make_example,
    make_examples,
    make_model_folder,
    make_preferences,
    make_settings,
)


def run_stage(folder: Path, base: Path, **changes: Any) -> "subprocess.CompletedProcess[str]":
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    section = make_settings(**changes).model_dump()
    (folder / "params.yaml").write_text(yaml.safe_dump({**params, "finetune_model": section}))
    options = {
        "params": "params.yaml",
        "base": base,
        "examples": "examples.parquet",
        "preferences": "preferences.parquet",
        "out": "aligned",
        "data": "data",
        "metrics": "metrics.json",
        "cache": "cache",
    }
    command = [sys.executable, "-m", "stages.finetune_model"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=500, check=False)


def check_outputs(folder: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    with (folder / "data" / "loss.csv").open(newline="") as file:
        curve = list(csv.DictReader(file))
    assert list(curve[0]) == ["step", "epoch", "loss", "learning_rate", "tokens", "num_supervised"]
    assert len(curve) == metrics["num_steps"]
    assert len(metrics["train_loss"]) == float(curve[-1]["epoch"])
    with (folder / "data" / "scores.csv").open(newline="") as file:
        scores = [float(row["score"]) for row in csv.DictReader(file)]
    assert scores[:1] + scores[-1:] == [metrics[key] for key in ("score_base", "score_last") if scores]
    assert "<<" in (folder / "data" / "masked_row.txt").read_text()
    dropped = read_rows(folder / "data" / "dropped.parquet", Dropped)
    assert len(dropped) == sum(metrics["dropped"].values())
    assert not list((folder / "cache" / "checkpoints").iterdir())  # nothing to resume from: the stage is done
    return metrics


def test_the_stage_writes_model_curve_masked_row_drops_and_metrics(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "examples.parquet", [*make_examples(5), make_example("long", "x" * 300)], Example)
    done = run_stage(tmp_path, base)
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["rows_in"], metrics["rows_out"], metrics["dropped"]["too_long"]) == (6, 5, 1)
    assert "Loading weights" not in done.stderr
    assert done.stdout == ""


def test_the_stage_says_which_weights_it_kept(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "examples.parquet", make_examples(12), Example)
    done = run_stage(tmp_path, base)
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["rows_out"], metrics["num_train"], metrics["num_holdout"]) == (12, 11, 1)
    assert (metrics["kept"], metrics["score"]) == ("step 12", "holdout_loss")
    assert metrics["score_kept"] == metrics["score_last"] < metrics["score_base"]
    assert "finetune_model: kept step 12 of 12: holdout_loss" in done.stderr

    done = run_stage(tmp_path, base, learning_rate=10.0)
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["kept"], metrics["share_weights_changed"]) == ("base", 0.0)
    assert "finetune_model: kept the base model: holdout_loss" in done.stderr


def test_too_few_pairs_are_one_line_and_exit_code_1(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "examples.parquet", make_examples(3), Example)
    done = run_stage(tmp_path, base, min_examples=8)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("finetune_model: ")]
    assert done.returncode == 1
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: 3 usable training pairs (of 3) are fewer than finetune_model.min_examples = 8")


def test_the_stage_trains_on_preferences_and_reports_their_rewards(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "preferences.parquet", make_preferences(20), Preference)
    done = run_stage(tmp_path, base, objective="dpo", holdout_share=0.2, epochs=3.0, learning_rate=2e-3)
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["objective"], metrics["rows_in"], metrics["num_train"], metrics["num_holdout"]) == (
        "dpo",
        20,
        16,
        4,
    )
    assert metrics["score_kept"] < metrics["score_base"]
    with (tmp_path / "data" / "rewards.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    train = [float(row["margin"]) for row in rows if row["split"] == "train"]
    held_out = [float(row["margin"]) for row in rows if row["split"] == "holdout"]
    assert (len(train), len(held_out)) == (metrics["num_steps"], 4)
    assert abs(train[0]) < 1e-3 < train[-1]
    assert held_out[0] == 0.0
    rewards = metrics["rewards"]
    assert rewards["holdout_last"]["margin"] == pytest.approx(held_out[-1], abs=1e-6)
    assert set(rewards["train_last_epoch"]) == {"accuracy", "margin", "chosen_change", "rejected_change"}
    assert "rejected:" in (tmp_path / "data" / "masked_row.txt").read_text()


def test_no_preferences_are_one_line_with_the_fix(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "preferences.parquet", [], Preference)
    done = run_stage(tmp_path, base, objective="dpo")
    errors = [line for line in done.stderr.splitlines() if not line.startswith("finetune_model: ")]
    assert (done.returncode, len(errors)) == (1, 1), done.stderr
    assert "no preference pairs" in errors[0]
    assert "set objective: sft" in errors[0]


@pytest.mark.engine
def test_the_packaged_model_is_trained_for_two_steps_and_loads(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = ImportModel(source="packaged", name="smollm2-135m-instruct")
    import_model(settings, tmp_path / "base", ROOT / ".cache" / "models")
    write_rows(tmp_path / "examples.parquet", make_examples(4), Example)
    done = run_stage(tmp_path, tmp_path / "base", epochs=1.0, learning_rate=1e-4)
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert metrics["num_steps"] == 2
    assert 0.0 < metrics["share_weights_changed"] <= 1.0
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "aligned")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "aligned")
    assert model.dtype == torch.float32
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") in model.generation_config.eos_token_id


def alike_examples(count: int) -> list[Example]:
    """Tasks with one right answer, which a model of two layers learns by heart."""
    return [
        replace(make_example(f"Make {n}.", whole_answer("f = abs")), tests="assert f(-1) == 1\nassert f(4) == 4\n")
        for n in range(count)
    ]


@pytest.mark.sandbox
def test_executed_validation_keeps_the_weights_whose_answers_pass(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "examples.parquet", alike_examples(40), Example)
    done = run_stage(
        tmp_path, base, learning_rate=1e-2, batch_size=4, micro_batch_size=4, epochs=10.0, holdout_share=0.25,
        eval_steps=40, optimizer="adamw_torch", save_steps=100, validation="executed", validation_samples=2,
        validation_max_new_tokens=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["score"], metrics["score_base"]) == ("pass_rate", 0.0)
    assert metrics["score_counts"] == {"tasks": 10, "tasks_without_tests": 0, "samples_per_task": 2}
    assert metrics["score_kept"] > 0.5
    assert f"finetune_model: kept {metrics['kept']} of 80: pass_rate 0.0000 of the base model" in done.stderr


def test_too_few_held_out_tasks_with_tests_are_one_line(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "preferences.parquet", make_preferences(20), Preference)
    write_rows(tmp_path / "examples.parquet", make_examples(3), Example)
    done = run_stage(tmp_path, base, objective="dpo", holdout_share=0.5, validation="executed")
    errors = [line for line in done.stderr.splitlines() if not line.startswith("finetune_model: ")]
    assert (done.returncode, len(errors)) == (1, 1), done.stderr
    assert "1 held-out tasks have tests (9 more have none), fewer than 8; raise holdout_share" in errors[0]


@pytest.mark.sandbox
def test_the_stage_trains_on_rewards_of_the_sandbox(tmp_path: Path) -> None:
    base = make_model_folder(tmp_path / "base")
    write_rows(tmp_path / "examples.parquet", alike_examples(40), Example)
    learned = run_stage(
        tmp_path, base, learning_rate=1e-2, batch_size=4, micro_batch_size=4, epochs=5.0, holdout_share=0.0,
        optimizer="adamw_torch", save_steps=100,
    )  # fmt: skip
    assert learned.returncode == 0, learned.stderr
    (tmp_path / "aligned").rename(tmp_path / "start")  # it gives the right answer sometimes
    done = run_stage(
        tmp_path, tmp_path / "start", objective="grpo", learning_rate=3e-4, batch_size=8, micro_batch_size=16,
        epochs=3.0, holdout_share=0.25, optimizer="adamw_torch", save_steps=100, grpo_samples=4,
        grpo_max_new_tokens=20, validation="executed", validation_samples=2, validation_max_new_tokens=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = check_outputs(tmp_path)
    assert (metrics["objective"], metrics["score"], metrics["num_train"], metrics["num_steps"]) == (
        "grpo",
        "pass_rate",
        30,
        12,
    )
    with (tmp_path / "data" / "rewards.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, 13))
    assert any(0.0 < float(row["mean_reward"]) < 1.0 for row in rows)
    assert any(float(row["share_groups_with_variance"]) > 0.0 for row in rows)
    assert set(metrics["groups"]) == {"first_epoch", "last_epoch"}
    assert metrics["groups"]["first_epoch"]["mean_completion_tokens"] <= 20
    assert metrics["score_kept"] >= metrics["score_base"]
