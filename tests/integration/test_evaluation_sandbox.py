"""Scoring with EvalPlus inside the real sandbox: references pass, wrong programs fail, statuses equal those outside."""

import json
from itertools import islice
from pathlib import Path

import pytest
from evaluation_reference import (
    WRONG,
    canonical,
    evalplus_outside,
    imported_fallback,
    imported_from_params,
    mbpp_or_skip,
    wrong_solution,
)
from typer.testing import CliRunner

from selfcodealign.errors import SandboxError
from selfcodealign.evaluation import (
    Benchmark,
    SampleSet,
    ScoringLimits,
    check_references,
    evaluate_samples,
)
from selfcodealign.sandbox import SandboxSettings

pytestmark = pytest.mark.sandbox

SANDBOX = SandboxSettings(num_workers=2)
# An input that never ends costs its time limit in both places: a few tasks are enough.
NUM_TASKS = 10


@pytest.fixture(scope="module")
def humaneval(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return imported_from_params("humaneval_plus", tmp_path_factory.mktemp("humaneval"))


@pytest.fixture(scope="module")
def mbpp(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return mbpp_or_skip(tmp_path_factory.mktemp("mbpp"))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal") / "verdicts.sqlite"


def statuses(benchmark: Benchmark, samples: dict[str, list[str]], journal: Path) -> dict[str, list[tuple[str, str]]]:
    result = evaluate_samples(benchmark, SampleSet(samples, 0, []), sandbox=SANDBOX, journal_path=journal)
    return {
        task_id: [(sample.base_status, str(sample.plus_status)) for sample in found]
        for task_id, found in result.results.items()
    }


def test_all_reference_solutions_of_humaneval_pass_in_the_sandbox(humaneval: Benchmark, journal: Path) -> None:
    result = check_references(humaneval, list(humaneval.tasks), sandbox=SANDBOX, journal_path=journal)
    tests = result.test_kinds[-1]
    assert [task for task, (sample,) in result.results.items() if not sample.passes(tests)] == []
    assert len(result.results) == 164
    assert result.isolation.startswith("docker/runsc")


def test_reference_solutions_of_mbpp_pass_in_the_sandbox(mbpp: Benchmark, journal: Path) -> None:
    # Tuples, sets, complex numbers and results that cannot be compared: what EvalPlus treats by task.
    special = ["Mbpp/2", "Mbpp/124", "Mbpp/252", "Mbpp/580", "Mbpp/581", "Mbpp/722"]
    tasks = dict.fromkeys([*special, *islice(mbpp.tasks, NUM_TASKS)])
    result = check_references(
        mbpp, [task for task in tasks if task in mbpp.tasks], sandbox=SANDBOX, journal_path=journal
    )
    assert result.pass_at_k("plus") == {"pass@1": 1.0}


def test_every_kind_of_wrong_program_fails_as_it_does_outside(
    humaneval: Benchmark, journal: Path, tmp_path: Path
) -> None:
    if not humaneval.has_plus_tests:
        pytest.skip("HumanEval+ is neither in the folders of params.yaml nor can it be downloaded")
    # A loop that catches EvalPlus's alarm costs the time of all inputs together: a few are enough.
    task = humaneval.tasks["HumanEval/2"]
    humaneval = Benchmark(humaneval.info, {"HumanEval/2": {**task, "plus_input": task["plus_input"][:3]}})
    samples = {"HumanEval/2": [wrong_solution(humaneval, "HumanEval/2", how) for how in WRONG]}
    samples["HumanEval/2"].append(canonical(humaneval, "HumanEval/2"))
    inside = statuses(humaneval, samples, journal)
    by_kind = dict(zip([*WRONG, "canonical"], inside["HumanEval/2"], strict=True))
    assert by_kind.pop("canonical") == ("pass", "pass")
    assert all("pass" not in both for both in by_kind.values()), by_kind
    assert by_kind["ends the process"] == ("timeout", "timeout")
    assert inside == evalplus_outside(humaneval, samples, tmp_path)


@pytest.mark.parametrize("family", ["humaneval", "mbpp"])
def test_statuses_equal_those_of_evalplus_outside(
    family: str, journal: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    benchmark: Benchmark = request.getfixturevalue(family)
    if not benchmark.has_plus_tests:
        pytest.skip("HumanEval+ is neither in the folders of params.yaml nor can it be downloaded")
    kinds = ["returns nothing", "raises", "exits cleanly", "recurses"]
    samples = {
        task_id: [canonical(benchmark, task_id), wrong_solution(benchmark, task_id, kinds[index % len(kinds)])]
        for index, task_id in enumerate(islice(benchmark.tasks, NUM_TASKS))
    }
    assert statuses(benchmark, samples, journal) == evalplus_outside(benchmark, samples, tmp_path)


def test_a_program_that_passes_only_the_base_tests_is_told_apart(humaneval: Benchmark, journal: Path) -> None:
    if not humaneval.has_plus_tests:
        pytest.skip("HumanEval+ is neither in the folders of params.yaml nor can it be downloaded")
    # HumanEval/2 has three base tests.
    code = "def truncate_number(number):\n    return {3.5: 0.5, 1.33: 1.33 % 1, 123.456: 123.456 % 1}.get(number)\n"
    assert statuses(humaneval, {"HumanEval/2": [code]}, journal) == {"HumanEval/2": [("pass", "fail")]}


def test_known_verdicts_are_not_run_again(humaneval: Benchmark, tmp_path: Path) -> None:
    journal = tmp_path / "verdicts.sqlite"
    samples = SampleSet({"HumanEval/0": [canonical(humaneval, "HumanEval/0"), "x = 1"]}, 0, [])
    first = evaluate_samples(humaneval, samples, sandbox=SANDBOX, journal_path=journal)
    again = evaluate_samples(humaneval, samples, sandbox=SANDBOX, journal_path=journal)
    assert (first.num_from_journal, again.num_from_journal) == (0, 2)
    assert first.results == again.results
    other = ScoringLimits(min_time_limit_s=2.0)
    changed = evaluate_samples(humaneval, samples, sandbox=SANDBOX, journal_path=journal, limits=other)
    assert changed.num_from_journal == 0


def test_a_sample_that_floods_or_forges_the_channels_of_the_scorer_fails(humaneval: Benchmark, tmp_path: Path) -> None:
    task_id = "HumanEval/0"
    forged = json.dumps({task_id: {"reference": ["pass", "pass"], "results": [["pass", "pass"]] * 3}})
    forging = f"import os\nfor number in range(1, 10):\n    try:\n        os.write(number, {forged.encode()!r})\n"
    forging += "    except OSError:\n        pass\nos._exit(0)\n"
    flooding = "import os\nfor _ in range(2000):\n    os.write(1, b'x' * 65536)\n    os.write(2, b'x' * 65536)\n"
    samples = {task_id: [forging, flooding, canonical(humaneval, task_id)]}
    found = [base for base, _ in statuses(humaneval, samples, tmp_path / "verdicts.sqlite")[task_id]]
    assert found == ["timeout", "fail", "pass"]


def test_a_sample_that_kills_the_scorer_costs_no_other_sample(humaneval: Benchmark, tmp_path: Path) -> None:
    killing = "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.kill(-1, 9)\n"
    samples = {task_id: [canonical(humaneval, task_id)] for task_id in islice(humaneval.tasks, 3)}
    samples["HumanEval/1"].append(killing)
    found = statuses(humaneval, samples, tmp_path / "verdicts.sqlite")
    assert found.pop("HumanEval/1")[1][0] in {"fail", "timeout"}
    assert all(base == "pass" for results in found.values() for base, _ in results)


def test_a_reference_that_does_not_pass_stops_everything_and_is_named(humaneval: Benchmark, tmp_path: Path) -> None:
    broken = {**humaneval.tasks["HumanEval/0"], "canonical_solution": "    raise ValueError('spoiled')\n"}
    spoiled = Benchmark(humaneval.info, {**humaneval.tasks, "HumanEval/0": broken})
    samples = SampleSet({"HumanEval/0": ["x = 1"], "HumanEval/1": ["x = 1"]}, 0, [])
    with pytest.raises(SandboxError, match=r"reference solutions of 1 tasks .*HumanEval/0") as raised:
        evaluate_samples(spoiled, samples, sandbox=SANDBOX, journal_path=tmp_path / "verdicts.sqlite")
    assert "\n" not in str(raised.value)


def test_humaneval_of_the_package_is_scored_by_its_own_tests(tmp_path: Path) -> None:
    fallback = imported_fallback(tmp_path / "fallback")
    samples = {
        task_id: [canonical(fallback, task_id), wrong_solution(fallback, task_id, "returns nothing")]
        for task_id in islice(fallback.tasks, NUM_TASKS)
    }
    result = evaluate_samples(
        fallback, SampleSet(samples, 0, []), sandbox=SANDBOX, journal_path=tmp_path / "verdicts.sqlite"
    )
    assert result.test_kinds == ("base",)
    found = {task: [sample.base_status for sample in both] for task, both in result.results.items()}
    assert found == {task: ["pass", "fail"] for task in samples}


def test_the_command_writes_statuses_pass_at_k_and_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from selfcodealign.cli import app

    fallback = imported_fallback(tmp_path / "data")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    samples, out = tmp_path / "samples.jsonl", tmp_path / "result.json"
    rows = [{"task_id": "HumanEval/0", "completion": fallback.tasks["HumanEval/0"]["canonical_solution"]}]
    rows.append({"task_id": "HumanEval/1", "solution": "x = 1"})
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["evaluate", "--benchmark", "humaneval_plus", "--samples", str(samples), "--out", str(out)]
    arguments += ["--data", str(tmp_path / "data")]
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 1
    assert "lacks samples for 162 of 164 tasks" in refused.stderr
    done = CliRunner().invoke(app, [*arguments, "--partial"])
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    assert result["tasks"] == {"HumanEval/0": {"base": "pass"}, "HumanEval/1": {"base": "fail"}}
    assert result["base"]["pass@1"] == 0.5
    assert "pass@1 50.0%" in done.stdout
