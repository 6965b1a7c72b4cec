"""The first process of a container: takes programs over a pipe, runs each in its own process, answers how it ended.

It runs as the container's root, with three capabilities (to become another user, and to kill its processes); programs
run as an unprivileged user of their own, so that they can neither signal nor trace nor read it. It is process 1: what
a program leaves behind becomes its child, and `kill(-1)` reaches everything except itself. One program runs at a time.

A process is forked before its program is read, so that nothing that it inherits tells which program, or which copy of
it, it runs. What a pass is, the host decides (see `judgement`); here is only seen how a process ended.
"""

import contextlib
import gc
import json
import os
import select
import signal
import struct
import time
from collections import deque
from functools import partial
from typing import Any

from selfcodealign.sandbox.inside.child import COPIES_S, TOKEN_BYTES, child_main
from selfcodealign.sandbox.inside.execution import GOOD_ENDS
from selfcodealign.sandbox.inside.folders import empty_folders
from selfcodealign.sandbox.inside.frames import encode_frame, read_frame, write_all
from selfcodealign.sandbox.inside.preload import Preloader
from selfcodealign.sandbox.inside.running import Running
from selfcodealign.sandbox.inside.seccomp import SyscallFilter

KILL_TIMEOUT_S = 10.0
# What a process can report; the supervisor sees the rest.
STATUSES = frozenset(
    {"done", "exited", "exit_code", "unexpected", "failed", "error", "syntax", "incomplete", "memory", "sandbox_error"}
)


class Supervisor:
    """Runs programs one after the other."""

    def __init__(self, config: dict[str, Any], request_fd: int, answer_fd: int) -> None:
        self._limits: dict[str, Any] = {**config["limits"], "preloaded_bytes": 0}
        self._uid = int(config["uid"])
        self._request_fd = request_fd
        self._answer_fd = answer_fd
        self._wake_fd, wake_write_fd = os.pipe()
        for fd in (self._wake_fd, wake_write_fd):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write_fd, warn_on_full_buffer=False)
        self._has_turn = True
        self._put_off: deque[dict[str, Any]] = deque()
        self._preloader = Preloader()
        self._filter = SyscallFilter()

    def serve(self) -> None:
        """Answer requests until the host closes the pipe, or the container is no longer clean."""
        # The garbage collector must not touch what the children share with this process: each touch copies a page.
        gc.collect()
        gc.freeze()
        with open("/proc/version", encoding="utf-8") as file:
            write_all(self._answer_fd, encode_frame({"is_ready": True, "kernel": file.read().strip()}))
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        """Run the next program. Returns False when the host has closed the pipe or the container is spent.

        A container whose program only waited has given its turn away: it resumes when the host says so.
        """
        while not self._has_turn:
            message = read_frame(self._request_fd)
            if message is None:
                return False
            if "source" in message:
                self._put_off.append(message)
            else:
                self._has_turn = True
        if not self._put_off:
            select.select([self._request_fd], [], [])
        started = time.monotonic()
        running, job_fd = self._start()
        job = self._put_off.popleft() if self._put_off else read_frame(self._request_fd)
        if job is None:
            os.close(job_fd)
            self._end_all(running)
            return False
        _hand_over(job, job_fd)
        answer = self._watch(running, job, started)
        self._limits["preloaded_bytes"] = self._preloader.load_for(str(job["source"]))
        write_all(self._answer_fd, encode_frame(answer))
        return not answer["is_spent"]

    def _watch(self, running: Running, job: dict[str, Any], started: float) -> dict[str, Any]:
        tell_turn = partial(self._tell_turn, job["index"])
        ended_by = running.watch(started + float(job["timeout_s"]), COPIES_S, self._wake_fd, tell_turn)
        seconds = time.monotonic() - started
        is_spent = not self._end_all(running)
        running.drain()
        is_spent = not empty_folders(self._uid) or is_spent
        report = Report(bytes(running.report))
        status, note = _status(running, report, ended_by, job["copy"]["kind"])
        if note:
            running.add_note(note)
        return {
            "index": job["index"],
            "status": status,
            "line": report.ending.get("line", 0),
            "seconds": round(running.seconds_to_end or seconds, 4),
            "stdout": running.out.decode("utf-8", "replace"),
            "stderr": running.err.decode("utf-8", "replace"),
            "facts": report.facts,
            "judgement": report.judgement,
            "last_copy": report.last_copy,
            "is_spent": is_spent,
        }

    def _tell_turn(self, index: int, has_turn: bool) -> None:
        if has_turn != self._has_turn:
            self._has_turn = has_turn
            write_all(self._answer_fd, encode_frame({"index": index, "has_turn": has_turn}))

    def _start(self) -> tuple[Running, int]:
        """Fork a process that waits for its program. Returns it, and the pipe to it."""
        job_read, job_write = os.pipe()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        report_read, report_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(out_write, 1)
            os.dup2(err_write, 2)
            self._put_off.clear()
            _isolate_from_supervisor((job_read, report_write))
            child_main(job_read, report_write, self._limits, self._uid, self._filter)
        for fd in (job_read, out_write, err_write, report_write):
            os.close(fd)
        return Running(pid, (out_read, err_read, report_read), self._limits), job_write

    def _end_all(self, running: Running) -> bool:
        """Kill everything that the program left. Returns whether nothing is left.

        Orphans become children of process 1, which collects them: what is not listed is gone.
        """
        deadline = time.monotonic() + KILL_TIMEOUT_S
        while True:
            running.reap()
            if running.exit_status is not None and not _others():
                return True
            if time.monotonic() > deadline:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            time.sleep(0.001)


