"""The result of an evaluation: what counts as passed, and what the file says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_tasks import benchmark, write

from selfcodealign.errors import InputError
from selfcodealign.evaluation import (
    EvaluationResult,
    FailureKind,
    FirstFailure,
    SampleResult,
    mean_interval,
    read_first_failure,
    read_passes,
)
from selfcodealign.evaluation.command import describe


def result(*statuses: tuple[str, str | None], variant: str = "humaneval_plus", samples: int = 1) -> EvaluationResult:
    listed = [SampleResult("code", base, plus) for base, plus in statuses]
    groups = [listed[start : start + samples] for start in range(0, len(listed), samples)]
    return EvaluationResult(
        info=benchmark(variant=variant).info,
        isolation="docker/runsc-ptrace",
        limits={"min_time_limit_s": 1.0},
        results={f"HumanEval/{index}": group for index, group in enumerate(groups)},
        num_from_journal=0,
        num_unknown=0,
        num_missing_tasks=0,
        seconds=1.0,
    )


MIXED = result(("pass", "pass"), ("pass", "fail"), ("fail", "pass"), ("timeout", "timeout"))


def test_plus_is_passed_only_with_the_base_tests_as_in_evalplus() -> None:
    assert MIXED.pass_at_k("base") == {"pass@1": 0.5}
    assert MIXED.pass_at_k("plus") == {"pass@1": 0.25}


def test_timeouts_are_kept_apart() -> None:
    assert MIXED.statuses("base") == {"pass": 2, "fail": 1, "timeout": 1}
    assert MIXED.outcomes()["HumanEval/2"] == {"base": "fail", "plus": "fail"}
    assert MIXED.outcomes()["HumanEval/3"] == {"base": "timeout", "plus": "timeout"}


def test_the_file_can_be_read_back_for_a_paired_comparison(tmp_path: Path) -> None:
    path = write(tmp_path / "results.json", MIXED.as_json())
    assert read_passes(path, "base") == {f"HumanEval/{index}": index < 2 for index in range(4)}
    assert sum(read_passes(path, "plus").values()) == 1
    loaded = json.loads(path.read_text())
    assert loaded["eval"]["HumanEval/1"][0]["plus_status"] == "fail"
    assert loaded["plus"]["interval_95"][0] < 0.25 < loaded["plus"]["interval_95"][1]


def test_the_file_names_the_first_failing_test_and_the_summary_counts_them_by_kind(tmp_path: Path) -> None:
    failure = FirstFailure(kind=FailureKind.TIMEOUT, tests="plus", index=3, call="f(1)")
    found = replace(
        MIXED, results={"A/0": [SampleResult("x", "pass", "timeout", failure)], "A/1": MIXED.results["HumanEval/0"]}
    )
    path = write(tmp_path / "results.json", found.as_json())
    loaded = json.loads(path.read_text())
    assert read_first_failure(loaded["eval"]["A/0"][0]["first_failure"]) == failure
    assert loaded["eval"]["A/1"][0]["first_failure"] is None
    assert {kind: count for kind, count in loaded["first_failures"].items() if count} == {"timeout": 1}
    assert set(loaded["first_failures"]) == set(FailureKind)
    assert read_passes(path, "plus") == {"A/0": False, "A/1": True}


def test_without_plus_tests_nothing_is_said_about_them() -> None:
    fallback = result(("pass", None), ("fail", None), variant="humaneval")
    assert "plus" not in fallback.summary()
    assert fallback.summary()["base"]["pass@1"] == 0.5
    assert "humaneval (base tests): pass@1 50.0%" in describe(fallback)


def test_several_samples_per_task_have_an_interval_over_tasks_and_no_pairs(tmp_path: Path) -> None:
    several = result(("pass", "pass"), ("fail", "fail"), samples=2)
    assert several.interval("plus") == mean_interval([0.5])
    assert several.outcomes()["HumanEval/0"] == {"base": ["pass", "fail"], "plus": ["pass", "fail"]}
    with pytest.raises(InputError, match="several samples"):
        read_passes(write(tmp_path / "r.json", several.as_json()), "base")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"eval": {"a": [{}]}}', '{"eval": 3}'])
def test_a_file_that_is_no_result_is_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no result of an evaluation"):
        read_passes(write(tmp_path / "r.json", text), "plus")
    with pytest.raises(InputError, match="evaluate first"):
        read_passes(tmp_path / "absent.json", "plus")
