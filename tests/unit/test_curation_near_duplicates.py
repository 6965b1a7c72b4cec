"""Near-duplicates: the same clusters as an exact comparison, whatever the order and however short the texts."""

import importlib
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.curation import near_duplicate_code, near_duplicates
from selfcodealign.curation.bands import rows_per_band
from selfcodealign.curation.normalised_code import normalised_words
from selfcodealign.curation.shingles import Shingler, words_of
from selfcodealign.params import Workers


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


def test_smallest_id_of_a_cluster_stays_in_any_order_of_the_texts() -> None:
    generator = random.Random(9)
    rows = [(f"{generator.getrandbits(64):016x}", text) for text in edited_texts(generator, 30, 4)]

    def kept(ordered: list[tuple[str, str]]) -> set[str]:
        ids = [row[0] for row in ordered]
        found = near_duplicates([row[1] for row in ordered], jaccard=0.5, ids=ids)
        assert all(first is None or ids[first] < ids[index] for index, first in enumerate(found))
        return {row for row, first in zip(ids, found, strict=True) if first is None}

    expected = kept(rows)
    assert 0 < len(expected) < len(rows)
    for _ in range(3):
        generator.shuffle(rows)
        assert kept(rows) == expected


def test_clusters_do_not_depend_on_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("selfcodealign.curation.near_duplicates")
    texts = edited_texts(random.Random(11), num_originals=60, num_copies=4)
    expected = near_duplicates(texts, jaccard=0.5)
    monkeypatch.setattr(module, "INLINE_TEXTS", 10)
    monkeypatch.setattr(module, "CHUNK_TEXTS", 17)
    assert near_duplicates(texts, jaccard=0.5) == expected
    assert near_duplicates(texts, jaccard=0.5, workers=Workers(num_workers=2)) == expected


def test_many_texts_that_share_a_part_and_are_not_similar_stay_apart() -> None:
    generator = random.Random(2)
    shared = " ".join(f"shared{number}" for number in range(12))
    texts = [f"{shared} " + " ".join(f"w{generator.getrandbits(20)}" for _ in range(24)) for _ in range(300)]
    assert near_duplicates(texts, jaccard=0.5) == [None] * len(texts)
    assert near_duplicates([*texts, texts[7] + " x"], jaccard=0.5)[-1] == 7


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(alphabet="ab_\u00e9 .+\n\x1c", max_size=12), max_size=6), st.integers(1, 4))
def test_n_gram_sets_are_those_of_the_words_in_any_company(texts: list[str], ngram: int) -> None:
    assert all(words_of(text) == (re.findall(r"\w+", text) or text.split()) for text in texts)
    together = Shingler(ngram).shingles(texts)
    for index, text in enumerate(texts):
        alone = Shingler(ngram).shingles([text])
        words = words_of(text)
        width = min(ngram, len(words))
        expected = {tuple(words[start : start + width]) for start in range(max(len(words) - width + 1, 1))}
        assert together.of(index).tolist() == alone.of(0).tolist()
        assert len(alone.of(0)) == len(expected)


SMALLEST = """
import math
def smallest(numbers, limit):
    best = math.inf
    for number in numbers:
        if number > limit and number < best:
            best = number
    return best if best < math.inf else None
"""
SMALLEST_RENAMED = """
from typing import Any
import math

def lowest_above(xs: list[float], bar: float) -> Any:
    'Another text.'
    found = math.inf  # nothing yet
    for x in xs:
        if x > bar and x < found:
            found = x
    return found if found < math.inf else None
"""
CHANGED = SMALLEST.replace("number > limit and number < best", "limit(number)").replace("else None", "else sum(best)")


def test_renamed_code_is_a_near_duplicate_in_normal_form_only() -> None:
    codes = [SMALLEST, SMALLEST_RENAMED, "def f(:", CHANGED]
    assert near_duplicate_code(codes, jaccard=0.7, normalised_jaccard=None) == [None] * 4
    assert near_duplicate_code(codes, jaccard=0.7, normalised_jaccard=0.9) == [None, 0, None, None]
    assert normalised_words(SMALLEST) == normalised_words(SMALLEST_RENAMED)
    assert normalised_words("def f(:") == ["def", "f"]


def test_twin_of_a_twin_leads_to_what_is_kept() -> None:
    codes = [SMALLEST, SMALLEST_RENAMED, SMALLEST_RENAMED + "\n# a remark"]
    assert near_duplicate_code(codes, jaccard=0.7, normalised_jaccard=0.9) == [None, 0, 0]


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
