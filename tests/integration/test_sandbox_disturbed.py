"""A thousand programs while the sandbox is disturbed: each gets the verdict that an undisturbed run gives."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfcodealign.errors import SandboxError
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox
from selfcodealign.sandbox import pool as pool_module
from selfcodealign.sandbox.docker import CONTAINER_LABEL, Docker, docker_host
from selfcodealign.sandbox.image import ensure_image

pytestmark = pytest.mark.sandbox

ROOT = Path(__file__).parents[2]
NUM_PROGRAMS = 1000
LIMITS = Limits(timeout_s=5.0, memory_mib=256, max_file_mib=16)
SETTINGS = SandboxSettings(limits=LIMITS, num_workers=2)
HANG_GRACE_S = 5.0  # so that a container that hangs is noticed while the test lasts
DAEMON_TIMEOUT_S = 300

F = "def f(x):\n    return x + {i}\n"
KINDS = (
    F + "assert f(1) == {i} + 1\n",
    F + "assert f(1) == {i}\n",
    F + "assert f(None) == {i}\n",
    F + "assert True\n",
    "import os\n" + F + "assert f(1) == {i} + 1 and os.listdir('.') == []\n",
    "import os\n" + F + "open('f', 'w').write('x')\nassert os.path.getsize('f') == f(0)\n",
    "import sys\n" + F + "sys.exit(0)\nassert f(1) == 1\n",
    "def f(x:\n    return {i}\n",
)
# Now and then, the disk is filled and the memory used up from inside.
FULL_DISK = "# {i}\nwith open('big', 'wb') as file:\n    while True:\n        file.write(bytes(2 ** 20))\n"
MEMORY_HOG = "# {i}\nkept = []\nwhile True:\n    kept.append(bytearray(2 ** 24))\n"

Verdicts = dict[int, tuple[str, int]]
Disturbance = Callable[[Docker], None]


def programs() -> list[Program]:
    sources = [KINDS[i % len(KINDS)] for i in range(NUM_PROGRAMS)]
    for i in range(50, NUM_PROGRAMS, 100):
        sources[i] = FULL_DISK
        sources[i + 20] = MEMORY_HOG
    return [Program(str(i), source.format(i=i)) for i, source in enumerate(sources)]


def containers(docker: Docker) -> list[str]:
    """The names of our running containers; there is always one soon."""
    label = f"--filter=label={CONTAINER_LABEL}={os.getpid()}"
    deadline = time.monotonic() + 60
    while not (names := docker.run("ps", "--format={{.Names}}", label).split()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return names


def kill_all(docker: Docker) -> None:
    with contextlib.suppress(SandboxError):  # one of them ended meanwhile
        docker.run("kill", *containers(docker))


def end_supervisor(docker: Docker) -> None:
    with contextlib.suppress(SandboxError):
        docker.run("kill", "--signal=TERM", containers(docker)[0])


def sandbox_process(docker: Docker) -> int:
    """The process on the host in which a whole container runs; 0 if it just ended."""
    with contextlib.suppress(SandboxError):
        return int(docker.run("inspect", "--format={{.State.Pid}}", containers(docker)[0]))
    return 0


def kill_sandbox(docker: Docker) -> None:
    if pid := sandbox_process(docker):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class Hang:
    """Lets a container hang: it answers neither us nor Docker.

    Attributes:
        pid: of the process that was stopped; 0 before.
    """

    def __init__(self) -> None:
        self.pid = 0

    def __call__(self, docker: Docker) -> None:
        if pid := sandbox_process(docker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.pid = pid

    def end(self) -> None:
        """Whatever the test says: no hanging container is left to a daemon that others use too."""
        with contextlib.suppress(OSError):
            if self.pid and b"runsc-sandbox" in Path(f"/proc/{self.pid}/cmdline").read_bytes():
                os.kill(self.pid, signal.SIGKILL)


def run_inside(*command: str) -> Disturbance:
    """A command as the container's root, beside the programs: it may end with the container."""

    def disturb(docker: Docker) -> None:
        with contextlib.suppress(SandboxError):
            docker.run("exec", "--user=0", containers(docker)[0], *command)

    return disturb


fill_disk = run_inside("sh", "-c", "head -c 100000000 /dev/zero > /tmp/full || true")
use_up_memory = run_inside("python3", "-c", "x = b'x' * (3 << 30)")

