"""The process of one program: give up every right, run it, say once what became of it."""

import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

from selfcodealign.sandbox.inside.execution import WORK_FOLDER, execute, parse
from selfcodealign.sandbox.inside.outcome import FILENAME, Outcome
from selfcodealign.sandbox.inside.syscalls import SyscallFilter

OUR_MODULES = "selfcodealign."
STDERR = 2
SEAL_BYTES = 32
# What a child can report; the supervisor sees the rest.
STATUSES = frozenset({"passed", "failed", "error", "syntax", "incomplete", "vacuous", "memory", "sandbox_error"})


def child_main(
    job: dict[str, Any],
    limits: dict[str, int],
    uid: int,
    report: tuple[int, bytes],
    syscall_filter: SyscallFilter,
    *,
    is_control: bool,
) -> NoReturn:
    """Run a program in this process, which was forked for it, and end.

    Standard input, output and error are in place already. The report is one write to a pipe: JSON, sealed.
    A process that the program forked and that comes by here ends without a report.

    Args:
        job: `source` and `timeout_s`.
        limits: the fields of `Limits` that are kernel limits.
        uid: the unprivileged user to become.
        report: pipe to the supervisor, and the key of its seal, which proves that it is not the program's.
        syscall_filter: what it may not ask of the kernel.
        is_control: no assertion holds, whatever it says: see `Outcome`.
    """
    own_pid = os.getpid()
    getpid, write, end, dumps, seal = os.getpid, os.write, os._exit, json.dumps, sealed  # before the program runs
    report_fd, token = report
    outcome = Outcome(is_control=is_control)
    try:
        give_up_rights(limits, uid, cpu_s=int(job["timeout_s"]) + 2)
        syscall_filter.install()
        _enter_work_folder()
    except OSError as error:
        status, note = "sandbox_error", f"setting up the process failed: {error}"
    else:
        status, note = _run(str(job["source"]), outcome)
    if getpid() == own_pid:
        _flush_streams()
        if note:
            _write_stderr(note)
        text = dumps({"status": status, "assertions": outcome.assertions, "note": note[-500:]})
        write(report_fd, seal(text.encode(), token))
    end(0)


def sealed(text: bytes, key: bytes) -> bytes:
    """A text behind a digest that only those who have the key can make: who intercepts it can change nothing."""
    return hashlib.blake2b(text, key=key, digest_size=SEAL_BYTES).digest() + text


def become_user(uid: int) -> None:
    """Become an unprivileged user for good, with a group of the same number."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def give_up_rights(limits: dict[str, int], uid: int, *, cpu_s: int) -> None:
    """Bound this process, and become an unprivileged user.

    Args:
        limits: the fields of `Limits`, and `preloaded_bytes`: what modules that were loaded beforehand take.
        uid: the user to become.
        cpu_s: processor time that the process may use, seconds.
    """
    mib = 1 << 20
    for which, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, limits["max_file_mib"] * mib),
        (resource.RLIMIT_NOFILE, limits["max_open_files"]),
        (resource.RLIMIT_NPROC, limits["max_processes"]),
        (resource.RLIMIT_AS, limits["memory_mib"] * mib + limits["preloaded_bytes"]),
    ):
        resource.setrlimit(which, (value, value))
    become_user(uid)


def _enter_work_folder() -> None:
    try:
        os.mkdir(WORK_FOLDER, 0o755)
    except FileExistsError:
        os.chmod(WORK_FOLDER, 0o755)  # noqa: S103 - the supervisor looks into it
    os.chdir(WORK_FOLDER)


def _run(source: str, outcome: Outcome) -> tuple[str, str]:
    """Returns the status and what to write to standard error."""
    syntax, status, note = parse(source)
    if syntax is None:
        return status, note
    for name in [name for name in sys.modules if name.startswith(OUR_MODULES)]:
        del sys.modules[name]
    sys.path.insert(0, "")
    if "__file__" in source or "spawn" in source:
        with open(FILENAME, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(source)
    return execute(source, syntax, outcome)


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
