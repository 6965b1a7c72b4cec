"""Run a script of our own (EvalPlus's scorer, say) inside one container, with bytes in and bytes out."""

import contextlib
import os
import selectors
import subprocess
import time

from selfcodealign.errors import SandboxError
from selfcodealign.sandbox.bundle import BOOTSTRAP, framed_script
from selfcodealign.sandbox.container import streams_of
from selfcodealign.sandbox.launcher import Launch, Launcher
from selfcodealign.sandbox.runtimes import make_launcher
from selfcodealign.sandbox.settings import SandboxSettings

MAX_OUTPUT_BYTES = 256 << 20
KEPT_STDERR_BYTES = 4000
CHUNK_BYTES = 1 << 16
NOBODY_UID = 65534
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the container's own, in memory
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": "/opt/offline",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


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
    launcher = make_launcher(settings)
    launch = Launch(
        command=("python3", "-c", BOOTSTRAP),
        uid=NOBODY_UID,
        environment=ENVIRONMENT,
        folder="/tmp",  # noqa: S108 - the container's own, in memory
        memory_mib=memory_mib,
        tmp_mib=tmp_mib,
    )
    launched = launcher.launch(launch)
    try:
        out, err = _exchange(launched.process, framed_script(script) + payload, time.monotonic() + timeout_s)
    except _TooLate as error:
        raise SandboxError(f"the script in the sandbox took longer than {timeout_s:.0f} s") from error
    finally:
        launched.close()
    if launched.process.returncode:
        raise _failure(launcher, launched.process.returncode, err, memory_mib)
    return out


def harness_isolation(settings: SandboxSettings) -> tuple[str, str]:
    """What decides how a harness runs, for the keys of its cached results.

    Returns:
        The isolation, such as `docker/runsc-ptrace`, and the digest of the image, which is built if it is missing.

    Raises:
        PrerequisiteError: Docker, the runtime or a way to build the image is missing.
    """
    launcher = make_launcher(settings)
    return launcher.isolation, launcher.image_id


class _TooLate(Exception):  # noqa: N818 - not an error by itself
    """The time was up."""


def _exchange(process: subprocess.Popen[bytes], data: bytes, deadline: float) -> tuple[bytes, str]:
    """Write `data` to a process and read all that it writes, in bounded memory, until it has closed its streams.

    Returns:
        Its standard output, and the end of its standard error.

    Raises:
        SandboxError: it wrote more than it may.
        _TooLate: it had not ended at `deadline`, on the monotonic clock.
    """
    stdin, stdout, stderr = streams_of(process)
    unsent, out, err = memoryview(data), bytearray(), bytearray()
    with selectors.DefaultSelector() as selector, stdin, stdout, stderr:
        selector.register(stdin, selectors.EVENT_WRITE)
        for stream in (stdout, stderr):
            selector.register(stream, selectors.EVENT_READ)
        os.set_blocking(stdin.fileno(), False)
        while selector.get_map():
            for key, _ in selector.select(_seconds_until(deadline)):
                if key.fileobj is stdin:
                    unsent = _send(key.fd, unsent)
                    if not unsent:
                        selector.unregister(stdin)
                        stdin.close()
                    continue
                chunk = os.read(key.fd, CHUNK_BYTES)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is stdout:
                    out += chunk
                else:
                    err = (err + chunk)[-KEPT_STDERR_BYTES:]
            if len(out) > MAX_OUTPUT_BYTES:
                raise SandboxError(f"the script in the sandbox wrote more than {MAX_OUTPUT_BYTES >> 20} MiB")
    try:
        process.wait(_seconds_until(deadline))
    except subprocess.TimeoutExpired as error:
        raise _TooLate from error
    return bytes(out), err.decode("utf-8", "replace").strip()


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _TooLate
    return left


def _send(fd: int, unsent: memoryview) -> memoryview:
    """Write what the pipe takes. Returns the rest; nothing, when nobody reads any more."""
    with contextlib.suppress(BlockingIOError):
        try:
            return unsent[os.write(fd, unsent[:CHUNK_BYTES]) :]
        except BrokenPipeError:  # it ended early: its exit code says why
            return unsent[:0]
    return unsent


def _failure(launcher: Launcher, code: int, stderr: str, memory_mib: int) -> Exception:
    explained = launcher.explain(code, stderr)
    if explained is not None:
        return explained
    last = stderr.splitlines()[-1] if stderr else "nothing on standard error"
    if launcher.is_out_of_memory(code):
        return SandboxError(f"the script in the sandbox was killed; it may need more than {memory_mib} MiB ({last})")
    return SandboxError(f"the script in the sandbox ended with code {code}: {last}")
