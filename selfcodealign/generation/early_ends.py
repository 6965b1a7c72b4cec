"""Where an answer has ended although the model goes on: what follows would be thrown away, or cannot become valid."""

from collections.abc import Mapping
from dataclasses import replace

from selfcodealign.generation.engine import Answer, EarlyEnd, EndCheck, FinishReason, Request
from selfcodealign.generation.parsing import find_heading
from selfcodealign.opened_answers import code_end
from selfcodealign.program_text import FENCE, PYTHON_LABELS

# Characters that a run of one repeated text has at least, and how often the text is in it at least. A ruler of dashes
# or a table of zeros stays below; a model that has lost the thread never stops.
MIN_REPEATED = 240
MIN_REPEATS = 6
MAX_PERIOD = 160
# A run is found from its anchors: every so many characters a piece of text is looked up in what follows it. A run that
# is long enough holds a whole anchor and its next occurrence, wherever it begins.
ANCHOR_STEP = 40
ANCHOR_LENGTH = 40
# Tokens of an answer that come between two looks at it.
TOKENS_PER_CHECK = 16


def cut(answer: Answer, end: EarlyEnd) -> Answer:
    """The answer with its text up to an early end."""
    return replace(answer, text=answer.text[: end.length], finish_reason=str(end.finish_reason))


def ended_early(request: Request, answer: Answer) -> Answer:
    """A whole answer, cut where it had ended early: the same text as from an engine that looks while it generates."""
    end = request.ends(answer.text) if request.ends is not None else None
    return answer if end is None else cut(answer, end)


def was_ended_early(answer: Answer) -> bool:
    """Whether an answer was cut short by an end check."""
    return answer.finish_reason in {FinishReason.CLOSED, FinishReason.REPETITION}


def repetition(text: str) -> EarlyEnd | None:
    """The early end of a text that has come to repeat itself without end: any task, any answer.

    A run of at least 240 characters in which a text of at most 160 stands at least 6 times, without anything between.

    Returns:
        The first place at which such a run was long enough, or None.
    """
    for start in range(0, len(text) - MIN_REPEATED + ANCHOR_STEP, ANCHOR_STEP):
        end = _run_end(text, start)
        if end is not None:
            return EarlyEnd(end, FinishReason.REPETITION)
    return None


def _run_end(text: str, start: int) -> int | None:
    """Where a run that holds the anchor at `start`, and no anchor before it, was long enough."""
    anchor = text[start : start + ANCHOR_LENGTH]
    found = text.find(anchor, start + 1, start + MAX_PERIOD + len(anchor))
    while found >= 0:
        period = found - start
        needed = max(MIN_REPEATED, MIN_REPEATS * period)
        # It begins less than a step before the anchor: else the anchor before this one would be in it.
        least = start + needed - ANCHOR_STEP
        if least <= len(text) and text[start : least - period] == text[found:least]:
            first = start
            while first and text[first - 1] == text[first - 1 + period]:
                first -= 1
            end = first + needed
            if end <= len(text) and text[first : end - period] == text[first + period : end]:
                return end
        found = text.find(anchor, found + 1, start + MAX_PERIOD + len(anchor))
    return None


def concepts_end(text: str) -> EarlyEnd | None:
    """The end of an S->C answer: its first line is all that is read, so the second line ends it."""
    begun = len(text) - len(text.lstrip())
    line = text.find("\n", begun)
    closed = EarlyEnd(line, FinishReason.CLOSED) if line >= 0 and begun < len(text) else None
    return _first_earlier(closed, repetition(text))


def instruction_end(text: str) -> EarlyEnd | None:
    """The end of a C->I answer: only the model knows when a task is complete."""
    return repetition(text)


def bare_answer_end(text: str) -> EarlyEnd | None:
    """The end of an answer to a bare task: only the model knows when it is complete."""
    return repetition(text)


def opened_answer_end(text: str) -> EarlyEnd | None:
    """Find the end of an answer that continues an opened code block, at the same stop strings as evaluation."""
    place = code_end(text)
    return _first_earlier(None if place is None else EarlyEnd(place, FinishReason.CLOSED), repetition(text))


def response_end(text: str) -> EarlyEnd | None:
    """The end of an I->R answer: behind the closed code block of its tests."""
    heading = find_heading(_whole_lines(text))
    return _first_earlier(tests_end(text, heading.end(), is_open=False) if heading else None, repetition(text))


def continuation_end(text: str) -> EarlyEnd | None:
    """The end of the tests that continue an answer: they begin inside their code block."""
    return _first_earlier(tests_end(text, 0, is_open=True), repetition(text))


def tests_end(text: str, start: int, *, is_open: bool) -> EarlyEnd | None:
    """Where the first Python block behind `start` is closed; only lines that are complete can be fences.

    Args:
        text: the answer so far.
        start: where the tests begin.
        is_open: whether they begin inside their code block.
    """
    is_tests, is_inside = is_open, is_open
    for fence in FENCE.finditer(_whole_lines(text), start):
        if is_inside and is_tests:
            return EarlyEnd(fence.end(), FinishReason.CLOSED)
        is_inside = not is_inside
        is_tests = is_inside and fence.group(1).lower() in PYTHON_LABELS
    return None


def _whole_lines(text: str) -> str:
    return text[: text.rfind("\n") + 1]


def _first_earlier(first: EarlyEnd | None, second: EarlyEnd | None) -> EarlyEnd | None:
    found = [end for end in (first, second) if end is not None]
    return min(found, key=lambda end: end.length, default=None)


END_VERSIONS: Mapping[EndCheck, int] = {
    concepts_end: 1,
    instruction_end: 1,
    bare_answer_end: 1,
    opened_answer_end: 1,
    response_end: 1,
    continuation_end: 1,
}
"""The version of each end check, which is part of the keys of the answers that the check cuts.

Increase the number when a check cuts answers at another place; tests/unit/test_early_ends.py detects that.
"""


def end_version(check: EndCheck | None) -> int:
    """The version of an end check; 1 for no check and for one that is not listed."""
    return END_VERSIONS.get(check, 1) if check is not None else 1
