"""Answers to the bare prompt of training, and tests from a second request."""

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
    load_exemplars,
    make_responses,
)
from selfcodealign.generation.early_ends import opened_answer_end, response_end
from selfcodealign.generation.follow_ups import FollowUp
from selfcodealign.generation.parsing import parse_response
from selfcodealign.opened_answers import OPENING
from selfcodealign.params import GenerateResponses
from selfcodealign.records import Instruction

SETTINGS = GenerateResponses(
    layout="on_policy", temperature=0.7, max_new_tokens=64, num_exemplars=1, num_exemplar_sets=2, num_samples=2
)
ANSWER = "It doubles.\n```python\ndef double(x):\n    return 2 * x\n```\nThat is all."
TESTS = " double(2) == 4\n```"


def instruction(number: int) -> Instruction:
    return Instruction(
        id=f"task-{number}", parent_id="c", seed_id="s", concepts=["a"], category="function", difficulty="easy",
        language="Python", instruction=f"Write `double`, task {number}.", exemplar_set=0,
    )  # fmt: skip


class Scripted:
    """Answers each request with a text, and keeps the prompts."""

    def __init__(self, answer: Answer, tests: Answer) -> None:
        self._answer, self._tests = answer, tests
        self.prompts: dict[str, str] = {}

    def __call__(
        self, requests: Sequence[Request], decoding: Decoding, follow_up: FollowUp | None = None
    ) -> Generation:
        assert follow_up is not None
        generation = Generation()
        for request in requests:
            self.prompts[request.id] = request.prompt
            generation.answers[request.id] = self._answer
            continuation = follow_up(request, self._answer)
            if continuation is not None:
                self.prompts[continuation.id] = continuation.prompt
                generation.answers[continuation.id] = self._tests
        return generation


@pytest.fixture(scope="module")
def chat() -> PromptFormat:
    return PromptFormat(is_chat=True, stop=(), begin="", tokenizer=make_tokenizer())


def answered(text: str, reason: str = "stop") -> Answer:
    return Answer(text, reason, 5, 0, 1)


def test_an_answer_comes_from_the_bare_task_and_its_tests_from_a_request_with_the_code(chat: PromptFormat) -> None:
    ask = Scripted(answered(ANSWER), answered(TESTS))
    result = make_responses([instruction(1)], SETTINGS, seed=1, prompt_format=chat, ask=ask)
    bare = chat.render([{"role": "user", "content": "Write `double`, task 1."}])
    prompts = [prompt for name, prompt in ask.prompts.items() if not name.endswith("+tests")]
    assert prompts == [bare, bare]
    tests_prompts = [prompt for name, prompt in ask.prompts.items() if name.endswith("+tests")]
    assert len(tests_prompts) == 2
    assert all("def double" in prompt and prompt.endswith("```python\nassert") for prompt in tests_prompts)
    assert any(shot.tests.strip() in tests_prompts[0] for shot in load_exemplars())
    assert [row.response for row in result.rows] == [ANSWER, ANSWER]
    assert {row.tests for row in result.rows} == {"assert double(2) == 4"}
    assert result.rows[0].program.startswith("def double")
    assert result.rows[0].output_tokens == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered("no code at all"), "no_response_code"),
        (answered(ANSWER, "length"), "truncated"),
        (answered("```python\nx = 1"), "open_code_block"),
        (answered("```python\ndef f(:\n```"), "syntax_error"),
    ],
)
def test_an_answer_without_whole_code_is_dropped_by_reason(chat: PromptFormat, answer: Answer, reason: str) -> None:
    ask = Scripted(answer, answered(TESTS))
    result = make_responses([instruction(1)], SETTINGS, seed=1, prompt_format=chat, ask=ask)
    assert not result.rows
    assert {dropped.reason for dropped in result.dropped} == {reason}


OPENED = SETTINGS.model_copy(update={"layout": "code_block"})
CODE = "def double(x):\n    return 2 * x\n"


def test_an_answer_goes_on_in_an_opened_code_block_and_is_whole_markdown(chat: PromptFormat) -> None:
    ask = Scripted(answered(CODE, "closed"), answered(TESTS))
    result = make_responses([instruction(1)], OPENED, seed=1, prompt_format=chat, ask=ask)
    begun = chat.render([{"role": "user", "content": "Write `double`, task 1."}], OPENING)
    assert [prompt for name, prompt in ask.prompts.items() if not name.endswith("+tests")] == [begun, begun]
    assert {row.response for row in result.rows} == {f"{OPENING}{CODE}```"}
    assert {(row.code, row.tests) for row in result.rows} == {(CODE.strip(), "assert double(2) == 4")}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered(CODE, "length"), "truncated"),
        (answered("", "closed"), "no_response_code"),
        (answered("```python\ndef f(): pass", "closed"), "open_code_block"),
        (answered("def f(:", "closed"), "syntax_error"),
    ],
)
def test_an_opened_answer_without_whole_code_is_dropped_by_reason(
    chat: PromptFormat, answer: Answer, reason: str
) -> None:
    ask = Scripted(answer, answered(TESTS))
    result = make_responses([instruction(1)], OPENED, seed=1, prompt_format=chat, ask=ask)
    assert not result.rows
    assert {dropped.reason for dropped in result.dropped} == {reason}


@pytest.mark.parametrize("after", ["```\nIt doubles.", "print(double(2))", "assert double(1) == 2", "# Example usage"])
def test_an_opened_answer_ends_behind_its_code(after: str) -> None:
    end = opened_answer_end(f"{CODE}{after}")
    assert end is not None
    assert f"{CODE}{after}"[: end.length] == CODE.rstrip("\n")
    assert opened_answer_end(CODE) is None
    assert opened_answer_end("def f():\n    print(1)\n    assert True\n") is None


def test_tests_that_are_cut_off_are_dropped(chat: PromptFormat) -> None:
    ask = Scripted(answered(ANSWER), answered(" double(2) == 4", "length"))
    result = make_responses([instruction(1)], SETTINGS, seed=1, prompt_format=chat, ask=ask)
    assert {dropped.reason for dropped in result.dropped} == {"truncated"}


def test_a_model_without_a_chat_template_is_refused(chat: PromptFormat) -> None:
    base = PromptFormat(is_chat=False, stop=(), begin="", tokenizer=chat.tokenizer)
    with pytest.raises(InputError, match="set it to few_shot"):
        make_responses([instruction(1)], SETTINGS, seed=1, prompt_format=base, ask=Scripted(answered(""), answered("")))


def test_a_comment_in_a_code_block_is_no_heading() -> None:
    text = "```python\ndef f():\n    return 1\n# Tests\n```\n\n### Tests\n```python\nassert f() == 1\n```\nmore"
    parsed = parse_response(answered(text))
    assert getattr(parsed, "tests", parsed) == "assert f() == 1"
    end = response_end(text)
    assert end is not None
    assert text[: end.length].endswith("assert f() == 1\n```")
