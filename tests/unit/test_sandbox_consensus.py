"""Consensus tests: which assertions are tried, which are agreed on, and what a response is judged by."""

from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.records import ConsensusTests, Response, with_consensus
from selfcodealign.sandbox.consensus import (
    MAX_ASSERTIONS,
    MIN_AGREEING,
    MIN_SHARE,
    Assertion,
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
        Assertion("", "assert f(1) == 2", frozenset({"f"})),
        Assertion("values = [1, 2]", "assert [f(v) for v in values] == [2, 4]", frozenset({"f"})),
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


@given(st.lists(st.lists(st.booleans(), max_size=12), max_size=6))
def test_an_assertion_is_agreed_on_by_several_and_by_a_share(outcomes: list[list[bool]]) -> None:
    pool = [Assertion("", f"assert f({number}) == 1", frozenset({"f"})) for number in range(len(outcomes))]
    results = dict(zip(pool, outcomes, strict=True))
    found = agreed(pool, results)
    for assertion, passes in results.items():
        enough = sum(passes) >= MIN_AGREEING and sum(passes) >= MIN_SHARE * len(passes)
        assert (assertion in found) == enough
    assert agreed(pool, {}) == []


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
