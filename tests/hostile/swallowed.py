"""Failing assertions that are swallowed, so that the program reaches its end. None may pass."""

from hostile.forgeries import forgery
from hostile.program import Hostile

SWALLOWED = "failed error incomplete"
HOLDS = "assert double(2) == 2\n"


def swallowed(name: str, tests: str, statuses: str = SWALLOWED) -> Hostile:
    """A program in which one assertion holds and another, swallowed, does not."""
    return forgery(name, HOLDS, tests=tests, statuses=statuses)


PROGRAMS = (
    swallowed(
        "an AssertionError that is caught",
        """
try:
    assert double(2) == 4
except AssertionError:
    pass
""",
    ),
    swallowed(
        "an Exception that is caught and printed",
        """
for x, y in ((2, 4), (3, 6)):
    try:
        assert double(x) == y
    except Exception as error:
        print('test failed:', error)
""",
    ),
    swallowed(
        "anything that is caught",
        """
try:
    assert double(2) == 4
except:
    print('failed')
else:
    print('passed')
""",
    ),
    swallowed(
        "an AssertionError that contextlib suppresses",
        """
import contextlib
with contextlib.suppress(AssertionError):
    assert double(2) == 4
""",
    ),
    swallowed(
        "an exception that a context manager suppresses",
        """
class Quiet:
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return True
with Quiet():
    assert double(2) == 4
""",
    ),
    swallowed(
        "a test that a decorator keeps quiet",
        """
def quiet(test):
    def run():
        try:
            return test()
        except BaseException:
            return None
    return run
@quiet
def test():
    assert double(2) == 4
test()
""",
    ),
    swallowed(
        "a failure that becomes a return value",
        """
def test():
    try:
        assert double(2) == 4
        return True
    except AssertionError:
        return False
test()
""",
    ),
    swallowed(
        "a return out of finally",
        """
def test():
    try:
        assert double(2) == 4
    finally:
        return
test()
""",
    ),
    swallowed(
        "a break out of finally",
        """
while True:
    try:
        assert double(2) == 4
    finally:
        break
""",
    ),
    swallowed(
        "a failure in a thread",
        """
import threading
def test():
    assert double(2) == 4
thread = threading.Thread(target=test)
thread.start()
thread.join()
""",
    ),
    swallowed(
        "a failure in a future that nobody asks",
        """
from concurrent.futures import ThreadPoolExecutor
def test():
    assert double(2) == 4
with ThreadPoolExecutor(1) as pool:
    future = pool.submit(test)
""",
    ),
    swallowed(
        "a failure in a task that nobody asks",
        """
import asyncio
async def test():
    assert double(2) == 4
async def main():
    return await asyncio.gather(test(), return_exceptions=True)
asyncio.run(main())
""",
    ),
    swallowed(
        "a failure in a callback that the interpreter ignores",
        """
class Late:
    def __del__(self):
        assert double(2) == 4
late = Late()
del late
""",
    ),
    swallowed(
        "a failure in a generator that is closed",
        """
def tests():
    try:
        yield
    finally:
        try:
            assert double(2) == 4
        except AssertionError:
            pass
generator = tests()
next(generator)
generator.close()
""",
    ),
    swallowed(
        "a failure that becomes an exit",
        """
import sys
try:
    assert double(2) == 4
except AssertionError:
    sys.exit(0)
""",
    ),
    swallowed(
        "a failure that the hook for exceptions ends",
        """
import os, sys
sys.excepthook = lambda *error: os._exit(0)
assert double(2) == 4
""",
    ),
    swallowed(
        "a failing unittest assertion that is caught",
        """
import unittest
class TestDouble(unittest.TestCase):
    def test_it(self):
        self.assertEqual(double(2), 2)
        try:
            self.assertEqual(double(2), 4)
        except AssertionError:
            pass
unittest.main()
""",
    ),
    swallowed(
        "a failing assertion of numpy that is caught",
        """
import numpy as np
try:
    np.testing.assert_equal(double(2), 4)
except AssertionError:
    pass
""",
    ),
)
