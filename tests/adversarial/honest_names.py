"""Honest programs with misleading names: code named like tests, helpers named like library functions."""

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
        "a test with the name of a function inside the code",
        """
        def is_balanced(text):
            def check(part):
                depth = 0
                for sign in part:
                    depth += 1 if sign == "(" else -1
                    if depth < 0:
                        return False
                return depth == 0
            return "yes" if check(text) else "no"

        def check(candidate):
            assert candidate("(())") == "yes"
            assert candidate(")(") == "no"
            assert candidate("(") == "no"

        check(is_balanced)
        """,
    ),
    honest(
        "a test with the name of a function inside the code that asserts",
        """
        def mean(values):
            def test():
                assert values, "no values"
            test()
            return sum(values) / len(values)

        def test():
            assert mean([2, 4]) == 3
            assert mean([5]) == 5

        test()
        """,
    ),
    honest(
        "a test class with the name of a class inside the code",
        """
        import unittest

        def count_words(text):
            class Words:
                def __init__(self, text):
                    self.items = text.split()
            return len(Words(text).items)

        class Words(unittest.TestCase):
            def test_two(self):
                self.assertEqual(count_words("a b"), 2)

            def test_none(self):
                self.assertEqual(count_words(""), 0)

        unittest.main()
        """,
    ),
)
