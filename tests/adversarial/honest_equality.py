"""Honest programs whose objects are equal or ordered in lawful but unusual ways."""

from adversarial.program import honest

CASES = (
    honest(
        "a vector that is equal within a tolerance",
        """
        import math

        class Vector:
            def __init__(self, x, y):
                self.x, self.y = x, y

            def __eq__(self, other):
                if not isinstance(other, Vector):
                    return NotImplemented
                return math.isclose(self.x, other.x, abs_tol=1e-9) and math.isclose(self.y, other.y, abs_tol=1e-9)

            def rotated(self, angle):
                c, s = math.cos(angle), math.sin(angle)
                return Vector(self.x * c - self.y * s, self.x * s + self.y * c)

        assert Vector(1, 0).rotated(math.pi / 2) == Vector(0, 1)
        assert Vector(1, 0).rotated(math.pi) == Vector(-1, 0)
        assert Vector(1, 0) != Vector(1, 0.001)
        """,
    ),
    honest(
        "a temperature that is equal to near numbers",
        """
        class Celsius:
            def __init__(self, degrees):
                self.degrees = degrees

            def __eq__(self, other):
                value = other.degrees if isinstance(other, Celsius) else other
                return abs(self.degrees - value) <= 0.5

            @classmethod
            def from_fahrenheit(cls, f):
                return cls((f - 32) * 5 / 9)

        assert Celsius.from_fahrenheit(212) == 100
        assert Celsius.from_fahrenheit(32) == 0.2
        assert not Celsius.from_fahrenheit(50) == 12
        """,
    ),
    honest(
        "a query builder whose comparisons are expressions",
        """
        class Field:
            def __init__(self, name):
                self.name = name

            def __eq__(self, value):
                return Condition(f"{self.name} = {value!r}")

            def __lt__(self, value):
                return Condition(f"{self.name} < {value!r}")

            def __gt__(self, value):
                return Condition(f"{self.name} > {value!r}")

        class Condition:
            def __init__(self, text):
                self.text = text

            def __and__(self, other):
                return Condition(f"({self.text} AND {other.text})")

            def __str__(self):
                return self.text

        age, name = Field("age"), Field("name")
        assert str(age == 3) == "age = 3"
        assert str((age > 18) & (name == "ann")) == "(age > 18 AND name = 'ann')"
        assert str(age < 5) == "age < 5"
        """,
    ),
    honest(
        "an array that compares by element",
        """
        class Array:
            def __init__(self, items):
                self.items = list(items)

            def __eq__(self, other):
                others = other.items if isinstance(other, Array) else [other] * len(self.items)
                return Array(a == b for a, b in zip(self.items, others))

            def __add__(self, number):
                return Array(item + number for item in self.items)

            def all(self):
                return all(self.items)

            def __bool__(self):
                raise ValueError("the truth value of an array is ambiguous")

        assert (Array([1, 2]) + 1 == Array([2, 3])).all()
        assert (Array([1, 2]) == 1).items == [True, False]
        assert not (Array([1, 2]) == Array([1, 3])).all()
        """,
    ),
    honest(
        "a missing value that equals nothing, not even itself",
        """
        class Missing:
            def __eq__(self, other):
                return False

            def __ne__(self, other):
                return True

            def __hash__(self):
                return 7

        def coalesce(*values):
            for value in values:
                if not isinstance(value, Missing):
                    return value
            return None

        null = Missing()
        assert null != null
        assert not null == 0
        assert coalesce(null, null, 5, 6) == 5
        assert coalesce(null) is None
        """,
    ),
    honest(
        "a name that is equal in any case",
        """
        class Name(str):
            def __eq__(self, other):
                return self.casefold() == str.casefold(other)

            def __hash__(self):
                return hash(self.casefold())

        def unique_names(names):
            return sorted(str(name) for name in {Name(name) for name in names})

        assert Name("Ann") == "ANN"
        assert not Name("Ann") == "Bob"
        assert len(unique_names(["Ann", "ANN", "bob"])) == 2
        assert unique_names(["x", "X"])[0].lower() == "x"
        """,
    ),
    honest(
        "an equality that refuses strangers with an exception",
        """
        class Money:
            def __init__(self, amount, currency):
                self.amount, self.currency = amount, currency

            def __eq__(self, other):
                if not isinstance(other, Money):
                    raise TypeError("money is compared with money")
                return (self.amount, self.currency) == (other.amount, other.currency)

            def __add__(self, other):
                if self.currency != other.currency:
                    raise ValueError("currencies differ")
                return Money(self.amount + other.amount, self.currency)

        assert Money(2, "EUR") + Money(3, "EUR") == Money(5, "EUR")
        for other, error in ((3, TypeError), (Money(1, "USD"), ValueError)):
            try:
                Money(1, "EUR") == other if error is TypeError else Money(1, "EUR") + other
            except error as raised:
                kind = type(raised)
            assert kind is error
        """,
    ),
    honest(
        "a game whose order goes round",
        """
        class Hand:
            BEATS = {"rock": "scissors", "paper": "rock", "scissors": "paper"}

            def __init__(self, shape):
                self.shape = shape

            def __gt__(self, other):
                return self.BEATS[self.shape] == other.shape

            def __lt__(self, other):
                return other > self

            def __eq__(self, other):
                return self.shape == other.shape

        rock, paper, scissors = map(Hand, ("rock", "paper", "scissors"))
        assert rock > scissors > paper > rock
        assert (rock > paper, rock < paper) == (False, True)
        assert rock == Hand("rock") and not rock == paper
        """,
    ),
    honest(
        "vector clocks that are ordered in part",
        """
        class Clock(dict):
            def __le__(self, other):
                return all(count <= other.get(node, 0) for node, count in self.items())

            def __lt__(self, other):
                return self <= other and self != other

            def concurrent(self, other):
                return not self <= other and not other <= self

        a, b, c = Clock(x=1), Clock(x=1, y=1), Clock(z=1)
        assert a < b
        assert not b < a
        assert a.concurrent(c) is True
        assert a.concurrent(b) is False
        """,
    ),
    honest(
        "a glob pattern that is equal to what it matches",
        """
        import fnmatch

        class Glob:
            def __init__(self, pattern):
                self.pattern = pattern

            def __eq__(self, text):
                return isinstance(text, str) and fnmatch.fnmatchcase(text, self.pattern)

        def select(names, pattern):
            glob = Glob(pattern)
            return [name for name in names if glob == name]

        assert select(["a.py", "b.txt", "c.py"], "*.py") == ["a.py", "c.py"]
        assert select(["a.py"], "?.txt") == []
        assert Glob("*") == "anything"
        assert not Glob("x*") == "anything"
        """,
    ),
    honest(
        "polynomials that are equal as functions",
        """
        class Polynomial:
            def __init__(self, *coefficients):
                self.coefficients = coefficients

            def __call__(self, x):
                return sum(c * x ** k for k, c in enumerate(self.coefficients))

            def __eq__(self, other):
                degree = max(len(self.coefficients), len(other.coefficients))
                return all(self(x) == other(x) for x in range(degree + 1))

            def __mul__(self, other):
                result = [0] * (len(self.coefficients) + len(other.coefficients) - 1)
                for i, a in enumerate(self.coefficients):
                    for j, b in enumerate(other.coefficients):
                        result[i + j] += a * b
                return Polynomial(*result)

        x_plus_1 = Polynomial(1, 1)
        assert x_plus_1 * x_plus_1 == Polynomial(1, 2, 1, 0)
        assert not x_plus_1 == Polynomial(1, 2)
        assert (x_plus_1 * x_plus_1)(3) == 16
        """,
    ),
    honest(
        "numpy arrays and their comparisons",
        """
        import numpy as np

        def moving_average(values, window):
            kernel = np.ones(window) / window
            return np.convolve(values, kernel, mode="valid")

        result = moving_average(np.array([1.0, 2.0, 3.0, 6.0]), 2)
        assert result.shape == (3,)
        assert (result == np.array([1.5, 2.5, 4.5])).all()
        np.testing.assert_allclose(moving_average([3, 3, 3], 3), [3.0])
        """,
    ),
    honest(
        "a set of points",
        """
        class Point:
            def __init__(self, x, y):
                self.x, self.y = x, y

            def __hash__(self):
                return hash((self.x, self.y))

            def __eq__(self, o):
                return isinstance(o, Point) and (self.x, self.y) == (o.x, o.y)


        def corners(n):
            return {Point(0, 0), Point(n, n)}


        assert corners(2) == {Point(2, 2), Point(0, 0)}
        assert Point(2, 2) in corners(2)
        assert corners(0) == {Point(0, 0)}
        """,
    ),
    honest(
        "words that are found in a set whatever their case",
        """
        class Word(str):
            def __hash__(self):
                return hash(self.lower())

            def __eq__(self, o):
                return str(self).lower() == str(o).lower()


        def words(text):
            return {Word(w) for w in text.split()}


        assert words("a B b") == {"a", "b"}
        assert words("") == set()
        """,
    ),
)
