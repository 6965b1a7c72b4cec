"""The process of one program: give up every right, run it, say once what became of it."""

import contextlib
import json
import linecache
import os
import resource
import signal
import sys
import traceback
import types
from typing import Any, NoReturn

from selfcodealign.sandbox.inside.instrument import FinalLines, prepare

WORK_FOLDER = "/tmp/work"  # noqa: S108 - the container's own, in memory
FILENAME = "/tmp/program.py"  # noqa: S108
OUR_MODULES = "selfcodealign."
STDERR = 2
# What a child can report; the supervisor sees the rest.
STATUSES = frozenset({"passed", "failed", "error", "syntax", "incomplete", "vacuous", "memory", "sandbox_error"})


class Outcome:
    """What the child saw: a status, and the assertions that ran."""

    def __init__(self) -> None:
        self.assertions = 0
        self.unittest_failures = 0
        self.unittest_errors = 0

    def count(self) -> None:
        """Count one executed assertion."""
        self.assertions += 1


def child_main(job: dict[str, Any], limits: dict[str, int], uid: int, report_fd: int, token: bytes) -> NoReturn:
    """Run a program in this process, which was forked for it, and end.

    Standard input, output and error are in place already. The report is one write to a pipe: the token, then JSON.
    A process that the program forked and that comes by here ends without a report.

    Args:
        job: `source` and `timeout_s`.
        limits: the fields of `Limits` that are kernel limits.
        uid: the unprivileged user to become.
        report_fd: pipe to the supervisor.
        token: proves that the report is not the program's. Drawn for this program alone.
    """
    own_pid = os.getpid()
    outcome = Outcome()
    try:
        _give_up_rights(limits, float(job["timeout_s"]), uid)
    except OSError as error:
        status, note = "sandbox_error", f"setting up the process failed: {error}"
    else:
        status, note = _run(str(job["source"]), outcome)
    if os.getpid() == own_pid:
        _flush_streams()
        if note:
            _write_stderr(note)
        report = json.dumps({"status": status, "assertions": outcome.assertions, "note": note[-500:]})
        os.write(report_fd, token + report.encode())
    os._exit(0)


