"""Which assertions count, which statements are last, and which main blocks are cut."""

import ast
import unittest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.sandbox.inside.instrument import Prepared, prepare, tampers
from selfcodealign.sandbox.inside.outcome import FILENAME, Outcome
from selfcodealign.sandbox.inside.syntax import Syntax


def prepared(source: str, outcome: Outcome | None = None) -> Prepared:
    return prepare(Syntax(ast.parse(source, FILENAME)), FILENAME, outcome or Outcome())


def outcome_of(source: str, *, is_control: bool = False) -> Outcome:
    """Execute a program in this process and return what its assertions said."""
    outcome = Outcome(is_control=is_control)
    namespace = {"__name__": "__main__"}
    exec(prepared(source, outcome).code, namespace)  # noqa: S102
    assert not any("count" in name or "watch" in name for name in namespace)  # nothing for a program to find and call
    return outcome


def run(source: str) -> int:
    """Execute a program in this process and return how many assertions were counted."""
    return outcome_of(source).assertions


FUNCTION = "def double(x):\n    return 2 * x\n"


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ("assert double(2) == 4", 1),
        ("assert double(2) == 4; assert double(3) == 6", 2),
        ("for i in range(5):\n    assert double(i) == i + i", 5),
        ("if True:\n    assert double(2)\nelse:\n    assert double(3)", 1),
        ("try:\n    pass\nfinally:\n    assert double(1)", 1),
        ("match double(1):\n    case 2:\n        assert double(2) == 4", 1),
        ("def test():\n    assert double(2) == 4", 0),
        ("def test():\n    assert double(2) == 4\ntest()", 1),
        ("assert True", 0),
        ("assert 1 == 1", 0),
        ("assert len('ab') == 2", 0),
        ("assert isinstance(double(1), int)", 1),
        ("assert (double(2) == 5, 'a message')", 0),
        ("assert lambda: double(2) == 5", 0),
        ("assert f'{double(2)} == 5'", 0),
        ("assert double(2) == 5 or True", 0),
        ("assert double(2) == 4 or double(2) == 5", 1),
        ("from unittest.mock import ANY\nassert double(2) == ANY", 0),
        ("import math\nassert math.sqrt(double(2)) == 2", 1),
    ],
)
def test_an_assertion_counts_when_it_runs_and_names_more_than_builtins(tests: str, expected: int) -> None:
    assert run(FUNCTION + tests) == expected


def test_a_builtin_that_the_program_defines_anew_is_its_own_name() -> None:
    assert run("def sum(items):\n    return 3\nassert sum([1, 2]) == 3") == 1
    assert run("assert sum([1, 2]) == 3") == 0


