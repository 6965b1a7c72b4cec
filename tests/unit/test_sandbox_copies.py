"""Counterfactual copies: broken code, wrong expected values, failures that cannot be swallowed."""

import ast
import contextlib
import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.sandbox.inside.copies import Copies
from selfcodealign.sandbox.inside.edits import Names
from selfcodealign.sandbox.inside.judgement import HASHED
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.wrong import FAR, count_leaves, equal, unequal, wrong_expected, wrong_literal


class Prepared:
    """A program of which copies are run in this process."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self.names = Names()
        self.copies = Copies(source, self.tree, Parts(self.tree), self.names)
        self.failures: list[bool] = []

    def run(self, breaking: str = "unequal") -> dict[str, Any]:
        """Execute the program with the edits that were made, and take them back."""
        self.names.bind(breaking, lambda: self.failures.append(True))
        try:
            code = compile(self.tree, "<copy>", "exec")
            self.copies.undo()
            namespace: dict[str, Any] = {"__name__": "__main__"}
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, namespace)  # noqa: S102
            return namespace
        finally:
            self.names.unbind()

    def breaks(self, breaking: str) -> str:
        """What a copy with broken code ends with: the name of an exception, or nothing."""
        self.copies.break_code()
        return ended(lambda: self.run(breaking))

    def expects(self, site: int = 0, leaf: int = -1) -> str:
        """What a copy with a wrong expected value ends with."""
        self.copies.expect_wrong(self.copies.sites[site], leaf)
        return ended(self.run)


def ended(action: Any) -> str:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - the point
        return type(error).__name__
    return ""


ADD = "def add(a, b):\n    return a + b\n"
STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n"
    "    def push(self, x):\n        self.items.append(x)\n"
    "    def pop(self):\n        return self.items.pop()\n    def __len__(self):\n        return len(self.items)\n"
)


@pytest.mark.parametrize(
    "source",
    [
        ADD + "assert add(1, 2) == 3",
        ADD + "assert add(1, 2) != 4",
        ADD + "assert add(1, 2)",
        ADD + "assert not add(1, -1)",
        ADD + "assert add(1, 2) > 2",
        ADD + "assert not add(1, 2) > 9",
        ADD + "assert add(1, 2) in (3, 4)",
        ADD + "assert add(1, 2) not in (4, 5)",
        ADD + "assert isinstance(add(1, 2), int)",
        ADD + "assert add('a', 'b').startswith('a')",
        ADD + "assert add([1], [2])[1] == 2",
        ADD + "assert all(add(x, 1) == x + 1 for x in range(3))",
        ADD + "a, = add([1], [])\nassert a == 1",
        STACK + "s = Stack()\ns.push(1)\nassert s.pop() == 1",
        STACK + "s = Stack()\ns.push(1)\nassert s.items == [1]",
        STACK + "s = Stack()\ns.push(1)\nassert len(s) == 1",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nassert P(1).x == 1",
        "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\nassert P(1).x == 1",
        "import enum\nclass C(enum.Enum):\n    RED = 1\nassert C.RED.value == 1",
        "def g(n):\n    yield from range(n)\nassert list(g(3)) == [0, 1, 2]",
        "def f(x):\n    if x < 0:\n        raise ValueError\n    return x\n"
        "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
        "def fill(xs):\n    xs[:] = [1]\nys = [2]\nfill(ys)\nassert ys == [1]",
        "total = sum([1, 2])\nassert total == 3",
    ],
)
def test_honest_tests_notice_broken_code_and_are_given_back_whole(source: str) -> None:
    prepared = Prepared(source)
    before = ast.dump(prepared.tree)
    assert prepared.breaks("unequal") or prepared.breaks("equal")
    assert ast.dump(prepared.tree) == before
    assert ended(prepared.run) == ""


@pytest.mark.parametrize(
    "test",
    [
        "[add(1, 2) == 4]", "(add(1, 2) == 4, 'text')", "add(1, 2) | True", "map(add, [1], [2])", "{add(1, 2): 1}",
        "add(1, 2) == 4 or True", "add", "f'{add(1, 2)}'", "str(add(1, 2))", "[x for x in [add(1, 2)]]",
        "add(1, 2).real or 1",
        "lambda: add(1, 2) == 4", "add(1, 2) == 4 if False else True", "{'x': add(1, 2)}", "print(add(1, 2)) is None",
    ],
)  # fmt: skip
def test_conditions_that_hold_by_their_form_survive_every_break(test: str) -> None:
    prepared = Prepared(f"{ADD}assert {test}")
    assert [prepared.breaks(breaking) for breaking in ("unequal", "equal")] == ["", ""]


def test_none_is_the_break_that_notices_a_test_against_none() -> None:
    prepared = Prepared(f"{ADD}assert add(1, 2) is not None")
    assert [prepared.breaks(breaking) for breaking in ("unequal", "equal", "nothing")] == ["", "", "AssertionError"]


@pytest.mark.parametrize(
    ("test", "is_decisive"),
    [
        ("add(1, 2) == 3", True), ("3 == add(1, 2)", True), ("add([1], [2]) == [1, 2]", True),
        ("add(1, 2) in [3]", True),
        ("not add(1, 2) != 3", True), ("add(1, 2) is 3", True), ("add(1, 2) == 3 and add(0, 0) == 0", True),
        ("abs(add(1, 2) - 3) < 1e-9", True), ("add(1, 2) < 4", True), ("add(1, 2) != 4", False), ("add(1, 2)", False),
        ("all(add(x, 1) == x + 1 for x in range(3))", True), ("isinstance(add(1, 2), int)", True),
        ("any(add(x, 1) == 2 for x in range(3))", False), ("add(1, 2) == 3 or add(1, 2) == 4", True),
    ],
)  # fmt: skip
def test_an_honest_result_does_not_equal_a_wrong_expected_value(test: str, is_decisive: bool) -> None:
    prepared = Prepared(f"{ADD}assert {test}")
    assert prepared.copies.expect_wrong(prepared.copies.sites[0]) is is_decisive
    prepared.copies.undo()
    if is_decisive:
        assert prepared.expects() == "AssertionError"


ALWAYS = "class Always:\n    def __eq__(self, other):\n        return True\ndef f():\n    return "


@pytest.mark.parametrize(
    ("result", "expected"),
    [("Always()", "3"), ("[Always()]", "[3]"), ("{'x': [Always()]}", "{'x': [3]}"), ("(Always(), Always())", "(1, 2)")],
)
def test_a_result_that_equals_everything_equals_a_wrong_expected_value(result: str, expected: str) -> None:
    assert Prepared(f"{ALWAYS}{result}\nassert f() == {expected}").expects() == ""


def test_each_of_several_expected_values_is_made_wrong_alone() -> None:
    prepared = Prepared(f"{ALWAYS}[1, Always()]\nassert f() == [1, 2]")
    assert [prepared.expects(leaf=leaf) for leaf in (-1, 0, 1)] == ["AssertionError", "AssertionError", ""]


RIGGED = (
    "class Rigged:\n    def __init__(self, value):\n        self.value = value\n"
    "    def __hash__(self):\n        return hash(self.value)\n    def __eq__(self, other):\n        return True\n"
)


@pytest.mark.parametrize(
    ("result", "test"),
    [("{Rigged(3)}", "f() == {3}"), ("{Rigged('a'): 1}", "f() == {'a': 1}"), ("[Rigged(3)]", "set(f()) == set([3])")],
)
def test_a_wrong_value_with_the_same_hash_is_found_in_rigged_sets_and_not_in_others(result: str, test: str) -> None:
    program = f"{RIGGED}def f():\n    return {result}\nassert {test}"
    assert Prepared(program).expects() == "AssertionError"
    assert Prepared(program).expects(leaf=HASHED) == ""
    honest = re.sub(r"Rigged\((\S+?)\)", r"\1", result)
    assert Prepared(f"def f():\n    return {honest}\nassert {test}").expects(leaf=HASHED) == "AssertionError"


def test_code_gets_copies_of_its_inputs_and_spoils_them() -> None:
    prepared = Prepared("def f(xs):\n    xs[:] = [9]\n    return xs\ndata = [1]\nassert f(data) == data")
    assert prepared.copies.compares_inputs
    prepared.copies.refresh_inputs()
    assert ended(prepared.run) == "AssertionError"
    prepared.copies.break_code(spoils=True)
    assert ended(prepared.run) == ""
    assert not Prepared("def f(xs):\n    return xs\ndata = [1]\nassert f(data) == [1]").copies.compares_inputs


@pytest.mark.parametrize("breaking", ["unequal", "equal", "nothing"])
def test_a_wrong_result_can_be_unpacked(breaking: str) -> None:
    code = "def f():\n    return [(1, 2)]\ndef g():\n    return 1, 2\n"
    tests = "a, b = g()\nassert a == a\nfor c, d in f():\n    assert (c, d) == (c, d)\nassert [x for x, y in f()]"
    assert Prepared(code + tests).breaks(breaking) == ""


def test_a_copy_with_other_literals_has_a_text_of_its_own() -> None:
    prepared = Prepared(f"{ADD}assert add(1, 2) == (\n    3\n)\nassert add('é', 'x') == 'éx'\n")
    prepared.copies.expect_wrong(prepared.copies.sites[1])
    text = prepared.copies.text()
    assert prepared.copies.has_only_literals
    assert text.count("\n") == prepared.source.count("\n")
    assert "'\\x00wrong'" in text
    prepared.copies.undo()
    assert prepared.copies.text() == prepared.source


def test_a_swallowed_failure_is_noted_in_a_hardened_copy() -> None:
    prepared = Prepared(
        f"{ADD}def run():\n    try:\n        assert add(1, 2) == 4\n    except Exception:\n        pass\nrun()"
    )
    prepared.copies.harden()
    assert ended(prepared.run) == ""
    assert prepared.failures == [True]


def test_failures_that_the_code_is_to_raise_are_not_noted() -> None:
    code = "def root(x):\n    assert x >= 0\n    return x ** 0.5\n"
    tests = "try:\n    root(-1)\n    assert False\nexcept AssertionError:\n    pass\nassert root(4) == 2"
    prepared = Prepared(code + tests)
    prepared.copies.harden()
    assert ended(prepared.run) == ""
    assert not prepared.failures


def test_assertions_fail_or_are_left_out_on_demand() -> None:
    prepared = Prepared(f"{ADD}assert add(1, 2) == 3\nassert add(1, 1) == 2")
    prepared.copies.fail(prepared.copies.sites[1])
    assert ended(prepared.run) == "AssertionError"
    prepared.copies.fail_all()
    assert ended(prepared.run) == "AssertionError"
    prepared.copies.break_code()
    prepared.copies.mute()
    assert ended(prepared.run) == ""


def test_the_expected_output_of_doctests_is_made_wrong() -> None:
    prepared = Prepared('def f():\n    """\n    >>> f()\n    3\n    """\n    return 3\nassert f() == 3')
    prepared.copies.expect_other_output()
    assert "3 wrong" in str(prepared.run()["f"].__doc__)


def test_every_exemplar_notices_broken_code_and_wrong_values() -> None:
    for exemplar in load_exemplars():
        prepared = Prepared(as_program(exemplar.code, exemplar.tests))
        assert prepared.breaks("unequal") == "AssertionError", exemplar.name
        for number, site in enumerate(prepared.copies.sites):
            is_decisive = prepared.copies.expect_wrong(site)
            prepared.copies.undo()
            assert not is_decisive or prepared.expects(number), (exemplar.name, number)


literals = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(literals)
def test_a_wrong_value_never_equals_what_it_stands_for(value: Any) -> None:
    assert wrong_expected(value) != value
    num_leaves = count_leaves(value)
    for wrong_place in range(num_leaves):
        wrong = wrong_literal(value, iter([place == wrong_place for place in range(num_leaves)]))
        assert wrong != value
        assert ast.literal_eval(repr(wrong)) == wrong
    assert wrong_literal(value, iter([False] * num_leaves)) == value


@settings(max_examples=200, deadline=None)
@given(literals)
def test_one_wrong_result_equals_nothing_and_the_other_everything(value: Any) -> None:
    assert unequal() != value
    assert unequal() != value
    assert unequal()
    assert equal() == value
    assert equal() == value
    assert not equal()
    assert bool([unequal()])
    assert bool(unequal() | value)
    assert bool(unequal().anything)
    assert not unequal() < FAR
    assert equal() < FAR
