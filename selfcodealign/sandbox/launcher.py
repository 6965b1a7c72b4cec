"""What runtimes differ in: how one process is started in a sandbox of its own, and how it is ended."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A process to start. Whatever the runtime: no network, a read-only file system but for `/tmp`, no new privileges.

    Attributes:
        command: program and arguments, found in the image.
        uid: user and group in the sandbox.
        capabilities: what it may do beyond its user, such as `SETUID`.
        environment: all of its variables, but for what the image sets.
        folder: where it starts.
        memory_mib: memory of the whole sandbox, `/tmp` included, MiB; more ends everything in it.
        tmp_mib: size of `/tmp`, which is in memory, MiB.
    """

    command: tuple[str, ...]
    uid: int
    capabilities: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str
    memory_mib: int
    tmp_mib: int


class Launched(Protocol):
    """A process that was started in a sandbox.

    Attributes:
        process: on the host, with pipes to the three standard streams; it ends when the sandbox does.
    """

    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End the sandbox and all in it, at once. May be called from any thread, and more than once."""

    def close(self) -> None:
        """End the sandbox if it still runs, and remove what is left of it. Only for the thread that started it."""


class Launcher(Protocol):
    """A runtime that is ready to start processes.

    Attributes:
        isolation: name of the runtime and its platform in verdicts, such as `docker/runsc-ptrace`.
        image_id: digest of the image or root file system that the processes see.
    """

    isolation: str
    image_id: str

    def launch(self, launch: Launch) -> Launched:
        """Start a process; its failure shows when its pipes end.

        A runtime may end the sandbox with the thread that calls this: keep that thread until `Launched.close`.

        Raises:
            OSError: the command of the runtime cannot be started.
        """

    def explain(self, code: int, stderr: str) -> Exception | None:
        """Why a process ended with a code, if it was the runtime's doing and not its own.

        Args:
            code: exit code of `Launched.process`.
            stderr: what it wrote to standard error.

        Returns:
            A `PrerequisiteError` or `SandboxError` of one line; None: the process itself chose this code.
        """

    def is_out_of_memory(self, code: int) -> bool:
        """Whether this exit code is what a sandbox ends with when it reaches its memory limit."""
