"""Digests of folders: of Python source that seeds are collected from, and of models."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from selfcodealign.inputs.digests import FileDigests, listing_digest
from selfcodealign.inputs.source_folders import LICENSE_FILE, PROJECT_FILE, head_commit, is_entered, sorted_entries


def folder_digest(root: Path, digests: FileDigests) -> dict[str, int | str]:
    """What of a folder decides which seeds are collected from it: Python, license and project files, and commits.

    Args:
        root: the folder.
        digests: of files that were read before.

    Returns:
        The number of files, and one SHA-256 of their paths and contents.
    """
    entries = list(_entries(root, digests))
    return {"files": len(entries), "sha256": listing_digest(entries)}


def _entries(root: Path, digests: FileDigests) -> Iterator[tuple[str, str]]:
    """Paths below the root with what decides of each. Paths are text: there may be millions."""
    top = os.path.abspath(root)
    start = len(top.rstrip("/")) + 1
    pending = [top]
    while pending:
        folder = pending.pop()
        entries = sorted_entries(folder)
        if isinstance(entries, OSError):
            yield folder[start:], "unreadable"
            continue
        for entry in entries:
            if entry.name == ".git":
                yield entry.path[start:], head_commit(Path(folder)) or "no commit"
            elif entry.is_dir(follow_symlinks=False):
                if is_entered(entry.name):
                    pending.append(entry.path)
            elif entry.name.endswith(".py") or entry.name == PROJECT_FILE or LICENSE_FILE.match(entry.name):
                yield entry.path[start:], _content(entry, digests)
            elif entry.is_symlink() and entry.is_dir():
                yield entry.path[start:], "link"


def _content(entry: "os.DirEntry[str]", digests: FileDigests) -> str:
    """The digest of a regular file. Links and pipes are told apart by their kind: the collection does not open them."""
    try:
        if entry.is_file(follow_symlinks=entry.name == PROJECT_FILE):
            return digests.of(entry.path)
        return f"mode {stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode):o}"
    except OSError:
        return "unreadable"
