"""Exact duplicates: texts that are equal once all whitespace is taken away."""

import hashlib
from collections.abc import Sequence


def whitespace_free_key(*texts: str) -> bytes:
    """A digest of texts without any whitespace: reformatted copies have the same key.

    Source: SelfCodeAlign, section 3 (exact duplicates of a response).
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update("".join(text.split()).encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.digest()


def exact_duplicates(texts: Sequence[str]) -> list[int | None]:
    """Find the texts that repeat an earlier one but for whitespace.

    Args:
        texts: the texts, in the order of preference.

    Returns:
        For each text the index of the first text with the same key, or None if it is itself the first.
    """
    first: dict[bytes, int] = {}
    indices = (first.setdefault(whitespace_free_key(text), index) for index, text in enumerate(texts))
    return [None if representative == index else representative for index, representative in enumerate(indices)]
