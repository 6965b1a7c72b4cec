"""What the runs of each arm measured: values of one run, means and intervals over several training seeds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.experiments.finished import Finished, State, metrics_at
from selfcodealign.experiments.pipeline import Pipeline

SUMMARY = "metrics/summary.json"
SELECTION = "metrics/select_examples.json"
TRAINING = "metrics/finetune_model.json"
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What one run measured; None or absent: not measured.

    Attributes:
        pairs: training pairs.
        scores: pass@1 by benchmark and model (`base`, `aligned`), 0..1.
        pooled: aligned minus base over all benchmarks, with the interval over the tasks, -1..1.
        num_tasks: tasks of all benchmarks.
        kept: the weights that training kept: `base` or `step N`.
        loss: training loss of the last epoch, nats per token.
    """

    pairs: int | None
    scores: Mapping[str, Mapping[str, float]]
    pooled: Interval | None
    num_tasks: int | None
    kept: str | None
    loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """What the runs of an arm measured.

    Attributes:
        arm: name of the arm.
        description: of the arm.
        num_runs: runs of the arm, one per seed.
        num_done: those whose experiment has the params and the code of the working tree.
        is_outdated: no run is done, and the results are of experiments with other params or code.
        results: of the runs that are done, or else of the outdated ones.
    """

    arm: str
    description: str
    num_runs: int
    num_done: int
    is_outdated: bool
    results: Sequence[RunResult]

    @property
    def state(self) -> str:
        """Which of the runs there are, in words."""
        if not self.results:
            return "missing"
        if self.is_outdated:
            return "outdated"
        return "done" if self.num_done == self.num_runs else f"{self.num_done} of {self.num_runs} seeds"

    @property
    def pooled(self) -> Interval | None:
        """The pooled difference: of the only run, or over the training seeds."""
        measured = [one.pooled for one in self.results if one.pooled]
        if len(measured) > 1:
            return over_seeds(measured, min(one.num_tasks or 2 for one in self.results if one.pooled))
        return measured[0] if measured else None

    def scores(self, benchmark: str, model: str) -> list[float]:
        """The score of each run on a benchmark."""
        return [one.scores[benchmark][model] for one in self.results if model in one.scores.get(benchmark, {})]


def read_results(
    folder: Path, descriptions: Mapping[str, str], found: Sequence[Finished], pipeline: Pipeline
) -> list[ArmResult]:
    """The results of each arm.

    Args:
        folder: the repository.
        descriptions: of the arms, by name; the results have their order.
        found: what exists of the runs.
        pipeline: the stages: metrics of stages that a run's targets leave out belong to another run and are not read.
    """
    results = []
    for arm, description in descriptions.items():
        own = [one for one in found if one.run.arm == arm]
        done = [one for one in own if one.state is State.DONE]
        shown = done or [one for one in own if one.state is State.OUTDATED]
        results.append(
            ArmResult(
                arm=arm,
                description=description,
                num_runs=len(own),
                num_done=len(done),
                is_outdated=bool(shown) and not done,
                results=[_read(folder, one, pipeline) for one in shown],
            )
        )
    return results


def over_seeds(measured: Sequence[Interval], num_tasks: int) -> Interval:
    """The mean of a difference over training seeds, with a 95% interval that covers the draw of tasks and of seeds.

    The variance is that of the tasks (the mean of the runs' own: the tasks are the same for all seeds, so that more
    seeds do not reduce it) plus that of the seeds divided by their number. The variance between runs contains some
    of the tasks' noise, too, so the interval is rather too wide than too narrow. Degrees of freedom: Satterthwaite
    1946, "An Approximate Distribution of Estimates of Variance Components".

    Args:
        measured: the difference of each run with its interval over the tasks; at least two.
        num_tasks: tasks of each run.
    """
    from scipy.stats import norm, t

    values = [one.value for one in measured]
    quantile = float(norm.ppf(0.5 + CONFIDENCE / 2))
    tasks = statistics.fmean(((one.high - one.low) / 2 / quantile) ** 2 for one in measured)
    seeds = statistics.variance(values) / len(values)
    mean, variance = statistics.fmean(values), tasks + seeds
    if variance == 0.0:
        return Interval(mean, mean, mean)
    freedom = variance**2 / (tasks**2 / max(num_tasks - 1, 1) + seeds**2 / (len(values) - 1))
    reach = float(t.ppf(0.5 + CONFIDENCE / 2, freedom)) * math.sqrt(variance)
    return Interval(mean, max(mean - reach, -1.0), min(mean + reach, 1.0))


def _read(folder: Path, finished: Finished, pipeline: Pipeline) -> RunResult:
    written = pipeline.metrics_of(finished.run.targets)

    def read(path: str) -> dict[str, Any]:
        experiment = finished.experiment
        return metrics_at(folder, experiment, path) if experiment and path in written else {}

    summary, selection, training = read(SUMMARY), read(SELECTION), read(TRAINING)
    pooled = summary.get("pooled") or {}
    losses = training.get("train_loss") or []
    return RunResult(
        pairs=summary.get("pairs", selection.get("rows_out")),
        scores={
            name: {model: values[model] for model in ("base", "aligned") if model in values}
            for name, values in (summary.get("benchmarks") or {}).items()
        },
        pooled=Interval(pooled["difference"], *pooled["interval_95"]) if "interval_95" in pooled else None,
        num_tasks=pooled.get("num_tasks"),
        kept=training.get("kept"),
        loss=losses[-1] if losses else None,
    )
