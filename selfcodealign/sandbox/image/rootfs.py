"""The image as a folder, for runtimes without a Docker daemon: unpacked once, and there whole or not at all."""

import fcntl
import hashlib
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import PrerequisiteError, SandboxError
from selfcodealign.sandbox.image.build import image_tag, make_root_tar, run_tool

logger = logging.getLogger(__name__)

DIGEST_FILE = "digest"
ROOT_FOLDER = "root"
# What Docker puts into its containers, so that names resolve in the same way: `localhost`, and nothing else.
FILES = {"etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n", "etc/hostname": "sandbox\n", "etc/resolv.conf": ""}


@dataclass(frozen=True, slots=True)
class RootFolder:
    """A root file system that is in place.

    Attributes:
        path: the folder.
        id: digest of the tar that it was unpacked from: part of every verdict's cache key.
        is_new: whether this call made it.
    """

    path: Path
    id: str
    is_new: bool


def ensure_root_folder(cache: Path, tar: Path | None = None) -> RootFolder:
    """Find the root file system, and make it if it is missing.

    Args:
        cache: where root file systems are kept.
        tar: one to unpack instead of building ours, such as `docker export` writes.

    Raises:
        PrerequisiteError: the tar is not there, or this machine has no way to build one; the message names the way out.
        SandboxError: building or unpacking failed.
    """
    folder = _folder(cache, tar)
    found = _found(folder)
    if found is not None:
        return found
    with _locked(cache):
        found = _found(folder)  # another process made it meanwhile
        if found is not None:
            return found
        started = time.monotonic()
        for leftover in cache.glob("*.new"):  # of a process that was killed: nobody else is here
            _remove(leftover)
        _make(folder, tar)
        logger.info("root file system %s made in %.0f s", folder, time.monotonic() - started)
    found = _found(folder)
    if found is None:
        raise SandboxError(f"the root file system {folder} was made but is not there; is the disk full?")
    return RootFolder(found.path, found.id, is_new=True)


def find_root_folder(cache: Path) -> RootFolder | None:
    """Our root file system, if it is in place: made here, or copied from another machine."""
    return _found(_folder(cache, None))


def _folder(cache: Path, tar: Path | None) -> Path:
    name = image_tag().partition(":")[2] if tar is None else _file_digest(tar)[:16]
    return cache.resolve() / name


def _found(folder: Path) -> RootFolder | None:
    try:
        digest = (folder / DIGEST_FILE).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return RootFolder(folder / ROOT_FOLDER, digest, is_new=False)


def _make(folder: Path, tar: Path | None) -> None:
    new = folder.with_name(folder.name + ".new")
    root = new / ROOT_FOLDER
    try:
        root.mkdir(parents=True)
        packed = tar or new / "root.tar"
        if tar is None:
            make_root_tar(packed)
        # Files belong to whoever unpacks them, and devices are gVisor's own: the same for root and for others.
        options = ["--no-same-owner", "--same-permissions", "--delay-directory-restore", "--exclude=./dev/*"]
        run_tool(["tar", "--extract", f"--file={packed}", f"--directory={root}", *options, "--exclude=dev/*"], "tar")
        for name, text in FILES.items():
            file = root / name
            file.unlink(missing_ok=True)  # it may be a link to the host's
            file.write_text(text, encoding="ascii")
        (new / DIGEST_FILE).write_text(f"sha256:{_file_digest(packed)}\n", encoding="ascii")
        if tar is None:
            packed.unlink()
        new.rename(folder)
    except OSError as error:
        raise SandboxError(f"cannot make the root file system {folder}: {error.strerror or error}") from error
    finally:
        if new.exists():
            _remove(new)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        file = (cache / ".lock").open("w", encoding="ascii")
    except OSError as error:
        raise SandboxError(f"cannot write to {cache}: {error.strerror or error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove(folder: Path) -> None:
    # A folder that its owner may not write to cannot be emptied by anybody but root.
    for inner in folder.rglob("*"):
        if inner.is_dir() and not inner.is_symlink():
            inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PrerequisiteError(
            f"the root file system {path} cannot be read ({error.strerror}); give a tar, as `docker export` writes it"
        ) from error