def become_user(uid: int) -> None:
    """Become an unprivileged user for good, with a group of the same number."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def _give_up_rights(limits: dict[str, int], timeout_s: float, uid: int) -> None:
    mib = 1 << 20
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, int(timeout_s) + 2),
        (resource.RLIMIT_FSIZE, limits["max_file_mib"] * mib),
        (resource.RLIMIT_NOFILE, limits["max_open_files"]),
        (resource.RLIMIT_NPROC, limits["max_processes"]),
        (resource.RLIMIT_AS, limits["memory_mib"] * mib),
    ):
        resource.setrlimit(which, (value, value))
    become_user(uid)
    try:
        os.mkdir(WORK_FOLDER, 0o755)
    except FileExistsError:
        os.chmod(WORK_FOLDER, 0o755)  # noqa: S103 - the supervisor looks into it
    os.chdir(WORK_FOLDER)


def _run(source: str, outcome: Outcome) -> tuple[str, str]:
    """Compile and execute. Returns the status and what to write to standard error."""
    try:
        prepared = prepare(source, FILENAME, outcome.count)
    except MemoryError:
        return "memory", "MemoryError while compiling\n"
    except (SyntaxError, ValueError, RecursionError, OverflowError) as error:
        return "syntax", "".join(traceback.format_exception_only(error))
    module = _fresh_main_module(source)
    if "unittest" in source:
        _watch_unittest(outcome)
    try:
        exec(prepared.code, module.__dict__)  # noqa: S102 - that is what we are here for
    except BaseException as error:  # noqa: BLE001 - the boundary of the program: whatever it raises is its verdict
        return _judge(error, prepared.final, outcome)
    return _completed(outcome), ""


def _fresh_main_module(source: str) -> types.ModuleType:
    for name in [name for name in sys.modules if name.startswith(OUR_MODULES)]:
        del sys.modules[name]
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    module.__dict__["__file__"] = FILENAME
    sys.modules["__main__"] = module
    sys.argv = [FILENAME]
    sys.path.insert(0, "")
    # Tracebacks and `inspect.getsource` find the text here; the file is only made for those who name it.
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    if "__file__" in source or "spawn" in source:
        with open(FILENAME, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(source)
    return module


def _watch_unittest(outcome: Outcome) -> None:
    """Failures must not get lost where `unittest.main(exit=False)` or a runner's result is never looked at."""
    import unittest

    plain_failure, plain_error = unittest.TestResult.addFailure, unittest.TestResult.addError
    plain_subtest = unittest.TestResult.addSubTest
    plain_unexpected = unittest.TestResult.addUnexpectedSuccess

    def add_failure(self: Any, test: Any, err: Any) -> None:
        outcome.unittest_failures += 1
        plain_failure(self, test, err)

    def add_error(self: Any, test: Any, err: Any) -> None:
        outcome.unittest_errors += 1
        plain_error(self, test, err)

    def add_subtest(self: Any, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            outcome.unittest_failures += 1
        plain_subtest(self, test, subtest, err)

    def add_unexpected(self: Any, test: Any) -> None:
        outcome.unittest_failures += 1
        plain_unexpected(self, test)

    replaced = {
        "addFailure": add_failure,
        "addError": add_error,
        "addSubTest": add_subtest,
        "addUnexpectedSuccess": add_unexpected,
    }
    for name, function in replaced.items():
        setattr(unittest.TestResult, name, function)


def _completed(outcome: Outcome) -> str:
    if outcome.unittest_failures:
        return "failed"
    if outcome.unittest_errors:
        return "error"
    return "passed" if outcome.assertions else "vacuous"


def _judge(error: BaseException, final: FinalLines, outcome: Outcome) -> tuple[str, str]:
    if isinstance(error, SystemExit):
        return _judge_exit(error, final, outcome)
    try:
        # The first entry is our own `exec`.
        own = error.__traceback__.tb_next if error.__traceback__ else None
        text = "".join(traceback.format_exception(type(error), error, own))
    except BaseException:  # noqa: BLE001 - an exception whose own text cannot be had, or no memory left for it
        text = f"{type(error).__name__}\n"
    if isinstance(error, MemoryError):
        return "memory", text
    # `pytest.fail`, and `pytest.raises` where nothing was raised.
    outcomes = sys.modules.get("_pytest.outcomes")
    failures = (AssertionError, outcomes.Failed) if outcomes else (AssertionError,)
    return ("failed" if isinstance(error, failures) else "error"), text


def _judge_exit(error: SystemExit, final: FinalLines, outcome: Outcome) -> tuple[str, str]:
    """SystemExit completes a program only out of last statements, or out of a `unittest.main` that is one."""
    entries = [(entry.tb_frame.f_code, entry.tb_lineno) for entry in _entries(error)]
    own = [(code.co_name, line) for code, line in entries if code.co_filename == FILENAME]
    is_unittest = any(code.co_filename.endswith("/unittest/main.py") for code, _ in entries)
    places = own[:1] if is_unittest else own
    if not places or not all(final.is_final(name, line) for name, line in places):
        return "incomplete", f"SystemExit: {error.code!r} before the last statement\n"
    status = _completed(outcome)
    if error.code in (None, 0) or status in {"failed", "error"}:
        return status, ""
    return "error", f"SystemExit: {error.code!r}\n"


def _entries(error: BaseException) -> list[types.TracebackType]:
    entries = []
    entry = error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the program may have put anything there, or closed it
            stream.flush()


def _write_stderr(text: str) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        os.write(STDERR, text.encode("utf-8", "backslashreplace")[-32768:])
    except OSError:
        return
