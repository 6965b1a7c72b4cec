"""gVisor without a Docker daemon: what Docker would have done for us is done, and nothing is left on the host."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from selfcodealign.errors import SandboxError
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox, run_harness
from selfcodealign.sandbox.workplace import workplaces

pytestmark = pytest.mark.sandbox

LIMITS = Limits(timeout_s=10.0, memory_mib=512, max_file_mib=16)
SETTINGS = SandboxSettings(runtime="runsc-direct", limits=LIMITS, num_workers=2)


def sandbox_processes(owner: int | None = None) -> dict[int, list[str]]:
    """The command lines of gVisor's processes in a workplace of ours; only those below a process, if it is given."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_text().split("\0") if entry.name.isdigit() else []
        except OSError:
            continue  # it ended meanwhile
        if any(word.startswith(f"--root={workplaces()}/") for word in words):
            found[int(entry.name)] = words
    if owner is None:
        return found
    folders = {str(folder) for folder in owned_folders(owner)}
    return {pid: words for pid, words in found.items() if any(folder in word for word in words for folder in folders)}


def owned_folders(owner: int) -> set[Path]:
    """The workplaces whose lock a process has open."""
    links = [os.readlink(fd) for fd in Path(f"/proc/{owner}/fd").iterdir() if fd.is_symlink()]
    return {Path(link).parent for link in links if link.startswith(f"{workplaces()}/")}


def mixed_programs(count: int) -> list[Program]:
    return [
        Program(str(i), f"def f(x):\n    return x + {i}\nassert f(1) == {i + 1 + (i % 7 == 0)}") for i in range(count)
    ]


def wait_until_gone(folders: set[Path], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    names = [f"--root={folder}/" for folder in folders]
    while time.monotonic() < deadline:
        if not any(word.startswith(tuple(names)) for words in sandbox_processes().values() for word in words):
            return
        time.sleep(0.1)
    raise AssertionError(f"still running: {sandbox_processes()}")


@pytest.mark.parametrize("part", ["run", "boot", "gofer"])
def test_sandboxes_killed_in_the_middle_change_no_verdict(part: str) -> None:
    num_killed = 0
    with open_sandbox(SETTINGS) as sandbox:
        verdicts = []
        for verdict in sandbox.run(mixed_programs(60)):
            verdicts.append(verdict)
            if len(verdicts) in {10, 30}:
                for pid, words in sandbox_processes(os.getpid()).items():
                    if part in words:
                        os.kill(pid, signal.SIGKILL)
                        num_killed += 1
    assert num_killed >= 2
    assert [(verdict.id, verdict.status) for verdict in verdicts] == [
        (str(i), "failed" if i % 7 == 0 else "passed") for i in range(60)
    ]
    assert sandbox_processes(os.getpid()) == {}


def test_nothing_is_left_on_the_host_at_the_end() -> None:
    before = set(workplaces().iterdir())
    with open_sandbox(SETTINGS) as sandbox:
        list(sandbox.run(mixed_programs(6)))
        (folder,) = set(workplaces().iterdir()) - before
        assert [path.name for path in folder.iterdir() if path.name != "lock"]  # the bundles of the sandboxes
    assert [path.name for path in folder.iterdir()] == ["lock"]
    del sandbox
    wait_until_gone({folder})


def test_a_killed_owner_leaves_no_sandbox_and_its_folder_is_removed_by_the_next() -> None:
    script = (
        "from selfcodealign.sandbox import *\n"
        "limits = Limits(timeout_s=60, memory_mib=512)\n"
        "with open_sandbox(SandboxSettings(runtime='runsc-direct', num_workers=1, limits=limits)) as s:\n"
        "    for v in s.run([Program('1', 'x = 1\\nassert x'), Program('2', 'import time\\ntime.sleep(60)')]):\n"
        "        print(v.status, flush=True)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, owner.kill)
    watchdog.start()
    assert owner.stdout is not None
    assert owner.stdout.readline() == "passed\n"
    folders = owned_folders(owner.pid)
    assert sandbox_processes(owner.pid)
    owner.kill()
    owner.wait()
    watchdog.cancel()
    wait_until_gone(folders, timeout_s=5.0)  # at once: not when its program ends
    with open_sandbox(SETTINGS):
        assert not any(folder.exists() for folder in folders)


# Scripts of ours have no limit of their own but the sandbox's.
FILL_MEMORY = "parts = []\nwhile True:\n    parts.append(bytearray(b'x' * (64 << 20)))\n"
FILL_PIPES = """
import fcntl, os, time
for _ in range(40):
    if os.fork() == 0:
        while True:
            read, write = os.pipe()
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1 << 20)
            os.set_blocking(write, False)
            try:
                while True:
                    os.write(write, b"x" * 65536)
            except BlockingIOError:
                pass
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("script", "complaint"), [(FILL_MEMORY, "may need more than 900 MiB"), (FILL_PIPES, "gVisor itself ended")]
)
def test_the_memory_of_a_whole_sandbox_is_bounded_on_the_host(script: str, complaint: str) -> None:
    largest_mib = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal largest_mib
        while not done.wait(0.05):
            largest_mib = max(largest_mib, sum(memory_mib(pid) for pid in sandbox_processes(os.getpid())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(SandboxError, match=complaint):
            run_harness(script, b"", settings=SETTINGS, timeout_s=120, memory_mib=900, tmp_mib=64)
    finally:
        done.set()
        watcher.join()
    assert 500 < largest_mib < 2500  # 1 GiB for the processes, 1 GiB for gVisor's kernel


def memory_mib(pid: int) -> int:
    """What a process of gVisor holds: its own private memory, and the file with the sandboxed processes' memory."""
    num_bytes = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                num_bytes += int(line.split()[1]) << 10
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            if "runsc-memory" in os.readlink(fd):
                num_bytes += fd.stat().st_blocks * 512
    except OSError:
        pass  # it ended meanwhile
    return num_bytes >> 20


HARNESS = (
    "import os, sys, evalplus.evaluate\ndata = sys.stdin.buffer.read()\n"
    "sys.stdout.buffer.write(data[::-1] + b' %d' % os.getuid())"
)


def test_a_harness_script_gets_bytes_and_gives_bytes_as_nobody() -> None:
    payload = bytes(range(256)) * 2000
    answer = run_harness(HARNESS, payload, settings=SETTINGS, timeout_s=120, memory_mib=1500)
    assert answer == payload[::-1] + b" 65534"


@pytest.mark.parametrize("runtime", ["runsc", "runsc-direct"])
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("1 / 0", "ended with code 1: ZeroDivisionError"),
        ("import time\ntime.sleep(60)", "took longer than 5 s"),
        ("import sys\nwhile True:\n    sys.stdout.write('x' * 100000)", "wrote more than 256 MiB"),
        ("import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)", "ended with code 1"),
        ("open('/etc/passwd', 'a')", "ended with code 1: .*(Read-only|Permission)"),
    ],
)
def test_a_harness_that_fails_is_one_line(runtime: str, script: str, complaint: str) -> None:
    settings = SandboxSettings(runtime=runtime)
    timeout_s = 5 if "sleep" in script else 60
    with pytest.raises(SandboxError, match=complaint) as caught:
        run_harness(script, b"", settings=settings, timeout_s=timeout_s, memory_mib=1000, tmp_mib=64)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="nobody needs an interpreter that it can read")
