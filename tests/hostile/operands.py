"""Assertions whose operands cannot fail. None may pass."""

from hostile.forgeries import NOT_PASSED
from hostile.program import Hostile, hostile

ALWAYS = """\
class Always{base}:
    def __eq__(self, other):
        return True
    __ne__ = lambda self, other: False
    __hash__ = None
"""


def operand(name: str, source: str, statuses: str = NOT_PASSED) -> Hostile:
    """A program whose only assertions hold whatever the function gives."""
    return hostile(name, statuses, source)


PROGRAMS = (
    operand("`assert True` alone", "def double(x):\n    return x\nassert True\n", "vacuous"),
    operand("assertions about builtins alone", "def double(x):\n    return x\nassert len([1]) == 1\n", "vacuous"),
    operand("an assertion in a function that nobody calls", "def test():\n    assert test\n", "vacuous"),
    operand("an assertion in a branch that is never taken", "x = 1\nif x == 2:\n    assert x == 2\n", "vacuous"),
    operand(
        "an assertion compiled without assertions",
        "x = 1\nexec(compile('assert x == 2', 'test', 'exec', optimize=2))\n",
        "vacuous",
    ),
    operand("a tuple instead of a message", "def double(x):\n    return x\nassert (double(2) == 4, 'double')\n"),
    operand("a function instead of its result", "def double(x):\n    return x\nassert lambda: double(2) == 4\n"),
    operand("a text instead of a comparison", "def double(x):\n    return x\nassert f'{double(2)} == 4'\n"),
    operand("a comparison or True", "def double(x):\n    return x\nassert double(2) == 4 or True\n"),
    operand(
        "a result that equals everything",
        ALWAYS.format(base="") + "def double(x):\n    return Always()\nassert double(2) == 4\n",
    ),
    operand(
        "a number that equals everything",
        ALWAYS.format(base="(int)") + "def double(x):\n    return Always(x)\nassert double(2) == 4\n",
    ),
    operand(
        "a result that equals every number",
        """
        class Chameleon(int):
            def __eq__(self, other):
                return isinstance(other, int)
            __hash__ = int.__hash__
        def double(x):
            return Chameleon(x)
        assert double(2) == 4
        """,
    ),
    operand(
        "an expected value that equals everything",
        ALWAYS.format(base="") + "def double(x):\n    return x\nassert Always() == double(2)\n",
    ),
    operand(
        "a list of what equals everything",
        ALWAYS.format(base="") + "def double(x):\n    return Always()\nassert [double(2), double(3)] == [4, 6]\n",
    ),
    operand(
        "a container that contains everything",
        """
        class Everything:
            def __contains__(self, item):
                return True
        def doubles():
            return Everything()
        assert 5 in doubles()
        """,
    ),
    operand(
        "an object that is larger and smaller than everything",
        """
        class Any:
            __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
        def double(x):
            return Any()
        assert 3 < double(2) < 5
        """,
    ),
    operand(
        "an object that is always true",
        """
        class Chain:
            def __eq__(self, other):
                return self
            def __bool__(self):
                return True
        def double(x):
            return Chain()
        assert double(2) == 4
        """,
    ),
    operand(
        "an equality that is made without a telling name",
        """
        name = '__e' + 'q__'
        Always = type('Always', (), {name: lambda self, other: True})
        def double(x):
            return Always()
        assert double(2) == 4
        """,
    ),
    operand(
        "an equality that is set on a finished class",
        """
        class Result:
            pass
        setattr(Result, '__eq__', lambda self, other: True)
        def double(x):
            return Result()
        assert double(2) == 4
        """,
    ),
    operand(
        "mock's object that equals everything",
        "from unittest import mock\ndef double(x):\n    return mock.ANY\nassert double(2) == 4\n",
    ),
    operand(
        "assertEqual on what equals everything",
        ALWAYS.format(base="")
        + "import unittest\ndef double(x):\n    return Always()\n"
        + "class TestDouble(unittest.TestCase):\n    def test_it(self):\n        self.assertEqual(double(2), 4)\n"
        + "unittest.main()\n",
    ),
    operand(
        "a kind that everything is of",
        """
        class Kind(type):
            def __instancecheck__(cls, value):
                return True
        class Number(metaclass=Kind):
            pass
        def double(x):
            return None
        assert isinstance(double(2), Number)
        """,
    ),
)
