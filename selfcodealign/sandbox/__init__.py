"""Programs in, verdicts out: model code runs here and nowhere else."""

from selfcodealign.sandbox.harness import run_harness
from selfcodealign.sandbox.settings import Limits, Program, SandboxSettings, Status

__all__ = ["Limits", "Program", "SandboxSettings", "Status", "run_harness"]
