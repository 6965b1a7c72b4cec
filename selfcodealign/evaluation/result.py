"""What an evaluation found: statuses by task, pass@k with intervals, and the result file."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.evaluation.benchmarks import BenchmarkInfo
from selfcodealign.evaluation.first_failure import FailureKind, FirstFailure
from selfcodealign.evaluation.statistics import mean_interval, mean_pass_at_k

Tests = Literal["base", "plus"]
# EvalPlus 0.3.1 fails every solution of it, its own too; here right ones pass (see harness.py, `is_miscounted`).
CORRECTED_TASKS = ("HumanEval/32",)
PASS = "pass"  # noqa: S105 - a status


@dataclass(frozen=True, slots=True)
class SampleResult:
    """The verdict on one sample.

    Attributes:
        solution: the program that was checked.
        base_status: EvalPlus's status on the base tests: `pass`, `fail` or `timeout`.
        plus_status: its status on the extra tests; None for a benchmark without them.
        first_failure: the first test that the sample fails; None if it passes, or if the test is not known.
    """

    solution: str
    base_status: str
    plus_status: str | None
    first_failure: FirstFailure | None = None

    def passes(self, tests: Tests) -> bool:
        """Whether the sample passes; for `plus` it must pass base and extra tests, as in EvalPlus."""
        return self.base_status == PASS and (tests == "base" or self.plus_status == PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """All verdicts of one evaluation.

    Attributes:
        info: the benchmark.
        isolation: runtime and platform that ran the samples, such as `docker/runsc-ptrace`.
        limits: EvalPlus's limits: `min_time_limit_s`, `gt_time_limit_factor`, `memory_mib`.
        results: task id to the verdicts on its samples, in their order.
        num_from_journal: samples whose verdict was known.
        num_unknown: samples left out because the benchmark has no such task.
        num_missing_tasks: tasks of the benchmark without a sample.
        seconds: wall time.
    """

    info: BenchmarkInfo
    isolation: str
    limits: Mapping[str, float]
    results: Mapping[str, list[SampleResult]]
    num_from_journal: int
    num_unknown: int
    num_missing_tasks: int
    seconds: float

    @property
    def test_kinds(self) -> tuple[Tests, ...]:
        """`base`, and `plus` where the benchmark has extra tests."""
        return ("base",) if self.info.variant == "humaneval" else ("base", "plus")

    def pass_at_k(self, tests: Tests) -> dict[str, float]:
        """`pass@1`, `pass@10`, `pass@100`, as far as every task has enough samples."""
        return mean_pass_at_k([[sample.passes(tests) for sample in samples] for samples in self.results.values()])

    def interval(self, tests: Tests) -> tuple[float, float] | None:
        """The 95% interval of pass@1, with samples counted within their task; None without results."""
        passes = ([sample.passes(tests) for sample in samples] for samples in self.results.values())
        shares = [sum(task) / len(task) for task in passes]
        return mean_interval(shares) if shares else None

    def statuses(self, tests: Tests) -> dict[str, int]:
        """Samples by EvalPlus's status on base or extra tests."""
        samples = (sample for samples in self.results.values() for sample in samples)
        counts = Counter(sample.base_status if tests == "base" else sample.plus_status for sample in samples)
        return {name: counts[name] for name in ("pass", "fail", "timeout")}

    def failure_kinds(self) -> dict[str, int]:
        """Failing samples by how their first failing test failed."""
        failures = (sample.first_failure for samples in self.results.values() for sample in samples)
        counts = Counter(failure.kind for failure in failures if failure)
        return {kind.value: counts[kind] for kind in FailureKind}

    def outcomes(self) -> dict[str, dict[str, str | list[str]]]:
        """Task id to its status on `base` and `plus`; a list where a task has several samples.

        `plus` is EvalPlus's verdict on both: the status of the base tests where they are not passed.
        """

        def status(sample: SampleResult, tests: Tests) -> str:
            is_base = tests == "base" or sample.base_status != PASS
            return sample.base_status if is_base else str(sample.plus_status)

        found: dict[str, dict[str, str | list[str]]] = {}
        for task_id, samples in self.results.items():
            lists = {tests: [status(sample, tests) for sample in samples] for tests in self.test_kinds}
            found[task_id] = {tests: one[0] if len(one) == 1 else one for tests, one in lists.items()}
        return found

    def summary(self) -> dict[str, Any]:
        """Everything but the single verdicts, JSON-serialisable."""
        summary: dict[str, Any] = {
            "benchmark": self.info.name,
            "variant": self.info.variant,
            "version": self.info.version,
            "hash": self.info.md5,
            "isolation": self.isolation,
            "limits": dict(self.limits),
            "num_tasks": len(self.results),
            "num_samples": sum(map(len, self.results.values())),
            "num_unknown_samples": self.num_unknown,
            "num_missing_tasks": self.num_missing_tasks,
            "corrected_tasks": [task for task in CORRECTED_TASKS if task in self.results and "plus" in self.test_kinds],
            "first_failures": self.failure_kinds(),
        }
        for tests in self.test_kinds:
            interval = self.interval(tests)
            summary[tests] = {
                **{name: round(value, 6) for name, value in self.pass_at_k(tests).items()},
                "interval_95": [round(bound, 6) for bound in interval] if interval else None,
                "statuses": self.statuses(tests),
            }
        return summary

    def as_json(self) -> str:
        """The result file: the summary, outcomes under `tasks`, and verdicts in the layout of EvalPlus under `eval`.

        EvalPlus, which ignores `first_failure`, can read the file.
        """
        verdicts = {
            task_id: [
                {
                    "task_id": task_id,
                    "solution": sample.solution,
                    "base_status": sample.base_status,
                    "plus_status": sample.plus_status,
                    "first_failure": sample.first_failure.as_row() if sample.first_failure else None,
                }
                for sample in samples
            ]
            for task_id, samples in self.results.items()
        }
        return json.dumps({**self.summary(), "tasks": self.outcomes(), "eval": verdicts}, indent=2) + "\n"


def read_passes(path: Path, tests: Tests) -> dict[str, bool]:
    """Which tasks pass, from a result file with one sample a task: what `compare` takes.

    Args:
        path: a file that `as_json` made; EvalPlus's own `eval_results.json` has the same layout.
        tests: `base`, or `plus` for base and extra tests.

    Raises:
        InputError: the file is no result, or a task has several samples.
    """
    try:
        verdicts = json.loads(path.read_text(encoding="utf-8"))["eval"]
        rows = {task_id: samples for task_id, samples in verdicts.items()}
        if any(len(samples) != 1 for samples in rows.values()):
            raise InputError(f"{path} has several samples a task; a paired comparison needs one")
        return {
            task_id: SampleResult("", sample["base_status"], sample["plus_status"]).passes(tests)
            for task_id, (sample,) in rows.items()
        }
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}); evaluate first") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no result of an evaluation; evaluate again") from error
