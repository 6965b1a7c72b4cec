"""Hostile programs in real gVisor: each gets its right status, and a good program right after it still passes."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfcodealign.sandbox import Limits, Program, Sandbox, SandboxSettings, open_sandbox

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout_s=4.0, memory_mib=512, max_output_bytes=100_000, max_processes=32, max_file_mib=16)
GOOD = (
    "import os\ndef state():\n"
    "    pids = [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]\n"
    "    return os.listdir('.'), os.listdir('/tmp'), os.listdir('/dev/shm'), pids\n"
    "assert state() == ([], ['work'], [], [])\n"
)
MARKER = "selfcodealign-hostile-marker"

# name: (statuses that are right, program). `passed` appears only where the program asserts that it could do no harm.
HOSTILE: dict[str, tuple[set[str], str]] = {
    "fork bomb": ({"error", "timeout"}, "import os\nwhile True:\n    os.fork()"),
    "fork bomb that swallows errors": (
        {"timeout"},
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
    ),
    "memory hog": ({"memory"}, "x = bytearray(10 ** 10)"),
    "memory hog in many processes": (
        {"memory", "timeout"},
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n"
        "        x = b'x' * 200_000_000\n        time.sleep(60)\n"
        "time.sleep(60)",
    ),
    "disk filler": ({"error"}, "f = open('big', 'wb')\nwhile True:\n    f.write(bytes(10 ** 6))"),
    "disk filler in many files": (
        {"error"},
        "import itertools\nfor i in itertools.count():\n    open(f'f{i}', 'wb').write(bytes(10 ** 6))",
    ),
    "output flood": ({"output"}, "import os\nwhile True:\n    os.write(1, b'x' * 60000)"),
    "open file flood": ({"error"}, "files = []\nwhile True:\n    files.append(open('/dev/null'))"),
    "endless loop that ignores signals": (
        {"timeout"},
        "import signal\nfor s in range(1, 65):\n"
        "    try:\n        signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\n"
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except BaseException:\n        pass",
    ),
    "network": ({"error"}, "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)"),
    "name look-up": ({"error"}, "import socket\nsocket.getaddrinfo('example.com', 80)"),
    "write to /etc/shadow": ({"error"}, "open('/etc/shadow', 'a').write('x')"),
    "write into the image": ({"error"}, "open('/usr/lib/python3/evil.py', 'w')"),
    "read a file of the host": ({"error"}, f"open({str(Path(__file__))!r}).read()"),
    "Docker's socket": ({"error"}, "import socket\nsocket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')"),
    "become root": ({"error"}, "import os\nos.setuid(0)"),
    "mount": (
        {"passed"},
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "r = libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)\nassert r == -1",
    ),
    "kill the supervisor": ({"error"}, "import os\nos.kill(1, 9)"),
    "kill everything": ({"incomplete", "error", "vacuous"}, "import os\nos.kill(-1, 9)"),
    "read the supervisor's memory": ({"error"}, "open('/proc/1/mem', 'rb').read(1)"),
    "trace the supervisor": (
        {"passed"},
        "import ctypes\nr = ctypes.CDLL(None).ptrace(16, 1, 0, 0)\nassert r == -1",
    ),
    "os._exit(0)": ({"incomplete"}, "import os\nos._exit(0)"),
    "sys.exit(0) before assertions": ({"incomplete"}, "import sys\nx = 1\nsys.exit(0)\nassert x == 2"),
    "SystemExit in the code under test": ({"incomplete"}, "def f():\n    raise SystemExit\nassert f() == 2"),
    "verdict printed": (
        {"failed"},
        'print(\'{"status": "passed", "assertions": 9}\')\nx = 1\nassert x == 2',
    ),
    "verdict written to every descriptor": (
        {"error"},
        'import os\nm = b\'\\0\\0\\0\\x2a{"index":0,"status":"passed","assertions":1}\'\nfor fd in range(3, 256):\n'
        "    try:\n        os.write(fd, m)\n    except OSError:\n        pass\nx = 1\nassert x == 1",
    ),
    "daemon left behind": (
        {"passed"},
        "import os, time\nx = 1\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        while True:\n"
        "            try:\n                open('/tmp/work/left', 'w').write('x')\n"
        "                open('/dev/shm/left', 'w')\n"
        "            except OSError:\n                pass\n    os._exit(0)\nos.wait()\ntime.sleep(0.3)\nassert x == 1",
    ),
    "files left behind": (
        {"passed"},
        "import os\nfor f in ('/tmp/a', '/dev/shm/b', '/tmp/work/c'):\n    open(f, 'w').write('x')\n"
        "os.makedirs('/tmp/d/e')\nos.chmod('/tmp/d/e', 0)\nos.chmod('/tmp/d', 0)\nos.chmod('/tmp/work', 0)\n"
        "x = os.getcwd()\nassert x",
    ),
    "working folder replaced by a link": (
        {"passed"},
        "import os\nos.rmdir('/tmp/work')\nos.symlink('/dev/shm', '/tmp/work')\nx = os.readlink('/tmp/work')\nassert x",
    ),
    "deep recursion": (
        {"error"},
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f():\n    return repr(X())\n"
        "class X:\n    __repr__ = lambda self: repr(self)\nf()",
    ),
    "deeply nested source": ({"syntax", "memory"}, "x = " + "(" * 100_000 + ")" * 100_000),
    "huge integer": ({"timeout", "memory", "error"}, "x = 10 ** 10 ** 8\nprint(len(str(x)))"),
    "NUL bytes": ({"syntax"}, "x = 1\0\nassert x"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    # One worker: the good program runs in the same container, right after the hostile one.
    with open_sandbox(SandboxSettings(limits=LIMITS, num_workers=1)) as opened:
        yield opened


def test_hostile_programs_get_their_status_and_leave_nothing_behind(sandbox: Sandbox) -> None:
    programs = []
    for name, (_, source) in HOSTILE.items():
        programs += [Program(name, f"# {MARKER}\n{source}"), Program(f"after: {name}", GOOD)]
    verdicts = {verdict.id: verdict for verdict in sandbox.run(programs)}
    wrong = {
        name: (verdicts[name].status, verdicts[name].stderr[-300:])
        for name, (right, _) in HOSTILE.items()
        if verdicts[name].status not in right
    }
    assert wrong == {}
    disturbed = {
        name: verdicts[f"after: {name}"].stderr[-300:]
        for name in HOSTILE
        if verdicts[f"after: {name}"].status != "passed"
    }
    assert disturbed == {}


def test_an_endless_program_costs_no_more_than_its_time(sandbox: Sandbox) -> None:
    started = time.monotonic()
    (verdict,) = sandbox.run([Program("p", "while True:\n    pass")])
    assert verdict.status == "timeout"
    assert LIMITS.timeout_s <= verdict.seconds < LIMITS.timeout_s + 2
    assert time.monotonic() - started < LIMITS.timeout_s + 30
