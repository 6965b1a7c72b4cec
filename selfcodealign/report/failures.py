"""First failing tests: each as one line, and the failing samples of both models counted by how they fail."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.evaluation import FailureKind, FirstFailure, SampleResult
from selfcodealign.report.inputs import Evaluation, ReportInputs
from selfcodealign.report.samples import read_samples
from selfcodealign.report.wording import MODELS

KIND_WORDS: dict[FailureKind | None, str] = {
    FailureKind.BEFORE_TESTS: "Before the tests (syntax, import, missing function)",
    FailureKind.EXCEPTION: "Exception",
    FailureKind.WRONG_VALUE: "Wrong value",
    FailureKind.TIMEOUT: "Timeout",
    FailureKind.EXIT: "Process ended",
    FailureKind.SANDBOX: "Sandbox brought down",
    FailureKind.UNREPEATED: "Passed when repeated",
    None: "Not recorded",
}
"""The kinds in the order of the page, as it calls them; None: the results do not say."""
ALWAYS_LISTED = (FailureKind.BEFORE_TESTS, FailureKind.EXCEPTION, FailureKind.WRONG_VALUE, FailureKind.TIMEOUT)
TEST_WORDS = {"base": "base", "plus": "extra"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCounts:
    """The failing samples of each model, pooled over the benchmarks that all of these models were evaluated on.

    Attributes:
        models: `base`, `aligned`, or both.
        rows: for each kind, its words and the number of samples of each model, in the order of `models`.
        num_failing: failing samples of each model.
        num_samples: all samples of each model.
    """

    models: Sequence[str]
    rows: Sequence[tuple[str, Sequence[int]]]
    num_failing: Sequence[int]
    num_samples: Sequence[int]


def failure_line(failure: FirstFailure) -> str:
    """The first failing test as one line, such as `extra test 3: median([1, 2]) -> 1, expected 1.5`."""
    what = f"{failure.call or 'the program'} {_outcome(failure)}"
    if failure.kind is FailureKind.SANDBOX or (failure.index is None and failure.kind is FailureKind.UNREPEATED):
        return what
    if failure.index is None:
        return f"before the tests: {failure.outcome if failure.kind is FailureKind.BEFORE_TESTS else what}"
    after = ", after the tests before it" if failure.after_earlier else ""
    return f"{TEST_WORDS[failure.tests]} test {failure.index + 1}{after}: {what}"


def _outcome(failure: FirstFailure) -> str:
    """What the call did, after the text of the call."""
    outcome = failure.outcome or "?"
    if failure.kind is FailureKind.WRONG_VALUE and failure.expected is not None:
        return f"-> {outcome}, expected {failure.expected}"
    words = {
        FailureKind.TIMEOUT: "timed out",
        FailureKind.EXIT: "ended its process",
        FailureKind.SANDBOX: "brought the sandbox down",
        FailureKind.UNREPEATED: "failed, and did not fail when it was repeated",
    }
    if failure.kind not in words:
        return f"raised {outcome}"
    return words[failure.kind] + (f" ({failure.outcome})" if failure.outcome else "")


def failure_counts(inputs: ReportInputs) -> FailureCounts | None:
    """Count failing samples by kind; None if no sample fails, or if no results say how (those of an older version)."""
    pooled = _pooled(inputs.evaluations)
    counts = {
        model: Counter(_kind(sample) for sample in samples if not _passes(sample)) for model, samples in pooled.items()
    }
    if not any(kind for found in counts.values() for kind in found):
        return None
    rows = [
        (words, [found[kind] for found in counts.values()])
        for kind, words in KIND_WORDS.items()
        if kind in ALWAYS_LISTED or any(found[kind] for found in counts.values())
    ]
    return FailureCounts(
        models=list(pooled),
        rows=rows,
        num_failing=[found.total() for found in counts.values()],
        num_samples=[len(samples) for samples in pooled.values()],
    )


def _pooled(evaluations: Sequence[Evaluation]) -> Mapping[str, list[SampleResult]]:
    """All samples of each model, on benchmarks on which every one of the models has samples."""
    samples = {(one.model, one.benchmark): _all_samples(one) for one in evaluations}
    models = [model for model in MODELS if any(found for (name, _), found in samples.items() if name == model)]
    benchmarks = dict.fromkeys(one.benchmark for one in evaluations)
    shared = [name for name in benchmarks if all(samples.get((model, name)) for model in models)]
    return {model: [sample for name in shared for sample in samples[model, name]] for model in models}


def _all_samples(one: Evaluation) -> list[SampleResult]:
    verdicts = one.results.get("eval")
    tasks = verdicts if isinstance(verdicts, Mapping) else {}
    return [sample for task in tasks for sample in read_samples(one.results, task)]


def _passes(sample: SampleResult) -> bool:
    return sample.passes("base" if sample.plus_status is None else "plus")


def _kind(sample: SampleResult) -> FailureKind | None:
    return sample.first_failure.kind if sample.first_failure else None
