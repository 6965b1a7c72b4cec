"""Digests of files that may be large: a file that has not changed is not read again."""

import gzip
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from selfcodealign.files import write_text

CHUNK_BYTES = 1 << 20
# A file that was written this recently may be written again within the same tick of the file system's clock.
SETTLED_NS = 2_000_000_000
SLOW_BYTES = 1 << 30

logger = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpacked_md5_of(path: Path) -> str:
    """The MD5 of a file's content, that of a `.gz` file unpacked: what EvalPlus calls the hash of a data set.

    Raises:
        OSError: the file cannot be read or is not a whole gzip file.
    """
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    except EOFError as error:
        raise OSError(f"{path} ends early") from error
    return digest.hexdigest()


def listing_digest(entries: Iterable[tuple[str, str]]) -> str:
    """One SHA-256 for many (name, digest) pairs, whatever their order."""
    whole = hashlib.sha256()
    for name, digest in sorted(entries):
        whole.update(os.fsencode(name) + b"\0" + digest.encode() + b"\0")
    return whole.hexdigest()


class FileDigests:
    """Digests by path, kept on disk together with the size, times and inode that the file had.

    The file of digests is a cache: without it, or if it is damaged, all files are read again.

    Args:
        path: where the digests are kept between runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._seen: dict[str, list[int | str]] = {}

    def of(self, path: Path | str, digest: Callable[[Path], str] = sha256_of) -> str:
        """The digest of a file.

        Args:
            path: the file.
            digest: the function that computes it.

        Raises:
            OSError: the file cannot be read.
        """
        key = f"{digest.__name__} {os.path.abspath(path)}"
        state = _state(path)
        known = self._known.get(key, [])
        if known[:-1] == state:
            self._seen[key] = known
            return str(known[-1])
        if state[0] >= SLOW_BYTES:
            logger.info("reading %s (%.1f GB), once", path, state[0] / 1e9)
        started = time.time_ns()
        found = digest(Path(path))
        if _state(path) == state and max(state[1:3]) < started - SETTLED_NS:
            self._seen[key] = [*state, found]
        return found

    def save(self) -> None:
        """Keep the digests that were requested, and forget all others.

        Raises:
            InputError: they cannot be written.
        """
        if self._seen != self._known:
            write_text(self._path, json.dumps(self._seen))


def _state(path: Path | str) -> list[int]:
    """Size, times and inode. An edit that sets the modification time back still changes the time of the last change."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _read(path: Path) -> dict[str, list[int | str]]:
    try:
        loaded = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) and all(isinstance(one, list) for one in loaded.values()) else {}
