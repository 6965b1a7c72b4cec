"""Failures in finalizers, hooks and callbacks, which never reach the program; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
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
)
