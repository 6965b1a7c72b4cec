"""The training benchmark: both systems do the same training, and its figures are what they say."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_examples, make_model_folder, make_preferences

from benchmarks.training.breakdown import BACKWARD, HEAD, LAYERS, PARTS, REST, UPDATE, break_down, mean_parts
from benchmarks.training.comparison import Comparison, to_comparison, turns
from benchmarks.training.flops import ModelSize, model_size, peak_flops, step_flops
from benchmarks.training.held_loss import answer_log_probs, held_loss
from benchmarks.training.job import Job, load_tokenizer, make_job, make_settings
from benchmarks.training.systems import OURS, PEER, Measured, train
from benchmarks.training.tables import show_breakdowns, show_comparison
from benchmarks.training.workload import Tokens, count_tokens, made_pairs
from selfcodealign.errors import InputError
from selfcodealign.records import Example, Preference, write_rows
from selfcodealign.training.trainer import Precision, choose_precision, load_model

NUM_ROWS, NUM_STEPS, NUM_HELD = 12, 3, 3
KEYS = {"vs_padded_trainer", "tokens_per_second", "share_of_peak", "loss_difference"}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pairs")
    write_rows(folder / "examples.parquet", make_examples(NUM_ROWS + NUM_HELD), Example)
    write_rows(folder / "preferences.parquet", make_preferences(NUM_ROWS + NUM_HELD), Preference)
    return {"sft": folder / "examples.parquet", "dpo": folder / "preferences.parquet"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch) -> Iterator[None]:
    """Undo what a system sets in its process, and use one thread: more only wait for each other on a tiny model."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield
    torch.set_num_threads(num_threads)


def job_of(model: Path, pairs: Path, objective: str = "sft", method: str = "full", **changes: Any) -> Job:
    settings = make_settings(
        objective,
        method,
        optimizer="adafactor",
        num_rows=NUM_ROWS,
        num_steps=NUM_STEPS,
        micro_batch_size=2,
        max_length=300,
    )
    settings = settings.model_copy(update={"learning_rate": 1e-2})  # the loss moves within three steps
    return make_job(model, pairs, settings, num_rows=NUM_ROWS, num_held=NUM_HELD, seed=0, padding="longest", **changes)


@pytest.mark.parametrize(("objective", "method"), [("sft", "full"), ("sft", "lora"), ("dpo", "lora")])
def test_both_systems_do_the_same_training(model, pairs, objective, method) -> None:
    job = job_of(model, pairs[objective], objective, method)
    runs = {name: train(name, job) for name in (OURS, PEER)}
    ours, peer = runs[OURS], runs[PEER]
    assert len(ours.seconds) == len(peer.seconds) == NUM_STEPS
    assert ours.size == peer.size
    assert ours.num_tokens == peer.num_tokens == count_tokens(job.rows).all
    assert peer.num_positions >= ours.num_positions > ours.num_tokens
    assert ours.loss_before == pytest.approx(peer.loss_before, rel=1e-6)
    assert ours.loss_after == pytest.approx(peer.loss_after, rel=0.01)
    assert abs(ours.loss_after - ours.loss_before) > 0.02 * ours.loss_before
    if objective == "sft":  # TRL averages the likelihood term over each forward pass
        assert ours.losses == pytest.approx(peer.losses, rel=0.01)


def test_the_peer_can_pad_to_the_greatest_length(model, pairs) -> None:
    job = dataclasses.replace(job_of(model, pairs["sft"]), padding="max_length")
    assert train(PEER, job).num_positions == NUM_ROWS * 300


def test_held_out_loss_is_that_of_the_stage(model, pairs, tmp_path) -> None:
    from selfcodealign.training.objectives import OBJECTIVES

    job = job_of(model, pairs["sft"])
    precision = choose_precision("full")
    network = load_model(model, job.settings, precision)
    trainer = OBJECTIVES["sft"].build_trainer(
        network, load_tokenizer(model), job.rows, job.settings, precision=precision, seed=0, folder=tmp_path
    )
    network.eval()
    log_probs = answer_log_probs(network, job.held)
    expected = OBJECTIVES["sft"].holdout_loss(trainer, job.held)()
    assert held_loss(job.held, log_probs, log_probs, job.settings) == pytest.approx(expected, rel=1e-5)


def test_a_step_costs_six_operations_per_trained_weight_and_token_and_four_per_frozen_one() -> None:
    tokens = Tokens(100, 30)
    assert step_flops(ModelSize(0, 1000, 500, head_is_trained=True), tokens) == 6 * 1000 * 100 + 6 * 500 * 30
    assert step_flops(ModelSize(1000, 10, 500, head_is_trained=False), tokens) == 4060 * 100 + 4 * 500 * 30


def test_the_size_of_a_model_leaves_out_embedding_lookups_and_norms(model, pairs) -> None:
    layers = 2 * (4 * 32 * 32 + 3 * 32 * 64)
    network = load_model(model, job_of(model, pairs["sft"]).settings, choose_precision("full"))
    assert model_size(network) == ModelSize(0, layers, network.config.vocab_size * 32, head_is_trained=True)


def test_made_pairs_are_the_same_every_time_and_of_mixed_lengths() -> None:
    assert made_pairs("sft", 20, seed=3) == made_pairs("sft", 20, seed=3)
    assert made_pairs("sft", 20, seed=3) != made_pairs("sft", 20, seed=4)
    lengths = [len(pair.response) for pair in made_pairs("sft", 20, seed=3)]
    assert max(lengths) > 2 * min(lengths)
    assert all(pair.chosen != pair.rejected for pair in made_pairs("dpo", 20, seed=3))


