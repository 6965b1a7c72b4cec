"""Whether the rows that stay are those of an exact comparison: every pair of a sample, by sets of n-grams."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.curation.systems import NGRAM
from selfcodealign.curation.shingles import words_of

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Exactness:
    """Pairs of near-duplicates that a system put together, against all that there are.

    Attributes:
        num_rows: rows of the sample.
        num_pairs: pairs whose exact similarity reaches the threshold.
        recall: share of those of which at most one row stays.
        precision: share of the rows taken away that an exact comparison takes away, too: some row that is similar to
            it, directly or through others, stays.
    """

    num_rows: int
    num_pairs: int
    recall: float
    precision: float


def similar_pairs(texts: Sequence[str], jaccard: float) -> set[Pair]:
    """All pairs whose n-gram sets are at least `jaccard` similar, by an index of all n-grams."""
    owners: dict[tuple[str, ...], list[int]] = {}
    sizes: list[int] = []
    for index, text in enumerate(texts):
        words = words_of(text)
        width = min(NGRAM, len(words))
        ngrams = {tuple(words[start : start + width]) for start in range(max(len(words) - width + 1, 1))}
        sizes.append(len(ngrams))
        for ngram in ngrams:
            owners.setdefault(ngram, []).append(index)
    by_row: list[list[int]] = [[] for _ in texts]
    for rows in owners.values():
        for place, row in enumerate(rows):
            by_row[row].extend(rows[:place])
    pairs = set()
    for row, others in enumerate(by_row):
        for other, shared in Counter(others).items():
            if shared >= jaccard * (sizes[row] + sizes[other] - shared):
                pairs.add((other, row))
    return pairs


def compare(texts: Sequence[str], kept: frozenset[int], jaccard: float) -> Exactness:
    """Compare the rows that a system keeps with an exact comparison.

    Args:
        texts: the sample.
        kept: positions of the rows that stay.
        jaccard: the threshold.
    """
    pairs = similar_pairs(texts, jaccard)
    cluster = list(range(len(texts)))

    def root(row: int) -> int:
        while cluster[row] != row:
            row = cluster[row]
        return row

    for left, right in pairs:
        first, second = sorted((root(left), root(right)))
        cluster[second] = first
    has_kept = {root(row) for row in kept}
    removed = [row for row in range(len(texts)) if row not in kept]
    sizes = Counter(map(root, range(len(texts))))
    right_ones = sum(sizes[root(row)] > 1 and root(row) in has_kept for row in removed)
    apart = sum(left in kept and right in kept for left, right in pairs)
    return Exactness(
        num_rows=len(texts),
        num_pairs=len(pairs),
        recall=1.0 - apart / max(len(pairs), 1),
        precision=right_ones / max(len(removed), 1),
    )
