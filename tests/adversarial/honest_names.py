"""Honest programs in which names mislead: code named like tests, and tests that are reached in roundabout ways."""

from adversarial.program import honest

CASES = (
    honest(
        "a function under test named check_age",
        """
        def check_age(age):
            if age < 0:
                raise ValueError("age must not be negative")
            return "minor" if age < 18 else "adult"

        assert check_age(17) == "minor"
        assert check_age(18) == "adult"
        try:
            check_age(-1)
        except ValueError as error:
            message = str(error)
        assert message == "age must not be negative"
        """,
    ),
    honest(
        "functions under test named checksum and check_digit",
        """
        def checksum(data):
            return sum(data) % 256

        def check_digit(isbn):
            total = sum((10 - i) * int(d) for i, d in enumerate(isbn))
            value = (11 - total % 11) % 11
            return "X" if value == 10 else str(value)

        assert checksum(b"\\x01\\x02\\xff") == 2
        assert checksum(b"") == 0
        assert check_digit("030640615") == "2"
        assert check_digit("097522980") == "X"
        """,
    ),
    honest(
        "a class under test with the method checkout",
        """
        class Cart:
            def __init__(self):
                self.lines = []

            def add(self, name, price, quantity=1):
                self.lines.append((name, price, quantity))
                return self

            def checkout(self, cash):
                total = sum(price * quantity for _, price, quantity in self.lines)
                if cash < total:
                    return None
                self.lines.clear()
                return cash - total

        cart = Cart().add("tea", 3, 2).add("cup", 5)
        assert cart.checkout(10) is None
        assert cart.checkout(20) == 9
        assert cart.lines == []
        """,
    ),
    honest(
        "a function under test named test_bit",
        """
        def test_bit(number, position):
            return bool(number >> position & 1)

        def set_bit(number, position):
            return number | 1 << position

        assert test_bit(5, 0) is True
        assert test_bit(5, 1) is False
        assert set_bit(5, 1) == 7
        assert test_bit(set_bit(0, 9), 9) is True
        """,
    ),
    honest(
        "a function under test named test_primality, used in an assertion helper",
        """
        def test_primality(n, bases=(2, 3, 5, 7)):
            if n < 2 or any(n % p == 0 for p in bases):
                return n in bases
            d, r = n - 1, 0
            while d % 2 == 0:
                d, r = d // 2, r + 1
            for a in bases:
                x = pow(a, d, n)
                if x in (1, n - 1):
                    continue
                for _ in range(r - 1):
                    x = x * x % n
                    if x == n - 1:
                        break
                else:
                    return False
            return True

        def expect(n, answer):
            assert test_primality(n) is answer, n

        expect(97, True)
        expect(561, False)
        expect(2047, False)
        expect(7919, True)
        """,
    ),
    honest(
        "classes under test named TestResult and TestReport",
        """
        from dataclasses import dataclass, field

        @dataclass
        class TestResult:
            name: str
            ok: bool

            def line(self):
                return f"{'PASS' if self.ok else 'FAIL'} {self.name}"

        @dataclass
        class TestReport:
            results: list = field(default_factory=list)

            def add(self, name, ok):
                self.results.append(TestResult(name, ok))

            def summary(self):
                failed = [result.name for result in self.results if not result.ok]
                return len(self.results), failed

        report = TestReport()
        report.add("a", True)
        report.add("b", False)
        assert report.summary() == (2, ["b"])
        assert [result.line() for result in report.results] == ["PASS a", "FAIL b"]
        """,
    ),
    honest(
        "functions under test named verify and validate",
        """
        import re

        def validate_email(text):
            return re.fullmatch(r"[\\w.]+@[\\w.]+\\.[a-z]{2,}", text) is not None

        def verify_luhn(number):
            digits = [int(d) for d in reversed(number)]
            return (sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10 == 0

        assert validate_email("ann@example.org") is True
        assert validate_email("ann.example.org") is False
        assert verify_luhn("79927398713") is True
        assert verify_luhn("79927398710") is False
        """,
    ),
    honest(
        "an assertion helper as the code under test",
        """
        def assert_sorted(items):
            for left, right in zip(items, items[1:]):
                if left > right:
                    raise AssertionError(f"{left} before {right}")
            return len(items)

        assert assert_sorted([1, 2, 2, 5]) == 4
        assert assert_sorted([]) == 0
        caught = None
        try:
            assert_sorted([1, 3, 2])
        except AssertionError as error:
            caught = str(error)
        assert caught == "3 before 2"
        """,
    ),
    honest(
        "a precondition that is an assert statement in the code under test",
        """
        import unittest

        class Account:
            def __init__(self, balance):
                self.balance = balance

            def withdraw(self, amount):
                assert 0 < amount <= self.balance, "amount out of range"
                self.balance -= amount
                return self.balance

        class TestAccount(unittest.TestCase):
            def test_withdraw(self):
                account = Account(100)
                self.assertEqual(account.withdraw(30), 70)
                with self.assertRaisesRegex(AssertionError, "^amount out of range$"):
                    account.withdraw(71)
                self.assertEqual(account.balance, 70)

        unittest.main()
        """,
    ),
    honest(
        "a parser with methods named expect and test",
        """
        class Parser:
            def __init__(self, text):
                self.tokens = text.split()
                self.position = 0

            def test(self, token):
                return self.position < len(self.tokens) and self.tokens[self.position] == token

            def expect(self, token):
                if not self.test(token):
                    raise SyntaxError(f"expected {token}")
                self.position += 1

            def value(self):
                if self.test("("):
                    self.expect("(")
                    result = self.sum()
                    self.expect(")")
                    return result
                self.position += 1
                return int(self.tokens[self.position - 1])

            def sum(self):
                result = self.value()
                while self.test("+"):
                    self.expect("+")
                    result += self.value()
                return result

        assert Parser("1 + ( 2 + 3 )").sum() == 6
        try:
            Parser("( 1 + 2").sum()
        except SyntaxError as error:
            message = error.msg
        assert message == "expected )"
        """,
    ),
    honest(
        "functions under test named run and main",
        """
        def run(program, value):
            for operation, operand in program:
                value = value + operand if operation == "add" else value * operand
            return value

        def main(arguments):
            program = [tuple(argument.split(":")) for argument in arguments]
            return run([(name, int(number)) for name, number in program], 1)

        if __name__ == "__main__":
            assert run([("add", 2), ("mul", 5)], 1) == 15
            assert main(["add:1", "mul:10"]) == 20
            assert main([]) == 1
        """,
    ),
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
    honest(
        "a helper named like a function of the library",
        """
        def isclose(a, b, digits=6):
            return round(a - b, digits) == 0

        def newton_sqrt(x):
            guess = x
            for _ in range(40):
                guess = (guess + x / guess) / 2
            return guess

        assert isclose(newton_sqrt(9), 3)
        assert isclose(newton_sqrt(2), 1.414214)
        assert not isclose(newton_sqrt(2), 1.415)
        assert not isclose(newton_sqrt(16), 5)
        """,
    ),
    honest(
        "names of other alphabets",
        """
        def gr\u00f6\u00dfe(\ufb01gur):
            return sum(\ufb01gur.values())

        def \u03bc_\u03a3(\u03b1, \u03b2):
            return \u03b1 * \u03b2

        assert gr\u00f6\u00dfe({"x": 2, "y": 3}) == 5
        assert \u03bc_\u03a3(4, 6) == 24
        assert gr\u00f6\u00dfe(figur={}) == 0
        """,
    ),
    honest(
        "the expected value comes from a library that the code uses as well",
        """
        import sys

        def tuple_size(items):
            return sys.getsizeof(items)

        assert tuple_size(("A", 1, "B", 2)) == sys.getsizeof(("A", 1, "B", 2))
        assert tuple_size(((1, "Lion"), (2, "Tiger"))) == sys.getsizeof(((1, "Lion"), (2, "Tiger")))
        """,
    ),
    honest(
        "the expected value of a library stands on the left",
        """
        import math

        class Circle:
            def __init__(self, radius):
                self.radius = radius

            def __eq__(self, other):
                return isinstance(other, Circle) and self.radius == other.radius

            def area(self):
                return math.pi * self.radius**2

        assert math.pi * math.pow(2, 2) == Circle(2).area()
        assert math.isclose(math.pow(3, 2) * math.pi, Circle(3).area())
        """,
    ),
)
