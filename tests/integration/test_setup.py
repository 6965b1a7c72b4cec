"""The set-up scripts, run for real in a copy of the repository's own: no test touches the daemon that others use."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from setup_scripts import (
    NOBODY,
    ROOT,
    assert_one_line_with_exit_2,
    copy_of_setup,
    give_to_nobody,
    is_root,
    programs,
    run,
)

from selfcodealign.sandbox import image_tag, is_too_old, root_folders, runsc_release
from selfcodealign.sandbox.releases import MIN_RELEASE

SOCKET_ADDRESS_MAX_BYTES = 107
SKIP_TIMEOUT_S = 20  # half a second on an idle machine; installing takes minutes


def docker_info(host: str) -> str:
    done = subprocess.run(
        ["docker", "-H", host, "info", "--format", "{{json .Runtimes}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout


def own_daemons(folder: Path) -> list[int]:
    """The dockerd processes whose command line names a checkout's data root."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue  # it ended meanwhile
        if words and words[0].endswith(b"dockerd") and f"{folder}/.tools/docker/data".encode() in words:
            found.append(int(entry.name))
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """A checkout in a folder with a space, whose daemon is removed at the end."""
    folder = tmp_path / "a checkout"
    if "runsc" in docker_info("unix:///var/run/docker.sock"):
        pytest.skip("this machine's own Docker has gVisor: none of ours would be started")
    yield copy_of_setup(folder)
    run("docker.sh", folder, "purge")


@pytest.mark.sandbox
@is_root
def test_a_daemon_with_gvisor_is_started_once_and_its_address_written(checkout: Path):
    assert run("docker.sh", checkout, "start").returncode == 0
    host = (checkout / ".tools" / "docker-host").read_text().strip()
    assert "runsc" in docker_info(host)
    (pid,) = own_daemons(checkout)

    started = time.monotonic()
    assert run("docker.sh", checkout, "start").returncode == 0
    assert time.monotonic() - started < SKIP_TIMEOUT_S
    assert own_daemons(checkout) == [pid]

    status = run("docker.sh", checkout, "status")
    assert (status.returncode, status.stdout.strip()) == (0, host)


@pytest.mark.sandbox
@is_root
def test_a_socket_address_is_short_enough_in_however_deep_a_folder(tmp_path: Path):
    if "runsc" in docker_info("unix:///var/run/docker.sock"):
        pytest.skip("this machine's own Docker has gVisor: none of ours would be started")
    deep = copy_of_setup(tmp_path / ("d" * 100))
    try:
        assert run("docker.sh", deep, "start").returncode == 0
        address = (deep / ".tools" / "docker-host").read_text().strip()
        assert len(address.removeprefix("unix://").encode()) <= SOCKET_ADDRESS_MAX_BYTES
        assert "runsc" in docker_info(address)
    finally:
        assert run("docker.sh", deep, "purge").returncode == 0
    assert not Path(address.removeprefix("unix://")).parent.exists()


@pytest.mark.sandbox
@is_root
def test_a_daemon_that_was_killed_is_started_anew(checkout: Path):
    run("docker.sh", checkout, "start")
    (pid,) = own_daemons(checkout)
    os.kill(pid, signal.SIGKILL)
    while own_daemons(checkout):
        time.sleep(0.05)
    assert_one_line_with_exit_2(run("docker.sh", checkout, "status"), "make sandbox")

    assert run("docker.sh", checkout, "start").returncode == 0
    (again,) = own_daemons(checkout)
    assert again != pid
    assert "runsc" in docker_info((checkout / ".tools" / "docker-host").read_text().strip())


