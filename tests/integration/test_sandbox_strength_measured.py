"""The strength of tests, measured in the real sandbox: strong tests kill, weak ones do not, branches are exact."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.journal import open_journal
from selfcodealign.records import Strength, Verdict
from selfcodealign.sandbox import (
    CodeUnderTest,
    Limits,
    SandboxSettings,
    StrengthCounts,
    measure_strength,
)

pytestmark = pytest.mark.sandbox

SETTINGS = SandboxSettings(limits=Limits(timeout_s=10.0, memory_mib=1024))

FARE = '''
def fare(age: int, stops: int = 3) -> int:
    """What a ride costs."""
    if stops < 0:
        raise ValueError("stops < 0")
    if age < 6:
        return 0
    elif age >= 65:
        return stops * 2 + 1
    return stops * 4


def total(ages: list[int]) -> int:
    result = 0
    for age in ages:
        result += fare(age)
    return result
'''
STRONG = """
assert [fare(age) for age in (5, 6, 64, 65)] == [0, 12, 12, 7]
assert [fare(age, 0) for age in (6, 65)] == [0, 1]
try:
    fare(30, -1)
    assert False
except ValueError:
    pass
assert total([]) == 0
assert total([5, 20, 70]) == 19
"""
WEAK = "assert fare(20) is not None\n"
HALF = "assert fare(3) == 0 and fare(20) == 12\n"
# Takes its time where the bound is lost: `left` never gets to 0.
ENDLESS = "def count(n):\n    left = n\n    while left > 0:\n        left -= 1\n    return left\n"


def subject(name: str, code: str, tests: str, seconds: float = 0.01) -> CodeUnderTest:
    return CodeUnderTest(id=name, code=code, program=as_program(code, tests), seconds=seconds)


def measure(
    subjects: Sequence[CodeUnderTest], folder: Path, max_mutants: int = 1000, seen: list[Verdict] | None = None
) -> tuple[dict[str, Strength], StrengthCounts]:
    with open_journal(folder / "verdicts.sqlite") as journal:
        on_verdict = None if seen is None else seen.append
        rows, counts = measure_strength(
            subjects, SETTINGS, journal, max_mutants=max_mutants, seed=42, on_verdict=on_verdict
        )
    assert [row.id for row in rows] == [one.id for one in subjects]
    return {row.id: row for row in rows}, counts


def test_strong_tests_kill_nearly_all_mutants_and_weak_ones_few_and_branches_are_exact(tmp_path: Path) -> None:
    subjects = [subject("strong", FARE, STRONG), subject("weak", FARE, WEAK), subject("half", FARE, HALF)]
    found, counts = measure(subjects, tmp_path)
    strong, weak, half = found["strong"], found["weak"], found["half"]
    assert strong.num_mutants == weak.num_mutants == half.num_mutants >= 20
    scores = [row.mutation_score or 0.0 for row in (weak, half, strong)]
    assert scores == sorted(set(scores))
    assert scores[0] <= 0.3
    assert scores[2] == 1.0
    # Three conditions and a loop, two arms each.
    assert [(row.num_branches, row.num_hit) for row in (strong, weak, half)] == [(8, 8), (8, 3), (8, 4)]
    assert [row.branch_coverage for row in (strong, weak, half)] == [1.0, 0.375, 0.5]
    assert len(weak.survivors) == weak.num_mutants - weak.num_killed
    assert "line 17, return_value: `return result` -> `return None`" in weak.survivors
    assert {row.score_unknown for row in found.values()} == {row.coverage_unknown for row in found.values()} == {""}

    seen: list[Verdict] = []
    again, rerun = measure(subjects, tmp_path, seen=seen)
    assert again == found
    assert (rerun.asked, rerun.from_journal) == (0, counts.asked)
    assert len(seen) == counts.asked


def test_the_sample_is_bounded_and_derives_from_the_id(tmp_path: Path) -> None:
    found, _ = measure([subject("a", FARE, WEAK), subject("b", FARE, WEAK)], tmp_path, max_mutants=5)
    assert [row.num_mutants for row in found.values()] == [5, 5]
    assert found["a"].survivors != found["b"].survivors


def test_a_mutant_that_never_ends_is_killed_by_a_short_time_limit(tmp_path: Path) -> None:
    seen: list[Verdict] = []
    found, _ = measure([subject("endless", ENDLESS, "assert count(3) == 0")], tmp_path, seen=seen)
    timed_out = [verdict for verdict in seen if verdict.status == "timeout"]
    assert timed_out
    assert max(verdict.seconds for verdict in timed_out) < 5
    assert found["endless"].num_killed >= len(timed_out)


def test_tests_that_go_silent_have_noticed_nothing(tmp_path: Path) -> None:
    code = "def halves(xs):\n    return [x / 2 for x in xs]\n"
    tests = "for half in halves([2, 4]) or []:\n    assert half in halves([2, 4])\n"
    found, _ = measure([subject("silent", code, tests)], tmp_path)
    assert any("return None" in text for text in found["silent"].survivors)


def test_what_cannot_be_measured_has_a_reason_and_does_not_stop_the_others(tmp_path: Path) -> None:
    code = "def f(x):\n    return 1 if x else 2\n"
    reads_itself = "import inspect\nassert 'return 1 if x else' in inspect.getsource(f) and f(0) == 2\n"
    floods = "import sys\nassert f(0) == 2\nsys.stderr.write('x' * 400_000)\n"
    elsewhere = CodeUnderTest(
        id="elsewhere", code="def g(): pass", program=as_program(code, "assert f(0)"), seconds=0.1
    )
    subjects = [
        subject("nothing", "class A:\n    pass\n", "assert A() is not None"),
        subject("reads", code, reads_itself),
        subject("floods", code, floods),
        elsewhere,
        subject("deep", f"x = {'-' * 3000}1\n", "assert x == 1"),
        subject("unittest", code, UNITTEST),
        subject("exits", code, "import sys\nassert f(1) == 1\nsys.exit(0)"),
    ]
    found, _ = measure(subjects, tmp_path)
    reasons = {name: (row.score_unknown, row.coverage_unknown) for name, row in found.items()}
    assert reasons == {
        "nothing": ("no_mutants", ""),
        "reads": ("", "not_passed_marked"),
        "floods": ("", "output_cut"),
        "elsewhere": ("code_not_found", "code_not_found"),
        "deep": ("unreadable", "unreadable"),
        "unittest": ("", ""),
        "exits": ("", ""),
    }
    assert found["nothing"].branch_coverage == 1.0
    assert (found["unittest"].num_branches, found["unittest"].num_hit) == (2, 2)
    assert (found["exits"].num_branches, found["exits"].num_hit) == (2, 1)


UNITTEST = """
import unittest


class TestF(unittest.TestCase):
    def test_f(self):
        self.assertEqual([f(0), f(1)], [2, 1])


if __name__ == "__main__":
    unittest.main()
"""


def test_the_exemplars_have_tests_that_notice_most_faults(tmp_path: Path) -> None:
    subjects = [subject(one.name, one.code, one.tests) for one in load_exemplars()]
    found, _ = measure(subjects, tmp_path, max_mutants=20)
    scores = sorted(row.mutation_score for row in found.values() if row.mutation_score is not None)
    assert len(scores) == len(subjects)
    assert scores[0] >= 0.5
    assert scores[len(scores) // 2] >= 0.8
    assert all(row.branch_coverage is not None and row.branch_coverage >= 0.6 for row in found.values())
