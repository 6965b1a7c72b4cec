"""The first process of a container: takes programs over a pipe, runs each in a process of its own, answers verdicts.

It runs as the container's root, with three capabilities (to become another user, and to kill its processes); programs
run as an unprivileged user of their own, so that they can neither signal nor trace nor read it. It is process 1: what
a program leaves behind becomes its child, and `kill(-1)` reaches everything but itself. One program runs at a time.

Two exceptions to one process a program, neither of which changes a verdict: programs that can touch nothing but
their own objects share a process (see `shared`), and a pass of any other program counts only if it cannot pass a
negative control, a second run in which no assertion holds: what passes that has forged its result.
"""

import contextlib
import gc
import json
import os
import signal
import time
from collections import deque
from functools import partial
from typing import Any

from selfcodealign.sandbox.inside.child import SEAL_BYTES, STATUSES, child_main, sealed
from selfcodealign.sandbox.inside.folders import empty_folders
from selfcodealign.sandbox.inside.frames import encode_frame, read_frame, write_all
from selfcodealign.sandbox.inside.preload import Preloader
from selfcodealign.sandbox.inside.running import MAX_REPORT_BYTES, Running
from selfcodealign.sandbox.inside.shared import SharedProcess
from selfcodealign.sandbox.inside.syscalls import SyscallFilter

KILL_TIMEOUT_S = 10.0
MAX_CONTROL_S = 5.0
FORGED = "it passes although its assertions were made to fail: it forged its result\n"


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
        self._shared = SharedProcess(self._limits, self._uid, _isolate_from_supervisor)

    def serve(self) -> None:
        """Answer requests until the host closes the pipe, or the container is no longer clean."""
        # The garbage collector must not touch what the children share with this process: each touch copies a page.
        gc.collect()
        gc.freeze()
        with open("/proc/version", encoding="utf-8") as file:
            write_all(self._answer_fd, encode_frame({"is_ready": True, "kernel": file.read().strip()}))
        is_spent = False
        while not is_spent and (job := self._next_job()) is not None:
            answer = self._run(job)
            is_spent = bool(answer["is_spent"])
            write_all(self._answer_fd, encode_frame(answer))

    def _next_job(self) -> dict[str, Any] | None:
        """The next program; None when the host has closed the pipe.

        A container whose program only waited has given its turn away: it goes on when the host says so.
        """
        while not self._has_turn:
            message = read_frame(self._request_fd)
            if message is None:
                return None
            if "source" in message:
                self._put_off.append(message)
            else:
                self._has_turn = True
        return self._put_off.popleft() if self._put_off else read_frame(self._request_fd)

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        examined = self._shared.ask(str(job["source"]), float(job["timeout_s"]), runs=bool(job["may_share"]))
        if "status" in examined:
            return {**examined, "index": job["index"], "is_spent": False}
        self._limits["preloaded_bytes"] = self._preloader.load_for(str(job["source"]))
        answer = self._run_alone(job, is_control=False)
        if answer["status"] == "passed" and not examined["is_pure"]:
            timeout_s = min(float(job["timeout_s"]), MAX_CONTROL_S)
            control = self._run_alone({**job, "timeout_s": timeout_s}, is_control=True)
            answer["is_spent"] = answer["is_spent"] or control["is_spent"]
            if control["status"] == "passed":
                answer.update(status="error", assertions=0, stderr=FORGED)
        return answer

    def _run_alone(self, job: dict[str, Any], *, is_control: bool) -> dict[str, Any]:
        started = time.monotonic()
        # Drawn for each program: the token of one is of no use to the next.
        token = os.urandom(16).hex().encode()
        running = self._start(job, token, is_control=is_control)
        tell_turn = partial(self._tell_turn, job["index"])
        ended_by = running.watch(started + float(job["timeout_s"]), self._wake_fd, tell_turn)
        seconds = time.monotonic() - started
        is_spent = not self._end_all(running)
        running.drain()
        is_spent = not empty_folders(self._uid) or is_spent
        status, assertions, note = _verdict(running, ended_by, token)
        if note:
            running.add_note(note)
        return {
            "index": job["index"],
            "status": status,
            "assertions": assertions,
            "seconds": round(seconds, 4),
            "stdout": running.out.decode("utf-8", "replace"),
            "stderr": running.err.decode("utf-8", "replace"),
            "is_spent": is_spent,
        }

    def _tell_turn(self, index: int, has_turn: bool) -> None:
        if has_turn != self._has_turn:
            self._has_turn = has_turn
            write_all(self._answer_fd, encode_frame({"index": index, "has_turn": has_turn}))

    def _start(self, job: dict[str, Any], token: bytes, *, is_control: bool) -> Running:
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        report_read, report_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(out_write, 1)
            os.dup2(err_write, 2)
            _isolate_from_supervisor((report_write,))
            report = (report_write, token)
            child_main(job, self._limits, self._uid, report, self._filter, is_control=is_control)
        for fd in (out_write, err_write, report_write):
            os.close(fd)
        return Running(pid, self._shared.pid, (out_read, err_read, report_read), self._limits)

    def _end_all(self, running: Running) -> bool:
        """Kill everything that the program left. Returns whether nothing is left.

        Orphans become children of process 1, which collects them: what is not listed is gone.
        """
        deadline = time.monotonic() + KILL_TIMEOUT_S
        while True:
            running.reap()
            if running.exit_status is not None and not _others(self._shared.pid):
                return True
            if time.monotonic() > deadline:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            self._shared.forget()  # it is killed with the rest, and starts again when it is needed
            time.sleep(0.001)


def _others(shared_pid: int) -> list[str]:
    """The processes of this container, but for the supervisor and the shared process."""
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in {1, shared_pid}]


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


def _verdict(running: Running, ended_by: str, token: bytes) -> tuple[str, int, str]:
    """Status, assertions, and a line for standard error."""
    if running.printed_too_much:
        ended_by = "output"
    if ended_by:
        return ended_by, 0, f"ended by the sandbox: {ended_by}\n"
    if running.report:
        return _read_report(bytes(running.report), token)
    status = running.exit_status or 0
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        names = {int(known): known.name for known in signal.Signals}
        return ("timeout" if number == signal.SIGXCPU else "error"), 0, f"ended by {names.get(number, number)}\n"
    return "incomplete", 0, f"the process ended with code {os.WEXITSTATUS(status)} before the last statement\n"


def _read_report(report: bytes, token: bytes) -> tuple[str, int, str]:
    if len(report) <= MAX_REPORT_BYTES and report == sealed(report[SEAL_BYTES:], token):
        try:
            content = json.loads(report[SEAL_BYTES:])
            status, assertions = content["status"], int(content["assertions"])
        except (ValueError, KeyError, TypeError):
            status, assertions = "", 0
        if status in STATUSES:
            return status, assertions, str(content.get("note", "")) if status == "sandbox_error" else ""
    return "error", 0, "the program wrote to a pipe of the sandbox\n"


def main() -> None:
    """Take the configuration from the first frame, then serve. The pipes move away from where programs have theirs."""
    request_fd, answer_fd = os.dup(0), os.dup(1)
    null_fd = os.open("/dev/null", os.O_RDWR)
    os.dup2(null_fd, 0)
    os.dup2(null_fd, 1)
    config = read_frame(request_fd)
    if config is not None:
        Supervisor(config, request_fd, answer_fd).serve()
