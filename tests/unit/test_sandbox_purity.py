"""Which programs can touch nothing but their own objects."""

import ast

import pytest

from selfcodealign.generation import as_program, load_exemplars
from selfcodealign.sandbox.inside.purity import alters_code, is_pure, is_rigged, tampers
from selfcodealign.sandbox.inside.syntax import Syntax

PURE = [
    "def f(x):\n    return x + 1\nassert f(1) == 2",
    "import math, re\nfrom collections import Counter\nassert math.sqrt(4) == 2\nre.compile('a').match('a')",
    "from typing import List, Optional\ndef f(x: Optional[List[int]]) -> int:\n    return len(x or [])",
    "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int = field(default=1)\nP().x = 2",
    "class A:\n    def __init__(self):\n        self._next = None\n        self.__id = 1\nn = A()\nn._next = n",
    "x = getattr([], 'append')\nassert hasattr(x, '__name__')",
    "from functools import lru_cache, reduce\n@lru_cache(maxsize=None)\ndef f(n):\n    return n",
    "import random\nrandom.seed(1)\nassert random.randint(1, 1) == 1",
    "try:\n    raise ValueError('x')\nexcept ValueError as error:\n    assert str(error) == 'x'",
    "print(f'{1:>5}', '{}'.format(2))\nopened = []\nclass Door:\n    def open(self):\n        return 1\nDoor().open()",
    "from collections.abc import Iterable\nimport itertools as it\nassert list(it.chain([1], [2])) == [1, 2]",
    "if __name__ == '__main__':\n    print(type(1).__name__)",
    "def g():\n    yield 1\nassert next(g()) == 1",
]
IMPURE = [
    # modules that reach further, or that are used as values
    "import os", "import sys", "from os import path", "import numpy as np", "from math import *", "from . import x",
    "import math\nf = math", "import math\nprint([math])", "import math\nmath.pi = 3", "import math\ndel math.pi",
    "import re\nre.enum", "import collections\ncollections._sys", "from typing import sys", "import json\njson.decoder",
    "from collections import abc", "import collections\ncollections.abc", "import string\nstring.Formatter()",
    "from operator import attrgetter", "import decimal\ndecimal.getcontext().prec = 3", "import enum\nenum.global_enum",
    "import decimal\ndecimal.DefaultContext.prec = 3", "from contextlib import redirect_stdout", "import asyncio",
    # builtins that reach files, code and namespaces
    "open('x')", "eval('1')", "exec('1')", "__import__('os')", "globals()", "locals()", "vars()", "setattr(f, 'x', 1)",
    "compile('1', '', 'eval')", "breakpoint()", "exit()", "quit()", "help()", "print(__file__)", "__builtins__",
    "f = open", "g = getattr\ng(1, '__class__')", "getattr(f, name)", "getattr(f, '__globals__')",
    "map(getattr, [], [])", "hasattr(f, '__code__')", "dir()", "memoryview(b'')",
    # attributes that lead to frames, code and shared classes
    "f.__globals__", "f.__code__", "(1).__class__.__base__", "[].__class__.__mro__", "print.__self__", "f.__closure__",
    "object.__subclasses__()", "type(f).mro()", "g.gi_frame", "e.__traceback__", "t.tb_frame.f_back", "f.__wrapped__",
    "f.__defaults__", "x.__dict__", "x.__reduce_ex__(2)", "super().__setattr__('a', 1)", "x.__class__ = y", "e.tb_next",
    "x._private", "from collections.abc import Sequence\nSequence.register(int)",
    "match x:\n    case P(__dict__=d):\n        d",
    # what would run later, or claims to be elsewhere
    "import functools\nfunctools.wraps(f, assigned=names)(g)", "from functools import wraps as w\nw(f, x)(g)",
    "from functools import wraps\nx = wraps", "class A:\n    def __reduce_ex__(self, p):\n        pass",
    "class A:\n    def __del__(self):\n        pass", "class A:\n    __module__ = 'math'", "global __builtins__",
]  # fmt: skip


def syntax_of(source: str) -> Syntax:
    return Syntax(ast.parse(source))


@pytest.mark.parametrize("source", PURE)
def test_ordinary_programs_are_pure(source: str) -> None:
    assert is_pure(syntax_of(source))


@pytest.mark.parametrize("source", IMPURE)
def test_whatever_reaches_further_is_not(source: str) -> None:
    assert not is_pure(syntax_of(source))
    assert not is_pure(syntax_of(f"def f():\n    {source.replace(chr(10), chr(10) + '    ')}")) or "*" in source


def test_most_exemplars_are_pure() -> None:
    programs = [as_program(exemplar.code, exemplar.tests) for exemplar in load_exemplars()]
    pure = [program for program in programs if is_pure(syntax_of(program))]
    assert len(pure) >= 0.8 * len(programs)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    def __eq__(self, other):\n        return True", True),
        ("class A:\n    __eq__ = lambda self, other: True", True),
        ("class A:\n    def __sub__(self, other):\n        return 0", True),
        ("from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = field(compare=False)", True),
        ("class A:\n    def __init__(self):\n        self.x = 1\n    def __repr__(self):\n        return 'A'", False),
        ("def f(x):\n    return x == 1", False),
    ],
)
def test_objects_that_decide_how_they_compare_are_known(source: str, expected: bool) -> None:
    assert is_rigged(syntax_of(source)) is expected


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nsys.exit()", "from unittest import mock", "import math\nmath.isclose = print", "f.__code__",
        "import numpy as np\nnp.testing.assert_equal = print", "setattr(x, 'y', 1)", "type('A', (), {'x': 1})",
    ],
)  # fmt: skip
def test_tests_that_could_change_what_they_test_with_are_known(source: str) -> None:
    assert tampers(syntax_of(source))


def test_ordinary_tests_do_not_tamper() -> None:
    assert not tampers(
        syntax_of("import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.x = 1")
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("frame.f_lineno = 3", "f_lineno"), ("f.__code__ = g.__code__", "__code__"), ("print(f.__code__)", ""),
        ("code.replace(co_consts=())", "co_consts"), ("ctypes.memmove(a, b, 1)", "memmove"), ("x = 1", ""),
        ("open('/proc/self/mem', 'wb')", "/proc/self/mem"),
        ("import sys\nsys.settrace(lambda frame, *_: frame.f_locals.update(x=1))", "f_locals"),
    ],
)  # fmt: skip
def test_programs_that_reach_into_code_that_runs_are_known(source: str, name: str) -> None:
    assert alters_code(syntax_of(source)) == name
