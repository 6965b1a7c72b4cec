"""Evaluation: benchmarks, code generation for them, scoring inside the sandbox, statistics."""

from selfcodealign.evaluation.benchmarks import (
    Benchmark,
    BenchmarkInfo,
    BenchmarkText,
    load_benchmark,
    load_benchmark_texts,
)

__all__ = ["Benchmark", "BenchmarkInfo", "BenchmarkText", "load_benchmark", "load_benchmark_texts"]
