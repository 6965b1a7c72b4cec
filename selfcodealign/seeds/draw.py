"""Drawing a bounded number of rows by their ids: the same draw whatever the order or the number of workers."""

import heapq
from collections.abc import Iterable, Iterator

from selfcodealign.records import Seed, row_id


def draw_key(seed: int, seed_id: str) -> int:
    """The place of a row in the draw; the smallest are drawn.

    Args:
        seed: the run's seed.
        seed_id: id of the row.
    """
    return int(row_id(seed, seed_id), 16)


class Draw:
    """Keeps the `limit` rows with the smallest keys of a stream of any length."""

    def __init__(self, seed: int, limit: int | None) -> None:
        """Start an empty draw.

        Args:
            seed: the run's seed.
            limit: rows kept; None keeps all.
        """
        self._seed = seed
        self._limit = limit
        self._heap: list[tuple[int, int, Seed]] = []  # (-key, position, row): the largest key on top
        self._position = 0

    def add(self, row: Seed) -> Seed | None:
        """Take one row.

        Returns:
            The row that this one pushes out (perhaps itself), or None while there is room.
        """
        self._position += 1
        entry = (-draw_key(self._seed, row.id), self._position, row)
        if self._limit is None or len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
            return None
        return heapq.heappushpop(self._heap, entry)[2]

    def rows(self) -> list[Seed]:
        """The drawn rows in the order in which they came."""
        return [row for _, _, row in sorted(self._heap, key=lambda entry: entry[1])]


def in_draw_order(rows: Iterable[Seed], seed: int) -> Iterator[Seed]:
    """Rows in the order of the draw."""
    yield from sorted(rows, key=lambda row: draw_key(seed, row.id))
