"""Build the sandbox image under a tag that is the hash of everything that decides it."""

import hashlib
import logging
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.sandbox.docker import Docker

logger = logging.getLogger(__name__)

REPOSITORY = "selfcodealign/sandbox"
FOLDER = Path(__file__).parent
PYTHON_VERSION = "3.11"
DEBIAN_SUITE = "bookworm"  # the Debian release whose python3 is PYTHON_VERSION
DEBIAN_PACKAGES_FOLDER = f"usr/local/lib/python{PYTHON_VERSION}/dist-packages"
# Some of our own scientific wheels are built for a newer glibc than manylinux2014's; Debian 12 has 2.36.
WHEEL_PLATFORMS = ("manylinux2014", "manylinux_2_27", "manylinux_2_28")
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"  # Ubuntu: package debian-archive-keyring
PROBE_TIMEOUT_S = 15.0
BUILD_TIMEOUT_S = 900.0
TAG_HEX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is in place.

    Attributes:
        tag: name to run it by.
        id: Docker's digest of its content: part of every verdict's cache key.
        is_new: whether this call built it.
    """

    tag: str
    id: str
    is_new: bool


def image_tag() -> str:
    """The tag of the image that this version needs: a hash of package list, recipes and kind of machine."""
    recipe = _mmdebstrap_command(Path("packages"), Path("root.tar"), Path("image"))
    digest = hashlib.sha256("\0".join([platform.machine(), *recipe]).encode())
    files = [FOLDER / name for name in ("Dockerfile", "requirements.txt", "finish.py")]
    for file in [*files, *sorted((FOLDER / "offline").glob("*.py"))]:
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return f"{REPOSITORY}:{digest.hexdigest()[:TAG_HEX_DIGITS]}"


def ensure_image(docker: Docker, tag: str | None = None) -> Image:
    """Find the image, and build it if it is missing.

    Args:
        docker: the daemon that is to have it.
        tag: an image to use as it is, never built here; None: the one of this version.

    Raises:
        PrerequisiteError: no Docker, or no way to build the image on this machine; the message names what is missing.
        SandboxError: the build failed.
    """
    wanted = tag or image_tag()
    found = _image_id(docker, wanted)
    if found is not None:
        return Image(wanted, found, is_new=False)
    if tag is not None:
        raise PrerequisiteError(f"the sandbox image {tag} is not there; build it, or leave the setting out to use ours")
    started = time.monotonic()
    if _registry_answers(docker):
        _build_from_registry(docker, wanted)
    else:
        _build_from_debian(docker, wanted)
    built = _image_id(docker, wanted)
    if built is None:
        raise SandboxError(f"the sandbox image {wanted} was built but is not there; look at `docker images`")
    logger.info("sandbox image %s built in %.0f s", wanted, time.monotonic() - started)
    return Image(wanted, built, is_new=True)


def _image_id(docker: Docker, tag: str) -> str | None:
    return docker.run("images", "--quiet", "--no-trunc", tag) or None


def _registry_answers(docker: Docker) -> bool:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    base = next(line.split()[1] for line in lines if line.startswith("FROM "))
    try:
        docker.run("manifest", "inspect", base, timeout_s=PROBE_TIMEOUT_S)
    except SandboxError:
        return False
    return True


def _build_from_registry(docker: Docker, tag: str) -> None:
    logger.info("building the sandbox image from its Dockerfile")
    # A daemon without a bridge has no network for builds but the host's.
    try:
        docker.run("build", "--quiet", "--network=host", f"--tag={tag}", str(FOLDER), timeout_s=BUILD_TIMEOUT_S)
    except SandboxError as error:
        logger.warning("%s; trying without a registry", error)
        _build_from_debian(docker, tag)


def _build_from_debian(docker: Docker, tag: str) -> None:
    with tempfile.TemporaryDirectory(prefix="selfcodealign-image-") as name:
        tar = Path(name) / "root.tar"
        make_root_tar(tar)
        changes = ["--change=USER 65534:65534", '--change=CMD ["python3"]', "--change=ENV LANG=C.UTF-8"]
        docker.run("import", *changes, str(tar), tag, timeout_s=BUILD_TIMEOUT_S)


def make_root_tar(tar: Path) -> None:
    """Make the image's root file system from Debian packages, without a registry and without Docker.

    Args:
        tar: file to write.

    Raises:
        PrerequisiteError: mmdebstrap or Debian's keys are not installed.
        SandboxError: the build failed.
    """
    if shutil.which("mmdebstrap") is None:
        raise PrerequisiteError(
            "no way to build the sandbox image: mmdebstrap is not installed, and no registry is used;"
            " run `make sandbox`, or `apt-get install mmdebstrap`"
        )
    if not Path(DEBIAN_KEYRING).is_file():
        raise PrerequisiteError(
            f"no way to build the sandbox image: {DEBIAN_KEYRING} is missing, and no registry is used;"
            " run `apt-get install debian-archive-keyring`"
        )
    logger.info("building the sandbox image from Debian packages")
    with tempfile.TemporaryDirectory(prefix="selfcodealign-image-") as name:
        packages = Path(name) / "packages"
        _install_wheels(packages)
        run_tool(_mmdebstrap_command(packages, tar, FOLDER), "mmdebstrap")


def _install_wheels(target: Path) -> None:
    machine = platform.machine()
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    command += ["--implementation=cp", f"--python-version={PYTHON_VERSION}", f"--target={target}"]
    command += [f"--platform={name}_{machine}" for name in WHEEL_PLATFORMS]
    run_tool([*command, "--requirement", str(FOLDER / "requirements.txt")], "pip install")


def _mmdebstrap_command(packages: Path, tar: Path, ours: Path) -> list[str]:
    """The command that makes a minimal Debian with Python and our packages, as a tar file.

    Args:
        packages: folder of the installed Python packages.
        tar: file to write.
        ours: folder with `offline` and `finish.py`.
    """
    hooks = [f"copy-in {packages} {ours / 'offline'} {ours / 'finish.py'} /opt"]
    place = f'mkdir -p "$1/{DEBIAN_PACKAGES_FOLDER}" && rm -rf "$1/opt/offline/__pycache__"'
    place += f' && cp -a "$1/opt/packages/." "$1/{DEBIAN_PACKAGES_FOLDER}/" && rm -rf "$1/opt/packages"'
    finish = f'chroot "$1" python3 /opt/finish.py /{DEBIAN_PACKAGES_FOLDER} && rm "$1/opt/finish.py"'
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3"]
    command += [f"--keyring={DEBIAN_KEYRING}"]
    command += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
    command += ["--dpkgopt=path-exclude=/usr/share/locale/*"]
    command += [f"--customize-hook={hook}" for hook in (*hooks, place, finish)]
    return [*command, DEBIAN_SUITE, str(tar)]


def run_tool(command: list[str], what: str) -> None:
    """Run a command of the build.

    Raises:
        SandboxError: it failed, or took too long; the message has its own first complaint.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"building the sandbox image: {what} took longer than {BUILD_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "ERROR"))]
        raise SandboxError(f"building the sandbox image: {what} failed: {(errors or lines or ['no reason given'])[0]}")
