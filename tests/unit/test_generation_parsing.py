"""Answers become fields, strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.generation import (
    Answer,
    Fault,
    ParsedResponse,
    ParseReason,
    as_program,
    load_exemplars,
    parse_concepts,
    parse_instruction,
    parse_response,
    python_blocks,
)
from selfcodealign.generation.prompts import answer_with_tests


def answer(text: str, finish_reason: str = "stop") -> Answer:
    return Answer(text, finish_reason, prompt_tokens=1, cached_tokens=0, output_tokens=1)


def reason(outcome: object) -> ParseReason:
    assert isinstance(outcome, Fault), outcome
    return outcome.reason


GOOD = "Adds.\n\n```python\ndef add(a, b):\n    return a + b\n```\n\n### Tests\n```python\nassert add(1, 2) == 3\n```"


def test_a_comma_separated_line_becomes_concepts_without_repeats_in_order():
    assert parse_concepts(answer("recursion, `memoization`, recursion, tree traversal.\nmore")) == [
        "recursion",
        "memoization",
        "tree traversal",
    ]


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        ("", "stop", ParseReason.NO_CONCEPTS),
        (" , ,", "stop", ParseReason.NO_CONCEPTS),
        ("a, b", "length", ParseReason.TRUNCATED),
        ("This function adds two numbers and then it returns their sum to us", "stop", ParseReason.NOT_A_LIST),
        ("recursion", "stop", ParseReason.NOT_A_LIST),
    ],
)
def test_what_is_no_list_of_concepts_is_refused_with_its_reason(text, finish, expected):
    assert reason(parse_concepts(answer(text, finish))) is expected


def test_at_most_ten_concepts_are_taken():
    outcome = parse_concepts(answer(", ".join(f"idea {i}" for i in range(30))))
    assert isinstance(outcome, list)
    assert len(outcome) == 10


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        ("", "stop", ParseReason.EMPTY),
        ("Write it.", "stop", ParseReason.TOO_SHORT),
        ("Write a function that returns the sum of two given numbers", "length", ParseReason.TRUNCATED),
        (
            "Write this function:\n```python\ndef f(): ...\n```\nand make it fast please",
            "stop",
            ParseReason.CONTAINS_CODE,
        ),
        ("Use recursion and then use Memoization to write a function", "stop", ParseReason.NAMES_CONCEPTS),
    ],
)
def test_what_is_no_task_is_refused_with_its_reason(text, finish, expected):
    assert reason(parse_instruction(answer(text, finish), ["recursion", "memoization"])) is expected


def test_a_task_that_names_one_of_its_concepts_is_kept():
    text = "Write a function `walk(tree)` that uses recursion to list all leaves of a tree"
    assert parse_instruction(answer(text), ["recursion", "memoization"]) == text


def test_a_well_formed_answer_is_split_into_response_code_and_tests():
    assert parse_response(answer(GOOD)) == ParsedResponse(
        response="Adds.\n\n```python\ndef add(a, b):\n    return a + b\n```",
        code="def add(a, b):\n    return a + b",
        tests="assert add(1, 2) == 3",
    )


@pytest.mark.parametrize(
    ("text", "finish", "expected"),
    [
        (GOOD.replace("### Tests", "Tests"), "stop", ParseReason.NO_TESTS_HEADING),
        (GOOD.replace("### Tests", "Tests"), "length", ParseReason.TRUNCATED),
        ("Adds.\n\n### Tests\n```python\nassert add(1, 2) == 3\n```", "stop", ParseReason.NO_RESPONSE_CODE),
        (GOOD.split("### Tests", maxsplit=1)[0] + "### Tests\nnone", "stop", ParseReason.NO_TEST_CODE),
        (GOOD[:-4], "stop", ParseReason.OPEN_CODE_BLOCK),
        (GOOD[:-4], "length", ParseReason.TRUNCATED),
        (GOOD.replace("return a + b", "return a +"), "stop", ParseReason.SYNTAX_ERROR),
        (GOOD.replace("```python\ndef", "```js\ndef", 1), "stop", ParseReason.NO_RESPONSE_CODE),
    ],
)
def test_what_is_no_answer_with_tests_is_refused_with_its_reason(text, finish, expected):
    assert reason(parse_response(answer(text, finish))) is expected


def test_every_exemplar_parses_as_the_answer_that_its_prompt_asks_for():
    for shot in load_exemplars():
        parsed = parse_response(answer(answer_with_tests(shot.response, shot.tests)))
        assert isinstance(parsed, ParsedResponse), (shot.name, parsed)
        assert (parsed.code, parsed.tests) == (shot.code, shot.tests), shot.name
        assert parse_instruction(answer(shot.instruction), list(shot.concepts)) == shot.instruction
        assert parse_concepts(answer(", ".join(shot.concepts))) == list(shot.concepts)


@given(st.text() | st.lists(st.sampled_from(["```", "```python", "### Tests", "x = 1", ""])).map("\n".join))
def test_no_text_breaks_the_parsers(text):
    for outcome in (parse_concepts(answer(text)), parse_instruction(answer(text), []), parse_response(answer(text))):
        assert outcome is not None


@given(st.lists(st.text(alphabet="abc =\n", min_size=1).filter(str.strip)))
def test_blocks_come_back_as_they_were_fenced(codes):
    markdown = "\n".join(f"text\n```python\n{code}\n```" for code in codes)
    assert python_blocks(markdown) == [code.strip("\n") for code in codes]


def test_a_program_is_the_code_followed_by_its_tests():
    assert as_program("x = 1\n\n", "assert x == 1") == "x = 1\n\n\nassert x == 1\n"
