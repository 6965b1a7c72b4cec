"""`python -m selfcodealign.sandbox.image build`: make the sandbox image if it is missing."""

from typing import Annotated

import typer

from selfcodealign.sandbox.direct import RunscLauncher, root_folders
from selfcodealign.sandbox.docker import Docker, docker_host
from selfcodealign.sandbox.image.build import ensure_image, image_tag
from selfcodealign.sandbox.image.rootfs import find_root_folder
from selfcodealign.sandbox.settings import runtime_named
from selfcodealign.stage import one_line_errors

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def image() -> None:
    """The image that programs run in."""


@app.command()
@one_line_errors
def build(
    runtime: Annotated[str, typer.Option(help="Runtime that it is for: runsc, runsc-direct or runc.")] = "runsc",
) -> None:
    """Build the sandbox image if it is missing; a second call ends within a second.

    For runsc-direct it is a folder in the cache, and the platform of gVisor is chosen too.
    """
    if runtime_named(runtime) == "runsc-direct":
        launcher = RunscLauncher.open()
        typer.echo(f"sandbox root file system ({launcher.image_id}) is in place, for {launcher.isolation}", err=True)
        return
    docker = Docker(docker_host())
    docker.isolation(runtime)
    made = ensure_image(docker)
    typer.echo(f"sandbox image {made.tag} ({made.id}) {'built' if made.is_new else 'is in place'}", err=True)


@app.command()
def has_rootfs() -> None:
    """Exit with status 0 if the root file system for runsc-direct is in place, built here or copied, else with 1."""
    raise typer.Exit(0 if find_root_folder(root_folders()) else 1)


@app.command()
def tag() -> None:
    """Print the tag of the image that this version needs."""
    typer.echo(image_tag())


if __name__ == "__main__":
    app()
