"""Evaluation: benchmarks, code generation for them, scoring inside the sandbox, statistics."""

from selfcodealign.evaluation.benchmarks import (
    Benchmark,
    BenchmarkInfo,
    BenchmarkText,
    load_benchmark,
    load_benchmark_texts,
    read_manifest,
    read_missing,
)
from selfcodealign.evaluation.first_failure import FailureKind, FirstFailure, read_first_failure
from selfcodealign.evaluation.other_benchmarks import (
    OTHER_BENCHMARKS,
    OtherFile,
    find_others,
    load_all_texts,
    read_others,
    texts_in,
    write_others,
)
from selfcodealign.evaluation.result import EvaluationResult, SampleResult, read_passes
from selfcodealign.evaluation.samples import Sample, SampleSet, group_samples, read_samples, write_samples
from selfcodealign.evaluation.scoring import ScoringLimits, check_references, evaluate_samples
from selfcodealign.evaluation.solutions import SolutionSet, generate_solutions
from selfcodealign.evaluation.sources import fetch_benchmark, import_benchmarks
from selfcodealign.evaluation.statistics import (
    Comparison,
    Difference,
    compare,
    mean_interval,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
    wilson_interval,
)

__all__ = [
    "OTHER_BENCHMARKS",
    "Benchmark",
    "BenchmarkInfo",
    "BenchmarkText",
    "Comparison",
    "Difference",
    "EvaluationResult",
    "FailureKind",
    "FirstFailure",
    "OtherFile",
    "Sample",
    "SampleResult",
    "SampleSet",
    "ScoringLimits",
    "SolutionSet",
    "check_references",
    "compare",
    "evaluate_samples",
    "fetch_benchmark",
    "find_others",
    "generate_solutions",
    "group_samples",
    "import_benchmarks",
    "load_all_texts",
    "load_benchmark",
    "load_benchmark_texts",
    "mean_interval",
    "mean_pass_at_k",
    "paired_difference",
    "pass_at_k",
    "read_first_failure",
    "read_manifest",
    "read_missing",
    "read_others",
    "read_passes",
    "read_samples",
    "texts_in",
    "wilson_interval",
    "write_others",
    "write_samples",
]
