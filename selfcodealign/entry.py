"""The entry point of the `selfcodealign` command: other systems get one line, before imports that they cannot do."""

import sys

NEEDS_LINUX = (
    "selfcodealign needs Linux (gVisor, vLLM and file locks), and this is {system}: use a Linux machine or virtual"
    " machine, or on Windows WSL 2"
)


def main() -> None:
    """Run the command line, or exit with status 2 and one line where the system is not Linux."""
    if sys.platform != "linux":
        sys.stderr.write(f"error: {NEEDS_LINUX.format(system=sys.platform)}\n")
        sys.exit(2)
    from selfcodealign.cli import main as run

    run()
