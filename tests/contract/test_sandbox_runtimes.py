"""One battery that every runtime of the sandbox must pass: the same programs, the same verdicts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from selfcodealign.sandbox import Limits, Program, Sandbox, SandboxSettings, open_sandbox
from selfcodealign.sandbox.settings import RUNTIMES, RuntimeName

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout_s=10.0, memory_mib=512, max_output_bytes=100_000, max_processes=32, max_file_mib=16)
DOUBLE = "def double(x):\n    return 2 * x\n"
UNITTEST = DOUBLE + "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        {body}\n{run}\n"

# name: (status, assertions, program)
PROGRAMS: dict[str, tuple[str, int, str]] = {
    "two assertions": ("passed", 2, DOUBLE + "assert double(1) == 2\nassert double(2) == 4"),
    "wrong result": ("failed", 2, DOUBLE + "assert double(1) == 2\nassert double(2) == 5"),
    "exception": ("error", 1, DOUBLE + "assert double(None) == 2"),
    "import of what is not there": ("error", 0, "import no_such_module\nassert no_such_module"),
    "syntax": ("syntax", 0, "def double(x:\n"),
    "runtime SyntaxError is an error": ("error", 1, DOUBLE + "compile('(', 'x', 'exec')\nassert double(1) == 2"),
    "NUL byte": ("syntax", 0, DOUBLE + "assert double(1) == 2\n\0"),
    "lone surrogate": ("syntax", 0, "x = '\ud800'\nassert x"),
    "nothing": ("vacuous", 0, ""),
    "assert True": ("vacuous", 0, DOUBLE + "assert True\nassert 1 == 1\nassert len('ab') == 2"),
    "tests never called": ("vacuous", 1, DOUBLE + "def test():\n    assert double(1) == 2"),
    "sys.exit before the tests": ("incomplete", 1, DOUBLE + "import sys\nsys.exit(0)\nassert double(1) == 5"),
    "os._exit before the tests": ("incomplete", 1, DOUBLE + "import os\nos._exit(0)\nassert double(1) == 5"),
    "exit after some tests": ("incomplete", 2, DOUBLE + "assert double(1) == 2\nexit()\nassert double(1) == 5"),
    "SystemExit in the code under test": ("incomplete", 1, "def f():\n    raise SystemExit(0)\nassert f() == 1"),
    "SystemExit out of a function called last": (
        "incomplete",
        0,
        "def f(x):\n    if x:\n        exit()\n    return 1\nf(1)",
    ),
    "sys.exit as the last statement": ("passed", 1, DOUBLE + "import sys\nassert double(1) == 2\nsys.exit(0)"),
    "sys.exit(1) as the last statement": ("error", 1, DOUBLE + "import sys\nassert double(1) == 2\nsys.exit(1)"),
    "main that ends with sys.exit": (
        "passed",
        1,
        DOUBLE
        + "import sys\ndef main():\n    assert double(1) == 2\n    sys.exit(0)\nif __name__ == '__main__':\n    main()",
    ),
    "main block runs": ("failed", 1, DOUBLE + "if __name__ == '__main__':\n    assert double(1) == 5"),
    "main block that waits for input": (
        "error",
        1,
        DOUBLE + "if __name__ == '__main__':\n    print(double(int(input())))\nassert double(1) == 2",
    ),
    "standard input is empty": ("error", 1, DOUBLE + "x = input()\nassert double(x)"),
    "unittest.main": ("passed", 1, UNITTEST.format(body="self.assertEqual(double(1), 2)", run="unittest.main()")),
    "unittest.main in a main block": (
        "passed",
        1,
        UNITTEST.format(
            body="self.assertEqual(double(1), 2)", run="if __name__ == '__main__':\n    unittest.main(argv=['x'])"
        ),
    ),
    "failing unittest": ("failed", 1, UNITTEST.format(body="self.assertEqual(double(1), 3)", run="unittest.main()")),
    "failing unittest, exit=False": (
        "failed",
        1,
        UNITTEST.format(body="self.assertEqual(double(1), 3)", run="unittest.main(exit=False)"),
    ),
    "broken unittest": ("error", 1, UNITTEST.format(body="self.assertEqual(double(None), 3)", run="unittest.main()")),
    "empty unittest": ("vacuous", 0, UNITTEST.format(body="pass", run="unittest.main()")),
    "pytest.raises": ("passed", 1, DOUBLE + "import pytest\nwith pytest.raises(TypeError):\n    double(None)"),
    "pytest.raises, but nothing is raised": (
        "failed",
        1,
        DOUBLE + "import pytest\nwith pytest.raises(TypeError):\n    double(1)",
    ),
    "hypothesis": (
        "passed",
        1,
        DOUBLE + "from hypothesis import given, settings, strategies as st\n@settings(max_examples=1, database=None)\n"
        "@given(st.integers())\ndef test(x):\n    assert double(x) == x + x\ntest()",
    ),
    "endless loop": ("timeout", 0, "while True:\n    pass"),
    "endless sleep": ("timeout", 0, "import time\ntime.sleep(1000)"),
    "memory": ("memory", 0, DOUBLE + "x = []\nwhile True:\n    x.append(bytearray(10 ** 7))"),
    "output": ("output", 0, DOUBLE + "while True:\n    print('x' * 1000)"),
    "output on stderr": ("output", 0, "import sys\nwhile True:\n    sys.stderr.write('x' * 1000)"),
    "segmentation fault": ("error", 1, DOUBLE + "import ctypes\nctypes.string_at(0)\nassert double(1) == 2"),
    "threads": (
        "passed",
        1,
        DOUBLE
        + "from concurrent.futures import ThreadPoolExecutor as P\nassert list(P(8).map(double, [1, 2])) == [2, 4]",
    ),
    "processes": (
        "passed",
        1,
        DOUBLE
        + "from multiprocessing import Pool\nwith Pool(2) as p:\n    r = p.map(double, [1, 2])\nassert r == [2, 4]",
    ),
    "files in the working folder": (
        "passed",
        1,
        "import os\nassert os.listdir('.') == []\nopen('a', 'w').write('x')\nt = open('a').read()\nassert t == 'x'",
    ),
    "temporary files": (
        "passed",
        1,
        "import tempfile\nf = tempfile.NamedTemporaryFile()\nf.write(b'x')\nassert f.tell() == 1",
    ),
    "a test of the source alone": (
        "vacuous",
        1,
        DOUBLE + "import inspect\nassert 'return 2' in inspect.getsource(double)",
    ),
    "dataclass and pickle": (
        "passed",
        1,
        "import dataclasses, pickle\n@dataclasses.dataclass\nclass P:\n    x: int\n"
        "assert pickle.loads(pickle.dumps(P(1))) == P(1)",
    ),
    "asyncio": ("passed", 1, "import asyncio\nasync def f():\n    return 1\nassert asyncio.run(f()) == 1"),
    "subprocess": (
        "passed",
        1,
        "import subprocess, sys\nr = subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True)\n"
        "assert r.stdout == b'1\\n'",
    ),
}

# Programs that import a large library: through gVisor's file system that takes seconds, on a slow machine many.
LIBRARIES: dict[str, tuple[str, int, str]] = {
    "numpy": ("passed", 1, DOUBLE + "import numpy as np\nnp.testing.assert_equal(double(np.ones(3)), [2, 2, 2])"),
    "pandas": (
        "passed",
        1,
        "import pandas as pd\ndef total(rows):\n    return pd.DataFrame(rows).groupby('k')['v'].sum().to_dict()\n"
        "assert total([{'k': 'a', 'v': 1}, {'k': 'a', 'v': 2}]) == {'a': 3}",
    ),
    "scipy": (
        "passed",
        1,
        "from scipy import optimize, stats\ndef root():\n    return optimize.brentq(lambda x: x * x - 2, 0, 2)\n"
        "assert abs(root() - 2 ** 0.5) < 1e-9 and stats.norm.cdf(0) == 0.5",
    ),
    "scikit-learn": (
        "passed",
        1,
        "from sklearn.datasets import load_iris\nfrom sklearn.linear_model import LogisticRegression\n"
        "x, y = load_iris(return_X_y=True)\nscore = LogisticRegression(max_iter=500).fit(x, y).score(x, y)\n"
        "assert score > 0.9",
    ),
    "sympy": (
        "passed",
        1,
        "import sympy\ndef d(f):\n    return sympy.diff(f)\nx = sympy.Symbol('x')\nassert d(x ** 3) == 3 * x ** 2",
    ),
    "networkx": (
        "passed",
        1,
        "import networkx as nx\ndef far(g):\n    return nx.diameter(g)\nassert far(nx.path_graph(5)) == 4",
    ),
}


@pytest.fixture(scope="module", params=RUNTIMES)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with open_sandbox(SandboxSettings(runtime=request.param, limits=LIMITS, num_workers=2)) as opened:
        yield opened


def test_every_program_gets_its_status_and_its_count_of_assertions(sandbox: Sandbox) -> None:
    check(sandbox, PROGRAMS)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_programs_find_the_libraries_of_the_image(runtime: RuntimeName) -> None:
    patient = replace(LIMITS, timeout_s=90.0)
    with open_sandbox(SandboxSettings(runtime=runtime, limits=patient, num_workers=2)) as sandbox:
        check(sandbox, LIBRARIES)


def check(sandbox: Sandbox, programs: dict[str, tuple[str, int, str]]) -> None:
    verdicts = {verdict.id: verdict for verdict in sandbox.run(Program(name, row[2]) for name, row in programs.items())}
    assert list(verdicts) == list(programs)  # in the order of the programs
    seen = {name: (verdict.status, verdict.assertions) for name, verdict in verdicts.items()}
    assert seen == {name: row[:2] for name, row in programs.items()}, {
        name: verdicts[name].stderr for name in programs if seen[name] != programs[name][:2]
    }


def test_a_verdict_tells_what_was_printed_and_how_long_it_took(sandbox: Sandbox) -> None:
    source = "import sys, time\nprint('out')\nprint('err', file=sys.stderr)\ntime.sleep(0.2)\n1 / 0\n"
    (verdict,) = sandbox.run([Program("p", source)])
    assert verdict.stdout == "out\n"
    assert verdict.stderr.startswith("err\nTraceback (most recent call last):\n")
    assert 'File "/tmp/program.py", line 5, in <module>' in verdict.stderr
    assert "ZeroDivisionError" in verdict.stderr
    assert "selfcodealign" not in verdict.stderr
    assert 0.2 <= verdict.seconds < LIMITS.timeout_s


def test_the_isolation_is_named(sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    (verdict,) = sandbox.run([Program("p", "")])
    runtime = request.node.callspec.params["sandbox"]
    assert verdict.isolation == sandbox.isolation
    beginning = {"runsc": "docker/runsc-", "runsc-direct": "runsc-", "runc": "docker/runc"}[runtime]
    assert verdict.isolation.startswith(beginning)


def test_the_image_is_named_by_its_digest(sandbox: Sandbox) -> None:
    assert sandbox.image_id.startswith("sha256:")
    assert sandbox.fingerprint["image"] == sandbox.image_id


def test_long_output_is_cut_to_its_start_and_long_errors_to_their_end(sandbox: Sandbox) -> None:
    source = "import sys\nprint('a' + 'x' * 50_000)\nsys.stderr.write('y' * 40_000 + 'z')\n"
    (verdict,) = sandbox.run([Program("p", source)])
    assert verdict.stdout == "a" + "x" * (LIMITS.kept_output_bytes - 1)
    kept, note = verdict.stderr[: LIMITS.kept_output_bytes], verdict.stderr[LIMITS.kept_output_bytes :]
    assert kept == "y" * (LIMITS.kept_output_bytes - 1) + "z"
    assert note == "the tests also pass when all results of the code are wrong\n"  # why it is vacuous


def test_a_source_beyond_the_limit_is_not_run(sandbox: Sandbox) -> None:
    (verdict,) = sandbox.run([Program("p", "#" * (LIMITS.max_source_bytes + 1))])
    assert verdict.status == "syntax"
    assert "more than" in verdict.stderr


def test_a_huge_source_within_the_limit_runs(sandbox: Sandbox) -> None:
    source = "x = [" + "1, " * 30_000 + "]\nassert len(x) == 30_000"
    (verdict,) = sandbox.run([Program("p", source)])
    assert verdict.status == "passed"