UNITTEST = """
import unittest
class Test(unittest.TestCase):
    def setUp(self):
        self.value = double(2)
    def test_it(self):
        {body}
result = unittest.TextTestRunner(stream=open("/dev/null", "w")).run(
    unittest.defaultTestLoader.loadTestsFromTestCase(Test))
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("self.assertEqual(double(2), 4)", 1),
        ("self.assertEqual(self.value, 4)", 1),
        ("self.assertTrue(True)", 0),
        ("self.assertEqual(double(2), 5)", 0),
        ("self.assertRaises(TypeError, double, None)", 1),
        ("with self.assertRaises(TypeError):\n            double(None)", 1),
        ("with self.assertRaises(TypeError):\n            raise TypeError", 0),
    ],
)
def test_unittest_assertions_count_unless_they_fail_or_say_nothing(body: str, expected: int) -> None:
    assert run(FUNCTION + UNITTEST.format(body=body)) == expected


def test_numpy_and_pytest_helpers_and_mocks_count() -> None:
    assert run(FUNCTION + "import numpy as np\nnp.testing.assert_allclose(double(2), 4)") == 1
    assert run(FUNCTION + "from numpy.testing import assert_equal\nassert_equal(double(2), 4)") == 1
    assert run(FUNCTION + "import pytest\nwith pytest.raises(TypeError):\n    double(None)") == 1
    mock = "from unittest.mock import Mock\ncall = Mock()\ncall(double(1))\n"
    assert run(FUNCTION + mock + "call.assert_called_once()") == 1


@pytest.mark.parametrize(
    "cheat",
    [
        "def assert_equal(a, b):\n    pass\nassert_equal(double(2), 5)",
        "from unittest import TestCase as T\nT.assertEqual = lambda *a: None\nT().assertEqual(double(1), 5)",
        "class T:\n    def assertEqual(self, a, b):\n        pass\nT().assertEqual(double(2), 5)",
    ],
)
def test_a_testing_helper_that_the_program_defines_itself_counts_nothing(
    cheat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unittest.TestCase, "assertEqual", unittest.TestCase.assertEqual)  # put back afterwards
    assert run(FUNCTION + cheat) == 0


def test_the_handler_of_an_expected_exception_counts() -> None:
    program = "try:\n    double(None)\n    assert False, 'must raise'\nexcept {}:\n    pass"
    assert run(FUNCTION + program.format("TypeError")) == 1
    assert run(FUNCTION + program.format("Exception")) == 0
    assert run(FUNCTION + "try:\n    double(None)\nexcept TypeError:\n    pass") == 0


SWALLOWED = [
    "try:\n    assert double(1) == 3\nexcept AssertionError:\n    pass",
    "try:\n    assert double(1) == 3\nexcept:\n    print('failed')",
    "import contextlib\nwith contextlib.suppress(Exception):\n    assert double(1) == 3",
    "def test_it():\n    assert double(1) == 3\ntry:\n    test_it()\nexcept AssertionError:\n    pass",
    "import unittest\ntry:\n    unittest.TestCase().assertEqual(double(1), 3)\nexcept AssertionError:\n    pass",
    "import numpy as np\ntry:\n    np.testing.assert_equal(double(1), 3)\nexcept AssertionError:\n    pass",
    "class Late:\n    def __del__(self):\n        assert double(1) == 3\nlate = Late()\ndel late",
    "def check(f):\n    try:\n        f()\n    except AssertionError:\n        pass\n"
    "def test_it():\n    assert double(1) == 3\ncheck(test_it)",
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("swallowed", SWALLOWED)
def test_a_failed_test_that_is_swallowed_is_a_failure(swallowed: str) -> None:
    outcome = outcome_of(FUNCTION + swallowed + "\nassert double(1) == 2")
    assert outcome.swallowed == 1
    assert outcome.completed() == "failed"


EXPECTED = [
    "try:\n    positive(-1)\nexcept AssertionError:\n    pass",
    "try:\n    assert positive(-1) == 1\nexcept AssertionError:\n    pass",
    "import pytest\nwith pytest.raises(AssertionError):\n    assert double(1) == 3",
    "try:\n    double(None)\n    assert False\nexcept TypeError:\n    pass",
    "import json\ntry:\n    assert json.loads('(') == double(1)\nexcept ValueError:\n    pass",
]


@pytest.mark.parametrize("expected", EXPECTED)
def test_an_assertion_error_that_a_test_expects_of_the_code_is_no_failure(expected: str) -> None:
    positive = "def positive(x):\n    assert x > 0\n    return x\n"
    assert outcome_of(FUNCTION + positive + expected + "\nassert double(1) == 2").completed() == "passed"


ALWAYS_EQUAL = "class Any:\n    def __eq__(self, other):\n        return True\n"


@pytest.mark.parametrize(
    "comparison",
    [
        "assert Any() == 3",
        "assert 3 == Any()",
        "assert all(x == 3 for x in [Any()])",
        "import unittest\nunittest.TestCase().assertEqual(Any(), 3)",
        "assert [Any()] == [3]",
        "assert {'a': Any()} == {'a': 3}",
    ],
)
def test_what_equals_everything_proves_nothing(comparison: str) -> None:
    assert run(ALWAYS_EQUAL + comparison) == 0
    assert run(ALWAYS_EQUAL.replace("True", "other == 3") + comparison) == 1


@pytest.mark.parametrize(
    ("methods", "comparison", "expected"),
    [
        ("def __contains__(self, item):\n        return True", "assert 3 in C()", 0),
        ("def __contains__(self, item):\n        return item == 3", "assert 3 in C()", 1),
        ("__lt__ = __gt__ = lambda self, other: True", "assert C() < 3", 0),
        ("def __lt__(self, other):\n        return 1 < other", "assert C() < 3", 1),
        ("def __eq__(self, other):\n        return isinstance(other, int)", "assert C() == 3", 0),
    ],
)
def test_what_agrees_with_everything_proves_nothing(methods: str, comparison: str, expected: int) -> None:
    assert run(f"class C:\n    {methods}\n{comparison}") == expected


def test_an_equality_that_raises_for_strangers_counts() -> None:
    source = "class P:\n    x = 1\n    def __eq__(self, other):\n        return self.x == other.x\nassert P() == P()"
    assert run(source) == 1


@pytest.mark.parametrize(
    "tests",
    [
        "assert double(2) == 4",
        "def test():\n    assert double(2) == 4\ntest()",
        "import pytest\nwith pytest.raises(TypeError):\n    double(None)",
        "try:\n    double(None)\n    assert False\nexcept TypeError:\n    pass",
    ],
)
def test_no_honest_program_passes_a_negative_control(tests: str) -> None:
    assert outcome_of(FUNCTION + tests).completed() == "passed"
    with pytest.raises(AssertionError, match="negative control"):
        outcome_of(FUNCTION + tests, is_control=True)


def test_a_negative_control_counts_nothing_when_its_failure_is_swallowed() -> None:
    source = FUNCTION + "try:\n    assert double(2) == 4\nexcept AssertionError:\n    pass"
    assert outcome_of(source, is_control=True).completed() != "passed"


def test_helpers_that_were_replaced_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unittest.TestCase, "assertEqual", unittest.TestCase.assertEqual)  # put back afterwards
    source = "import unittest\nsetattr(unittest.TestCase, 'assert' + 'Equal', lambda *a: None)\n"
    outcome = outcome_of(FUNCTION + source + "unittest.TestCase().assertEqual(double(1), 5)")
    assert outcome.completed() == "vacuous"


def test_the_hooks_leave_line_numbers_docstring_and_future_imports_as_they_were() -> None:
    source = '"""Doc."""\nfrom __future__ import annotations\nassert run_me() == 1\n1 / 0\n'
    code = prepared(source).code
    namespace = {"__name__": "__main__", "run_me": lambda: 1}
    with pytest.raises(ZeroDivisionError) as caught:
        exec(code, namespace)  # noqa: S102
    assert caught.traceback[-1].lineno + 1 == 4
    assert namespace["__doc__"] == "Doc."


@pytest.mark.parametrize("source", ["def f(:", "x = '\0'", "return 1", "\ud800", "assert", "(" * 5000 + ")" * 5000])
def test_what_does_not_compile_raises_one_of_the_named_errors(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError, RecursionError, OverflowError, MemoryError)):
        prepared(source)


def test_expressions_nested_deeper_than_the_recursion_limit_compile() -> None:
    elifs = "".join(f"elif x == {i}:\n    y = {i}\n" for i in range(80))
    assert run(f"x = 7\nif x == -1:\n    y = 0\n{elifs}assert y == 7") == 1


WAITING = ["input()", "name = input('name? ')", "ask()", "outer()", "import sys\n    sys.stdin.read()"]


@pytest.mark.parametrize("body", WAITING)
def test_a_main_block_that_waits_for_input_is_cut(body: str) -> None:
    source = "def ask():\n    return input()\ndef outer():\n    return ask()\n"
    source += f"if __name__ == '__main__':\n    {body}\nassert ask is not None"
    assert run(source) == 1  # input() would fail: pytest captures standard input


def test_other_main_blocks_run() -> None:
    assert run(FUNCTION + "if __name__ == '__main__':\n    assert double(2) == 4") == 1


def is_final(source: str, function: str, line: int) -> bool:
    return prepared(source).final.is_final(function, line)


def test_the_last_statement_is_known_also_inside_a_main_block_and_a_function() -> None:
    source = "import sys\ndef main():\n    x = 1\n    sys.exit(0)\nif __name__ == '__main__':\n    x = 2\n    main()\n"
    assert is_final(source, "<module>", 7)
    assert not is_final(source, "<module>", 6)
    assert is_final(source, "main", 4)
    assert not is_final(source, "main", 3)
    assert not is_final("assert f()", "<module>", 1)
    assert not is_final("", "<module>", 1)


NAMES = st.sampled_from(["a", "b", "len", "self", "x.y", "f(1)", "1", "True"])


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), max_size=8), st.integers(0, 3))
def test_counting_changes_no_program(pairs: list[tuple[str, str]], depth: int) -> None:
    indent = "    " * depth
    opening = "".join("    " * level + "if True:\n" for level in range(depth))
    body = "".join(f"{indent}trace.append({left!r} + {right!r})\n" for left, right in pairs) + f"{indent}pass\n"
    asserted = body.replace("trace.append(", "assert trace.append(").replace(")\n", ") is None\n")
    traces = []
    for source in (opening + asserted, ast.unparse(ast.parse(opening + asserted))):
        trace: list[str] = []
        exec(prepared(source).code, {"trace": trace})  # noqa: S102
        traces.append(trace)
    plain: list[str] = []
    exec(opening + asserted, {"trace": plain})  # noqa: S102
    assert traces == [plain, plain]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("case.addTypeEqualityFunc(int, f)", True),
        ("frame.f_lineno = 3", True),
        ("print(frame.f_lineno)", False),
        ("import ctypes\nctypes.c_int.from_address(1).value = 2", True),
        ("class A(type):\n    def __instancecheck__(cls, value):\n        return True", True),
        ("import ctypes\nctypes.CDLL(None).getpid()", False),
    ],
)
def test_programs_that_change_what_assertions_mean_are_known(source: str, expected: bool) -> None:
    assert tampers(Syntax(ast.parse(source))) is expected
