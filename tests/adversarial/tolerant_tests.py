"""Tests that accept any result, through a tolerance, a pattern or a placeholder; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
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
)
