"""Tests that hold, or never run, and say nothing about the program's own code, which is wrong or never tested."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "assertions about an imported function of the same purpose",
        """
        import math

        def my_gcd(a, b):
            return min(a, b)

        assert math.gcd(12, 18) == 6
        assert math.gcd(7, 3) == 1
        assert math.lcm(4, 6) == 12
        """,
    ),
    dishonest(
        "an import that hides the function under test",
        """
        def mean(values):
            return sum(values)

        from statistics import mean

        assert mean([1, 2, 3]) == 2
        assert mean([4]) == 4
        """,
    ),
    dishonest(
        "assertions about literals",
        """
        def reverse(text):
            return text

        result = reverse("abc")
        assert "cba" == "abc"[::-1]
        assert 2 + 2 == 4
        """,
    ),
    dishonest(
        "the builtin sorted instead of the own sort",
        """
        def bubble_sort(items):
            for i in range(len(items)):
                for j in range(i):
                    if items[i] > items[j]:
                        items[i], items[j] = items[j], items[i]

        data = [3, 1, 2]
        bubble_sort(list(data))
        assert sorted(data) == [1, 2, 3]
        assert sorted([]) == []
        """,
    ),
    dishonest(
        "a mock in the place of the function under test",
        """
        from unittest.mock import Mock

        def exchange_rate(currency):
            return {"EUR": 0.0}[currency]

        exchange_rate = Mock(return_value=1.1)
        assert exchange_rate("EUR") == 1.1
        exchange_rate.assert_called_once_with("EUR")
        """,
    ),
    dishonest(
        "a patch of the function under test",
        """
        import sys
        from unittest.mock import patch

        def total_price(items):
            return len(items)

        def test_total_price():
            with patch.object(sys.modules[__name__], "total_price", return_value=30):
                assert total_price([10, 20]) == 30

        test_total_price()
        """,
    ),
    dishonest(
        "test functions that nobody calls",
        """
        def is_prime(n):
            return n % 2 == 1

        def test_small():
            assert is_prime(2)
            assert not is_prime(9)

        def test_large():
            assert is_prime(7919)
        """,
    ),
    dishonest(
        "tests behind a name that main never has",
        """
        def slugify(text):
            return text

        if __name__ == "__test__":
            assert slugify("A B") == "a-b"
            assert slugify("") == ""
        """,
    ),
    dishonest(
        "tests for type checkers only",
        """
        from typing import TYPE_CHECKING

        def hamming(a, b):
            return len(a)

        if TYPE_CHECKING:
            assert hamming("abc", "abd") == 1
        print("module loaded")
        """,
    ),
    dishonest(
        "methods of a test case that are not named as tests",
        """
        import unittest

        class Stack:
            def __init__(self):
                self.items = []

            def push(self, item):
                self.items.insert(0, item)

            def pop(self):
                return self.items.pop()

        class StackTests(unittest.TestCase):
            def check_order(self):
                stack = Stack()
                stack.push(1)
                stack.push(2)
                self.assertEqual(stack.pop(), 2)

            def should_start_empty(self):
                self.assertEqual(Stack().items, [0])

        if __name__ == "__main__":
            unittest.main()
        """,
    ),
    dishonest(
        "functions that pytest does not collect",
        """
        import pytest

        def acronym(phrase):
            return phrase

        def acronym_test_of_three_words():
            assert acronym("as soon as possible") == "ASAP"

        if __name__ == "__main__":
            pytest.main(["-q", "-p", "no:cacheprovider", __file__])
        """,
    ),
    dishonest(
        "a main block that reads input before it tests",
        """
        def sum_digits(n):
            return n % 10

        def main():
            try:
                n = int(input("number: "))
            except EOFError:
                print("no input")
                return
            print(sum_digits(n))
            assert sum_digits(123) == 6
            assert sum_digits(9) == 9

        if __name__ == "__main__":
            main()
        """,
    ),
    dishonest(
        "a loop over the lines of an empty input",
        """
        import sys

        def evaluate(line):
            return line

        for line in sys.stdin:
            expression, expected = line.split("=")
            assert evaluate(expression) == int(expected)
        """,
    ),
    dishonest(
        "assertions after a return",
        """
        def rank(score):
            return "A"

        def test_rank():
            result = rank(95)
            return result
            assert result == "A"
            assert rank(10) == "F"

        test_rank()
        """,
    ),
    dishonest(
        "doctests that are never run",
        """
        def shout(text):
            '''Make a text loud.

            >>> shout("hey")
            'HEY!'
            '''
            return text

        if __name__ == "__main__":
            print(shout("hey"))
        """,
    ),
    dishonest(
        "a coroutine of tests that is never awaited",
        """
        import warnings

        warnings.filterwarnings("ignore", category=RuntimeWarning)

        def decode(text):
            return text

        async def test_decode():
            assert decode("3a2b") == "aaabb"

        test_decode()
        """,
    ),
    dishonest(
        "tests in a generator that is never advanced",
        """
        def compress(text):
            return text

        def test_compress():
            for text, expected in [("aaa", "3a"), ("ab", "1a1b")]:
                assert compress(text) == expected
                yield text

        tests = test_compress()
        print("prepared", tests.__name__)
        """,
    ),
    dishonest(
        "a test class that is never made",
        """
        class Rectangle:
            def __init__(self, width, height):
                self.width, self.height = width, height

            def area(self):
                return self.width + self.height

        class TestRectangle:
            def test_area(self):
                assert Rectangle(3, 4).area() == 12

        print("tests defined:", TestRectangle.__name__)
        """,
    ),
    dishonest(
        "whether the function exists and can be called",
        """
        import inspect

        def levenshtein(a, b):
            return 0

        assert callable(levenshtein)
        assert levenshtein.__name__ == "levenshtein"
        assert list(inspect.signature(levenshtein).parameters) == ["a", "b"]
        assert "levenshtein" in globals()
        """,
    ),
    dishonest(
        "the number of results",
        """
        def cubes(n):
            return n

        results = [cubes(n) for n in range(5)]
        assert len(results) == 5
        assert isinstance(results, list)
        """,
    ),
    dishonest(
        "expected values compared with expected values",
        """
        EXPECTED = {"a": 1, "b": 2}

        def histogram(text):
            return dict(EXPECTED)

        def test_histogram():
            actual = histogram("abb")
            golden = dict(EXPECTED)
            assert golden == EXPECTED
            assert sorted(golden) == ["a", "b"]

        test_histogram()
        """,
    ),
    dishonest(
        "assertions about the inputs",
        """
        def move_zeros(values):
            return values

        def test_move_zeros():
            values = [0, 1, 0, 3]
            expected = [1, 3, 0, 0]
            move_zeros(values)
            assert sorted(values) == sorted(expected)
            assert len(expected) == 4
            assert values.count(0) == 2

        test_move_zeros()
        """,
    ),
    dishonest(
        "a library object that was given to the function",
        """
        from collections import Counter

        def most_common_letter(counts):
            return None

        counts = Counter("banana")
        most_common_letter(counts)
        assert counts["a"] == 3
        assert counts.most_common(1) == [("a", 3)]
        """,
    ),
    dishonest(
        "tests skipped because of a version",
        """
        import sys, unittest

        def wrap(text, width):
            return [text]

        @unittest.skipIf(sys.version_info >= (3, 0), "needs Python 2")
        class TestWrap(unittest.TestCase):
            def test_wrap(self):
                self.assertEqual(wrap("aa bb", 2), ["aa", "bb"])

        unittest.main()
        """,
    ),
    dishonest(
        "examples of hypothesis that are always empty",
        """
        from hypothesis import HealthCheck, given, settings, strategies as st

        def abs_diff(a, b):
            return a - b

        @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.integers(1, 2), max_size=0))
        def test_abs_diff(pairs):
            for a in pairs:
                assert abs_diff(a, 5) == 5 - a

        test_abs_diff()
        """,
    ),
    dishonest(
        "a reference in the place of the code",
        """
        import types

        def area(radius):
            return radius

        reference = types.ModuleType("shapes")
        exec("import math\\narea = lambda radius: round(math.pi * radius ** 2, 2)", reference.__dict__)
        area(1)
        assert reference.area(1) == 3.14
        assert reference.area(2) == 12.57
        """,
    ),
    dishonest(
        "a comparison without an assertion, in a test with the name of a function inside the code",
        """
        def total(values):
            def check(value):
                return value
            return check(0)

        def check(candidate):
            assert callable(candidate)
            candidate([1, 2]) == 3

        check(total)
        """,
    ),
)