# After so many verdicts.
DISTURBANCES: dict[int, Disturbance] = {
    80: kill_all,
    200: kill_sandbox,
    320: end_supervisor,
    440: fill_disk,
    560: use_up_memory,
    640: kill_all,
}
HANG_AFTER = 850  # at last: who asks Docker to kill what hangs makes Docker hang too


def run(settings: SandboxSettings, disturb: Callable[[int], None]) -> Verdicts:
    """Statuses and counts of assertions by position; `disturb` is called after each verdict with their number."""
    verdicts: Verdicts = {}
    with open_sandbox(settings) as sandbox:
        for index, verdict in sandbox.run_as_completed(programs()):
            assert index not in verdicts
            verdicts[index] = (verdict.status, verdict.assertions)
            disturb(len(verdicts))
    return verdicts


@pytest.fixture(scope="module")
def undisturbed() -> Verdicts:
    return run(SETTINGS, lambda _: None)


def test_an_undisturbed_run_gives_what_each_program_deserves(undisturbed: Verdicts) -> None:
    assert sorted(undisturbed) == list(range(NUM_PROGRAMS))
    statuses = [undisturbed[i][0] for i in range(len(KINDS))]
    assert statuses == ["passed", "failed", "error", "vacuous", "passed", "failed", "incomplete", "syntax"]
    assert {undisturbed[i][0] for i in range(50, NUM_PROGRAMS, 100)} == {"error"}
    assert {undisturbed[i][0] for i in range(70, NUM_PROGRAMS, 100)} == {"memory"}


def test_containers_that_are_killed_hang_or_are_full_change_no_verdict(
    undisturbed: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "GRACE_S", HANG_GRACE_S)
    docker = Docker(docker_host())
    hang = Hang()
    disturbances = {**DISTURBANCES, HANG_AFTER: hang}
    done = set()

    def disturb(num_verdicts: int) -> None:
        if num_verdicts in disturbances:
            disturbances[num_verdicts](docker)
            done.add(num_verdicts)

    try:
        assert run(SETTINGS, disturb) == undisturbed
        assert_nothing_is_left(docker)
    finally:
        hang.end()
    assert done == set(disturbances)
    assert hang.pid


def assert_nothing_is_left(docker: Docker) -> None:
    assert docker.run("ps", "--all", "--quiet", f"--filter=label={CONTAINER_LABEL}={os.getpid()}") == ""


def setup_docker(folder: Path, command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    script = [str(folder / "setup" / "docker.sh"), command]
    subprocess.run(script, cwd=folder, env=environment, timeout=DAEMON_TIMEOUT_S, check=True, capture_output=True)


@pytest.fixture
def own_daemon(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with a set-up whose Docker daemon nobody else uses, and the daemon's address; the image is in it."""
    if os.geteuid() != 0:
        pytest.skip("starts a Docker daemon, which takes root")
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copytree(ROOT / "setup", folder / "setup")
    sandbox = Path("selfcodealign") / "sandbox"
    (folder / sandbox).mkdir(parents=True)
    for name in ("platforms.py", "releases.py"):  # what the set-up runs of the library
        shutil.copy(ROOT / sandbox / name, folder / sandbox / name)
    setup_docker(folder, "start")
    host_file = folder / ".tools" / "docker-host"
    if not host_file.exists():
        pytest.skip("this machine's own Docker has gVisor: none of ours is started")
    host = host_file.read_text(encoding="utf-8").strip()
    try:
        shared = Docker(docker_host())
        save = subprocess.Popen(shared.command("save", ensure_image(shared).tag), stdout=subprocess.PIPE)
        subprocess.run(Docker(host).command("load"), stdin=save.stdout, check=True, timeout=DAEMON_TIMEOUT_S)
        assert save.wait() == 0
        yield folder, host
    finally:
        setup_docker(folder, "purge")


def test_a_daemon_that_is_restarted_changes_no_verdict(undisturbed: Verdicts, own_daemon: tuple[Path, str]) -> None:
    folder, host = own_daemon

    def disturb(num_verdicts: int) -> None:
        if num_verdicts == 300:
            setup_docker(folder, "stop")
            setup_docker(folder, "start")

    settings = SandboxSettings(limits=LIMITS, num_workers=2, docker_host=host)
    assert run(settings, disturb) == undisturbed
