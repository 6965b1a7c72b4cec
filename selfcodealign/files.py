"""Files and folders that are there whole or not at all, also after a power cut.

They are written under a temporary name, brought to the disk, and then renamed.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfcodealign.errors import InputError

FILE_MODE = 0o644
# Some network file systems cannot sync folders.
NOT_SYNCED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


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
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free some space or mend the folder"
        ) from error


def to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    Raises:
        OSError: there is no such file, or it cannot be written to the disk.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SYNCED:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends; after an error `path` is as it was.

    Args:
        path: the file to write; its folder is made.

    Raises:
        InputError: the file cannot be written (no space, no permission).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            to_disk(temporary)
            os.replace(temporary, path)
            to_disk(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def replaced_folder(destination: Path) -> Iterator[Path]:
    """Write a folder under a temporary name beside its place, and rename it there when the block ends well.

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
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    path.chmod(FILE_MODE)  # safetensors files are born readable by their owner alone
                to_disk(path)
            to_disk(temporary)
            # rename(2) replaces no folder that has files: the old one steps aside, and goes when the new one is there
            shutil.rmtree(old, ignore_errors=True)
            if destination.exists():
                os.replace(destination, old)
            os.replace(temporary, destination)
            to_disk(destination.parent)
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
