"""Evaluation: benchmarks, code generation for them, scoring inside the sandbox, statistics."""

from selfcodealign.evaluation.benchmarks import (
    Benchmark,
    BenchmarkInfo,
    BenchmarkText,
    load_benchmark,
    load_benchmark_texts,
)
from selfcodealign.evaluation.sources import OVERRIDE_VARIABLES, import_benchmarks

__all__ = [
    "OVERRIDE_VARIABLES",
    "Benchmark",
    "BenchmarkInfo",
    "BenchmarkText",
    "import_benchmarks",
    "load_benchmark",
    "load_benchmark_texts",
]
