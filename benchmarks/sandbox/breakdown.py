"""Where the rest of the time goes: the parts of a program's time, by programs that leave parts out."""

import ast
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.sandbox.systems import Way, open_unisolated
from benchmarks.sandbox.workloads import Workload
from selfcodealign.errors import SandboxError
from selfcodealign.sandbox import Program, Sandbox, open_sandbox

EMPTY = "def empty():\n    return 0\n\n\nassert empty() == 0\n"


@dataclass(frozen=True, slots=True)
class Parts:
    """Milliseconds of one core for one program. All but `host_cpu` add up to `whole`.

    Attributes:
        between: empty program: before its clock starts and after it stops. Killing, cleaning, frames, pipes, the host.
        process: empty program, on the supervisor's clock: fork, giving up rights, report and end of its process.
        compile: parsing, looking what is code and what tests it, compiling.
        run: the program itself.
        whole: all of it.
        host_cpu: processor time of the host's side, all of it while programs run.
    """

    between: float
    process: float
    compile: float
    run: float
    whole: float
    host_cpu: float

    def as_dict(self) -> dict[str, float]:
        """The parts by name, rounded."""
        return {name: round(getattr(self, name), 2) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class _Steady:
    """One set of programs while the sandbox is busy: milliseconds of a core, a program."""

    wall: float
    reported: float
    host_cpu: float


def break_down(way: Way, workload: Workload, num_rounds: int, num_cores: int) -> Parts:
    """Take the time of a workload apart.

    Each round runs the same number of programs three times: empty ones, the workload's with everything in a function
    that is never called (compiled, not run), and the workload's as they are.

    Args:
        way: of ours.
        workload: programs that pass.
        num_rounds: rounds, of which the quickest counts: parts are differences, in which noise adds up.
        num_cores: programs at the same time.
    """
    sets = [
        [Program(f"empty-{number}", EMPTY) for number in range(len(workload.programs))],
        [Program(program.id, only_compiled(program.source)) for program in workload.programs],
        list(workload.programs),
    ]
    found: list[list[_Steady]] = [[], [], []]
    with open_sandbox(way.settings(workload.limits, num_cores)) as sandbox:
        for _ in range(num_rounds):
            for programs, steadies in zip(sets, found, strict=True):
                steadies.append(_steady(sandbox, programs, num_cores))
    empty, compiled, whole = (min(steadies, key=lambda steady: steady.wall) for steadies in found)
    return Parts(
        between=empty.wall - empty.reported,
        process=empty.reported,
        compile=compiled.wall - empty.wall,
        run=whole.wall - compiled.wall,
        whole=whole.wall,
        host_cpu=whole.host_cpu,
    )


def unisolated_whole_ms(workload: Workload, num_rounds: int, num_cores: int) -> float:
    """The same figure as `Parts.whole`, of the process-per-program pool on the host."""
    with open_unisolated(workload.limits, num_cores) as pool:
        seconds = [pool.run(workload.programs).seconds for _ in range(num_rounds)]
    return min(seconds) * 1000 * num_cores / len(workload.programs)


def only_compiled(source: str) -> str:
    """The program with everything in a function that is never called."""
    tree = ast.parse(source)
    function = ast.parse("def unused():\n    pass\n").body[0]
    if not isinstance(function, ast.FunctionDef):
        raise TypeError("the text is a function")
    function.body = tree.body
    return f"{ast.unparse(function)}\n\n\n{EMPTY}"


def _steady(sandbox: Sandbox, programs: Sequence[Program], num_cores: int) -> _Steady:
    """Run programs; the clock runs from the first verdict to the last, so that the self-test is left out."""
    reported: list[float] = []
    started = started_cpu = 0.0
    for _, verdict in sandbox.run_as_completed(programs):
        if verdict.status != "passed":
            raise SandboxError(f"{verdict.id} should pass and is {verdict.status}: {verdict.stderr.strip()[-200:]}")
        if not reported:
            started, started_cpu = time.monotonic(), time.process_time()
        reported.append(verdict.seconds)
    count = len(reported) - 1
    return _Steady(
        wall=(time.monotonic() - started) * 1000 * num_cores / count,
        reported=statistics.fmean(reported) * 1000,
        host_cpu=(time.process_time() - started_cpu) * 1000 / count,
    )
