"""First failing tests in the report: the line of each, and the counts by kind."""

from pathlib import Path
from typing import Any

import pytest

from selfcodealign.evaluation import FailureKind, FirstFailure
from selfcodealign.params import load_params
from selfcodealign.report import Evaluation, ReportInputs
from selfcodealign.report.failures import KIND_WORDS, failure_counts, failure_line

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


def line(kind: FailureKind, **more: Any) -> str:
    return failure_line(FirstFailure(kind=kind, **{"tests": "base", **more}))


CALL = {"index": 0, "call": "f(None)"}


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        (
            FailureKind.WRONG_VALUE,
            {"tests": "plus", "index": 2, "call": "median([1, 2])", "outcome": "1", "expected": "1.5"},
            "extra test 3: median([1, 2]) -> 1, expected 1.5",
        ),
        (
            FailureKind.WRONG_VALUE,
            {**CALL, "outcome": "[1, 1]", "expected": "[1]", "after_earlier": True},
            "base test 1, after the tests before it: f(None) -> [1, 1], expected [1]",
        ),
        (
            FailureKind.WRONG_VALUE,
            {**CALL, "call": "check(f)", "outcome": "AssertionError at `assert candidate(1) == 2`"},
            "base test 1: check(f) raised AssertionError at `assert candidate(1) == 2`",
        ),
        (
            FailureKind.EXCEPTION,
            {**CALL, "outcome": "TypeError: no"},
            "base test 1: f(None) raised TypeError: no",
        ),
        (FailureKind.BEFORE_TESTS, {"outcome": "f is not defined"}, "before the tests: f is not defined"),
        (FailureKind.TIMEOUT, CALL, "base test 1: f(None) timed out"),
        (FailureKind.TIMEOUT, {**CALL, "outcome": "late"}, "base test 1: f(None) timed out (late)"),
        (FailureKind.TIMEOUT, {}, "before the tests: the program timed out"),
        (
            FailureKind.EXIT,
            {**CALL, "outcome": "exit code 0"},
            "base test 1: f(None) ended its process (exit code 0)",
        ),
        (
            FailureKind.EXIT,
            {"outcome": "signal 11"},
            "before the tests: the program ended its process (signal 11)",
        ),
        (FailureKind.SANDBOX, {}, "the program brought the sandbox down"),
        (
            FailureKind.UNREPEATED,
            CALL,
            "base test 1: f(None) failed, and did not fail when it was repeated",
        ),
        (FailureKind.UNREPEATED, {}, "the program failed, and did not fail when it was repeated"),
    ],
)
def test_each_failure_is_one_readable_line(kind: FailureKind, more: dict[str, Any], text: str) -> None:
    assert line(kind, **more) == text


def test_every_kind_has_its_words() -> None:
    assert set(KIND_WORDS) == {*FailureKind, None}


def evaluation(model: str, benchmark: str, *kinds: str | None) -> Evaluation:
    """One sample per task; None: it passes."""
    eval_rows = {
        f"T/{number}": [
            {
                "solution": "x",
                "base_status": "pass",
                "plus_status": "fail" if kind else "pass",
                "first_failure": {"kind": kind, "tests": "plus"} if kind else None,
            }
        ]
        for number, kind in enumerate(kinds)
    }
    return Evaluation(model=model, benchmark=benchmark, metrics={}, results={"eval": eval_rows})


def counted(*evaluations: Evaluation) -> dict[str, list[int]]:
    found = failure_counts(ReportInputs(params=PARAMS, evaluations=evaluations))
    assert found is not None
    return {name: list(counts) for name, counts in found.rows if any(counts)} | {"all": list(found.num_failing)}


def test_failing_samples_are_pooled_over_the_benchmarks_of_both_models() -> None:
    pairs = [
        evaluation("base", "humaneval_plus", "timeout", None, "exit"),
        evaluation("aligned", "humaneval_plus", None, None, "exception"),
        evaluation("base", "mbpp_plus", "timeout"),
        evaluation("aligned", "mbpp_plus", None),
    ]
    assert counted(*pairs) == {"Timeout": [2, 0], "Exception": [0, 1], "Process ended": [1, 0], "all": [3, 1]}
    # Samples of a benchmark that only one of the models has would shift its counts alone.
    assert counted(*pairs[:3]) == {"Timeout": [1, 0], "Exception": [0, 1], "Process ended": [1, 0], "all": [2, 1]}
    assert counted(pairs[0]) == {"Timeout": [1], "Process ended": [1], "all": [2]}


def test_nothing_is_counted_where_nothing_fails_or_nothing_is_recorded() -> None:
    passing = evaluation("base", "humaneval_plus", None, None)
    older = evaluation("base", "humaneval_plus", "odd")
    for one in (passing, older, Evaluation(model="base", benchmark="mbpp_plus", metrics={})):
        assert failure_counts(ReportInputs(params=PARAMS, evaluations=[one])) is None


def test_a_failing_sample_without_a_record_is_counted_as_such() -> None:
    counts = counted(evaluation("base", "humaneval_plus", "odd", "timeout"))
    assert counts == {"Timeout": [1], "Not recorded": [1], "all": [2]}