def test_rows_are_the_same_every_time_and_none_is_trained_on_and_held_out(model, pairs) -> None:
    job = job_of(model, pairs["sft"])
    assert job == job_of(model, pairs["sft"])
    assert job.num_real == NUM_ROWS + NUM_HELD
    assert not {row.id for row in job.rows} & {row.id for row in job.held}
    assert sorted(row for step in job.plan for row in step) == list(range(NUM_ROWS))


def test_missing_pairs_are_made(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = make_settings(
        "sft", "full", optimizer="adafactor", num_rows=4, num_steps=2, micro_batch_size=4, max_length=3000
    )
    base = make_model_folder(tmp_path / "base")
    job = make_job(base, None, settings, num_rows=4, num_held=2, seed=0, padding="longest")
    assert (len(job.rows), len(job.held), job.num_real) == (4, 2, 0)


@pytest.mark.parametrize(
    ("rows", "steps", "micro", "message"),
    [
        (12, 1, 2, "--steps 1"),
        (12, 5, 2, "--rows 12 is not a multiple of --steps 5"),
        (12, 2, 4, "a step has 6 rows .* --micro 4 does not divide"),
    ],
)
def test_rows_that_cannot_be_split_evenly_are_refused(rows, steps, micro, message) -> None:
    with pytest.raises(InputError, match=message):
        make_settings(
            "sft",
            "full",
            optimizer="adafactor",
            num_rows=rows,
            num_steps=steps,
            micro_batch_size=micro,
            max_length=300,
        )


def test_an_objective_without_a_peer_is_refused(model, pairs) -> None:
    settings = make_settings(
        "sft", "full", optimizer="adafactor", num_rows=4, num_steps=2, micro_batch_size=2, max_length=300
    ).model_copy(update={"objective": "grpo"})
    with pytest.raises(InputError, match="has no peer here"):
        make_job(model, pairs["sft"], settings, num_rows=4, num_held=2, seed=0, padding="longest")


def test_a_folder_without_a_model_is_refused(pairs, tmp_path) -> None:
    with pytest.raises(InputError, match="has no model"):
        job_of(tmp_path, pairs["sft"])


def comparison(job: Job) -> Comparison:
    run = Measured(
        name=OURS,
        seconds=[9.0, 1.0, 2.0],
        losses=[1.0, 0.9, 0.8],
        loss_before=1.0,
        loss_after=0.8,
        num_tokens=90,
        num_positions=100,
        size=ModelSize(0, 1000, 10, head_is_trained=True),
        peak_mib=100.0,
    )
    peer = dataclasses.replace(run, name=PEER, seconds=[90.0, 3.0, 4.0], loss_after=0.808)
    rounds = {OURS: [run, run], PEER: [peer, peer]}
    return to_comparison(job, Precision("cpu", "float32", is_autocast=False), rounds, peak=1e9)


def test_the_figures_leave_out_the_warm_up(model, pairs) -> None:
    found = comparison(job_of(model, pairs["sft"]))
    keys = found.as_keys()
    counted = Tokens(*(sum(getattr(step, kind) for step in found.step_tokens[1:]) for kind in ("all", "supervised")))
    assert keys.keys() >= KEYS
    assert keys["vs_padded_trainer"] == 2.33  # (3 + 4) / (1 + 2)
    assert keys["vs_interval_95"] == [2.0, 3.0]
    assert keys["tokens_per_second"] == round(counted.all / 3)
    assert keys["loss_difference"] == pytest.approx(0.0099, abs=1e-4)
    assert keys["padding_share"] == 0.1
    assert found.share_of_peak(OURS) == pytest.approx(step_flops(found.size, counted) / 3 / 1e9)
    show_comparison(found)


def test_systems_that_train_different_weights_are_not_compared(model, pairs) -> None:
    found = comparison(job_of(model, pairs["sft"]))
    other = dataclasses.replace(found.rounds[PEER][0], size=ModelSize(1000, 10, 10, head_is_trained=False))
    with pytest.raises(InputError, match="do not train the same weights"):
        to_comparison(found.job, found.precision, {OURS: found.rounds[OURS], PEER: [other]}, peak=1e9)


def test_systems_take_turns() -> None:
    assert list(turns(3)) == [OURS, PEER, PEER, OURS, OURS, PEER]


def test_the_peak_is_measured(monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.training.flops.SHAPES", ((64, 64, 64),))
    monkeypatch.setattr("benchmarks.training.flops.MIN_S", 0.0)
    assert peak_flops("float32", "cpu") > 1e6


@pytest.mark.parametrize("name", [OURS, PEER])
def test_the_parts_of_a_step_are_timed(model, pairs, name) -> None:
    job = job_of(model, pairs["sft"], method="lora")
    found = break_down(name, job, 5)
    assert found.parts.keys() == PARTS.keys()
    assert all(found.parts[part] > 0 for part in (LAYERS, HEAD, BACKWARD, UPDATE, REST))
    assert len(found.operators) == 5
    assert found.operators[0].seconds >= found.operators[-1].seconds >= 0
    show_breakdowns(job, [found])


def test_the_parts_add_up_to_the_step() -> None:
    parts = mean_parts([{LAYERS: 1.0, HEAD: 1.5, BACKWARD: 2.0}, {LAYERS: 1.0, HEAD: 1.5, BACKWARD: 4.0}], [5.0, 7.0])
    assert (parts[LAYERS], parts[HEAD], parts[BACKWARD], parts[REST]) == (1.0, 0.5, 3.0, 1.5)
    assert sum(parts.values()) == pytest.approx(6.0)
