"""Statistics of the evaluation, against enumeration, closed forms and EvalPlus's own estimator."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.evaluation import compare, mean_pass_at_k, pass_at_k, wilson_interval


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
