"""Wrong code whose results satisfy any comparison: equality, order, membership or type."""

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
)