def test_without_root_gvisor_starts_rootless_and_says_so() -> None:
    # The folders of this test's interpreter and cache may be closed to nobody: /usr/bin's, and the host's own files as
    # a read-only root, are not.
    script = (
        "import encodings.ascii, os, pathlib, shutil, sys, tempfile\n"
        "from selfcodealign.sandbox.direct import RunscLauncher, find_runsc\n"
        "from selfcodealign.sandbox.launcher import Launch\n"
        "from selfcodealign.sandbox.platforms import choose_platform\n"
        "sys.executable = '/usr/bin/python3'\nos.chdir('/')\n"
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    platform = choose_platform(find_runsc(), pathlib.Path(folder) / 'platform.json')\n"
        "launcher = RunscLauncher(find_runsc(), platform, pathlib.Path('/'), 'host')\n"
        "command = ('/bin/sh', '-c', 'id -u; cat /proc/version; echo x >/usr/x || echo read-only')\n"
        "launch = Launch(command=command, uid=7, folder='/', memory_mib=500, tmp_mib=16)\n"
        "launched = launcher.launch(launch)\n"
        "out, err = launched.process.communicate(timeout=60)\n"
        "launched.close()\n"
        "print(launcher.isolation, out.decode(), err.decode())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    isolation, uid, *rest = done.stdout.split()
    assert isolation.startswith("runsc-")
    assert isolation.endswith("-rootless")
    assert uid == "7"
    assert "gVisor" in rest or "4.4.0" in rest  # its own kernel, not the host's
    assert "read-only" in rest


def test_the_files_of_the_host_are_not_there() -> None:
    marker = Path(tempfile.gettempdir()) / f"selfcodealign-marker-{os.getpid()}"
    marker.write_text("of the host")
    script = (
        "import json, os, socket, sys\n"
        f"sys.stdout.write(json.dumps([os.path.exists({str(marker)!r}), os.path.exists({str(Path.cwd())!r}),"
        " sorted(os.environ), socket.gethostname(), sorted(os.listdir('/tmp'))]))"
    )
    try:
        answer = run_harness(script, b"", settings=SETTINGS, timeout_s=60, memory_mib=900, tmp_mib=64)
    finally:
        marker.unlink()
    sees_marker, sees_repository, variables, hostname, temporary = json.loads(answer)
    assert not sees_marker
    assert not sees_repository
    assert set(variables) <= {
        *("HOME", "PATH", "LANG", "LC_CTYPE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS"),
    }
    assert hostname == "sandbox"
    assert temporary == []
