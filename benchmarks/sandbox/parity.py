"""Parity: whether gVisor and plain containers give the same verdict on real programs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.sandbox.workloads import num_pure
from selfcodealign.progress import progress
from selfcodealign.records import Verdict
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox

RUNTIMES: tuple[Literal["runsc", "runc"], ...] = ("runsc", "runc")
# A program whose status changes from run to run under one and the same runtime says nothing about runtimes.
NUM_REPEATS = 3
TAIL_CHARS = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """A program with another status under one runtime than under the other.

    Attributes:
        id: of the program.
        verdicts: by runtime.
        repeated: statuses of further runs, by runtime.
    """

    id: str
    verdicts: dict[str, Verdict]
    repeated: dict[str, list[str]]

    @property
    def is_unsteady(self) -> bool:
        """Whether its status changes under one runtime alone: time, memory or chance decide it, not the runtime."""
        return any(len({self.verdicts[name].status, *again}) > 1 for name, again in self.repeated.items())

    def as_dict(self) -> dict[str, object]:
        """For JSON: both statuses, those of the further runs, and the ends of standard error."""
        return {
            "id": self.id,
            "is_unsteady": self.is_unsteady,
            "statuses": {name: verdict.status for name, verdict in self.verdicts.items()},
            "repeated": self.repeated,
            "stderr": {name: verdict.stderr[-TAIL_CHARS:] for name, verdict in self.verdicts.items()},
        }


@dataclass(frozen=True, slots=True)
class Parity:
    """What two runtimes say about the same programs.

    Attributes:
        num_programs: programs that ran.
        num_pure: those of them whose copies run in one process.
        statuses: how many of each status under gVisor.
        differences: the programs with two statuses.
    """

    num_programs: int
    num_pure: int
    statuses: dict[str, int]
    differences: list[Difference]

    def as_keys(self) -> dict[str, object]:
        """For JSON."""
        unsteady = sum(difference.is_unsteady for difference in self.differences)
        return {
            "num_programs": self.num_programs,
            "pure": self.num_pure,
            "same": self.num_programs - len(self.differences),
            "different": len(self.differences) - unsteady,
            "unsteady": unsteady,
            "statuses": self.statuses,
            "differences": [difference.as_dict() for difference in self.differences],
        }


def compare_runtimes(
    programs: Sequence[Program], limits: Limits, num_workers: int = 0, num_repeats: int = NUM_REPEATS
) -> Parity:
    """Run programs under gVisor and then under runc, one after the other, so that neither slows the other.

    Args:
        programs: the programs, with distinct ids.
        limits: of each.
        num_workers: programs at the same time; 0: one a core.
        num_repeats: how often programs with two statuses are run again under each.

    Raises:
        PrerequisiteError, SandboxError: as `open_sandbox`.
    """
    verdicts: dict[str, list[Verdict]] = {runtime: _run(runtime, programs, limits, num_workers) for runtime in RUNTIMES}
    first, second = (verdicts[runtime] for runtime in RUNTIMES)
    differing = [
        program for program, one, other in zip(programs, first, second, strict=True) if one.status != other.status
    ]
    repeats: dict[str, list[Verdict]] = {
        runtime: _run(runtime, differing * num_repeats, limits, num_workers) for runtime in RUNTIMES
    }
    differences = []
    for program in differing:
        both = {name: next(verdict for verdict in row if verdict.id == program.id) for name, row in verdicts.items()}
        again = {name: [verdict.status for verdict in row if verdict.id == program.id] for name, row in repeats.items()}
        differences.append(Difference(program.id, both, again))
    statuses = dict(sorted(Counter(verdict.status for verdict in first).items()))
    return Parity(len(programs), num_pure(programs), statuses, differences)


def _run(
    runtime: Literal["runsc", "runc"], programs: Sequence[Program], limits: Limits, num_workers: int
) -> list[Verdict]:
    if not programs:
        return []
    settings = SandboxSettings(runtime=runtime, limits=limits, num_workers=num_workers)
    found = []
    with open_sandbox(settings) as sandbox, progress(f"programs under {runtime}", len(programs)) as shown:
        for verdict in sandbox.run(programs):
            found.append(verdict)
            shown.advance()
    return found
