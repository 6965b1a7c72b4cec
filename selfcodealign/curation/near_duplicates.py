"""Near-duplicate texts: MinHash-LSH proposes pairs, exact Jaccard similarity decides, union-find makes the clusters.

Two texts are near-duplicates if the Jaccard similarity of their sets of word n-grams reaches a threshold. The banding
is chosen for recall, because every candidate pair is verified and a false candidate costs time only. Nothing here
depends on the order of the texts (but for which of a cluster represents it), or on the number of workers.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfcodealign.curation.bands import BandKeys, band_keys, rows_per_band
from selfcodealign.curation.normalised_code import normalised_words
from selfcodealign.curation.shingles import CHUNK_TEXTS, HASH_BITS, Offsets, Shingler, Shingles, Words, joined, words_of
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import Workers

VERIFIED_TOGETHER = 16_384
# Up to here the start of the processes costs more than it saves.
INLINE_TEXTS = 50_000

Labels = npt.NDArray[np.int64]
Pairs = tuple[Offsets, Offsets]


def near_duplicates(
    texts: Sequence[str],
    *,
    jaccard: float,
    num_perm: int = 250,
    ngram: int = 5,
    ids: Sequence[str] | None = None,
    words: Words = words_of,
    workers: Workers = ALONE,
) -> list[int | None]:
    """Find the texts that nearly repeat another one.

    Texts are near-duplicates of each other if a chain of pairs, each at least `jaccard` similar, connects them. Texts
    of fewer than `ngram` words have no n-gram: they are compared by all their words as one (equal or not), never
    dropped. A text without any word is compared by its other characters.

    Args:
        texts: the texts. Without `ids` they are in the order of preference: the first of a cluster represents it.
        jaccard: similarity of the sets of word n-grams from which two texts are near-duplicates, 0 to 1; at 0
            everything is a duplicate of one text.
        num_perm: hash permutations of a MinHash sketch.
        ngram: words of an n-gram.
        ids: distinct ids of the texts: the smallest of a cluster represents it, whatever the order of the texts.
        words: what cuts a text into words; a function of a module unless one worker hashes.
        workers: where texts are hashed, if there are more than 50,000.

    Returns:
        For each text the index of the text that represents it, or None if the text is kept.

    Raises:
        ValueError: `jaccard` is not in 0 to 1, or `num_perm` or `ngram` is not positive.

    Source: SelfCodeAlign, section 3 (5-grams, 250 permutations, 0.7 for pairs and 0.5 for seeds).
    """
    if not 0.0 <= jaccard <= 1.0 or num_perm < 1 or ngram < 1:
        raise ValueError(f"jaccard {jaccard}, num_perm {num_perm} or ngram {ngram} is out of range")
    band_rows = rows_per_band(jaccard, num_perm) if 0.0 < jaccard < 1.0 else None
    shingles, keys = _hashed(texts, _Hasher(ngram, words, num_perm, band_rows), workers)
    labels = _Clusters(len(texts))
    if jaccard == 0.0:
        labels.join(np.zeros(len(texts), np.int64), np.arange(len(texts)))
    elif band_rows is None:
        _join_equal(shingles, labels)
    else:
        _join_similar(shingles, keys, jaccard, labels)
    return _representatives(labels.roots(np.arange(len(texts))), ids)


def near_duplicate_code(
    codes: Sequence[str], *, jaccard: float, normalised_jaccard: float | None, workers: Workers = ALONE
) -> list[int | None]:
    """Find the code that nearly repeats an earlier one: as text or, if asked for, in normal form.

    Args:
        codes: the code, in the order of preference.
        jaccard: similarity of the texts from which two are near-duplicates.
        normalised_jaccard: the same for the normal form, in which names, layout, comments, docstrings and
            annotations do not count; None: the normal form is not compared.
        workers: where texts are hashed, if there are many.

    Returns:
        For each code the index of the one that represents it, always a smaller one, or None if it is kept. Those that
        are left by their texts are compared in normal form.

    Raises:
        ValueError: a similarity is not in 0 to 1.
    """
    found = near_duplicates(codes, jaccard=jaccard, workers=workers)
    if normalised_jaccard is None:
        return found
    kept = [index for index, first in enumerate(found) if first is None]
    alike = near_duplicates(
        [codes[index] for index in kept], jaccard=normalised_jaccard, words=normalised_words, workers=workers
    )
    twins = {index: kept[first] for index, first in zip(kept, alike, strict=True) if first is not None}
    return [twins.get(index if first is None else first, first) for index, first in enumerate(found)]


def _representatives(roots: Labels, ids: Sequence[str] | None) -> list[int | None]:
    """For each text the first (or the one with the smallest id) of its cluster, or None if it is that itself."""
    order = range(len(roots)) if ids is None else sorted(range(len(roots)), key=ids.__getitem__)
    kept: dict[int, int] = {}
    cluster_of = roots.tolist()
    for index in order:
        kept.setdefault(cluster_of[index], index)
    return [None if kept[root] == index else kept[root] for index, root in enumerate(cluster_of)]


class _Hasher:
    """Hashes chunks of texts; each process has one, with its own vocabulary."""

    def __init__(self, ngram: int, words: Words, num_perm: int, band_rows: int | None) -> None:
        self._shingler = Shingler(ngram, words)
        self._num_perm = num_perm
        self._band_rows = band_rows

    def __call__(self, texts: Sequence[str]) -> tuple[Shingles, BandKeys]:
        shingles = self._shingler.shingles(texts)
        if self._band_rows is None:
            return shingles, np.empty((len(texts), 0), np.uint32)
        return shingles, band_keys(shingles, self._num_perm, self._band_rows)


def _hashed(texts: Sequence[str], hasher: _Hasher, workers: Workers) -> tuple[Shingles, BandKeys]:
    """N-gram sets and band keys of all texts, in their order."""
    chunks = (texts[start : start + CHUNK_TEXTS] for start in range(0, len(texts), CHUNK_TEXTS))
    parts = list(
        ordered_map(hasher, chunks, workers=workers, chunk_items=1, inline_items=max(INLINE_TEXTS // CHUNK_TEXTS, 1))
    )
    if not parts:
        return joined([]), np.empty((0, 0), np.uint32)
    keys = [part_keys for _, part_keys in parts]
    shingles = joined([part for part, _ in parts])
    parts.clear()  # half of the memory, before the keys are put together
    return shingles, np.concatenate(keys)


def _join_equal(shingles: Shingles, labels: "_Clusters") -> None:
    first: dict[bytes, int] = {}
    pairs = [(first.setdefault(shingles.of(row).tobytes(), row), row) for row in range(len(shingles))]
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    labels.join(left, right)


def _join_similar(shingles: Shingles, keys: BandKeys, jaccard: float, labels: "_Clusters") -> None:
    """Join the texts of all pairs that share a band and are similar.

    In a group of texts that share a band, neighbours are compared first, then texts that are two places apart, and so
    on; pairs that are in one cluster by then need no look, since the clusters stay the same.
    """
    for band in range(keys.shape[1]):
        rows, groups = _groups(keys[:, band])
        distance = 1
        while len(rows):
            left, right = rows[:-distance], rows[distance:]
            is_pair = groups[:-distance] == groups[distance:]
            is_pair[is_pair] = labels.roots(left[is_pair]) != labels.roots(right[is_pair])
            # A pair that shares an earlier band has been compared there.
            left, right = left[is_pair], right[is_pair]
            is_new = ~_share_a_band(keys, left, right, band)
            labels.join(*_similar(shingles, left[is_new], right[is_new], jaccard))
            distance += 1
            rows, groups = _open_groups(rows, groups, labels, distance)


def _groups(key: npt.NDArray[np.uint32]) -> tuple[Offsets, Offsets]:
    """The rows of all groups of at least two equal keys, group by group, and the number of each row's group."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    is_new = np.concatenate([np.ones(min(len(ordered), 1), np.bool_), ordered[1:] != ordered[:-1]])
    group = np.cumsum(is_new) - 1
    is_shared = np.bincount(group)[group] > 1 if len(group) else is_new
    return order[is_shared], group[is_shared]


