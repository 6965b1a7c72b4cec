"""Programs as text: which code has a comment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.program_text import has_comment


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1  # one", True),
        ("def f():\n    # why\n    return 1\n", True),
        ("x = '# not a comment'\n", False),
        ('def f():\n    """Return # of rows."""\n', False),
        ("", False),
        ("x = 1  # cut off here\ny = (", True),
        ('y = """cut off # here', False),
        ("def f():\n        x = 1\n    # dedented\n  y = 2\n", True),
    ],
)
def test_a_comment_is_found_where_python_sees_one(code: str, expected: bool) -> None:
    assert has_comment(code) is expected


@given(st.text(max_size=60))
def test_any_text_has_an_answer_and_text_without_a_hash_has_no_comment(text: str) -> None:
    assert has_comment(text) is False or "#" in text
