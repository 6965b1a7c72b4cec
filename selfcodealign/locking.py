"""A lock that one process holds and that dies with it, with a note of who it is."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from selfcodealign.errors import InputError


@contextmanager
def only_process(path: Path, what: str) -> Iterator[None]:
    """Hold a lock while the block runs.

    The kernel lets go of it when the process ends, however it ends; the file stays and means nothing by itself.

    Args:
        path: the lock's file.
        what: what is locked, for people.

    Raises:
        InputError: another process holds it: which, on which host, since when. Or the file system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InputError(f"cannot lock {what}: {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor)
            raise InputError(f"{what} is in use by {holder}; wait until it has ended, or stop it") from error
        except OSError as error:
            raise InputError(f"cannot lock {what}: {error.strerror}; put it on a local disk") from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(_this_process()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _this_process() -> dict[str, str | int]:
    since = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _holder(descriptor: int) -> str:
    """Who holds the lock, in words. The note may be half written, or of another version."""
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {note['pid']} on {note['host']} since {note['since']}"
    except (ValueError, TypeError, KeyError, OSError):
        return "another process"
