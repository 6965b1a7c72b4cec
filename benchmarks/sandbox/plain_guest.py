"""Runs in a container: each program in a fresh `python`, one after the other, without any judge.

Standard input is JSON, `{"sources", "timeout_s", "memory_mib"}`; standard output is a JSON list with the exit code and
the end of standard error of each program. The exit code of a program that ran out of time is null.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

HOME = "/tmp/plain"  # noqa: S108 - the container's own, in memory
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
KEPT_BYTES = 2000


def run_plainly(source: str, timeout_s: float, memory_mib: int) -> tuple[int | None, str]:
    """Run one program as `python program.py` in an empty folder.

    Returns:
        Its exit code, None if it ran out of time, and the end of what it wrote to standard error.
    """
    shutil.rmtree(HOME, ignore_errors=True)
    os.makedirs(HOME)
    with open(f"{HOME}/program.py", "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(source)
    with open("/tmp/stderr", "wb+") as stderr:  # noqa: S108 - the container's own
        process = subprocess.Popen(
            ["python3", "program.py"],
            cwd=HOME,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20,) * 2),  # noqa: PLW1509
        )
        try:
            code: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        stderr.seek(0, os.SEEK_END)
        stderr.seek(max(0, stderr.tell() - KEPT_BYTES))
        return code, stderr.read().decode("utf-8", "replace")


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    limits = float(request["timeout_s"]), int(request["memory_mib"])
    json.dump([run_plainly(source, *limits) for source in request["sources"]], sys.stdout)


if __name__ == "__main__":
    main()
