"""Disk space: what a stage will write, by file system, and whether there is room for it."""

import configparser
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import PrerequisiteError
from selfcodealign.requirements.parts import Part, format_gib, format_parts

# On top of every estimate: files that none counts (tokenizers, metrics, logs, the journals' write-ahead logs) and what
# other programs write meanwhile. With the default model that is a fifth of the largest stage's estimate.
MARGIN_BYTES = 512 << 20
# DVC's own defaults, where its configuration has no `cache.type`.
DVC_CACHE_TYPES = "reflink,copy"
# What puts a file into DVC's cache without a second copy, as long as both are on one file system. Reflinks are not
# among them: only few file systems have them, and DVC then takes the next type of the list.
SHARING_TYPES = frozenset({"hardlink", "symlink"})


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that a stage will write beneath a folder.

    Attributes:
        folder: it need not exist yet.
        part: what is written, and how much of it at most at one time.
    """

    folder: Path
    part: Part


@dataclass(frozen=True, slots=True)
class Shortage:
    """A file system without enough space.

    Attributes:
        folder: an existing folder on it.
        parts: what is to be written there.
        needed: bytes, the margin included.
        free: bytes that are free.
    """

    folder: Path
    parts: tuple[Part, ...]
    needed: int
    free: int


def free_bytes(folder: Path) -> int:
    """Bytes that this user can still write to a folder's file system."""
    return shutil.disk_usage(folder).free


def check_space(writes: Sequence[Write], *, who: str, free: Callable[[Path], int] = free_bytes) -> None:
    """Refuse work for whose output there is no space.

    Args:
        writes: of the functions in `estimates`.
        who: what writes, such as the stage's name.
        free: free bytes of an existing folder's file system.

    Raises:
        PrerequisiteError: a file system has less space than is needed, margin included.
    """
    for shortage in shortages(writes, free):
        raise PrerequisiteError(
            f"{who} needs {format_gib(shortage.needed)} of disk space at {shortage.folder}"
            f" ({format_parts(shortage.parts)}, and a margin) and {format_gib(shortage.free)} are free; free some space"
            " (`dvc gc --workspace` deletes results of earlier versions), or use a larger disk"
        )


def shortages(writes: Sequence[Write], free: Callable[[Path], int] = free_bytes) -> list[Shortage]:
    """The file systems that have less space than all that is written to them, margin included.

    Args:
        writes: what is written; nothing at all needs no margin.
        free: free bytes of an existing folder's file system.
    """
    found = []
    for folder, parts in _by_file_system(writes):
        needed = sum(part.num_bytes for part in parts) + MARGIN_BYTES
        available = free(folder)
        if needed > available:
            found.append(Shortage(folder, parts, needed, available))
    return found


def dvc_copies(writes: Sequence[Write], root: Path) -> list[Write]:
    """The second copies of outputs, in DVC's cache: none where it links files on the same file system.

    Args:
        writes: outputs that DVC tracks.
        root: the repository.
    """
    cache, types = _dvc_cache(root)
    linked = bool(SHARING_TYPES & set(types))
    return [
        Write(cache, Part("DVC's copy", write.part.num_bytes))
        for write in writes
        if not (linked and _device(cache) == _device(write.folder))
    ]


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; 0 if it does not exist."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _by_file_system(writes: Sequence[Write]) -> list[tuple[Path, tuple[Part, ...]]]:
    """What is written to each file system, with the first folder of it that is there already."""
    folders: dict[int, Path] = {}
    parts: dict[int, list[Part]] = {}
    for write in writes:
        if write.part.num_bytes > 0:
            device = _device(write.folder)
            folders.setdefault(device, _existing(write.folder))
            parts.setdefault(device, []).append(write.part)
    return [(folders[device], tuple(parts[device])) for device in folders]


def _device(folder: Path) -> int:
    return _existing(folder).stat().st_dev


def _existing(folder: Path) -> Path:
    folder = folder.resolve()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _dvc_cache(root: Path) -> tuple[Path, list[str]]:
    """DVC's cache folder and its kinds of links, by the repository's own configuration.

    Read as a file: importing DVC takes seconds. Settings of the user's or the machine's DVC are not looked at.
    """
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read([root / ".dvc" / "config", root / ".dvc" / "config.local"], encoding="utf-8")
    except configparser.Error:
        config.clear()  # DVC has the better message
    types = config.get("cache", "type", fallback=DVC_CACHE_TYPES).strip('" ')
    folder = config.get("cache", "dir", fallback="cache").strip('" ')
    return root / ".dvc" / folder, [name.strip() for name in types.split(",")]
