"""Scoring: samples go to EvalPlus inside the sandbox in chunks, and every verdict is journalled."""

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import SandboxError
from selfcodealign.evaluation.benchmarks import Benchmark, Task
from selfcodealign.evaluation.first_failure import FailureKind, FirstFailure, read_first_failure
from selfcodealign.evaluation.harness_script import harness_script
from selfcodealign.evaluation.result import EvaluationResult, SampleResult
from selfcodealign.evaluation.samples import SampleSet
from selfcodealign.journal import Journal, journal_key, open_journal
from selfcodealign.progress import Progress, progress
from selfcodealign.records import row_id
from selfcodealign.sandbox import SandboxSettings, harness_isolation, run_harness

# Verdicts are journalled chunk by chunk; a container for each costs some seconds.
CHUNK_TASKS = 60
MAX_NAMED_TASKS = 5
CONTAINER_MIB = 1024
SHARE_OF_HOST_MEMORY = 0.8
# EvalPlus gives up on one set of tests after 60 s and some seconds of grace, and there are two sets. To find out which
# test failed, one input is run again, alone and then after those before it, each for as long at most.
SECONDS_PER_SOLUTION = 270.0
SECONDS_PER_CONTAINER = 120.0
PASS = "pass"  # noqa: S105 - a status

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringLimits:
    """EvalPlus's limits, with its own defaults, so that statuses equal those that it gives elsewhere.

    Attributes:
        min_time_limit_s: wall time for one test input at least, seconds.
        gt_time_limit_factor: wall time for one test input as a multiple of the reference solution's.
        memory_mib: address space of one checked program, MiB.
    """

    min_time_limit_s: float = 1.0
    gt_time_limit_factor: float = 4.0
    memory_mib: int = 4096


@dataclass(frozen=True, slots=True)
class _Job:
    """One task with the solutions that the journal lacks."""

    task: Task
    solutions: list[str]


