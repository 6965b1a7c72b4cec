"""Which gVisor platform is the fastest here: each is tried once, bounded in time, and the answer is remembered.

Only the standard library: setup/docker.sh runs this file by itself, before there is a virtual environment, so that the
daemon's platform and that of `runsc` without Docker are chosen by the same rule.

    python3 -I platforms.py RUNSC CACHE_FILE     prints the platform
"""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# In the order in which they are tried. ptrace runs nearly everywhere; systrap came in 2023 and is today's default; kvm
# is the fastest on bare metal, and hangs where nested virtualisation only looks as if it worked.
PTRACE, SYSTRAP, KVM = "ptrace", "systrap", "kvm"
KVM_DEVICE = Path("/dev/kvm")
# What sandboxed programs cost most: processes that are started and end.
PROGRAM = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done"
FIRST_TIMEOUT_S = 60.0
# Once one works, a platform that takes so many times as long has lost.
LATER_TIMEOUT_FACTOR = 4.0
LATER_TIMEOUT_MIN_S = 5.0
NUM_ROUNDS = 2
VERSION_TIMEOUT_S = 30.0


class NoPlatformError(Exception):
    """No platform starts a sandbox here. The message has what the last one complained of."""


def choose_platform(runsc: str, cache: Path) -> str:
    """The fastest platform that works here, from the cache file if this `runsc` was tried on this kernel before.

    Args:
        runsc: path of the program.
        cache: JSON file that remembers; delete it to try again.

    Raises:
        NoPlatformError: none works, or `runsc` itself does not run.
    """
    key = _cache_key(runsc_release(runsc))
    remembered = _remembered(key, cache)
    if remembered is not None:
        return remembered
    seconds = measure_platforms(runsc)
    fastest = min(seconds, key=lambda name: seconds[name])
    _remember(cache, key, {"platform": fastest, "seconds": seconds})
    return fastest


def remembered_platform(release: str, cache: Path) -> str | None:
    """What `choose_platform` chose earlier; None: it was never asked for this release of `runsc` on this kernel.

    Args:
        release: as `runsc_release` gives it.
        cache: as for `choose_platform`.
    """
    return _remembered(_cache_key(release), cache)


def runsc_release(runsc: str) -> str:
    """What `runsc --version` calls itself, such as `release-20240715.0` or Debian's `0.0~20221219.0`.

    Raises:
        NoPlatformError: it does not run.
    """
    try:
        done = subprocess.run([runsc, "--version"], capture_output=True, timeout=VERSION_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPlatformError(f"{runsc} --version fails: {error}") from error
    return done.stdout.decode("utf-8", "replace").partition("\n")[0].removeprefix("runsc version ").strip()


def measure_platforms(runsc: str) -> dict[str, float]:
    """Seconds that a sandbox with a few dozen short processes takes on each platform that works.

    Raises:
        NoPlatformError: none works.
    """
    candidates = [PTRACE, SYSTRAP, *([KVM] if os.access(KVM_DEVICE, os.R_OK | os.W_OK) else [])]
    seconds: dict[str, float] = {}
    complaint = ""
    for name in candidates:
        best_s = min(seconds.values(), default=None)
        timeout_s = FIRST_TIMEOUT_S if best_s is None else max(LATER_TIMEOUT_MIN_S, LATER_TIMEOUT_FACTOR * best_s)
        try:
            seconds[name] = min(_try(runsc, name, timeout_s) for _ in range(NUM_ROUNDS))
        except NoPlatformError as error:
            complaint = f"{name}: {error}"
    if not seconds:
        raise NoPlatformError(complaint)
    return seconds


def _try(runsc: str, name: str, timeout_s: float) -> float:
    """Run the program once. Returns the seconds that it took.

    Raises:
        NoPlatformError: it failed, or had not ended in time and was killed with all its processes.
    """
    with tempfile.TemporaryDirectory(prefix="selfcodealign-probe-", ignore_cleanup_errors=True) as state:
        command = [runsc, f"--root={state}", f"--platform={name}", "--network=none", "--ignore-cgroups"]
        command += ["--rootless"] if os.geteuid() else []
        started = time.monotonic()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [*command, "do", "/bin/sh", "-c", PROGRAM],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout_s)
            except subprocess.TimeoutExpired as error:
                raise NoPlatformError(f"hangs (killed after {timeout_s:.0f} s)") from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                end_processes_of(Path(state))
            took_s = time.monotonic() - started
            if code:
                output.seek(0)
                lines = output.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
                raise NoPlatformError(lines[-1] if lines else f"ended with code {code}")
    return took_s


def end_processes_of(state: Path) -> None:
    """Kill every process whose command line names a folder as the one where `runsc` keeps its state.

    gVisor's processes leave the process group of the command that started them; this finds them all the same.
    """
    argument = f"--root={state}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if argument in words:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.name), signal.SIGKILL)


def _cache_key(release: str) -> str:
    return f"{release}, kernel {platform.release()}, {'rootless' if os.geteuid() else 'root'}"


def _remembered(key: str, cache: Path) -> str | None:
    entry = _read_cache(cache).get(key)
    chosen = entry.get("platform") if isinstance(entry, dict) else None
    return chosen if chosen in {PTRACE, SYSTRAP, KVM} else None


def _read_cache(cache: Path) -> dict[str, object]:
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError):  # not there yet, or damaged: measuring again mends it
        return {}
    return content if isinstance(content, dict) else {}


def _remember(cache: Path, key: str, entry: dict[str, object]) -> None:
    temporary = cache.with_name(f".{cache.name}.{os.getpid()}.tmp")
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({**_read_cache(cache), key: entry}, indent=2) + "\n", encoding="utf-8")
        temporary.replace(cache)
    except OSError:  # then it is measured again the next time
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        sys.stdout.write(choose_platform(sys.argv[1], Path(sys.argv[2])) + "\n")
    except NoPlatformError as error:
        sys.exit(str(error))
