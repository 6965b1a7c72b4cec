"""The folders that programs can write to: empty before each program."""

import os
import shutil
import signal
import time
from typing import NoReturn

from selfcodealign.sandbox.inside.child import become_user
from selfcodealign.sandbox.inside.execution import WORK_FOLDER

TMP_FOLDER = "/tmp"  # noqa: S108 - the container's own, in memory
SHARED_MEMORY_FOLDER = "/dev/shm"  # noqa: S108
CLEAN_TIMEOUT_S = 10.0


def empty_folders(uid: int) -> bool:
    """Remove all that a program left. A process of the program's own user does it: the supervisor has no right to.

    Args:
        uid: the user whose files they are.

    Returns:
        Whether the folders are empty; if not, the container must not be used again.
    """
    if _are_empty():  # as most programs leave them: no process need be forked
        return True
    pid = os.fork()
    if pid == 0:
        _remove_all(uid)
    deadline = time.monotonic() + CLEAN_TIMEOUT_S
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            break
        time.sleep(0.002)
    return _are_empty()


def _are_empty() -> bool:
    try:
        with os.scandir(TMP_FOLDER) as entries:
            for entry in entries:
                if entry.path != WORK_FOLDER or not entry.is_dir(follow_symlinks=False) or os.listdir(entry.path):
                    return False
        return not os.listdir(SHARED_MEMORY_FOLDER)
    except OSError:
        return False


def _remove_all(uid: int) -> NoReturn:
    try:
        become_user(uid)
        for folder in (TMP_FOLDER, SHARED_MEMORY_FOLDER):
            for name in os.listdir(folder):
                _remove(os.path.join(folder, name))
    finally:
        os._exit(0)


def _remove(path: str) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    os.chmod(path, 0o700)
    for folder, names, _ in os.walk(path):  # top down: a folder is opened up before it is entered
        for name in names:
            inner = os.path.join(folder, name)
            if not os.path.islink(inner):
                os.chmod(inner, 0o700)
    shutil.rmtree(path, ignore_errors=True)
