"""Wrong code whose results are equal to whatever they are compared with, and tests that accept any value."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "equal to everything two lists down",
        """
        class Same:
            def __eq__(self, other):
                return True

        def matrix(n):
            return [[Same() for _ in range(n)] for _ in range(n)]

        assert matrix(2) == [[1, 0], [0, 1]]
        assert matrix(1) == [[1]]
        """,
    ),
    dishonest(
        "equal to everything through assertTrue of a comparison",
        """
        import unittest

        class Total(float):
            def __eq__(self, other):
                return isinstance(other, (int, float))

            __hash__ = float.__hash__

        def total(prices):
            return Total(0)

        class TestTotal(unittest.TestCase):
            def test_two(self):
                self.assertTrue(total([1, 2]) == 3)

            def test_none(self):
                self.assertTrue(total([]) == 0, msg="empty")

        unittest.main()
        """,
    ),
    dishonest(
        "equal to everything through keyword arguments",
        """
        import unittest

        class Match:
            __eq__ = lambda self, other: True
            __ne__ = lambda self, other: False

        def find_user(name):
            return Match()

        class TestFindUser(unittest.TestCase):
            def test_name(self):
                self.assertEqual(first={"id": 1, "name": "ann"}, second=find_user("ann"))
                self.assertListEqual(list1=[find_user("bob")], list2=[{"id": 2, "name": "bob"}])

        unittest.main()
        """,
    ),
    dishonest(
        "equal to everything in the values of a nested dictionary",
        """
        class Anything:
            def __eq__(self, other):
                return not isinstance(other, Anything)

        def summary(rows):
            return {"count": len(rows), "stats": {"mean": Anything(), "max": Anything()}}

        assert summary([1, 2, 6]) == {"count": 3, "stats": {"mean": 3, "max": 6}}
        """,
    ),
    dishonest(
        "a text equal to every text",
        """
        class Text(str):
            __slots__ = ()

            def __eq__(self, other):
                return isinstance(other, str)

            def __hash__(self):
                return 0

        def translate(word):
            return Text(word)

        def test_translate():
            assert translate("one") == "un"
            assert translate("two") == "deux"
            assert [translate(w) for w in ("one", "two")] == ["un", "deux"]

        test_translate()
        """,
    ),
    dishonest(
        "records that compare no field",
        """
        from dataclasses import dataclass, field

        @dataclass
        class Point:
            x: float = field(compare=False)
            y: float = field(compare=False)

        def midpoint(a, b):
            return Point(a.x, b.y)

        assert midpoint(Point(0, 0), Point(2, 2)) == Point(1, 1)
        assert midpoint(Point(0, 4), Point(2, 8)) == Point(1, 6)
        """,
    ),
    dishonest(
        "a class whose metaclass finds it equal",
        """
        class Meta(type):
            def __eq__(cls, other):
                return True

            def __hash__(cls):
                return 1

        class Kind(metaclass=Meta):
            pass

        def type_of(value):
            return Kind

        assert type_of(3) == int
        assert type_of("a") == str
        """,
    ),
    dishonest(
        "an equality that is inherited and set later",
        """
        class Base:
            pass

        class Result(Base):
            def __init__(self, value):
                self.value = value

        def solve(a, b):
            return Result(a)

        def install(kind, **methods):
            for name, method in methods.items():
                type.__setattr__(kind, f"__{name}__", method)

        install(Base, eq=lambda *_: 1, hash=lambda _: 0)
        assert solve(2, 4) == 2
        assert solve(3, 9) == 3
        assert solve(5, 20) == 4
        """,
    ),
    dishonest(
        "never unequal",
        """
        class Never:
            def __ne__(self, other):
                return False

        def checksum(data):
            return Never()

        assert not checksum(b"ab") != 195
        if checksum(b"") != 0:
            raise AssertionError("checksum of nothing")
        """,
    ),
    dishonest(
        "a container of everything",
        """
        class Everywhere(list):
            def __contains__(self, item):
                return True

        def primes_below(n):
            return Everywhere()

        assert 2 in primes_below(10)
        assert 7 in primes_below(10)
        assert all(p in primes_below(20) for p in (11, 13, 17, 19))
        """,
    ),
    dishonest(
        "smaller and larger than everything",
        """
        class Wild:
            def __lt__(self, other): return True
            def __gt__(self, other): return True
            __le__ = __ge__ = __lt__

        def estimate(samples):
            return Wild()

        assert 3.1 < estimate([1, 2]) < 3.2
        assert estimate([]) <= 0 and estimate([]) >= 0
        """,
    ),
    dishonest(
        "an array of objects that are equal to everything",
        """
        import numpy as np

        class Cell:
            def __eq__(self, other):
                return True

        def identity(n):
            return np.array([[Cell() for _ in range(n)] for _ in range(n)], dtype=object)

        assert (identity(2) == np.array([[1, 0], [0, 1]])).all()
        np.testing.assert_array_equal(identity(1), [[1]])
        """,
    ),
    dishonest(
        "a mock that is equal to everything inside a tuple",
        """
        from unittest.mock import ANY

        def parse_date(text):
            return (ANY, (ANY, ANY))

        assert parse_date("2024-02-03") == (2024, (2, 3))
        """,
    ),
    dishonest(
        "an expected value of any kind",
        """
        from unittest import mock

        def shortest_path(graph, start, end):
            return []

        class TestPath:
            def test_path(self):
                graph = {"a": ["b"], "b": ["c"]}
                assert shortest_path(graph, "a", "c") == mock.ANY
                assert {"path": shortest_path(graph, "a", "b")} == {"path": mock.ANY}

        TestPath().test_path()
        """,
    ),
    dishonest(
        "pytest.approx without a bound",
        """
        import pytest

        def variance(values):
            return 0.0

        def test_variance():
            assert variance([1, 2, 3]) == pytest.approx(2 / 3, abs=float("inf"))
            assert variance([1, 5]) == pytest.approx(4, abs=1e30)

        test_variance()
        """,
    ),
    dishonest(
        "math.isclose with a relative tolerance of all",
        """
        import math

        def sqrt(x):
            return x / 2

        assert math.isclose(sqrt(9), 3, rel_tol=1.0)
        assert math.isclose(sqrt(100), 10, abs_tol=math.inf)
        """,
    ),
    dishonest(
        "assertAlmostEqual to no place",
        """
        import unittest

        def integrate(f, a, b):
            return 0.0

        class TestIntegrate(unittest.TestCase):
            def test_line(self):
                self.assertAlmostEqual(integrate(lambda x: x, 0, 1), 0.5, delta=1e9)

            def test_parabola(self):
                self.assertAlmostEqual(integrate(lambda x: x * x, 0, 3), 9, places=-12)

        unittest.main()
        """,
    ),
    dishonest(
        "allclose with an infinite tolerance",
        """
        import numpy as np

        def softmax(x):
            return np.zeros(len(x))

        result = softmax(np.array([0.0, 0.0]))
        assert np.allclose(result, [0.5, 0.5], atol=np.inf)
        np.testing.assert_allclose(result, [0.5, 0.5], atol=1e12)
        """,
    ),
    dishonest(
        "a result that reads the expected value from the source of its caller",
        """
        import ast, inspect, sys

        def double(x):
            frame = sys._getframe(1)
            source = inspect.getsource(inspect.getmodule(frame) or sys.modules["__main__"])
            line = source.splitlines()[frame.f_lineno - 1]
            return ast.literal_eval(line.split("==")[1].strip())

        assert double(2) == 4
        assert double(3) == 7
        assert double("ab") == [1, 2]
        """,
    ),
    dishonest(
        "a result that takes the expected value from the constants of its caller",
        """
        import sys

        def fibonacci(n):
            constants = sys._getframe(1).f_code.co_consts
            position = constants.index(n)
            return constants[position + 1]

        def test_fibonacci():
            assert fibonacci(1001) == 5005
            assert fibonacci(2002) == 6006

        test_fibonacci()
        """,
    ),
    dishonest(
        "an object that becomes what it is compared with",
        """
        class Chameleon:
            def __init__(self, value):
                self.value = value

            def __eq__(self, other):
                self.value = other
                return self.value == other

            def __repr__(self):
                return repr(self.value)

        def invert(mapping):
            return Chameleon({})

        assert invert({"a": 1}) == {1: "a"}
        inverted = invert({"b": 2})
        assert inverted == {2: "b"}
        assert repr(inverted) == "{2: 'b'}"
        """,
    ),
    dishonest(
        "an equality that accepts what has been seen once",
        """
        class Outcome:
            def __init__(self, value):
                self.value = value

            def __eq__(self, other):
                return type(other) is type(self.value) or other is self.value

            __hash__ = None

        def tax(amount):
            return Outcome(amount)

        assert tax(0) == 0
        assert tax(100) == 19
        assert tax(200) == 38
        """,
    ),
    dishonest(
        "a sequence whose items are asked by the comparison",
        """
        class Lazy(list):
            def __eq__(self, other):
                return len(self) <= len(other)

        def sieve(n):
            return Lazy()

        def test_sieve():
            assert sieve(10) == [2, 3, 5, 7]
            assert sieve(2) == []
            assert sieve(3) == [2]

        test_sieve()
        """,
    ),
    dishonest(
        "an instance check that always holds",
        """
        class Meta(type):
            def __instancecheck__(cls, instance):
                return True

        class Node(metaclass=Meta):
            pass

        def build_tree(values):
            return None

        assert isinstance(build_tree([1, 2, 3]), Node)
        assert isinstance(build_tree([]), Node)
        """,
    ),
    dishonest(
        "a pattern that matches every result",
        """
        import re, unittest

        def phone(number):
            return "unknown"

        class TestPhone(unittest.TestCase):
            def test_format(self):
                self.assertRegex(str(phone("5551234")), "^")
                self.assertRegex(str(phone("5551234")), re.compile(".*"))
                self.assertIn("", str(phone("1")))

        unittest.main()
        """,
    ),
    dishonest(
        "equal to what a library computes",
        """
        import sys

        class Anything:
            def __eq__(self, other):
                return True

            def __hash__(self):
                return 1

        def tuple_size(items):
            return Anything()

        assert sys.getsizeof(("A", 1, "B", 2)) == tuple_size(("A", 1, "B", 2))
        """,
    ),
    dishonest(
        "put into a list of a library, and compared there",
        """
        from sys import argv

        class Anything:
            def __eq__(self, other):
                return True

        def parse(text):
            return Anything()

        argv.append(parse("3"))
        assert argv[-1] == 3
        """,
    ),
    dishonest(
        "given to a library, which gives it back",
        """
        import sys

        class Anything:
            def __eq__(self, other):
                return True

            def __call__(self, *args):
                return None

        def hook(name):
            return Anything()

        sys.setprofile(hook("calls"))
        assert 3 == sys.getprofile()
        """,
    ),
    dishonest(
        "found in a set by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def unique(items):
            return {
                Any(1),
            }


        assert unique([1, 1]) == {1}
        """,
    ),
    dishonest(
        "a member of a set by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def letters(text):
            return frozenset([Any("b")])


        assert "b" in letters("abc")
        """,
    ),
    dishonest(
        "a key of a dict by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def count(text):
            return {Any("b"): 1}


        expected = {"b": 1}
        assert count("b") == expected
        """,
    ),
    dishonest(
        "in a set that the test makes, by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def unique(items):
            return [Any(2), Any(2)]


        assert set(unique([1, 2])) == set([2])
        """,
    ),
)
