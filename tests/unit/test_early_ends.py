"""An answer ends early where that is certain, and at the same place however it is looked at."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.generation import Answer, EarlyEnd, FinishReason, ParsedResponse, Request, parse_concepts
from selfcodealign.generation.early_ends import (
    END_VERSIONS,
    MIN_REPEATED,
    concepts_end,
    continuation_end,
    cut,
    ended_early,
    instruction_end,
    repetition,
    response_end,
)
from selfcodealign.generation.parsing import parse_response

RESPONSE = """\
It doubles.

```python
def double(x):
    return 2 * x
```

### Tests
```python
assert double(2) == 4
assert double(0) == 0
```"""

ENDS = [concepts_end, instruction_end, response_end, continuation_end]


@settings(max_examples=50, deadline=None)
@given(
    before=st.text(max_size=200),
    unit=st.text(min_size=1, max_size=160),
    after=st.text(max_size=50),
)
def test_a_text_that_stands_often_enough_in_a_row_is_found_wherever_it_begins(before, unit, after):
    num_repeats = max(8, 2 * MIN_REPEATED // len(unit) + 1)
    text = before + unit * num_repeats + after
    end = repetition(text)
    assert end is not None
    assert end.finish_reason is FinishReason.REPETITION
    assert end.length <= len(before) + len(unit) * num_repeats
    assert end.length >= MIN_REPEATED


@pytest.mark.parametrize("unit", ["0, ", "ha", "-", "The function returns the result. ", "\n", "    pass\n"])
def test_what_is_cut_is_a_run_and_nothing_before_it_is_lost(unit):
    head = "A task that begins like any other. "
    end = repetition(head + unit * 300)
    assert end is not None
    kept = (head + unit * 300)[: end.length]
    assert kept.startswith(head)
    needed = max(MIN_REPEATED, 6 * len(unit))
    assert len(head) + needed - len(unit) <= len(kept) <= len(head) + needed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        RESPONSE,
        "-" * 120,
        "| a | b |\n" + "| - | - |\n" * 5,
        "\n".join(f"assert f({n}) == {n * n}" for n in range(60)),
        "[" + "0, " * 60 + "0]",
        "A long line. " * 15,
    ],
)
def test_rulers_tables_and_tests_are_no_repetition(text):
    assert repetition(text) is None


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="ab\n` ", max_size=600) | st.text(max_size=300))
def test_an_end_is_the_same_however_much_of_the_text_is_there(text):
    for ends in ENDS:
        whole = ends(text)
        for length in range(0, len(text), 29):
            early = ends(text[:length])
            assert early is None or early == whole
        if whole is not None:
            assert whole.length <= len(text)


@settings(max_examples=50, deadline=None)
@given(
    unit=st.text(alphabet="xy \n", min_size=1, max_size=40),
    head=st.sampled_from(["", "a, b", RESPONSE, RESPONSE + "\n", "### Tests\n", "```\n"]),
    tail=st.sampled_from(["", "\n", "```\n", "\n### Tests\n```python\nx\n```\n"]),
)
def test_a_text_that_repeats_and_closes_ends_where_it_does_first(unit, head, tail):
    text = head + unit * (MIN_REPEATED // len(unit) + 9) + tail
    for ends in ENDS:
        whole = ends(text)
        assert whole is not None
        for length in range(0, len(text), 31):
            early = ends(text[:length])
            assert early is None or early == whole


def test_the_first_line_of_concepts_ends_them_and_reads_the_same():
    text = "\n\nsorting, recursion\nHere is why: sorting"
    end = concepts_end(text)
    assert end == EarlyEnd(20, FinishReason.CLOSED)
    answer = Answer(text, "stop", 1, 0, 1)
    assert parse_concepts(cut(answer, end)) == parse_concepts(answer) == ["sorting", "recursion"]
    assert concepts_end("sorting, recursion") is None
    assert concepts_end("\n\n") is None


def test_a_response_ends_behind_its_tests():
    end = response_end(RESPONSE + "\n\nThis works because it doubles.\n")
    assert end == EarlyEnd(len(RESPONSE), FinishReason.CLOSED)
    assert isinstance(parse_response(Answer(RESPONSE, "closed", 1, 0, 1)), ParsedResponse)


@pytest.mark.parametrize(
    "text",
    [
        RESPONSE,  # the last line is not complete: a label may follow
        RESPONSE.replace("### Tests", "More:") + "\n",
        RESPONSE[: RESPONSE.index("assert")] + "\n",
        RESPONSE.replace("### Tests\n```python", "### Tests\n```text") + "\n",
    ],
)
def test_a_response_whose_tests_are_not_closed_goes_on(text):
    assert response_end(text) is None


def test_a_block_that_is_no_python_is_not_taken_for_the_tests():
    text = RESPONSE.replace("### Tests\n", "### Tests\n```text\nthree tests\n```\n")
    assert response_end(text + "\n") == EarlyEnd(len(text), FinishReason.CLOSED)


def test_a_continuation_ends_at_its_first_fence():
    assert continuation_end("assert f() == 1\n```\nmore") == EarlyEnd(19, FinishReason.CLOSED)
    assert continuation_end("assert f() == 1\n") is None


def test_a_whole_answer_is_cut_only_if_its_request_says_so():
    answer = Answer(RESPONSE + "\nmore\n", "length", 1, 0, 99)
    assert ended_early(Request("r", "p", 1), answer) is answer
    ended = ended_early(Request("r", "p", 1, ends=response_end), answer)
    assert (ended.text, ended.finish_reason, ended.output_tokens) == (RESPONSE, "closed", 99)


LINES = (
    *(
        "It doubles.",
        "",
        "```python",
        "```",
        "### Tests",
        "# Tests",
        "def f(x):",
        "    return 2 * x",
        "```text",
        "a, b",
    ),
    "ha" * 130,
)
# Texts of six lines in pseudo-random order: headings, fences, code and repetition in many combinations.
CORPUS = [
    "\n".join(LINES[digit % len(LINES)] for digit in hashlib.sha256(str(number).encode()).digest()[:6])
    for number in range(2000)
]
PLACES = {
    ("concepts_end", 1): "dd9380b0666e94a0",
    ("instruction_end", 1): "d13ee5738b113909",
    ("bare_answer_end", 1): "d13ee5738b113909",
    ("opened_answer_end", 1): "a074459e0a586726",
    ("response_end", 1): "89379ee748ba3aa5",
    ("continuation_end", 1): "2c3262372a0eb960",
}


@pytest.mark.parametrize(("check", "version"), END_VERSIONS.items(), ids=lambda value: getattr(value, "__name__", None))
def test_a_check_that_ends_answers_elsewhere_has_a_new_version(check, version):
    ends = [check(text) for text in CORPUS]
    assert any(ends)
    digest = hashlib.sha256(repr([end and (end.length, str(end.finish_reason)) for end in ends]).encode()).hexdigest()
    assert PLACES[check.__name__, version] == digest[:16], "raise its number in END_VERSIONS, and add the digest here"