@pytest.mark.sandbox
@is_root
def test_a_pid_file_that_names_somebody_elses_process_harms_nobody(checkout: Path):
    bystander = subprocess.Popen(["sleep", "300"])
    try:
        run("docker.sh", checkout, "start")
        (pid,) = own_daemons(checkout)
        pid_file = next(
            word.decode()
            for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if word.endswith(b"dockerd.pid")
        )
        run("docker.sh", checkout, "stop")
        Path(pid_file).write_text(str(bystander.pid))
        assert run("docker.sh", checkout, "stop").returncode == 0
        assert bystander.poll() is None
        assert run("docker.sh", checkout, "start").returncode == 0
        assert len(own_daemons(checkout)) == 1
    finally:
        bystander.kill()


@pytest.mark.sandbox
@is_root
def test_purge_takes_back_the_daemon_its_files_and_its_mounts(checkout: Path):
    run("docker.sh", checkout, "start")
    assert run("docker.sh", checkout, "purge").returncode == 0
    assert own_daemons(checkout) == []
    assert not (checkout / ".tools" / "docker").exists()
    assert not (checkout / ".tools" / "docker-host").exists()
    assert "a\\040checkout" not in Path("/proc/mounts").read_text()
    assert run("docker.sh", checkout, "purge").returncode == 0  # nothing left to take back is no error


@pytest.mark.sandbox
@is_root
def test_after_sudo_make_sandbox_the_owner_of_the_checkout_uses_its_daemon_without_sudo(checkout: Path):
    give_to_nobody(checkout)
    assert run("docker.sh", checkout, "start").returncode == 0
    assert run("owner.sh", checkout).returncode == 0
    (pid,) = own_daemons(checkout)

    assert run("docker.sh", checkout, "start", user=NOBODY).returncode == 0
    assert own_daemons(checkout) == [pid]
    status = run("docker.sh", checkout, "status", user=NOBODY)
    assert status.stdout.strip().startswith("unix://")
    assert os.access(checkout / ".tools" / "docker" / "data", os.F_OK)
    assert (checkout / ".tools" / "docker" / "data").stat().st_uid == 0  # images are root's still

    assert_one_line_with_exit_2(run("docker.sh", checkout, "stop", user=NOBODY), "sudo make stop")
    assert own_daemons(checkout) == [pid]


@pytest.mark.sandbox
@is_root
def test_a_running_daemon_with_an_old_gvisor_is_refused_where_a_current_one_is_required(checkout: Path):
    if not is_too_old(runsc_release("runsc")):
        pytest.skip("gVisor is new enough on this machine")
    assert_one_line_with_exit_2(run("docker.sh", checkout, "start", REQUIRE_CURRENT_GVISOR="1"), MIN_RELEASE)
    assert own_daemons(checkout) == []
    assert run("docker.sh", checkout, "start").returncode == 0
    assert_one_line_with_exit_2(run("docker.sh", checkout, "start", REQUIRE_CURRENT_GVISOR="1"), MIN_RELEASE)


@pytest.mark.parametrize("release", ["release-20250318.0", "0.0~20221219.0"])
def test_an_old_gvisor_is_a_warning_and_refused_where_a_current_one_is_required(
    checkout: Path, tmp_path: Path, release: str
):
    path = programs(tmp_path / "bin", runsc=f"echo runsc version {release}; echo spec: 1.1.0", mmdebstrap="exit 1")
    refused = run("docker.sh", checkout, "runsc", PATH=path, REQUIRE_CURRENT_GVISOR="1")
    assert_one_line_with_exit_2(refused, release, MIN_RELEASE, "https://gvisor.dev")
    warned = run("docker.sh", checkout, "runsc", PATH=path)
    assert warned.returncode == 0
    assert "warning" in warned.stderr
    assert release in warned.stderr
    assert "https://gvisor.dev" in warned.stderr


