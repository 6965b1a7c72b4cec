"""Programs in, verdicts out: model code runs here and nowhere else.

with open_sandbox(SandboxSettings(limits=Limits(timeout_s=5.0))) as sandbox:
    for verdict in sandbox.run([Program("1", "assert len(dir()) > 0")]):
        ...
"""

from selfcodealign.sandbox.agreement import measure_agreement
from selfcodealign.sandbox.configured import sandbox_settings
from selfcodealign.sandbox.consensus import measure_consensus
from selfcodealign.sandbox.direct import find_runsc, platform_file, root_folders
from selfcodealign.sandbox.docker import Docker, docker_host
from selfcodealign.sandbox.harness import harness_isolation, run_harness
from selfcodealign.sandbox.image import find_root_folder, image_tag
from selfcodealign.sandbox.journalled import RunCounts, run_journalled, verdict_key
from selfcodealign.sandbox.platforms import NoPlatformError, remembered_platform, runsc_release
from selfcodealign.sandbox.pool import Sandbox, open_sandbox
from selfcodealign.sandbox.releases import INSTALL_URL, REQUIRE_VARIABLE, is_too_old, release_date, too_old
from selfcodealign.sandbox.reward import CodeReward, RewardMode
from selfcodealign.sandbox.runtimes import prepare_sandbox
from selfcodealign.sandbox.seed_tests import measure_seed_tests
from selfcodealign.sandbox.settings import STATUS_MEANINGS, Limits, Program, RuntimeName, SandboxSettings, Status
from selfcodealign.sandbox.stream import VerdictStream, open_stream
from selfcodealign.sandbox.strength import (
    CodeUnderTest,
    StrengthCounts,
    UnknownReason,
    measure_strength,
    passing_subjects,
    summarise_strength,
)

__all__ = [
    "INSTALL_URL",
    "REQUIRE_VARIABLE",
    "STATUS_MEANINGS",
    "CodeReward",
    "CodeUnderTest",
    "Docker",
    "Limits",
    "NoPlatformError",
    "Program",
    "RewardMode",
    "RunCounts",
    "RuntimeName",
    "Sandbox",
    "SandboxSettings",
    "Status",
    "StrengthCounts",
    "UnknownReason",
    "VerdictStream",
    "docker_host",
    "find_root_folder",
    "find_runsc",
    "harness_isolation",
    "image_tag",
    "is_too_old",
    "measure_agreement",
    "measure_consensus",
    "measure_seed_tests",
    "measure_strength",
    "open_sandbox",
    "open_stream",
    "passing_subjects",
    "platform_file",
    "prepare_sandbox",
    "release_date",
    "remembered_platform",
    "root_folders",
    "run_harness",
    "run_journalled",
    "runsc_release",
    "sandbox_settings",
    "summarise_strength",
    "too_old",
    "verdict_key",
]
