"""Needles: what is found is what occurs, whatever the hashes say."""

from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.curation.needles import Needles, character_hashes, windows

TEXT = st.text(alphabet="ab\u00e9", max_size=40)


@given(TEXT, st.integers(1, 13))
def test_windows_are_equal_where_their_items_are(text: str, size: int) -> None:
    rolled = windows(character_hashes(text), size).tolist()
    parts = [text[start : start + size] for start in range(len(text) - size + 1)]
    assert len(rolled) == len(parts)
    assert len(set(zip(parts, rolled, strict=True))) == len(set(parts)) == len(set(rolled))


@given(st.lists(st.text(alphabet="ab", min_size=3, max_size=8), max_size=6), TEXT, st.integers(1, 3))
def test_needles_are_found_exactly_where_they_occur(listed: list[str], text: str, size: int) -> None:
    needles: Needles[int] = Needles(size)
    for number, needle in enumerate(listed):
        needles.add(needle, character_hashes(needle), number)
    found = {source for needle in needles.find(text, character_hashes(text)) for source in needle.sources}
    assert found == {number for number, needle in enumerate(listed) if needle in text}
