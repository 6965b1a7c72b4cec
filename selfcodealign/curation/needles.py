"""Long lists of texts found in a text, by hashed windows: the time does not grow with the length of the list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from selfcodealign.curation.shingles import Hashes, mixed

FACTOR = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)

SourceT = TypeVar("SourceT")


def character_hashes(text: str) -> Hashes:
    """A 64-bit hash for each character."""
    return mixed(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64))


def windows(hashes: Hashes, size: int) -> Hashes:
    """The hash of each `size` items in a row; empty if there are fewer items.

    A polynomial in `FACTOR`, so that no two places of a window weigh the same, put together from halves: 32 items take
    five passes.

    Args:
        hashes: a 64-bit hash for each item; those of different items differ in all their bits alike.
        size: items of a window.
    """
    if len(hashes) < size:
        return hashes[:0]
    whole = np.full(len(hashes) - size + 1, size, dtype=np.uint64)
    power, done, part, factor = 1, 0, hashes, FACTOR
    while True:
        if size & power:
            whole = whole * factor + part[done : done + len(whole)]
            done += power
        if done == size:
            return whole
        part = part[:-power] * factor + part[power:]
        power, factor = 2 * power, factor * factor


@dataclass(slots=True)
class _Needle(Generic[SourceT]):
    items: Sequence[str]
    sources: list[SourceT]


class Needles(Generic[SourceT]):
    """Sequences (characters of a text, or a list of words) to be found inside longer ones."""

    def __init__(self, size: int) -> None:
        """Needles have at least `size` items: the first `size` of them are what is looked up."""
        self.size = size
        self._needles: dict[Sequence[str], _Needle[SourceT]] = {}
        self._by_start: dict[int, list[_Needle[SourceT]]] = {}
        self._starts: Hashes | None = None

    def add(self, items: Sequence[str], hashes: Hashes, source: SourceT) -> None:
        """Add a needle.

        Args:
            items: a string, or a tuple of words; at least `size` long.
            hashes: a number for each item.
            source: where it comes from.
        """
        needle = self._needles.get(items)
        if needle is None:
            self._needles[items] = needle = _Needle(items, [])
            self._by_start.setdefault(int(windows(hashes[: self.size], self.size)[0]), []).append(needle)
            self._starts = None
        needle.sources.append(source)

    def find(self, items: Sequence[str], hashes: Hashes) -> Iterator[_Needle[SourceT]]:
        """The needles that occur in a sequence without a gap."""
        if self._starts is None:
            self._starts = np.sort(np.fromiter(self._by_start, np.uint64, len(self._by_start)))
        rolled = windows(hashes, self.size)
        for start in np.flatnonzero(contained(rolled, self._starts)).tolist():
            for needle in self._by_start[int(rolled[start])]:
                if items[start : start + len(needle.items)] == needle.items:
                    yield needle


def contained(values: Hashes, ordered: Hashes) -> npt.NDArray[np.bool_]:
    """For each value whether it is among some ordered ones."""
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    is_contained: npt.NDArray[np.bool_] = ordered[places] == values
    return is_contained
