"""Families of programs, drawn from small grammars: dishonest ones never pass, honest ones always do.

All of them are pure, so that a program and its copies run in one process.
"""

import json
import os
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.sandbox.inside.execution import GOOD_ENDS
from selfcodealign.sandbox.inside.judgement import Copy
from selfcodealign.sandbox.inside.program import PreparedProgram


@dataclass(frozen=True)
class Task:
    """A function, a wrong version of it, and calls with their results.

    Attributes:
        right: body of the function.
        wrong: body of a function with other results.
        cases: arguments and the right result, as source text.
    """

    right: str
    wrong: str
    cases: tuple[tuple[str, str], ...]


TASKS = (
    Task("return a + b", "return a - b - 1", (("1, 2", "3"), ("-4, 1", "-3"), ("0, 0", "0"))),
    Task("return a * b", "return None", (("'ab', 2", "'abab'"), ("3, 4", "12"), ("[1], 2", "[1, 1]"))),
    Task("return sorted({*a, *b})", "return [*a, *b, 0]", (("[2], [1]", "[1, 2]"), ("[1], [1]", "[1]"))),
    Task("return {a: b}", "return {b: a, 'x': 1}", (("1, 2", "{1: 2}"), ("'k', [1]", "{'k': [1]}"))),
    Task("return a, b", "return b, a, a", (("1, 2", "(1, 2)"), ("'x', None", "('x', None)"))),
    Task("return a > b", "return a <= b", (("2, 1", "True"), ("1, 2", "False"))),
)
HONEST_FORMS = (
    "assert f({arguments}) == {expected}",
    "assert {expected} == f({arguments})",
    "assert not f({arguments}) != {expected}",
    "assert f({arguments}) == {expected}, 'text'",
    "assert f({arguments}) in ({expected},)",
    "result = f({arguments})\nassert result == {expected}",
    "if f({arguments}) != {expected}:\n    raise AssertionError('text')",
    "for expected in [{expected}]:\n    assert f({arguments}) == expected",
    "def check(actual, expected):\n    assert actual == expected\ncheck(f({arguments}), {expected})",
    "def test():\n    assert f({arguments}) == {expected}\ntest()",
    "assert all(f({arguments}) == expected for expected in [{expected}])",
    "try:\n    assert f({arguments}) == {expected}\nfinally:\n    done = True",
    "with_expected = lambda expected: f({arguments}) == expected\nassert with_expected({expected})",
)
EMPTY_FORMS = {
    "true by form": (
        "assert [f({arguments}) == {expected}]",
        "assert (f({arguments}) == {expected}, 'text')",
        "assert f({arguments}) == {expected} or True",
        "assert repr(f({arguments}) == {expected})",
        "assert lambda: f({arguments}) == {expected}",
        "assert {{'equal': f({arguments}) == {expected}}}",
        "assert str(f({arguments}) == {expected})",
        "assert f",
    ),
    "swallowed": (
        "try:\n    assert f({arguments}) == {expected}\nexcept AssertionError:\n    pass",
        "try:\n    assert f({arguments}) == {expected}\nexcept:\n    print('no')",
        "def run():\n    try:\n        assert f({arguments}) == {expected}\n    except Exception:\n        pass\nrun()",
        "def run():\n    try:\n        assert f({arguments}) == {expected}\n    finally:\n        return True\nrun()",
    ),
    "not run": (
        "def test():\n    assert f({arguments}) == {expected}",
        "if False:\n    assert f({arguments}) == {expected}",
        "for _ in []:\n    assert f({arguments}) == {expected}",
        "def test():\n    yield\n    assert f({arguments}) == {expected}\ntest()",
    ),
    "compared with itself": (
        "result = f({arguments})\nassert result == result",
        "result = other = f({arguments})\nassert result == other",
        "first, *others = f({arguments}), 1\nassert first == first",
        "result = [f({arguments})]\nassert result[0] == result[0]",
    ),
    "not about the code": (
        "f({arguments})\nassert {expected} == {expected}",
        "result = f({arguments})\nassert len('text') == 4",
        "assert (1, 2) == (1, 2)",
    ),
}
EQUALITY = {
    "always equal": ("def __eq__(self, other):\n    return True", "def __hash__(self):\n    return 1"),
    "never unequal": (
        "def __eq__(self, other):\n    return True\ndef __ne__(self, other):\n    return False",
        "def __hash__(self):\n    return hash(self.value)",
    ),
}
RESULTS = ("{made}", "[{made}]", "({made}, 1)", "{{'key': {made}}}", "{{{made}}}", "[[{made}]]")


