"""What goes into the sandbox and what bounds it there."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, get_args

from selfcodealign.errors import InputError

RuntimeName = Literal["runsc", "runsc-direct", "runc"]
RUNTIMES: tuple[RuntimeName, ...] = get_args(RuntimeName)


class Status(StrEnum):
    """What became of a program; `STATUS_MEANINGS` says what each one means. Only `passed` is good."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SYNTAX = "syntax"
    INCOMPLETE = "incomplete"
    VACUOUS = "vacuous"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    SANDBOX_ERROR = "sandbox_error"


STATUS_MEANINGS: dict[str, str] = {
    Status.PASSED: "ran to its end, and its tests fail when its code is broken",
    Status.FAILED: "an assertion or a test failed, even if the program swallowed the failure",
    Status.ERROR: "another exception, an exit code other than 0, or a crash",
    Status.SYNTAX: "does not compile",
    Status.INCOMPLETE: "ended before its last statement, or skipped an assertion",
    Status.VACUOUS: "ran to its end, but its tests also pass with broken code or with wrong expected values",
    Status.TIMEOUT: "ran longer than its time limit",
    Status.MEMORY: "used more memory than its limit",
    Status.OUTPUT: "printed more than its limit",
    Status.SANDBOX_ERROR: "the sandbox failed; the program is retried, and the verdict is never cached",
}
"""The meaning of each status, in the order in which tables show them. Help texts and docs take it from here."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run.

    Attributes:
        id: comes back in its verdict; need not be unique.
        source: Python source: code, and tests of it. It runs as `__main__`.
        num_code_lines: how many lines at its start are the code under test; 0: that is told from the program itself.
    """

    id: str
    source: str
    num_code_lines: int = 0

    @classmethod
    def of_code(cls, id: str, source: str, code: str) -> "Program":
        """A program of which it is known that it begins with some code, and tests that code.

        Args:
            id: see `Program`.
            source: code and tests.
            code: the code under test. If the source does not begin with it, it is told from the program itself.
        """
        code = code.rstrip()
        starts_with_code = bool(code) and source.startswith(f"{code}\n")
        return cls(id, source, code.count("\n") + 1 if starts_with_code else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use.

    Attributes:
        timeout_s: wall time, seconds.
        memory_mib: address space of each of its processes, and resident memory of all of them together, MiB.
        max_output_bytes: what it may print to standard output and standard error together; more ends it.
        kept_output_bytes: how much of each stream the verdict keeps (the start of stdout, the end of stderr).
        max_processes: processes and threads at a time.
        max_open_files: open files of each process.
        max_file_mib: size of one file, and of its working folder, MiB.
        max_source_bytes: longest source that is run, bytes; a longer one has the status `syntax`.
    """

    timeout_s: float = 10.0
    memory_mib: int = 4096
    max_output_bytes: int = 1 << 20
    kept_output_bytes: int = 8192
    max_processes: int = 64
    max_open_files: int = 256
    max_file_mib: int = 64
    max_source_bytes: int = 4 << 20

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise InputError(f"sandbox limit {name} = {getattr(self, name)}: must be more than 0")
        if self.memory_mib < 64:
            raise InputError(f"sandbox limit memory_mib = {self.memory_mib}: must be at least 64, for the interpreter")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How programs are isolated.

    Attributes:
        runtime: `runsc` is Docker with gVisor; `runsc-direct` is gVisor without a Docker daemon; `runc`, Docker's plain
            containers, is weaker. The runtime is recorded in every verdict.
        limits: what one program may use.
        num_workers: programs at the same time, each in a container of its own; 0: one a core.
        programs_per_container: a container is replaced after so many.
        max_tries: a program whose container broke down so many times gets `sandbox_error`.
        docker_host: address of the Docker daemon; None: DOCKER_HOST, `.tools/docker-host` or Docker's default.
        image: what to use instead of the image of this version, which is built if it is missing: a tag for Docker, a
            tar of a root file system (as `docker export` writes it) for `runsc-direct`.
        cache: folder for what `runsc-direct` keeps: the unpacked root file system, and the platform that was chosen;
            None: `sandbox` in the cache folder of the repository.
    """

    runtime: RuntimeName = "runsc"
    limits: Limits = field(default_factory=Limits)
    num_workers: int = 0
    programs_per_container: int = 20_000
    max_tries: int = 3
    docker_host: str | None = None
    image: str | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        runtime_named(self.runtime)
        if self.num_workers < 0:
            raise InputError(f"sandbox num_workers = {self.num_workers}: must be 0 (one a core) or more")
        if min(self.programs_per_container, self.max_tries) < 1:
            raise InputError("sandbox programs_per_container and max_tries must be at least 1")


def runtime_named(name: str) -> RuntimeName:
    """The runtime of this name.

    Raises:
        InputError: there is none.
    """
    for known in RUNTIMES:
        if name == known:
            return known
    raise InputError(f"sandbox runtime {name!r} is not known; use {', '.join(RUNTIMES[:-1])} or {RUNTIMES[-1]}")
