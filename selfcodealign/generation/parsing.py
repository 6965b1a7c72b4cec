"""Answers become fields, strictly: what does not have the asked form is a reason, never a guess."""

import ast
import re
from dataclasses import dataclass
from enum import StrEnum

from selfcodealign.generation.engine import Answer
from selfcodealign.program_text import FENCE, as_program, closed_blocks

MAX_CONCEPT_WORDS = 8
MAX_CONCEPTS = 10
MIN_INSTRUCTION_WORDS = 8

HEADING = re.compile(r"^#{1,4}[ \t]*Tests?:?[ \t]*$", re.MULTILINE | re.IGNORECASE)
LIST_MARK = re.compile(r"^\s*(?:[-*]|\d+[.)])\s+")


class ParseReason(StrEnum):
    """Why an answer was not accepted; also the key in the stage's metrics."""

    TRUNCATED = "truncated"
    EMPTY = "empty"
    NO_CONCEPTS = "no_concepts"
    NOT_A_LIST = "not_a_list"
    TOO_SHORT = "too_short"
    CONTAINS_CODE = "contains_code"
    NAMES_CONCEPTS = "names_concepts"
    NO_TESTS_HEADING = "no_tests_heading"
    NO_RESPONSE_CODE = "no_response_code"
    NO_TEST_CODE = "no_test_code"
    OPEN_CODE_BLOCK = "open_code_block"
    SYNTAX_ERROR = "syntax_error"
    OTHER_NAMES = "other_names"


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that was not accepted, and what exactly was wrong."""

    reason: ParseReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """The parts of an I->R answer.

    Attributes:
        response: the Markdown before the tests' heading, stripped.
        code: its Python blocks, joined by an empty line.
        tests: the Python blocks after the heading, joined by an empty line.
    """

    response: str
    code: str
    tests: str


def parse_concepts(answer: Answer) -> list[str] | Fault:
    """The comma-separated concepts of an S->C answer, deduplicated, in order.

    Returns:
        One to ten concepts, or why there are none: cut off, empty, or not a list of short phrases.
    """
    if answer.finish_reason == "length":
        return Fault(ParseReason.TRUNCATED)
    line = answer.text.strip().split("\n")[0]
    concepts = [part.strip().strip("`*_\"'").rstrip(".;").strip() for part in line.split(",")]
    concepts = list(dict.fromkeys(concept for concept in concepts if concept))
    if not concepts:
        return Fault(ParseReason.NO_CONCEPTS)
    longest = max(len(concept.split()) for concept in concepts)
    if longest > MAX_CONCEPT_WORDS or len(concepts) == 1:
        return Fault(ParseReason.NOT_A_LIST, f"{len(concepts)} parts, the longest of {longest} words")
    return concepts[:MAX_CONCEPTS]


def parse_instruction(answer: Answer, concepts: list[str]) -> str | Fault:
    """The task of a C->I answer.

    Args:
        answer: the model's answer.
        concepts: the concepts that were given; a task that lists them all just repeats its order.

    Returns:
        The task as one text, or why it was not accepted.
    """
    if answer.finish_reason == "length":
        return Fault(ParseReason.TRUNCATED)
    text = answer.text.strip()
    if not text:
        return Fault(ParseReason.EMPTY)
    if FENCE.search(text) and "def " in text:
        return Fault(ParseReason.CONTAINS_CODE)
    if len(text.split()) < MIN_INSTRUCTION_WORDS:
        return Fault(ParseReason.TOO_SHORT, text)
    if concepts and all(_names(text, concept) for concept in concepts):
        return Fault(ParseReason.NAMES_CONCEPTS, ", ".join(concepts))
    return text


def _names(text: str, concept: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(concept)}(?!\w)", text, re.IGNORECASE) is not None


def parse_response(answer: Answer) -> ParsedResponse | Fault:
    """The response and the tests of an I->R answer.

    The form: Markdown with at least one closed Python block, the tests' heading, and at least one closed Python block.

    Returns:
        The parts, or why the answer was not accepted.
    """
    heading = find_heading(answer.text)
    is_cut = answer.finish_reason == "length"
    if heading is None:
        return Fault(ParseReason.TRUNCATED if is_cut else ParseReason.NO_TESTS_HEADING)
    return parse_parts(answer.text[: heading.start()], answer.text[heading.end() :], is_cut=is_cut)


def parse_parts(response: str, rest: str, *, is_cut: bool) -> ParsedResponse | Fault:
    """The parts of an answer whose response and tests are apart already.

    Args:
        response: Markdown with the code.
        rest: Markdown with the tests.
        is_cut: the tests were cut off by the limit on new tokens.
    """
    code = python_blocks(response)
    tests = python_blocks(rest)
    if isinstance(code, Fault):
        return code
    if not code:
        return Fault(ParseReason.NO_RESPONSE_CODE)
    if isinstance(tests, Fault):
        return Fault(ParseReason.TRUNCATED) if is_cut else tests
    if not tests:
        return Fault(ParseReason.NO_TEST_CODE)
    parts = ParsedResponse(response=response.strip(), code="\n\n".join(code), tests="\n\n".join(tests))
    return syntax_fault(as_program(parts.code, parts.tests)) or parts


def find_heading(text: str) -> re.Match[str] | None:
    """The tests' heading of an answer: outside code blocks, where `# Tests` is a comment."""
    fences = [fence.start() for fence in FENCE.finditer(text)]
    for heading in HEADING.finditer(text):
        if sum(start < heading.start() for start in fences) % 2 == 0:
            return heading
    return None


def has_tests_heading(text: str) -> bool:
    """Whether an answer has come to its tests."""
    return find_heading(text) is not None


def python_blocks(markdown: str) -> list[str] | Fault:
    """The contents of the fenced Python blocks (label python, py or none), in order; a fault if one is not closed."""
    blocks = closed_blocks(markdown)
    return Fault(ParseReason.OPEN_CODE_BLOCK) if blocks is None else blocks


def syntax_fault(program: str) -> Fault | None:
    """The fault of a program that is not valid Python; None for a valid one."""
    try:
        ast.parse(program)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        message = str(error).splitlines()[0] if str(error) else ""
        return Fault(ParseReason.SYNTAX_ERROR, f"{type(error).__name__}: {message}")
    return None
