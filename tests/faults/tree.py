"""The contents of a folder as a value that can be read, written and compared."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# By path relative to the root: the content of a file, None for a folder.
Tree = Mapping[str, bytes | None]


def read_tree(root: Path) -> dict[str, bytes | None]:
    """Read all files and folders under a root, sorted by path."""
    found: dict[str, bytes | None] = {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    found[path] = None
                    waiting.append(path)
                else:
                    found[path] = Path(entry.path).read_bytes()
    return dict(sorted(found.items()))


def write_tree(root: Path, tree: Tree) -> None:
    """Replace the contents of a root."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for path, content in sorted(tree.items()):
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)


def part_of(tree: Tree, prefix: str) -> dict[str, bytes | None]:
    """Return the entries at a path and below it."""
    return {path: content for path, content in tree.items() if path == prefix or path.startswith(f"{prefix}/")}
