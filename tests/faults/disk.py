"""Model of a disk after a power cut: synced data is kept, and everything else is any mixture of old and new states.

The model is stricter than common file systems and assumes no more than POSIX guarantees:

- The content of a file at its last fsync is kept. Later writes may be kept, lost, torn between sectors, or have
  extended the file without its data (zeros).
- A folder entry at the last fsync of the folder is kept. Each later change of an entry is kept or lost independently:
  after an unsynced rename, a file may have its old name, its new name, both, or neither.
- A single change of an entry is atomic, and a write does not damage data outside its range.
"""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512


@dataclass(slots=True)
class _Node:
    """A file or folder, independent of its names.

    Attributes:
        is_folder: whether it is one.
        contents: for a file, its content at the last fsync, followed by each later one that was observed.
        names: for a folder, the node of each name at the last fsync (None: absent), followed by each change.
    """

    is_folder: bool
    contents: list[bytes] = field(default_factory=lambda: [b""])
    names: dict[str, list["_Node | None"]] = field(default_factory=dict)

    def sync(self) -> None:
        """Make the last observed state durable."""
        self.contents = self.contents[-1:]
        self.names = {name: nodes[-1:] for name, nodes in self.names.items() if nodes[-1] is not None}


class Disk:
    """Tracks a folder and draws the states that a power cut could leave."""

    def __init__(self, root: Path) -> None:
        """Treat everything that exists now as synced."""
        self._root = root
        self._node = _Node(is_folder=True)
        self._by_inode: dict[int, _Node] = {}
        self._syncing: _Node | None = None
        self.observe()
        for node in (self._node, *self._by_inode.values()):
            node.sync()

    def observe(self) -> None:
        """Record the state of the folder, before each system call that changes it. A pending fsync is done by then."""
        if self._syncing is not None:
            self._syncing.sync()
            self._syncing = None
        # An inode that was absent from the last observation is a new file, even if its number was used before.
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
        """Record that a file or folder is about to be synced. The next observation completes it."""
        try:
            inode = os.stat(path).st_ino
        except FileNotFoundError:  # it has been unlinked
            return
        self._syncing = self._node if path == str(self._root) else self._by_inode.get(inode)

    def after_power_cut(self, draw: random.Random | None) -> dict[str, bytes | None]:
        """Return a tree that a power cut could leave now.

        Args:
            draw: selects which unsynced changes are kept; None: none of them.
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
    """Mix sectors of all versions. The length is that of one version or any value between them."""
    lengths = [len(version) for version in versions]
    length = draw.choice([*lengths, draw.randint(min(lengths), max(lengths))])
    sectors = [
        draw.choice(versions)[start : start + SECTOR_BYTES].ljust(SECTOR_BYTES, b"\0")
        for start in range(0, length, SECTOR_BYTES)
    ]
    return b"".join(sectors)[:length]
