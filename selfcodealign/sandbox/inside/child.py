"""The process of one program or of one copy of it: give up every right, run it, say once what became of it."""

import dataclasses
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from selfcodealign.sandbox.inside.execution import GOOD_ENDS, WORK_FOLDER, Ending
from selfcodealign.sandbox.inside.frames import read_frame
from selfcodealign.sandbox.inside.judgement import Copy, Facts
from selfcodealign.sandbox.inside.program import Exits, PreparedProgram, remove_own_modules
from selfcodealign.sandbox.inside.seccomp import SyscallFilter

STDERR = 2
SWALLOWED_CODE = 97
SWALLOWED = b"an assertion failed"
TOKEN_BYTES = 16
# Wall time of all copies that run in the process of a plain program, beside the program's own time, seconds.
COPIES_S = 5.0


def child_main(
    request_fd: int, report_fd: int, limits: dict[str, int], uid: int, syscall_filter: SyscallFilter
) -> NoReturn:
    """Run a program in this process, which was forked for it, and end.

    The process learns over a pipe what it is to run, so that nothing which it inherited tells, and forgets it again
    before the program starts. What it reports it signs with a token that it draws itself and sends first. While the
    program runs, the token is on the interpreter's stack alone: no variable, frame, constant or container holds it.

    Args:
        request_fd: pipe from the supervisor: one frame with `source`, `timeout_s`, `copy`, perhaps `num_code_lines`.
        report_fd: pipe to the supervisor.
        limits: the fields of `Limits` that are kernel limits, and `preloaded_bytes`.
        uid: the unprivileged user to become.
        syscall_filter: what it may not ask of the kernel.
    """
    own_pid = os.getpid()
    getpid, end = os.getpid, os._exit  # before the program runs
    job = read_frame(request_fd)
    os.close(request_fd)
    if job is None:
        end(0)
    tokens = [os.urandom(TOKEN_BYTES)]
    os.write(report_fd, tokens[0])
    try:
        give_up_rights(limits, uid, cpu_s=int(job["timeout_s"] + COPIES_S) + 2)
        syscall_filter.install()
        _enter_work_folder()
    except OSError as error:
        ended = {"status": "sandbox_error", "note": f"setting up the process failed: {error}"}
        _send(report_fd, tokens.pop(), {"ending": ended})
        end(0)
    program = PreparedProgram(job)
    copy = Copy(**job["copy"])
    remove_own_modules()
    if program.ending.status != "done":
        _report(report_fd, tokens.pop(), program.ending, None)
        end(0)
    program.listeners.install(program.source)
    if copy.kind == "real":
        facts = program.facts()
        _send(report_fd, tokens[0], {"facts": dataclasses.asdict(facts)})
        if facts.is_plain:
            _run_plain(program, facts, report_fd, tokens.pop())
            end(0)
        del facts
    # A failure that is swallowed ends a hardened copy at once, and shows in its pipe if that was in another process.
    compiled = program.compile(copy, lambda: (os.write(report_fd, SWALLOWED), end(SWALLOWED_CODE)))
    exits, listeners = program.exits(), program.listeners
    del program, job, copy
    _report_if(own_pid, getpid, report_fd, tokens.pop(), compiled.run(listeners), exits)
    end(0)


def _run_plain(program: PreparedProgram, facts: Facts, report_fd: int, token: bytes) -> None:
    """Run a plain program, and then its copies in the same process. It can reach none of this."""
    ending = program.compile(Copy("real"), _nothing).run(program.listeners)
    exits = program.exits()
    _report(report_fd, token, ending, exits)
    status = exits.status(ending.trail) if ending.status == "exited" else ending.status
    if status not in GOOD_ENDS:
        return
    null_fd = os.open("/dev/null", os.O_WRONLY)
    for fd in (1, STDERR):
        os.dup2(null_fd, fd)
    found = program.judge_here(
        facts,
        has_exited=status == "exited",
        tell=lambda copy: _send(report_fd, token, {"copy": dataclasses.asdict(copy)}),
    )
    _send(report_fd, token, {"judgement": dataclasses.asdict(found)})


def _nothing() -> None:
    return


def _report_if(
    own_pid: int, getpid: Callable[[], int], report_fd: int, token: bytes, ending: Ending, exits: Exits
) -> None:
    """A process that the program forked, and that comes by here, ends without a report."""
    if getpid() == own_pid:
        _report(report_fd, token, ending, exits)


def _report(report_fd: int, token: bytes, ending: Ending, exits: Exits | None, write: Any = os.write) -> None:
    """Say how the program ended. Nothing here needs a builtin or a library that the program may have replaced."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except:  # noqa: E722, S110 - the program may have put anything there, closed it, and replaced the exceptions
        pass
    status, note = ending.status, ending.note
    if status == "exited" and exits is not None:
        status = exits.status(ending.trail)
        note = "SystemExit before the last statement\n" if status == "incomplete" else ""
    if note:
        _write_stderr(note)
    payload = ('{"ending": {"status": "%s", "line": %d}}' % (status, ending.line)).encode()  # noqa: UP031
    write(report_fd, token + payload.__len__().to_bytes(4, "big") + payload)


def _send(report_fd: int, token: bytes, content: dict[str, Any]) -> None:
    payload = json.dumps(content).encode()
    os.write(report_fd, token + len(payload).to_bytes(4, "big") + payload)


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


def _write_stderr(text: str) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        os.write(STDERR, text.encode("utf-8", "backslashreplace")[-32768:])
    except OSError:
        return
