"""Programs in, verdicts out: model code runs here and nowhere else.

with open_sandbox(SandboxSettings(limits=Limits(timeout_s=5.0))) as sandbox:
    for verdict in sandbox.run([Program("1", "assert len(dir()) > 0")]):
        ...
"""

from selfcodealign.sandbox.harness import harness_isolation, run_harness
from selfcodealign.sandbox.journalled import RunCounts, run_journalled, verdict_key
from selfcodealign.sandbox.pool import Sandbox, open_sandbox
from selfcodealign.sandbox.settings import Limits, Program, SandboxSettings, Status

__all__ = [
    "Limits",
    "Program",
    "RunCounts",
    "Sandbox",
    "SandboxSettings",
    "Status",
    "harness_isolation",
    "open_sandbox",
    "run_harness",
    "run_journalled",
    "verdict_key",
]