class _Scorer:
    """What all chunks of one evaluation share."""

    def __init__(
        self,
        benchmark: Benchmark,
        sandbox: SandboxSettings,
        limits: ScoringLimits,
        journal: Journal,
        isolation: tuple[str, str],
    ) -> None:
        self._benchmark = benchmark
        self._sandbox = sandbox
        self._limits = limits
        self._journal = journal
        self._isolation = isolation
        self._script = harness_script()
        self._num_workers = sandbox.num_workers or os.cpu_count() or 1
        self._digests: dict[str, str] = {}

    def _digest(self, task: Task) -> str:
        """The digest of a task's row, computed once: some rows are megabytes."""
        task_id = task["task_id"]
        if task_id not in self._digests:
            self._digests[task_id] = row_id(json.dumps(task, sort_keys=True))
        return self._digests[task_id]

    def key(self, task: Task, solution: str) -> str:
        return journal_key(
            "evaluation",
            task=self._digest(task),
            solution=solution,
            limits=asdict(self._limits),
            isolation=self._isolation,
            script=self._script,
        )

    def _expected_key(self, task: Task) -> str:
        """The key of the reference solution's outputs: they depend on the task, and on the image's Python alone."""
        return journal_key("expected", task=self._digest(task), isolation=self._isolation, script=self._script)

    def run(self, jobs: Sequence[_Job]) -> list[str]:
        """Score jobs, journal their verdicts, and return the tasks whose reference solution did not pass."""
        answers = self._bisect(jobs)
        broken = []
        for job in jobs:
            answer = answers[job.task["task_id"]]
            if not _is_pass(answer["reference"]):
                broken.append(job.task["task_id"])
                continue
            if answer.get("expected"):
                self._journal.put(self._expected_key(job.task), {"packed": answer["expected"]}, kind="expected")
            base, plus = answer["reference"]
            self._journal.put(self.key(job.task, _reference(job.task)), _verdict(base, plus), kind="score")
            for solution, verdict in zip(job.solutions, answer["results"], strict=True):
                self._journal.put(self.key(job.task, solution), verdict, kind="score")
        return broken

    def _bisect(self, jobs: Sequence[_Job]) -> dict[str, Any]:
        """Run jobs in one container; if it breaks down, halve them, so that one hostile sample costs no other."""
        try:
            return self._call(jobs, self._num_workers)
        except SandboxError as error:
            if len(jobs) > 1:
                logger.warning("%d tasks are scored again in halves: %s", len(jobs), error)
                middle = len(jobs) // 2
                return {**self._bisect(jobs[:middle]), **self._bisect(jobs[middle:])}
            return {jobs[0].task["task_id"]: self._alone(jobs[0])}

    def _alone(self, job: _Job) -> dict[str, Any]:
        """Find the solutions of one task that bring the sandbox down: those after which the reference still passes.

        Raises:
            SandboxError: the reference solution does not run either: then the sandbox is at fault.
        """
        task_id = job.task["task_id"]
        answer: dict[str, Any] = self._call([_Job(job.task, [])], 1)[task_id]
        if not _is_pass(answer["reference"]):
            return answer
        for solution in job.solutions:
            answer["results"].append(self._verdict_alone(_Job(job.task, [solution])))
        return answer

    def _verdict_alone(self, job: _Job) -> dict[str, Any]:
        """The verdict on one solution. One that ends the sandbox only while it is diagnosed keeps its statuses."""
        task_id = job.task["task_id"]
        try:
            return dict(self._call([job], 1)[task_id]["results"][0])
        except SandboxError as error:
            logger.warning("%s: a solution ended the sandbox (%s)", task_id, error)
        try:
            verdict = dict(self._call([job], 1, diagnose=False)[task_id]["results"][0])
        except SandboxError as error:
            logger.warning("%s: a solution ended the sandbox again, it counts as failed (%s)", task_id, error)
            verdict = _verdict("fail", "fail" if self._benchmark.has_plus_tests else None)
        if not _is_pass([verdict["base"], verdict["plus"]]):
            tests: Literal["base", "plus"] = "plus" if verdict["base"] == PASS else "base"
            verdict["first_failure"] = FirstFailure(kind=FailureKind.SANDBOX, tests=tests).as_row()
        return verdict

    def _call(self, jobs: Sequence[_Job], num_workers: int, *, diagnose: bool = True) -> dict[str, Any]:
        references = {job.task["task_id"]: self.key(job.task, _reference(job.task)) for job in jobs}
        known = self._journal.get_many(references.values())
        expected_keys = {job.task["task_id"]: self._expected_key(job.task) for job in jobs}
        outputs = self._journal.get_many(expected_keys.values())
        # One more for the reference; slow failures are checked twice.
        task_seconds = [SECONDS_PER_SOLUTION * (len(job.solutions) + 1) for job in jobs]
        deadline_s = SECONDS_PER_CONTAINER + 2 * sum(task_seconds)
        request = {
            "dataset": "mbpp" if self._benchmark.info.variant == "mbpp_plus" else "humaneval",
            "is_base_only": not self._benchmark.has_plus_tests,
            "tasks": [job.task for job in jobs],
            "solutions": {job.task["task_id"]: job.solutions for job in jobs},
            "expected": {task_id: outputs[key]["packed"] for task_id, key in expected_keys.items() if key in outputs},
            "known_good": [task_id for task_id, key in references.items() if key in known],
            "num_workers": min(num_workers, len(jobs)),
            "min_time_limit": self._limits.min_time_limit_s,
            "gt_time_limit_factor": self._limits.gt_time_limit_factor,
            "memory_bytes": self._limits.memory_mib << 20,
            "diagnose": diagnose,
            "stall_s": SECONDS_PER_CONTAINER + max(task_seconds),
            "deadline_s": deadline_s,
        }
        output = run_harness(
            self._script,
            json.dumps(request).encode(),
            settings=self._sandbox,
            timeout_s=deadline_s,
            memory_mib=_container_mib(num_workers, self._limits.memory_mib),
        )
        try:
            answers: dict[str, Any] = json.loads(output)
        except ValueError as error:
            raise SandboxError(f"the scorer in the sandbox gave no JSON ({error}); run again") from error
        return answers


