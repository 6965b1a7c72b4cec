"""What a run will cost before it starts: requests, tokens, rows and hours of each step."""

from selfcodealign.estimate.measured import Measured, Rates, measured_rates, read_metrics
from selfcodealign.estimate.probe import probe
from selfcodealign.estimate.steps import BENCHMARK_TASKS, Assumed, StepEstimate, estimate_run, expected_samples
from selfcodealign.estimate.table import format_estimate

__all__ = [
    "BENCHMARK_TASKS",
    "Assumed",
    "Measured",
    "Rates",
    "StepEstimate",
    "estimate_run",
    "expected_samples",
    "format_estimate",
    "measured_rates",
    "probe",
    "read_metrics",
]
