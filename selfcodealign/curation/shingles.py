"""Texts as sets of word n-grams: 48-bit hashes, made for many texts at once.

The hashes of a text depend on the text alone, so that texts may be hashed in any order, in any chunks and by any number
of processes.
"""

import hashlib
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WORD = re.compile(r"\w+")
ASCII_GAPS = str.maketrans({code: " " for code in range(128) if not WORD.fullmatch(chr(code))})
HASH_BITS = 48
CHUNK_TEXTS = 4096
MAX_VOCABULARY = 1_000_000

Words = Callable[[str], list[str]]
Hashes = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shingles:
    """The n-gram sets of some texts, one after the other.

    Attributes:
        hashes: distinct 48-bit hashes of each text, ascending within it.
        offsets: text `i` has `hashes[offsets[i]:offsets[i + 1]]`; one entry more than texts.
    """

    hashes: Hashes
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Offsets:
        """The number of n-grams of each text."""
        return np.diff(self.offsets)

    def of(self, row: int) -> Hashes:
        """The n-grams of one text."""
        return self.hashes[self.offsets[row] : self.offsets[row + 1]]

    def gathered(self, rows: Offsets) -> tuple[Hashes, Offsets]:
        """The n-grams of some texts one after the other, and for each n-gram its text's position in `rows`."""
        sizes = self.offsets[rows + 1] - self.offsets[rows]
        owner = np.repeat(np.arange(len(rows)), sizes)
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(self.offsets[rows] - (ends - sizes), sizes)
        return self.hashes[places], owner


def words_of(text: str) -> list[str]:
    """The words of a text; of one without any word its other characters, split at whitespace."""
    # For ASCII the same as the pattern, at four times its speed.
    words = text.translate(ASCII_GAPS).split() if text.isascii() else WORD.findall(text)
    return words or text.split()


def joined(parts: Sequence[Shingles]) -> Shingles:
    """The n-gram sets of several chunks of texts as one."""
    if not parts:
        return Shingles(np.empty(0, np.uint64), np.zeros(1, np.int64))
    sizes = np.concatenate([part.sizes for part in parts])
    return Shingles(np.concatenate([part.hashes for part in parts]), _offsets(sizes))


class Shingler:
    """Makes n-gram sets; keeps the hashes of the words that it has seen."""

    def __init__(self, ngram: int, words: Words = words_of) -> None:
        """Make n-gram sets of `ngram` words, which `words` cuts a text into."""
        self._ngram = ngram
        self._words = words
        self._vocabulary = Vocabulary()

    def shingles(self, texts: Sequence[str]) -> Shingles:
        """The n-gram sets of at most `CHUNK_TEXTS` texts.

        A text of fewer words than an n-gram has one n-gram, of all its words.
        """
        listed = [self._words(text) for text in texts]
        counts = np.fromiter(map(len, listed), np.int64, len(listed))
        hashes = self._vocabulary.hashes(list(itertools.chain.from_iterable(listed)))
        return self._distinct(*self._rolled(hashes, counts), len(texts))

    def _rolled(self, hashes: Hashes, counts: Offsets) -> tuple[Hashes, Offsets]:
        """The hash of every n-gram, and the text that it belongs to."""
        widths = np.minimum(counts, self._ngram)
        owner = np.repeat(np.arange(len(counts)), counts)
        left = np.repeat(np.cumsum(counts), counts) - np.arange(len(hashes))  # words from here to the end of the text
        width = widths[owner]
        # The width is mixed in: a short text never equals an n-gram of a longer one by accident.
        rolled = width.astype(np.uint64)
        for offset in range(self._ngram):
            shifted = np.zeros_like(hashes)
            shifted[: max(len(hashes) - offset, 0)] = hashes[offset:]
            rolled = np.where(offset < width, mixed(rolled ^ shifted), rolled)
        is_start = left >= width
        empty = np.flatnonzero(counts == 0)
        return (
            np.concatenate([rolled[is_start], np.zeros(len(empty), np.uint64)]),
            np.concatenate([owner[is_start], empty]),
        )

    def _distinct(self, rolled: Hashes, owner: Offsets, num_texts: int) -> Shingles:
        """Text and hash in one number each, sorted: one pass makes all sets distinct and ascending."""
        keys = np.sort((owner.astype(np.uint64) << np.uint64(HASH_BITS)) | (rolled >> np.uint64(64 - HASH_BITS)))
        keys = keys[np.concatenate([np.ones(min(len(keys), 1), np.bool_), keys[1:] != keys[:-1]])]
        sizes = np.bincount((keys >> np.uint64(HASH_BITS)).astype(np.int64), minlength=num_texts)
        return Shingles(keys & np.uint64((1 << HASH_BITS) - 1), _offsets(sizes))


class Vocabulary(dict[str, int]):
    """64-bit hashes of words, the same on every machine, worked out once a word."""

    def hashes(self, words: Sequence[str]) -> Hashes:
        """The hash of each word. What is remembered is bounded."""
        if len(self) > MAX_VOCABULARY:
            self.clear()
        return np.fromiter(map(self.__getitem__, words), np.uint64, len(words))

    def __missing__(self, word: str) -> int:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value


def mixed(values: Hashes) -> Hashes:
    """The finaliser of SplitMix64: an invertible scramble, so that order inside an n-gram counts."""
    scrambled = values + np.uint64(0x9E3779B97F4A7C15)
    scrambled = (scrambled ^ (scrambled >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    scrambled = (scrambled ^ (scrambled >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return scrambled ^ (scrambled >> np.uint64(31))


def _offsets(sizes: Offsets) -> Offsets:
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets
