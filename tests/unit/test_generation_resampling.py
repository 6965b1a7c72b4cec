"""Further responses: prompts of the bare task, programs with the task's tests."""

from collections.abc import Sequence

import pytest
from tiny_models import make_tokenizer

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Answer,
    Decoding,
    Generation,
    PromptFormat,
    Request,
    ResampledTask,
    StepResult,
    resample_responses,
)
from selfcodealign.generation.early_ends import opened_answer_end
from selfcodealign.generation.follow_ups import FollowUp
from selfcodealign.opened_answers import OPENING
from selfcodealign.params import ResampleResponses
from selfcodealign.records import Instruction, Response

SETTINGS = ResampleResponses(num_samples=3, max_new_tokens=64)
TESTS = "assert double(2) == 4"
CODE = "def double(x):\n    return 2 * x\n"


def with_tests(number: int, *, shows_names: bool = True) -> ResampledTask:
    instruction = Instruction(
        id=f"task-{number}", parent_id="c", seed_id="s", concepts=["a"], category="function", difficulty="easy",
        language="Python", instruction=f"Write `double`, task {number}.", exemplar_set=0,
    )  # fmt: skip
    return ResampledTask(instruction, TESTS, frozenset({"double"}), shows_names, num_samples=6)


class Scripted:
    """Gives the samples of each task the same answers, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = answers
        self.requests: list[Request] = []

    def __call__(
        self, requests: Sequence[Request], decoding: Decoding, follow_up: FollowUp | None = None
    ) -> Generation:
        assert follow_up is None  # no tests are requested
        assert decoding.max_new_tokens == SETTINGS.max_new_tokens
        self.requests = list(requests)
        answers = {row.id: self._answers[number % len(self._answers)] for number, row in enumerate(self.requests)}
        return Generation(answers=answers)


def answered(text: str, reason: str = "closed") -> Answer:
    return Answer(text, reason, 5, 0, 10)


@pytest.fixture(scope="module")
def chat() -> PromptFormat:
    return PromptFormat(is_chat=True, stop=(), begin="", tokenizer=make_tokenizer())


def resample(
    chat: PromptFormat, tasks: list[ResampledTask], *answers: Answer, is_opened: bool = True
) -> tuple[StepResult[Response], list[Request]]:
    ask = Scripted(*answers)
    result = resample_responses(tasks, SETTINGS, is_opened=is_opened, seed=1, prompt_format=chat, ask=ask)
    return result, ask.requests


def test_samples_share_the_bare_task_as_prompt_and_have_seeds_of_their_own(chat: PromptFormat) -> None:
    _, requests = resample(chat, [with_tests(1), with_tests(2)], answered(CODE))
    begun = chat.render([{"role": "user", "content": "Write `double`, task 1."}], OPENING)
    assert [request.prompt for request in requests[:3]] == [begun] * 3
    assert len({request.id for request in requests}) == len({request.seed for request in requests}) == 6
    assert requests[0].ends is opened_answer_end
    alone = resample(chat, [with_tests(2)], answered(CODE))[1]
    assert alone == requests[3:]  # whatever tasks are beside it


def test_a_response_is_whole_markdown_and_its_program_has_the_tasks_tests(chat: PromptFormat) -> None:
    result, _ = resample(chat, [with_tests(1)], answered(CODE))
    assert [row.sample_index for row in result.rows] == [6, 7, 8]
    assert {(row.instruction_id, row.seed_id, row.tests) for row in result.rows} == {("task-1", "s", TESTS)}
    assert {row.response for row in result.rows} == {f"{OPENING}{CODE}```"}
    assert {row.program for row in result.rows} == {f"{CODE.rstrip()}\n\n\n{TESTS}\n"}
    assert len({row.id for row in result.rows}) == 3


def test_an_answer_with_prose_keeps_it(chat: PromptFormat) -> None:
    text = f"It doubles.\n```python\n{CODE}```\nThat is all."
    result, requests = resample(chat, [with_tests(1)], answered(text, "stop"), is_opened=False)
    assert requests[0].prompt == chat.render([{"role": "user", "content": "Write `double`, task 1."}])
    assert {(row.response, row.code) for row in result.rows} == {(text, CODE.rstrip())}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered(CODE, "length"), "truncated"),
        (answered(""), "no_response_code"),
        (answered("```python\ndef f(): pass"), "open_code_block"),
        (answered("def f(:"), "syntax_error"),
    ],
)
def test_an_answer_without_whole_code_is_dropped_by_reason(chat: PromptFormat, answer: Answer, reason: str) -> None:
    result, _ = resample(chat, [with_tests(1)], answer, answered(CODE))
    assert [row.sample_index for row in result.rows] == [7]
    assert {row.reason for row in result.dropped} == {reason}


def test_other_names_are_a_mistake_only_where_the_task_shows_them(chat: PromptFormat) -> None:
    other = answered("def twice(x):\n    return 2 * x")
    hidden, _ = resample(chat, [with_tests(1, shows_names=False)], other)
    assert {(row.reason, row.detail) for row in hidden.dropped} == {("other_names", "double")}
    shown, _ = resample(chat, [with_tests(1)], other)
    assert len(shown.rows) == 3


def test_a_model_without_chat_template_is_an_error_with_the_setting() -> None:
    completion = PromptFormat(is_chat=False, stop=(), begin="", tokenizer=make_tokenizer(None))
    with pytest.raises(InputError, match=r"layout is code_block.*set it to few_shot"):
        resample(completion, [with_tests(1)], answered(CODE))
