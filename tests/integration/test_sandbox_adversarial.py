"""Programs whose right verdict is known, in real gVisor: no false pass, no false failure, nothing left for the next."""

import functools
from collections import Counter

import pytest
from adversarial import THEMES, Case

from selfcodealign.records import Verdict
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout_s=20.0, memory_mib=1024)
CASES = {f"{theme}: {case.name}": case for theme, cases in THEMES.items() for case in cases}
VICTIM = "after "


@functools.cache
def verdicts() -> dict[str, Verdict]:
    """Verdicts by name. One worker: what runs after a program runs in its container."""
    programs = []
    for name, case in CASES.items():
        programs.append(Program(name, case.source))
        if case.victim:
            programs.append(Program(VICTIM + name, case.victim))
    with open_sandbox(SandboxSettings(limits=LIMITS, num_workers=1)) as sandbox:
        return {verdict.id: verdict for verdict in sandbox.run(programs)}


def described(verdict: Verdict) -> str:
    return f"{verdict.status}, line {verdict.line}, noticed {verdict.noticed}: {verdict.stderr[-400:]}"


def test_there_are_enough_programs_of_each_kind() -> None:
    kinds = Counter("passed" if case.statuses == {"passed"} else "other" for case in CASES.values() if not case.victim)
    assert len(CASES) == sum(map(len, THEMES.values()))
    assert kinds["passed"] >= 110
    assert kinds["other"] >= 120
    assert sum(bool(case.victim) for case in CASES.values()) >= 30


@pytest.mark.parametrize("name", CASES)
def test_a_program_gets_its_verdict(name: str) -> None:
    case, verdict = CASES[name], verdicts()[name]
    assert verdict.status in case.statuses, described(verdict)
    assert verdict.status != "sandbox_error", described(verdict)
    if verdict.status == "passed":
        assert verdict.noticed, described(verdict)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.victim])
def test_the_program_after_it_gets_its_own_verdict(name: str) -> None:
    case: Case = CASES[name]
    verdict = verdicts()[VICTIM + name]
    assert verdict.status in case.victim_statuses, described(verdict)
