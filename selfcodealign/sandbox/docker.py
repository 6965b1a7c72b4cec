"""The Docker command line: where the daemon is, one-line errors, and the flags that harden a container."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import PrerequisiteError, SandboxError

# Everything that the sandbox starts carries it, with the pid of its owner as value: leftovers can be found and removed.
CONTAINER_LABEL = "selfcodealign.sandbox"

QUICK_TIMEOUT_S = 60.0


def docker_host(folders: Sequence[Path] | None = None) -> str | None:
    """The address of the Docker daemon.

    Args:
        folders: where to look for `.tools/docker-host`, which the set-up writes for a daemon of its own; None: the
            repository of this package, DVC's repository (an experiment may run in a copy) and the working folder.

    Returns:
        DOCKER_HOST if it is set, else the content of the first such file; None: Docker's own default.
    """
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    if folders is None:
        folders = (Path(__file__).parents[2], Path(os.environ.get("DVC_ROOT", ".")), Path())
    for folder in folders:
        file = folder / ".tools" / "docker-host"
        if file.is_file():
            return file.read_text(encoding="utf-8").strip()
    return None


@dataclass(frozen=True, slots=True)
class Docker:
    """A Docker client for one daemon.

    Attributes:
        host: address of the daemon; None: the client's default.
    """

    host: str | None

    def command(self, *arguments: str) -> list[str]:
        """The full command line for a Docker command."""
        return ["docker", *(("--host", self.host) if self.host else ()), *arguments]

    def run(self, *arguments: str, stdin: bytes = b"", timeout_s: float = QUICK_TIMEOUT_S) -> str:
        """Run a Docker command and return its standard output, stripped.

        Raises:
            PrerequisiteError: the client is missing or the daemon does not answer.
            SandboxError: the command failed or took longer than `timeout_s`; the message is Docker's own line.
        """
        try:
            done = subprocess.run(
                self.command(*arguments), input=stdin, capture_output=True, timeout=timeout_s, check=False
            )
        except FileNotFoundError as error:
            raise PrerequisiteError("the docker client is not installed; run `make sandbox`") from error
        except subprocess.TimeoutExpired as error:
            message = f"`docker {arguments[0]}` took longer than {timeout_s:.0f} s; look at the daemon's log"
            raise SandboxError(message) from error
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace").strip()
        raise self.explain(arguments[0], done.stderr.decode("utf-8", "replace"))

    def explain(self, command: str, stderr: str) -> PrerequisiteError | SandboxError:
        """Turn what Docker wrote to standard error into one line with the way out."""
        lowered = stderr.lower()
        where = f" at {self.host}" if self.host else ""
        if "permission denied" in lowered and "daemon" in lowered:
            return PrerequisiteError(
                f"no permission to use the Docker daemon{where}; join the group `docker` or run as root"
            )
        if any(sign in lowered for sign in ("cannot connect", "is the docker daemon running", "error during connect")):
            return PrerequisiteError(f"the Docker daemon{where} does not answer; start it with `make sandbox`")
        lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("See '")]
        return SandboxError(f"`docker {command}` failed: {lines[-1] if lines else 'no reason given'}")

    def runtimes(self) -> Mapping[str, Any]:
        """The container runtimes that the daemon knows, by name, with their arguments.

        Raises:
            PrerequisiteError: the client is missing or the daemon does not answer.
        """
        runtimes: dict[str, Any] = json.loads(self.run("info", "--format", "{{json .Runtimes}}") or "null") or {}
        if not runtimes:
            # `docker info` of some clients succeeds without a daemon and prints an empty answer.
            where = f" at {self.host}" if self.host else ""
            raise PrerequisiteError(f"the Docker daemon{where} does not answer; start it with `make sandbox`")
        return runtimes

    def isolation(self, runtime: str) -> str:
        """The name of the isolation that a runtime gives, such as `docker/runsc-ptrace` or `docker/runc`.

        Raises:
            PrerequisiteError: the daemon has no such runtime, or one of the errors of `runtimes`.
        """
        known = self.runtimes()
        if runtime not in known:
            raise PrerequisiteError(
                f"the Docker daemon has no runtime `{runtime}` (it has {', '.join(sorted(known))}); run `make sandbox`,"
                " or add it as https://gvisor.dev/docs/user_guide/install/ says"
            )
        if runtime != "runsc":
            return f"docker/{runtime}"
        arguments = known[runtime].get("runtimeArgs") or []
        named = [argument.partition("=")[2] for argument in arguments if argument.lstrip("-").startswith("platform=")]
        return f"docker/runsc-{named[-1] if named else 'default'}"

    def remove(self, *containers: str) -> None:
        """Kill and remove containers; those that are gone already are fine."""
        try:
            self.run("rm", "--force", "--volumes", *containers)
        except (SandboxError, PrerequisiteError):
            # The daemon is gone or the container was: `--rm` and the closed standard input end it anyway.
            return


def hardening(runtime: str, *, memory_mib: int, tmp_mib: int, owner: str) -> list[str]:
    """The `docker run` flags that every container of ours gets, before user and capabilities.

    There is no `--pids-limit`: it counts gVisor's own threads and kills the sandbox. Processes are bounded inside.

    Args:
        runtime: a runtime that the daemon knows.
        memory_mib: memory of the whole container, MiB; Docker kills everything in it beyond that.
        tmp_mib: size of `/tmp`, the only writable place, in memory, MiB.
        owner: value of the container's label.
    """
    return [
        f"--runtime={runtime}",
        f"--label={CONTAINER_LABEL}={owner}",
        "--rm",
        "--interactive",
        "--network=none",
        "--read-only",
        f"--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777,size={tmp_mib}m",
        f"--shm-size={min(tmp_mib, 64)}m",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--memory={memory_mib}m",
        f"--memory-swap={memory_mib}m",
        "--log-driver=none",
        "--ulimit=core=0",
        "--hostname=sandbox",
    ]
