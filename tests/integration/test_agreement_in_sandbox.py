"""Agreement in the real sandbox: right answers pass each other's tests, and the odd one out does not."""

from pathlib import Path

import pytest

from selfcodealign.journal import open_journal
from selfcodealign.records import Response, Verdict
from selfcodealign.sandbox import Limits, SandboxSettings, measure_agreement, open_sandbox

pytestmark = pytest.mark.sandbox

CODES = {
    "doubled": ("def f(x):\n    return 2 * x\n", "assert f(3) == 6\n"),
    "added": ("def f(x):\n    return x + x\n", "assert f(4) == 8\nassert f(0) == 0\n"),
    "squared": ("def f(x):\n    return x * x\n", "assert f(2) == 4\nassert f(3) == 9\n"),
}


def test_the_response_that_shares_a_mistake_with_its_own_tests_agrees_with_nobody(tmp_path: Path) -> None:
    responses = [
        Response(
            id=name, instruction_id="task", seed_id="seed", sample_index=0, response="", code=code, tests=tests,
            program=f"{code.rstrip()}\n\n\n{tests}", output_tokens=1,
        )
        for name, (code, tests) in CODES.items()
    ]  # fmt: skip
    verdicts = [
        Verdict(id=name, status="passed", seconds=0.1, assertions=1, stdout="", stderr="", isolation="")
        for name in CODES
    ]
    settings = SandboxSettings(limits=Limits(timeout_s=10.0))
    with open_sandbox(settings) as sandbox, open_journal(tmp_path / "verdicts.sqlite") as journal:
        rows, counts = measure_agreement(sandbox, responses, verdicts, journal)
        again, counted = measure_agreement(sandbox, responses, verdicts, journal)
    assert {row.id: (row.num_compared, row.num_passed) for row in rows} == {
        "doubled": (2, 1),
        "added": (2, 1),
        "squared": (2, 0),
    }
    assert again == rows
    assert (counts.asked, counted.asked, counted.from_journal) == (6, 0, 6)
