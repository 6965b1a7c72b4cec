"""Selection: which response of a task is taken, which pairs stay under a cap, and what that asks for."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selection_rows import answer, reasons, select, strength, task

from selfcodealign.curation.policies import shared_out
from selfcodealign.errors import InputError
from selfcodealign.records import Agreement


def test_weak_tests_are_dropped_below_the_minimum_and_kept_at_it() -> None:
    tasks = [task(number) for number in range(4)]
    responses = [answer(owner) for owner in tasks]
    measured = [
        strength(responses[0], 0.6),
        strength(responses[1], 0.5),
        strength(responses[2], 0.9, 0.7),
        strength(responses[3], 0.9, 0.8),
    ]
    selection = select(tasks, responses, strengths=measured, min_mutation_score=0.6, min_branch_coverage=0.8)
    assert {row.id: (row.reason, row.detail) for row in selection.dropped} == {
        responses[1].id: ("weak_tests", "mutation score 0.50, at least 0.60 is asked for"),
        responses[2].id: ("weak_tests", "branch coverage 0.70, at least 0.80 is asked for"),
    }
    assert {example.response_id for example in selection.examples} == {responses[0].id, responses[3].id}


@pytest.mark.parametrize(("score", "coverage", "why"), [(None, 1.0, "no_mutants"), (1.0, None, "output_cut")])
def test_a_strength_that_is_not_known_does_not_reach_a_minimum(
    score: float | None, coverage: float | None, why: str
) -> None:
    owner = task(1)
    response = answer(owner)
    measured = [strength(response, score, coverage)]
    (row,) = select([owner], [response], strengths=measured, min_mutation_score=0.0, min_branch_coverage=0.0).dropped
    assert (row.reason, row.detail.split(": ")[1]) == ("weak_tests", why)


@pytest.mark.parametrize("number", range(5))
def test_the_strongest_response_of_a_task_is_taken_whatever_is_drawn(number: int) -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(5)]
    values = [(0.5, 1.0), (None, None), (0.8, 0.5), (0.8, 0.9), (0.7, 1.0)]
    measured = [strength(response, *found) for response, found in zip(responses, values, strict=True)]
    (example,) = select([owner], responses, strengths=measured, choice="strongest", seed=number).examples
    assert example.response_id == responses[3].id
    assert example.kept_because == (
        "passed; the strongest tests of the 5 responses of its task that survive the rules;"
        " its tests kill 8 of 10 mutants and take 9 of 10 branches"
    )


def test_among_equally_strong_responses_the_draw_decides() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(3)]
    measured = [strength(response, 0.8) for response in responses]
    drawn = {
        select([owner], responses, strengths=measured, choice="strongest", seed=number).examples[0].response_id
        for number in range(30)
    }
    assert len(drawn) == 3


@pytest.mark.parametrize(
    "changes", [{"choice": "strongest"}, {"min_mutation_score": 0.1}, {"min_branch_coverage": 0.0}], ids=str
)
def test_a_strength_that_was_not_measured_is_one_line_with_the_way_out(changes: dict[str, object]) -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(2)]
    with pytest.raises(InputError, match=r"1 passing responses lack.*validate_responses\.test_strength") as caught:
        select([owner], responses, strengths=[strength(responses[0], 1.0)], **changes)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="keep = failing"):
        select([owner], responses, strengths=[], keep="failing", **changes)


def test_a_strength_that_nothing_asks_for_changes_nothing() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(4)]
    measured = [strength(response, 0.1, 0.1) for response in responses]
    assert select([owner], responses, strengths=measured) == select([owner], responses)


def test_shortest_response_of_a_task_is_kept_if_asked_for() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(4)]
    short = answer(owner, 4, response="Short.\n\n```python\nx = 1\n```")
    for criterion in ("shortest", ["shortest"], ["random", "shortest"]):
        (example,) = select([owner], [*responses, short], choice=criterion).examples
        assert example.response_id == short.id
        assert example.kept_because == "passed; the shortest of the 5 responses of its task that survive the rules"


def test_response_that_passes_most_tests_of_the_others_is_kept_and_length_decides_between_equals() -> None:
    owner = task(1)
    responses = [answer(owner, sample) for sample in range(3)]
    short = answer(owner, 3, response="Short.\n\n```python\nx = 1\n```")
    compared = {responses[0]: (0, 0), responses[1]: (3, 2), responses[2]: (3, 3), short: (3, 3)}
    rows = [Agreement(id=row.id, num_compared=most, num_passed=passed) for row, (most, passed) in compared.items()]
    (example,) = select([owner], list(compared), agreements=rows, choice=["agreed", "shortest"]).examples
    assert example.response_id == short.id
    assert example.kept_because.endswith("it passes the tests of 3 of 3 other responses")
    (example,) = select([owner], list(compared)[:2], agreements=rows, choice="agreed").examples
    assert example.response_id == responses[1].id


def test_agreement_that_was_not_measured_is_one_clear_line() -> None:
    owner = task(1)
    with pytest.raises(InputError, match=r"1 passing ones lack; set validate_responses\.agreement to true"):
        select([owner], [answer(owner)], choice="agreed")


def test_balanced_cap_takes_as_many_of_each_part_as_can_be() -> None:
    tasks = [replace(task(number), category="class" if number % 10 == 0 else "function") for number in range(40)]
    responses = [answer(owner) for owner in tasks]
    selection = select(tasks, responses, max_examples=12, balance="category")
    assert Counter(example.category for example in selection.examples) == {"class": 4, "function": 8}
    selection = select(tasks, responses, max_examples=6, balance="category")
    assert Counter(example.category for example in selection.examples) == {"class": 3, "function": 3}
    assert all("among 6 pairs in equal parts by category" in row.kept_because for row in selection.examples)
    details = {row.detail for row in selection.dropped if row.reason == "beyond_max_examples"}
    assert details == {"its category has its part of 6 pairs"}
    assert len(selection.examples) + len(selection.dropped) == len(responses)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 20))
def test_shared_out_parts_differ_by_one_at_most_unless_kept_whole(parts: list[str], limit: int) -> None:
    items = list(enumerate(parts))
    kept = shared_out(items, limit, lambda item: item[1])
    assert len(kept) == min(limit, len(items))
    assert kept == [item for item in items if item in set(kept)]
    sizes, whole = Counter(part for _, part in kept), Counter(parts)
    for part in whole:
        firsts = [item for item in items if item[1] == part][: sizes[part]]
        assert [item for item in kept if item[1] == part] == firsts
        assert sizes[part] == whole[part] or all(sizes[other] <= sizes[part] + 1 for other in sizes)


def test_renamed_copy_of_another_pair_is_dropped_if_the_normal_form_is_compared() -> None:
    tasks = [task(1), task(2)]
    code = "def first(values, limit):\n" + "".join(f"    part_{n} = values[{n}] * limit\n" for n in range(8))
    code += "    return part_0 + part_7\n"
    other = code.replace("first", "second").replace("part", "piece").replace("values", "rows").replace("limit", "k")
    responses = [answer(tasks[0], name="first", code=code), answer(tasks[1], name="second", code=other)]
    assert len(select(tasks, responses).examples) == 2
    selection = select(tasks, responses, normalised_jaccard=0.9)
    assert len(selection.examples) == 1
    assert list(reasons(selection).values()) == ["near_duplicate_structure"]
