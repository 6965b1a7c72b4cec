"""Honest programs whose objects count comparisons, calls or cache hits."""

from adversarial.program import honest

CASES = (
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
)
