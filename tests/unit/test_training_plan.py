"""Which rows each optimizer step reads, the learning rate of each step, and which pairs are held out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import make_example

from selfcodealign.records import Example
from selfcodealign.training import TokenRow
from selfcodealign.training.holdout import split_holdout
from selfcodealign.training.plan import (
    evaluation_steps,
    micro_batches,
    plan_steps,
    rate_factor,
    steps_per_epoch,
    warmup_steps,
)

ROWS = st.integers(1, 200)
BATCHES = st.integers(1, 40)
SCHEDULERS = ("linear", "cosine", "constant")


def test_no_step_follows_a_remainder_of_a_single_pair() -> None:
    assert [len(step) for step in plan_steps(13, 4, 2.0, seed=1)] == [3, 3, 3, 4] * 2


@given(ROWS, BATCHES, st.integers(1, 3))
def test_every_epoch_reads_every_row_once_in_steps_of_nearly_one_size(rows: int, batch: int, epochs: int) -> None:
    steps = plan_steps(rows, batch, float(epochs), seed=3)
    per_epoch = steps_per_epoch(rows, batch)
    assert len(steps) == per_epoch * epochs
    for epoch in range(epochs):
        of_epoch = steps[epoch * per_epoch : (epoch + 1) * per_epoch]
        assert sorted(row for step in of_epoch for row in step) == list(range(rows))
        sizes = [len(step) for step in of_epoch]
        assert max(sizes) <= batch
        assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(1, 500), min_size=1, max_size=40), st.integers(1, 9))
def test_forward_passes_have_every_row_once_and_little_padding(lengths: list[int], size: int) -> None:
    groups = micro_batches(lengths, size)
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) <= size
        assert max(lengths[row] for row in group) <= 1.25 * min(lengths[row] for row in group)


def test_rows_of_one_length_fill_their_forward_passes() -> None:
    assert [len(group) for group in micro_batches([7] * 10, 4)] == [4, 4, 2]


def test_a_fraction_of_an_epoch_ends_at_a_whole_step() -> None:
    assert plan_steps(8, 2, 0.5, seed=1) == plan_steps(8, 2, 1.0, seed=1)[:2]
    assert len(plan_steps(8, 8, 0.1, seed=1)) == 1


def test_the_order_differs_by_epoch_and_by_seed() -> None:
    steps = plan_steps(50, 50, 2.0, seed=1)
    assert steps[0] != steps[1]
    assert steps[0] != plan_steps(50, 50, 1.0, seed=2)[0]


@pytest.mark.parametrize(
    ("num_steps", "share", "expected"), [(8, 0.05, 1), (8, 0.0, 0), (1, 0.05, 0), (200, 0.05, 10), (4, 1.0, 3)]
)
def test_the_warm_up_has_at_least_a_step(num_steps: int, share: float, expected: int) -> None:
    assert warmup_steps(num_steps, share) == expected


@given(st.integers(1, 100), st.floats(0.0, 1.0), st.sampled_from(SCHEDULERS))
def test_the_rate_rises_to_its_peak_falls_and_is_never_zero(num_steps: int, share: float, scheduler: str) -> None:
    warmup = warmup_steps(num_steps, share)
    rates = [
        rate_factor(step, num_steps=num_steps, num_warmup=warmup, scheduler=scheduler)  # type: ignore[arg-type]
        for step in range(num_steps)
    ]
    assert rates[warmup] == 1.0
    assert rates[: warmup + 1] == sorted(rates[: warmup + 1])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert min(rates) > 0.0


@pytest.mark.parametrize("scheduler", ["linear", "cosine"])
def test_without_a_warm_up_the_rates_are_those_of_transformers(scheduler: str) -> None:
    import torch
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_scheduler(scheduler, optimizer, num_warmup_steps=0, num_training_steps=7)
    for step in range(7):
        ours = rate_factor(step, num_steps=7, num_warmup=0, scheduler=scheduler)  # type: ignore[arg-type]
        assert ours == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_the_model_is_scored_after_each_epoch_and_after_the_last_step() -> None:
    assert evaluation_steps(8, 4, None) == {4, 8}
    assert evaluation_steps(6, 4, None) == {4, 6}
    assert evaluation_steps(8, 4, 3) == {3, 6, 8}


def pairs(count: int, answers: int = 1) -> tuple[list[TokenRow], list[Example]]:
    examples = [make_example(f"Task {task}.", f"Answer {n}.") for task in range(count) for n in range(answers)]
    return [TokenRow(example.id, [1, 2], [-100, 2]) for example in examples], examples


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(9, 0.1, 0), (10, 0.1, 1), (10, 0.01, 1), (40, 0.1, 4), (40, 0.0, 0)]
)
def test_a_share_of_the_pairs_is_held_out_and_none_is_lost(count: int, share: float, expected: int) -> None:
    rows, examples = pairs(count)
    train, held_out = split_holdout(rows, examples, share, seed=1)
    assert len(held_out) == expected
    assert sorted(row.id for row in train + held_out) == sorted(row.id for row in rows)


def test_what_is_held_out_depends_on_seed_and_ids_and_not_on_the_order() -> None:
    rows, examples = pairs(40)
    drawn = {row.id for row in split_holdout(rows, examples, 0.2, seed=1)[1]}
    shuffled = random.Random(0).sample(rows, len(rows))
    assert {row.id for row in split_holdout(shuffled, examples, 0.2, seed=1)[1]} == drawn
    assert {row.id for row in split_holdout(rows, examples, 0.2, seed=2)[1]} != drawn


def test_the_answers_to_a_task_are_on_the_same_side() -> None:
    rows, examples = pairs(10, answers=3)
    task_of = {example.id: example.instruction_id for example in examples}
    train, held_out = split_holdout(rows, examples, 0.2, seed=1)
    assert len(held_out) == 6
    assert not {task_of[row.id] for row in train} & {task_of[row.id] for row in held_out}
