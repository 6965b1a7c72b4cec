"""What a hostile program could change on the host, as one value to compare before and after."""

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hostile import MARKER

PORTS_OF_PROGRAMS = {47111}
SETTINGS = ("kernel/hostname", "kernel/core_pattern", "kernel/random/boot_id", "vm/overcommit_memory", "fs/file-max")
SYSTEM_FILES = ("/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/resolv.conf", "/bin/sh")


def marked_processes() -> set[str]:
    """Command lines that carry the marker: none of the host's may."""
    return {line for file in Path("/proc").glob("[0-9]*/cmdline") if MARKER in (line := _read(file))}


def marked_files() -> set[str]:
    """Files with the marker in their name where programs of the sandbox would have left them."""
    folders = {"/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/root", tempfile.gettempdir(), os.getcwd()}
    return {
        entry.path
        for folder in folders
        if os.path.isdir(folder)
        for entry in os.scandir(folder)
        if MARKER in entry.name
    }


def listening() -> set[str]:
    """Sockets of the programs that the host's network would show."""
    found = {line.split()[-1] for line in _read(Path("/proc/net/unix")).splitlines() if line.endswith(f"@{MARKER}")}
    for name in ("tcp", "tcp6"):
        for line in _read(Path("/proc/net") / name).splitlines()[1:]:
            port = int(line.split()[1].rpartition(":")[2], 16)
            found |= {f"{name}:{port}"} if port in PORTS_OF_PROGRAMS else set()
    return found


def system_state() -> dict[str, object]:
    """Settings, files and clock of the machine that programs try to change."""
    return {
        "settings": [_read(Path("/proc/sys") / name) for name in SETTINGS],
        "files": [(status.st_size, status.st_mtime_ns, status.st_mode) for status in map(os.stat, SYSTEM_FILES)],
        "mounts": {line.split()[1] for line in _read(Path("/proc/mounts")).splitlines() if MARKER in line},
        "control groups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{MARKER}*")],
        "processes": marked_processes(),
        "marked files": marked_files(),
        "listening": listening(),
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it is not there, or ended meanwhile


class Doors:
    """Servers of the host that no program may reach.

    Attributes:
        port: of a TCP server on all addresses.
        path: of a server on a unix socket.
        visits: connections that came.
    """

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "door.sock")
        self.visits: list[str] = []
        self._servers = [socket.create_server(("0.0.0.0", 0))]  # noqa: S104 - the widest door there is
        self.port = self._servers[0].getsockname()[1]
        for address in (self.path, f"\0{MARKER}-host"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            server.listen()
            self._servers.append(server)
        for server in self._servers:
            threading.Thread(target=self._wait, args=(server,), daemon=True).start()

    def _wait(self, server: socket.socket) -> None:
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return  # closed
            self.visits.append(f"{server.getsockname()} from {address}")
            connection.close()

    def close(self) -> None:
        """Close the servers."""
        for server in self._servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # a thread that waits in `accept` keeps it open otherwise
            server.close()


@contextmanager
def open_doors(folder: Path) -> Iterator[Doors]:
    """Servers of the host while the block runs."""
    doors = Doors(folder)
    try:
        yield doors
    finally:
        doors.close()