@pytest.mark.parametrize("release", [f"release-{MIN_RELEASE}.0", "release-20990101.0", "VERSION_MISSING"])
def test_a_new_gvisor_and_one_that_hides_its_age_are_taken(checkout: Path, tmp_path: Path, release: str):
    path = programs(tmp_path / "bin", runsc=f"echo runsc version {release}", mmdebstrap="exit 1")
    done = run("docker.sh", checkout, "runsc", PATH=path, REQUIRE_CURRENT_GVISOR="1")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_copied_root_file_system_needs_no_package(checkout: Path, tmp_path: Path):
    path = programs(tmp_path / "bin", {"apt-get", "mmdebstrap"}, runsc="echo runsc version release-20990101.0")
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    assert_one_line_with_exit_2(run("docker.sh", checkout, "runsc", PATH=path), "mmdebstrap")
    copied = root_folders(checkout / ".cache" / "sandbox") / image_tag().partition(":")[2]
    copied.mkdir(parents=True)
    (copied / "digest").write_text("sha256:0\n")
    done = run("docker.sh", checkout, "runsc", PATH=path)
    assert (done.returncode, done.stderr) == (0, "")


@is_root
def test_without_root_gvisor_alone_says_how_to_do_without_packages(checkout: Path, tmp_path: Path):
    give_to_nobody(checkout)
    path = programs(tmp_path / "bin", {"runsc", "mmdebstrap"})
    done = run("docker.sh", checkout, "runsc", user=NOBODY, PATH=path)
    assert_one_line_with_exit_2(
        done, "runsc mmdebstrap", "put gVisor's runsc on the PATH", "copy .cache/sandbox/rootfs"
    )


@is_root
@pytest.mark.parametrize("left", [".tools/docker/lock", ".tools/pip.log", ".cache/sandbox/platform.json", ".venv/x"])
def test_files_of_root_in_the_way_are_one_line_whose_fix_works(checkout: Path, left: str):
    give_to_nobody(checkout)
    (checkout / left).parent.mkdir(parents=True)
    (checkout / left).touch(mode=0o644)
    for arguments in (["docker.sh", "start"], ["docker.sh", "runsc"], ["python.sh", "cpu,dev"]):
        script, *rest = arguments
        done = run(script, checkout, *rest, user=NOBODY)
        assert_one_line_with_exit_2(done, "belongs to root", f"sudo {checkout}/setup/owner.sh")
    assert run("owner.sh", checkout).returncode == 0
    assert {path.stat().st_uid for path in checkout.rglob("*")} == {NOBODY}
    assert_one_line_with_exit_2(run("docker.sh", checkout, "start", user=NOBODY), "sudo make sandbox")


@is_root
def test_the_daemons_own_files_stay_roots_and_links_out_of_the_checkout_are_not_followed(
    checkout: Path, tmp_path: Path
):
    give_to_nobody(checkout)
    image = checkout / ".tools" / "docker" / "data" / "overlay2"
    image.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.touch()
    (checkout / "link").symlink_to(outside)
    assert run("owner.sh", checkout).returncode == 0
    assert (image.stat().st_uid, outside.stat().st_uid) == (0, 0)
    assert (checkout / ".tools" / "docker").stat().st_uid == NOBODY
    assert (checkout / "link").lstat().st_uid == NOBODY


