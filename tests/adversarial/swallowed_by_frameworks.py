"""Failures that unittest, pytest or doctest catches and nobody looks at; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "pytest.raises(Exception) around a failing assertion",
        """
        import pytest

        def divide(a, b):
            return a // b

        def test_divide():
            assert divide(6, 3) == 2
            with pytest.raises(Exception):
                assert divide(7, 2) == 3.5
                divide(1, 0)

        test_divide()
        """,
    ),
    dishonest(
        "assertRaises(Exception) around a failing assertEqual",
        """
        import unittest

        def withdraw(balance, amount):
            return balance + amount

        class TestWithdraw(unittest.TestCase):
            def test_too_much(self):
                with self.assertRaises(Exception):
                    self.assertEqual(withdraw(100, 30), 70)
                    withdraw(10, 30)

        unittest.main()
        """,
    ),
    dishonest(
        "an assertRaises that calls a failing test",
        """
        import unittest

        def area(width, height):
            return width + height

        def rectangle():
            assert area(3, 4) == 12

        class TestArea(unittest.TestCase):
            def test_rectangle(self):
                self.assertRaises((TypeError, AssertionError), rectangle)

        unittest.main()
        """,
    ),
    dishonest(
        "the result of pytest.main ignored",
        """
        import pytest

        def is_palindrome(text):
            return text == text[::-1]

        def test_word():
            assert is_palindrome("level")

        def test_sentence():
            assert is_palindrome("A man, a plan, a canal: Panama")

        if __name__ == "__main__":
            pytest.main(["-q", "-p", "no:cacheprovider", __file__])
        """,
    ),
    dishonest(
        "a failure that pytest is told to expect",
        """
        import pytest

        def fibonacci(n):
            return n if n < 2 else fibonacci(n - 1) + n

        @pytest.mark.xfail(reason="flaky")
        def test_fibonacci():
            assert fibonacci(10) == 55

        if __name__ == "__main__":
            assert pytest.main(["-q", "-p", "no:cacheprovider", __file__]) == 0
        """,
    ),
    dishonest(
        "unittest.main without an exit",
        """
        import unittest

        def rotate(items, k):
            return items[k:] + items[:k]

        class TestRotate(unittest.TestCase):
            def test_by_one(self):
                self.assertEqual(rotate([1, 2, 3], 1), [3, 1, 2])

            def test_empty(self):
                self.assertEqual(rotate([], 1), [])

        if __name__ == "__main__":
            unittest.main(exit=False, verbosity=2)
        """,
    ),
    dishonest(
        "a text runner whose result is dropped",
        """
        import io, unittest

        def transpose(rows):
            return [list(row) for row in rows]

        class TestTranspose(unittest.TestCase):
            def runTest(self):
                self.assertListEqual(transpose([[1, 2], [3, 4]]), [[1, 3], [2, 4]])

        suite = unittest.TestSuite([TestTranspose()])
        unittest.TextTestRunner(stream=io.StringIO()).run(suite)
        """,
    ),
    dishonest(
        "a test case run into a result of its own",
        """
        import unittest

        def digits(n):
            return [int(c) for c in str(n)][1:]

        class TestDigits(unittest.TestCase):
            def test_three(self):
                self.assertEqual(digits(123), [1, 2, 3])

        outcome = unittest.TestResult()
        for name in unittest.defaultTestLoader.getTestCaseNames(TestDigits):
            TestDigits(name)(outcome)
        print(outcome.testsRun, "test ran")
        """,
    ),
    dishonest(
        "doctests that fail and are not counted",
        """
        import doctest

        def triple(x):
            '''
            >>> triple(2)
            6
            >>> triple(-1)
            -3
            '''
            return x + 4

        if __name__ == "__main__":
            doctest.testmod()
        """,
    ),
)
