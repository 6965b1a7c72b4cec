"""A lock that one process holds and that dies with it, with a note of who it is."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.files import remedy


@contextmanager
def only_process(path: Path, what: str) -> Iterator[int]:
    """Hold a lock while the block runs.

    The kernel lets go of it when the process ends, however it ends; the file stays and means nothing by itself.

    Args:
        path: the lock's file.
        what: what is locked, as the error calls it.

    Yields:
        The open file that holds the lock. A child process that inherits it holds the lock until it ends, too.

    Raises:
        InputError: another process holds it: which, on which host, since when. Or the file system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InputError(f"cannot lock {what}: {path}: {error.strerror}; {remedy(error)}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            raise InputError(f"{what} is in use by {holder}; wait until it has ended, or stop it") from error
        except OSError as error:
            raise InputError(f"cannot lock {what}: {error.strerror}; put it on a local disk") from error
        note_holder(descriptor, os.getpid())
        yield descriptor
    finally:
        os.close(descriptor)


def note_holder(descriptor: int, pid: int) -> None:
    """Write into a lock's file which process holds the lock, for the error of others that want it.

    On a full disk the note is lost and the lock is held.

    Args:
        descriptor: the open file that holds the lock.
        pid: the process, this one or a child that inherited the file.
    """
    since = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    with suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": pid, "host": socket.gethostname(), "since": since}).encode(), 0)


def _holder(descriptor: int) -> str:
    """Who holds the lock, in words. The note may be half written, or of another version."""
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {note['pid']} on {note['host']} since {note['since']}"
    except (ValueError, TypeError, KeyError, OSError):
        return "another process"