def evaluate_samples(
    benchmark: Benchmark,
    samples: SampleSet,
    *,
    sandbox: SandboxSettings,
    journal_path: Path,
    limits: ScoringLimits | None = None,
) -> EvaluationResult:
    """Score samples with EvalPlus inside the sandbox.

    Each task's reference solution is checked before its samples are. Verdicts that the journal has for the same task,
    solution, limits, image and isolation are taken from there.

    Args:
        benchmark: the tasks and their tests.
        samples: the solutions, several a task allowed.
        sandbox: runtime, daemon, image and number of workers; its limits are those of other programs and do not hold.
        journal_path: the SQLite file of finished verdicts.
        limits: EvalPlus's limits; None: its defaults.

    Returns:
        The statuses and the first failing test of every sample, with pass@k and intervals.

    Raises:
        PrerequisiteError: no Docker, no such runtime, no image.
        SandboxError: a reference solution does not pass, or the sandbox breaks down by itself.
    """
    started = time.monotonic()
    limits = limits or ScoringLimits()
    isolation, image_id = harness_isolation(sandbox)
    with open_journal(journal_path) as journal:
        scorer = _Scorer(benchmark, sandbox, limits, journal, (isolation, image_id))
        keys = {
            task_id: [scorer.key(benchmark.tasks[task_id], solution) for solution in solutions]
            for task_id, solutions in samples.by_task.items()
        }
        known = journal.get_many(key for task_keys in keys.values() for key in task_keys)
        num_known = sum(key in known for task_keys in keys.values() for key in task_keys)
        jobs = []
        for task_id, solutions in samples.by_task.items():
            task = benchmark.tasks[task_id]
            missing = dict.fromkeys(s for s, key in zip(solutions, keys[task_id], strict=True) if key not in known)
            if missing:
                # The reference solution is checked, and its verdict journalled, in any case.
                jobs.append(_Job(task, [solution for solution in missing if solution != _reference(task)]))
        _run_all(scorer, jobs)
        found = journal.get_many(key for task_keys in keys.values() for key in task_keys)
    results = {
        task_id: [
            SampleResult(
                solution, found[key]["base"], found[key]["plus"], read_first_failure(found[key]["first_failure"])
            )
            for solution, key in zip(solutions, keys[task_id], strict=True)
        ]
        for task_id, solutions in samples.by_task.items()
    }
    return EvaluationResult(
        info=benchmark.info,
        isolation=isolation,
        limits=asdict(limits),
        results=results,
        num_from_journal=num_known,
        num_unknown=samples.unknown,
        num_missing_tasks=len(samples.missing),
        seconds=time.monotonic() - started,
    )


def check_references(
    benchmark: Benchmark, task_ids: Sequence[str], *, sandbox: SandboxSettings, journal_path: Path
) -> EvaluationResult:
    """Score the reference solutions of tasks: all must pass, or the sandbox cannot be trusted with samples.

    Raises:
        SandboxError: one does not pass; the message names it.
    """
    by_task = {task_id: [_reference(benchmark.tasks[task_id])] for task_id in task_ids}
    return evaluate_samples(benchmark, SampleSet(by_task, 0, []), sandbox=sandbox, journal_path=journal_path)


def _run_all(scorer: _Scorer, jobs: Sequence[_Job]) -> None:
    broken: list[str] = []
    with progress("tasks scored", len(jobs)) as bar:
        for start in range(0, len(jobs), CHUNK_TASKS):
            broken += _run_chunk(scorer, jobs[start : start + CHUNK_TASKS], bar)
    # A reference that fails in a crowd may have been short of time: it gets a second chance, alone.
    again = [job for job in jobs if job.task["task_id"] in broken]
    broken = [task_id for job in again for task_id in scorer.run([job])]
    if broken:
        named = ", ".join(broken[:MAX_NAMED_TASKS]) + (" ..." if len(broken) > MAX_NAMED_TASKS else "")
        raise SandboxError(
            f"the reference solutions of {len(broken)} tasks do not pass in the sandbox ({named}): nothing is scored;"
            " the machine may be overloaded, or the benchmark file is not as released"
        )


def _run_chunk(scorer: _Scorer, jobs: Sequence[_Job], bar: Progress) -> list[str]:
    broken = scorer.run(jobs)
    bar.advance(len(jobs))
    return broken


def _reference(task: Task) -> str:
    return str(task["prompt"] + task["canonical_solution"])


def _is_pass(statuses: Sequence[str | None]) -> bool:
    return statuses[0] == PASS and statuses[1] in {PASS, None}


def _verdict(base: str, plus: str | None) -> dict[str, Any]:
    return {"base": base, "plus": plus, "first_failure": None}


def _container_mib(num_workers: int, program_mib: int) -> int:
    host_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return min(CONTAINER_MIB + num_workers * program_mib, int(host_mib * SHARE_OF_HOST_MEMORY))