def _open_groups(rows: Offsets, groups: Offsets, labels: "_Clusters", distance: int) -> tuple[Offsets, Offsets]:
    """The rows of the groups that hold more than `distance` texts, not all in one cluster."""
    roots = labels.roots(rows)
    starts = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
    sizes = np.diff(np.append(starts, len(rows)))
    is_open = (np.minimum.reduceat(roots, starts) != np.maximum.reduceat(roots, starts)) & (sizes > distance)
    is_left = np.repeat(is_open, sizes)
    return rows[is_left], groups[is_left]


def _share_a_band(keys: BandKeys, left: Offsets, right: Offsets, num_bands: int) -> npt.NDArray[np.bool_]:
    shared = np.zeros(len(left), np.bool_)
    for start in range(0, len(left), VERIFIED_TOGETHER):
        part = slice(start, start + VERIFIED_TOGETHER)
        shared[part] = (keys[left[part], :num_bands] == keys[right[part], :num_bands]).any(axis=1)
    return shared


def _similar(shingles: Shingles, left: Offsets, right: Offsets, jaccard: float) -> Pairs:
    """Those of some pairs whose n-gram sets are at least `jaccard` similar, by counting what they share."""
    sizes = shingles.sizes
    fewer, more = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
    is_similar = fewer >= jaccard * more
    for start in range(0, len(left), VERIFIED_TOGETHER):
        chosen = np.flatnonzero(is_similar[start : start + VERIFIED_TOGETHER]) + start
        shared = _num_shared(shingles, left[chosen], right[chosen])
        is_similar[chosen] = shared >= jaccard * (fewer[chosen] + more[chosen] - shared)
    return left[is_similar], right[is_similar]


def _num_shared(shingles: Shingles, left: Offsets, right: Offsets) -> Offsets:
    """How many n-grams the texts of each of at most 65,536 pairs share."""
    keys = []
    for rows in (left, right):
        hashes, owner = shingles.gathered(rows)
        keys.append((owner.astype(np.uint64) << np.uint64(HASH_BITS)) | hashes)
    ordered = np.sort(np.concatenate(keys))
    repeated = ordered[1:][ordered[1:] == ordered[:-1]] >> np.uint64(HASH_BITS)
    return np.bincount(repeated.astype(np.int64), minlength=len(left))


class _Clusters:
    """Union-find over row numbers; the root of a cluster is its smallest row."""

    def __init__(self, size: int) -> None:
        self._parent: Labels = np.arange(size)

    def roots(self, rows: Offsets) -> Labels:
        """The root of each row's cluster; the paths are shortened on the way."""
        roots = self._parent[rows]
        while not np.array_equal(above := self._parent[roots], roots):
            roots = above
        self._parent[rows] = roots
        return roots

    def join(self, left: Offsets, right: Offsets) -> None:
        """Join the clusters of the rows of each pair."""
        parent = self._parent
        for pair in zip(left.tolist(), right.tolist(), strict=True):
            first, second = sorted(map(self._root, pair))
            parent[second] = first

    def _root(self, row: int) -> int:
        parent = self._parent
        while (above := int(parent[row])) != row:
            parent[row] = parent[above]
            row = above
        return row
