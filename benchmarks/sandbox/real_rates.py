"""Verdicts per second and core on real programs, side by side with the unisolated pool."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.sandbox import real_programs
from benchmarks.sandbox.systems import OURS, System, open_ours, open_unisolated
from benchmarks.sandbox.workloads import num_pure
from selfcodealign.sandbox import Limits, Program

UNITTEST_MAIN = '\n\nimport unittest\n\nif __name__ == "__main__":\n    unittest.main()\n'
LIMITS = Limits(timeout_s=20.0, memory_mib=2048)


@dataclass(frozen=True, slots=True)
class RealRate:
    """One set of programs on both systems.

    Attributes:
        name: of the set.
        num_programs: programs in it.
        num_pure: those whose copies run in the process of the program.
        statuses: how many of each status, by ours.
        per_core: verdicts of ours per second and core, one value per part of the set.
        ratios: the pool's time over ours, one value per part; above 1, ours is faster.
        differing: programs that one of the two passes and the other does not.
    """

    name: str
    num_programs: int
    num_pure: int
    statuses: dict[str, int]
    per_core: list[float]
    ratios: list[float]
    differing: list[str]

    def as_keys(self) -> dict[str, object]:
        """For JSON, with bootstrap intervals of the means."""
        return {
            "programs": self.num_programs,
            "pure": self.num_pure,
            "statuses": self.statuses,
            "verdicts_per_second_and_core": round(float(np.mean(self.per_core)), 2),
            "verdicts_interval_95": interval(self.per_core),
            "vs_unisolated_pool": round(float(np.mean(self.ratios)), 3),
            "vs_interval_95": interval(self.ratios),
            "differing": self.differing[:20],
        }


def interval(values: Sequence[float]) -> list[float]:
    """Bootstrap interval of a mean, 95 % (SciPy's bias-corrected one)."""
    found = stats.bootstrap((np.array(values),), np.mean, random_state=0).confidence_interval
    return [round(float(found.low), 3), round(float(found.high), 3)]


def sets(folders: Sequence[Path], responses: Sequence[Path]) -> Iterator[tuple[str, list[Program]]]:
    """The sets of programs that this machine has, by name.

    Args:
        folders: folders with the data of ClassEval and BigCodeBench.
        responses: `responses.parquet` of runs.
    """
    yield "exemplars", real_programs.exemplar_programs() * 5
    for benchmark in real_programs.find_benchmarks():
        yield f"references of {benchmark.info.name}", real_programs.reference_programs(benchmark)
    for path in responses:
        yield f"answers in {path}", real_programs.response_programs(path)
    for folder in folders:
        for path in sorted(folder.rglob("ClassEval_data.json")):
            yield "references of ClassEval", class_eval(path)
        for path in sorted(folder.rglob("BigCodeBench_Hard.jsonl")):
            yield "references of BigCodeBench-Hard", big_code_bench(path)


def class_eval(path: Path) -> list[Program]:
    """The reference class of each task with the task's unit tests."""
    programs = []
    for task in json.loads(path.read_text(encoding="utf-8")):
        code = "\n".join([*task.get("import_statement", []), task["solution_code"]])
        programs.append(Program(task["task_id"], f"{code}\n\n{task['test']}{UNITTEST_MAIN}"))
    return programs


def big_code_bench(path: Path) -> list[Program]:
    """The reference solution of each task with the task's unit tests."""
    programs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        code = task["complete_prompt"] + task["canonical_solution"]
        programs.append(Program(task["task_id"], f"{code}\n\n{task['test']}{UNITTEST_MAIN}"))
    return programs


def measure(name: str, programs: list[Program], num_parts: int, num_cores: int) -> RealRate:
    """Run the programs part by part, each part on both systems in turn."""
    parts = [programs[start::num_parts] for start in range(num_parts)]
    seen: dict[str, dict[str, str]] = {}
    seconds: dict[str, list[float]] = {}
    with open_ours(OURS, LIMITS, num_cores) as ours, open_unisolated(LIMITS, num_cores) as pool:
        systems: list[System] = [ours, pool]
        for number, part in enumerate(parts):
            for system in systems if number % 2 == 0 else systems[::-1]:
                measured = system.run(part)
                seconds.setdefault(system.name, []).append(measured.seconds)
                ids = [program.id for program in part]
                seen.setdefault(system.name, {}).update(zip(ids, measured.statuses, strict=True))
    by_ours, by_pool = seen[ours.name], seen[pool.name]
    statuses = list(by_ours.values())
    return RealRate(
        name,
        len(programs),
        num_pure(programs),
        {status: statuses.count(status) for status in sorted(set(statuses))},
        [len(part) / time_s / num_cores for part, time_s in zip(parts, seconds[ours.name], strict=True)],
        [its / our for its, our in zip(seconds[pool.name], seconds[ours.name], strict=True)],
        sorted(key for key, status in by_ours.items() if (status == "passed") != (by_pool[key] == "passed")),
    )
