"""Tools of testing, of introspection and of memory, turned against the tests. None may pass."""

from hostile.forgeries import FAILING, NOT_PASSED, forgery
from hostile.program import Hostile

UNITTEST = """
class TestDouble(unittest.TestCase):
    def test_it(self):
        self.assertEqual(double(2), 4)
"""
MAIN = "unittest.main()\n"


def disarmed(name: str, attack: str, run: str = MAIN, tests: str = UNITTEST) -> Hostile:
    """A program that disarms unittest before a failing test case."""
    return forgery(name, f"import unittest\n{attack}", tests=f"{tests}{run}")


PROGRAMS = (
    disarmed("assertEqual replaced", "unittest.TestCase.assertEqual = lambda *a, **k: None\n"),
    disarmed(
        "assertEqual replaced by setattr", "setattr(unittest.TestCase, 'assert' + 'Equal', lambda *a, **k: None)\n"
    ),
    disarmed(
        "assertEqual replaced by a patch",
        "from unittest import mock\nmock.patch.object(unittest.TestCase, 'assertEqual').start()\n",
    ),
    disarmed(
        "assertEqual replaced by its code",
        "setattr(unittest.TestCase.assertEqual, '__code__', (lambda self, a, b, msg=None: None).__code__)\n",
    ),
    disarmed(
        "assertEqual of one type replaced",
        "",
        tests="""
class TestDouble(unittest.TestCase):
    def setUp(self):
        self.addTypeEqualityFunc(int, lambda first, second, msg=None: None)
    def test_it(self):
        self.assertEqual(double(2), 4)
""",
    ),
    disarmed(
        "a failure that is a skip",
        "setattr(unittest.TestCase, 'failureException', type('Harmless', (unittest.SkipTest,), {}))\n",
        tests=UNITTEST + "    def test_other(self):\n        self.assertEqual(double(2), 2)\n",
    ),
    disarmed(
        "failures that the result forgets",
        "setattr(unittest.TestResult, 'addFailure', lambda *a: None)\n",
        run="unittest.main(exit=False)\n",
        tests=UNITTEST + "    def test_other(self):\n        self.assertEqual(double(2), 2)\n",
    ),
    disarmed(
        "failures that a runner of its own forgets",
        """
class Result(unittest.TextTestResult):
    def addFailure(self, test, err):
        pass
""",
        run="unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result))\n",
        tests=UNITTEST + "    def test_other(self):\n        self.assertEqual(double(2), 2)\n",
    ),
    disarmed(
        "a test that is expected to fail",
        "",
        tests=UNITTEST.replace("    def test_it", "    @unittest.expectedFailure\n    def test_it"),
    ),
    disarmed(
        "a test that is skipped",
        "",
        tests=UNITTEST.replace("    def test_it", "    @unittest.skip('')\n    def test_it"),
    ),
    disarmed("unittest.main replaced", "unittest.main = lambda *a, **k: None\n"),
    disarmed("unittest.main asked for no test", "", run="unittest.main(argv=['x', '-k', 'nothing'], exit=False)\n"),
    disarmed("unittest.main asked for help", "", run="unittest.main(argv=['x', '--help'])\n"),
    disarmed(
        "a unittest of its own in sys.modules",
        """
import sys, types
fake = types.ModuleType('unittest')
fake.TestCase = type('TestCase', (), {'assert' + 'Equal': lambda *a: None})
fake.main = lambda *a, **k: TestDouble().test_it()
sys.modules['unittest'] = fake
import unittest
""",
    ),
    forgery(
        "a unittest of its own in the working folder",
        """
import sys
open('unittest.py', 'w').write('''
class TestCase:
    def assertEqual(self, *a):
        pass
def main():
    import __main__
    __main__.TestDouble().test_it()
''')
for name in [name for name in sys.modules if name.startswith('unittest')]:
    del sys.modules[name]
import unittest
""",
        tests=UNITTEST + MAIN,
    ),
    forgery(
        "a numpy of its own in the working folder",
        """
import os, sys
os.mkdir('numpy')
open('numpy/__init__.py', 'w').close()
open('numpy/testing.py', 'w').write('def assert_equal(*a):\\n    pass')
for name in [name for name in sys.modules if name.startswith('numpy')]:
    del sys.modules[name]
import numpy.testing
""",
        tests="numpy.testing.assert_equal(double(2), 4)\n",
    ),
    forgery(
        "a json of its own in the working folder",
        """
import sys
open('json.py', 'w').write('def dumps(*a, **k):\\n    return \\'{"status": "passed", "assertions": 9}\\'')
sys.modules.pop('json')
import json
""",
        statuses="failed",
    ),
    forgery(
        "numpy's assertions replaced by setattr",
        "import numpy.testing\nsetattr(numpy.testing, 'assert_' + 'equal', lambda *a: None)\n",
        tests="numpy.testing.assert_equal(double(2), 4)\n",
    ),
    forgery(
        "pytest.raises replaced by setattr",
        """
import contextlib, pytest
setattr(pytest, 'rai' + 'ses', lambda *a, **k: contextlib.nullcontext())
""",
        tests="with pytest.raises(TypeError):\n    double(2)\n",
    ),
    forgery(
        "a trace that jumps over a failing line",
        """
import sys
first = sys._getframe().f_lineno
def trace(frame, event, argument):
    if event == 'line' and frame.f_lineno == first + 8:
        frame.f_lineno = first + 9
    return trace
sys._getframe().f_trace = trace
sys.settrace(trace)
""",
        tests="assert double(2) == 2\nassert double(2) == 4\nx = 1\n",
    ),
    forgery(
        "a profiler that finds the counter",
        """
import sys
def profile(frame, event, argument):
    while frame:
        for value in list(frame.f_locals.values()):
            if hasattr(value, 'assertions'):
                value.assertions = 9
        frame = frame.f_back
sys.setprofile(profile)
double(2)
""",
        tests="assert True\n",
    ),
    forgery(
        "a constant that is changed in memory",
        """
import ctypes
ctypes.c_int.from_address(id(4) + 24).value = 2
""",
        tests=FAILING,
        statuses=NOT_PASSED + " timeout memory",
    ),
    forgery(
        "a token found in memory",
        """
import os, re
def candidates():
    for line in open('/proc/self/maps'):
        span, rights = line.split()[:2]
        if not rights.startswith('rw') or '[v' in line:
            continue
        start, end = (int(part, 16) for part in span.split('-'))
        with open('/proc/self/mem', 'rb') as memory:
            memory.seek(start)
            try:
                data = memory.read(min(end - start, 2 ** 24))
            except (OSError, ValueError):
                continue
        yield from re.findall(rb'\\x20\\0{7}.{8}([0-9a-f]{32})\\0', data, re.S)
for token in list(candidates())[:1]:
    for fd in range(3, 64):
        try:
            os.write(fd, token + b'{"status": "passed", "assertions": 9}')
        except OSError:
            pass
    os._exit(0)
""",
    ),
)
