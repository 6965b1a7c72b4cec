"""What a power cut may leave of a folder: synced files and names, and of all else any mixture of earlier and later.

The model is stricter than the file systems in use, and follows what POSIX promises:

- The content of a file is certain as of its last fsync. Later writes may be kept, lost, torn by sectors, or have made
  the file longer without its data (zeros).
- A name in a folder is certain as of the last fsync of that folder. Each later change of a name may be kept or lost by
  itself: after an unsynced rename a file may have its old name, its new one, both, or neither.
- Each single change of a name is atomic, and writes damage nothing outside their range.
"""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512


@dataclass(slots=True)
class _Node:
    """A file or folder, whatever names it has.

    Attributes:
        is_folder: whether it is one.
        contents: of a file: as of the last fsync, then each that was seen later.
        names: of a folder: for each name what it stood for as of the last fsync (None: nothing), then each change.
    """

    is_folder: bool
    contents: list[bytes] = field(default_factory=lambda: [b""])
    names: dict[str, list["_Node | None"]] = field(default_factory=dict)

    def sync(self) -> None:
        """Make what was seen last certain."""
        self.contents = self.contents[-1:]
        self.names = {name: nodes[-1:] for name, nodes in self.names.items() if nodes[-1] is not None}


class Disk:
    """Follows a folder, and says what a power cut would leave."""

    def __init__(self, root: Path) -> None:
        """Take all that is there for synced."""
        self._root = root
        self._node = _Node(is_folder=True)
        self._by_inode: dict[int, _Node] = {}
        self._syncing: _Node | None = None
        self.observe()
        for node in (self._node, *self._by_inode.values()):
            node.sync()

    def observe(self) -> None:
        """Look at the folder; to be done before each call that changes it. An fsync that was begun has been done."""
        if self._syncing is not None:
            self._syncing.sync()
            self._syncing = None
        # An inode that was not there at the last look is a new file, even if its number is an old one's.
        seen: dict[int, _Node] = {}
        waiting = [(self._node, str(self._root))]
        while waiting:
            folder, path = waiting.pop()
            present: dict[str, _Node] = {}
            with os.scandir(path) as entries:
                for entry in entries:
                    node = self._observed(entry, seen)
                    present[entry.name] = node
                    if node.is_folder:
                        waiting.append((node, entry.path))
            for name in folder.names.keys() | present.keys():
                nodes = folder.names.setdefault(name, [None])
                if nodes[-1] is not present.get(name):
                    nodes.append(present.get(name))
        self._by_inode = seen

    def _observed(self, entry: os.DirEntry[str], seen: dict[int, _Node]) -> _Node:
        inode, is_folder = entry.inode(), entry.is_dir(follow_symlinks=False)
        node = seen.get(inode) or self._by_inode.get(inode)
        if node is None or node.is_folder != is_folder:
            node = _Node(is_folder)
        if not is_folder and inode not in seen:
            content = Path(entry.path).read_bytes()
            if content != node.contents[-1]:
                node.contents.append(content)
        seen[inode] = node
        return node

    def begin_sync(self, path: str) -> None:
        """Take note that a file or folder is about to be synced; the next look finds it done."""
        try:
            inode = os.stat(path).st_ino
        except FileNotFoundError:  # it has no name any more
            return
        self._syncing = self._node if path == str(self._root) else self._by_inode.get(inode)

    def after_power_cut(self, draw: random.Random | None) -> dict[str, bytes | None]:
        """The tree that may be found after a power cut now.

        Args:
            draw: decides what is kept of each unsynced change; None: all of it is lost.
        """
        found: dict[str, bytes | None] = {}
        contents: dict[int, bytes] = {}
        waiting = [(self._node, "")]
        while waiting:
            folder, prefix = waiting.pop()
            for name, nodes in sorted(folder.names.items()):
                node = nodes[0] if draw is None else draw.choice(nodes)
                if node is None:
                    continue
                path = prefix + name
                if node.is_folder:
                    found[path] = None
                    waiting.append((node, f"{path}/"))
                else:
                    if id(node) not in contents:
                        contents[id(node)] = _content(node.contents, draw)
                    found[path] = contents[id(node)]
        return dict(sorted(found.items()))


def _content(versions: list[bytes], draw: random.Random | None) -> bytes:
    if draw is None or len(versions) == 1:
        return versions[0]
    how = draw.choice(("lost", "kept", "earlier", "torn", "zeros"))
    if how == "lost":
        return versions[0]
    if how == "kept":
        return versions[-1]
    if how == "earlier":
        return draw.choice(versions)
    if how == "torn":
        return _torn(versions, draw)
    return versions[0].ljust(len(versions[-1]), b"\0")


def _torn(versions: list[bytes], draw: random.Random) -> bytes:
    """Each sector is of any version; the length is that of one of them, or anything between."""
    lengths = [len(version) for version in versions]
    length = draw.choice([*lengths, draw.randint(min(lengths), max(lengths))])
    sectors = [
        draw.choice(versions)[start : start + SECTOR_BYTES].ljust(SECTOR_BYTES, b"\0")
        for start in range(0, length, SECTOR_BYTES)
    ]
    return b"".join(sectors)[:length]
