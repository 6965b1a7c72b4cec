"""Programs a second of ours and of the peers, measured in turns on the same programs."""

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial

from benchmarks.sandbox.one_start_each import open_docker_run, open_runsc_exec
from benchmarks.sandbox.systems import (
    OURS,
    OURS_DIRECT,
    OURS_RUNC,
    Measured,
    System,
    open_ours,
    open_unisolated,
)
from benchmarks.sandbox.workloads import Workload, kind, num_pure
from selfcodealign.progress import progress
from selfcodealign.sandbox import Limits, Program

Opener = Callable[[Limits, int], AbstractContextManager[System]]
# Quick enough to run every program, in every round. Ours is the first.
WHOLE: tuple[Opener, ...] = (partial(open_ours, OURS), open_unisolated)
# Ours otherwise, for information.
OTHERWISE: tuple[Opener, ...] = tuple(partial(open_ours, way) for way in (OURS_DIRECT, OURS_RUNC))
# Half a second a program: a sample, with the same share of each kind of program.
SAMPLED: tuple[Opener, ...] = (open_docker_run, open_runsc_exec)


@dataclass(slots=True)
class Rate:
    """What one system did with one workload.

    Attributes:
        name: of the system.
        is_sampled: whether it ran a sample of the programs only.
        num_programs: programs that it ran, all rounds together.
        seconds_each: wall seconds a program, one value a round.
        differing: ids of programs that it and ours judge differently (passed, timeout, or something else).
    """

    name: str
    is_sampled: bool
    num_programs: int = 0
    seconds_each: list[float] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    @property
    def programs_per_second(self) -> float:
        """Median of the rounds."""
        return 1 / statistics.median(self.seconds_each)

    def add(self, programs: Sequence[Program], measured: Measured) -> None:
        """Count one round."""
        self.num_programs += len(programs)
        self.seconds_each.append(measured.seconds / len(programs))

    def times_ours(self, ours: "Rate") -> tuple[float, float, float]:
        """Its time over ours, round by round.

        Returns:
            Median, least and greatest; above 1, ours is faster.
        """
        ratios = [its / our for its, our in zip(self.seconds_each, ours.seconds_each, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)


@dataclass(frozen=True, slots=True)
class WorkloadRates:
    """All systems on one workload.

    Attributes:
        workload: what was run.
        rates: by name of the system.
        isolation: of ours, such as `docker/runsc-ptrace`.
    """

    workload: Workload
    rates: dict[str, Rate]
    isolation: str


def measure(
    workload: Workload,
    rounds: Sequence[Sequence[Program]],
    num_sampled: int,
    num_cores: int,
    otherwise: Sequence[Opener] = (),
) -> WorkloadRates:
    """Run a workload on all systems, in turns.

    In each round every system runs the round's programs, the sampled ones a sample of the whole workload; every other
    round goes through the systems backwards, so that a machine that slows down slows all of them.

    Args:
        workload: the programs and their limits.
        rounds: programs of each round.
        num_sampled: programs a round for the slow peers.
        num_cores: programs at the same time, in every system.
        otherwise: further systems that run every program.

    Raises:
        PrerequisiteError, SandboxError: a system cannot be opened.
    """
    sample = workload.sample(num_sampled)
    seen: dict[str, dict[str, str]] = defaultdict(dict)
    with ExitStack() as stack:
        openers = [(opener, False) for opener in (*WHOLE, *otherwise)] + [(opener, True) for opener in SAMPLED]
        opened = [(stack.enter_context(open_(workload.limits, num_cores)), sampled) for open_, sampled in openers]
        rates = {system.name: Rate(system.name, sampled) for system, sampled in opened}
        shown = stack.enter_context(progress(f"{workload.name}: measurements", len(opened) * len(rounds)))
        for number, part in enumerate(rounds):
            for system, is_sampled in opened if number % 2 == 0 else reversed(opened):
                programs = sample if is_sampled else part
                measured = system.run(programs)
                rates[system.name].add(programs, measured)
                pairs = zip(programs, measured.statuses, strict=True)
                seen[system.name].update((program.id, _coarse(program, status)) for program, status in pairs)
                shown.advance(note=f"{system.name} {len(programs) / measured.seconds:.1f} programs/s")
        isolation = str(getattr(opened[0][0], "isolation", ""))
    for name, rate in rates.items():
        rate.differing = sorted(key for key, status in seen[name].items() if seen[OURS.name].get(key, status) != status)
    return WorkloadRates(workload, rates, isolation)


def _coarse(program: Program, status: str) -> str:
    # Peers know no more: how a program that is no good ended is told differently, or not at all. Which of its two
    # limits a hog meets first is a matter of the machine.
    return status if status == "passed" or (status == "timeout" and kind(program) != "hog") else "other"


def whole_rounds(workload: Workload, num_rounds: int) -> list[tuple[Program, ...]]:
    """Rounds that each run everything."""
    return [workload.programs] * num_rounds


def dealt_rounds(workload: Workload, num_rounds: int) -> list[tuple[Program, ...]]:
    """Rounds that together run everything once."""
    return workload.dealt(num_rounds)


def time_limit_floor_s(workload: Workload, num_cores: int) -> float:
    """Seconds that the programs which time out take anyway, where each gets its time and one runs on each core."""
    num_timeouts = sum(kind(program) in {"busy", "asleep"} for program in workload.programs)
    return num_timeouts * workload.limits.timeout_s / num_cores


def as_keys(measured: WorkloadRates) -> dict[str, object]:
    """The figures as JSON keys."""
    ours = measured.rates[OURS.name]
    keys: dict[str, object] = {}
    spread = {}
    for name, rate in measured.rates.items():
        if rate is ours:
            continue
        key = "vs_" + name.replace(", ", "_").replace(" ", "_")
        median, least, greatest = rate.times_ours(ours)
        keys[key] = round(median, 3)
        spread[key] = [round(least, 3), round(greatest, 3)]
    keys["programs_per_second"] = round(ours.programs_per_second, 2)
    keys["programs_per_second_by_system"] = {
        name: round(rate.programs_per_second, 2) for name, rate in measured.rates.items()
    }
    keys["spread"] = spread
    keys["num_programs"] = {name: rate.num_programs for name, rate in measured.rates.items()}
    keys["judged_differently"] = {name: rate.differing for name, rate in measured.rates.items() if rate.differing}
    keys["num_pure"] = num_pure(measured.workload.programs)
    keys["limits"] = {
        name: value
        for name, value in dataclasses.asdict(measured.workload.limits).items()
        if name in {"timeout_s", "memory_mib"}
    }
    return keys
