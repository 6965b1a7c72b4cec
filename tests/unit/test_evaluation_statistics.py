"""Statistics of the evaluation, against enumeration, closed forms and EvalPlus's own estimator."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.evaluation import (
    compare,
    mean_interval,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
    wilson_interval,
)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_draws_of_k_samples_that_hold_a_pass(passes: list[bool], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(passes)))
    draws = list(itertools.combinations(passes, k))
    assert pass_at_k(len(passes), sum(passes), k) == pytest.approx(sum(map(any, draws)) / len(draws))


@settings(deadline=None)
@given(st.integers(1, 200), st.data())
def test_pass_at_k_equals_the_estimator_of_evalplus(num_samples: int, data: st.DataObject) -> None:
    from evalplus.eval import estimate_pass_at_k

    num_passed = data.draw(st.integers(0, num_samples))
    k = data.draw(st.integers(1, num_samples))
    theirs = estimate_pass_at_k(num_samples, [num_passed], k)[0]
    assert pass_at_k(num_samples, num_passed, k) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("num_samples", "num_passed", "k"), [(1, 0, 2), (3, 4, 1), (3, 1, 0)])
def test_pass_at_k_of_impossible_counts_is_refused(num_samples: int, num_passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="not defined"):
        pass_at_k(num_samples, num_passed, k)


def test_mean_pass_at_k_gives_only_those_k_that_every_task_has_samples_for() -> None:
    assert mean_pass_at_k([[True] * 5 + [False] * 5, [False] * 12]) == {"pass@1": 0.25, "pass@10": 0.5}
    assert mean_pass_at_k([[True], [False] * 100]) == {"pass@1": 0.5}
    assert mean_pass_at_k([]) == {}


@settings(deadline=None)
@given(st.integers(1, 2000), st.data())
def test_wilson_interval_has_the_closed_form_and_holds_the_share(num_tasks: int, data: st.DataObject) -> None:
    num_passed = data.draw(st.integers(0, num_tasks))
    z, share = 1.959963984540054, num_passed / num_tasks
    centre = (share + z * z / (2 * num_tasks)) / (1 + z * z / num_tasks)
    half = z * math.sqrt(share * (1 - share) / num_tasks + z * z / (4 * num_tasks**2)) / (1 + z * z / num_tasks)
    low, high = wilson_interval(num_passed, num_tasks)
    assert (low, high) == (pytest.approx(centre - half, abs=1e-9), pytest.approx(centre + half, abs=1e-9))
    assert 0.0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_the_paired_test_is_the_exact_binomial_one_on_the_tasks_that_differ(pairs: list[tuple[bool, bool]]) -> None:
    base = {str(index): before for index, (before, _) in enumerate(pairs)}
    aligned = {str(index): after for index, (_, after) in enumerate(pairs)}
    found = compare(base, aligned)
    lost, gained = pairs.count((True, False)), pairs.count((False, True))
    assert (found.only_base, found.only_aligned, found.num_tasks) == (lost, gained, len(pairs))
    discordant = lost + gained
    tail = sum(math.comb(discordant, count) for count in range(min(lost, gained) + 1)) / 2**discordant
    assert found.p_value == pytest.approx(min(1.0, 2 * tail))


def test_the_paired_test_agrees_with_statsmodels() -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    base = {str(index): index < 12 for index in range(40)}
    aligned = {str(index): 9 <= index < 30 for index in range(40)}
    theirs = mcnemar([[3, 9], [18, 10]], exact=True)
    assert compare(base, aligned).p_value == pytest.approx(theirs.pvalue)


def test_results_of_different_tasks_are_not_compared() -> None:
    with pytest.raises(InputError, match="HumanEval/7"):
        compare({"HumanEval/7": True}, {})
    with pytest.raises(InputError, match="HumanEval/7"):
        paired_difference({"HumanEval/7": 1.0}, {})


def by_task(shares: list[float]) -> dict[str, float]:
    return {str(index): share for index, share in enumerate(shares)}


SHARES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 2), min_size=1, max_size=60)


@settings(deadline=None)
@given(SHARES)
def test_the_interval_of_a_difference_holds_it_and_turns_round_with_the_models(
    pairs: list[tuple[float, float]],
) -> None:
    base, aligned = (by_task(list(shares)) for shares in zip(*pairs, strict=True))
    found, reverse = paired_difference(base, aligned), paired_difference(aligned, base)
    assert found.num_tasks == len(pairs)
    assert found.value == pytest.approx(sum(aligned.values()) / len(pairs) - sum(base.values()) / len(pairs))
    assert -1.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1.0
    assert found.low < found.high
    assert (reverse.low, reverse.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert reverse.detectable == pytest.approx(found.detectable)


def test_the_interval_of_a_difference_is_that_of_agresti_and_min() -> None:
    # 20 lost and 12 gained of 164. Wald after adding 1/2 to each cell, with Student's 2.5% quantile for 165 degrees.
    lost, gained, num_tasks = 20, 12, 164
    found = paired_difference(
        by_task([1.0] * lost + [0.0] * (num_tasks - lost)), by_task([0.0] * lost + [1.0] * gained + [0.0] * 132)
    )
    total = num_tasks + 2
    centre = (gained - lost) / total
    variance = ((lost + gained + 1) / total - centre**2) / (total - 1)
    assert found.low == pytest.approx(centre - 1.974456 * math.sqrt(variance), abs=1e-6)
    assert found.high == pytest.approx(centre + 1.974456 * math.sqrt(variance), abs=1e-6)


def test_the_interval_of_a_difference_covers_the_truth_as_often_as_it_says() -> None:
    import numpy as np

    draw, covered, rounds = np.random.default_rng(7), 0, 400
    chance = np.linspace(0.02, 0.98, 120)
    for _ in range(rounds):
        base = (draw.random((4, chance.size)) < chance).mean(axis=0)
        aligned = (draw.random((4, chance.size)) < chance * 0.9).mean(axis=0)
        found = paired_difference(by_task(list(base)), by_task(list(aligned)))
        covered += found.low <= chance.mean() * -0.1 <= found.high
    assert covered / rounds >= 0.93


def test_the_detectable_difference_is_found_in_four_of_five_draws_and_no_difference_in_one_of_twenty() -> None:
    import numpy as np

    num_tasks, discordant, rounds = 542, 0.16, 500
    lost = round(num_tasks * discordant / 2)
    told = paired_difference(
        by_task([1.0] * lost + [0.0] * (num_tasks - lost)), by_task([0.0] * lost + [1.0] * lost + [0.0] * 456)
    )
    assert told.detectable == pytest.approx(0.048, abs=0.001)
    draw, rates = np.random.default_rng(11), []
    for truth in (told.detectable, 0.0):
        chances = [(discordant - truth) / 2, 1 - discordant, (discordant + truth) / 2]
        changes = draw.choice([-1.0, 0.0, 1.0], size=(rounds, num_tasks), p=chances)
        intervals = [paired_difference(by_task([0.0] * num_tasks), by_task(list(row))) for row in changes]
        rates.append(sum(not one.low <= 0.0 <= one.high for one in intervals) / rounds)
    assert rates[0] == pytest.approx(0.8, abs=0.06)
    assert rates[1] == pytest.approx(0.05, abs=0.03)


def test_models_that_pass_the_same_tasks_have_an_interval_all_the_same() -> None:
    found = paired_difference(by_task([1.0, 0.0] * 82), by_task([1.0, 0.0] * 82))
    assert found.value == 0.0
    assert found.low < 0.0 < found.high
    assert 0.0 < found.detectable < 0.03


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.1, 0.7, 1.0]), min_size=1, max_size=80))
def test_the_interval_of_a_mean_holds_it_and_is_wilsons_for_one_sample_per_task(shares: list[float]) -> None:
    low, high = mean_interval(shares)
    mean = sum(shares) / len(shares)
    assert 0.0 <= low <= mean + 1e-12
    assert mean - 1e-12 <= high <= 1.0
    whole = [float(round(share)) for share in shares]
    assert mean_interval(whole) == wilson_interval(round(sum(whole)), len(whole))


def test_samples_of_one_task_do_not_count_as_tasks() -> None:
    # Ten samples that always agree say no more than one.
    clustered, independent = mean_interval([1.0] * 30 + [0.0] * 29 + [0.1]), wilson_interval(301, 600)
    assert clustered[1] - clustered[0] > 2.5 * (independent[1] - independent[0])


@given(SHARES)
def test_the_sign_test_counts_the_tasks_on_which_one_model_is_better(pairs: list[tuple[float, float]]) -> None:
    base, aligned = (by_task(list(shares)) for shares in zip(*pairs, strict=True))
    found = compare(base, aligned)
    assert found.only_base == sum(before > after for before, after in pairs)
    assert found.only_aligned == sum(before < after for before, after in pairs)
    assert 0.0 < found.p_value <= 1.0
