"""Verdicts that the program makes up itself. Every source here tests a wrong function: none may pass."""

from hostile.program import Hostile, hostile

NOT_PASSED = "failed error incomplete vacuous"
WRONG = "def double(x):\n    return x\n"
FAILING = "assert double(2) == 2\nassert double(2) == 4\n"


def forgery(name: str, attack: str, *, statuses: str = NOT_PASSED, tests: str = FAILING) -> Hostile:
    """A program whose attack stands before tests that do not hold."""
    return hostile(name, statuses, f"{WRONG}{attack}{tests}")


REPORT = 'b\'{"status": "passed", "assertions": 9, "note": ""}\''

PROGRAMS = (
    forgery("a verdict that is printed", f"print({REPORT}.decode())\n", statuses="failed"),
    forgery(
        "a verdict in frames on standard output",
        f"""
import os, struct
report = {REPORT}
for fd in (1, 2):
    os.write(fd, struct.pack('>I', len(report)) + report)
""",
        statuses="failed",
    ),
    forgery(
        "a verdict on every descriptor",
        f"""
import os
for fd in range(3, 256):
    for data in (b'\\0\\0\\0\\x31' + {REPORT}, {REPORT}):
        try:
            os.write(fd, data)
        except OSError:
            pass
os._exit(0)
""",
        statuses="error incomplete",
    ),
    forgery(
        "a flood on every descriptor",
        """
import os
for fd in range(3, 256):
    try:
        os.set_blocking(fd, False)
        while True:
            os.write(fd, b'x' * 65536)
    except OSError:
        pass
""",
        statuses="error incomplete",
    ),
    forgery(
        "every descriptor closed",
        "import os\nos.closerange(3, 256)\n",
        statuses="failed error incomplete",
    ),
    forgery(
        "a token found by walking the frames",
        f"""
import os, sys
frame = sys._getframe()
while frame:
    values = list(frame.f_locals.values())
    for token in [value for value in values if isinstance(value, bytes) and len(value) >= 16]:
        for fd in [value for value in values if type(value) is int and 2 < value < 64]:
            try:
                os.write(fd, token + {REPORT})
            except OSError:
                pass
    frame = frame.f_back
os._exit(0)
""",
    ),
    forgery(
        "a counter found by walking the frames",
        """
import sys
frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        if hasattr(value, 'assertions'):
            value.assertions = 9
    frame = frame.f_back
""",
        tests="assert True\n",
    ),
    forgery(
        "a counter found among the constants",
        """
import sys
for value in sys._getframe().f_code.co_consts:
    if callable(value):
        value()
if double(2) == 4:
    assert double(2) == 4
""",
        tests="",
    ),
    forgery(
        "a counter found by a traceback",
        """
try:
    raise ValueError
except ValueError as error:
    frame = error.__traceback__.tb_frame
while frame:
    for value in [*frame.f_locals.values(), *frame.f_code.co_consts]:
        if hasattr(value, 'assertions'):
            value.assertions = 9
        elif type(value).__name__ == 'method':
            value()
    frame = frame.f_back
""",
        tests="assert True\n",
    ),
    forgery(
        "a counter found by a generator's frame, without a telling name",
        """
def walk():
    frame = getattr(generator, 'gi_' + 'frame')
    while frame:
        for value in list(getattr(frame, 'f_' + 'locals').values()):
            if hasattr(value, 'assertions'):
                value.assertions = 9
        frame = getattr(frame, 'f_' + 'back')
    yield
generator = walk()
next(generator)
""",
        tests="assert True\n",
    ),
    forgery(
        "a counter found by the garbage collector",
        """
import gc
for value in gc.get_objects():
    try:
        if hasattr(value, 'assertions'):
            value.assertions = 9
    except Exception:
        pass
""",
        tests="assert True\n",
    ),
    forgery(
        "a code object found by the garbage collector",
        """
import gc, types
for value in gc.get_objects():
    if isinstance(value, types.FunctionType) and value.__name__ in ('_judge', '_completed', '_run'):
        value.__code__ = (lambda *_: ('passed', '') if len(_) != 1 else 'passed').__code__
""",
    ),
    forgery(
        "another thread that waits for the report",
        """
import sys, threading, time
def wait():
    main = threading.main_thread().ident
    while True:
        frame = sys._current_frames().get(main)
        while frame:
            for name in ('status', 'outcome'):
                value = frame.f_locals.get(name)
                if hasattr(value, 'assertions'):
                    value.assertions = 9
                    value.unittest_failures = 0
            frame = frame.f_back
        time.sleep(0)
threading.Thread(target=wait, daemon=True).start()
time.sleep(0.1)
""",
        tests="assert True\n",
    ),
    forgery(
        "json.dumps replaced",
        f"""
import json
json.dumps = lambda *a, **k: {REPORT}.decode()
""",
    ),
    forgery(
        "os.write replaced",
        """
import os
def write(fd, data, real=os.write):
    return real(fd, data.replace(b'failed', b'passed').replace(b'error', b'passed'))
os.write = write
""",
    ),
    forgery(
        "the report's pipe led through the program",
        """
import os, time
reals = []
reader, writer = os.pipe()
for fd in range(3, 64):
    if fd not in (reader, writer):
        try:
            reals.append((fd, os.dup(fd)))
            os.dup2(writer, fd)
        except OSError:
            pass
real_fds = [real for _, real in reals]
if os.fork() == 0:
    os.close(writer)
    data = os.read(reader, 65536)
    for fd in real_fds:
        try:
            os.write(fd, data.replace(b'failed', b'passed'))
        except OSError:
            pass
    os.kill(os.getpid(), 9)
os._exit = lambda code: time.sleep(1)
""",
    ),
    forgery(
        "builtins replaced that judge exceptions",
        """
import builtins
builtins.isinstance = lambda value, kind: False
builtins.issubclass = lambda value, kind: False
builtins.AssertionError = SystemExit
""",
        statuses="failed error incomplete",
    ),
    forgery(
        "all and any replaced, so that every exit looks like the last",
        """
import builtins
builtins.all = builtins.any = lambda values: True
assert double(2) == 2
if double(2) != 4:
    raise SystemExit(0)
""",
        statuses="failed error incomplete",
    ),
    forgery(
        "a process that says it is another",
        """
import os
pid = os.getpid()
if os.fork():
    os.wait()
    os._exit(0)
os.getpid = lambda: pid
""",
        tests="assert double(2) == 2\n",
        statuses="error incomplete",
    ),
    forgery(
        "os.fork and os.getpid replaced before an early end",
        """
import os, sys
os.getpid = lambda: 0
os._exit = lambda code: None
sys.exit = lambda code=0: None
""",
        statuses="failed error incomplete",
    ),
    forgery(
        "a descriptor inherited by a new program",
        f"""
import os, sys
for fd in range(3, 64):
    try:
        os.set_inheritable(fd, True)
    except OSError:
        pass
code = '''
import os
for fd in range(3, 64):
    try:
        os.write(fd, {REPORT})
    except OSError:
        pass
'''
os.execv(sys.executable, ['python3', '-c', code])
""",
        statuses="error incomplete",
    ),
)
