"""Surveys: the outcome of each of several tests from one run of a program."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.records import Verdict
from selfcodealign.sandbox.survey import survey_outcomes, survey_program

CODE = "calls = []\ndef f(x):\n    calls.append(x)\n    return 2 * x\n"


def ran(code: str, tests: list[str], timeout_s: float = 30) -> Verdict:
    """What the program wrote, from a plain interpreter."""
    program = survey_program(code, tests)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=timeout_s
        )
        stderr, has_ended = done.stderr, True
        assert done.returncode != 0
    except subprocess.TimeoutExpired as error:
        stderr, has_ended = (error.stderr or b"").decode(), False
    status = "failed" if has_ended else "timeout"
    return Verdict(id="a", status=status, seconds=1, assertions=0, stdout="", stderr=stderr, isolation="none")


def outcomes(code: str, tests: list[str], timeout_s: float = 30) -> list[bool | None]:
    return survey_outcomes(ran(code, tests, timeout_s), code, tests)


def test_each_test_has_its_own_outcome_and_namespace() -> None:
    tests = [
        "assert f(1) == 2",
        "assert f(1) == 3",
        "f = len\nassert f('ab') == 2",
        "assert f(2) == 4",
        "raise SystemExit",
    ]
    assert outcomes(CODE, tests) == [True, False, True, True, False]


def test_what_a_test_leaves_in_the_code_is_seen_by_the_next_one_as_in_a_suite() -> None:
    assert outcomes(CODE, ["assert f(1) == 2", "assert calls == [1]"]) == [True, True]


def test_code_that_ends_the_program_passes_nothing() -> None:
    for code in ("raise ValueError('at once')", "import os\nos._exit(3)"):
        assert outcomes(code, ["assert True"]) == [None]


def test_a_test_that_never_ends_takes_only_those_behind_it_along() -> None:
    tests = ["assert f(1) == 2", "while True: pass", "assert f(2) == 4"]
    assert outcomes(CODE, tests, timeout_s=3) == [True, None, None]


@pytest.mark.parametrize(
    "code", ["print('survey-0 0 passed')\n", "import sys\nsys.stderr.write('survey-0 0 passed\\n')\n"]
)
def test_what_the_code_prints_is_no_outcome(code: str) -> None:
    assert outcomes(f"{code}def f(x):\n    return x\n", ["assert f(1) == 2"]) == [False]


@settings(max_examples=5)
@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_outcomes_come_in_the_order_of_the_tests(expected: list[bool]) -> None:
    tests = [f"assert f({number}) == {2 * number if holds else -1}" for number, holds in enumerate(expected)]
    assert outcomes(CODE, tests) == expected