def _hand_over(job: dict[str, Any], job_fd: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # it ended before it had read: seen when it is watched
        write_all(job_fd, encode_frame(job))
    os.close(job_fd)


def _others() -> list[str]:
    """The processes of this container, except for the supervisor."""
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _isolate_from_supervisor(kept_fds: tuple[int, ...]) -> None:
    """In a fresh child: nothing of the supervisor stays open, its own pipes least of all."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    null_fd = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null_fd, 0)
    low = 3
    for fd in sorted(kept_fds):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 64)


class Report:
    """What a process reported: signed messages, up to the first that is not.

    Attributes:
        facts: of the program, before it ran; None if it did not come so far.
        ending: how it ended: `status`, `line`, `note`; empty if that was not reported.
        last_copy: the copy that ran last in its own process; None if none did.
        judgement: on a plain program; None if there is none.
        is_whole: nothing else was written to the pipe.
    """

    def __init__(self, content: bytes) -> None:
        self.facts: dict[str, Any] | None = None
        self.ending: dict[str, Any] = {}
        self.last_copy: dict[str, Any] | None = None
        self.judgement: dict[str, Any] | None = None
        token, rest = content[:TOKEN_BYTES], content[TOKEN_BYTES:]
        while len(rest) >= TOKEN_BYTES + 4 and rest[:TOKEN_BYTES] == token:
            (length,) = struct.unpack_from(">I", rest, TOKEN_BYTES)
            end = TOKEN_BYTES + 4 + length
            if len(rest) < end:
                break
            try:
                self._take(json.loads(rest[TOKEN_BYTES + 4 : end]))
            except ValueError:
                break
            rest = rest[end:]
        self.is_whole = not rest

    def _take(self, message: dict[str, Any]) -> None:
        self.facts = message.get("facts", self.facts)
        self.ending = message.get("ending", self.ending)
        self.last_copy = message.get("copy", self.last_copy)
        self.judgement = message.get("judgement", self.judgement)


def _status(running: Running, report: Report, ended_by: str, kind: str) -> tuple[str, str]:
    """Status, and a line for standard error."""
    status = str(report.ending.get("status", ""))
    if running.printed_too_much:
        ended_by = "output"
    elif status in GOOD_ENDS and report.last_copy:
        ended_by = ""  # the program itself had ended
    if kind == "harden" and not report.is_whole:
        return "swallowed", ""
    if not report.is_whole:
        return "error", "the program wrote to a pipe of the sandbox\n"
    if ended_by:
        return ended_by, f"ended by the sandbox: {ended_by}\n"
    if status in STATUSES:
        return status, str(report.ending.get("note", ""))
    return _status_by_code(running.exit_status or 0, kind)


def _status_by_code(code: int, kind: str) -> tuple[str, str]:
    """What a process that reported no ending has come to."""
    if kind != "real":
        return "incomplete", ""
    if os.WIFSIGNALED(code):
        number = os.WTERMSIG(code)
        names = {int(known): known.name for known in signal.Signals}
        return ("timeout" if number == signal.SIGXCPU else "error"), f"ended by {names.get(number, number)}\n"
    return "incomplete", f"the process ended with code {os.WEXITSTATUS(code)} before the last statement\n"


def main() -> None:
    """Take the configuration from the first frame, then serve. The pipes move away from where programs have theirs."""
    request_fd, answer_fd = os.dup(0), os.dup(1)
    null_fd = os.open("/dev/null", os.O_RDWR)
    os.dup2(null_fd, 0)
    os.dup2(null_fd, 1)
    config = read_frame(request_fd)
    if config is not None:
        Supervisor(config, request_fd, answer_fd).serve()
