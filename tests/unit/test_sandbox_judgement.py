"""What a pass is: the rules by which copies are requested and a verdict is reached."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.sandbox.inside.judgement import HASHED, MAX_SITES, Copy, Facts, Judgement, SiteFacts, judge
from selfcodealign.sandbox.settings import Status
from selfcodealign.sandbox.trial import Trial

SITE = SiteFacts(
    number=0, line=3, is_decisive=True, is_certain=True, num_leaves=1, has_hashed=False, is_independent=True
)


def facts(**changes: Any) -> Facts:
    fields = {
        "is_plain": False, "can_break": True, "shadows": False, "swallows": False, "rigs": False, "has_doctests": False,
        "compares_inputs": False,
        "alters_code": "", "sites": [SITE],
    }  # fmt: skip
    return Facts(**{**fields, **changes})


def judged(found: Facts, ends: Callable[[Copy], str], *, has_exited: bool = False) -> tuple[Judgement, list[str]]:
    """The judgement if copies end so, and the copies that were requested."""
    judging, asked = judge(found, has_exited=has_exited), []
    try:
        copy = next(judging)
        while True:
            asked.append(f"{copy.kind} {copy.breaking}".strip())
            copy = judging.send(ends(copy))
    except StopIteration as stop:
        return stop.value, asked


def ends(**by_kind: str) -> Callable[[Copy], str]:
    return lambda copy: by_kind.get(copy.breaking if copy.kind == "break" else copy.kind, "done")


def test_an_ordinary_pass_takes_one_copy() -> None:
    judgement, asked = judged(facts(), ends(unequal="failed"))
    assert (judgement.status, judgement.noticed, judgement.missed) == ("passed", ["unequal"], [])
    assert asked == ["break unequal"]


def test_tests_that_notice_nothing_are_vacuous() -> None:
    judgement, asked = judged(facts(), ends())
    assert (judgement.status, judgement.noticed) == ("vacuous", [])
    assert judgement.missed == ["unequal", "equal", "nothing"]
    assert len(asked) == 3


@pytest.mark.parametrize("ending", ["timeout", "memory", "output", "incomplete", "exited", "sandbox_error"])
def test_a_broken_copy_must_fail_and_not_end_in_some_other_way(ending: str) -> None:
    assert judged(facts(), ends(unequal=ending, equal=ending, nothing=ending))[0].status == "vacuous"


def test_another_exception_counts_only_if_it_comes_from_the_assertions() -> None:
    assert judged(facts(), ends(unequal="error", mute="done"))[0].status == "passed"
    assert judged(facts(), ends(unequal="error", mute="error"))[0].status == "vacuous"
    assert judged(facts(), ends(nothing="error"))[0].status == "vacuous"


def test_without_code_there_is_nothing_to_notice() -> None:
    assert judged(facts(can_break=False), ends(unequal="failed"))[0].status == "vacuous"


def test_a_swallowed_failure_fails() -> None:
    assert judged(facts(swallows=True), ends(unequal="failed", harden="swallowed"))[0].status == "failed"
    assert judged(facts(swallows=True), ends(unequal="failed", harden="done"))[0].status == "passed"


def test_an_assertion_that_also_holds_for_a_wrong_value_is_vacuous() -> None:
    judgement, _ = judged(facts(rigs=True), ends(unequal="failed", fail="failed"))
    assert (judgement.status, judgement.line) == ("vacuous", 3)


def test_an_assertion_that_is_not_run_leaves_the_program_incomplete() -> None:
    assert judged(facts(rigs=True), ends(unequal="failed"))[0].status == "incomplete"


def test_tests_that_are_never_run_are_vacuous() -> None:
    sites = [SITE._replace(is_certain=False)]
    assert judged(facts(sites=sites), ends(unequal="failed", fail_all="done"))[0].status == "vacuous"
    assert judged(facts(sites=sites), ends(unequal="failed", fail_all="failed"))[0].status == "passed"


def test_an_expected_value_of_the_code_itself_proves_nothing_after_another_exception() -> None:
    ended = ends(unequal="error", mute="error", expect="failed")
    assert judged(facts(), ended)[0].status == "passed"
    assert judged(facts(sites=[SITE._replace(is_independent=False)]), ended)[0].status == "vacuous"


def test_what_is_found_by_its_hash_must_not_be_found_for_a_wrong_value_with_the_same_hash() -> None:
    found = facts(rigs=True, sites=[SITE._replace(has_hashed=True)])

    def ended(copy: Copy) -> str:
        return "done" if copy.kind == "expect" and copy.leaf == HASHED else "failed"

    assert judged(found, ended)[0].status == "vacuous"
    assert judged(found, lambda _: "failed")[0].status == "passed"


@pytest.mark.parametrize(
    ("fresh", "spoil", "status"),
    [("failed", "done", "vacuous"), ("failed", "failed", "passed"), ("done", "", "passed")],
)
def test_inputs_that_the_code_changes_must_be_compared_with_something_else(fresh: str, spoil: str, status: str) -> None:
    judgement, _ = judged(facts(compares_inputs=True), ends(unequal="failed", fresh=fresh, spoil=spoil))
    assert judgement.status == status


def test_doctests_must_notice_another_output() -> None:
    found = facts(has_doctests=True, sites=[])
    assert judged(found, ends(unequal="failed", doctest="done"))[0].status == "vacuous"
    assert judged(found, ends(unequal="failed", doctest="failed"))[0].status == "passed"


def test_a_program_that_reaches_into_code_that_runs_proves_nothing() -> None:
    judgement, asked = judged(facts(alters_code="f_lineno"), ends(unequal="failed"))
    assert judgement.status == "vacuous"
    assert "f_lineno" in judgement.note
    assert not asked


def test_many_assertions_cost_a_bounded_number_of_copies() -> None:
    sites = [SITE._replace(number=number, line=number) for number in range(500)]
    _, asked = judged(facts(rigs=True, sites=sites), ends(unequal="failed", expect="failed"))
    assert len(asked) == 1 + MAX_SITES


@given(
    st.sampled_from(["done", "exited", "failed", "error", "timeout", "incomplete", "swallowed"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_copies_do_a_pass_has_noticed_something(ending: str, rigs: bool, has_exited: bool) -> None:
    judgement, asked = judged(facts(rigs=rigs, swallows=True), lambda _: ending, has_exited=has_exited)
    assert (judgement.status != "passed") or judgement.noticed
    assert len(asked) < 10


# --- the same, as the host sees it


def answer(status: str, **changes: Any) -> dict[str, Any]:
    content = {
        "status": status, "line": 0, "seconds": 0.1, "stdout": "", "stderr": "", "facts": None, "judgement": None,
        "last_copy": None,
    }  # fmt: skip
    return {**content, **changes}


def as_message(found: Facts) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Facts.__slots__}


def test_a_program_that_does_not_end_well_has_its_verdict_at_once() -> None:
    found = Trial().take(answer("failed", line=4))
    assert found is not None
    assert (found.status, found.line, found.assertions) == (Status.FAILED, 4, 0)


def test_copies_are_requested_one_after_the_other_with_a_shorter_time_limit() -> None:
    trial = Trial()
    assert trial.timeout_s(60.0) == 60.0
    assert trial.take(answer("done", facts=as_message(facts()))) is None
    assert trial.copy == Copy("break", "unequal")
    assert trial.timeout_s(60.0) == 2.0
    found = trial.take(answer("failed", stderr="of the copy"))
    assert found is not None
    assert (found.status, found.noticed, found.stderr) == (Status.PASSED, ["unequal"], "")


def test_the_judgement_on_a_plain_program_comes_with_its_answer() -> None:
    judgement = {"status": "vacuous", "note": "why\n", "line": 2, "noticed": [], "missed": ["unequal"]}
    found = Trial().take(answer("done", facts=as_message(facts()), judgement=judgement))
    assert found is not None
    assert (found.status, found.line, found.stderr) == (Status.VACUOUS, 2, "why\n")


def test_a_plain_program_whose_copy_never_ended_is_judged_copy_by_copy() -> None:
    trial = Trial()
    last = {"kind": "break", "breaking": "unequal", "site": -1, "leaf": -1}
    assert trial.take(answer("done", facts=as_message(facts(is_plain=True)), last_copy=last)) is None
    assert trial.copy == Copy("break", "unequal")
