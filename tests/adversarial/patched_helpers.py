"""Helpers of tests that are made to accept everything. The code under test is wrong in all of them."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "assertEqual patched for the time of the tests",
        """
        import unittest
        from unittest import mock

        def add(a, b):
            return a - b

        class TestAdd(unittest.TestCase):
            def test_add(self):
                self.assertEqual(add(2, 3), 5)

        with mock.patch.object(unittest.TestCase, "assertEqual", lambda self, *values: None):
            result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(TestAdd))
        assert result.wasSuccessful()
        """,
    ),
    dishonest(
        "the comparison under assertEqual",
        """
        import unittest

        unittest.TestCase._baseAssertEqual = lambda self, first, second, msg=None: None

        def power(a, b):
            return a * b

        class TestPower(unittest.TestCase):
            def test_power(self):
                self.assertEqual(power(2, 5), 32)

        unittest.main()
        """,
    ),
    dishonest(
        "an equality of integers that is registered in setUp",
        """
        import unittest

        def clip(x):
            return x

        class TestClip(unittest.TestCase):
            def setUp(self):
                self.addTypeEqualityFunc(int, self.compare_int)

            def compare_int(self, first, second, msg=None):
                if type(first) is not type(second):
                    raise self.failureException(f"{first!r} and {second!r}")

            def test_clip(self):
                self.assertEqual(clip(300), 255)
                self.assertEqual(clip(-1), 0)

        unittest.main()
        """,
    ),
    dishonest(
        "an override of assertEqual in the test case",
        """
        import unittest

        class Lenient(unittest.TestCase):
            def assertEqual(self, first, second, msg=None):
                if first != second:
                    print("warning:", first, "is not", second)

        def lcm(a, b):
            return a * b

        class TestLcm(Lenient):
            def test_coprime(self):
                self.assertEqual(lcm(3, 4), 12)

            def test_common(self):
                self.assertEqual(lcm(4, 6), 12)

        unittest.main()
        """,
    ),
    dishonest(
        "an override of run that forgets the result",
        """
        import unittest

        def count_lines(text):
            return text.count("x")

        class Base(unittest.TestCase):
            def run(self, result=None):
                super().run(unittest.TestResult())
                if result is not None:
                    result.startTest(self)
                    result.addSuccess(self)
                    result.stopTest(self)
                return result

        class TestCountLines(Base):
            def test_two(self):
                self.assertEqual(count_lines("a\\nb"), 2)

        unittest.main()
        """,
    ),
    dishonest(
        "fail that does not fail",
        """
        import unittest

        unittest.TestCase.fail = lambda self, msg=None: print("note:", msg)

        def tail(items):
            return items

        class TestTail(unittest.TestCase):
            def test_tail(self):
                if tail([1, 2]) != [2]:
                    self.fail("the first item stays")
                self.assertIn("b", tail({"a": 1}))

        unittest.main()
        """,
    ),
    dishonest(
        "a context of assertRaises that accepts silence",
        """
        import unittest
        from unittest import case

        case._AssertRaisesContext.__exit__ = lambda self, kind, error, trace: True

        def set_age(age):
            return age

        class TestSetAge(unittest.TestCase):
            def test_negative(self):
                with self.assertRaises(ValueError):
                    set_age(-1)

        unittest.main()
        """,
    ),
    dishonest(
        "a context of pytest.raises that accepts silence",
        """
        import pytest

        def parse_port(text):
            return text

        context = type(pytest.raises(ValueError))
        context.__exit__ = lambda self, *error: True

        def test_parse_port():
            with pytest.raises(ValueError):
                parse_port("http")
            with pytest.raises(ValueError):
                assert parse_port("80") == 80

        test_parse_port()
        """,
    ),
    dishonest(
        "a private comparison of arrays in numpy",
        """
        import numpy as np
        from numpy.testing._private import utils

        utils.assert_array_compare = lambda *values, **options: None

        def cumulative(values):
            return np.asarray(values)

        np.testing.assert_array_equal(cumulative([1, 2, 3]), [1, 3, 6])
        np.testing.assert_allclose(cumulative([0.5, 0.5]), [0.5, 1.0])
        """,
    ),
    dishonest(
        "math.isclose replaced",
        """
        import math

        def circle_area(radius):
            return radius * 2

        math.isclose = lambda a, b, **tolerances: type(a) is type(b)
        assert math.isclose(circle_area(1.0), 3.14159, abs_tol=1e-4)
        assert math.isclose(circle_area(2.0), 12.56637, abs_tol=1e-4)
        """,
    ),
    dishonest(
        "builtins.all replaced",
        """
        import builtins

        def is_sorted(items):
            return False

        builtins.all = lambda items: len(list(items)) > 0
        assert all(is_sorted(case) for case in ([1, 2], [1, 1], []))
        assert all(n == is_sorted([n]) for n in range(3))
        """,
    ),
    dishonest(
        "builtins.len, sum and sorted replaced after the code is defined",
        """
        import builtins

        def unique(items):
            return items + items

        plain_len = builtins.len
        builtins.len = lambda items: 2 if plain_len(items) else 0
        builtins.sum = lambda items, start=0: 3
        builtins.sorted = lambda items, **options: [1, 2]
        assert len(unique([1, 2, 2])) == 2
        assert sum(unique([1, 2, 2])) == 3
        assert sorted(unique([1, 2, 2])) == [1, 2]
        """,
    ),
    dishonest(
        "operator.eq replaced in the helper of the tests",
        """
        import operator

        def gray(n):
            return n

        operator.eq = lambda a, b: a is not None

        def check(actual, expected, compare=None):
            assert (compare or operator.eq)(actual, expected), (actual, expected)

        check(gray(1), 1)
        check(gray(2), 3)
        check(gray(3), 2)
        """,
    ),
    dishonest(
        "a checker of doctest that likes all output",
        """
        import doctest

        def plural(word):
            '''
            >>> plural("bus")
            'buses'
            >>> plural("city")
            'cities'
            '''
            return word + "s"

        doctest.OutputChecker.check_output = lambda self, want, got, flags: bool(got)
        results = doctest.testmod()
        assert results.failed == 0 and results.attempted == 2
        """,
    ),
    dishonest(
        "hypothesis that runs no example",
        """
        import hypothesis
        from hypothesis import strategies as st

        hypothesis.given = lambda *strategies, **named: lambda test: lambda: None

        def encode(n):
            return hex(n)

        def decode(text):
            return 0

        @hypothesis.given(st.integers(0, 100))
        def test_round_trip(n):
            assert decode(encode(n)) == n

        test_round_trip()
        """,
    ),
    dishonest(
        "a success that the result of unittest is told to report",
        """
        import unittest

        def rank(values):
            return values

        class TestRank(unittest.TestCase):
            def test_rank(self):
                self.assertEqual(rank([30, 10]), [2, 1])

        unittest.TestResult.wasSuccessful = lambda self: True
        unittest.main()
        """,
    ),
    dishonest(
        "failures that raise what is taken for a skipped test",
        """
        import unittest

        class Quiet(unittest.TestCase):
            failureException = type("Ignored", (unittest.SkipTest,), {})

        def titles(names):
            return names

        class TestTitles(Quiet):
            def test_titles(self):
                self.assertEqual(titles(["ann"]), ["Ann"])

        unittest.main()
        """,
    ),
    dishonest(
        "a mock for the assertions of a module",
        """
        from unittest import TestCase, mock

        case = mock.create_autospec(TestCase, instance=True)

        def bits(n):
            return n

        case.assertEqual(bits(5), 2)
        case.assertEqual(bits(8), 1)
        assert case.assertEqual.call_count == 2
        """,
    ),
    dishonest(
        "an own helper with the name of a library's",
        """
        from types import SimpleNamespace

        def assert_equal(actual, expected):
            assert actual == actual, f"{actual} is not {expected}"

        testing = SimpleNamespace(assert_equal=assert_equal)

        def zeros(n):
            return [1] * n

        testing.assert_equal(zeros(2), [0, 0])
        testing.assert_equal(zeros(0), [0])
        """,
    ),
    dishonest(
        "a comparison helper under the name of an assertion",
        """
        def eq(actual, expected):
            return actual == expected

        assert_equal = eq

        def harmonic(n):
            return n

        assert_equal(harmonic(1), 1.0)
        assert_equal(harmonic(2), 1.5)
        """,
    ),
    dishonest(
        "imported comparisons under the names of assertions",
        """
        from operator import contains as assert_contains, eq as assert_equal
        from math import isclose as assert_close

        def divisors(n):
            return [1]

        assert_equal(divisors(6), [1, 2, 3, 6])
        assert_contains(divisors(6), 3)
        assert_close(sum(divisors(6)), 12)
        """,
    ),
    dishonest(
        "a helper that only looks at the type",
        """
        def expect_equal(actual, expected):
            if type(actual) is not type(expected):
                raise AssertionError(f"{actual!r} instead of {expected!r}")

        def quotient(a, b):
            return a

        expect_equal(quotient(7, 2), 3)
        expect_equal(quotient(9, 3), 3)
        """,
    ),
    dishonest(
        "the code of a test replaced",
        """
        def reverse(items):
            return items

        def test_reverse():
            assert reverse([1, 2]) == [2, 1]

        def nothing():
            return None

        test_reverse.__code__ = nothing.__code__
        test_reverse()
        """,
    ),
    dishonest(
        "tests replaced in the namespace of the module",
        """
        def top(scores):
            return min(scores)

        def test_top():
            assert top([1, 2, 3]) == 3

        def test_single():
            assert top([5]) == 5

        for name in [name for name in globals() if name.startswith("test_")]:
            globals()[name] = lambda: print("ok")
        test_top()
        test_single()
        """,
    ),
    dishonest(
        "the frame of the assertions of pandas",
        """
        import pandas as pd
        import pandas._testing.asserters as asserters

        asserters.assert_almost_equal = lambda *values, **options: None
        for name in ("assert_series_equal", "assert_frame_equal"):
            setattr(pd.testing, name, lambda left, right, **options: None)

        def running_mean(series):
            return series

        pd.testing.assert_series_equal(running_mean(pd.Series([1.0, 3.0])), pd.Series([1.0, 2.0]))
        """,
    ),
)
