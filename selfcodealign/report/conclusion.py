"""What the evaluations say about the aligned model: the pooled difference, a row per benchmark, and one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfcodealign.evaluation import Difference, paired_difference
from selfcodealign.report.facts import figure
from selfcodealign.report.inputs import Evaluation, ReportInputs
from selfcodealign.report.scores import Paired, Score, hardest, read_paired, read_scores
from selfcodealign.report.wording import MODELS, decimal, plural, point_range, points, whole

NUM_TRAINING_SEEDS = 1
"""Aligned models that a run trains."""


class Outcome(StrEnum):
    """What the 95% interval of the pooled difference says about the aligned model."""

    GAIN = "gain"
    HARM = "harm"
    NO_DIFFERENCE = "no_difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The aligned model against its base over all benchmarks that both were evaluated on, each task counting once.

    Attributes:
        headings: benchmarks and tests as the page calls them.
        difference: aligned pass@1 minus base pass@1 over all tasks.
    """

    headings: Sequence[str]
    difference: Difference

    @property
    def outcome(self) -> Outcome:
        """A gain or a harm if the interval excludes 0."""
        if self.difference.low > 0:
            return Outcome.GAIN
        return Outcome.HARM if self.difference.high < 0 else Outcome.NO_DIFFERENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """One benchmark, on its hardest tests, before and after the training.

    Attributes:
        benchmark: name of the setting, such as `humaneval_plus`.
        heading: benchmark and tests as the page calls them.
        scores: the score of each evaluated model, by model.
        paired: the comparison of both; None if only one was evaluated.
        cut_off: answers that were cut off at `max_new_tokens`, base and aligned.
        answer_length: mean length of an answer in tokens, base and aligned.
        commented: answers with a comment, base and aligned.
        pass_at_10: pass@10 by model, for those with at least 10 samples per task.
    """

    benchmark: str
    heading: str
    scores: dict[str, Score]
    paired: Paired | None
    cut_off: tuple[str, str]
    answer_length: tuple[str, str]
    commented: tuple[str, str]
    pass_at_10: dict[str, float]

    @property
    def base(self) -> Score | None:
        """The base model's score."""
        return self.scores.get("base")

    @property
    def aligned(self) -> Score | None:
        """The aligned model's score."""
        return self.scores.get("aligned")

    @property
    def num_tasks(self) -> int:
        """Tasks that were evaluated."""
        return max(len(score.shares) for score in self.scores.values())


def benchmark_rows(inputs: ReportInputs) -> list[BenchmarkRow]:
    """The benchmarks with at least one score, in the order of the params.

    Raises:
        InputError: the two models were scored on different tasks.
    """
    scores = read_scores(inputs)
    comparisons = {(one.benchmark, one.tests): one for one in read_paired(inputs)}
    evaluations = {(one.model, one.benchmark): one for one in inputs.evaluations}
    rows = []
    for benchmark in dict.fromkeys(score.benchmark for score in scores):
        own = hardest(scores, benchmark)
        first = next(iter(own.values()))
        base, aligned = (evaluations.get((model, benchmark)) for model in MODELS)
        at_10 = {one.model: _metric(one, first.tests, "pass@10") for one in (base, aligned) if one}
        rows.append(
            BenchmarkRow(
                benchmark=benchmark,
                heading=first.heading,
                scores=own,
                paired=comparisons.get((benchmark, first.tests)),
                cut_off=(whole(_metric(base, "cut_short")), whole(_metric(aligned, "cut_short"))),
                answer_length=(
                    decimal(_metric(base, "mean_output_tokens")),
                    decimal(_metric(aligned, "mean_output_tokens")),
                ),
                commented=(whole(_metric(base, "with_comment")), whole(_metric(aligned, "with_comment"))),
                pass_at_10={model: value for model, value in at_10.items() if value is not None},
            )
        )
    return rows


def _metric(one: Evaluation | None, *path: str) -> float | None:
    return figure(one.metrics, *path) if one else None


def pool(rows: Sequence[BenchmarkRow]) -> Pooled | None:
    """The pooled difference; None if no benchmark has scores of both models."""
    both = [row for row in rows if row.paired]
    if not both:
        return None
    base, aligned = (
        {f"{row.benchmark} {task}": share for row in both for task, share in row.scores[model].shares.items()}
        for model in ("base", "aligned")
    )
    return Pooled(headings=[row.heading for row in both], difference=paired_difference(base, aligned))


def conclusion(rows: Sequence[BenchmarkRow]) -> str:
    """What the run shows about the aligned model, in one sentence."""
    pooled = pool(rows)
    if pooled is None:
        return f"{_evaluated(rows)}, so there is no comparison."
    found = pooled.difference
    where = f"on {plural(found.num_tasks, 'task')} of {' and '.join(pooled.headings)}"
    measured = f"{points(found.value)} {where} (95% interval {point_range(found.low, found.high)})"
    if pooled.outcome is Outcome.NO_DIFFERENCE:
        return (
            f"No difference could be shown: {measured}; this run could detect {decimal(100 * found.detectable)} points."
        )
    return f"The aligned model is {'better' if pooled.outcome is Outcome.GAIN else 'worse'} than its base: {measured}."


def _evaluated(rows: Sequence[BenchmarkRow]) -> str:
    models = sorted({model for row in rows for model in row.scores})
    if len(models) == 1:
        return f"Only the {models[0]} model has been evaluated"
    return "The models have been evaluated on different benchmarks" if models else "No model has been evaluated"