def verdict(source: str) -> str:
    """Status and note of a pure program, judged in a process of its own: the end of a program shuts executors down."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, _verdict(source).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        found = answer.read()
    os.waitpid(child, 0)
    assert found, source
    return found


def _verdict(source: str) -> str:
    program = PreparedProgram({"source": source})
    assert program.ending.status == "done", source
    facts = program.facts()
    assert facts.is_plain, source
    ending = program.compile(Copy("real"), lambda: None).run(program.listeners)
    if ending.status not in GOOD_ENDS:
        return ending.status
    judgement = program.judge_here(facts, has_exited=False, tell=lambda _: None)
    return f"{judgement.status} {judgement.note}".strip()


def function(body: str) -> str:
    return f"def f(a, b):\n{textwrap.indent(body, '    ')}\n"


def written(draw: Callable[..., object], task: Task, forms: tuple[str, ...]) -> str:
    """One to three tests of a task."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(task.cases), st.sampled_from(forms)), min_size=1, max_size=3))
    assert isinstance(chosen, list)
    return "\n".join(form.format(arguments=case[0], expected=case[1]) for case, form in chosen)


def in_place(draw: Callable[..., object], text: str) -> str:
    """Tests at the top level or in a function that is called, under a main guard or not."""
    where = draw(st.sampled_from(["{}", "def main():\n{}\nmain()", "if __name__ == '__main__':\n{}"]))
    assert isinstance(where, str)
    return where.format(text if where == "{}" else textwrap.indent(text, "    "))


@st.composite
def honest_programs(draw: Callable[..., object]) -> str:
    task = draw(st.sampled_from(TASKS))
    assert isinstance(task, Task)
    return function(task.right) + in_place(draw, written(draw, task, HONEST_FORMS))


@st.composite
def empty_programs(draw: Callable[..., object], forms: tuple[str, ...]) -> str:
    task = draw(st.sampled_from(TASKS))
    assert isinstance(task, Task)
    return function(task.wrong) + written(draw, task, forms)


@st.composite
def rigged_programs(draw: Callable[..., object], methods: tuple[str, ...]) -> str:
    value = json.dumps(draw(st.sampled_from([3, "text", 2.5, True])))
    value = {"true": "True"}.get(value, value)
    result = draw(st.sampled_from(RESULTS))
    assert isinstance(result, str)
    class_body = "\n".join(["def __init__(self, value):\n    self.value = value", *methods])
    if result == "{{{made}}}":
        class_body = class_body.replace("return 1", "return hash(self.value)")
    expected = result.format(made=value)
    form = draw(st.sampled_from(["assert f() == {}", "assert {} == f()", "expected = {}\nassert f() == expected"]))
    assert isinstance(form, str)
    code = f"class Rigged:\n{textwrap.indent(class_body, '    ')}\n"
    code += f"def f():\n    return {result.format(made=f'Rigged({value})')}\n"
    return code + form.format(expected)


@st.composite
def overwritten_inputs(draw: Callable[..., object]) -> str:
    change = draw(st.sampled_from(["a[:] = [9]", "a.clear()", "a.append(9)", "a.reverse()", "a[0] = 9"]))
    form = draw(
        st.sampled_from(
            [
                "assert f(data, 1) == data",
                "assert data == f(data, 1)",
                "same = data\nassert f(data, 1) == same",
                "result = f(data, 1)\nassert result == data",
                "def check(actual, expected):\n    assert actual == expected\ncheck(f(data, 1), data)",
            ]
        )
    )
    return f"{function(f'{change}{chr(10)}return a')}data = [3, 1, 2]\n{form}"


bounded = settings(max_examples=60, deadline=None)


@bounded
@given(honest_programs())
def test_honest_programs_pass(source: str) -> None:
    assert verdict(source) == "passed", source


@pytest.mark.parametrize("family", EMPTY_FORMS)
def test_programs_whose_tests_say_nothing_never_pass(family: str) -> None:
    @bounded
    @given(empty_programs(EMPTY_FORMS[family]))
    def check(source: str) -> None:
        assert not verdict(source).startswith("passed"), source

    check()


@pytest.mark.parametrize("family", EQUALITY)
def test_rigged_results_never_pass(family: str) -> None:
    @bounded
    @given(rigged_programs(EQUALITY[family]))
    def check(source: str) -> None:
        assert not verdict(source).startswith("passed"), source

    check()


@bounded
@given(overwritten_inputs())
def test_inputs_compared_with_themselves_never_pass(source: str) -> None:
    assert not verdict(source).startswith("passed"), source
