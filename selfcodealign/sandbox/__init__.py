"""Programs in, verdicts out: model code runs here and nowhere else.

with open_sandbox(SandboxSettings(limits=Limits(timeout_s=5.0))) as sandbox:
    for verdict in sandbox.run([Program("1", "assert len(dir()) > 0")]):
        ...
"""

from selfcodealign.sandbox.harness import harness_isolation, run_harness
from selfcodealign.sandbox.journalled import RunCounts, run_journalled, verdict_key
from selfcodealign.sandbox.pool import Sandbox, open_sandbox
from selfcodealign.sandbox.settings import Limits, Program, SandboxSettings, Status
from selfcodealign.sandbox.strength import (
    CodeUnderTest,
    StrengthCounts,
    UnknownReason,
    measure_strength,
    passing_subjects,
    summarise_strength,
)

__all__ = [
    "CodeUnderTest",
    "Limits",
    "Program",
    "RunCounts",
    "Sandbox",
    "SandboxSettings",
    "Status",
    "StrengthCounts",
    "UnknownReason",
    "harness_isolation",
    "measure_strength",
    "open_sandbox",
    "passing_subjects",
    "run_harness",
    "run_journalled",
    "summarise_strength",
    "verdict_key",
]
