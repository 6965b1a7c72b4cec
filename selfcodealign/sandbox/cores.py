"""Who may use a core: as many busy containers as there are cores, and more while programs only wait.

A program that sleeps, waits for a lock or reads from a pipe that nobody writes to needs no core until its time is up.
Its container gives its turn to another one, and takes a turn again before it goes on to its next program.
"""

import threading
import time


class Cores:
    """Turns of the workers. All methods may be called from any thread."""

    def __init__(self, num_cores: int) -> None:
        self._num_cores = num_cores
        self._num_busy = 0
        self._num_urgent = 0
        self._num_warm = 0
        self._changed = threading.Condition()
        self._crowded_s = 0.0
        self._crowded_since = 0.0

    def acquire(self, *, is_urgent: bool, is_warm: bool, timeout_s: float) -> bool:
        """Wait for a turn.

        Args:
            is_urgent: the worker has programs already, which wait for it; it goes before all others.
            is_warm: its container runs already; such a worker goes before one that would have to start one.
            timeout_s: how long to wait, seconds.

        Returns:
            Whether the worker has a turn now; it keeps it until `release`.
        """
        with self._changed:
            self._num_urgent += is_urgent
            self._num_warm += is_warm and not is_urgent
            try:
                has_turn = self._changed.wait_for(lambda: self._is_free(is_urgent, is_warm), timeout_s)
            finally:
                self._num_urgent -= is_urgent
                self._num_warm -= is_warm and not is_urgent
            if has_turn:
                self._count(1)
            return has_turn

    def take(self) -> None:
        """Take a turn without waiting: a program that waited has gone on, whether there is a core for it or not."""
        with self._changed:
            self._count(1)

    def release(self) -> None:
        """Give a turn back."""
        with self._changed:
            self._count(-1)
            self._changed.notify_all()

    @property
    def is_wanted(self) -> bool:
        """Whether a worker that has programs waits for a turn: others should let it have theirs."""
        return self._num_urgent > 0

    @property
    def crowded_s(self) -> float:
        """For how long, all in all, more containers than cores were busy, seconds."""
        with self._changed:
            is_crowded = self._num_busy > self._num_cores
            return self._crowded_s + (time.monotonic() - self._crowded_since if is_crowded else 0.0)

    def _is_free(self, is_urgent: bool, is_warm: bool) -> bool:
        num_before = 0 if is_urgent else self._num_urgent + (0 if is_warm else self._num_warm)
        return self._num_busy + num_before < self._num_cores

    def _count(self, change: int) -> None:
        was_crowded = self._num_busy > self._num_cores
        self._num_busy += change
        is_crowded = self._num_busy > self._num_cores
        if is_crowded and not was_crowded:
            self._crowded_since = time.monotonic()
        elif was_crowded and not is_crowded:
            self._crowded_s += time.monotonic() - self._crowded_since
