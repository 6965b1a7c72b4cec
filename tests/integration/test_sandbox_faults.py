"""The sandbox's own faults: retried, never the program's; nothing is left behind; prerequisites are one line."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.records import Verdict
from selfcodealign.sandbox import Limits, Program, SandboxSettings, open_sandbox, run_harness
from selfcodealign.sandbox import pool as pool_module
from selfcodealign.sandbox.container import ContainerError
from selfcodealign.sandbox.docker import CONTAINER_LABEL, Docker, docker_host
from selfcodealign.sandbox.image import ensure_image
from selfcodealign.sandbox.known_answers import KnownAnswer
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Status

pytestmark = pytest.mark.sandbox

SETTINGS = SandboxSettings(limits=Limits(timeout_s=10.0, memory_mib=512), num_workers=2)
DOCKER = Docker(docker_host())


def own_containers() -> list[str]:
    return DOCKER.run("ps", "--all", "--quiet", f"--filter=label={CONTAINER_LABEL}={os.getpid()}").split()


def mixed_programs(count: int) -> list[Program]:
    return [
        Program(str(i), f"def f(x):\n    return x + {i}\nassert f(1) == {i + 1 + (i % 7 == 0)}") for i in range(count)
    ]


def statuses(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.id, verdict.status) for verdict in verdicts]


def running_containers() -> list[str]:
    """Those of this process; where they are being replaced at the moment, the new ones."""
    deadline = time.monotonic() + 60
    while not (found := own_containers()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_containers_killed_in_the_middle_change_no_verdict() -> None:
    programs = mixed_programs(600)
    expected = [(str(i), "failed" if i % 7 == 0 else "passed") for i in range(600)]
    killed = []
    with open_sandbox(SETTINGS) as sandbox:
        verdicts = []
        for verdict in sandbox.run(programs):
            verdicts.append(verdict)
            if len(verdicts) in {50, 300}:
                containers = running_containers()
                killed += containers
                DOCKER.run("kill", *containers)
    assert len(killed) >= 2
    assert statuses(verdicts) == expected
    assert own_containers() == []


def test_a_container_is_replaced_after_its_number_of_programs() -> None:
    settings = SandboxSettings(limits=SETTINGS.limits, num_workers=1, programs_per_container=12)
    seen = set()
    with open_sandbox(settings) as sandbox:
        for _ in sandbox.run(mixed_programs(30)):
            seen.update(own_containers())
    assert len(seen) >= 3


def interrupt_in_the_middle(programs: list[Program]) -> None:
    with open_sandbox(SETTINGS) as sandbox:
        for verdict in sandbox.run(programs):
            if verdict.id == "2":
                raise KeyboardInterrupt


def test_nothing_is_left_when_the_caller_leaves_early_or_fails() -> None:
    sleepers = [Program(str(i), "import time\ntime.sleep(9)") for i in range(4)]
    with open_sandbox(SETTINGS) as sandbox:
        for verdict in sandbox.run([*mixed_programs(3), *sleepers]):
            if verdict.id == "2":
                break
    assert own_containers() == []
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt_in_the_middle([*mixed_programs(3), *sleepers])
    assert own_containers() == []
    assert time.monotonic() - started < 60


def test_a_sandbox_can_be_used_again_after_a_batch_that_was_left() -> None:
    with open_sandbox(SETTINGS) as sandbox:
        next(iter(sandbox.run(mixed_programs(20))))
        verdicts = list(sandbox.run(mixed_programs(8)))
    assert len(statuses(verdicts)) == 8


class BrokenContainer:
    """A container that answers the self-test's number of programs and then always breaks."""

    def send(self, message: dict[str, Any]) -> None:
        """Take anything."""

    def receive(self, timeout_s: float) -> dict[str, Any]:
        raise ContainerError("the container ended (code 2)")

    def kill(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to end."""


class BrokenRuntime:
    """A runtime that breaks in a chosen way: the faults of Docker cannot be ordered."""

    isolation = "broken"

    def __init__(self, *, starts: bool) -> None:
        self._starts = starts

    def start(self, limits: Limits, worker: int) -> BrokenContainer:
        if not self._starts:
            raise ContainerError("no space left on device")
        return BrokenContainer()


def test_a_program_whose_container_keeps_breaking_gets_sandbox_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "KNOWN_ANSWERS", ())
    sandbox = Sandbox(BrokenRuntime(starts=True), SandboxSettings(num_workers=2), "")
    try:
        verdicts = list(sandbox.run(mixed_programs(5)))
    finally:
        sandbox.close()
    assert [verdict.status for verdict in verdicts] == ["sandbox_error"] * 5
    assert "broke down 3 times" in verdicts[0].stderr
    assert "code 2" in verdicts[0].stderr


def test_containers_that_cannot_be_started_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "START_PAUSES_S", (0.01,))
    sandbox = Sandbox(BrokenRuntime(starts=False), SandboxSettings(num_workers=1), "")
    try:
        with pytest.raises(SandboxError, match="cannot start a container: no space left on device"):
            list(sandbox.run(mixed_programs(2)))
    finally:
        sandbox.close()


def test_a_sandbox_that_fails_its_self_test_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = KnownAnswer("a wrong expectation", Status.PASSED, "x = 1\nassert x == 2")
    monkeypatch.setattr(pool_module, "KNOWN_ANSWERS", (wrong,))
    with (
        open_sandbox(SETTINGS) as sandbox,
        pytest.raises(SandboxError, match=r"fails its self-test.*should be passed, is failed"),
    ):
        list(sandbox.run(mixed_programs(2)))


def test_a_daemon_that_does_not_answer_and_an_unknown_runtime_are_one_line(tmp_path: Path) -> None:
    settings = SandboxSettings(docker_host=f"unix://{tmp_path}/none.sock")
    with (
        pytest.raises(PrerequisiteError, match="does not answer; start it with `make sandbox`"),
        open_sandbox(settings),
    ):
        pass
    with pytest.raises(PrerequisiteError, match="has no runtime `kata`"):
        DOCKER.isolation("kata")
    with pytest.raises(PrerequisiteError, match="is not there"):
        ensure_image(DOCKER, "selfcodealign/sandbox:none")


def test_the_image_is_in_place_a_second_time() -> None:
    first = ensure_image(DOCKER)
    second = ensure_image(DOCKER)
    assert not second.is_new
    assert second.id == first.id
    assert second.id.startswith("sha256:")


HARNESS = (
    "import os, sys, evalplus.evaluate\ndata = sys.stdin.buffer.read()\n"
    "sys.stdout.buffer.write(data[::-1] + b' %d' % os.getuid())"
)


def test_a_harness_script_gets_bytes_and_gives_bytes_as_nobody() -> None:
    payload = bytes(range(256)) * 2000
    answer = run_harness(HARNESS, payload, settings=SETTINGS, timeout_s=120, memory_mib=1500)
    assert answer == payload[::-1] + b" 65534"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("1 / 0", "ended with code 1: ZeroDivisionError"),
        ("import time\ntime.sleep(60)", "took longer than 3 s"),
        ("x = b'x' * 10 ** 9", "was killed; it may need more than 300 MiB"),
        ("import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)", "ended with code 1"),
    ],
)
def test_a_harness_that_fails_is_one_line_and_leaves_nothing(script: str, complaint: str) -> None:
    timeout_s = 3 if "sleep" in script else 60
    with pytest.raises(SandboxError, match=complaint) as caught:
        run_harness(script, b"", settings=SETTINGS, timeout_s=timeout_s, memory_mib=300, tmp_mib=64)
    assert "\n" not in str(caught.value)
    assert own_containers() == []


def test_a_killed_owner_leaves_no_container(tmp_path: Path) -> None:
    script = (
        "from selfcodealign.sandbox import *\n"
        "with open_sandbox(SandboxSettings(num_workers=1, limits=Limits(timeout_s=3, memory_mib=512))) as s:\n"
        "    for v in s.run([Program('1', 'x = 1\\nassert x'), Program('2', 'import time\\ntime.sleep(3)')]):\n"
        "        print(v.status, flush=True)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(60, owner.kill)
    watchdog.start()
    assert owner.stdout is not None
    assert owner.stdout.readline() == "passed\n"
    owner.kill()
    owner.wait()
    watchdog.cancel()
    deadline = time.monotonic() + 30
    listing = ("ps", "--all", "--quiet", f"--filter=label={CONTAINER_LABEL}={owner.pid}")
    while DOCKER.run(*listing) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert DOCKER.run(*listing) == ""
