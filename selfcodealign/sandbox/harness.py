"""Run a script of our own (EvalPlus's scorer, say) inside one container, with bytes in and bytes out."""

import os
import resource
import subprocess
import tempfile
import uuid
from typing import IO

from selfcodealign.errors import SandboxError
from selfcodealign.sandbox.bundle import BOOTSTRAP, framed_script
from selfcodealign.sandbox.docker import Docker, docker_host, hardening
from selfcodealign.sandbox.image import ensure_image
from selfcodealign.sandbox.settings import SandboxSettings

MAX_OUTPUT_BYTES = 256 << 20


def run_harness(
    script: str,
    payload: bytes,
    *,
    settings: SandboxSettings,
    timeout_s: float,
    memory_mib: int,
    tmp_mib: int = 1024,
) -> bytes:
    """Run one Python script of ours in a fresh container of the sandbox image.

    The script runs as `__main__` and as an unprivileged user, without network, in a read-only file system but for
    `/tmp` (in memory, also its working folder and HOME). EvalPlus can be imported.

    Args:
        script: Python source; reads `payload` from standard input and writes its answer to standard output.
        payload: bytes for its standard input.
        settings: which runtime, daemon and image; its `limits` are those of single programs and do not hold here.
        timeout_s: wall time from start to end, seconds; then the container is killed.
        memory_mib: memory of the whole container, `/tmp` included, MiB.
        tmp_mib: size of `/tmp`, MiB.

    Returns:
        What the script wrote to standard output, at most 256 MiB.

    Raises:
        PrerequisiteError: Docker, the runtime or the image is missing.
        SandboxError: the container could not be started, took too long, or ended with another code than 0; the message
            ends with the last line that it wrote to standard error.
    """
    docker = Docker(settings.docker_host or docker_host())
    docker.isolation(settings.runtime)
    image = ensure_image(docker, settings.image)
    name = f"selfcodealign-harness-{uuid.uuid4().hex[:12]}"
    flags = hardening(settings.runtime, memory_mib=memory_mib, tmp_mib=tmp_mib, owner=str(os.getpid()))
    flags += ["--user=65534:65534", "--workdir=/tmp", "--env=HOME=/tmp", "--env=PYTHONPATH=/opt/offline"]
    flags += ["--env=OPENBLAS_NUM_THREADS=1", "--env=PYTHONDONTWRITEBYTECODE=1", f"--name={name}"]
    stdin = framed_script(script) + payload
    # The answer goes to a file whose size is bounded: a flood fills neither memory nor disk.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = docker.command("run", *flags, image.tag, "python3", "-c", BOOTSTRAP)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MAX_OUTPUT_BYTES, MAX_OUTPUT_BYTES))
        try:
            process.communicate(stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise SandboxError(f"the script in the sandbox took longer than {timeout_s:.0f} s") from error
        finally:
            if process.poll() != 0:
                docker.remove(name)
                process.kill()
                process.wait()
        if process.returncode:
            if out.seek(0, os.SEEK_END) >= MAX_OUTPUT_BYTES:
                raise SandboxError(f"the script in the sandbox wrote more than {MAX_OUTPUT_BYTES >> 20} MiB")
            raise _failure(docker, process.returncode, _tail(err), memory_mib)
        out.seek(0)
        return out.read()


def harness_isolation(settings: SandboxSettings) -> tuple[str, str]:
    """What decides how a harness runs, for the keys of its cached results.

    Returns:
        The isolation, such as `docker/runsc-ptrace`, and the digest of the image, which is built if it is missing.

    Raises:
        PrerequisiteError: Docker, the runtime or a way to build the image is missing.
    """
    docker = Docker(settings.docker_host or docker_host())
    return docker.isolation(settings.runtime), ensure_image(docker, settings.image).id


def _tail(stream: IO[bytes], num_bytes: int = 4000) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - num_bytes))
    return stream.read().decode("utf-8", "replace").strip()


def _failure(docker: Docker, code: int, stderr: str, memory_mib: int) -> Exception:
    if code == 125:  # Docker's own failure, before the script ran
        return docker.explain("run", stderr)
    last = stderr.splitlines()[-1] if stderr else "nothing on standard error"
    if code == 137:
        return SandboxError(f"the script in the sandbox was killed; it may need more than {memory_mib} MiB ({last})")
    return SandboxError(f"the script in the sandbox ended with code {code}: {last}")
