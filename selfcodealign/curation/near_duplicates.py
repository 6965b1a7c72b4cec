"""Near-duplicate texts: MinHash-LSH proposes pairs, exact Jaccard similarity decides, union-find makes the clusters.

Two texts are near-duplicates if the Jaccard similarity of their sets of word n-grams reaches a threshold. The sketches
are those of `rensa` (full-set R-MinHash, a Rust library); the banding is chosen for recall, because every candidate
pair is verified and a false candidate costs time only. Nothing here depends on the number of threads.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"\w+")
SKETCH_SEED = 42
SKETCH_ROWS = 20_000
PAIR_RECALL = 0.999

Hashes = npt.NDArray[np.uint64]
Sketches = npt.NDArray[np.uint32]


def near_duplicates(texts: Sequence[str], *, jaccard: float, num_perm: int = 250, ngram: int = 5) -> list[int | None]:
    """Find the texts that nearly repeat an earlier one.

    Texts are near-duplicates of each other if a chain of pairs, each at least `jaccard` similar, connects them. Texts
    of fewer than `ngram` words have no n-gram: they are compared by all their words as one (equal or not), never
    dropped. A text without any word is compared by its other characters.

    Args:
        texts: the texts, in the order of preference: the first of a cluster represents it.
        jaccard: similarity of the sets of word n-grams from which two texts are near-duplicates, 0 to 1; at 0
            everything is a duplicate of the first text.
        num_perm: hash permutations of a MinHash sketch.
        ngram: words of an n-gram.

    Returns:
        For each text the index of the text that represents it, always a smaller one, or None if the text is kept.

    Raises:
        ValueError: `jaccard` is not in 0 to 1, or `num_perm` or `ngram` is not positive.

    Source: SelfCodeAlign, section 3 (5-grams, 250 permutations, 0.7 for pairs and 0.5 for seeds).
    """
    if not 0.0 <= jaccard <= 1.0 or num_perm < 1 or ngram < 1:
        raise ValueError(f"jaccard {jaccard}, num_perm {num_perm} or ngram {ngram} is out of range")
    clusters = _Clusters(len(texts))
    distinct: dict[bytes, int] = {}
    shingles: list[Hashes] = []
    rows: list[int] = []
    for index, hashes in enumerate(_shingle_sets(texts, ngram)):
        first = distinct.setdefault(hashes.tobytes(), index)
        if first == index:
            shingles.append(hashes)
            rows.append(index)
        else:
            clusters.join(first, index)
    if jaccard == 0.0:
        for row in rows[1:]:
            clusters.join(rows[0], row)
    elif jaccard < 1.0 and len(rows) > 1:
        sketches = _sketch(shingles, num_perm)
        for group in _candidate_groups(sketches, rows_per_band(jaccard, num_perm)):
            _join_similar(group, rows, shingles, jaccard, clusters)
    return [None if (root := clusters.root(index)) == index else root for index in range(len(texts))]


def rows_per_band(jaccard: float, num_perm: int) -> int:
    """Sketch rows a band: the most (fewest false candidates) that still find a pair at the threshold.

    A pair of similarity `s` becomes a candidate with probability `1 - (1 - s ** r) ** (num_perm // r)`; more similar
    pairs with a higher one.

    Args:
        jaccard: threshold, above 0.
        num_perm: permutations of a sketch.

    Returns:
        The largest `r` whose probability at the threshold is at least 0.999; 1 if there is none.

    Source: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", section 3.4.
    """
    best = 1
    for rows in range(2, num_perm + 1):
        missed = (num_perm // rows) * math.log1p(-min(jaccard**rows, 1.0 - 1e-12))
        if missed <= math.log1p(-PAIR_RECALL):
            best = rows
    return best


def _shingle_sets(texts: Sequence[str], ngram: int) -> Iterator[Hashes]:
    """For each text the sorted 64-bit hashes of its distinct word n-grams."""
    vocabulary = _Vocabulary()
    for text in texts:
        words = WORD.findall(text) or text.split()
        hashes = np.fromiter(map(vocabulary.__getitem__, words), dtype=np.uint64, count=len(words))
        width = min(ngram, len(words))
        # The width is mixed in: a short text never equals an n-gram of a longer one by accident.
        rolled = np.full(max(len(words) - width + 1, 1), width, dtype=np.uint64)
        for offset in range(width):
            rolled = _mix(rolled ^ hashes[offset : offset + len(rolled)])
        yield np.unique(rolled)


class _Vocabulary(dict[str, int]):
    """64-bit hashes of words, the same on every machine, worked out once a word."""

    def __missing__(self, word: str) -> int:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value


def _mix(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64: an invertible scramble, so that order inside an n-gram counts."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _sketch(shingles: Sequence[Hashes], num_perm: int) -> Sketches:
    """MinHash sketches, one row a text, made in chunks to bound the memory of the conversion."""
    from rensa import RMinHash

    sketches = np.empty((len(shingles), num_perm), dtype=np.uint32)
    for start in range(0, len(shingles), SKETCH_ROWS):
        chunk = shingles[start : start + SKETCH_ROWS]
        offsets = np.zeros(len(chunk) + 1, dtype=np.uint64)
        np.cumsum([len(hashes) for hashes in chunk], out=offsets[1:])
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(np.concatenate(chunk), offsets, num_perm, SKETCH_SEED)
        sketches[start : start + len(chunk)] = matrix.to_rows()
    return sketches


def _candidate_groups(sketches: Sketches, band_rows: int) -> Iterator[npt.NDArray[np.int64]]:
    """Groups of at least two texts whose sketches agree in a whole band; each group is in ascending order."""
    for start in range(0, sketches.shape[1] - band_rows + 1, band_rows):
        band = np.ascontiguousarray(sketches[:, start : start + band_rows])
        keys = band.view(np.dtype((np.void, band.dtype.itemsize * band_rows))).ravel()
        order = np.argsort(keys, kind="stable")
        is_new = np.concatenate(([True], keys[order[1:]] != keys[order[:-1]], [True]))
        borders = np.flatnonzero(is_new)
        for group in np.flatnonzero(np.diff(borders) > 1):
            yield order[borders[group] : borders[group + 1]]


def _join_similar(
    group: npt.NDArray[np.int64],
    rows: Sequence[int],
    shingles: Sequence[Hashes],
    jaccard: float,
    clusters: "_Clusters",
) -> None:
    """Verify the pairs of a group. Pairs that are in one cluster already need no look: the clusters are the same."""
    members = group.tolist()
    for position, right in enumerate(members[1:], start=1):
        for left in members[:position]:
            if clusters.root(rows[left]) == clusters.root(rows[right]):
                continue
            if _is_similar(shingles[left], shingles[right], jaccard):
                clusters.join(rows[left], rows[right])


def _is_similar(left: Hashes, right: Hashes, jaccard: float) -> bool:
    fewer, more = sorted((len(left), len(right)))
    if fewer < jaccard * more:
        return False
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared >= jaccard * (fewer + more - shared)


class _Clusters:
    """Union-find over row numbers; the root of a cluster is its smallest row."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = self._parent[self._parent[row]]
            row = self._parent[row]
        return row

    def join(self, left: int, right: int) -> None:
        first, second = sorted((self.root(left), self.root(right)))
        self._parent[second] = first
