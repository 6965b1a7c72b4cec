"""I->R on policy: answers come from the very prompt that is trained, tests from a second request.

A model that is already tuned answers a bare chat turn in its own way, and better than in the style of exemplars. If it
is trained on what it answers there, training does not move it towards another style: pairs in the style of short
exemplars cost Qwen2.5-Coder-0.5B-Instruct 6 to 10 points on HumanEval+, its own answers to the bare turn none.
The tests are not trained on, so that they may be asked for with exemplars.

The answer can continue an opened code block, as in evaluation. It then contains only code, is half as long, and
training learns nothing about the prose around the code.
"""

from collections.abc import Callable, Mapping, Sequence

from selfcodealign.errors import InputError
from selfcodealign.generation.early_ends import bare_answer_end, continuation_end, opened_answer_end
from selfcodealign.generation.engine import Answer, EndCheck, Request
from selfcodealign.generation.exemplar import Exemplar
from selfcodealign.generation.parsing import Fault, ParsedResponse, ParseReason, parse_parts, python_blocks
from selfcodealign.generation.prompt_format import PromptFormat
from selfcodealign.generation.prompts import Messages, tests_opening, tests_prompt
from selfcodealign.opened_answers import OPENING, whole_answer
from selfcodealign.records import Instruction

# The tests' code block has begun with this: a small model often writes the solution once more instead.
TESTS_OPENING = "```python\nassert"


def training_messages(instruction: str) -> Messages:
    """The conversation that a training pair begins with: the task alone."""
    return [{"role": "user", "content": instruction}]


class BareAnswers:
    """Prompts that hold the task alone, and the answers to them.

    Args:
        prompt_format: how the model wants its prompts; a chat.
        is_opened: whether answers continue an opened code block and end when it is closed.

    Raises:
        InputError: the model has no chat template of its own, so that it does not answer a bare turn.
    """

    def __init__(self, prompt_format: PromptFormat, *, is_opened: bool = False) -> None:
        if not prompt_format.is_chat:
            raise InputError(
                f"generate_responses.layout is {'code_block' if is_opened else 'on_policy'}, and the model has no chat"
                " template: it does not answer a bare turn; set it to few_shot"
            )
        self._format = prompt_format
        self._is_opened = is_opened

    @property
    def end(self) -> EndCheck:
        """Where an answer has ended early."""
        return opened_answer_end if self._is_opened else bare_answer_end

    def prompt(self, row: Instruction, _: int) -> str:
        """The prompt of an answer: how a training pair begins. Exemplars have no part in it."""
        return self._format.render(training_messages(row.instruction), OPENING if self._is_opened else "")

    def code(self, answer: Answer) -> str | Fault:
        """The code of an answer, or why it has none."""
        return answer_code(self.whole(answer.text), answer)

    def whole(self, text: str) -> str:
        """The text of an answer as whole Markdown."""
        return whole_answer(text) if self._is_opened else text


class OnPolicy(BareAnswers):
    """Prompts of answers and of their tests.

    Args:
        prompt_format: how the model wants its prompts; a chat.
        sets: the exemplar sets for the tests.
        set_of: the index of the set that a task's tests use.
        is_opened: whether answers continue an opened code block and end when it is closed.

    Raises:
        InputError: the model has no chat template of its own, so that it does not answer a bare turn.
    """

    def __init__(
        self,
        prompt_format: PromptFormat,
        sets: Sequence[Sequence[Exemplar]],
        set_of: Callable[[Instruction], int],
        *,
        is_opened: bool = False,
    ) -> None:
        super().__init__(prompt_format, is_opened=is_opened)
        self._sets = sets
        self._set_of = set_of

    def follow_up(self, rows: Mapping[str, Instruction]) -> Callable[[Request, Answer], Request | None]:
        """Makes the request for the tests of an answer; None for an answer without code, or one that was cut off.

        Args:
            rows: the task of each request, by the request's id.
        """

        def ask_for_tests(request: Request, answer: Answer) -> Request | None:
            code = self.code(answer)
            if isinstance(code, Fault):
                return None
            row = rows[request.id]
            messages = tests_prompt(self._sets[self._set_of(row)], row.instruction, code)
            prompt = self._format.render(messages, assistant_prefix=TESTS_OPENING)
            continuation = continuation_id(request.id)
            return Request(continuation, prompt, request.seed, request.group, continuation_end)

        return ask_for_tests

    def parse(self, answer: Answer) -> ParsedResponse | Fault:
        """The parts of an answer that was joined with its tests by `tests_opening`."""
        response, opening, tests = answer.text.rpartition(tests_opening())
        if opening:
            is_cut = answer.finish_reason == "length"
            return parse_parts(self.whole(response), f"{TESTS_OPENING}{tests}", is_cut=is_cut)
        code = self.code(answer)
        return code if isinstance(code, Fault) else Fault(ParseReason.NO_TEST_CODE)


def continuation_id(request_id: str) -> str:
    """The id of the request for the tests of an answer."""
    return f"{request_id}+tests"


def answer_code(markdown: str, answer: Answer) -> str | Fault:
    """The code of an answer, as whole Markdown, or why it has none."""
    if answer.finish_reason == "length":
        return Fault(ParseReason.TRUNCATED)
    blocks = python_blocks(markdown)
    if isinstance(blocks, Fault):
        return blocks
    return "\n\n".join(blocks) if blocks else Fault(ParseReason.NO_RESPONSE_CODE)
