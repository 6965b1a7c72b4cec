"""What is code under test and what tests it, told from the program alone."""

import ast
import textwrap

import pytest

from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.sandbox.inside.parts import Parts
from selfcodealign.sandbox.inside.sites import find_sites


def parts_of(source: str, num_code_lines: int = 0) -> Parts:
    return Parts(ast.parse(textwrap.dedent(source)), num_code_lines)


def names_of(source: str) -> tuple[set[str], set[str]]:
    parts = parts_of(source)
    return parts.names, parts.test_names


ADD = "def add(a, b):\n    return a + b\n"


@pytest.mark.parametrize(
    ("tests", "test_names"),
    [
        ("assert add(1, 2) == 3", set()),
        ("def test_add():\n    assert add(1, 2) == 3\ntest_add()", {"test_add"}),
        ("def verify():\n    try:\n        assert add(1, 2) == 3\n    except AssertionError:\n        return False\n"
         "    return True\nverify()", {"verify"}),
        ("def check(actual, expected):\n    assert actual == expected\ncheck(add(1, 2), 3)", {"check"}),
        ("def report(actual, expected):\n    if actual != expected:\n        bad.append(actual)\nbad = []\n"
         "report(add(1, 2), 3)\nassert not bad", {"report"}),
        ("def main():\n    print(add(1, 2))\nmain()", {"main"}),
        ("def test_a():\n    assert add(1, 2) == 3\ndef run():\n    test_a()\nrun()", {"test_a", "run"}),
        ("def check(candidate):\n    assert candidate(1, 2) == 3\ncheck(add)", {"check"}),
        ("import unittest as u\nclass Sums(u.TestCase):\n    def test(self):\n        self.assertEqual(add(1, 2), 3)\n",
         {"Sums"}),
        ("class TestAdd:\n    def test(self):\n        assert add(1, 2) == 3\nTestAdd().test()", {"TestAdd"}),
        ("async def test():\n    assert add(1, 2) == 3\nimport asyncio\nasyncio.run(test())", {"test"}),
    ],
)  # fmt: skip
def test_definitions_that_exercise_others_are_tests(tests: str, test_names: set[str]) -> None:
    assert names_of(ADD + tests) == ({"add"}, test_names)


@pytest.mark.parametrize(
    "code",
    [
        "def f(x):\n    def check(y):\n        return y > 0\n    return 'yes' if check(x) else 'no'\n",
        "def f(x):\n    def check(y):\n        assert y\n    check(x)\n    return 'yes'\n",
        "def f(x):\n    class check:\n        value = x\n    return 'yes' if check.value else 'no'\n",
    ],
)
def test_a_test_may_have_the_name_of_a_definition_inside_the_code(code: str) -> None:
    source = f"{code}def check(candidate):\n    assert candidate(1) == 'yes'\ncheck(f)"
    assert names_of(source) == ({"f"}, {"check"})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def root(x):\n    assert x >= 0\n    return x ** 0.5\nassert root(4) == 2", {"root"}),
        ("def check_age(x):\n    return x > 17\nassert check_age(18)", {"check_age"}),
        ("def push(items, x):\n    assert x\n    items.append(x)\nxs = []\npush(xs, 1)\nassert xs == [1]", {"push"}),
        ("class Box:\n    def put(self, x):\n        assert x\n        self.x = x\nb = Box()\nb.put(1)\nassert b.x",
         {"Box"}),
        ("double = lambda x: 2 * x\nassert double(2) == 4", {"double"}),
        ("def validate(x):\n    assert x > 0\ntry:\n    validate(0)\nexcept AssertionError:\n    pass", {"validate"}),
        ("def apply(function, x):\n    return function(x)\nassert apply(abs, -1) == 1", {"apply"}),
        ("total = sum([1, 2])\nassert total == 3", {"total"}),
    ],
)  # fmt: skip
def test_what_has_results_is_code_whatever_its_name(source: str, names: set[str]) -> None:
    assert parts_of(source).names == names


def test_what_the_caller_says_is_the_code() -> None:
    source = ADD + "def test_add():\n    assert add(1, 2) == 4\n\n\nassert add(1, 2) == 3\n"
    parts = parts_of(source, 4)
    assert {node.name for node in parts.code if isinstance(node, ast.FunctionDef)} == {"add", "test_add"}
    sites = list(find_sites(ast.parse(source), parts))
    assert [site.statement.lineno for site in sites] == [7]


def test_the_code_of_every_exemplar_is_found_without_being_told() -> None:
    for exemplar in load_exemplars():
        program = as_program(exemplar.code, exemplar.tests)
        told = Parts(ast.parse(program), exemplar.code.rstrip().count("\n") + 1)
        found = Parts(ast.parse(program))
        assert [ast.dump(node) for node in found.code] == [ast.dump(node) for node in told.code], exemplar.name


@pytest.mark.parametrize(
    ("tests", "is_result"),
    [
        ("import lib\nassert add(1, 2) == lib.size((1, 2))", False),
        ("from lib import size\nassert add(1, 2) == size.of((1, 2))", False),
        ("import lib\nlib.value = add(1, 2)\nassert lib.value == 3", True),
        ("import lib\nlib.items.append(add(1, 2))\nassert lib.items == [3]", True),
        ("import lib\nlib.keep(add(1, 2))\nsetattr(lib, 'x', 1)\nassert lib.kept == 3", True),
        ("import lib\ndef put():\n    lib.value = 3\n    return 1\nassert add(1, put()) == lib.real()", True),
    ],
)
def test_a_library_holds_no_results_unless_something_is_put_into_it(tests: str, is_result: bool) -> None:
    parts = parts_of(ADD + tests)
    assert bool({"lib", "size"} & parts.results) is is_result
    assert {"lib", "size"} & parts.tainted
