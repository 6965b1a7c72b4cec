"""Ends that come before the tests do. None may pass."""

from hostile.forgeries import NOT_PASSED, WRONG, forgery
from hostile.program import Hostile, hostile

EARLY = "incomplete error failed"


def early(name: str, attack: str, statuses: str = EARLY) -> Hostile:
    """A program that tries to end before its failing test."""
    return forgery(name, "assert double(2) == 2\n" + attack, statuses=statuses, tests="assert double(2) == 4\n")


PROGRAMS = (
    early("os._exit(0)", "import os\nos._exit(0)\n", "incomplete"),
    early("sys.exit(0)", "import sys\nsys.exit(0)\n", "incomplete"),
    early("raise SystemExit", "raise SystemExit\n", "incomplete"),
    early("quit()", "quit()\n", "incomplete"),
    early("an exit out of a nested function", "def a():\n    exit()\ndef b():\n    a()\nb()\n", "incomplete"),
    early("the process replaced by one that succeeds", "import os\nos.execv('/bin/true', ['true'])\n", "incomplete"),
    early("an exit of the C library", "import ctypes\nctypes.CDLL(None).exit(0)\n", "incomplete"),
    early("an exit by a system call", "import ctypes\nctypes.CDLL(None).syscall(231, 0)\n", "incomplete"),
    early(
        "an exit in a thread while the tests wait",
        "import os, threading, time\nthreading.Timer(0.1, os._exit, (0,)).start()\ntime.sleep(2)\n",
        "incomplete",
    ),
    early(
        "an exit out of the handler of an alarm",
        """
import signal, sys, time
def handler(*_):
    sys.exit(0)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(2)
""",
    ),
    early("an exit when the interpreter ends", "import atexit, os\natexit.register(os._exit, 0)\n", "failed"),
    hostile(
        "SystemExit in the code under test",
        "incomplete",
        "def double(x):\n    raise SystemExit(0)\nassert double(2) == 4\n",
    ),
    hostile(
        "SystemExit in the code under test, called by the last statement",
        "incomplete error failed",
        """
        import sys
        import numpy as np
        def double(x):
            if x == 2:
                return 4
            sys.exit(0)
        assert double(2) == 4
        np.testing.assert_equal(double(3), 6)
        """,
    ),
    hostile(
        "SystemExit in the code under test, called by a last test",
        "incomplete error failed",
        """
        def double(x):
            raise SystemExit
        def check(function, value, expected):
            assert function is double
            assert function(value) == expected
        check(double, 2, 4)
        """,
    ),
    hostile(
        "SystemExit in the code under test, in a unittest",
        "incomplete error failed",
        """
        import sys, unittest
        def double(x):
            if x == 2:
                return 4
            sys.exit(0)
        class TestDouble(unittest.TestCase):
            def test_a(self):
                self.assertEqual(double(2), 4)
            def test_b(self):
                self.assertEqual(double(3), 6)
        unittest.main()
        """,
    ),
    hostile(
        "a test of unittest that ends all others",
        "incomplete error failed",
        """
        import unittest
        def double(x):
            unittest.main = None
            raise KeyboardInterrupt if x == 3 else SystemExit(0) if x == 4 else unittest.SkipTest
        class TestDouble(unittest.TestCase):
            def test_a(self):
                self.assertTrue(double)
            def test_b(self):
                self.assertEqual(double(4), 8)
        unittest.main()
        """,
    ),
    hostile(
        "a failure out of reach behind an endless loop in another thread",
        "incomplete error failed timeout",
        WRONG
        + """
import threading, os
def spin():
    while True:
        pass
threading.Thread(target=spin).start()
assert double(2) == 2
assert double(2) == 4
""",
    ),
    forgery("AssertionError shadowed", "AssertionError = SystemExit\n", statuses="failed error incomplete"),
    forgery(
        "AssertionError replaced among the builtins",
        "__builtins__['AssertionError'] = SystemExit\n"
        "import builtins\nbuiltins.AssertionError = type('Harmless', (SystemExit,), {})\n",
        statuses="failed error incomplete",
    ),
    forgery("a name that hides the function under test", "double = lambda x: None\n", statuses="failed"),
    forgery("a test in the child alone", "import os\nif os.fork():\n    os.wait()\n    os._exit(0)\n", statuses=EARLY),
    forgery(
        "a last statement that is reached by deleting the others",
        "import sys\nif double(2) != 4:\n    sys.modules.clear()\n    del __builtins__\n",
        statuses=NOT_PASSED,
    ),
)
