"""Honest programs whose tests run under a runner, in threads, in coroutines or in other processes."""

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
    honest(
        "a coroutine run by asyncio",
        """
        import asyncio

        async def first_done(*awaitables):
            tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            return done.pop().result()

        async def answer(value, delay):
            await asyncio.sleep(delay)
            return value

        async def main():
            assert await first_done(answer("slow", 2), answer("fast", 0.01)) == "fast"
            assert await answer(3, 0) == 3

        asyncio.run(main())
        """,
    ),
    honest(
        "a group of tasks, a queue and a semaphore",
        """
        import asyncio

        async def crawl(links, start, limit):
            seen, order = {start}, []
            queue = asyncio.Queue()
            queue.put_nowait(start)
            gate = asyncio.Semaphore(limit)

            async def worker():
                while not queue.empty():
                    async with gate:
                        page = queue.get_nowait()
                        order.append(page)
                        for link in links.get(page, ()):
                            if link not in seen:
                                seen.add(link)
                                queue.put_nowait(link)
                        await asyncio.sleep(0)

            async with asyncio.TaskGroup() as group:
                group.create_task(worker())
            return order

        async def test_crawl():
            assert await crawl({"a": ["b", "c"], "b": ["a", "d"]}, "a", 1) == ["a", "b", "c", "d"]
            assert await crawl({}, "x", 2) == ["x"]

        asyncio.run(test_crawl())
        print("ok")
        """,
    ),
    honest(
        "gathered tests whose exceptions are raised",
        """
        import asyncio

        class RateLimiter:
            def __init__(self, capacity):
                self.capacity = self.tokens = capacity

            async def acquire(self):
                await asyncio.sleep(0)
                if self.tokens == 0:
                    return False
                self.tokens -= 1
                return True

        async def test_capacity():
            limiter = RateLimiter(2)
            assert [await limiter.acquire() for _ in range(3)] == [True, True, False]

        async def test_zero():
            assert await RateLimiter(0).acquire() is False

        async def main():
            results = await asyncio.gather(test_capacity(), test_zero(), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

        asyncio.run(main())
        """,
    ),
    honest(
        "threads with a lock, and a test after the join",
        """
        import threading

        class Counter:
            def __init__(self):
                self._value = 0
                self._lock = threading.Lock()

            def increment(self):
                with self._lock:
                    self._value += 1

            @property
            def value(self):
                return self._value

        def hammer(counter, times):
            for _ in range(times):
                counter.increment()

        counter = Counter()
        threads = [threading.Thread(target=hammer, args=(counter, 200)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counter.value == 800
        """,
    ),
    honest(
        "tests in a thread whose exception is raised again",
        """
        import threading

        def compress(text):
            out = []
            for c in text:
                if out and out[-1][-1] == c:
                    out[-1] += c
                else:
                    out.append(c)
            return [run if len(run) == 1 else f"{len(run)}{run[0]}" for run in out]

        class TestThread(threading.Thread):
            error = None

            def run(self):
                try:
                    assert compress("aab") == ["2a", "b"]
                    assert compress("") == []
                except BaseException as error:
                    self.error = error

        thread = TestThread()
        thread.start()
        thread.join()
        if thread.error is not None:
            raise thread.error
        """,
    ),
    honest(
        "futures whose results are asked for",
        """
        from concurrent.futures import ThreadPoolExecutor, as_completed

        def digit_sum(n):
            return sum(int(c) for c in str(abs(n)))

        def case(n, expected):
            assert digit_sum(n) == expected
            return n

        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(case, n, expected) for n, expected in ((0, 0), (-19, 10), (12345, 15))]
            done = [future.result() for future in as_completed(futures)]
        assert sorted(done) == [-19, 0, 12345]
        """,
    ),
    honest(
        "a producer and a consumer with a queue",
        """
        import queue, threading

        def pipeline(items, transform):
            inbox, results = queue.Queue(), []

            def consume():
                while (item := inbox.get()) is not None:
                    results.append(transform(item))

            consumer = threading.Thread(target=consume)
            consumer.start()
            for item in items:
                inbox.put(item)
            inbox.put(None)
            consumer.join(timeout=10)
            return results

        assert pipeline([1, 2, 3], lambda x: x * x) == [1, 4, 9]
        assert pipeline("ab", str.upper) == ["A", "B"]
        """,
    ),
    honest(
        "a program of a child interpreter and what it prints",
        """
        import subprocess, sys

        def run_python(code, *arguments):
            done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
            return done.returncode, done.stdout.strip()

        assert run_python("print(6 * 7)") == (0, "42")
        assert run_python("import sys; sys.exit(3)") == (3, "")
        assert run_python("import sys; print(sys.argv[1][::-1])", "abc") == (0, "cba")
        """,
    ),
    honest(
        "a child made by fork whose exit code is a test",
        """
        import os

        def in_child(function):
            read_end, write_end = os.pipe()
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    os.write(write_end, function().encode())
                    code = 0
                finally:
                    os._exit(code)
            os.close(write_end)
            _, status = os.waitpid(pid, 0)
            with os.fdopen(read_end) as pipe:
                return os.waitstatus_to_exitcode(status), pipe.read()

        assert in_child(lambda: "hello") == (0, "hello")
        assert in_child(lambda: "x" * 10) == (0, "xxxxxxxxxx")
        """,
    ),
    honest(
        "a tool that runs itself",
        """
        import subprocess, sys

        def reverse_lines(text):
            return "\\n".join(line[::-1] for line in text.splitlines())

        def main(arguments):
            print(reverse_lines(" ".join(arguments)))

        def tests():
            assert reverse_lines("ab\\ncd") == "ba\\ndc"
            done = subprocess.run([sys.executable, __file__, "tool", "kit"], capture_output=True, text=True, timeout=60)
            assert done.stdout == "tik loot\\n", done.stderr

        if __name__ == "__main__":
            if len(sys.argv) > 1:
                main(sys.argv[1:])
            else:
                tests()
        """,
    ),
    honest(
        "mocks of time and of files",
        """
        import time
        from unittest import mock

        class Stopwatch:
            def __init__(self):
                self.started = time.monotonic()

            def lap(self):
                return time.monotonic() - self.started

        def count_lines(path):
            with open(path) as file:
                return sum(1 for _ in file)

        with mock.patch("time.monotonic", side_effect=[10.0, 12.5, 20.0]):
            watch = Stopwatch()
            assert watch.lap() == 2.5
            assert watch.lap() == 10.0
        with mock.patch("builtins.open", mock.mock_open(read_data="a\\nb\\nc\\n")) as opened:
            assert count_lines("some.txt") == 3
        opened.assert_called_once_with("some.txt")
        """,
    ),
    honest(
        "calls that a mock has received",
        """
        from unittest.mock import Mock, call

        class EventBus:
            def __init__(self):
                self.handlers = {}

            def on(self, name, handler):
                self.handlers.setdefault(name, []).append(handler)

            def emit(self, name, *data):
                handlers = self.handlers.get(name, [])
                for handler in handlers:
                    handler(*data)
                return len(handlers)

        handler = Mock()
        bus = EventBus()
        bus.on("save", handler)
        assert bus.emit("save", 1) == 1
        assert bus.emit("load") == 0
        bus.emit("save", 2, 3)
        assert handler.call_args_list == [call(1), call(2, 3)]
        """,
    ),
    honest(
        "context variables in copied contexts",
        """
        import contextvars

        user = contextvars.ContextVar("user", default="nobody")

        def greeting():
            return f"hello {user.get()}"

        def run_as(name, function):
            context = contextvars.copy_context()
            context.run(user.set, name)
            return context.run(function)

        assert run_as("ann", greeting) == "hello ann"
        assert greeting() == "hello nobody"
        """,
    ),
    honest(
        "a time limit by an alarm",
        """
        import signal

        class TooLate(Exception):
            pass

        def limited(function, seconds):
            def on_alarm(number, frame):
                raise TooLate

            before = signal.signal(signal.SIGALRM, on_alarm)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                return function()
            except TooLate:
                return "too late"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)

        def endless():
            while True:
                pass

        assert limited(lambda: 5, 5) == 5
        assert limited(endless, 0.05) == "too late"
        """,
    ),
    honest(
        "a finalizer and a weak reference",
        """
        import gc, weakref

        class Resource:
            released = []

            def __init__(self, name):
                self.name = name

            def __del__(self):
                Resource.released.append(self.name)

        def use(name):
            resource = Resource(name)
            return weakref.ref(resource), resource.name.upper()

        reference, text = use("disk")
        gc.collect()
        assert text == "DISK"
        assert reference() is None
        assert Resource.released == ["disk"]
        """,
    ),
    honest(
        "a callback of a future that notes the result",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 2 * x


        seen = []


        def note(future):
            seen.append(future.result())


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(note)
        assert seen == [4]
        """,
    ),
    honest(
        "a callback of a future that asserts",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 2 * x


        done = []


        def check(future):
            assert future.result() == 4
            done.append(True)


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(check)
        assert done
        assert double(3) == 6
        """,
    ),
)
