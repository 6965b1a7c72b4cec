"""The sandbox as the params file wants it: the same for whoever judges responses, so that verdicts are shared."""

from selfcodealign.params import Sandbox as SandboxParams
from selfcodealign.sandbox.settings import Limits, SandboxSettings


def sandbox_settings(params: SandboxParams) -> SandboxSettings:
    """Settings of the sandbox in which responses are judged.

    Args:
        params: the `sandbox` section.
    """
    return SandboxSettings(
        runtime=params.runtime,
        limits=Limits(timeout_s=params.timeout_s, memory_mib=params.memory_mib),
        num_workers=params.num_workers,
    )
