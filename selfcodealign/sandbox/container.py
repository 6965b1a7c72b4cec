"""One container with a supervisor in it, and the pipe to it. This is the interface that every runtime offers."""

import contextlib
import dataclasses
import os
import selectors
import subprocess
import time
from typing import IO, Any, Protocol

from selfcodealign.sandbox.bundle import BOOTSTRAP, framed_script, supervisor_script
from selfcodealign.sandbox.inside.frames import FrameDecoder, FrameError, encode_frame
from selfcodealign.sandbox.launcher import Launch, Launched, Launcher
from selfcodealign.sandbox.settings import Limits

START_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.5
KEPT_STDERR_BYTES = 4096
# What interpreter, supervisor and gVisor itself need beside the program.
OVERHEAD_MIB = 512
# Programs run as a user that no system has; each worker its own, because plain Linux counts processes by user.
FIRST_PROGRAM_UID = 54321
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp/work",  # noqa: S108 - the container's own
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the same program, the same verdict
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class ContainerError(Exception):
    """The container broke down: it ended, hangs, or spoke no sense. Never the program's verdict."""


class Container(Protocol):
    """A supervisor behind a pipe."""

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; it goes out during `receive`."""

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the next message.

        Raises:
            ContainerError: none came in time, or the container ended.
        """

    def kill(self) -> None:
        """End the container and whatever runs in it; `receive` then fails. May be called from any thread."""

    def close(self) -> None:
        """End the container if it still runs, and let go of the pipes. Only for the thread that uses it."""


class Runtime(Protocol):
    """A way of starting containers.

    Attributes:
        isolation: its name in verdicts, such as `docker/runsc-ptrace`.
    """

    isolation: str

    def start(self, limits: Limits, worker: int) -> Container:
        """Start a container with a supervisor that is ready.

        Args:
            limits: of each program in it.
            worker: number of the worker that it is for.

        Raises:
            ContainerError: it could not be started.
        """


class PipeRuntime:
    """Containers by any launcher, spoken to over the three standard streams of their first process."""

    def __init__(self, launcher: Launcher) -> None:
        self.isolation = launcher.isolation
        self._launcher = launcher

    def start(self, limits: Limits, worker: int) -> "PipeContainer":
        """Start a container; see `Runtime.start`."""
        launch = Launch(
            command=("python3", "-I", "-c", BOOTSTRAP),
            uid=0,
            # The supervisor's whole power: to become the program's user, and to kill the program.
            capabilities=("SETUID", "SETGID", "KILL"),
            environment=ENVIRONMENT,
            folder="/",
            # gVisor keeps files of /tmp in the container's memory.
            memory_mib=limits.memory_mib + limits.max_file_mib + OVERHEAD_MIB,
            tmp_mib=limits.max_file_mib,
        )
        config = {"limits": dataclasses.asdict(limits), "uid": FIRST_PROGRAM_UID + worker}
        try:
            container = PipeContainer(self._launcher.launch(launch), config)
        except OSError as error:
            raise ContainerError(f"the runtime's command cannot be started: {error}") from error
        try:
            container.receive(START_TIMEOUT_S)
        except BaseException:
            container.close()
            raise
        return container


class PipeContainer:
    """A launched supervisor and the pipes to it."""

    def __init__(self, launched: Launched, config: dict[str, Any]) -> None:
        self._launched = launched
        self._outgoing = bytearray(framed_script(supervisor_script()) + encode_frame(config))
        self._decoder = FrameDecoder()
        self._incoming: list[dict[str, Any]] = []
        self._stderr = bytearray()
        self._selector = selectors.DefaultSelector()
        self._streams = streams_of(launched.process)
        self._in_fd, self._out_fd, self._err_fd = (stream.fileno() for stream in self._streams)
        for fd in (self._in_fd, self._out_fd, self._err_fd):
            os.set_blocking(fd, False)
        self._selector.register(self._out_fd, selectors.EVENT_READ)
        self._selector.register(self._err_fd, selectors.EVENT_READ)

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; see `Container.send`."""
        self._outgoing += encode_frame(message)
        self._write()

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the next message; see `Container.receive`."""
        deadline = time.monotonic() + timeout_s
        while not self._incoming:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ContainerError(f"the container gave no answer in {timeout_s:.0f} s")
            self._write()
            for key, _ in self._selector.select(min(left, LOOK_EVERY_S)):
                if key.fd == self._err_fd:
                    self._read_stderr()
                elif key.fd == self._out_fd:
                    self._read()
        return self._incoming.pop(0)

    def _write(self) -> None:
        """Write what the pipe takes, and watch it for room if something is left."""
        while self._outgoing:
            try:
                del self._outgoing[: os.write(self._in_fd, self._outgoing[: 1 << 16])]
            except BlockingIOError:
                if self._in_fd not in self._selector.get_map():
                    self._selector.register(self._in_fd, selectors.EVENT_WRITE)
                return
            except OSError as error:
                raise ContainerError(self._reason()) from error
        if self._in_fd in self._selector.get_map():
            self._selector.unregister(self._in_fd)

    def _read(self) -> None:
        try:
            data = os.read(self._out_fd, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            raise ContainerError(self._reason())
        try:
            self._incoming += self._decoder.feed(data)
        except FrameError as error:
            raise ContainerError(f"the container answered nonsense: {error}") from error

    def _read_stderr(self) -> None:
        """Keep the end of what the runtime and the supervisor complain about."""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._err_fd, 1 << 16)
            self._stderr += data
            del self._stderr[:-KEPT_STDERR_BYTES]
            if not data:
                self._selector.unregister(self._err_fd)

    def _reason(self) -> str:
        try:
            code: int | str = self._launched.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            code = "unknown"
        if self._err_fd in self._selector.get_map():
            self._read_stderr()
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        return f"the container ended (code {code}): {lines[-1] if lines else 'no reason given'}"

    def kill(self) -> None:
        """End the container; see `Container.kill`."""
        self._launched.kill()

    def close(self) -> None:
        """End the container and let go of the pipes; see `Container.close`."""
        self._launched.close()
        self._selector.close()
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()


def streams_of(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    """The pipes to a process's standard input, output and error."""
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("the process was started without pipes")
    return process.stdin, process.stdout, process.stderr
