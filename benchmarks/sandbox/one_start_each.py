"""Two peers that start a process of the interpreter for each program: `docker run`, and `runsc exec`.

Both run the programs in our image, with the same hardening, from standard input, one a core at a time, and set the
same limits from within, which costs them nothing: `RLIMIT_AS`, and an alarm that ends the process.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sandbox.systems import WARM_UP, Measured
from selfcodealign.errors import SandboxError
from selfcodealign.sandbox import Limits, Program
from selfcodealign.sandbox.docker import Docker, docker_host, hardening
from selfcodealign.sandbox.image import ensure_image

USER = 65534
OVERHEAD_MIB = 512
START_TIMEOUT_S = 60.0
# Beyond the program's own time: start and end of the process on a busy machine.
GRACE_S = 60.0
LAUNCHER = """
import resource, signal, sys
signal.setitimer(signal.ITIMER_REAL, {timeout_s})
resource.setrlimit(resource.RLIMIT_AS, ({bytes}, {bytes}))
try:
    exec(compile(sys.stdin.read(), "program.py", "exec"), {{"__name__": "__main__"}})
except AssertionError:
    sys.exit(3)
except MemoryError:
    sys.exit(4)
"""
STATUSES = {0: "passed", 3: "failed", 4: "memory", 128 + 14: "timeout", -14: "timeout"}


class OneStartEach:
    """Runs a command for each program, with its source on standard input."""

    def __init__(self, name: str, num_cores: int, command: Callable[[], list[str]], timeout_s: float) -> None:
        self.name = name
        self._num_cores = num_cores
        self._command = command
        self._timeout_s = timeout_s

    def run(self, programs: Sequence[Program]) -> Measured:
        """Run programs, one a core at a time."""
        started = time.monotonic()
        with ThreadPoolExecutor(self._num_cores) as threads:
            statuses = tuple(threads.map(self._run_one, programs))
        return Measured(time.monotonic() - started, statuses)

    def _run_one(self, program: Program) -> str:
        done = subprocess.run(
            self._command(),
            input=program.source.encode(),
            capture_output=True,
            timeout=self._timeout_s + GRACE_S,
            check=False,
        )
        if done.returncode in {125, 126, 127}:  # what Docker and runsc answer when they themselves failed
            raise SandboxError(f"{self.name} failed: {_last_line(done.stderr)}")
        return STATUSES.get(done.returncode, "error")


def _interpreter(limits: Limits) -> list[str]:
    return ["python3", "-I", "-c", LAUNCHER.format(timeout_s=limits.timeout_s, bytes=limits.memory_mib << 20)]


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"


@contextmanager
def open_docker_run(limits: Limits, num_cores: int) -> Iterator[OneStartEach]:
    """One `docker run --runtime=runsc` a program, with the flags that our own containers get.

    Raises:
        PrerequisiteError, SandboxError: Docker, the runtime or the image is missing.
    """
    docker = Docker(docker_host())
    docker.isolation("runsc")
    image = ensure_image(docker)
    flags = hardening(
        "runsc", memory_mib=limits.memory_mib + OVERHEAD_MIB, tmp_mib=limits.max_file_mib, owner=str(os.getpid())
    )
    flags += [f"--user={USER}:{USER}", "--workdir=/tmp", "--env=OPENBLAS_NUM_THREADS=1"]
    command = docker.command("run", *flags, image.tag, *_interpreter(limits))
    yield _warm(OneStartEach("docker run", num_cores, lambda: command, limits.timeout_s))


@contextmanager
def open_runsc_exec(limits: Limits, num_cores: int) -> Iterator[OneStartEach]:
    """One `runsc exec` a program, into one running sandbox of runsc without Docker.

    The sandbox is an OCI bundle with the root file system of our image. The platform is the one that Docker's runsc
    is set to, so that both are the same gVisor.

    Raises:
        PrerequisiteError, SandboxError: Docker (for the image), runsc or the image is missing.
    """
    docker = Docker(docker_host())
    with tempfile.TemporaryDirectory(prefix="bench-sandbox-") as name:
        folder = Path(name)
        _export_image(docker, folder / "rootfs")
        (folder / "config.json").write_text(json.dumps(_bundle(limits)), encoding="utf-8")
        runsc = [*_runsc(docker), f"--root={folder / 'state'}"]
        sandbox = f"bench-{uuid.uuid4().hex[:12]}"
        _start_detached([*runsc, "run", "--detach", f"--bundle={folder}", sandbox], folder / "log")
        try:
            command = [*runsc, "exec", f"--user={USER}:{USER}", "--cwd=/tmp", sandbox, *_interpreter(limits)]
            yield _warm(OneStartEach("runsc exec", num_cores, lambda: command, limits.timeout_s))
        finally:
            for command in ([*runsc, "kill", sandbox, "KILL"], [*runsc, "delete", "--force", sandbox]):
                subprocess.run(command, capture_output=True, timeout=START_TIMEOUT_S, check=False)


def _warm(system: OneStartEach) -> OneStartEach:
    measured = system.run([WARM_UP])
    if measured.statuses != ("passed",):
        raise SandboxError(f"{system.name} cannot run a program that is right: {measured.statuses[0]}")
    return system


def _start_detached(command: list[str], log: Path) -> None:
    # Its output goes to a file: the sandbox's processes keep it open, and nobody could read a pipe to its end.
    with open(log, "wb") as file:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=START_TIMEOUT_S, check=False
        )
    if done.returncode:
        raise SandboxError(f"`runsc run` starts no sandbox: {_last_line(log.read_bytes())}")


def _runsc(docker: Docker) -> list[str]:
    known = docker.runtimes()["runsc"]
    path = shutil.which(known.get("path") or "runsc") or "runsc"
    flags = [flag for flag in known.get("runtimeArgs") or [] if "platform=" in flag]
    return [path, "--network=none", "--ignore-cgroups", *flags]


def _export_image(docker: Docker, target: Path) -> None:
    target.mkdir()
    container = docker.run("create", ensure_image(docker).tag, "true")
    try:
        with subprocess.Popen(docker.command("export", container), stdout=subprocess.PIPE) as export:
            subprocess.run(["tar", "--extract", f"--directory={target}"], stdin=export.stdout, check=True)
        if export.returncode:
            raise SandboxError("`docker export` of the sandbox image failed")
    finally:
        docker.remove(container)


def _bundle(limits: Limits) -> dict[str, object]:
    """A configuration of the Open Container Initiative's runtime specification: a process that waits."""
    tmp = ["nosuid", "nodev", "mode=1777", f"size={limits.max_file_mib}m"]
    return {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "sandbox",
        "process": {
            "user": {"uid": USER, "gid": USER},
            "args": ["sleep", "infinity"],
            "cwd": "/",
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp", "OPENBLAS_NUM_THREADS=1"],
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": tmp},  # noqa: S108 - inside
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"namespaces": [{"type": name} for name in ("pid", "network", "ipc", "uts", "mount")]},
    }
