"""Consensus tests: which assertions are tried, which are agreed on, and what a response is judged by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.records import ConsensusTests, Response, with_consensus
from selfcodealign.sandbox.consensus import (
    MAX_ASSERTIONS,
    MIN_AGREED,
    MIN_AGREEING,
    MIN_EXPECTED,
    MIN_SHARE,
    Assertion,
    Outcome,
    agreed,
    assertions_of,
    pooled,
)

CODE = "def f(x):\n    return 2 * x\n"


def response(tests: str, code: str = CODE, name: str = "r") -> Response:
    return Response(
        id=name, instruction_id="task", seed_id="seed", sample_index=0, response="", code=code, tests=tests,
        program=f"{code}\n\n{tests}", output_tokens=1,
    )  # fmt: skip


def test_an_assertion_takes_the_statements_before_it_along_but_not_the_assertions() -> None:
    tests = "assert f(1) == 2\nvalues = [1, 2]\nassert [f(v) for v in values] == [2, 4], 'message'\n"
    assert assertions_of(response(tests), {"f"}) == [
        Assertion("", "assert f(1) == 2", frozenset({"f"}), "2"),
        Assertion("values = [1, 2]", "assert [f(v) for v in values] == [2, 4]", frozenset({"f"}), "[2, 4]"),
    ]


def test_what_is_not_about_the_code_or_does_not_parse_is_no_assertion() -> None:
    for tests in ("assert len('ab') == 2", "def test_f():\n    assert f(1) == 2", "assert f(1) ==", "f(1) == 2"):
        assert assertions_of(response(tests), {"f"}) == []


def test_assertions_that_several_responses_bring_are_tried_first_and_the_number_is_limited() -> None:
    many = "\n".join(f"assert f({n}) == {2 * n}" for n in range(MAX_ASSERTIONS + 5))
    last = f"assert f({MAX_ASSERTIONS + 4}) == {2 * (MAX_ASSERTIONS + 4)}"
    own = [assertions_of(response(tests), {"f"}) for tests in (many, f"{last}\n{last}")]
    pool = pooled(own)
    assert len(pool) == MAX_ASSERTIONS
    assert pool[0].text == last
    assert len(set(pool)) == len(pool)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("f(1) == 2", "2"),
        ("f(1) is None", "None"),
        ("f(1)", "True"),
        ("not f(1)", "False"),
        ("f(1) != 2", "f(1) != 2"),
        ("1 < f(1) < 3", "1 < f(1) < 3"),
        ("f(1) == 2 == f(2)", "f(1) == 2 == f(2)"),
        ("2 in f(1)", "2 in f(1)"),
    ],
)
def test_the_value_that_an_assertion_asks_for(condition: str, expected: str) -> None:
    (found,) = assertions_of(response(f"assert {condition}"), {"f"})
    assert found.expected == expected


def assertion(text: str, expected: str) -> Assertion:
    return Assertion("", f"assert {text} == {expected}", frozenset({"f"}), expected)


def outcome(passed: str, tried: int = 4) -> Outcome:
    return Outcome(frozenset(passed), tried)


def test_of_two_assertions_that_contradict_each_other_the_one_with_more_responses_is_agreed() -> None:
    minority, majority, other = assertion("f(0)", "1"), assertion("f(0)", "0"), assertion("f(1)", "2")
    outcomes = {minority: outcome("ab", 5), majority: outcome("cde", 5), other: outcome("abcde", 5)}
    assert agreed([minority, other, majority], outcomes) == [majority, other]


def test_the_assertion_that_most_responses_fail_comes_first() -> None:
    pool = [assertion(f"f({number})", str(number)) for number in range(4)]
    outcomes = dict(zip(pool, (outcome("abcd"), outcome("ab"), outcome("abd"), outcome("ab")), strict=True))
    assert agreed(pool, outcomes) == [pool[1], pool[3], pool[2], pool[0]]


def test_assertions_that_different_responses_pass_are_no_suite() -> None:
    pool = [assertion(f"f({number})", str(number)) for number in range(3)]
    outcomes = dict(zip(pool, (outcome("ab"), outcome("bc"), outcome("cd")), strict=True))
    # The first takes its two responses; each of the others would leave one or none.
    assert agreed(pool, outcomes) == []


def test_assertions_that_a_constant_passes_are_no_suite() -> None:
    nones = [assertion(f"f({number})", "None") for number in range(4)]
    assert agreed(nones, dict.fromkeys(nones, outcome("abcd"))) == []
    pool = [*nones, assertion("f(4)", "1")]
    assert agreed(pool, dict.fromkeys(pool, outcome("abcd"))) == pool


@given(st.lists(st.sets(st.sampled_from("abcdefghijkl")), max_size=6), st.integers(1, 12))
def test_several_responses_and_a_share_of_them_pass_all_that_is_agreed(passed: list[set[str]], tried: int) -> None:
    pool = [assertion(f"f({number})", str(number)) for number in range(len(passed))]
    outcomes = {one: Outcome(frozenset(ids), max(tried, len(ids))) for one, ids in zip(pool, passed, strict=True)}
    found = agreed(pool, outcomes)
    assert found == sorted((one for one in pool if one in found), key=lambda one: outcomes[one].share)
    if found:
        together = frozenset.intersection(*(outcomes[one].passed for one in found))
        assert len(together) >= MIN_AGREEING
        assert all(len(together) >= MIN_SHARE * outcomes[one].tried for one in found)
        assert len(found) >= MIN_EXPECTED


@given(st.sets(st.sampled_from("abcd"), min_size=MIN_AGREEING), st.integers(MIN_AGREED, 6))
def test_assertions_that_the_same_responses_pass_are_all_agreed(passed: set[str], number: int) -> None:
    pool = [assertion(f"f({place})", str(place)) for place in range(number)]
    assert agreed(pool, dict.fromkeys(pool, Outcome(frozenset(passed), 4))) == pool


def test_what_did_not_run_is_not_agreed() -> None:
    assert agreed([assertion("f(1)", "2"), assertion("f(2)", "4")], {}) == []


def test_a_response_without_consensus_keeps_its_own_tests() -> None:
    rows = [response("assert f(1) == 3", name="a"), response("assert f(1) == 2", name="b")]
    found = ConsensusTests(id="a", tests="assert f(1) == 2\n", program="p", num_pooled=2, num_agreed=2)
    judged = with_consensus(rows, {"a": found})
    assert [(row.tests, row.code) for row in judged] == [("assert f(1) == 2\n", CODE), ("assert f(1) == 2", CODE)]
    assert judged[0].program == "p"
    assert judged[1] == rows[1]


@given(st.lists(st.sampled_from(["x = 1", "y = [2]", "assert f(1) == 2", "assert f(2) == 4", "z = f(3)"]), max_size=8))
def test_the_set_up_of_an_assertion_holds_all_statements_before_it_and_no_assertion(lines: list[str]) -> None:
    found = assertions_of(response("\n".join(lines)), {"f"})
    places = [place for place, line in enumerate(lines) if line.startswith("assert")]
    assert [assertion.text for assertion in found] == [lines[place] for place in places]
    for assertion, place in zip(found, places, strict=True):
        assert assertion.setup.splitlines() == [line for line in lines[:place] if not line.startswith("assert")]
