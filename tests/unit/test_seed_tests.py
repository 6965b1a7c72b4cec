"""Tasks that request a seed's function, and the tests built from the values of its code."""

import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.generation import function_tasks
from selfcodealign.generation.function_tasks import signature, stub
from selfcodealign.opened_answers import COMPLETION_REQUEST
from selfcodealign.records import Response, Seed
from selfcodealign.sandbox.consensus import MAX_ASSERTIONS
from selfcodealign.sandbox.seed_tests import TOLERANCE, Call, as_assertion, calls_of, plain_value

CODE = "def f(x):\n    return 2 * x\n"


def response(tests: str, code: str = CODE) -> Response:
    return Response(
        id=tests, instruction_id="task", seed_id="seed", sample_index=0, response="", code=code, tests=tests,
        program=f"{code}\n\n{tests}", output_tokens=1,
    )  # fmt: skip


def seed(code: str, docstring: str = "Doubles.") -> Seed:
    texts = dict.fromkeys(("source", "package", "version", "licence", "file", "path", "name"), "t")
    return Seed(id=code, docstring=docstring, code=code, first_line=1, last_line=2, **texts)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (CODE, "f(x)"),
        (
            "import os\n\n\ndef f(a: int, *rest, key='k', **more) -> str:\n    return ''",
            "f(a: int, *rest, key='k', **more) -> str",
        ),
        ("from functools import cache\n\n\n@cache\ndef f(a, /, b=1):\n    return a", "f(a, /, b=1)"),
        ("x = 1", None),
        ("def f(", None),
        ("", None),
    ],
)
def test_a_task_shows_the_signature_of_the_function(code: str, shown: str | None):
    assert signature(code) == shown


@pytest.mark.parametrize(
    ("code", "begun"),
    [
        ('@cache\ndef f(x):\n    """One line."""\n    return x', '@cache\ndef f(x):\n    """One line."""'),
        ("def f(x):\n    return x", None),
        ("x = 1", None),
        ("def f(", None),
    ],
)
def test_a_stub_ends_with_the_docstring(code: str, begun: str | None):
    assert stub(code) == begun


def test_every_seed_becomes_a_task_or_is_counted():
    result = function_tasks([seed(CODE), seed("x = 1"), seed("def g():\n    return 1", docstring=" ")], run_seed=1)
    (task,) = result.rows
    assert task.instruction == "Write a Python function `f(x)`.\n\nDoubles."
    assert (task.parent_id, task.seed_id, task.category, task.difficulty) == (CODE, CODE, "function", "unrated")
    assert [(row.id, row.reason) for row in result.dropped] == [
        ("x = 1", "no_function"),
        ("def g():\n    return 1", "no_docstring"),
    ]
    assert result.usage.requests == 0


def test_half_of_the_tasks_show_the_beginning_of_the_code():
    code = 'import re\n\ndef half(x: float) -> float:\n    """Halves.\n\n    >>> half(2)\n    """\n    return x / 2'
    seeds = [replace(seed(code), id=f"s{number}") for number in range(400)]
    texts = [row.instruction for row in function_tasks(seeds, run_seed=1).rows]
    shown, told = sorted(set(texts), key=len, reverse=True)
    assert told == "Write a Python function `half(x: float) -> float`.\n\nDoubles."
    begun = code.partition("\n    return")[0]
    assert shown == f"{COMPLETION_REQUEST}\n\n```python\n{begun}\n```"
    assert 160 < texts.count(shown) < 240
    assert texts == [row.instruction for row in function_tasks(seeds, run_seed=1).rows]
    assert texts != [row.instruction for row in function_tasks(seeds, run_seed=2).rows]


def test_calls_are_what_the_tests_of_all_responses_are_about_the_most_frequent_first():
    responses = [
        response("assert f(1) == 2\nassert f(1) == 2\nassert f(2) == 4, 'message'"),
        response("assert f(2) == 5\nassert not f(0)\nassert f(3)\nassert f(4) > 7\nassert len('a') == 1"),
        response("x = 1\nassert f(x) == 2"),
        response("assert g(1) == 2", code="def g(x):\n    return x"),
    ]
    assert calls_of(responses, frozenset({"f"})) == [
        Call("f(2)", {"4": 1, "5": 1}),
        Call("f(1)", {"2": 1}),
        Call("f(0)", {"False": 1}),
        Call("f(3)", {"True": 1}),
    ]
    many = "\n".join(f"assert f({n}) == 0" for n in range(MAX_ASSERTIONS + 5))
    assert len(calls_of([response(many)], frozenset({"f"}))) == MAX_ASSERTIONS


def test_a_call_is_harder_the_fewer_responses_expect_the_right_value():
    call = Call("f(2)", {"4": 3, "5": 1})
    assert [call.share_right(value) for value in ("4", "5", "6")] == [0.75, 0.25, 0.0]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.sets(st.integers(), min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_a_plain_value_makes_an_assertion_that_it_passes_and_another_value_fails(value: object):
    shown = plain_value(repr(value))
    assert shown is not None
    assert ast.literal_eval(shown) == value
    assertion = as_assertion("f()", shown)
    exec(assertion, {"f": lambda: value})  # noqa: S102 - our own assertion
    with pytest.raises((AssertionError, TypeError)):
        exec(assertion, {"f": object})  # noqa: S102 - our own assertion


@pytest.mark.parametrize("shown", ["nan", "inf", "<object at 0x7f>", "[nan]", "date(1, 1, 1)", "1 +", "", "f(1)"])
def test_what_is_no_literal_that_equals_itself_is_no_expected_value(shown: str):
    assert plain_value(shown) is None


def test_a_float_is_compared_with_a_tolerance():
    assertion = as_assertion("f(1)", "0.3")
    exec(assertion, {"f": lambda x: 0.1 + 0.2})  # noqa: S102 - our own assertion
    with pytest.raises(AssertionError):
        exec(assertion, {"f": lambda x: 0.3 + 2 * TOLERANCE})  # noqa: S102 - our own assertion
