"""Near-duplicates: the same clusters as an exact comparison, whatever the order and however short the texts."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.curation import near_duplicates
from selfcodealign.curation.near_duplicates import rows_per_band


def exact_clusters(texts: list[str], jaccard: float, ngram: int) -> list[int | None]:
    """The specification, by brute force: connected components over exact Jaccard on word n-gram sets."""

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text)
        if len(words) < ngram:
            return {tuple(words or text.split())}
        return {tuple(words[start : start + ngram]) for start in range(len(words) - ngram + 1)}

    sets = [shingles(text) for text in texts]
    label = list(range(len(texts)))
    for right in range(len(texts)):
        for left in range(right):
            if len(sets[left] & sets[right]) >= jaccard * len(sets[left] | sets[right]):
                old, new = sorted((label[left], label[right]), reverse=True)
                label = [new if value == old else value for value in label]
    return [None if value == index else value for index, value in enumerate(label)]


def edited_texts(generator: random.Random, num_originals: int, num_copies: int) -> list[str]:
    """Random texts with copies in which some words are replaced: similarities on both sides of any threshold."""
    vocabulary = [f"word{number}" for number in range(300)]
    texts = []
    for _ in range(num_originals):
        words = generator.choices(vocabulary, k=generator.randint(2, 120))
        for _ in range(num_copies):
            edited = list(words)
            for _ in range(generator.randint(0, 1 + len(words) // 15)):
                edited[generator.randrange(len(edited))] = generator.choice(vocabulary)
            texts.append(" ".join(edited))
    generator.shuffle(texts)
    return texts


@pytest.mark.parametrize("jaccard", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clusters_are_those_of_an_exact_comparison(jaccard: float, seed: int) -> None:
    texts = edited_texts(random.Random(seed), num_originals=60, num_copies=4)
    found = near_duplicates(texts, jaccard=jaccard)
    assert found == exact_clusters(texts, jaccard, ngram=5)
    assert 0 < sum(value is not None for value in found) < len(texts)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=9).map(" ".join), max_size=25),
    st.sampled_from([0.25, 0.5, 0.7, 1.0]),
)
def test_short_and_repetitive_texts_cluster_as_in_an_exact_comparison(texts: list[str], jaccard: float) -> None:
    assert near_duplicates(texts, jaccard=jaccard, ngram=3) == exact_clusters(texts, jaccard, ngram=3)


def test_texts_with_fewer_words_than_an_n_gram_are_kept_unless_repeated() -> None:
    texts = ["add two numbers", "sort a list", "add two numbers", "", "", "+", "-"]
    assert near_duplicates(texts, jaccard=0.7) == [None, None, 0, None, 3, None, None]


def test_partition_does_not_depend_on_the_order_of_the_texts() -> None:
    texts = edited_texts(random.Random(7), num_originals=40, num_copies=4)
    order = list(range(len(texts)))
    random.Random(8).shuffle(order)

    def partition(indices: list[int]) -> set[frozenset[int]]:
        clusters: dict[int, set[int]] = {}
        representatives = near_duplicates([texts[index] for index in indices], jaccard=0.6)
        for position, first in enumerate(representatives):
            clusters.setdefault(position if first is None else first, set()).add(indices[position])
        return {frozenset(cluster) for cluster in clusters.values()}

    assert partition(list(range(len(texts)))) == partition(order)


def test_representative_is_an_earlier_kept_text() -> None:
    texts = edited_texts(random.Random(3), num_originals=30, num_copies=5)
    found = near_duplicates(texts, jaccard=0.5)
    assert all(first is None or (first < index and found[first] is None) for index, first in enumerate(found))


def test_no_texts_give_no_duplicates() -> None:
    assert near_duplicates([], jaccard=0.7) == []


@pytest.mark.parametrize("jaccard", [-0.1, 1.1])
def test_threshold_out_of_range_is_refused(jaccard: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        near_duplicates(["a"], jaccard=jaccard)


@pytest.mark.parametrize("jaccard", [0.3, 0.5, 0.7, 0.9])
def test_banding_finds_a_pair_at_the_threshold_almost_surely(jaccard: float) -> None:
    rows = rows_per_band(jaccard, 250)
    assert 1 - (1 - jaccard**rows) ** (250 // rows) >= 0.999
    assert 1 - (1 - jaccard ** (rows + 1)) ** (250 // (rows + 1)) < 0.999
