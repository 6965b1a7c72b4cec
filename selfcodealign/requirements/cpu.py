"""CPU instructions that the engine's kernels are compiled for; without them the process ends by SIGILL, silently."""

import platform
from collections.abc import Set as AbstractSet
from pathlib import Path

from selfcodealign.errors import PrerequisiteError

CPUINFO = Path("/proc/cpuinfo")
# vLLM's CPU build has three sets of kernels for x86-64 and chooses at its start: AVX-512 with bfloat16 units, AVX-512,
# and AVX2 (vllm/platforms/cpu.py, import_kernels). The last one is compiled with FMA and F16C as well.
X86_INSTRUCTIONS = ("avx2", "fma", "f16c")


def cpu_flags(cpuinfo: Path = CPUINFO) -> frozenset[str]:
    """The instruction sets of this machine's CPU by the kernel's names, such as `avx2`; empty if it does not say."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    return frozenset(next((words.split() for name, _, words in named if name.strip() in {"flags", "Features"}), ()))


def missing_instructions(flags: AbstractSet[str], machine: str | None = None) -> list[str]:
    """What the engine's CPU build needs and this CPU lacks.

    Args:
        flags: of `cpu_flags`; empty: nothing is known, and nothing counts as missing.
        machine: kind of machine, such as `x86_64`; None: this one. On others nothing beyond the base set is needed.
    """
    if not flags or (machine or platform.machine()) != "x86_64":
        return []
    return [name for name in X86_INSTRUCTIONS if name not in flags]


def check_cpu(cpuinfo: Path = CPUINFO) -> None:
    """Refuse to start the engine's CPU build on a CPU that cannot run its kernels.

    Raises:
        PrerequisiteError: the CPU lacks instructions; the message names them.
    """
    missing = missing_instructions(cpu_flags(cpuinfo))
    if missing:
        raise PrerequisiteError(
            f"this CPU lacks {', '.join(missing)}, which vLLM's CPU build needs; use a machine with AVX2 (Intel since"
            " 2013, AMD since 2015; in a virtual machine: CPU model `host`), or a server with engine.kind: openai"
        )
