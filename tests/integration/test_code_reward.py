"""Rewards from the real sandbox: what passes gets 1, what cheats does not, and nothing runs twice."""

from collections.abc import Iterator

import pytest

from selfcodealign.opened_answers import OPENING
from selfcodealign.sandbox import CodeReward, Limits, SandboxSettings

pytestmark = pytest.mark.sandbox

TESTS = "assert f(0) == 1\nassert f(1) == 2\nassert f(-1) == 0\nassert f(10) == 11\n"
RIGHT = "def f(x):\n    return x + 1\n"
HALF = "def f(x):\n    return x + 1 if x > 0 else 5\n"
WRONG = "def f(x):\n    return 'no'\n"
BROKEN = "def f(x:\n"
RAISES = "def f(x):\n    return [1, 2][x]\n"
SLOW = "def f(x):\n    while x > 5:\n        pass\n    return x + 1\n"
ALWAYS_EQUAL = "class Any:\n    def __eq__(self, other):\n        return True\n\n\ndef f(x):\n    return Any()\n"
EARLY_EXIT = "import os\n\ndef f(x):\n    os._exit(0)\n"


@pytest.fixture(scope="module")
def reward() -> Iterator[CodeReward]:
    with CodeReward(SandboxSettings(limits=Limits(timeout_s=2.0, memory_mib=512))) as opened:
        yield opened


def rewards(reward: CodeReward, *codes: str, tests: str = TESTS) -> list[float | None]:
    return reward([OPENING] * len(codes), list(codes), tests=[tests] * len(codes))


def test_an_answer_gets_1_for_passing_and_less_for_a_share_of_the_assertions(reward: CodeReward) -> None:
    found = rewards(reward, RIGHT, HALF, WRONG, BROKEN, RAISES, SLOW, RIGHT)
    assert found == pytest.approx([1.0, 0.45, 0.0, 0.0, 0.45, 0.675, 1.0])


def test_strictly_only_passing_counts_and_both_modes_share_a_sandbox(reward: CodeReward) -> None:
    strict = reward.in_mode("strict")
    assert rewards(strict, RIGHT, HALF, WRONG, SLOW) == [1.0, 0.0, 0.0, 0.0]
    assert strict._judge is reward._judge


def test_answers_that_cheat_get_nothing(reward: CodeReward) -> None:
    assert rewards(reward, ALWAYS_EQUAL, EARLY_EXIT) == [0.0, 0.0]


def test_forged_outcomes_do_not_reach_the_reward_of_a_passing_answer(reward: CodeReward) -> None:
    forged = "import sys\n\n\ndef f(x):\n    import builtins\n    builtins.exec = lambda *args: None\n    return 'no'\n"
    (found,) = rewards(reward, forged)
    assert found is not None
    assert found <= 0.9


def test_a_suite_without_top_level_assertions_has_no_shares(reward: CodeReward) -> None:
    tests = "def test():\n    assert f(1) == 2\n    assert f(0) == 1\n\n\ntest()\n"
    assert rewards(reward, RIGHT, HALF, tests=tests) == [1.0, 0.0]


def test_known_answers_do_not_run_again(reward: CodeReward) -> None:
    rewards(reward, RIGHT, HALF)
    programs = reward._judge._programs
    assert programs is not None
    before = programs._num_submitted
    assert rewards(reward, RIGHT, HALF, RIGHT) == pytest.approx([1.0, 0.45, 1.0])
    assert programs._num_submitted == before


def test_a_closed_reward_opens_another_sandbox(reward: CodeReward) -> None:
    other = CodeReward(SandboxSettings(limits=Limits(timeout_s=2.0, memory_mib=512)), mode="strict")
    assert rewards(other, "def f(x):\n    return x + 2\n") == [0.0]
    other.close()
    assert other._judge._programs is None
    assert rewards(other, "def f(x):\n    return 1 + x\n") == [1.0]
    other.close()
