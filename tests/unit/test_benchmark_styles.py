"""Assertions rewritten in the styles of test frameworks, and how verdicts are compared with plain CPython's."""

import ast

import pytest

from benchmarks.sandbox.honest import KINDS, Comparison, Variant, spread, variants
from benchmarks.sandbox.styles import STYLES
from benchmarks.sandbox.suites import Source, Suite
from selfcodealign.records import Verdict
from selfcodealign.sandbox import Program

ADD = "def add(a, b):\n    return a + b"
SUITE = Suite("add", ADD, "import math\nassert add(1, 2) == 3\nassert add([1], []) is not None\nassert not add(1, -1)")
CHECK = Suite("check", ADD, "METADATA = {}\ndef check(candidate):\n    assert candidate(1, 2) == 3\n\ncheck(add)")
STATEFUL = Suite(
    "stateful", ADD, "total = add(1, 2)\nfor number in (1, 2):\n    assert add(number, total) == number + 3"
)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("suite", [SUITE, CHECK, STATEFUL], ids=lambda suite: suite.id)
def test_every_style_keeps_the_code_and_can_be_parsed(style: str, suite: Suite) -> None:
    tree = ast.parse(STYLES[style](suite))
    assert next(node.name for node in tree.body if isinstance(node, ast.FunctionDef)) == "add"


def test_assertions_become_methods_that_say_what_they_compare() -> None:
    text = STYLES["unittest"](SUITE)
    for call in ("assertEqual(add(1, 2), 3)", "assertIsNotNone(add([1], []))", "assertFalse(add(1, -1))"):
        assert f"self.{call}" in text
    assert text.count("def test_") == 3


def test_examples_show_what_the_interpreter_shows() -> None:
    docstring = ast.get_docstring(ast.parse(STYLES["doctest"](SUITE)).body[0])  # type: ignore[arg-type]
    assert docstring is not None
    assert ">>> add(1, 2)\n3\n" in docstring
    assert ">>> bool(not add(1, -1))\nTrue" in docstring


def test_arguments_and_expected_values_come_from_strategies() -> None:
    text = STYLES["hypothesis"](SUITE)
    assert "@given(st.just(1), st.just(2), st.just(3))\ndef test_1(argument_0, argument_1, expected):" in text


def test_the_tests_of_check_are_about_what_it_is_given() -> None:
    assert "self.assertEqual(add(1, 2), 3)" in STYLES["unittest"](CHECK)
    assert "candidate" not in STYLES["asyncio"](CHECK)


def test_statements_that_belong_together_stay_together() -> None:
    assert STYLES["pytest"](STATEFUL).count("def test_") == 1


def test_suites_are_spread_evenly_and_written_in_every_style() -> None:
    suites = [Suite(str(number), ADD, "assert add(1, 2) == 3") for number in range(10)]
    assert [suite.id for suite in spread(suites, 5)] == ["0", "2", "4", "6", "8"]
    written = list(variants([Source("sums", suites, is_styled=True)], 10, 2))
    assert len(written) == 10 + 2 * (len(STYLES) + 1)
    assert len({variant.program.id for variant in written}) == len(written)
    assert len(list(variants([Source("sums", suites, is_styled=False)], 10, 2))) == 10


@pytest.mark.parametrize(
    ("status", "exit_code", "kind"),
    [
        ("passed", 0, "equal"), ("failed", 1, "equal"), ("timeout", None, "equal"), ("vacuous", 1, "equal"),
        ("vacuous", 0, "stricter"), ("failed", 0, "false failure"), ("timeout", 0, "false failure"),
        ("passed", 1, "false pass"), ("passed", None, "false pass"),
    ],
)  # fmt: skip
def test_a_difference_has_its_kind(status: str, exit_code: int | None, kind: str) -> None:
    verdict = Verdict(id="1", status=status, seconds=0.0, assertions=1, stdout="", stderr="", isolation="none")
    compared = Comparison(Variant("sums", "as they are", Program("1", ADD)), verdict, exit_code, "")
    assert compared.kind == kind
    assert kind in KINDS
