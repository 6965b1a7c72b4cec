"""Seed tests in the real sandbox: correct responses pass and wrong ones fail, whatever their own tests expect."""

from pathlib import Path

import pytest

from selfcodealign.journal import open_journal
from selfcodealign.records import Response, by_id, with_consensus
from selfcodealign.sandbox import (
    Program,
    SandboxSettings,
    Status,
    measure_seed_tests,
    open_sandbox,
    run_journalled,
)

pytestmark = pytest.mark.sandbox

CODES = {
    "middle": "def middle(items):\n    found = sorted(items)\n    return found[len(found) // 2]\n",
    "mean": "import statistics\n\n\ndef mean(items):\n    return statistics.fmean(items) if items else None\n",
    "draw": "import random\n\n\ndef draw(n):\n    return random.random() * n\n",
    "constant": "def constant(x):\n    return 1\n",
    "missing": "import no_such_package\n\n\ndef missing(x):\n    return x\n",
    "endless": "def endless(x):\n    while x > 1:\n        pass\n    return x\n",
}
RESPONSES = {
    "right": (
        "middle",
        CODES["middle"],
        "assert middle([3, 1, 2]) == 3\nassert middle([5]) == 5\nassert middle([]) is None",
    ),
    "unsorted": ("middle", "def middle(items):\n    return items[len(items) // 2]\n", "assert middle([3, 1, 2]) == 1"),
    "other name": (
        "middle",
        "def median(items):\n    return sorted(items)[len(items) // 2]\n",
        "assert median([5]) == 5",
    ),
    "sum": (
        "mean",
        "def mean(items):\n    return sum(items) / len(items) if items else None\n",
        "assert mean([0.1, 0.2]) == 0.3\nassert mean([]) == 0\nassert mean([1, 2, 3]) == 2",
    ),
    "zero": ("mean", "def mean(items):\n    return sum(items) / len(items) if items else 0\n", "assert mean([]) == 0"),
    "drawn": ("draw", CODES["draw"], "assert draw(1) == 0.5\nassert draw(2) == 1.5"),
    "ones": ("constant", CODES["constant"], "assert constant(1) == 1\nassert constant(2) == 1"),
    "identity": ("missing", "def missing(x):\n    return x\n", "assert missing(1) == 1\nassert missing(2) == 2"),
    "hangs": ("endless", CODES["endless"], "assert endless(9) == 1\nassert endless(0) == 0\nassert endless(1) == 1"),
}


def test_responses_are_judged_by_the_values_of_their_seed(tmp_path: Path) -> None:
    responses = [
        Response(
            id=name, instruction_id=task, seed_id=task, sample_index=0, response="", code=code, tests=tests,
            program=f"{code.rstrip()}\n\n\n{tests}", output_tokens=1,
        )
        for name, (task, code, tests) in RESPONSES.items()
    ]  # fmt: skip
    with open_sandbox(SandboxSettings()) as sandbox, open_journal(tmp_path / "verdicts.sqlite") as journal:
        rows, counts = measure_seed_tests(sandbox, responses, CODES, journal)
        again, counted = measure_seed_tests(sandbox, responses, CODES, journal)
        judged = [row for row in with_consensus(responses, by_id(rows)) if row.id in by_id(rows)]
        programs = [Program.of_code(row.id, row.program, row.code) for row in judged]
        statuses = {verdict.id: verdict.status for verdict in run_journalled(sandbox, programs, journal)[0]}
    assert again == rows
    assert (counted.asked, counted.from_journal) == (0, counts.asked)
    # No response expects the first value. `middle([])` raises an IndexError, so it does not become a test.
    assert by_id(rows)["right"].tests == "assert middle([3, 1, 2]) == 2\nassert middle([5]) == 5"
    # Equally hard calls are sorted by frequency. Floats are compared with a tolerance.
    none, tenths, whole = by_id(rows)["sum"].tests.splitlines()
    assert none == "assert mean([]) is None"
    assert tenths.startswith("assert abs(mean([0.1, 0.2]) - 0.15")
    assert whole == "assert abs(mean([1, 2, 3]) - 2.0) < 1e-06"
    # No tests for values that change or are all equal, a missing library, or a first call that never returns.
    assert statuses == {
        "right": Status.PASSED,
        "unsorted": Status.FAILED,
        "sum": Status.PASSED,
        "zero": Status.FAILED,
    }
