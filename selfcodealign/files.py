"""Files and folders that are there whole or not at all, also after a kill, a full disk or a power cut.

They are written under a temporary name, brought to the disk, and then renamed. What killed runs leave under temporary
names is removed by the next run that writes the same file or folder.
"""

import ctypes
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfcodealign.errors import InputError

FILE_MODE = 0o644
# Errors of operations that a file system lacks: some network file systems cannot sync folders or exchange paths.
UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# After `sudo make`, say, files may be root's.
WRITABLE_HINT = "`selfcodealign doctor` says which files cannot be written, and how to fix that"
AT_FDCWD, RENAME_EXCHANGE = -100, 2


def remedy(error: OSError) -> str:
    """Return the fix for a file that cannot be written, for the end of an error message."""
    if error.errno in NO_SPACE:
        return "free some space and run again"
    if error.errno == errno.EIO:
        return "check the disk (`dmesg` has the details) and run again"
    return WRITABLE_HINT


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line what cannot be written.

    Args:
        path: what people know as the output; the block may write files beside it.

    Raises:
        InputError: it cannot be written (no space, no permission).
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; {remedy(error)}") from error


def to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    Raises:
        OSError: there is no such file, or it cannot be written to the disk.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Create a folder and its parents durably, so that they survive a power cut. Existing folders are kept.

    Raises:
        OSError: it cannot be made.
    """
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)  # another process may make it at the same time
        to_disk(folder.parent)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends; after an error `path` is as it was.

    Args:
        path: the file to write; its folder is made.

    Raises:
        InputError: the file cannot be written (no space, no permission).
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with writing(path):
            make_folder(path.parent)
            _remove_abandoned(path)
            with _locked(temporary):
                yield temporary
                to_disk(temporary)
                os.replace(temporary, path)
            to_disk(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Create a file and hold a lock on it, which marks it as in use for other processes."""
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        with suppress(OSError):  # without locks on this file system, no process can lock the file, so none removes it
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of killed processes: those that no process holds a lock on."""
    is_temporary = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]+\.tmp").fullmatch
    with os.scandir(path.parent) as entries:
        found = [entry.path for entry in entries if is_temporary(entry.name)]
    for temporary in found:
        with suppress(OSError), open(temporary, "r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replaced_folder(destination: Path) -> Iterator[Path]:
    """Write a folder under a temporary name beside its place, and put it there when the block ends well.

    At each moment the destination is the earlier folder or the new one: the two change places in one step. On file
    systems that cannot do that (NFS, for instance) there is a moment between two renames at which there is neither; a
    run that is killed just then leaves the earlier folder as `.<name>.old`, and the next run puts it back.

    An error leaves the earlier folder as it was. What a killed run left behind is removed first.

    Args:
        destination: the folder that is made or replaced.

    Yields:
        An empty folder, `.<name>.tmp` beside the destination, on the same file system.

    Raises:
        InputError: the folder cannot be written (no space, no permission).
    """
    temporary = destination.with_name(f".{destination.name}.tmp")
    old = destination.with_name(f".{destination.name}.old")
    try:
        with writing(destination):
            make_folder(destination.parent)
            _put_back(old, destination)
            _remove(temporary)
            temporary.mkdir()
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    path.chmod(FILE_MODE)  # safetensors files are born readable by their owner alone
                to_disk(path)
            to_disk(temporary)
            _put_in_place(temporary, destination, old)
            to_disk(destination.parent)
            _remove(old)
    finally:
        _remove(temporary)  # after an exchange the earlier folder


def _put_in_place(temporary: Path, destination: Path, old: Path) -> None:
    """Rename a folder to its destination, where there may be an earlier one with files."""
    if not os.path.lexists(destination):
        os.replace(temporary, destination)
    elif not _exchange(temporary, destination):
        os.replace(destination, old)
        to_disk(destination.parent)  # the earlier folder must have a durable name before the next rename
        try:
            os.replace(temporary, destination)
        except OSError:
            _put_back(old, destination)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths atomically; False if the system or the file system does not support it.

    Raises:
        OSError: the exchange is supported and failed.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in UNSUPPORTED:
        return False
    raise OSError(error, os.strerror(error), str(other))


def _put_back(old: Path, destination: Path) -> None:
    """Restore the earlier folder if only the first of two renames happened; otherwise remove it."""
    if not os.path.lexists(old):
        return
    if os.path.lexists(destination):
        _remove(old)
    else:
        os.replace(old, destination)


def _remove(path: Path) -> None:
    """Remove a folder, or a file of that name, as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
