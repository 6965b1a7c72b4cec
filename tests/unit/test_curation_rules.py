"""Each rule that looks at one response: a response that breaks it, and a twin that does not."""

import ast

import pytest

from selfcodealign.curation.syntax_rules import defined_names, has_live_assertion, is_code_tested, placeholder

LIVE = {
    "top level": "assert f(1) == 2",
    "inside a loop": "for x in [1, 2]:\n    assert f(x) == x + 1",
    "inside a try": "try:\n    f(None)\nexcept TypeError:\n    pass\nelse:\n    assert False",
    "behind the main guard": "if __name__ == '__main__':\n    assert f(1) == 2",
    "in a called function": "def test_f():\n    assert f(1) == 2\n\ntest_f()",
    "in a function called by a called one": "def a():\n    assert f(1)\n\ndef b():\n    a()\n\nb()",
    "in functions of a list": "def test_f():\n    assert f(1)\n\nfor test in [test_f]:\n    test()",
    "in a method of an instance": "class T:\n    def check(self):\n        assert f(1)\n\nT().check()",
    "in unittest run by main": (
        "import unittest\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), 2)\n\n"
        "unittest.main()"
    ),
    "in unittest run by an imported main": (
        "from unittest import TestCase, main\n\nclass T(TestCase):\n    def test_f(self):\n"
        "        self.assertEqual(f(1), 2)\n\nif __name__ == '__main__':\n    main()"
    ),
    "by numpy": "import numpy as np\nnp.testing.assert_allclose(f(1), 2)",
    "in an async test": "import asyncio\n\nasync def test_f():\n    assert f(1)\n\nasyncio.run(test_f())",
}
IDLE = {
    "nothing": "",
    "only a call": "print(f(1))",
    "in a function that nobody calls": "def test_f():\n    assert f(1) == 2",
    "in a function called by an uncalled one": "def a():\n    assert f(1)\n\ndef b():\n    a()",
    "in unittest that nobody runs": (
        "import unittest\n\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), 2)"
    ),
    "in a method that nobody calls": "class T:\n    def check(self):\n        assert f(1)\n\nT()",
    "in a string": "text = 'assert f(1) == 2'",
    "behind an own main without one": "def main():\n    print(f(1))\n\ndef test_f():\n    assert f(1)\n\nmain()",
}


@pytest.mark.parametrize("tests", LIVE.values(), ids=LIVE)
def test_assertion_that_the_tests_reach_counts(tests: str) -> None:
    assert has_live_assertion(ast.parse(tests))


@pytest.mark.parametrize("tests", IDLE.values(), ids=IDLE)
def test_assertion_that_nothing_reaches_does_not_count(tests: str) -> None:
    assert not has_live_assertion(ast.parse(tests))


PLACEHOLDERS = [
    "def f(x):\n    # Your code here\n    return x",
    "def f(x):\n    # your implementation goes here\n    return x",
    "def f(x):\n    ...",
    'def f(x):\n    """Does it."""\n    ...',
    "def f(x):\n    raise NotImplementedError",
    "def f(x):\n    raise NotImplementedError('later')",
    "def f(x):\n    pass",
    "def f(x):\n    if x:\n        pass  # replace with the real check\n    return x",
    "def f(x):\n    # TODO: handle negatives\n    return x",
    "def f(x):\n    return x\n\n# ... rest of the code",
    "class A:\n    def run(self):\n        raise NotImplementedError\n",
]
FINISHED = [
    "def f(x):\n    return x",
    "class NotFound(Exception):\n    pass",
    "class A:\n    def go(self):\n        raise NotImplementedError\n\nclass B(A):\n    def go(self): return 1",
    "from abc import ABC, abstractmethod\n\nclass A(ABC):\n    @abstractmethod\n    def run(self):\n        pass",
    "from typing import Protocol\n\nclass A(Protocol):\n    def run(self) -> int: ...",
    "from typing import overload\n\n@overload\ndef f(x: int) -> int: ...\ndef f(x):\n    return x",
    "class A:\n    def __init__(self):\n        pass",
    "class A:\n    def __eq__(self, other):\n        return NotImplemented",
    "def f(items):\n    for item in items:\n        pass\n    return item",
    "def f(text):\n    return text + '...'",
    "import numpy as np\n\ndef f(x):\n    return x[..., 0]",
    "def encode(text):\n    # Implements the code of Huffman here and there.\n    return text",
]


@pytest.mark.parametrize("code", PLACEHOLDERS)
def test_code_that_somebody_else_is_to_write_is_a_placeholder(code: str) -> None:
    assert placeholder(f"Here it is:\n```python\n{code}\n```", ast.parse(code))


@pytest.mark.parametrize("code", FINISHED)
def test_finished_code_is_no_placeholder(code: str) -> None:
    assert placeholder(f"Here it is:\n```python\n{code}\n```", ast.parse(code)) is None


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ("assert double(2) == 4", True),
        ("result = double(2)\nassert result == 4", True),
        ("assert all(map(double, [1, 2]))", True),
        ("assert LIMIT == 3", True),
        ("assert Box().size == 0", True),
        ("assert 2 + 2 == 4", False),
        ("def double(x):\n    return 2 * x\n\nassert double(2) == 4", False),
        ("double = 4\nassert 4 == 4", False),
    ],
)
def test_tests_must_use_a_name_of_the_code(tests: str, expected: bool) -> None:
    code = "LIMIT = 3\n\ndef double(x):\n    return 2 * x\n\nclass Box:\n    size = 0\n"
    assert is_code_tested(ast.parse(tests), ast.parse(code)) is expected


def test_names_of_a_response_leave_out_main_and_dunder_methods() -> None:
    code = "class Box:\n    def __init__(self): self.x = 1\n    def grow(self): self.x += 1\ndef main(): Box()\n"
    assert defined_names(ast.parse(code)) == {"Box", "grow"}
