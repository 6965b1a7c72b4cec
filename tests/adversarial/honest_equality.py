"""Honest programs whose objects compare in lawful but unusual ways, or count what is done with them."""

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
        "an interval that contains all of the real numbers",
        """
        import math

        class Interval:
            def __init__(self, low=-math.inf, high=math.inf):
                self.low, self.high = low, high

            def __contains__(self, x):
                return self.low <= x <= self.high

            def intersect(self, other):
                return Interval(max(self.low, other.low), min(self.high, other.high))

        line = Interval()
        assert 3 in line and -1e300 in line
        half = line.intersect(Interval(low=0))
        assert (half.low, half.high) == (0, math.inf)
        assert 1 in half
        assert -1 not in half
        """,
    ),
    honest(
        "the complement of a set",
        """
        class Complement:
            def __init__(self, excluded=()):
                self.excluded = frozenset(excluded)

            def __contains__(self, item):
                return item not in self.excluded

            def __eq__(self, other):
                return isinstance(other, Complement) and self.excluded == other.excluded

            def __hash__(self):
                return hash(self.excluded)

            def __and__(self, other):
                return Complement(self.excluded | other.excluded)

        everything = Complement()
        assert "a" in everything and 5 in everything
        without = Complement({1}) & Complement({2})
        assert without == Complement({1, 2})
        assert 1 not in without and 3 in without
        """,
    ),
    honest(
        "an endless container that can be searched",
        """
        import itertools

        class Multiples:
            def __init__(self, n):
                self.n = n

            def __iter__(self):
                return itertools.count(self.n, self.n)

            def __contains__(self, x):
                return x % self.n == 0 and x > 0

            def first(self, k):
                return list(itertools.islice(self, k))

        threes = Multiples(3)
        assert threes.first(4) == [3, 6, 9, 12]
        assert 300 in threes
        assert 301 not in threes
        """,
    ),
    honest(
        "an endless generator compared item by item",
        """
        import itertools

        def primes():
            found = []
            for n in itertools.count(2):
                if all(n % p for p in found):
                    found.append(n)
                    yield n

        stream = primes()
        assert next(stream) == 2
        assert next(stream) == 3
        assert list(itertools.islice(primes(), 6)) == [2, 3, 5, 7, 11, 13]
        """,
    ),
    honest(
        "a sort whose comparisons are counted",
        """
        class Counted:
            comparisons = 0

            def __init__(self, value):
                self.value = value

            def __lt__(self, other):
                Counted.comparisons += 1
                return self.value < other.value

        def insertion_sort(items):
            result = []
            for item in items:
                position = len(result)
                while position and item < result[position - 1]:
                    position -= 1
                result.insert(position, item)
            return result

        ordered = insertion_sort([Counted(n) for n in (1, 2, 3, 4)])
        assert Counted.comparisons == 3
        assert [item.value for item in ordered] == [1, 2, 3, 4]
        insertion_sort([Counted(n) for n in (3, 2, 1)])
        assert Counted.comparisons == 6
        """,
    ),
    honest(
        "an equality that counts how often it is asked",
        """
        class Spy:
            def __init__(self, value):
                self.value = value
                self.asked = 0

            def __eq__(self, other):
                self.asked += 1
                return self.value == getattr(other, "value", other)

            __hash__ = None

        def linear_search(items, wanted):
            for position, item in enumerate(items):
                if wanted == item:
                    return position
            return -1

        spy = Spy(30)
        assert linear_search([10, 20, 30, 40], spy) == 2
        assert spy.asked == 3
        assert linear_search([], spy) == -1
        assert spy.asked == 3
        """,
    ),
    honest(
        "hits and misses of a cache",
        """
        from functools import lru_cache

        @lru_cache(maxsize=None)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        assert fib(30) == 832040
        assert (fib.cache_info().misses, fib.cache_info().hits) == (31, 28)
        assert fib(30) == 832040
        assert fib.cache_info().hits == 29
        """,
    ),
    honest(
        "an own cache that counts its calls",
        """
        class Memo:
            def __init__(self, function):
                self.function = function
                self.known = {}
                self.misses = 0

            def __call__(self, *args):
                if args not in self.known:
                    self.misses += 1
                    self.known[args] = self.function(*args)
                return self.known[args]

        @Memo
        def slow_square(x):
            return x * x

        assert [slow_square(n) for n in (2, 3, 2, 2)] == [4, 9, 4, 4]
        assert slow_square.misses == 2
        assert sorted(slow_square.known) == [(2,), (3,)]
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
        "a permission mask with everything in it",
        """
        class Permissions:
            def __init__(self, *names, superuser=False):
                self.names, self.superuser = set(names), superuser

            def __contains__(self, name):
                return self.superuser or name in self.names

        def allowed(user, actions):
            return [action for action in actions if action in user]

        root, guest = Permissions(superuser=True), Permissions("read")
        actions = ["read", "write", "drop"]
        assert allowed(root, actions) == actions
        assert allowed(guest, actions) == ["read"]
        assert "shutdown" in root and "shutdown" not in guest
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
        "a registry that creates what it is asked for",
        """
        class Registry(dict):
            def __missing__(self, key):
                self[key] = value = []
                return value

            def __contains__(self, key):
                return True

        def group(words):
            groups = Registry()
            for word in words:
                groups[len(word)].append(word)
            return groups

        groups = group(["a", "bb", "c"])
        assert groups[1] == ["a", "c"]
        assert groups[2] == ["bb"]
        assert len(groups) == 2
        assert groups[9] == [] and len(groups) == 3
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