@pytest.mark.parametrize("system", ["Darwin", "MINGW64_NT-10.0"])
def test_another_system_is_told_in_one_line_that_linux_is_needed(checkout: Path, tmp_path: Path, system: str):
    path = programs(tmp_path / "bin", {"sha256sum", "flock", "setsid"}, uname=f"echo {system}")
    for script, *rest in (["python.sh", "cpu,dev"], ["docker.sh", "start"], ["command.sh", "a test"]):
        assert_one_line_with_exit_2(run(script, checkout, *rest, PATH=path), "needs Linux", system)
    made = subprocess.run(
        ["make", "-s", "setup"],
        cwd=checkout,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert made.stderr.splitlines()[0].startswith("setup: SelfCodeAlign needs Linux")
    assert not (checkout / ".venv").exists()


@is_root
def test_without_root_and_without_gvisor_one_line_says_what_to_do(checkout: Path):
    give_to_nobody(checkout)
    assert_one_line_with_exit_2(run("docker.sh", checkout, "start", user=NOBODY), "sudo make sandbox")


def test_a_docker_host_without_gvisor_is_named_and_left_alone(checkout: Path):
    host = f"unix://{checkout}/no.sock"
    done = run("docker.sh", checkout, "start", DOCKER_HOST=host)
    assert_one_line_with_exit_2(done, host, "unset DOCKER_HOST")
    assert own_daemons(checkout) == []


@is_root
def test_packages_that_cannot_be_had_are_named_in_one_line(checkout: Path, tmp_path: Path):
    path = programs(tmp_path / "bin", {"docker", "dockerd", "runsc", "apt-get"})
    done = run("docker.sh", checkout, "start", PATH=path)
    assert_one_line_with_exit_2(done, "docker.io runsc", "package manager")


def test_processes_that_end_while_leftovers_are_looked_for_do_no_harm(checkout: Path, tmp_path: Path):
    """grep tells of a file in /proc that vanished by its exit status, 2, beside what it found."""
    tools = tmp_path / "tools"
    tools.mkdir()
    stand_in = tools / "grep"
    stand_in.write_text(f'#!/bin/sh\n{shutil.which("grep")} "$@"\ncase "$1" in -ls*) exit 2 ;; esac\n')
    stand_in.chmod(0o755)
    done = run("docker.sh", checkout, "stop", PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_that_is_too_old_is_named_in_one_line(checkout: Path):
    assert_one_line_with_exit_2(run("python.sh", checkout, "cpu,dev", PYTHON="/bin/false"), "/bin/false", "3.11")
    assert not (checkout / ".venv").exists()


def test_an_environment_that_works_is_kept_when_another_python_comes_first(checkout: Path, tmp_path: Path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    kept = checkout / ".venv" / "kept"
    kept.touch()
    other = tmp_path / "bin" / "python3.11"
    other.parent.mkdir()
    other.write_text(
        f'#!/bin/sh\ncase "$1" in --version) echo Python 3.11.99 ;; *) exec {sys.executable} "$@" ;; esac\n'
    )
    other.chmod(0o755)
    run("python.sh", checkout, "dev", PATH=f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    assert kept.exists()


def test_a_package_that_cannot_be_installed_is_one_line_and_not_taken_for_installed(checkout: Path):
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null", "PYTHON": sys.executable}
    assert_one_line_with_exit_2(run("python.sh", checkout, "dev", **offline), "pip.log")
    assert not (checkout / ".venv" / ".selfcodealign-setup").exists()


def keep_hashes_of(checkout: Path, *names: str) -> str:
    """Leave only these packages in the checkout's hashes; returns the text of the file."""
    path = checkout / "setup" / "hashes.txt"
    kept = [re.search(rf"^# .*\n{name}==(?:.* \\\n)+.*\n", path.read_text(), re.MULTILINE)[0] for name in names]
    path.write_text("".join(kept))
    return "".join(kept)


def test_a_file_with_another_hash_is_refused_in_one_line_and_not_installed(checkout: Path):
    text = keep_hashes_of(checkout, "funcy", "setuptools")
    funcy, setuptools = text.split("# core\n")[1:]
    wrong = re.sub("sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, funcy)
    (checkout / "setup" / "hashes.txt").write_text(f"# core\n{wrong}# core\n{setuptools}")
    assert_one_line_with_exit_2(run("python.sh", checkout, "dev", PYTHON=sys.executable), "DO NOT MATCH THE HASHES")
    assert not (checkout / ".venv" / ".selfcodealign-setup").exists()
    assert list((checkout / ".venv").rglob("setuptools-*.dist-info"))
    assert not list((checkout / ".venv").rglob("funcy*"))


def test_a_build_of_torch_with_another_hash_is_not_replaced_by_an_unchecked_one(checkout: Path, tmp_path: Path):
    """The index is a folder with a wheel of torch's name and version, and PyTorch's own is out of reach."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    version = re.search(r"^torch==([0-9.]+)$", (checkout / "constraints.txt").read_text(), re.MULTILINE)[1]
    with zipfile.ZipFile(wheels / f"torch-{version}+cpu-py3-none-any.whl", "w") as wheel:
        info = f"torch-{version}+cpu.dist-info"
        wheel.writestr("torch.py", "forged = True\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}+cpu\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"torch.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    path = checkout / "setup" / "hashes.txt"
    machine = f'python_version == "{sys.version_info[0]}.{sys.version_info[1]}"'
    path.write_text(re.sub(r"(torch==\S+\+cpu ; ).*( \\)", rf"\1{machine}\2", path.read_text()))
    script = checkout / "setup" / "python.sh"
    script.write_text(script.read_text().replace("https://download.pytorch.org/whl/cpu", "http://127.0.0.1:9"))
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0"}
    assert_one_line_with_exit_2(run("python.sh", checkout, "cpu", PYTHON=sys.executable, **offline), "torch", "hash")
    assert "DO NOT MATCH THE HASHES" in (checkout / ".tools" / "pip.log").read_text()
    assert not list((checkout / ".venv").rglob("torch*"))


def test_a_build_of_torch_for_another_python_is_refused_where_hashes_are_required(checkout: Path):
    path = checkout / "setup" / "hashes.txt"
    path.write_text(re.sub(r"(torch==\S+\+cpu ; ).*( \\)", r'\1python_version == "2.7"\2', path.read_text()))
    done = run("python.sh", checkout, "cpu", PYTHON=sys.executable, REQUIRE_HASHES="1")
    assert_one_line_with_exit_2(done, "REQUIRE_HASHES", "no hashes for the CPU build of torch")


def test_an_extra_without_hashes_is_refused_where_hashes_are_required(checkout: Path):
    keep_hashes_of(checkout, "setuptools")
    done = run("python.sh", checkout, "s3", PYTHON=sys.executable, REQUIRE_HASHES="1")
    assert_one_line_with_exit_2(done, "[s3]", "REQUIRE_HASHES")


def test_a_second_setup_ends_within_seconds_and_changes_nothing():
    stamp = ROOT / ".venv" / ".selfcodealign-setup"
    if not stamp.exists():
        pytest.skip("this environment was not made by `make setup`")
    extras = os.environ.get("EXTRAS", "cpu,dev")
    before = stamp.stat().st_mtime_ns
    started = time.monotonic()
    assert run("python.sh", ROOT, extras).returncode == 0
    assert time.monotonic() - started < SKIP_TIMEOUT_S
    assert stamp.stat().st_mtime_ns == before


def test_help_lists_every_target_for_people():
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    listed = set(re.findall(r"^  make (\S+) +\S", done.stdout, re.MULTILINE))
    assert {"setup", "sandbox", "repro", "test", "lint", "doctor", "stop", "clean", "clean-all"} <= listed


def test_the_pins_name_no_host_file_or_local_build():
    pins = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert pins
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][0-9A-Za-z.]*", pin), pin


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {normalised(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in lines}


def test_every_declared_package_is_pinned():
    pinned = {normalised(line.partition("==")[0]) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert declared("cpu", "dev") - pinned == set()


def imported_names(folder: Path) -> set[str]:
    names = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("folders", "extras"),
    [(("selfcodealign", "stages"), ("cpu", "ray")), (("tests",), ("cpu", "dev"))],
)
def test_what_the_code_imports_is_declared(folders: tuple[str, ...], extras: tuple[str, ...]):
    imported = set().union(*(imported_names(ROOT / folder) for folder in folders))
    owners = metadata.packages_distributions()
    ours = {"selfcodealign", "stages", "tests"}
    foreign = {name: owners[name] for name in imported - ours - set(sys.stdlib_module_names) if name in owners}
    # torch and huggingface_hub come with the engine and with transformers, in the versions that those want.
    allowed = declared(*extras) | {"torch", "huggingface-hub"}
    undeclared = {name: dists for name, dists in foreign.items() if not {normalised(dist) for dist in dists} & allowed}
    assert undeclared == {}
