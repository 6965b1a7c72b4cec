"""The stage validate_responses on real responses and a real sandbox."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from selfcodealign.generation import function_tasks
from selfcodealign.records import (
    ConsensusTests,
    Dropped,
    Instruction,
    Response,
    Seed,
    Strength,
    Verdict,
    read_rows,
    row_id,
    write_rows,
)
from selfcodealign.sandbox.command import app as sandbox_app

pytestmark = pytest.mark.sandbox

REPOSITORY = Path(__file__).parents[2]


def response(index: int, program: str) -> Response:
    return Response(
        id=row_id("response", index),
        instruction_id=row_id("instruction", index),
        seed_id=row_id("seed", index),
        sample_index=0,
        response="...",
        code="...",
        tests="...",
        program=program,
        output_tokens=10,
    )


GOOD = "def f(x):\n    return x + 1\nassert f(1) == 2\n"
PROGRAMS = [GOOD, GOOD + "assert f(1) == 3\n", "def f(:", GOOD, "def f(x):\n    return x\n"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [response(index, program) for index, program in enumerate(PROGRAMS)]
    write_rows(tmp_path / "data/generate_responses/responses.parquet", rows, Response)
    return tmp_path


def run_stage(
    folder: Path, params: Path = REPOSITORY / "params.yaml", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the stage script on a folder's files; its journal lies in the folder, too."""
    outputs = folder / "data/validate_responses"
    command = [sys.executable, "-m", "stages.validate_responses"]
    command += ["--responses", str(folder / "data/generate_responses/responses.parquet")]
    command += ["--instructions", str(folder / "data/generate_instructions/instructions.parquet")]
    command += ["--seeds", str(folder / "data/filter_seeds/seeds.parquet")]
    command += ["--out", str(outputs), "--params", str(params)]
    command += ["--metrics", str(folder / "metrics/validate_responses.json")]
    env = {**os.environ, "DVC_ROOT": str(folder), **environment}
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=300, check=False)


def test_verdicts_come_in_the_order_of_the_responses_and_a_rerun_asks_for_nothing(folder: Path) -> None:
    assert run_stage(folder).returncode == 0
    verdicts = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    assert [verdict.id for verdict in verdicts] == [row_id("response", index) for index in range(5)]
    assert [verdict.status for verdict in verdicts] == ["passed", "failed", "syntax", "passed", "vacuous"]
    assert read_rows(folder / "data/validate_responses/dropped.parquet", Dropped) == []
    metrics = json.loads((folder / "metrics/validate_responses.json").read_text())
    assert (metrics["rows_in"], metrics["rows_out"], metrics["dropped"]) == (5, 5, {"sandbox_error": 0})
    assert "test_strength" not in metrics
    assert read_rows(folder / "data/validate_responses/strength.parquet", Strength) == []
    assert (metrics["asked"], metrics["from_journal"], metrics["duplicates"]) == (4, 0, 1)
    assert metrics["statuses"]["passed"] == 2
    assert metrics["isolation"].startswith("docker/runsc-")
    assert metrics["image"].startswith("sha256:")

    more = [response(index, program) for index, program in enumerate([*PROGRAMS, "x = 1\nassert x == 1\n"])]
    write_rows(folder / "data/generate_responses/responses.parquet", more, Response)
    assert run_stage(folder).returncode == 0
    again = json.loads((folder / "metrics/validate_responses.json").read_text())
    assert (again["asked"], again["from_journal"]) == (1, 4)
    repeated = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    assert repeated[:5] == verdicts


def test_answers_to_one_task_are_judged_by_the_assertions_that_they_agree_on(folder: Path) -> None:
    answers = [
        ("def f(x):\n    return 2 * x", "assert f(3) == 6\nassert f(2) == 4"),
        ("def f(x):\n    return x + x", "assert f(4) == 9\nassert f(0) == 0"),
        ("def f(x):\n    return x * x", "assert f(2) == 4\nassert f(3) == 9"),
    ]
    rows = [
        replace(response(index, f"{code}\n\n\n{tests}\n"), code=code, tests=tests, instruction_id="task")
        for index, (code, tests) in enumerate(answers)
    ]
    write_rows(folder / "data/generate_responses/responses.parquet", rows, Response)
    assert run_stage(folder).returncode == 0
    verdicts = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    assert [verdict.status for verdict in verdicts] == ["passed", "passed", "failed"]
    consensus = read_rows(folder / "data/validate_responses/consensus.parquet", ConsensusTests)
    assert {row.tests for row in consensus} == {"assert f(3) == 6\nassert f(2) == 4\nassert f(0) == 0"}
    metrics = json.loads((folder / "metrics/validate_responses.json").read_text())["consensus"]
    assert (metrics["tasks"], metrics["tasks_with_consensus"], metrics["programs"]) == (1, 1, 3)

    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["validate_responses"]["tests"] = "own"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert run_stage(folder, folder / "params.yaml").returncode == 0
    own = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    assert [verdict.status for verdict in own] == ["passed", "failed", "passed"]
    assert read_rows(folder / "data/validate_responses/consensus.parquet", ConsensusTests) == []


