"""From settings to a runtime that is ready: the only place that knows which runtimes there are."""

from pathlib import Path

from selfcodealign.sandbox.direct import RunscLauncher
from selfcodealign.sandbox.docker import Docker, DockerLauncher, docker_host
from selfcodealign.sandbox.image import ensure_image
from selfcodealign.sandbox.launcher import Launcher
from selfcodealign.sandbox.settings import SandboxSettings


def prepare_sandbox(settings: SandboxSettings) -> None:
    """Make sure that the sandbox can be opened later, before hours go into what it is to judge.

    Takes about a second where the image is in place, and builds it where it is not.

    Raises:
        PrerequisiteError: Docker, `runsc` or a way to build the image is missing; the message has the fix.
        SandboxError: the build failed.
    """
    make_launcher(settings)


def make_launcher(settings: SandboxSettings) -> Launcher:
    """Find what the runtime needs, and make its image or root file system if it is missing.

    Raises:
        PrerequisiteError: Docker, `runsc` or a way to build the image is missing; the message names the way out.
        SandboxError: the build failed.
    """
    if settings.runtime == "runsc-direct":
        return RunscLauncher.open(settings.cache, None if settings.image is None else Path(settings.image))
    docker = Docker(settings.docker_host or docker_host())
    docker.isolation(settings.runtime)  # a missing runtime is told before an image is built
    image = ensure_image(docker, settings.image)
    return DockerLauncher(docker, settings.runtime, image.tag, image.id)
