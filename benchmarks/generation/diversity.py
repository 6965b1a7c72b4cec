"""How different the rows of a step are from each other."""

import itertools
import re
from collections.abc import Sequence

from selfcodealign.curation import near_duplicates

WORD = re.compile(r"\w+")
SIMILAR = 0.5


def distinct_ngrams(texts: Sequence[str], size: int) -> float:
    """Distinct n-grams of words over all n-grams; 1.0: none occurs twice. Source: distinct-n of Li et al., 2016.

    Args:
        texts: what is compared.
        size: words of an n-gram.
    """
    grams = [gram for text in texts for gram in _ngrams(text, size)]
    return len(set(grams)) / len(grams) if grams else 1.0


def near_duplicate_share(texts: Sequence[str]) -> float:
    """Share of the texts that nearly repeat another one: Jaccard similarity of word trigrams from 0.5."""
    if not texts:
        return 0.0
    found = near_duplicates(texts, jaccard=SIMILAR, ngram=3)
    return sum(first is not None for first in found) / len(texts)


def mean_similarity(texts: Sequence[str]) -> float:
    """Mean Jaccard similarity of the word sets of all pairs of texts; 0.0: no two share a word."""
    sets = [set(WORD.findall(text.lower())) for text in texts]
    pairs = [len(a & b) / len(a | b) for a, b in itertools.combinations(sets, 2) if a | b]
    return sum(pairs) / len(pairs) if pairs else 0.0


def diversity(texts: Sequence[str]) -> dict[str, float]:
    """All of these, by name."""
    return {
        "rows": len(texts),
        "distinct_2": round(distinct_ngrams(texts, 2), 4),
        "distinct_4": round(distinct_ngrams(texts, 4), 4),
        "near_duplicates": round(near_duplicate_share(texts), 4),
        "mean_similarity": round(mean_similarity(texts), 4),
    }


def _ngrams(text: str, size: int) -> list[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
