"""Drawing a bounded number of rows by their ids: the same draw whatever the order or the number of workers."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from selfcodealign.records import ID_HEX_DIGITS, Seed, row_id


def draw_key(seed: int, seed_id: str) -> str:
    """The place of a row in the draw; the smallest are drawn.

    Args:
        seed: the run's seed.
        seed_id: id of the row.
    """
    return row_id(seed, seed_id)


def drawn(ids: NDArray[np.bytes_], seed: int, limit: int | None) -> NDArray[np.bool_]:
    """Which rows of a table are drawn.

    Args:
        ids: distinct ids of the rows, of any order; 20 bytes each.
        seed: the run's seed.
        limit: rows drawn; None draws all.

    Returns:
        For each row whether it is drawn, in the order of the ids.
    """
    if limit is None or len(ids) <= limit:
        return np.ones(len(ids), dtype=np.bool_)
    keys = np.fromiter((draw_key(seed, name.decode()) for name in ids), dtype=f"S{ID_HEX_DIGITS}", count=len(ids))
    mask = np.zeros(len(ids), dtype=np.bool_)
    mask[np.argsort(keys)[:limit]] = True
    return mask


def in_draw_order(rows: Iterable[Seed], seed: int) -> Iterator[Seed]:
    """Rows in the order of the draw."""
    yield from sorted(rows, key=lambda row: draw_key(seed, row.id))
