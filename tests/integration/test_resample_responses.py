"""The stage resample_responses: real engine, real sandbox, and nothing where a setting rules it out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfcodealign.records import (
    ConsensusTests,
    Dropped,
    Instruction,
    Response,
    Verdict,
    by_id,
    read_rows,
    write_rows,
)

pytestmark = [pytest.mark.engine, pytest.mark.sandbox, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]
TESTS = "assert double(2) == 4\nassert double(5) == 10"
TASKS = {
    "mixed": "Write a function `double(x)` that returns twice the number `x`.",
    "solved": "Write a function `double(x)` that returns the number `x` times two.",
    "untested": "Write a function `twice(x)` that returns the number `x` plus itself.",
}
NUM_SAMPLES = 4


def instruction(name: str) -> Instruction:
    return Instruction(
        id=name, parent_id=f"c-{name}", seed_id=f"s-{name}", concepts=[], category="function", difficulty="easy",
        language="Python", instruction=TASKS[name], exemplar_set=0,
    )  # fmt: skip


def response(task: str, sample: int, body: str) -> Response:
    code = f"def double(x):\n    return {body}"
    return Response(
        id=f"{task}-{sample}", instruction_id=task, seed_id=f"s-{task}", sample_index=sample, response=code, code=code,
        tests=TESTS, program=f"{code}\n\n\n{TESTS}\n", output_tokens=10,
    )  # fmt: skip


def verdict(row: Response, status: str) -> Verdict:
    return Verdict(id=row.id, status=status, seconds=0.1, assertions=2, stdout="", stderr="", isolation="docker/runsc")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The outputs of the stages before: one task with both outcomes, one that is always solved, one without tests."""
    folder = tmp_path / "data"
    judged = [
        (response("mixed", 0, "2 * x"), "passed"),
        (response("mixed", 1, "x ** 2"), "failed"),
        (response("solved", 0, "2 * x"), "passed"),
        (response("solved", 1, "x + x"), "passed"),
    ]
    rows = [*(row for row, _ in judged), response("untested", 0, "2 * x")]
    agreed = [
        ConsensusTests(id=row.id, tests=TESTS, program=row.program, num_pooled=2, num_agreed=2) for row in rows[:4]
    ]
    write_rows(folder / "instructions.parquet", [instruction(name) for name in TASKS], Instruction)
    write_rows(folder / "responses.parquet", rows, Response)
    write_rows(folder / "consensus.parquet", agreed, ConsensusTests)
    write_rows(folder / "verdicts.parquet", [verdict(row, status) for row, status in judged], Verdict)
    return folder


def run_stage(data: Path, model: Path, **changes: dict[str, object]) -> dict[str, Any]:
    """Run the stage script on a folder's files with changed params; returns its metrics."""
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["resample_responses"].update(num_samples=NUM_SAMPLES, max_new_tokens=128)
    params["select_examples"]["shown_tests"] = 1.0
    params["engine"].update(max_model_len=2048, max_num_seqs=8, kv_cache_gib=1)
    for section, values in changes.items():
        params[section].update(values)
    path = data / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", "stages.resample_responses", "--params", str(path), "--model", str(model)]
    for name in ("instructions", "responses", "verdicts", "consensus"):
        command += [f"--{name}", str(data / f"{name}.parquet")]
    command += ["--out", str(data / "resampled"), "--metrics", str(data / "metrics.json")]
    env = {**os.environ, "DVC_ROOT": str(data)}
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    metrics: dict[str, Any] = json.loads((data / "metrics.json").read_text())
    return metrics


def test_tasks_with_both_outcomes_get_further_judged_responses_and_a_rerun_is_free(
    data: Path, small_model: Path
) -> None:
    metrics = run_stage(data, small_model)
    assert (metrics["tasks"], metrics["tasks_without_tests"], metrics["tasks_solved"]) == (1, 1, 1)
    assert metrics["usage"]["asked"] == metrics["rows_in"] == NUM_SAMPLES  # no request for tests
    rows = read_rows(data / "resampled/responses.parquet", Response)
    dropped = read_rows(data / "resampled/dropped.parquet", Dropped)
    assert len(rows) + len(dropped) == NUM_SAMPLES
    assert rows, "the small model wrote no whole function for the easiest of tasks: nothing was shown"
    assert {(row.instruction_id, row.tests) for row in rows} == {("mixed", TESTS)}
    assert all(row.sample_index >= 6 for row in rows)  # after generate_responses.num_samples
    verdicts = by_id(read_rows(data / "resampled/verdicts.parquet", Verdict))
    assert set(verdicts) == {row.id for row in rows}
    for row in rows:
        is_right = "2 * x" in row.code or "x * 2" in row.code or "x + x" in row.code
        assert not is_right or verdicts[row.id].status == "passed", row.code
    assert metrics["isolation"].startswith("docker/runsc")

    again = run_stage(data, small_model)
    assert again["usage"]["asked"] == again["programs"]["asked"] == 0
    assert read_rows(data / "resampled/responses.parquet", Response) == rows


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"resample_responses": {"num_samples": 0}}, "resample_responses.num_samples is 0"),
        ({"validate_responses": {"tests": "own"}}, "validate_responses.tests is own"),
        ({"generate_responses": {"layout": "few_shot"}}, "generate_responses.layout is few_shot"),
    ],
)
def test_a_setting_that_rules_it_out_leaves_empty_files_and_its_name(
    data: Path, small_model: Path, changes: dict[str, dict[str, object]], reason: str
) -> None:
    metrics = run_stage(data, small_model, **changes)
    assert metrics["skipped"].startswith(reason)
    assert (metrics["rows_in"], metrics["usage"]["requests"]) == (0, 0)
    assert read_rows(data / "resampled/responses.parquet", Response) == []
    assert read_rows(data / "resampled/verdicts.parquet", Verdict) == []
