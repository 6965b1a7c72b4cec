"""Sandboxes by Docker: where the daemon is, one-line errors, and the flags that harden a container."""

import contextlib
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.sandbox.launcher import Launch

# Everything that the sandbox starts carries it, with the pid of its owner as value: leftovers can be found and removed.
CONTAINER_LABEL = "selfcodealign.sandbox"

QUICK_TIMEOUT_S = 60.0
REMOVE_TIMEOUT_S = 10.0
DOCKER_FAILED = 125  # exit code of `docker run` when Docker itself failed, before the process started
KILLED = 137  # by SIGKILL: what the kernel does at the container's memory limit


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
        # The daemon is gone or the container was: `--rm` and the closed standard input end it anyway.
        with contextlib.suppress(PrerequisiteError, SandboxError):
            # Asked first: while a container that hangs is being removed, Docker answers nothing about it.
            pids = self.run("inspect", "--format", "{{.State.Pid}}", *containers, timeout_s=REMOVE_TIMEOUT_S).split()
            try:
                self._remove(*containers)
            except SandboxError:
                if self.host is None or self.host.startswith("unix://"):  # else they are another machine's
                    _kill_processes(pids)
                self._remove(*containers)

    def _remove(self, *containers: str) -> None:
        """Remove containers, and wait until they are gone: an earlier removal may still be on its way."""
        self.run("rm", "--force", "--volumes", *containers, timeout_s=REMOVE_TIMEOUT_S)


def _kill_processes(pids: Sequence[str]) -> None:
    """SIGKILL from the host: Docker asks a container to end itself, which one that is stopped never hears."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            if int(pid) > 1:
                os.kill(int(pid), signal.SIGKILL)


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


class DockerLauncher:
    """Containers by Docker, with gVisor (`runsc`) or plain (`runc`); see `Launcher`.

    Attributes:
        isolation: such as `docker/runsc-ptrace`.
        image_id: Docker's digest of the image.
    """

    def __init__(self, docker: Docker, runtime: str, image_tag: str, image_id: str) -> None:
        self.isolation = docker.isolation(runtime)
        self.image_id = image_id
        self._docker = docker
        self._runtime = runtime
        self._image_tag = image_tag

    def launch(self, launch: Launch) -> "DockerLaunched":
        """Start a container; see `Launcher.launch`."""
        name = f"selfcodealign-{uuid.uuid4().hex[:12]}"
        owner = str(os.getpid())
        flags = hardening(self._runtime, memory_mib=launch.memory_mib, tmp_mib=launch.tmp_mib, owner=owner)
        flags += [f"--user={launch.uid}:{launch.uid}", f"--workdir={launch.folder}", f"--name={name}"]
        flags += [f"--cap-add={capability}" for capability in launch.capabilities]
        flags += [f"--env={variable}={value}" for variable, value in launch.environment.items()]
        command = self._docker.command("run", *flags, self._image_tag, *launch.command)
        # A session of its own: Ctrl-C is for us; if we die, the closed pipe ends the supervisor.
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        return DockerLaunched(self._docker, name, process)

    def explain(self, code: int, stderr: str) -> Exception | None:
        """Docker's own failures; see `Launcher.explain`."""
        return self._docker.explain("run", stderr) if code == DOCKER_FAILED else None

    def is_out_of_memory(self, code: int) -> bool:
        """See `Launcher.is_out_of_memory`."""
        return code == KILLED


class DockerLaunched:
    """A `docker run`; see `Launched`."""

    def __init__(self, docker: Docker, name: str, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._docker = docker
        self._name = name

    def kill(self) -> None:
        """See `Launched.kill`."""
        self._docker.remove(self._name)
        self.process.kill()

    def close(self) -> None:
        """See `Launched.close`."""
        # One that ended well was removed by Docker. A client that failed may have left its container running.
        if self.process.poll() != 0:
            self.kill()
        self.process.wait()
