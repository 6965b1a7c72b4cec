"""The systems that run programs: ours, and the peers, behind one interface and with the same limits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from selfcodealign.errors import PrerequisiteError
from selfcodealign.sandbox import Limits, Program, RuntimeName, Sandbox, SandboxSettings, open_sandbox

ROOT = Path(__file__).parents[2]
WARM_UP = Program("warm-up", "def double(x):\n    return 2 * x\n\n\nassert double(1) == 2\n")


@dataclass(frozen=True, slots=True)
class Measured:
    """What running some programs cost.

    Attributes:
        seconds: wall time from handing over the first program to the last result.
        statuses: one a program, in their order. Systems of others tell at least `passed`, `timeout` and the rest.
    """

    seconds: float
    statuses: tuple[str, ...]


class System(Protocol):
    """A way of running programs, all of which use every core that they are given.

    Attributes:
        name: for tables.
    """

    name: str

    def run(self, programs: Sequence[Program]) -> Measured:
        """Run programs and wait for all results."""


class Ours:
    """The sandbox of this package."""

    def __init__(self, name: str, sandbox: Sandbox) -> None:
        self.name = name
        self.isolation = sandbox.isolation
        self._sandbox = sandbox

    def run(self, programs: Sequence[Program]) -> Measured:
        """Run programs; the sandbox's own self-test, which precedes every run, is part of the time."""
        started = time.monotonic()
        verdicts = list(self._sandbox.run(programs))
        return Measured(time.monotonic() - started, tuple(verdict.status for verdict in verdicts))


@dataclass(frozen=True, slots=True)
class Way:
    """One of the ways in which our sandbox runs programs.

    Attributes:
        name: for tables.
        runtime: gVisor by Docker or without it, or plain containers.
    """

    name: str
    runtime: RuntimeName = "runsc"

    def settings(self, limits: Limits, num_cores: int) -> SandboxSettings:
        """The sandbox's settings for it."""
        return SandboxSettings(runtime=self.runtime, limits=limits, num_workers=num_cores)


OURS = Way("ours")
OURS_DIRECT = Way("ours, runsc-direct", runtime="runsc-direct")
OURS_RUNC = Way("ours, runc", runtime="runc")


@contextmanager
def open_ours(way: Way, limits: Limits, num_cores: int) -> Iterator[Ours]:
    """Open our sandbox, with containers started.

    Raises:
        PrerequisiteError, SandboxError: as `open_sandbox`.
    """
    with open_sandbox(way.settings(limits, num_cores)) as sandbox:
        system = Ours(way.name, sandbox)
        system.run([WARM_UP] * num_cores)
        yield system


class Unisolated:
    """The process-per-program pool on the host; see `unisolated.py`."""

    name = "unisolated pool"

    def __init__(self, process: subprocess.Popen[str], limits: Limits) -> None:
        self._process = process
        self._limits = limits

    def run(self, programs: Sequence[Program]) -> Measured:
        """Run programs; the time is the pool's own."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("Popen made no pipes")
        request = {
            "sources": [program.source for program in programs],
            "timeout_s": self._limits.timeout_s,
            "memory_mib": self._limits.memory_mib,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PrerequisiteError("the unisolated pool ended; the lines above say why")
        answer = json.loads(line)
        return Measured(float(answer["seconds"]), tuple(answer["statuses"]))


@contextmanager
def open_unisolated(limits: Limits, num_cores: int) -> Iterator[Unisolated]:
    """Start the unisolated pool, with its workers forked."""
    command = [sys.executable, "-m", "benchmarks.sandbox.unisolated", str(num_cores)]
    # One thread for numpy, as in the sandbox: its others take address space, which is limited.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    with process:
        try:
            system = Unisolated(process, limits)
            system.run([WARM_UP] * num_cores)
            yield system
        finally:
            if process.stdin is not None:
                process.stdin.close()
