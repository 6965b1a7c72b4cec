"""A long run: rate and memory of each tenth, and what is left when it is over."""

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sandbox.workloads import MEMORY_MIB, kind, variants
from selfcodealign.progress import Progress, progress
from selfcodealign.sandbox import Limits, Program, Sandbox, SandboxSettings, open_sandbox
from selfcodealign.sandbox.docker import CONTAINER_LABEL, Docker, docker_host

NUM_PARTS = 10
MAX_RATE_CHANGE = 0.10
MAX_GROWTH_MIB = 64.0
EXPECTED = {"exemplar": "passed", "failing": "failed"}


@dataclass(frozen=True, slots=True)
class Part:
    """A tenth of the run.

    Attributes:
        programs_per_second: of this tenth.
        own_mib: resident memory of this process at its end, MiB.
        available_mib: memory that the machine has available at its end, MiB.
    """

    programs_per_second: float
    own_mib: float
    available_mib: float


@dataclass(frozen=True, slots=True)
class LongRun:
    """What a long run showed.

    Attributes:
        isolation: of the sandbox.
        num_programs: programs that ran.
        parts: its tenths.
        wrong: programs with another status than they must have: id and status.
        left: what is there after the run and was not before: containers, temporary
            files and folders, child processes.
    """

    isolation: str
    num_programs: int
    parts: tuple[Part, ...]
    wrong: tuple[str, ...]
    left: dict[str, list[str]]

    @property
    def last_over_first(self) -> float:
        """Rate of the last tenth over that of the first."""
        return self.parts[-1].programs_per_second / self.parts[0].programs_per_second

    @property
    def growth_mib(self) -> float:
        """Resident memory of this process at the end of the last tenth, less that of the first."""
        return self.parts[-1].own_mib - self.parts[0].own_mib

    @property
    def is_flat(self) -> bool:
        """Whether the last tenth is within 10 % of the first and memory has not grown."""
        return abs(self.last_over_first - 1) <= MAX_RATE_CHANGE and self.growth_mib <= MAX_GROWTH_MIB

    def as_keys(self) -> dict[str, object]:
        """For JSON."""
        return {
            "num_programs": self.num_programs,
            "isolation": self.isolation,
            "programs_per_second": [round(part.programs_per_second, 2) for part in self.parts],
            "last_over_first": round(self.last_over_first, 3),
            "own_mib": [round(part.own_mib, 1) for part in self.parts],
            "available_mib": [round(part.available_mib) for part in self.parts],
            "is_flat": self.is_flat,
            "wrong": list(self.wrong),
            "left": self.left,
        }


def run_long(num_programs: int, num_workers: int = 0) -> LongRun:
    """Run distinct programs that end by themselves, all in one run.

    Args:
        num_programs: how many.
        num_workers: programs at the same time; 0: one a core.

    Raises:
        PrerequisiteError, SandboxError: as `open_sandbox`.
    """
    programs = variants(num_programs)
    docker = Docker(docker_host())
    settings = SandboxSettings(limits=Limits(memory_mib=MEMORY_MIB), num_workers=num_workers)
    with _own_temporary_folder():
        before = {name: look(docker) for name, look in _TRACES.items()}
        with open_sandbox(settings) as sandbox, progress("programs", len(programs)) as shown:
            isolation = sandbox.isolation
            parts, wrong = _watch(sandbox, programs, shown)
        left = {name: sorted(look(docker) - before[name]) for name, look in _TRACES.items()}
    return LongRun(isolation, len(programs), tuple(parts), tuple(wrong), left)


def _watch(sandbox: Sandbox, programs: Sequence[Program], shown: Progress) -> tuple[list[Part], list[str]]:
    ends = [round(len(programs) * part / NUM_PARTS) for part in range(1, NUM_PARTS + 1)]
    parts: list[Part] = []
    wrong: list[str] = []
    last = 0.0
    num_last = 1
    for count, (index, verdict) in enumerate(sandbox.run_as_completed(programs), start=1):
        last = last or time.monotonic()  # the first verdict: containers are started, the self-test is over
        if verdict.status != EXPECTED[kind(programs[index])]:
            wrong.append(f"{verdict.id}: {verdict.status}")
        shown.advance()
        if count == ends[len(parts)]:
            now = time.monotonic()
            parts.append(Part((count - num_last) / max(now - last, 1e-9), _own_mib(), _available_mib()))
            last, num_last = now, count
    return parts, wrong


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Whatever this process leaves among its temporary files is its own: others use the common folder too."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="bench-sandbox-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _own_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def _available_mib() -> float:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1024


def _containers(docker: Docker) -> set[str]:
    own = f"--filter=label={CONTAINER_LABEL}={os.getpid()}"
    return set(docker.run("ps", "--all", "--quiet", "--no-trunc", own).split())


def _folders(_: Docker) -> set[str]:
    return set(os.listdir(tempfile.gettempdir()))


def _children(_: Docker) -> set[str]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text(encoding="ascii").split()}


_TRACES: dict[str, Callable[[Docker], set[str]]] = {
    "containers": _containers,
    "folders": _folders,
    "processes": _children,
}
