"""Honest programs whose containers are endless, contain everything or create what is looked up."""

from adversarial.program import honest

CASES = (
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
)
