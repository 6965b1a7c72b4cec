"""Progress for long work: a bar on a terminal, a line now and then without one."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

LINE_EVERY_S = 15.0

logger = logging.getLogger(__name__)


class Progress:
    """Where a piece of long work stands. `advance` is cheap and may be called for every row."""

    def __init__(self, what: str, total: int | None, bar: Bar | None, task: TaskID) -> None:
        self._what = what
        self._total = total
        self._bar = bar
        self._task = task
        self._done = 0
        self._skipped = 0
        self._started = time.monotonic()
        self._next_line = self._started + LINE_EVERY_S

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count finished rows.

        Args:
            count: rows finished since the last call.
            note: the running yield or the like, shown behind the counts.
        """
        self._done += count
        now = time.monotonic()
        rate = (self._done - self._skipped) / max(now - self._started, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, advance=count, note=f"{rate:.1f}/s {note}")
        elif now >= self._next_line or self._done == self._total:
            self._next_line = now + LINE_EVERY_S
            logger.info("%s", self._line(rate, note))

    def expect(self, total: int | None) -> None:
        """Take note that there are more rows than it was said, or fewer; None: it is not known how many."""
        self._total = total
        if self._bar is not None:
            self._bar.update(self._task, total=total)

    def skip(self, count: int) -> None:
        """Count rows that took no work: they are done, and say nothing of how fast it goes."""
        self._done += count
        self._skipped += count
        if self._bar is not None and count:
            self._bar.update(self._task, advance=count)

    def _line(self, rate: float, note: str) -> str:
        if self._total is None:
            return f"{self._what}: {self._done}, {rate:.1f}/s {note}".rstrip()
        left = (self._total - self._done) / max(rate, 1e-9)
        return f"{self._what}: {self._done}/{self._total}, {rate:.1f}/s, {left:.0f} s left {note}".rstrip()


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress]:
    """Show progress while the block runs: on standard error, a bar if it is a terminal, else log lines.

    Args:
        what: what is being done, such as `responses`.
        total: rows expected; None if unknown.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Progress(what, total, None, TaskID(0))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=console) as bar:
        yield Progress(what, total, bar, bar.add_task(what, total=total, note=""))
