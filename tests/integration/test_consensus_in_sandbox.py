"""Consensus tests in the real sandbox: a right answer with wrong tests passes, a wrong one with its own tests fails."""

from pathlib import Path

import pytest

from selfcodealign.journal import open_journal
from selfcodealign.records import Response, by_id, with_consensus
from selfcodealign.sandbox import (
    Limits,
    Program,
    SandboxSettings,
    Status,
    measure_consensus,
    open_sandbox,
    run_journalled,
)
from selfcodealign.sandbox.survey import survey_outcomes, survey_program

pytestmark = pytest.mark.sandbox

RESPONSES = {
    "doubled": ("task", "def f(x):\n    return 2 * x\n", "assert f(3) == 6\nassert f(2) == 4\n"),
    "wrong tests": ("task", "def f(x):\n    return x + x\n", "assert f(4) == 9\nassert f(0) == 0"),
    "wrong code": ("task", "def f(x):\n    return x * x\n", "assert f(2) == 4\nassert f(3) == 9\n"),
    "other name": ("task", "def g(x):\n    return 2 * x\n", "assert g(3) == 6\n"),
    "alone": ("another", "def f(x):\n    return x\n", "assert f(3) == 3\n"),
}


def test_responses_are_judged_by_what_several_of_their_task_agree_on(tmp_path: Path) -> None:
    responses = [
        Response(
            id=name, instruction_id=task, seed_id="seed", sample_index=0, response="", code=code, tests=tests,
            program=f"{code.rstrip()}\n\n\n{tests}", output_tokens=1,
        )
        for name, (task, code, tests) in RESPONSES.items()
    ]  # fmt: skip
    with open_sandbox(SandboxSettings()) as sandbox, open_journal(tmp_path / "verdicts.sqlite") as journal:
        rows, counts = measure_consensus(sandbox, responses, journal)
        again, counted = measure_consensus(sandbox, responses, journal)
        judged = with_consensus(responses, by_id(rows))
        programs = [Program.of_code(row.id, row.program, row.code) for row in judged]
        statuses = {verdict.id: verdict.status for verdict in run_journalled(sandbox, programs, journal)[0]}
    assert again == rows
    assert (counted.asked, counted.from_journal) == (0, counts.asked)
    # f(0) == 0 and f(2) == 4 hold for the square as well; f(3) == 6 sets it apart, and comes first. Nobody agrees with
    # f(4) == 9.
    assert by_id(rows)["doubled"].tests == "assert f(3) == 6\nassert f(2) == 4\nassert f(0) == 0"
    assert set(by_id(rows)) == {"doubled", "wrong tests", "wrong code"}
    assert statuses == {
        "doubled": Status.PASSED,
        "wrong tests": Status.PASSED,
        "wrong code": Status.FAILED,
        "other name": Status.PASSED,
        "alone": Status.PASSED,
    }


def test_a_survey_in_the_sandbox_keeps_what_it_found_before_the_time_was_up() -> None:
    code = "def f(x):\n    while x > 2:\n        pass\n    return 2 * x\n"
    tests = ["assert f(2) == 4", "assert f(1) == 3", "assert f(3) == 6", "assert f(0) == 0"]
    program = Program.of_code("survey", survey_program(code, tests), code)
    with open_sandbox(SandboxSettings(limits=Limits(timeout_s=2.0))) as sandbox:
        ((_, verdict),) = sandbox.run_as_completed([program])
    assert verdict.status == Status.TIMEOUT
    assert survey_outcomes(verdict, code, tests) == [True, False, None, None]
