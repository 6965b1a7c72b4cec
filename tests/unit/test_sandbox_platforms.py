"""The rule by which gVisor's platform is chosen, on a stand-in for `runsc` that behaves as told."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfcodealign.sandbox import platforms
from selfcodealign.sandbox.platforms import NoPlatformError, choose_platform, remembered_platform, runsc_release

WORKS, IS_SLOW, HANGS = "exit 0", "sleep 0.4", 'sleep 1000 & echo $! >"$0.child"; sleep 1000'
FAILS = "echo some log line; echo no such platform >&2; exit 1"


class FakeRunsc:
    """A `runsc` whose platforms do what a line of shell says."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "runsc"
        self.release = "release-20250101.0"

    def behave(self, **platforms_do: str) -> str:
        cases = "\n".join(f"*--platform={name}*) {line} ;;" for name, line in platforms_do.items())
        self.path.write_text(
            f'#!/bin/sh\ncase "$*" in\n--version) echo "runsc version {self.release}"; echo "spec: 1.1.0"; exit 0 ;;\n'
            f'esac\necho "$*" >>"$0.log"\ncase "$*" in\n{cases}\n*) {FAILS} ;;\nesac\n'
        )
        self.path.chmod(0o755)
        return str(self.path)

    def tried(self) -> list[str]:
        log = self.path.with_name("runsc.log")
        lines = log.read_text().splitlines() if log.exists() else []
        return [word.partition("=")[2] for line in lines for word in line.split() if word.startswith("--platform=")]


@pytest.fixture
def runsc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRunsc:
    monkeypatch.setattr(platforms, "KVM_DEVICE", tmp_path / "no-kvm")
    return FakeRunsc(tmp_path)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("ptrace", "systrap", "chosen"),
    [(WORKS, IS_SLOW, "ptrace"), (IS_SLOW, WORKS, "systrap"), (FAILS, WORKS, "systrap"), (WORKS, FAILS, "ptrace")],
)
def test_the_fastest_platform_that_works_is_chosen(
    runsc: FakeRunsc, tmp_path: Path, ptrace: str, systrap: str, chosen: str
) -> None:
    assert choose_platform(runsc.behave(ptrace=ptrace, systrap=systrap), tmp_path / "cache.json") == chosen


def test_kvm_is_tried_only_where_its_device_is(
    runsc: FakeRunsc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = runsc.behave(ptrace=IS_SLOW, systrap=IS_SLOW, kvm=WORKS)
    assert choose_platform(path, tmp_path / "without.json") != "kvm"
    assert "kvm" not in runsc.tried()
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(platforms, "KVM_DEVICE", tmp_path / "kvm")
    assert choose_platform(path, tmp_path / "with.json") == "kvm"


def test_a_platform_that_hangs_is_killed_with_its_processes_and_the_next_is_tried(
    runsc: FakeRunsc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "FIRST_TIMEOUT_S", 1.0)
    started = time.monotonic()
    assert choose_platform(runsc.behave(ptrace=HANGS, systrap=WORKS), tmp_path / "cache.json") == "systrap"
    assert time.monotonic() - started < 10
    child = int((tmp_path / "runsc.child").read_text())
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def test_once_one_works_the_others_get_little_time(
    runsc: FakeRunsc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "LATER_TIMEOUT_MIN_S", 0.5)
    started = time.monotonic()
    assert choose_platform(runsc.behave(ptrace=WORKS, systrap=HANGS), tmp_path / "cache.json") == "ptrace"
    assert time.monotonic() - started < 10


def test_the_choice_is_remembered_for_this_release_and_kernel(runsc: FakeRunsc, tmp_path: Path) -> None:
    cache = tmp_path / "folder" / "cache.json"
    path = runsc.behave(ptrace=WORKS, systrap=IS_SLOW)
    assert remembered_platform(runsc.release, cache) is None
    assert choose_platform(path, cache) == "ptrace"
    num_tried = len(runsc.tried())
    assert choose_platform(path, cache) == remembered_platform(runsc.release, cache) == "ptrace"
    assert len(runsc.tried()) == num_tried
    runsc.release = "release-20260101.0"
    assert choose_platform(runsc.behave(ptrace=IS_SLOW, systrap=WORKS), cache) == "systrap"
    runsc.release = "release-20250101.0"  # what it was before is still known
    assert choose_platform(runsc.behave(ptrace=IS_SLOW, systrap=WORKS), cache) == "ptrace"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}'])
def test_a_damaged_cache_is_measured_again(runsc: FakeRunsc, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "cache.json"
    cache.write_text(content)
    assert choose_platform(runsc.behave(ptrace=WORKS), cache) == "ptrace"
    assert any(entry.get("platform") == "ptrace" for entry in json.loads(cache.read_text()).values() if entry != 1)


def test_where_nothing_works_the_last_complaint_is_told(runsc: FakeRunsc, tmp_path: Path) -> None:
    with pytest.raises(NoPlatformError, match="systrap: no such platform"):
        choose_platform(runsc.behave(), tmp_path / "cache.json")
    with pytest.raises(NoPlatformError):
        choose_platform(str(tmp_path / "none"), tmp_path / "cache.json")
    assert not (tmp_path / "cache.json").exists()


def test_only_root_runs_runsc_as_root(runsc: FakeRunsc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    choose_platform(runsc.behave(ptrace=WORKS), tmp_path / "cache.json")
    assert "--rootless" in (tmp_path / "runsc.log").read_text()


def test_the_release_is_the_first_line_without_its_words(runsc: FakeRunsc) -> None:
    assert runsc_release(runsc.behave()) == "release-20250101.0"


def test_the_file_runs_by_itself_on_the_standard_library(runsc: FakeRunsc, tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", platforms.__file__]
    path = runsc.behave(ptrace=WORKS)
    done = subprocess.run([*command, path, str(tmp_path / "cache.json")], capture_output=True, text=True, check=True)
    assert done.stdout == "ptrace\n"
    done = subprocess.run(
        [*command, str(tmp_path / "none"), str(tmp_path / "cache.json")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
