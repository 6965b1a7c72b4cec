"""I->R once more: further responses to tasks whose tests are known, sampled from the prompt that is trained.

The first round spends most of its tokens on tests and on tasks without reliable ones. Tasks with consensus tests need
no new tests, so a response costs its code alone, and the prompt can show one of the tests, as the training pair does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from selfcodealign.generation.engine import Answer, Decoding
from selfcodealign.generation.on_policy import BareAnswers
from selfcodealign.generation.parsing import Fault, ParseReason, syntax_fault
from selfcodealign.generation.prompt_format import PromptFormat
from selfcodealign.generation.request_plan import RequestPlan
from selfcodealign.generation.steps import Ask, StepResult, rows_of
from selfcodealign.params import ResampleResponses
from selfcodealign.program_text import as_program, defined_names
from selfcodealign.records import Instruction, Response, row_id

STEP = "resampled_responses"


@dataclass(frozen=True, slots=True)
class ResampledTask:
    """A task with the tests that its responses are judged by.

    Attributes:
        instruction: the task; its text is the prompt, so it may show one of the tests.
        tests: the tests.
        names: names that the tests require of a response.
        shows_names: whether the text shows a test. Otherwise a response with other names is not wrong.
        num_samples: responses that the task has already; the sample indices of new ones begin here.
    """

    instruction: Instruction
    tests: str
    names: frozenset[str]
    shows_names: bool
    num_samples: int

    @property
    def id(self) -> str:
        """The id of the task."""
        return self.instruction.id


def resample_responses(
    tasks: Sequence[ResampledTask],
    settings: ResampleResponses,
    *,
    is_opened: bool,
    seed: int,
    prompt_format: PromptFormat,
    ask: Ask,
) -> StepResult[Response]:
    """Sample `settings.num_samples` further responses to each task; their programs have the task's tests.

    Args:
        tasks: the tasks, each id once.
        settings: the `resample_responses` section.
        is_opened: whether responses continue an opened code block (`generate_responses.layout` code_block).
        seed: the run's seed.
        prompt_format: the model's chat format.
        ask: answers the requests.

    Returns:
        The responses in the order of the tasks. Dropped are those that are cut off, have no valid code, or lack names
        that the tests require and the task does not show.

    Raises:
        InputError: the model has no chat template.
    """
    answers = BareAnswers(prompt_format, is_opened=is_opened)

    def prompt(task: ResampledTask, exemplar_set: int) -> str:
        return answers.prompt(task.instruction, exemplar_set)

    plan = RequestPlan(STEP, tasks, seed, 1, prompt, answers.end, settings.num_samples)
    decoding = Decoding(settings.temperature, settings.top_p, settings.max_new_tokens, prompt_format.stop)
    return rows_of(plan, ask(plan.requests(), decoding), partial(_accept, answers))


def _accept(answers: BareAnswers, task: ResampledTask, sample: int, answer: Answer) -> Response | Fault:
    code = answers.code(answer)
    if isinstance(code, Fault):
        return code
    program = as_program(code, task.tests)
    fault = syntax_fault(program)
    if fault is not None:
        return fault
    missing = task.names - defined_names(code)
    if missing and not task.shows_names:
        return Fault(ParseReason.OTHER_NAMES, ", ".join(sorted(missing)))
    return Response(
        id=row_id(STEP, task.id, sample, answer.text),
        instruction_id=task.id,
        seed_id=task.instruction.seed_id,
        sample_index=task.num_samples + sample,
        response=answers.whole(answer.text).strip(),
        code=code,
        tests=task.tests,
        program=program,
        output_tokens=answer.output_tokens,
    )
