"""Hostile programs by theme. Each has its right statuses, and leaves the host and the next program alone."""

from hostile import (
    cheats,
    exceptions,
    fake_tools,
    files,
    floods,
    forgeries,
    honest,
    kernel,
    leftovers,
    memory,
    network,
    operands,
    proc,
    processes,
    reaching,
    sharing,
    sources,
    swallowed,
)
from hostile.program import GOOD, HOST_FILE, HOST_PORT, HOST_SOCKET, MARKER, Hostile

THEMES: dict[str, tuple[Hostile, ...]] = {
    "processes": processes.PROGRAMS,
    "memory": memory.PROGRAMS,
    "floods": floods.PROGRAMS,
    "files": files.PROGRAMS,
    "leftovers": leftovers.PROGRAMS,
    "sharing": sharing.PROGRAMS,
    "reaching": reaching.PROGRAMS,
    "network": network.PROGRAMS,
    "proc": proc.PROGRAMS,
    "kernel": kernel.PROGRAMS,
    "forgeries": forgeries.PROGRAMS,
    "fake tools": fake_tools.PROGRAMS,
    "swallowed": swallowed.PROGRAMS,
    "operands": operands.PROGRAMS,
    "cheats": cheats.PROGRAMS,
    "exceptions": exceptions.PROGRAMS,
    "sources": sources.PROGRAMS,
    "honest": honest.PROGRAMS,
}
# About verdicts alone: a weaker isolation must give them too, and they try nothing on the kernel.
SAFE_THEMES = ("swallowed", "operands", "cheats", "exceptions", "fake tools", "honest")

__all__ = ["GOOD", "HOST_FILE", "HOST_PORT", "HOST_SOCKET", "MARKER", "SAFE_THEMES", "THEMES", "Hostile"]
