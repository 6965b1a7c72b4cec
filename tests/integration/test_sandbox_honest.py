"""Verdicts beside plain CPython's in a container without a judge, for every style of tests."""

import json
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.sandbox.honest import Comparison, Variant, compare, counted, variants, write_differences
from benchmarks.sandbox.styles import STYLES
from benchmarks.sandbox.suites import Source, Suite
from selfcodealign.sandbox import Limits, Program

pytestmark = pytest.mark.sandbox

TESTS = "assert root(16) == 4\nassert root(9) > 2"
RIGHT = Suite("right", "def root(x):\n    return round(x ** 0.5)", TESTS)
WRONG = Suite("wrong", "def root(x):\n    return round(x ** 0.25)", TESTS)
VACUOUS = Program("vacuous", "def root(x):\n    return x\n\n\nassert [root(16) == 4]\n")
ENDLESS = Program("endless", "def root(x):\n    while True:\n        pass\n\n\nassert root(16) == 4\n")


@pytest.fixture(scope="module")
def compared() -> list[Comparison]:
    listed = list(variants([Source("roots", [RIGHT, WRONG], is_styled=True)], 2, 2))
    listed += [Variant("others", "as they are", program) for program in (VACUOUS, ENDLESS)]
    return compare(listed, Limits(timeout_s=10.0, memory_mib=1024), num_cores=2)


def test_right_code_passes_and_wrong_code_fails_in_both_whatever_the_style(compared: list[Comparison]) -> None:
    roots = [row for row in compared if row.variant.source == "roots"]
    assert len(roots) == 2 * (len(STYLES) + 2)
    assert [row.as_dict() for row in roots if row.kind != "equal"] == []
    for row in roots:
        is_right = "/right " in row.variant.program.id
        assert (row.verdict.status == "passed") is is_right, row.as_dict()
        assert (row.exit_code == 0) is is_right, row.as_dict()


def test_what_differs_is_counted_and_written_with_what_explains_it(compared: list[Comparison], tmp_path: Path) -> None:
    assert counted(compared)["others"] == Counter({"stricter": 1, "equal": 1})
    write_differences(compared, tmp_path / "differences.jsonl")
    (line,) = (tmp_path / "differences.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (row["id"], row["kind"], row["status"], row["exit_code"]) == ("vacuous", "stricter", "vacuous", 0)
    assert row["missed"] == ["unequal", "equal", "nothing"]
    assert row["program"] == VACUOUS.source