def test_answers_to_a_seed_s_function_are_judged_by_the_values_of_its_code(folder: Path) -> None:
    code = 'def f(x):\n    """Doubles."""\n    return 2 * x'
    texts = dict.fromkeys(("source", "package", "version", "licence", "file", "path", "name", "docstring"), "t")
    seed = Seed(id="seed", code=code, first_line=1, last_line=3, **texts)
    (task,) = function_tasks([seed], run_seed=1).rows
    answers = [
        ("def f(x):\n    return x + x", "assert f(3) == 7\nassert f(0) == 0"),
        ("def f(x):\n    return x * x", "assert f(3) == 9\nassert f(0) == 0"),
    ]
    rows = [
        replace(response(index, f"{answer}\n\n\n{tests}\n"), code=answer, tests=tests, instruction_id=task.id)
        for index, (answer, tests) in enumerate(answers)
    ]
    write_rows(folder / "data/filter_seeds/seeds.parquet", [seed], Seed)
    write_rows(folder / "data/generate_instructions/instructions.parquet", [task], Instruction)
    write_rows(folder / "data/generate_responses/responses.parquet", rows, Response)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["generate_instructions"]["source"] = "functions"
    params["validate_responses"]["tests"] = "seed"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    ended = run_stage(folder, folder / "params.yaml")
    assert ended.returncode == 0, ended.stderr
    verdicts = read_rows(folder / "data/validate_responses/verdicts.parquet", Verdict)
    assert [verdict.status for verdict in verdicts] == ["passed", "failed"]
    tests = {row.tests for row in read_rows(folder / "data/validate_responses/consensus.parquet", ConsensusTests)}
    assert tests == {"assert f(3) == 6\nassert f(0) == 0"}


def test_the_strength_of_tests_is_recorded_for_passing_responses_if_asked_for_and_a_rerun_is_free(folder: Path) -> None:
    code = "def f(x):\n    return 1 if x > 0 else 2"
    rows = [
        replace(response(index, f"{code}\n\n\n{tests}\n"), code=code, tests=tests)
        for index, tests in enumerate(["assert f(1) == 1", "assert f(1) == 2", "assert [f(1), f(0)] == [1, 2]"])
    ]
    write_rows(folder / "data/generate_responses/responses.parquet", rows, Response)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["validate_responses"] = {"test_strength": True, "max_mutants": 50}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    assert run_stage(folder, folder / "params.yaml").returncode == 0
    weak, strong = read_rows(folder / "data/validate_responses/strength.parquet", Strength)
    assert [weak.id, strong.id] == [rows[0].id, rows[2].id]
    assert (weak.num_branches, weak.num_hit, strong.num_hit) == (2, 1, 2)
    assert weak.num_mutants == strong.num_mutants
    assert 0 < weak.num_killed < strong.num_killed
    found = json.loads((folder / "metrics/validate_responses.json").read_text())["test_strength"]
    assert (found["responses"], found["mutants"]) == (2, 2 * weak.num_mutants)
    assert (found["asked"], found["from_journal"]) == (2 * weak.num_mutants + 2, 0)
    assert run_stage(folder, folder / "params.yaml").returncode == 0
    again = json.loads((folder / "metrics/validate_responses.json").read_text())["test_strength"]
    assert (again["asked"], again["from_journal"]) == (0, found["asked"])
    assert again["mean_mutation_score"] == found["mean_mutation_score"]


def test_missing_or_corrupt_responses_are_one_line_and_leave_earlier_outputs(folder: Path) -> None:
    earlier = folder / "data/validate_responses/verdicts.parquet"
    write_rows(earlier, [], Verdict)
    before = earlier.read_bytes()
    responses = folder / "data/generate_responses/responses.parquet"
    responses.write_bytes(b"nonsense")
    corrupt = run_stage(folder)
    responses.unlink()
    missing = run_stage(folder)
    for result in (corrupt, missing):
        assert result.returncode == 1
        assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert earlier.read_bytes() == before


def test_without_docker_the_stage_ends_with_one_line_and_code_2(folder: Path) -> None:
    result = run_stage(folder, DOCKER_HOST=f"unix://{folder}/none.sock")
    assert result.returncode == 2
    assert "does not answer; start it with `make sandbox`" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "metrics/validate_responses.json").exists()


def test_the_sandbox_command_writes_one_row_a_program_in_their_order(folder: Path) -> None:
    programs = folder / "programs.jsonl"
    rows = [{"id": f"p{index}", "source": program} for index, program in enumerate(PROGRAMS)]
    programs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = folder / "verdicts.jsonl"
    result = CliRunner().invoke(
        sandbox_app, ["run", str(programs), "--out", str(out), "--workers", "1", "--timeout", "5"]
    )
    assert result.exit_code == 0, result.output
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in written] == ["p0", "p1", "p2", "p3", "p4"]
    expected = {"id", "status", "seconds", "assertions", "stdout", "stderr", "isolation", "line", "noticed", "missed"}
    assert all(set(row) == expected for row in written)
