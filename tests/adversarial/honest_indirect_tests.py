"""Honest programs that reach their tests or assertions in roundabout ways."""

from adversarial.program import honest

CASES = (
    honest(
        "tests reached through an alias",
        """
        def add(a, b):
            return a + b

        def test_add():
            assert add(1, 2) == 3
            assert add("a", "b") == "ab"

        execute = test_add
        again = execute
        again()
        """,
    ),
    honest(
        "tests called in a comprehension",
        """
        def is_anagram(a, b):
            return sorted(a) == sorted(b)

        def test_yes():
            assert is_anagram("listen", "silent") is True
            return "yes"

        def test_no():
            assert is_anagram("abc", "abd") is False
            return "no"

        names = [test() for test in (test_yes, test_no)]
        print(names)
        """,
    ),
    honest(
        "tests found among the globals",
        """
        def flatten(items):
            result = []
            for item in items:
                result.extend(flatten(item) if isinstance(item, list) else [item])
            return result

        def test_flat():
            assert flatten([1, 2]) == [1, 2]

        def test_nested():
            assert flatten([1, [2, [3, []]]]) == [1, 2, 3]

        tests = {name: value for name, value in globals().items() if name.startswith("test_") and callable(value)}
        for name in sorted(tests):
            tests[name]()
            print(name, "ok")
        """,
    ),
    honest(
        "assertions that are returned",
        """
        import unittest

        def mode(values):
            return max(set(values), key=lambda v: (values.count(v), -v))

        class TestMode(unittest.TestCase):
            def test_single(self):
                return self.assertEqual(mode([4]), 4)

            def test_tie(self):
                return self.assertEqual(mode([2, 1, 2, 1]), 1)

        if __name__ == "__main__":
            unittest.main(verbosity=0)
        """,
    ),
    honest(
        "an assertion method overridden to say more",
        """
        import unittest

        class Case(unittest.TestCase):
            def assertEqual(self, first, second, msg=None):
                super().assertEqual(first, second, msg or f"got {first!r}")

            def assertDigits(self, text, digits):
                self.assertEqual([int(c) for c in text], digits)

        def to_base(n, base):
            digits = ""
            while n:
                n, digit = divmod(n, base)
                digits = str(digit) + digits
            return digits or "0"

        class TestToBase(Case):
            def test_binary(self):
                self.assertDigits(to_base(10, 2), [1, 0, 1, 0])

            def test_zero(self):
                self.assertEqual(to_base(0, 7), "0")

        unittest.main()
        """,
    ),
    honest(
        "pytest.raises entered through an ExitStack",
        """
        import contextlib
        import pytest

        class Stack:
            def __init__(self):
                self._items = []

            def push(self, item):
                self._items.append(item)

            def pop(self):
                if not self._items:
                    raise IndexError("pop from empty stack")
                return self._items.pop()

        def test_stack():
            stack = Stack()
            stack.push(1)
            stack.push(2)
            assert [stack.pop(), stack.pop()] == [2, 1]
            with contextlib.ExitStack() as contexts:
                contexts.enter_context(pytest.raises(IndexError, match="empty stack"))
                stack.pop()

        test_stack()
        """,
    ),
    honest(
        "helpers bound to short names",
        """
        import unittest

        def gcd(a, b):
            while b:
                a, b = b, a % b
            return a

        class TestGcd(unittest.TestCase):
            def test_pairs(self):
                eq, ok = self.assertEqual, self.assertTrue
                eq(gcd(12, 18), 6)
                eq(gcd(7, 5), 1)
                ok(gcd(0, 9) == 9)

        unittest.main()
        """,
    ),
    honest(
        "assertions as partial functions",
        """
        import functools, operator

        def ensure(compare, actual, expected):
            if not compare(actual, expected):
                raise AssertionError(f"{actual!r} and {expected!r}")

        ensure_equal = functools.partial(ensure, operator.eq)
        ensure_less = functools.partial(ensure, operator.lt)

        def levenshtein(a, b):
            row = list(range(len(b) + 1))
            for i, x in enumerate(a, 1):
                previous, row[0] = row[0], i
                for j, y in enumerate(b, 1):
                    previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
            return row[-1]

        ensure_equal(levenshtein("kitten", "sitting"), 3)
        ensure_equal(levenshtein("", "abc"), 3)
        ensure_less(levenshtein("flaw", "lawn"), 3)
        """,
    ),
    honest(
        "tests registered by a decorator",
        """
        TESTS = []

        def case(*arguments, expected):
            def register(test):
                TESTS.append((test, arguments, expected))
                return test
            return register

        def clamp(value, low, high):
            return max(low, min(value, high))

        @case(5, 0, 10, expected=5)
        @case(-5, 0, 10, expected=0)
        @case(50, 0, 10, expected=10)
        def clamps(*arguments):
            return clamp(*arguments)

        for test, arguments, expected in TESTS:
            assert test(*arguments) == expected, arguments
        assert len(TESTS) == 3
        """,
    ),
    honest(
        "tests in a plain class, called by name",
        """
        class Matrix:
            def __init__(self, rows):
                self.rows = rows

            def __matmul__(self, other):
                columns = list(zip(*other.rows))
                return Matrix([[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self.rows])

        class Checks:
            identity = Matrix([[1, 0], [0, 1]])

            def product_with_identity(self):
                assert (self.identity @ Matrix([[1, 2], [3, 4]])).rows == [[1, 2], [3, 4]]

            @staticmethod
            def product():
                assert (Matrix([[1, 2]]) @ Matrix([[3], [4]])).rows == [[11]]

        checks = Checks()
        for name in ("product_with_identity", "product"):
            getattr(checks, name)()
        """,
    ),
    honest(
        "cases checked by a mapped function",
        """
        def roman(n):
            result = ""
            for value, letters in ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
                while n >= value:
                    result += letters
                    n -= value
            return result

        def holds(n, expected):
            assert roman(n) == expected, n
            return True

        assert all(map(holds, [1, 4, 9, 14], ["I", "IV", "IX", "XIV"]))
        """,
    ),
    honest(
        "tests nested in a function that builds them",
        """
        def caesar(text, shift):
            return "".join(
                chr((ord(c) - 97 + shift) % 26 + 97) if c.islower() else c for c in text
            )

        def make_suite():
            def forwards():
                assert caesar("xyz!", 3) == "abc!"

            def backwards():
                assert caesar(caesar("round trip", 7), -7) == "round trip"
                assert caesar("b", -1) == "a"

            return [forwards, backwards]

        for test in make_suite():
            test()
        """,
    ),
    honest(
        "a lambda under test and lambdas as tests",
        """
        compose = lambda f, g: lambda x: f(g(x))
        increment = lambda x: x + 1
        double = lambda x: x * 2

        tests = {
            "order": lambda: compose(increment, double)(5) == 11,
            "other order": lambda: compose(double, increment)(5) == 12,
        }
        for name, test in tests.items():
            assert test() is True, name
        """,
    ),
)
