"""Sandboxes by `runsc` alone: gVisor without a Docker daemon, for clusters and CI.

Each sandbox is one `runsc run` on an OCI bundle of its own. Its memory is bounded without cgroups, which only root has
and not everywhere, by limits that `runsc` inherits: gVisor keeps all memory of the sandboxed processes in one file
(`memfd`) that grows by GiB, so that the limit on the size of files is one on their memory; and the limit on private
memory is one on what gVisor's own kernel keeps for them, such as what is in their pipes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.sandbox.image import ensure_root_folder
from selfcodealign.sandbox.launcher import Launch
from selfcodealign.sandbox.oci import bundle_config
from selfcodealign.sandbox.platforms import NoPlatformError, choose_platform
from selfcodealign.sandbox.workplace import Workplace, workplaces
from selfcodealign.stage import cache_folder

INSTALL = "run `make sandbox`, `apt-get install runsc`, or see https://gvisor.dev/docs/user_guide/install/"
RUNSC_FAILED = 128  # exit code of `runsc run` when it failed itself
KERNEL_FAILED = 2  # and when gVisor's kernel ended, which then says nothing
MEMORY_STEP_BYTES = 1 << 30  # in which gVisor's memory file grows
KERNEL_MEMORY_BYTES = 1 << 30  # of gVisor itself, whose kernel needs some 50 MiB
# What a process gets when the memory file cannot grow.
MEMORY_CODES = frozenset({128 + signal.SIGSEGV, 128 + signal.SIGBUS, 128 + signal.SIGKILL})
# Becomes `runsc`, which then dies with us however we die (and gVisor's processes with it), and whose memory is bounded.
GUARD = """
import ctypes, os, resource, signal, sys
parent, file_bytes, private_bytes = map(int, sys.argv[1:4])
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == parent:
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    resource.setrlimit(resource.RLIMIT_DATA, (private_bytes, private_bytes))
    os.execv(sys.argv[4], sys.argv[4:])
"""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}  # of runsc: none of our secrets


def find_runsc() -> str | None:
    """The path of `runsc`, if it is installed."""
    return shutil.which("runsc")


def root_folders(cache: Path | None = None) -> Path:
    """The folder of the root file systems.

    Args:
        cache: `SandboxSettings.cache`.
    """
    return _cache(cache) / "rootfs"


def platform_file(cache: Path | None = None) -> Path:
    """Where the chosen platform is remembered.

    Args:
        cache: `SandboxSettings.cache`.
    """
    return _cache(cache) / "platform.json"


def _cache(cache: Path | None) -> Path:
    return cache or cache_folder() / "sandbox"


class RunscLauncher:
    """Sandboxes by `runsc run`; see `Launcher`.

    Attributes:
        isolation: such as `runsc-systrap`; `runsc-systrap-rootless` where we are not root: gVisor's kernel isolates in
            the same way, but what the host adds around it is less.
        image_id: digest of the tar that the root file system was unpacked from.
    """

    def __init__(self, runsc: str, platform: str, root: Path, image_id: str) -> None:
        self._is_rootless = os.geteuid() != 0
        self.isolation = f"runsc-{platform}{'-rootless' if self._is_rootless else ''}"
        self.image_id = image_id
        self._runsc = runsc
        self._platform = platform
        self._root = root
        self._workplace = Workplace(workplaces())

    @classmethod
    def open(cls, cache: Path | None = None, image: Path | None = None) -> "RunscLauncher":
        """Find `runsc`, choose its platform, and make the root file system if it is missing.

        Args:
            cache: `SandboxSettings.cache`.
            image: tar of a root file system to use instead of ours.

        Raises:
            PrerequisiteError: `runsc` is missing or starts no sandbox here, or there is no way to build the image.
            SandboxError: the build failed.
        """
        runsc = find_runsc()
        if runsc is None:
            raise PrerequisiteError(f"gVisor's runsc is not installed; {INSTALL}")
        try:
            platform = choose_platform(runsc, platform_file(cache))
        except NoPlatformError as error:
            needs = "it needs user namespaces and ptrace; a container around it must be privileged"
            raise PrerequisiteError(f"{runsc} starts no sandbox on this machine ({error}); {needs}") from error
        root = ensure_root_folder(root_folders(cache), image)
        return cls(runsc, platform, root.path, root.id)

    def launch(self, launch: Launch) -> "RunscLaunched":
        """Start a sandbox; see `Launcher.launch`. It ends with the thread that called this."""
        bundle, state = self._workplace.new_bundle()
        config = json.dumps(bundle_config(self._root, launch))
        (bundle / "config.json").write_text(config, encoding="utf-8")
        command = [self._runsc, f"--root={state}", f"--platform={self._platform}", "--network=none", "--ignore-cgroups"]
        command += ["--rootless"] if self._is_rootless else []
        command += ["run", f"--bundle={bundle}", bundle.name]
        file_bytes = -(-(launch.memory_mib << 20) // MEMORY_STEP_BYTES) * MEMORY_STEP_BYTES
        guard = [sys.executable, "-I", "-S", "-c", GUARD, str(os.getpid()), str(file_bytes), str(KERNEL_MEMORY_BYTES)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [*guard, *command], stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT, start_new_session=True
        )
        return RunscLaunched(process, bundle)

    def explain(self, code: int, stderr: str) -> Exception | None:
        """The failures of `runsc` itself; see `Launcher.explain`."""
        if code == KERNEL_FAILED and not stderr:
            return SandboxError("gVisor itself ended; what ran in it may have filled the memory of gVisor's own kernel")
        if code == RUNSC_FAILED:
            return SandboxError(f"`runsc run` failed: {stderr.splitlines()[-1] if stderr else 'no reason given'}")
        return None

    def is_out_of_memory(self, code: int) -> bool:
        """See `Launcher.is_out_of_memory`."""
        return code in MEMORY_CODES


class RunscLaunched:
    """A `runsc run`; see `Launched`."""

    def __init__(self, process: subprocess.Popen[bytes], bundle: Path) -> None:
        self.process = process
        self._bundle = bundle

    def kill(self) -> None:
        """See `Launched.kill`. gVisor's processes die with the command that started them."""
        self.process.kill()

    def close(self) -> None:
        """See `Launched.close`."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self._bundle, ignore_errors=True)
