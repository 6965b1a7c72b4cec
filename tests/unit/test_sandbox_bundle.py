"""What `runsc` is told without Docker, the folders that it works in, its root file system: no sandbox is started."""

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.sandbox import SandboxSettings, open_sandbox
from selfcodealign.sandbox.direct import GUARD
from selfcodealign.sandbox.image import ensure_root_folder
from selfcodealign.sandbox.launcher import Launch
from selfcodealign.sandbox.oci import bundle_config
from selfcodealign.sandbox.workplace import Workplace

LAUNCH = Launch(
    command=("python3", "-c", "x"),
    uid=7,
    capabilities=("KILL",),
    environment={"A": "b=c"},
    folder="/tmp",
    memory_mib=600,
    tmp_mib=16,
)


def test_a_bundle_runs_the_command_as_its_user_in_a_read_only_root() -> None:
    config = bundle_config(Path("/cache/root"), LAUNCH)
    assert config["root"] == {"path": "/cache/root", "readonly": True}
    process = config["process"]
    assert process["args"] == ["python3", "-c", "x"]
    assert process["user"] == {"uid": 7, "gid": 7}
    assert process["env"] == ["A=b=c"]
    assert process["cwd"] == "/tmp"
    assert process["noNewPrivileges"] is True
    assert {"type": "RLIMIT_CORE", "hard": 0, "soft": 0} in process["rlimits"]


def test_a_bundle_has_only_the_capabilities_that_were_asked_for() -> None:
    capabilities = bundle_config(Path("/r"), LAUNCH)["process"]["capabilities"]
    assert set(capabilities) == {"bounding", "effective", "permitted"}
    assert all(names == ["CAP_KILL"] for names in capabilities.values())
    none = Launch(command=("x",), uid=1, folder="/", memory_mib=1, tmp_mib=1)
    assert not any(bundle_config(Path("/r"), none)["process"]["capabilities"].values())


def test_nothing_of_the_host_is_mounted_and_writable_folders_are_bounded() -> None:
    config = bundle_config(Path("/r"), LAUNCH)
    mounts = {mount["destination"]: mount for mount in config["mounts"]}
    assert {mount["type"] for mount in mounts.values()} == {"proc", "sysfs", "tmpfs"}
    assert f"size={16 << 20}" in mounts["/tmp"]["options"]
    assert f"size={16 << 20}" in mounts["/dev/shm"]["options"]
    assert "ro" in mounts["/sys"]["options"]
    namespaces = config["linux"]["namespaces"]
    assert {space["type"] for space in namespaces} == {"pid", "ipc", "uts", "mount", "network"}
    assert not any("path" in space for space in namespaces)  # each is new


def test_a_workplace_is_removed_when_its_owner_is_gone_and_only_then(tmp_path: Path) -> None:
    script = (
        "import pathlib, sys, time\nfrom selfcodealign.sandbox.workplace import Workplace\n"
        f"w = Workplace(pathlib.Path({str(tmp_path)!r}))\nprint(w.new_bundle()[0], flush=True)\ntime.sleep(100)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    bundle = Path(owner.stdout.readline().strip())
    straggler = subprocess.Popen(["sh", "-c", "sleep 100; :", f"--root={bundle / 'state'}"])
    mine = Workplace(tmp_path)
    assert (bundle / "state").is_dir()
    assert straggler.poll() is None
    owner.kill()
    owner.wait()
    again = Workplace(tmp_path)
    assert not bundle.parent.exists()
    assert straggler.wait(10) == -signal.SIGKILL
    kept = mine.new_bundle()[0].parent
    assert kept.is_dir()
    del mine, again
    assert list(tmp_path.iterdir()) == []


def test_what_the_guard_starts_dies_with_its_owner(tmp_path: Path) -> None:
    script = (
        f"import os, subprocess, sys, time\np = subprocess.Popen([sys.executable, '-I', '-S', '-c', {GUARD!r},"
        f" str(os.getpid()), '4096', '999424', '/bin/sh', '-c', 'echo $$ >{tmp_path}/pid; exec sleep 100'])\n"
        f"while not (os.path.exists('{tmp_path}/pid') and open('{tmp_path}/pid').read()):\n    time.sleep(0.05)\n"
        "print('started', flush=True)\ntime.sleep(100)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "started\n"
    pid = int((tmp_path / "pid").read_text())
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert "Max file size             4096" in limits
    assert "Max data size             999424" in limits
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_the_guard_starts_nothing_for_an_owner_that_is_gone() -> None:
    command = [sys.executable, "-I", "-S", "-c", GUARD, str(os.getpid() + 1), "4096", "99", "/bin/echo", "ran"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b""


def make_tar(path: Path, content: str = "x") -> Path:
    source = path.with_name("source")
    (source / "etc").mkdir(parents=True, exist_ok=True)
    (source / "etc" / "hosts").unlink(missing_ok=True)
    (source / "etc" / "hosts").symlink_to("/proc/self/nowhere")
    (source / "file").write_text(content)
    with tarfile.open(path, "w") as tar:
        tar.add(source, arcname=".")
    return path


def test_a_root_file_system_is_unpacked_once_and_named_by_its_content(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "root.tar")
    first = ensure_root_folder(tmp_path / "cache", tar)
    assert first.is_new
    assert first.id == "sha256:" + hashlib.sha256(tar.read_bytes()).hexdigest()
    assert (first.path / "file").read_text() == "x"
    assert "localhost" in (first.path / "etc" / "hosts").read_text()
    assert not (first.path / "etc" / "hosts").is_symlink()
    second = ensure_root_folder(tmp_path / "cache", tar)
    assert (second.path, second.id, second.is_new) == (first.path, first.id, False)
    other = ensure_root_folder(tmp_path / "cache", make_tar(tmp_path / "other.tar", "y"))
    assert other.id != first.id
    assert other.path != first.path


def test_a_tar_that_is_damaged_or_missing_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    tar = tmp_path / "root.tar"
    tar.write_bytes(b"no tar" * 1000)
    with pytest.raises(SandboxError, match="tar failed"):
        ensure_root_folder(tmp_path / "cache", tar)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]
    with pytest.raises(PrerequisiteError, match="docker export"):
        ensure_root_folder(tmp_path / "cache", tmp_path / "none.tar")


def test_what_a_killed_process_unpacked_is_removed(tmp_path: Path) -> None:
    (tmp_path / "cache" / "abc.new" / "root").mkdir(parents=True)
    ensure_root_folder(tmp_path / "cache", make_tar(tmp_path / "root.tar"))
    assert not (tmp_path / "cache" / "abc.new").exists()


def test_without_runsc_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = SandboxSettings(runtime="runsc-direct", cache=tmp_path)
    with pytest.raises(PrerequisiteError, match="runsc is not installed; run `make sandbox`"), open_sandbox(settings):
        pass
