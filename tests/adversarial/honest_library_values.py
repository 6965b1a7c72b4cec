"""Honest programs whose expected values come from the library."""

from adversarial.program import honest

CASES = (
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
