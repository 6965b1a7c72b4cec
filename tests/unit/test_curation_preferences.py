"""Preference pairs: which failing answer is paired with which passing one, and why others are in no pair."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_rows import answer, seed_row, task, verdict

from selfcodealign.curation import (
    Pairing,
    Selection,
    SelectionSettings,
    UnpairedReason,
    pair_preferences,
    select_examples,
    whitespace_free_key,
)
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.records import Instruction, Response, by_id

STATUSES = (
    "passed", "failed", "error", "syntax", "incomplete", "vacuous", "timeout", "memory", "output", "sandbox_error",
)  # fmt: skip


def pair(
    tasks: list[Instruction],
    statuses: list[tuple[Response, str]],
    *,
    stderr: str = "",
    benchmarks: list[BenchmarkText] | None = None,
    shared_tests: list[Response] | None = None,
    **changes: object,
) -> tuple[Pairing, Selection]:
    """Select and pair; every failing program wrote `stderr`."""
    responses = [response for response, _ in statuses]
    verdicts = by_id([replace(verdict(response, status), stderr=stderr) for response, status in statuses])
    chosen = replace(SelectionSettings(), **changes)
    seeds, texts = by_id([seed_row(number) for number in range(100)]), benchmarks or []
    selection = select_examples(responses, verdicts, by_id(tasks), seeds, texts, chosen)
    shared = {response.id for response in shared_tests or []}
    pairing = pair_preferences(selection, responses, verdicts, by_id(tasks), texts, chosen, shared_tests=shared)
    return pairing, selection


def padded(owner: Instruction, sample: int, length: int) -> Response:
    """An answer with a text of `length` characters more than its shortest form."""
    row = answer(owner, sample)
    return replace(row, response=f"{row.response}{'x' * length}")


def test_the_kept_answer_is_paired_with_the_failing_one_of_the_closest_length() -> None:
    owner = task(1)
    good = padded(owner, 0, 500)
    bad = [padded(owner, sample, length) for sample, length in ((1, 100), (2, 450), (3, 700))]
    pairing, _ = pair([owner], [(good, "passed"), *((row, "failed") for row in bad)])
    (row,) = pairing.preferences
    assert (row.chosen_id, row.rejected_id, row.rejected_status) == (good.id, bad[1].id, "failed")
    assert (row.instruction, row.chosen, row.rejected) == (owner.instruction, good.response, bad[1].response)
    assert (row.instruction_id, row.seed_id, row.package, row.licence) == (owner.id, owner.seed_id, "package1", "MIT")
    assert pairing.summary()["pairs"] == 1


def commented(row: Response) -> Response:
    """The answer with a comment in its code and its text."""
    text = row.response.replace("```python\n", "```python\n# why\n", 1)
    return replace(row, code=f"# why\n{row.code}", response=text)


def test_the_failing_answer_has_a_comment_only_if_the_chosen_one_has() -> None:
    owner = task(1)
    good = commented(padded(owner, 0, 500))
    plain, far = padded(owner, 1, 500), commented(padded(owner, 2, 10))
    statuses = [(good, "passed"), (plain, "failed"), (far, "failed")]
    matched, by_length = (pair([owner], statuses, preference_match=match)[0] for match in ("comments", "length"))
    assert [row.rejected_id for row in matched.preferences] == [far.id]
    assert [row.rejected_id for row in by_length.preferences] == [plain.id]
    assert matched.summary()["comments"] == {"both": 1, "chosen": 0, "rejected": 0, "none": 0}
    assert by_length.summary()["comments"] == {"both": 0, "chosen": 1, "rejected": 0, "none": 0}


def test_a_kept_answer_unlike_all_failing_ones_leaves_the_pair_to_another_passing_answer() -> None:
    owner = task(1)
    passing = [commented(answer(owner, 0)), answer(owner, 1)]
    failing = answer(owner, 2)
    for seed in range(8):
        pairing, selection = pair(
            [owner], [*((row, "passed") for row in passing), (failing, "failed")], seed=seed, preferences_per_task=2
        )
        assert [(row.chosen_id, row.rejected_id) for row in pairing.preferences] == [(passing[1].id, failing.id)]
        is_kept = selection.examples[0].response_id == passing[1].id
        assert (pairing.unpaired, pairing.num_further) == (({}, 0) if is_kept else ({"comments_differ": 1}, 1))


def test_where_answers_were_judged_by_consensus_those_with_tests_of_their_own_are_in_no_pair() -> None:
    tasks = [task(1), task(2), task(3)]
    good = [answer(owner, 0) for owner in tasks]
    bad = [answer(owner, 1) for owner in tasks]
    statuses = [*((row, "passed") for row in good), *((row, "failed") for row in bad)]
    pairing, _ = pair(tasks, statuses, shared_tests=[good[0], bad[0], good[1], bad[2]])
    assert [(row.chosen_id, row.rejected_id) for row in pairing.preferences] == [(good[0].id, bad[0].id)]
    assert pairing.unpaired == {"no_failing_response": 1, "own_tests": 1}
    everything, _ = pair(tasks, statuses)
    assert len(everything.preferences) == 3


def test_the_task_of_a_pair_shows_a_test_if_that_of_the_example_does() -> None:
    owner = task(1)
    statuses = [(answer(owner, 0), "passed"), (answer(owner, 1), "failed")]
    pairing, selection = pair([owner], statuses, shown_tests=1.0)
    (row,), (example,) = pairing.preferences, selection.examples
    assert row.instruction == example.instruction == example.messages[0].content
    assert row.instruction == f"{owner.instruction}\n\nThe code must pass this test:\n{example.tests.strip()}"


def test_the_hardest_shown_test_is_the_first_one() -> None:
    owners = [task(number) for number in range(1, 9)]
    statuses = [
        (answer(owner, sample), status) for owner in owners for sample, status in enumerate(("passed", "failed"))
    ]
    several = [(replace(row, tests=f"{row.tests.strip()}\nassert {row.id!r}\n"), status) for row, status in statuses]
    drawn, hardest = (pair(owners, several, shown_tests=1.0, shown_test=choice)[1] for choice in ("random", "hardest"))
    firsts = [example.instruction.splitlines()[-1] == example.tests.splitlines()[0] for example in hardest.examples]
    assert firsts == [True] * len(owners)
    assert [row.instruction for row in drawn.examples] != [row.instruction for row in hardest.examples]


def test_among_equally_long_answers_the_draw_decides_and_favors_none() -> None:
    owner = task(1)
    rows = [answer(owner, sample, response=f"{sample}" * 50) for sample in range(4)]
    statuses = [(rows[0], "passed"), *((row, "failed") for row in rows[1:])]
    drawn = [pair([owner], statuses, seed=seed)[0].preferences[0].rejected_id for seed in range(60)]
    assert {drawn.count(row.id) > 8 for row in rows[1:]} == {True}


@pytest.mark.parametrize("status", STATUSES)
def test_only_an_answer_that_ran_and_failed_is_rejected(status: str) -> None:
    owner = task(1)
    pairing, _ = pair([owner], [(answer(owner, 0), "passed"), (answer(owner, 1), status)])
    assert bool(pairing.preferences) == (status in {"failed", "error"})
    if not pairing.preferences:
        assert pairing.unpaired == {"no_failing_response": 1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": " "}, "no_code"),
        ({"code": "def g(x):\n    ...\n", "tests": "assert g(1) is None"}, "placeholder"),
        ({"tests": "assert 1 + 1 == 3"}, "tests_unrelated"),
        ({"tests": "def test_it():\n    assert True"}, "tests_without_assertion"),
    ],
)
def test_a_failing_answer_that_says_nothing_about_its_code_is_not_rejected(
    changes: dict[str, str], reason: str
) -> None:
    owner = task(1)
    pairing, _ = pair([owner], [(answer(owner, 0), "passed"), (replace(answer(owner, 1), **changes), "failed")])
    assert pairing.preferences == []
    assert pairing.unusable == {reason: 1}
    assert pairing.unpaired == {"no_usable_failing_response": 1}


def test_a_missing_library_is_not_the_answers_fault() -> None:
    owner = task(1)
    statuses = [(answer(owner, 0), "passed"), (answer(owner, 1), "error")]
    pairing, _ = pair([owner], statuses, stderr="Traceback ...\nModuleNotFoundError: No module named 'torch'")
    assert pairing.unusable == {"missing_library": 1}
    assert len(pair([owner], statuses, stderr="ZeroDivisionError")[0].preferences) == 1


def test_a_failing_copy_of_a_passing_answer_shows_wrong_tests_and_is_not_rejected() -> None:
    owner = task(1)
    good = answer(owner, 0)
    spaced = replace(answer(owner, 1), response=good.response.replace("\n", "\n\n"))
    same_code = replace(answer(owner, 2), code=good.code + "\n", tests=good.tests)
    other = answer(owner, 3)
    twin = replace(answer(owner, 4), response=other.response + "\n")
    failing = [(row, "failed") for row in (spaced, same_code, other, twin)]
    pairing, _ = pair([owner], [(good, "passed"), *failing])
    assert pairing.unusable == {"copy_of_passing": 2, "copy_of_failing": 1}
    assert pairing.preferences[0].rejected in {other.response, twin.response}


def test_a_rejected_answer_holds_no_benchmark_text() -> None:
    owner = task(1)
    solution = (
        "    total = 0\n    for n in numbers:\n        if n % 3 == 1:\n            total += n * 7\n    return total"
    )
    text = BenchmarkText(
        benchmark="invented", task_id="I/1", prompt="def f(numbers):\n", docstring="", solution=solution
    )
    leaked = answer(owner, 1, name="g", code=f"def g(numbers):\n{solution}\n")
    pairing, _ = pair([owner], [(answer(owner, 0), "passed"), (leaked, "failed")], benchmarks=[text])
    assert (pairing.preferences, pairing.unusable) == ([], {"benchmark_text": 1})


def test_the_controls_pair_passing_answers_only() -> None:
    owner = task(1)
    statuses = [(answer(owner, 0), "failed"), (answer(owner, 1), "failed")]
    assert pair([owner], statuses, keep="failing")[0].unpaired == {"not_passed": 1}
    tasks = [task(2), task(3)]
    statuses = [(answer(row, sample), ("passed", "failed")[sample]) for row in tasks for sample in range(2)]
    pairing, selection = pair(tasks, statuses, keep="all")
    assert len(pairing.preferences) == [row.status for row in selection.examples].count("passed")


def test_further_pairs_of_a_task_have_other_answers_on_both_sides() -> None:
    owner = task(1)
    passing = [answer(owner, sample) for sample in range(3)]
    failing = [answer(owner, sample) for sample in range(3, 5)]
    statuses = [*((row, "passed") for row in passing), *((row, "error") for row in failing)]
    pairing, selection = pair([owner], statuses, preferences_per_task=9)
    assert (len(pairing.preferences), pairing.num_further) == (2, 1)
    assert pairing.preferences[0].chosen_id == selection.examples[0].response_id
    assert {row.rejected_id for row in pairing.preferences} == {row.id for row in failing}
    assert pairing.unpaired == {}


def test_several_kept_answers_of_a_task_share_its_limit() -> None:
    owner = task(1)
    passing = [answer(owner, sample, name=f"solve_{sample}") for sample in range(3)]
    statuses = [*((row, "passed") for row in passing), *((answer(owner, n), "failed") for n in range(3, 5))]
    pairing, _ = pair([owner], statuses, one_per_task=False, preferences_per_task=1)
    assert (len(pairing.preferences), pairing.unpaired) == (1, {"beyond_preferences_per_task": 2})
    pairing, _ = pair([owner], statuses, one_per_task=False, preferences_per_task=5)
    assert (len(pairing.preferences), pairing.unpaired) == (2, {"failing_responses_used": 1})


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(1, 4), st.sampled_from(STATUSES), st.integers(0, 300)), max_size=16),
    limit=st.integers(1, 4),
    keep=st.sampled_from(["passing", "failing", "all"]),
    one_per_task=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_every_pair_has_a_passing_and_a_failing_answer_of_one_task_whatever_the_order_of_the_rows(
    rows: list[tuple[int, str, int]], limit: int, keep: str, one_per_task: bool, order: random.Random
) -> None:
    tasks = [task(number) for number in range(1, 5)]
    statuses = [(padded(task(n), sample, length), status) for sample, (n, status, length) in enumerate(rows)]
    changes = {"preferences_per_task": limit, "keep": keep, "one_per_task": one_per_task}
    pairing, selection = pair(tasks, statuses, **changes)

    status_of = {row.id: status for row, status in statuses}
    task_of = {row.id: row.instruction_id for row, _ in statuses}
    sides = [side for row in pairing.preferences for side in (row.chosen_id, row.rejected_id)]
    assert len(sides) == len(set(sides))
    for row in pairing.preferences:
        assert status_of[row.chosen_id] == "passed"
        assert row.rejected_status == status_of[row.rejected_id] in {"failed", "error"}
        assert task_of[row.chosen_id] == task_of[row.rejected_id] == row.instruction_id
        assert whitespace_free_key(row.chosen) != whitespace_free_key(row.rejected)
    per_task = [row.instruction_id for row in pairing.preferences]
    assert max((per_task.count(name) for name in per_task), default=0) <= limit
    paired = sum(row.response_id in sides for row in selection.examples if row.status == "passed")
    assert len(selection.examples) == paired + sum(pairing.unpaired.values())
    assert len(pairing.preferences) == paired + pairing.num_further
    assert set(pairing.unpaired) <= {reason.value for reason in UnpairedReason}

    shuffled = order.sample(statuses, len(statuses))
    assert pair(order.sample(tasks, len(tasks)), shuffled, **changes)[0] == pairing
