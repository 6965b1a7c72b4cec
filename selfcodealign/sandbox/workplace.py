"""Folders for the bundles of running sandboxes: none outlives its owner for long, however the owner ended."""

import fcntl
import os
import shutil
import tempfile
import uuid
import weakref
from pathlib import Path

from selfcodealign.errors import PrerequisiteError
from selfcodealign.sandbox.platforms import end_processes_of


def workplaces() -> Path:
    """The folder of this user's workplaces.

    Raises:
        PrerequisiteError: it belongs to somebody else.
    """
    base = Path(tempfile.gettempdir()) / f"selfcodealign-runsc-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise PrerequisiteError(f"{base} belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    return base


class Workplace:
    """The folder of this process's bundles, removed at its end.

    It is locked as long as the process lives, so that the next one knows what a killed one left over, and removes it.
    """

    def __init__(self, base: Path) -> None:
        _remove_leftovers(base)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=base))
        # Locked before it has the name under which others look for it.
        self._lock = os.open(new / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._folder = new.rename(base / new.name.removeprefix("new-"))
        weakref.finalize(self, _leave, self._folder, self._lock, os.getpid())

    def new_bundle(self) -> tuple[Path, Path]:
        """A new folder for a bundle, named by the sandbox's id, and one in it for the state that `runsc` keeps."""
        bundle = self._folder / uuid.uuid4().hex[:12]
        state = bundle / "state"
        state.mkdir(parents=True, mode=0o700)
        return bundle, state


def _remove_leftovers(base: Path) -> None:
    """Remove the folders of processes that were killed, and what may still run of their sandboxes."""
    for folder in base.iterdir():
        if folder.name.startswith("new-"):
            continue
        if _is_owned(folder):
            continue
        for bundle in folder.glob("*/state"):
            end_processes_of(bundle)
        shutil.rmtree(folder, ignore_errors=True)


def _is_owned(folder: Path) -> bool:
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # somebody is removing it, or was killed while doing so
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def _leave(folder: Path, lock: int, owner_pid: int) -> None:
    if os.getpid() == owner_pid:  # a fork of the owner must not
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
