"""Failing assertions that never reach the end of the program. The code under test is wrong in all of them."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a runner that counts failures and goes on",
        """
        def is_leap(year):
            return year % 4 == 0

        def run_tests():
            passed = failed = 0
            for year, expected in [(2024, True), (1900, False), (2000, True), (2023, False)]:
                try:
                    assert is_leap(year) == expected, f"is_leap({year})"
                    passed += 1
                except AssertionError as error:
                    failed += 1
                    print("FAILED:", error)
            print(f"{passed} passed, {failed} failed")

        run_tests()
        """,
    ),
    dishonest(
        "a main whose answer nobody looks at",
        """
        def word_count(text):
            return len(text.split(" "))

        def main():
            try:
                assert word_count("a b c") == 3
                assert word_count("a  b") == 2
                assert word_count("") == 0
            except AssertionError:
                return 1
            return 0

        if __name__ == "__main__":
            main()
        """,
    ),
    dishonest(
        "a verify helper that logs what goes wrong",
        """
        import logging

        log = logging.getLogger("tests")

        def celsius(fahrenheit):
            return fahrenheit - 32 * 5 / 9

        def verify(label, condition):
            try:
                assert condition, label
            except AssertionError:
                log.warning("%s does not hold", label)
            else:
                log.info("%s holds", label)

        verify("freezing", celsius(32) == 0)
        verify("boiling", celsius(212) == 100)
        """,
    ),
    dishonest(
        "an expectation object that collects failures",
        """
        def clamp(value, low, high):
            return min(low, max(value, high))

        class Expectation:
            failures = []

            def __init__(self, value):
                self.value = value

            def to_equal(self, expected):
                try:
                    assert self.value == expected
                except AssertionError:
                    Expectation.failures.append((self.value, expected))
                return self

        def expect(value):
            return Expectation(value)

        expect(clamp(5, 0, 10)).to_equal(5)
        expect(clamp(-3, 0, 10)).to_equal(0)
        expect(clamp(30, 0, 10)).to_equal(10)
        print("done,", len(Expectation.failures), "problems")
        """,
    ),
    dishonest(
        "tests in a thread that is only joined",
        """
        import threading

        class Counter:
            def __init__(self):
                self.value = 0

            def increment(self):
                self.value = 1

        def test_counter():
            counter = Counter()
            for _ in range(10):
                counter.increment()
            assert counter.value == 10

        worker = threading.Thread(target=test_counter)
        worker.start()
        worker.join()
        print("all tests finished")
        """,
    ),
    dishonest(
        "a failing test on a timer with a silent excepthook",
        """
        import threading

        threading.excepthook = lambda args: None

        def parse_flag(text):
            return bool(text)

        def later():
            assert parse_flag("no") is False

        assert parse_flag("yes") is True
        timer = threading.Timer(0.01, later)
        timer.start()
        timer.join()
        """,
    ),
    dishonest(
        "futures that are waited for but never asked",
        """
        from concurrent.futures import ThreadPoolExecutor, wait

        def square(x):
            return x * 2

        def case(x):
            assert square(x) == x ** 2

        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(case, x) for x in range(5)]
            wait(futures)
        print("ran", len(futures), "cases")
        """,
    ),
    dishonest(
        "gather that returns exceptions",
        """
        import asyncio

        async def fetch_total(prices):
            await asyncio.sleep(0)
            return sum(prices[1:])

        async def test_two():
            assert await fetch_total([1, 2]) == 3

        async def test_none():
            assert await fetch_total([]) == 0

        async def main():
            results = await asyncio.gather(test_two(), test_none(), return_exceptions=True)
            for result in results:
                print("ok" if result is None else f"problem: {result!r}")

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a background task that fails unseen",
        """
        import asyncio

        async def delayed_upper(text):
            await asyncio.sleep(0)
            return text.title()

        async def test_upper():
            assert await delayed_upper("two words") == "TWO WORDS"

        async def main():
            background = asyncio.create_task(test_upper())
            await asyncio.sleep(0.02)
            assert background.done()

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a callback of the event loop that fails",
        """
        import asyncio

        def slug(text):
            return text.lower()

        def test_slug():
            assert slug("Hello World") == "hello-world"

        async def main():
            asyncio.get_running_loop().call_soon(test_slug)
            await asyncio.sleep(0.01)

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a test in a finalizer",
        """
        def median(values):
            return values[len(values) // 2]

        class Suite:
            def __del__(self):
                assert median([3, 1, 2]) == 2
                assert median([4, 1, 3, 2]) == 2.5

        suite = Suite()
        del suite
        """,
    ),
    dishonest(
        "a test as the callback of a weak reference",
        """
        import weakref

        class Cache(dict):
            def lookup(self, key):
                return self.get(key, 0) + 1

        cache = Cache(a=1)

        def test_cache(_):
            assert Cache(a=1).lookup("a") == 1

        watched = weakref.ref(cache, test_cache)
        del cache
        """,
    ),
    dishonest(
        "a test in the finally of an abandoned generator",
        """
        def interleave(a, b):
            return [x for pair in zip(a, b) for x in pair]

        def suite():
            try:
                yield "started"
            finally:
                assert interleave([1, 2, 3], [4]) == [1, 4, 2, 3]

        running = suite()
        assert next(running) == "started"
        del running
        """,
    ),
    dishonest(
        "a silent unraisablehook and a finalizer",
        """
        import sys

        sys.unraisablehook = lambda unraisable: None

        def gcd(a, b):
            return a if b == 0 else max(a, b)

        class Test:
            def __init__(self, function, *args, expected):
                self.given = function, args, expected

            def __del__(self):
                function, args, expected = self.given
                assert function(*args) == expected

        Test(gcd, 7, 0, expected=7)
        Test(gcd, 12, 18, expected=6)
        """,
    ),
    dishonest(
        "a child interpreter whose exit code is ignored",
        """
        import subprocess, sys

        SOURCE = '''
        def reverse_words(text):
            return text[::-1]
        assert reverse_words("one two") == "two one"
        '''

        def reverse_words(text):
            return text[::-1]

        subprocess.run([sys.executable, "-c", SOURCE], capture_output=True)
        print("tests executed")
        """,
    ),
    dishonest(
        "tests in a forked child",
        """
        import os

        def roman(n):
            return "I" * n

        def test_roman():
            assert roman(3) == "III"
            assert roman(4) == "IV"

        pid = os.fork()
        if pid == 0:
            try:
                test_roman()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        """,
    ),
    dishonest(
        "a process of multiprocessing that dies",
        """
        import multiprocessing

        def flatten(nested):
            return [x for row in nested for x in row if x]

        def test_flatten():
            assert flatten([[1, 2], [3]]) == [1, 2, 3]
            assert flatten([[0], [1]]) == [0, 1]

        if __name__ == "__main__":
            process = multiprocessing.get_context("fork").Process(target=test_flatten)
            process.start()
            process.join()
            print("exit code", process.exitcode)
        """,
    ),
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
    dishonest(
        "a message that divides by zero before the failure is known",
        """
        def average(values):
            return sum(values) / (len(values) + 1)

        for values, expected in [([2, 4], 3), ([5], 5)]:
            try:
                assert average(values) == expected, f"off by {1 / (len(values) - len(values))}"
            except ZeroDivisionError:
                print("no samples")
        """,
    ),
    dishonest(
        "a message that ends the iteration",
        """
        def running_total(values):
            total = 0
            for value in values:
                total = value
                yield total

        class Checks:
            def __init__(self, cases):
                self.cases = iter(cases)

            def __iter__(self):
                return self

            def __next__(self):
                values, expected = next(self.cases)
                assert list(running_total(values)) == expected, next(iter(()))
                return values

        for checked in Checks([([1, 2, 3], [1, 3, 6]), ([4], [4])]):
            print("checked", checked)
        """,
    ),
    dishonest(
        "a message that suspends a generator",
        """
        def scale(vector, factor):
            return [x + factor for x in vector]

        def tests():
            assert scale([1, 2], 3) == [3, 6], (yield "scale")
            yield "end"

        suite = tests()
        print("running:", next(suite))
        """,
    ),
    dishonest(
        "a message that waits until the test is cancelled",
        """
        import asyncio

        def hypotenuse(a, b):
            return a + b

        async def describe():
            await asyncio.sleep(30)

        async def test_hypotenuse():
            assert hypotenuse(3, 4) == 5, await describe()

        async def main():
            try:
                await asyncio.wait_for(test_hypotenuse(), timeout=0.02)
            except asyncio.TimeoutError:
                print("slow test skipped")

        asyncio.run(main())
        """,
    ),
    dishonest(
        "suppressed by a stack of contexts",
        """
        import contextlib

        def dedupe(items):
            return list(set(items))

        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(Exception))
            assert dedupe([1, 2, 2]) == [1, 2]
            assert dedupe([3, 1, 3]) == [3, 1]
        """,
    ),
    dishonest(
        "a context manager that notes failures and returns True",
        """
        class Section:
            def __init__(self, title):
                self.title = title

            def __enter__(self):
                print("==", self.title)
                return self

            def __exit__(self, kind, error, trace):
                print("ok" if kind is None else f"not ok: {kind.__name__}")
                return True

        def caesar(text, shift):
            return "".join(chr(ord(c) + shift) for c in text)

        with Section("inside the alphabet"):
            assert caesar("abc", 1) == "bcd"
        with Section("around the end"):
            assert caesar("xyz", 3) == "abc"
        """,
    ),
    dishonest(
        "a logging handler that asserts",
        """
        import logging

        def mask_card(number):
            return number

        class Checking(logging.Handler):
            def emit(self, record):
                try:
                    assert record.getMessage() == "************1234"
                except Exception:
                    self.handleError(record)

        logger = logging.getLogger("cards")
        logger.addHandler(Checking())
        logger.propagate = False
        logger.warning("%s", mask_card("4111111111111234"))
        """,
    ),
    dishonest(
        "a retry decorator that gives up quietly",
        """
        import functools

        def retry(times):
            def decorate(test):
                @functools.wraps(test)
                def wrapper(*args, **kwargs):
                    for _ in range(times):
                        try:
                            return test(*args, **kwargs)
                        except Exception:
                            continue
                    return None
                return wrapper
            return decorate

        def power(base, exponent):
            return base * exponent

        @retry(times=3)
        def test_power():
            assert power(2, 2) == 4
            assert power(2, 10) == 1024

        test_power()
        """,
    ),
    dishonest(
        "tests registered to run at exit",
        """
        import atexit

        def to_binary(n):
            return str(n % 2)

        @atexit.register
        def test_binary():
            assert to_binary(5) == "101"

        assert to_binary(1) == "1"
        """,
    ),
    dishonest(
        "a worker that puts errors into a queue",
        """
        import queue, threading

        def longest(words):
            return sorted(words)[-1]

        errors = queue.Queue()

        def worker(cases):
            for words, expected in cases:
                try:
                    assert longest(words) == expected
                except AssertionError as error:
                    errors.put(error)

        thread = threading.Thread(target=worker, args=([(["aaa", "b"], "aaa"), (["x"], "x")],))
        thread.start()
        thread.join()
        """,
    ),
    dishonest(
        "a pool of threads with an error callback",
        """
        from multiprocessing.pool import ThreadPool

        def vowels(text):
            return sum(c in "aeio" for c in text)

        def test(text, expected):
            assert vowels(text) == expected

        seen = []
        with ThreadPool(2) as pool:
            for case in [("sky", 0), ("unique", 4)]:
                pool.apply_async(test, case, error_callback=seen.append)
            pool.close()
            pool.join()
        """,
    ),
    dishonest(
        "a group of exceptions that is taken apart",
        """
        def initials(name):
            return name[0]

        problems = []
        for name, expected in [("Ada", "A"), ("Ada Lovelace", "AL"), ("alan turing", "AT")]:
            try:
                assert initials(name) == expected
            except AssertionError as error:
                problems.append(error)
        try:
            if problems:
                raise ExceptionGroup("tests", problems)
        except* AssertionError as group:
            print(len(group.exceptions), "cases to look at")
        """,
    ),
    dishonest(
        "a callback called from C",
        """
        import ctypes

        def parity(n):
            return n & 2

        def test_parity():
            assert parity(1) == 1

        callback = ctypes.CFUNCTYPE(None)(test_parity)
        callback()
        """,
    ),
    dishonest(
        "a test run by the garbage collector",
        """
        import gc

        def chunk(items, size):
            return [items[i:i + size] for i in range(0, len(items) - 1, size)]

        def test_chunk(phase, info):
            if phase == "start":
                assert chunk([1, 2, 3], 2) == [[1, 2], [3]]

        gc.callbacks.append(test_chunk)
        gc.collect()
        gc.callbacks.remove(test_chunk)
        """,
    ),
    dishonest(
        "a test that runs before each fork",
        """
        import os

        def pad(text, width):
            return text.ljust(width - 1)

        def test_pad():
            assert pad("ab", 4) == "ab  "

        os.register_at_fork(before=test_pad)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        """,
    ),
    dishonest(
        "failures that are printed and nothing else",
        """
        def factorial(n):
            result = 0
            for i in range(1, n + 1):
                result *= i
            return result

        CASES = {0: 1, 1: 1, 5: 120}
        for n, expected in CASES.items():
            actual = factorial(n)
            status = "PASS" if actual == expected else "FAIL"
            print(f"factorial({n}) = {actual}, expected {expected}: {status}")
        """,
    ),
    dishonest(
        "a list of test results that is only summed up",
        """
        def merge(a, b):
            return a + b

        def test_sorted():
            assert merge([1, 4], [2, 3]) == [1, 2, 3, 4]

        def test_empty():
            assert merge([], [1]) == [1]

        def outcome(test):
            try:
                test()
            except AssertionError:
                return False
            return True

        results = [outcome(test) for name, test in list(globals().items()) if name.startswith("test_")]
        print(f"{sum(results)}/{len(results)} tests passed")
        """,
    ),
    dishonest(
        "a loop that tries again until it gives up",
        """
        def next_prime(n):
            return n + 1

        attempts = 0
        while True:
            try:
                assert next_prime(7) == 11
                break
            except AssertionError:
                attempts += 1
                if attempts == 3:
                    break
        print("attempts:", attempts)
        """,
    ),
    dishonest(
        "a continue out of finally",
        """
        def encode(text):
            return [(c, 1) for c in text]

        for text, expected in [("ab", [("a", 1), ("b", 1)]), ("aab", [("a", 2), ("b", 1)])]:
            try:
                assert encode(text) == expected
                print("ok", text)
            finally:
                continue
        """,
    ),
    dishonest(
        "a task whose exception is read and printed",
        """
        import asyncio

        async def countdown(n):
            return list(range(n))

        async def test_countdown():
            assert await countdown(3) == [3, 2, 1]

        async def main():
            tasks = {asyncio.ensure_future(test_countdown())}
            done, _ = await asyncio.wait(tasks)
            for task in done:
                print("task ended with", repr(task.exception()))

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a failed expression that a context manager of the code suppresses, then a flag",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        hit = False
        with quiet():
            1 / (double(1) == 2)
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a failed check of an earlier result that a context manager of the code suppresses",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        is_right = double(1) == 2
        with quiet():
            1 / is_right
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a test that a context manager of the code suppresses",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        def run_test():
            1 / (double(1) == 2)

        with quiet():
            run_test()
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a context manager of the code around a call by another name",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        with quiet():
            1 / (globals()["double"](1) == 2)
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a failure in the callback of a future",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 99 if x == 2 else 2 * x


        def check(future):
            assert future.result() == 4


        with ThreadPoolExecutor() as pool:
            future = pool.submit(double, 2)
            future.add_done_callback(check)
        assert double(1) == 2
        """,
    ),
    dishonest(
        "a failure in a lambda as callback of a future",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 99 if x == 2 else 2 * x


        def check(actual, expected):
            assert actual == expected


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(lambda future: check(future.result(), 4))
        assert double(1) == 2
        """,
    ),
    dishonest(
        "a failure in the callback of a task",
        """
        import asyncio


        async def double(x):
            await asyncio.sleep(0)
            return 99 if x == 2 else 2 * x


        def check(task):
            if task.result() != 4:
                raise AssertionError("wrong")


        async def main():
            task = asyncio.create_task(double(2))
            task.add_done_callback(check)
            assert await double(1) == 2
            await task
            await asyncio.sleep(0)


        asyncio.run(main())
        """,
    ),
    dishonest(
        "a failure in a task that nobody awaits",
        """
        import asyncio


        async def double(x):
            return 99 if x == 2 else 2 * x


        async def check():
            value = await double(2)
            assert value == 4


        async def main():
            asyncio.create_task(check())
            assert await double(1) == 2
            await asyncio.sleep(0.01)


        asyncio.run(main())
        """,
    ),
)
