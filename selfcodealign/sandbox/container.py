"""One container with a supervisor in it, and the pipe to it. This is the interface that every runtime offers."""

import contextlib
import dataclasses
import os
import selectors
import subprocess
import tempfile
import time
import uuid
from typing import Any, Protocol

from selfcodealign.sandbox.bundle import BOOTSTRAP, framed_script, supervisor_script
from selfcodealign.sandbox.docker import Docker, hardening
from selfcodealign.sandbox.inside.frames import FrameDecoder, FrameError, encode_frame
from selfcodealign.sandbox.settings import Limits

START_TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.5
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


class DockerRuntime:
    """Containers by Docker, with gVisor (`runsc`) or plain (`runc`)."""

    def __init__(self, docker: Docker, runtime: str, image: str) -> None:
        self.isolation = docker.isolation(runtime)
        self._docker = docker
        self._runtime = runtime
        self._image = image

    def start(self, limits: Limits, worker: int) -> "DockerContainer":
        """Start a container; see `Runtime.start`."""
        # gVisor keeps files of /tmp in the container's memory.
        memory_mib = limits.memory_mib + limits.max_file_mib + OVERHEAD_MIB
        flags = hardening(self._runtime, memory_mib=memory_mib, tmp_mib=limits.max_file_mib, owner=str(os.getpid()))
        # The supervisor's whole power: to become the program's user, and to kill the program.
        flags += ["--user=0:0", "--cap-add=SETUID", "--cap-add=SETGID", "--cap-add=KILL", "--workdir=/"]
        flags += [f"--env={name}={value}" for name, value in ENVIRONMENT.items()]
        config = {"limits": dataclasses.asdict(limits), "uid": FIRST_PROGRAM_UID + worker}
        container = DockerContainer(self._docker, flags, self._image, config)
        try:
            container.receive(START_TIMEOUT_S)
        except BaseException:
            container.close()
            raise
        return container


class DockerContainer:
    """One `docker run --interactive` and the pipes to it."""

    def __init__(self, docker: Docker, flags: list[str], image: str, config: dict[str, Any]) -> None:
        self.name = f"selfcodealign-{uuid.uuid4().hex[:12]}"
        self._docker = docker
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        command = docker.command("run", f"--name={self.name}", *flags, image, "python3", "-I", "-c", BOOTSTRAP)
        # A session of its own: Ctrl-C is for us; if we die, the closed pipe ends the supervisor.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, start_new_session=True
        )
        self._outgoing = bytearray(framed_script(supervisor_script()) + encode_frame(config))
        self._decoder = FrameDecoder()
        self._incoming: list[dict[str, Any]] = []
        self._selector = selectors.DefaultSelector()
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("Popen made no pipes")
        self._in_fd, self._out_fd = self._process.stdin.fileno(), self._process.stdout.fileno()
        for fd in (self._in_fd, self._out_fd):
            os.set_blocking(fd, False)
        self._selector.register(self._out_fd, selectors.EVENT_READ)

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
            for key, events in self._selector.select(min(left, LOOK_EVERY_S)):
                if events & selectors.EVENT_READ and key.fd == self._out_fd:
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

    def _reason(self) -> str:
        try:
            code: int | str = self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            code = "unknown"
        self._stderr.seek(0)
        lines = self._stderr.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return f"the container ended (code {code}): {lines[-1] if lines else 'no reason given'}"

    def kill(self) -> None:
        """End the container; see `Container.kill`."""
        self._docker.remove(self.name)
        self._process.kill()

    def close(self) -> None:
        """End the container and let go of the pipes; see `Container.close`."""
        self.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
