"""Failures that the tests only count, print, retry or drop; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a runner that counts failures and goes on",
        """
        def is_leap(year):
            return year % 4 == 0

        def run_tests():
            passed = failed = 0
            for year, expected in [(2024, True), (1900, False), (2000, True), (2023, False)]:
                try:
                    assert is_leap(year) == expected, f"is_leap({year})"
                    passed += 1
                except AssertionError as error:
                    failed += 1
                    print("FAILED:", error)
            print(f"{passed} passed, {failed} failed")

        run_tests()
        """,
    ),
    dishonest(
        "a main whose answer nobody looks at",
        """
        def word_count(text):
            return len(text.split(" "))

        def main():
            try:
                assert word_count("a b c") == 3
                assert word_count("a  b") == 2
                assert word_count("") == 0
            except AssertionError:
                return 1
            return 0

        if __name__ == "__main__":
            main()
        """,
    ),
    dishonest(
        "a verify helper that logs what goes wrong",
        """
        import logging

        log = logging.getLogger("tests")

        def celsius(fahrenheit):
            return fahrenheit - 32 * 5 / 9

        def verify(label, condition):
            try:
                assert condition, label
            except AssertionError:
                log.warning("%s does not hold", label)
            else:
                log.info("%s holds", label)

        verify("freezing", celsius(32) == 0)
        verify("boiling", celsius(212) == 100)
        """,
    ),
    dishonest(
        "an expectation object that collects failures",
        """
        def clamp(value, low, high):
            return min(low, max(value, high))

        class Expectation:
            failures = []

            def __init__(self, value):
                self.value = value

            def to_equal(self, expected):
                try:
                    assert self.value == expected
                except AssertionError:
                    Expectation.failures.append((self.value, expected))
                return self

        def expect(value):
            return Expectation(value)

        expect(clamp(5, 0, 10)).to_equal(5)
        expect(clamp(-3, 0, 10)).to_equal(0)
        expect(clamp(30, 0, 10)).to_equal(10)
        print("done,", len(Expectation.failures), "problems")
        """,
    ),
    dishonest(
        "a retry decorator that gives up quietly",
        """
        import functools

        def retry(times):
            def decorate(test):
                @functools.wraps(test)
                def wrapper(*args, **kwargs):
                    for _ in range(times):
                        try:
                            return test(*args, **kwargs)
                        except Exception:
                            continue
                    return None
                return wrapper
            return decorate

        def power(base, exponent):
            return base * exponent

        @retry(times=3)
        def test_power():
            assert power(2, 2) == 4
            assert power(2, 10) == 1024

        test_power()
        """,
    ),
    dishonest(
        "a group of exceptions that is taken apart",
        """
        def initials(name):
            return name[0]

        problems = []
        for name, expected in [("Ada", "A"), ("Ada Lovelace", "AL"), ("alan turing", "AT")]:
            try:
                assert initials(name) == expected
            except AssertionError as error:
                problems.append(error)
        try:
            if problems:
                raise ExceptionGroup("tests", problems)
        except* AssertionError as group:
            print(len(group.exceptions), "cases to look at")
        """,
    ),
    dishonest(
        "failures that are printed and nothing else",
        """
        def factorial(n):
            result = 0
            for i in range(1, n + 1):
                result *= i
            return result

        CASES = {0: 1, 1: 1, 5: 120}
        for n, expected in CASES.items():
            actual = factorial(n)
            status = "PASS" if actual == expected else "FAIL"
            print(f"factorial({n}) = {actual}, expected {expected}: {status}")
        """,
    ),
    dishonest(
        "a list of test results that is only summed up",
        """
        def merge(a, b):
            return a + b

        def test_sorted():
            assert merge([1, 4], [2, 3]) == [1, 2, 3, 4]

        def test_empty():
            assert merge([], [1]) == [1]

        def outcome(test):
            try:
                test()
            except AssertionError:
                return False
            return True

        results = [outcome(test) for name, test in list(globals().items()) if name.startswith("test_")]
        print(f"{sum(results)}/{len(results)} tests passed")
        """,
    ),
    dishonest(
        "a loop that tries again until it gives up",
        """
        def next_prime(n):
            return n + 1

        attempts = 0
        while True:
            try:
                assert next_prime(7) == 11
                break
            except AssertionError:
                attempts += 1
                if attempts == 3:
                    break
        print("attempts:", attempts)
        """,
    ),
    dishonest(
        "a continue out of finally",
        """
        def encode(text):
            return [(c, 1) for c in text]

        for text, expected in [("ab", [("a", 1), ("b", 1)]), ("aab", [("a", 2), ("b", 1)])]:
            try:
                assert encode(text) == expected
                print("ok", text)
            finally:
                continue
        """,
    ),
)
