"""The memory of a process and its workers while something runs, by looking again and again.

`ru_maxrss` would do for neither: a process inherits its parent's, and that of several workers is not their sum.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY_S = 0.02


class Peak:
    """The greatest memory that was seen, MiB, less that at the start."""

    mib: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch this process and its children while the block runs; pages that they share count for each.

    Yields:
        The peak, up to now while the block runs and as a whole when it has ended.
    """
    peak = Peak()
    before = _resident_mib()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_S):
            peak.mib = max(peak.mib, _resident_mib() - before)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.mib = max(peak.mib, _resident_mib() - before)
        ended.set()
        thread.join()


def _resident_mib() -> float:
    pages = sum(_pages(process) for process in ["self", *_children()])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children() -> list[str]:
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text(encoding="ascii").split()
        except OSError:
            continue  # a thread that has ended meanwhile
    return found


def _pages(process: str) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
