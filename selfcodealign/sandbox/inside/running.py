"""One program while it runs: its process, the pipes to it, and what it printed so far."""

import contextlib
import os
import select
import time
from collections.abc import Callable
from typing import Any

CHUNK_BYTES = 65536
LOOK_EVERY_S = 0.1
# Shares of a core between two looks: a program that takes less waits for something, one that takes more goes on.
WAITING_SHARE = 0.2
GOING_SHARE = 0.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MAX_REPORT_BYTES = 1 << 20
ENDING = b'"ending"'  # in the report: the program has ended, and its copies run


class Running:
    """A program's process.

    Attributes:
        pid: of the process that was forked for it.
        out: the start of its standard output, up to the kept length.
        err: the end of its standard error (the traceback), up to the kept length.
        report: what came through the report pipe.
        exit_status: as `waitpid` gives it; None while it runs.
        seconds_to_end: from the start until the program had ended; its copies may have run in the process after that.
    """

    def __init__(self, pid: int, fds: tuple[int, int, int], limits: dict[str, Any]) -> None:
        """Watch a process.

        Args:
            pid: of the program.
            fds: the pipes of its standard output, its standard error and its report.
            limits: the fields of `Limits`.
        """
        self.pid = pid
        self.seconds_to_end = 0.0
        self._started = self._last_look = time.monotonic()
        self._used_s = 0.0
        self.out = bytearray()
        self.err = bytearray()
        self.report = bytearray()
        self.exit_status: int | None = None
        self._num_printed = 0
        self._max_printed = int(limits["max_output_bytes"])
        self._kept = int(limits["kept_output_bytes"])
        self._max_resident = int(limits["memory_mib"]) << 20
        self._fds = fds
        _, self._err_fd, self._report_fd = fds
        for fd in self._fds:
            os.set_blocking(fd, False)

    @property
    def printed_too_much(self) -> bool:
        """Whether it printed more than it may, all of which was read, but not kept."""
        return self._num_printed > self._max_printed

    def watch(self, deadline: float, copies_s: float, wake_fd: int, tell_turn: Callable[[bool], None]) -> str:
        """Read what it prints until it ends or breaks a limit.

        Args:
            deadline: of the program, on the monotonic clock, seconds.
            copies_s: time that its copies have after it, seconds.
            wake_fd: becomes readable when a child ends.
            tell_turn: told True when the program uses the processor, False when it only waits.

        Returns:
            The status of the limit that it broke; empty if it ended by itself.
        """
        poll = select.poll()
        for fd in (*self._fds, wake_fd):
            poll.register(fd, select.POLLIN)
        while (now := time.monotonic()) < deadline:
            for fd, _ in poll.poll(min(deadline - now, LOOK_EVERY_S) * 1000):
                if not self._read(fd, is_ours=fd != wake_fd):
                    poll.unregister(fd)
            if self.printed_too_much:
                return "output"
            if copies_s and self.seconds_to_end:
                deadline, copies_s = time.monotonic() + copies_s, 0.0
            self.reap()
            if self.exit_status is not None:
                return ""
            if time.monotonic() - self._last_look >= LOOK_EVERY_S and self._uses_too_much_memory(tell_turn):
                return "memory"
        return "timeout"

    def _uses_too_much_memory(self, tell_turn: Callable[[bool], None]) -> bool:
        """Look at memory and processor time of all its processes.

        The kernel bounds each process; together they must not reach the container's limit, which ends them all.
        """
        if _resident_bytes() > self._max_resident:
            return True
        now = time.monotonic()
        used_before_s, self._used_s = self._used_s, _processor_s()
        share = (self._used_s - used_before_s) / (now - self._last_look)
        if not WAITING_SHARE < share < GOING_SHARE:
            tell_turn(share >= GOING_SHARE)
        self._last_look = now
        return False

    def _read(self, fd: int, *, is_ours: bool = True) -> bool:
        """Read once. Returns whether there may be more, now or later."""
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return True
        if is_ours:
            self._take(fd, data)
        return bool(data)

    def _take(self, fd: int, data: bytes) -> None:
        if fd == self._report_fd:
            self.report += data[: MAX_REPORT_BYTES + 1 - len(self.report)]
            if not self.seconds_to_end and ENDING in self.report:
                self.seconds_to_end = time.monotonic() - self._started
            return
        self._num_printed += len(data)
        if fd == self._err_fd:
            self.err += data
            del self.err[: max(0, len(self.err) - self._kept)]
        else:
            self.out += data[: self._kept - len(self.out)]

    def add_note(self, text: str) -> None:
        """Add a line of the sandbox to its standard error."""
        self.err += text.encode()
        del self.err[: max(0, len(self.err) - self._kept)]

    def reap(self) -> None:
        """Collect ended processes, orphans too."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.pid:
                    self.exit_status = ended[1]

    def drain(self) -> None:
        """Read what is left in the pipes, and close them. All writers are dead: a pipe holds at most its buffer."""
        for fd in self._fds:
            before = -1
            while before != (before := self._num_printed + len(self.report)):
                self._read(fd)
            os.close(fd)


def _resident_bytes() -> int:
    """Resident memory of a program's processes, without what each shares with the supervisor since its fork."""
    shared = _resident_pages("self")
    return sum(max(0, _resident_pages(pid) - shared) for pid in _pids()) * PAGE_BYTES


def _processor_s() -> float:
    """Processor time of a program's processes, and of the children that they have collected, seconds."""
    return sum(map(_processor_ticks, _pids())) / TICKS_PER_S


def _pids() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]


def _resident_pages(process: str) -> int:
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError):
        return 0  # it ended meanwhile


def _processor_ticks(process: str) -> int:
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            # Behind the name, which may hold anything: state first; user and system time, twice, are the 12th to 15th.
            return sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))
    except (OSError, ValueError):
        return 0  # it ended meanwhile
