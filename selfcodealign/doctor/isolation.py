"""The sandbox: Docker, gVisor and its release, and the image; or gVisor alone and its root file system."""

import os
import shutil
from pathlib import Path

from selfcodealign.doctor.check import Check, State
from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.params import Params
from selfcodealign.sandbox import (
    INSTALL_URL,
    REQUIRE_VARIABLE,
    Docker,
    NoPlatformError,
    find_root_folder,
    find_runsc,
    image_tag,
    is_too_old,
    platform_file,
    release_date,
    remembered_platform,
    root_folders,
    runsc_release,
    too_old,
)


def check_docker(docker: Docker) -> Check:
    """The client, and a daemon that answers it."""
    if shutil.which("docker") is None:
        return Check("Docker", State.MISSING, "the client is not installed", "`make sandbox` as root")
    try:
        docker.runtimes()
        client, server = docker.run("version", "--format", "{{.Client.Version}} {{.Server.Version}}").split(" ", 1)
    except (PrerequisiteError, SandboxError, ValueError) as error:
        return Check("Docker", State.MISSING, str(error), "`make sandbox`")
    return Check("Docker", State.OK, f"daemon {server}, client {client}, at {docker.host or 'its default address'}")


def check_gvisor(docker: Docker, runtime: str = "runsc") -> Check:
    """The daemon's runtime; of `runsc` its release, age and platform.

    Args:
        docker: the daemon.
        runtime: `runsc`, or `runc`: Docker's plain containers.
    """
    try:
        isolation = docker.isolation(runtime)
        path = docker.runtimes()[runtime].get("path", runtime)
    except (PrerequisiteError, SandboxError) as error:
        return Check("gVisor", State.MISSING, str(error), "`make sandbox`")
    if runtime != "runsc":
        remedy = "sandbox.runtime: runsc, or runsc-direct"
        return Check("gVisor", State.WARNING, f"not used: {isolation} is one kernel bug away from the host", remedy)
    try:
        release = runsc_release(path)
    except NoPlatformError:
        # The daemon may be another machine's: then the runtime is there, and its release cannot be seen from here.
        return Check("gVisor", State.OK, f"{isolation}, release not visible from here")
    return check_release("gVisor", isolation, release)


def check_runsc_direct(root: Path) -> Check:
    """`runsc` on this machine, for the runtime that needs no Docker: its release, age and platform.

    Args:
        root: the repository, in whose cache the platform is remembered.
    """
    name = "gVisor alone"
    runsc = find_runsc()
    if runsc is None:
        return Check(name, State.MISSING, "runsc is not on the PATH", INSTALL_URL)
    try:
        release = runsc_release(runsc)
    except NoPlatformError as error:
        return Check(name, State.MISSING, str(error), INSTALL_URL)
    platform_name = remembered_platform(release, platform_file(root / ".cache" / "sandbox"))
    isolation = f"runsc-{platform_name}" if platform_name else "platform is chosen at its first start"
    return check_release(name, isolation, release)


def check_release(name: str, isolation: str, release: str) -> Check:
    """The release of gVisor against the minimum.

    Args:
        name: of the check.
        isolation: how programs are isolated, such as `docker/runsc-ptrace`.
        release: what `runsc --version` calls it.
    """
    date = release_date(release)
    month = f" of {date[:4]}-{date[4:6]}" if date else " (its age is not known)"
    detail = f"{isolation}, runsc {release}{month}"
    if not is_too_old(release):
        return Check(name, State.OK, detail)
    state = State.MISSING if os.environ.get(REQUIRE_VARIABLE) else State.WARNING
    return Check(name, state, detail, too_old(release))


def check_image(docker: Docker) -> Check:
    """The image that programs run in, of this version of the sandbox."""
    tag = image_tag()
    try:
        docker.runtimes()
        image = docker.run("images", "--quiet", tag)
    except (PrerequisiteError, SandboxError):
        return Check("Sandbox image", State.MISSING, "no Docker daemon to ask", "`make sandbox`")
    if image:
        return Check("Sandbox image", State.OK, tag)
    return Check("Sandbox image", State.MISSING, f"{tag} is not built", "`make sandbox`")


def check_root_folder(root: Path) -> Check:
    """The root file system that programs run in without Docker.

    Args:
        root: the repository, in whose cache it lies.
    """
    found = find_root_folder(root_folders(root / ".cache" / "sandbox"))
    if found is not None:
        return Check("Sandbox image", State.OK, str(found.path))
    folder = root_folders(Path(".cache") / "sandbox") / image_tag().partition(":")[2]
    remedy = f"`make sandbox SANDBOX=runsc-direct`, or copy {folder} from a machine that has it"
    return Check("Sandbox image", State.MISSING, "the root file system is not built", remedy)


def sandbox_checks(params: Params | None, docker: Docker, root: Path) -> list[Check]:
    """The checks of the runtime that the params name; of the default one without params."""
    runtime = params.sandbox.runtime if params else "runsc"
    if runtime == "runsc-direct":
        return [check_runsc_direct(root), check_root_folder(root)]
    return [check_docker(docker), check_gvisor(docker, runtime), check_image(docker)]
