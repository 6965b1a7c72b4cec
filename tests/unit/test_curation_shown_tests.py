"""Tests in the task: which tasks show one, and which assertion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.curation.shown_tests import MAX_CHARACTERS, with_shown_test
from selfcodealign.params import ShownTest

TASK = "Write `f(x)`, which doubles x.\n"
TESTS = "assert f(1) == 2\nassert f(2) == 4, 'twice'\n"


def shown(
    tests: str = TESTS, task: str = "task", share: float = 1.0, seed: int = 0, choice: ShownTest = "random"
) -> str:
    return with_shown_test(TASK, tests, task, share=share, seed=seed, choice=choice)


def test_a_drawn_task_ends_with_one_of_its_assertions_without_message() -> None:
    found = {shown(task=f"task {number}") for number in range(50)}
    start = "Write `f(x)`, which doubles x.\n\nThe code must pass this test:\n"
    assert found == {f"{start}assert f(1) == 2", f"{start}assert f(2) == 4"}


@pytest.mark.parametrize(
    "tests",
    [
        "",
        "assert f(1 ==",
        "x = 1\nassert f(x) == 2",
        "def test_f():\n    assert f(1) == 2",
        f"assert f('{'a' * MAX_CHARACTERS}') == 2",
    ],
)
def test_a_task_without_an_assertion_that_stands_for_itself_stays_as_it_is(tests: str) -> None:
    assert shown(tests) == TASK


def test_only_assertions_before_the_first_other_statement_are_shown() -> None:
    found = {shown("assert f(1) == 2\nx = 2\nassert f(x) == 4", f"task {number}") for number in range(20)}
    assert {text.splitlines()[-1] for text in found} == {"assert f(1) == 2"}


@given(st.integers(0, 2**31), st.floats(0, 1), st.text(max_size=8))
def test_what_is_drawn_at_one_share_is_drawn_at_each_larger_one(seed: int, share: float, task: str) -> None:
    if shown(task=task, share=share, seed=seed) != TASK:
        assert shown(task=task, share=(share + 1) / 2, seed=seed) == shown(task=task, share=share, seed=seed)
    assert shown(task=task, share=0.0, seed=seed) == TASK
    assert shown(task=task, share=1.0, seed=seed) != TASK


def test_about_the_asked_share_is_drawn() -> None:
    drawn = sum(shown(task=f"task {number}", share=0.3) != TASK for number in range(1000))
    assert 250 < drawn < 350


def test_the_hardest_test_is_the_first_one_in_every_drawn_task() -> None:
    texts = [shown(task=f"task {number}", share=0.5, choice="hardest") for number in range(50)]
    assert {text.splitlines()[-1] for text in texts if text != TASK} == {"assert f(1) == 2"}
    assert [text == TASK for text in texts] == [shown(task=f"task {number}", share=0.5) == TASK for number in range(50)]
