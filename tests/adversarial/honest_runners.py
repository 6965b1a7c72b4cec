"""Honest programs whose tests run under unittest, pytest, doctest or hypothesis."""

from adversarial.program import honest

CASES = (
    honest(
        "unittest.main as the last statement",
        """
        import unittest

        class BankAccount:
            def __init__(self, balance=0):
                self.balance = balance

            def deposit(self, amount):
                if amount <= 0:
                    raise ValueError("amount must be positive")
                self.balance += amount
                return self.balance

        class TestBankAccount(unittest.TestCase):
            def setUp(self):
                self.account = BankAccount(10)

            def test_deposit(self):
                self.assertEqual(self.account.deposit(5), 15)

            def test_negative(self):
                with self.assertRaises(ValueError):
                    self.account.deposit(-5)
                self.assertEqual(self.account.balance, 10)

        if __name__ == "__main__":
            unittest.main()
        """,
    ),
    honest(
        "unittest.main without an exit, and its result",
        """
        import unittest

        def fizzbuzz(n):
            return "Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or str(n)

        class TestFizzBuzz(unittest.TestCase):
            def test_cases(self):
                for n, expected in [(1, "1"), (3, "Fizz"), (5, "Buzz"), (15, "FizzBuzz")]:
                    with self.subTest(n=n):
                        self.assertEqual(fizzbuzz(n), expected)

        program = unittest.main(argv=["tests"], exit=False)
        assert program.result.testsRun == 1
        assert program.result.wasSuccessful()
        """,
    ),
    honest(
        "a text runner and its exit code",
        """
        import sys, unittest

        def pairs(items, total):
            seen, found = set(), []
            for item in items:
                if total - item in seen:
                    found.append((total - item, item))
                seen.add(item)
            return found

        class TestPairs(unittest.TestCase):
            def test_found(self):
                self.assertEqual(pairs([1, 2, 3, 4], 5), [(2, 3), (1, 4)])

            def test_none(self):
                self.assertListEqual(pairs([1, 2], 9), [])

        if __name__ == "__main__":
            suite = unittest.TestLoader().loadTestsFromTestCase(TestPairs)
            result = unittest.TextTestRunner(verbosity=2).run(suite)
            sys.exit(not result.wasSuccessful())
        """,
    ),
    honest(
        "asynchronous test cases",
        """
        import asyncio, unittest

        class Cache:
            def __init__(self, load):
                self.load, self.values, self.lock = load, {}, asyncio.Lock()

            async def get(self, key):
                async with self.lock:
                    if key not in self.values:
                        self.values[key] = await self.load(key)
                    return self.values[key]

        class TestCache(unittest.IsolatedAsyncioTestCase):
            async def test_loads_once(self):
                calls = []

                async def load(key):
                    calls.append(key)
                    await asyncio.sleep(0)
                    return key.upper()

                cache = Cache(load)
                self.assertEqual(await asyncio.gather(cache.get("a"), cache.get("a")), ["A", "A"])
                self.assertEqual(calls, ["a"])

        unittest.main()
        """,
    ),
    honest(
        "test cases with clean-ups, logs and a skipped test",
        """
        import logging, os, tempfile, unittest

        log = logging.getLogger("journal")

        class Journal:
            def __init__(self, path):
                self.path = path

            def write(self, line):
                if not line:
                    log.warning("empty line")
                    return 0
                with open(self.path, "a") as file:
                    return file.write(line + "\\n")

        class TestJournal(unittest.TestCase):
            def setUp(self):
                folder = tempfile.TemporaryDirectory()
                self.addCleanup(folder.cleanup)
                self.path = os.path.join(folder.name, "journal")
                self.journal = Journal(self.path)

            def test_write(self):
                self.assertEqual(self.journal.write("one"), 4)
                self.journal.write("two")
                with open(self.path) as file:
                    self.assertEqual(file.read(), "one\\ntwo\\n")

            def test_empty(self):
                with self.assertLogs("journal", "WARNING") as logs:
                    self.assertEqual(self.journal.write(""), 0)
                self.assertEqual(logs.output, ["WARNING:journal:empty line"])

            @unittest.skipUnless(os.name == "nt", "Windows only")
            def test_windows(self):
                self.assertEqual(self.journal.write("x"), 3)

        unittest.main()
        """,
    ),
    honest(
        "a shared base class of test cases",
        """
        import unittest

        class Queue:
            def __init__(self):
                self.inbox, self.outbox = [], []

            def put(self, item):
                self.inbox.append(item)

            def get(self):
                if not self.outbox:
                    while self.inbox:
                        self.outbox.append(self.inbox.pop())
                return self.outbox.pop()

        class Lifo(Queue):
            def get(self):
                return self.inbox.pop()

        class Base:
            make = None
            expected = ()

            def test_order(self):
                queue = self.make()
                for item in "abc":
                    queue.put(item)
                self.assertSequenceEqual([queue.get() for _ in range(3)], self.expected)

        class TestQueue(Base, unittest.TestCase):
            make, expected = Queue, ["a", "b", "c"]

        class TestLifo(Base, unittest.TestCase):
            make, expected = Lifo, ["c", "b", "a"]

        unittest.main()
        """,
    ),
    honest(
        "a suite put together by load_tests",
        """
        import unittest

        def spell(n):
            return ["zero", "one", "two", "three"][n]

        def make_case(n, word):
            def runTest(self):
                self.assertEqual(spell(n), word)
            return type(f"Spell{n}", (unittest.TestCase,), {"runTest": runTest})()

        def load_tests(loader, tests, pattern):
            return unittest.TestSuite(make_case(n, word) for n, word in enumerate(("zero", "one", "two")))

        if __name__ == "__main__":
            unittest.main()
        """,
    ),
    honest(
        "function test cases of unittest",
        """
        import io, unittest

        def bracket_depth(text):
            depth = deepest = 0
            for c in text:
                depth += (c == "(") - (c == ")")
                deepest = max(deepest, depth)
            return deepest if depth == 0 else -1

        def check_nested():
            assert bracket_depth("(()(()))") == 3

        def check_open():
            assert bracket_depth("(()") == -1

        suite = unittest.TestSuite(map(unittest.FunctionTestCase, [check_nested, check_open]))
        result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
        if result.failures or result.errors:
            raise SystemExit(1)
        """,
    ),
    honest(
        "pytest.main on its own file",
        """
        import sys
        import pytest

        def slices(text, size):
            if size < 1:
                raise ValueError("size must be positive")
            return [text[i:i + size] for i in range(0, len(text), size)]

        def test_slices():
            assert slices("abcde", 2) == ["ab", "cd", "e"]

        def test_size():
            with pytest.raises(ValueError, match="positive"):
                slices("abc", 0)

        if __name__ == "__main__":
            sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
        """,
    ),
    honest(
        "pytest.main with parameters and fixtures",
        """
        import pytest

        class Inventory:
            def __init__(self):
                self.stock = {}

            def change(self, name, by):
                self.stock[name] = self.stock.get(name, 0) + by
                return self.stock[name]

        @pytest.fixture
        def inventory():
            inventory = Inventory()
            inventory.change("pen", 3)
            return inventory

        @pytest.mark.parametrize(("by", "left"), [(2, 5), (-1, 2), (0, 3)])
        def test_change(inventory, by, left):
            assert inventory.change("pen", by) == left

        def test_new(inventory, capsys):
            print(inventory.change("ink", 1))
            assert capsys.readouterr().out == "1\\n"

        if __name__ == "__main__":
            code = pytest.main(["-q", "-p", "no:cacheprovider", __file__])
            assert code == 0, code
        """,
    ),
    honest(
        "tests of pytest called directly",
        """
        import pytest

        def safe_sqrt(x):
            if x < 0:
                raise ValueError(f"negative: {x}")
            return x ** 0.5

        def test_values():
            assert safe_sqrt(2) == pytest.approx(1.41421356)
            assert safe_sqrt(0) == 0

        def test_negative():
            with pytest.raises(ValueError) as info:
                safe_sqrt(-4)
            assert str(info.value) == "negative: -4"

        test_values()
        test_negative()
        """,
    ),
    honest(
        "doctests whose failures are counted",
        """
        import doctest

        def collatz(n):
            '''The steps from n to 1.

            >>> collatz(6)
            [6, 3, 10, 5, 16, 8, 4, 2, 1]
            >>> collatz(1)
            [1]
            >>> collatz(0)
            Traceback (most recent call last):
                ...
            ValueError: n must be positive
            '''
            if n < 1:
                raise ValueError("n must be positive")
            steps = [n]
            while n != 1:
                n = 3 * n + 1 if n % 2 else n // 2
                steps.append(n)
            return steps

        if __name__ == "__main__":
            results = doctest.testmod()
            assert results.failed == 0
            assert results.attempted == 3
        """,
    ),
    honest(
        "doctests and an exit code",
        """
        import doctest, sys

        class Ring:
            '''
            >>> ring = Ring([1, 2, 3])
            >>> ring[4]
            2
            >>> ring.rotate(1).items
            [2, 3, 1]
            '''
            def __init__(self, items):
                self.items = items

            def __getitem__(self, index):
                return self.items[index % len(self.items)]

            def rotate(self, k):
                return Ring(self.items[k:] + self.items[:k])

        if __name__ == "__main__":
            sys.exit(bool(doctest.testmod()[0]))
        """,
    ),
    honest(
        "properties checked by hypothesis",
        """
        from hypothesis import given, settings, strategies as st

        def encode(text):
            runs = []
            for c in text:
                if runs and runs[-1][0] == c:
                    runs[-1][1] += 1
                else:
                    runs.append([c, 1])
            return [tuple(run) for run in runs]

        def decode(runs):
            return "".join(c * n for c, n in runs)

        @settings(max_examples=25, deadline=None, database=None)
        @given(st.text(alphabet="ab", max_size=8))
        def test_round_trip(text):
            assert decode(encode(text)) == text

        test_round_trip()
        assert encode("aab") == [("a", 2), ("b", 1)]
        """,
    ),
    honest(
        "hypothesis with an oracle",
        """
        from hypothesis import example, given, settings, strategies as st

        def merge_sort(items):
            if len(items) < 2:
                return list(items)
            middle = len(items) // 2
            left, right = merge_sort(items[:middle]), merge_sort(items[middle:])
            merged = []
            while left and right:
                merged.append((left if left[0] <= right[0] else right).pop(0))
            return merged + left + right

        @settings(max_examples=20, deadline=None, database=None)
        @example([3, 1, 2])
        @given(st.lists(st.integers(-5, 5), max_size=6))
        def test_merge_sort(items):
            assert merge_sort(items) == sorted(items)

        if __name__ == "__main__":
            test_merge_sort()
            assert merge_sort([2, 1]) == [1, 2]
        """,
    ),
)
