"""The set-up scripts of a copy of the checkout, run for real: for the tests of set-up."""

import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What docker.sh runs of the library: gVisor's platform, and the oldest release that will do.
LIBRARY_FILES = ("selfcodealign/sandbox/platforms.py", "selfcodealign/sandbox/releases.py")
NOBODY = 65534

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="starts a Docker daemon or changes users, which needs root")


def run(
    script: str, folder: Path, *arguments: str, user: int | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts in setup/ of a checkout.

    What this session says of Docker is left out, gVisor may be of any age, and none is downloaded.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    environment |= {"REQUIRE_CURRENT_GVISOR": "", "GVISOR_URL": ""} | env
    return subprocess.run(
        [str(folder / "setup" / script), *arguments],
        cwd=folder,
        env=environment,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_one_line_with_exit_2(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("==>")]
    assert len(lines) == 1
    assert lines[0].startswith("setup: ")
    for word in words:
        assert word in lines[0]


def copy_of_setup(folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(ROOT / "setup", folder / "setup")
    for name in ("constraints.txt", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, folder)
    for name in LIBRARY_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def programs(folder: Path, lacking: Collection[str] = (), **stand_ins: str) -> str:
    """Make a PATH of this machine's programs, without some of them and with one-line shell stand-ins for others."""
    folder.mkdir()
    for name, line in stand_ins.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in Path(place).iterdir():
            if program.name not in lacking and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)
    return str(folder)


def give_to_nobody(checkout: Path) -> None:
    """Make the checkout one of another user, who can reach it; what is made in it later is root's."""
    for folder in (*checkout.parents, checkout):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):
            folder.chmod(0o755)
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
