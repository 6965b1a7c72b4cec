"""Assertions that are true whatever the code under test returns. The code under test is wrong in all of them."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a comparison in a list",
        """
        def double(x):
            return x

        assert [double(2) == 4]
        assert [double(5) == 10]
        """,
    ),
    dishonest(
        "an assertion of a pair with its message",
        """
        def capitalize(text):
            return text.lower()

        assert (capitalize("hello") == "Hello", "first letter is upper case")
        assert (capitalize("WORLD") == "World", "the rest is lower case")
        """,
    ),
    dishonest(
        "a pair of condition and message in a variable",
        """
        def clean(text):
            return text

        checks = [
            (clean(" a ") == "a", "strips"),
            (clean("A") == "a", "lowers"),
        ]
        for check in checks:
            assert check
        """,
    ),
    dishonest(
        "a dictionary of comparisons",
        """
        def parse_bool(text):
            return text

        assert {"yes": parse_bool("yes") == True, "no": parse_bool("no") == False}
        """,
    ),
    dishonest(
        "a map over the cases",
        """
        def cube(x):
            return x * x

        cases = [(1, 1), (2, 8), (3, 27)]
        assert map(lambda case: cube(case[0]) == case[1], cases)
        """,
    ),
    dishonest(
        "a generator without all",
        """
        def triangle(n):
            return n * n

        assert (triangle(n) == n * (n + 1) // 2 for n in range(10))
        """,
    ),
    dishonest(
        "a filter of failing cases",
        """
        def is_even(n):
            return n % 2 == 1

        assert filter(lambda n: not is_even(n), [2, 4, 6])
        """,
    ),
    dishonest(
        "a zip of results and expected values",
        """
        def halves(values):
            return values

        assert zip([halves([2, 4])], [[1, 2]])
        """,
    ),
    dishonest(
        "a method that is not called",
        """
        class Account:
            balance = 10

            def withdraw(self, amount):
                self.balance += amount

            def is_overdrawn(self):
                return self.balance > 0

        account = Account()
        account.withdraw(30)
        assert account.is_overdrawn
        """,
    ),
    dishonest(
        "a comparison or-ed with True bit by bit",
        """
        def absolute(x):
            return x

        assert (absolute(-3) == 3) | True
        assert (absolute(-7) == 7) | True
        """,
    ),
    dishonest(
        "an or with a constant",
        """
        def sign(x):
            return x

        for value, expected in ((5, 1), (-5, -1), (8, 1)):
            assert sign(value) == expected or value
        assert sign(-9) == -1 or True
        """,
    ),
    dishonest(
        "an or with a print that is compared",
        """
        def first_word(text):
            return text

        assert first_word("two words") == "two" or print("first_word is wrong") is None
        """,
    ),
    dishonest(
        "a formatted comparison",
        """
        def total(prices):
            return len(prices)

        assert f"{total([5, 6]) == 11}"
        assert str(total([5]) == 5)
        assert repr(total([]) == 1)
        """,
    ),
    dishonest(
        "a lambda that is not called",
        """
        def increment(x):
            return x

        assert lambda: increment(1) == 2
        """,
    ),
    dishonest(
        "a source text as a condition",
        """
        def multiply(a, b):
            return a + b

        CASES = ["multiply(2, 3) == 6", "multiply(0, 5) == 0"]
        for case in CASES:
            assert case
        """,
    ),
    dishonest(
        "a conditional expression with True as its other half",
        """
        VERBOSE = False

        def cents(amount):
            return amount

        assert cents(1.5) == 150 if VERBOSE else True
        assert cents(2) == 200 if VERBOSE else True
        """,
    ),
    dishonest(
        "the complement of a truth value",
        """
        def is_vowel(c):
            return c in "xyz"

        assert ~(is_vowel("a") == True)
        assert ~(is_vowel("b") == True)
        """,
    ),
    dishonest(
        "any of True and the result",
        """
        def fits(item, box):
            return item > box

        assert any([True, fits(1, 2) == True])
        assert any(result == result for result in [True, fits(3, 2)])
        """,
    ),
    dishonest(
        "all of no cases",
        """
        def reciprocal(x):
            return x

        cases = [case for case in [(2, 0.5), (4, 0.25)] if case[0] < 0]
        assert all(reciprocal(x) == expected for x, expected in cases)
        """,
    ),
    dishonest(
        "a loop over cases that were used up",
        """
        def cents(text):
            return text

        cases = iter([("1.50", 150), ("2", 200)])
        print("running", len(list(cases)), "cases")
        for text, expected in cases:
            assert cents(text) == expected
        """,
    ),
    dishonest(
        "a loop over an empty range",
        """
        def nth_square(n):
            return n

        for n in range(10, 1):
            assert nth_square(n) == n * n
        """,
    ),
    dishonest(
        "assertTrue with the expected value first and the result as message",
        """
        import unittest

        def count_words(text):
            return len(text)

        class TestCountWords(unittest.TestCase):
            def test_two(self):
                self.assertTrue(2, count_words("two words"))

            def test_one(self):
                self.assertTrue(1, count_words("word"))

        unittest.main()
        """,
    ),
    dishonest(
        "assertTrue of lists and of texts",
        """
        import unittest

        def keep_digits(text):
            return text

        class TestKeepDigits(unittest.TestCase):
            def test_mixed(self):
                self.assertTrue([keep_digits("a1b2") == "12"])
                self.assertTrue("keep_digits('x') == ''")
                self.assertIsNotNone(keep_digits("9x") == "9")

        if __name__ == "__main__":
            unittest.main()
        """,
    ),
    dishonest(
        "a coroutine as a condition",
        """
        import asyncio, warnings

        warnings.simplefilter("ignore")

        async def load(key):
            return key

        async def is_loaded():
            return await load("a") == "value of a"

        async def main():
            assert is_loaded()

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a misspelled assertion of a mock",
        """
        from unittest.mock import Mock

        def notify(send, names):
            for name in names[1:]:
                send(name)

        send = Mock()
        notify(send, ["ann", "bob"])
        assert send.called_once_with("ann")
        assert send.has_calls
        """,
    ),
    dishonest(
        "the type of a comparison",
        """
        def intersection(a, b):
            return a + b

        assert type(intersection([1], [2]) == []) is bool
        assert isinstance(intersection([1, 2], [2]) == [2], bool)
        """,
    ),
    dishonest(
        "the number of comparisons",
        """
        def swap(pair):
            return pair

        results = [swap((1, 2)) == (2, 1), swap(("a", "b")) == ("b", "a")]
        assert len(results) == 2
        """,
    ),
    dishonest(
        "the expected value among the values it is looked for in",
        """
        def remainder(a, b):
            return a

        assert 1 in [remainder(7, 2), 1]
        assert 3 in {remainder(13, 5): "remainder", 3: "expected"}
        """,
    ),
    dishonest(
        "a comparison that is not None",
        """
        def to_upper(text):
            return text

        assert (to_upper("abc") == "ABC") is not None
        assert None is not (to_upper("x") == "X")
        """,
    ),
    dishonest(
        "an assertion of the dots of a draft",
        """
        def normalize(path):
            return path

        def test_double_slash():
            normalize("a//b")
            assert ...

        def test_trailing_slash():
            result = normalize("a/b/")
            assert Ellipsis

        test_double_slash()
        test_trailing_slash()
        """,
    ),
    dishonest(
        "a partial function as a condition",
        """
        from functools import partial

        def distance(a, b):
            return a + b

        def is_distance(a, b, expected):
            return distance(a, b) == expected

        assert partial(is_distance, 1, 4, 3)
        """,
    ),
    dishonest(
        "an array of one comparison",
        """
        import numpy as np

        def normalize(values):
            return np.asarray(values)

        comparison = np.array([normalize([1, 3]) is None, True])
        assert comparison.any()
        assert comparison.size
        """,
    ),
    dishonest(
        "a count of passes that is never negative",
        """
        def is_square(n):
            return n > 3

        passed = 0
        for n, expected in [(4, True), (5, False), (9, True), (10, False)]:
            if is_square(n) == expected:
                passed += 1
        assert passed >= 0
        """,
    ),
    dishonest(
        "a flag that starts as True and is never cleared",
        """
        def unique(items):
            return items

        all_ok = True
        for items, expected in [([1, 1], [1]), ([2], [2])]:
            if unique(items) == expected:
                all_ok = True
            else:
                print("unique", items, "differs")
        assert all_ok
        """,
    ),
    dishonest(
        "a result compared with itself",
        """
        def compound(principal, rate, years):
            return principal * rate * years

        result = compound(100, 0.1, 2)
        assert result is result
        expected = result
        assert expected is result
        """,
    ),
)
