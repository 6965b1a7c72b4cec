"""The report: one self-contained HTML page, and the same figures as plots and metrics for DVC."""

from selfcodealign.report.conclusion import benchmark_rows, conclusion
from selfcodealign.report.inputs import (
    Attempts,
    Evaluation,
    LossPoint,
    ReportInputs,
    installed_versions,
    read_attempts,
    read_evaluations,
    read_examples,
    read_loss,
    read_output_tokens,
    read_stage_metrics,
    read_task_texts,
)
from selfcodealign.report.page import page_environment, page_style, write_report
from selfcodealign.report.plots import summary_metrics, write_plots
from selfcodealign.report.wording import BENCHMARKS, STAGES, decimal, percent, point_range, points

__all__ = [
    "BENCHMARKS",
    "STAGES",
    "Attempts",
    "Evaluation",
    "LossPoint",
    "ReportInputs",
    "benchmark_rows",
    "conclusion",
    "decimal",
    "installed_versions",
    "page_environment",
    "page_style",
    "percent",
    "point_range",
    "points",
    "read_attempts",
    "read_evaluations",
    "read_examples",
    "read_loss",
    "read_output_tokens",
    "read_stage_metrics",
    "read_task_texts",
    "summary_metrics",
    "write_plots",
    "write_report",
]
