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
)
from selfcodealign.report.page import write_report
from selfcodealign.report.plots import summary_metrics, write_plots
from selfcodealign.report.wording import STAGES

__all__ = [
    "STAGES",
    "Attempts",
    "Evaluation",
    "LossPoint",
    "ReportInputs",
    "benchmark_rows",
    "conclusion",
    "installed_versions",
    "read_attempts",
    "read_evaluations",
    "read_examples",
    "read_loss",
    "read_output_tokens",
    "read_stage_metrics",
    "summary_metrics",
    "write_plots",
    "write_report",
]
