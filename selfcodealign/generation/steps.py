"""The three steps as values in, values out: rows become requests, answers become rows or dropped rows.

Every draw (category, difficulty, and those of `request_plan`) comes from the run's seed and the row's id, so that the
same inputs give the same requests whatever the batch, the restart, or the rows beside them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from selfcodealign.generation.early_ends import (
    concepts_end,
    continuation_end,
    instruction_end,
    response_end,
)
from selfcodealign.generation.engine import Answer, Decoding, Generation, Request, RequestSource, Usage
from selfcodealign.generation.exemplar import Exemplar, exemplar_sets, load_exemplars
from selfcodealign.generation.follow_ups import FollowUp
from selfcodealign.generation.on_policy import OnPolicy, continuation_id
from selfcodealign.generation.parsing import (
    Fault,
    ParsedResponse,
    has_tests_heading,
    parse_concepts,
    parse_instruction,
    parse_response,
    python_blocks,
)
from selfcodealign.generation.prompt_format import PromptFormat
from selfcodealign.generation.prompts import (
    Messages,
    concept_prompt,
    instruction_prompt,
    response_prompt,
    seed_instruction_prompt,
    tests_opening,
)
from selfcodealign.generation.request_plan import Parent, ParentT, RequestPlan
from selfcodealign.generation.waves import Judge, Waves
from selfcodealign.params import GenerateConcepts, GenerateInstructions, GenerateResponses, Sampling
from selfcodealign.program_text import as_program
from selfcodealign.records import Concepts, Dropped, Instruction, Response, Seed, derived_seed, row_id

LANGUAGE = "Python"

RowT = TypeVar("RowT")
Parse = Callable[[Answer], ParsedResponse | Fault]


class Ask(Protocol):
    """Answers requests: `generate_answers` with everything but its first three arguments filled in."""

    def __call__(
        self, requests: Sequence[Request] | RequestSource, decoding: Decoding, follow_up: FollowUp | None = None
    ) -> Generation:
        """Answers and rejections by request id."""
        ...


@dataclass(slots=True)
class StepResult(Generic[RowT]):
    """What a step made: requests = rows + dropped.

    Attributes:
        rows: accepted answers, in the order of their requests.
        dropped: requests without an accepted answer, each with its reason.
        usage: what the answers cost.
        saved: what adaptive sampling has saved; empty without it.
    """

    rows: list[RowT] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    saved: dict[str, int] = field(default_factory=dict)


def make_concepts(
    seeds: Sequence[Seed], settings: GenerateConcepts, *, seed: int, prompt_format: PromptFormat, ask: Ask
) -> StepResult[Concepts]:
    """S->C: name the programming concepts of each seed. Source: SelfCodeAlign, section 3.

    Args:
        seeds: the seed functions.
        settings: the `generate_concepts` section.
        seed: the run's seed.
        prompt_format: how the model wants its prompts.
        ask: answers the requests.
    """
    sets = _sets(settings.num_exemplars, settings.num_exemplar_sets, seed)

    def prompt(row: Seed, exemplar_set: int) -> str:
        return prompt_format.render(concept_prompt(sets[exemplar_set], row.code))

    plan = RequestPlan("concepts", seeds, seed, len(sets), prompt, concepts_end)

    def accept(row: Seed, _: int, answer: Answer) -> Concepts | Fault:
        parsed = parse_concepts(answer)
        if isinstance(parsed, Fault):
            return parsed
        return Concepts(
            id=row_id(row.id, *parsed), seed_id=row.id, concepts=parsed, exemplar_set=plan.exemplar_set(row)
        )

    return _run(plan, settings, prompt_format, ask, accept)


@dataclass(frozen=True, slots=True)
class TaskSource:
    """What a task is made from: a concepts row (S->C->I) or a seed (S->I).

    Attributes:
        id: id of the concepts row or of the seed: the task's parent.
        seed_id: id of the seed.
        concepts: the concepts; empty for S->I.
        code: the seed's source, used by S->I only.
    """

    id: str
    seed_id: str
    concepts: list[str]
    code: str


def make_instructions(
    sources: Sequence[TaskSource],
    settings: GenerateInstructions,
    *,
    seed: int,
    prompt_format: PromptFormat,
    ask: Ask,
) -> StepResult[Instruction]:
    """C->I (or S->I): write one task for each source, of a drawn category and difficulty.

    Args:
        sources: what the tasks are made from.
        settings: the `generate_instructions` section.
        seed: the run's seed.
        prompt_format: how the model wants its prompts.
        ask: answers the requests.
    """
    sets = _sets(settings.num_exemplars, settings.num_exemplar_sets, seed)

    def kind(source: TaskSource) -> tuple[str, str]:
        category = _draw(settings.categories, seed, "category", source.id)
        return category, _draw(settings.difficulties, seed, "difficulty", source.id)

    def messages(source: TaskSource, exemplar_set: int) -> Messages:
        category, difficulty = kind(source)
        wanted = {"category": category, "difficulty": difficulty, "language": LANGUAGE}
        if settings.source == "seeds":
            return seed_instruction_prompt(sets[exemplar_set], source.code, **wanted)
        return instruction_prompt(sets[exemplar_set], source.concepts, **wanted)

    def prompt(source: TaskSource, exemplar_set: int) -> str:
        return prompt_format.render(messages(source, exemplar_set))

    plan = RequestPlan("instructions", sources, seed, len(sets), prompt, instruction_end)

    def accept(source: TaskSource, _: int, answer: Answer) -> Instruction | Fault:
        text = parse_instruction(answer, source.concepts)
        if isinstance(text, Fault):
            return text
        category, difficulty = kind(source)
        return Instruction(
            id=row_id(source.id, category, difficulty, text),
            parent_id=source.id,
            seed_id=source.seed_id,
            concepts=source.concepts,
            category=category,
            difficulty=difficulty,
            language=LANGUAGE,
            instruction=text,
            exemplar_set=plan.exemplar_set(source),
        )

    return _run(plan, settings, prompt_format, ask, accept)


def make_responses(
    instructions: Sequence[Instruction],
    settings: GenerateResponses,
    *,
    seed: int,
    prompt_format: PromptFormat,
    ask: Ask,
    judge: Judge | None = None,
) -> StepResult[Response]:
    """I->R: answer each task `num_samples` times, each time with tests.

    With `stop_after` answers are judged as they come: a task that has so many passing ones gets no more (see `waves`).

    A small model often ends its turn when the solution is written. Such an answer is taken up again behind the opened
    tests' block: the prefix cache has all of it, and only the tests are generated.

    Args:
        instructions: the tasks.
        settings: the `generate_responses` section.
        seed: the run's seed.
        prompt_format: how the model wants its prompts.
        ask: answers the requests.
        judge: runs programs while others are generated; needed with `settings.stop_after`.

    Raises:
        ValueError: there is a `stop_after` and nobody to judge.
    """
    sets = _sets(settings.num_exemplars, settings.num_exemplar_sets, seed)

    def prompt(row: Instruction, exemplar_set: int) -> str:
        return prompt_format.render(response_prompt(sets[exemplar_set], row.instruction))

    plan = RequestPlan("responses", instructions, seed, len(sets), prompt, response_end, settings.num_samples)
    parse: Parse = parse_response
    follow_up: FollowUp = continue_with_tests
    if settings.layout != "few_shot":
        on_policy = OnPolicy(prompt_format, sets, plan.exemplar_set, is_opened=settings.layout == "code_block")
        plan = RequestPlan(
            "responses", instructions, seed, len(sets), on_policy.prompt, on_policy.end, settings.num_samples
        )
        parse = on_policy.parse
        follow_up = on_policy.follow_up({plan.request_id(row, sample): row for row, sample in plan.samples()})

    def accept(row: Instruction, sample: int, answer: Answer) -> Response | Fault:
        parsed = parse(answer)
        if isinstance(parsed, Fault):
            return parsed
        return Response(
            id=row_id(row.id, sample, answer.text),
            instruction_id=row.id,
            seed_id=row.seed_id,
            sample_index=sample,
            response=parsed.response,
            code=parsed.code,
            tests=parsed.tests,
            program=as_program(parsed.code, parsed.tests),
            output_tokens=answer.output_tokens,
        )

    if settings.stop_after is None:
        return _run(plan, settings, prompt_format, ask, accept, follow_up)
    if judge is None:
        raise ValueError("stop_after needs a judge")
    waves = Waves(settings.wave_size, settings.stop_after, partial(_program_of, parse), follow_up, judge)
    for number in plan.by_exemplar_set():
        waves.add_task(instructions[number].id, plan.samples_of(number))
    result = _run(plan, settings, prompt_format, ask, accept, waves=waves)
    result.saved = waves.counts()
    return result


def _program_of(parse: Parse, answer: Answer, continuation: Answer | None) -> tuple[str, str] | None:
    """The program to judge, and the code in it that is under test; None: the answer is not of the requested form."""
    parsed = parse(_joined(answer, continuation))
    return None if isinstance(parsed, Fault) else (as_program(parsed.code, parsed.tests), parsed.code)


def continue_with_tests(request: Request, answer: Answer) -> Request | None:
    """The request that continues an answer which stopped behind its solution; None for every other answer."""
    if answer.finish_reason != "stop" or has_tests_heading(answer.text):
        return None
    blocks = python_blocks(answer.text)
    if isinstance(blocks, Fault) or not blocks:
        return None
    prompt = request.prompt + answer.text.rstrip() + tests_opening()
    continuation = continuation_id(request.id)
    return Request(id=continuation, prompt=prompt, seed=request.seed, group=request.group, ends=continuation_end)


def _joined(answer: Answer, continuation: Answer | None) -> Answer:
    if continuation is None:
        return answer
    return replace(
        continuation,
        text=answer.text.rstrip() + tests_opening() + continuation.text,
        output_tokens=answer.output_tokens + continuation.output_tokens,
    )


def _sets(num_exemplars: int, num_sets: int, seed: int) -> tuple[tuple[Exemplar, ...], ...]:
    return exemplar_sets(load_exemplars(), num_sets=num_sets, num_exemplars=num_exemplars, seed=seed)


def _draw(weights: Mapping[Any, int], seed: int, purpose: str, parent_id: str) -> str:
    """A weighted draw by id: the names repeated by weight, in sorted order, one taken."""
    tickets: list[str] = [name for name in sorted(weights) for _ in range(weights[name])]
    return tickets[derived_seed(seed, purpose, parent_id) % len(tickets)]


def _run(
    plan: RequestPlan[ParentT],
    settings: Sampling,
    prompt_format: PromptFormat,
    ask: Ask,
    accept: Callable[[ParentT, int, Answer], RowT | Fault],
    follow_up: FollowUp | None = None,
    waves: Waves | None = None,
) -> StepResult[RowT]:
    decoding = Decoding(settings.temperature, settings.top_p, settings.max_new_tokens, prompt_format.stop)
    return rows_of(plan, ask(waves or plan.requests(), decoding, follow_up), accept, is_adaptive=waves is not None)


def rows_of(
    plan: RequestPlan[ParentT],
    generation: Generation,
    accept: Callable[[ParentT, int, Answer], RowT | Fault],
    *,
    is_adaptive: bool = False,
) -> StepResult[RowT]:
    """The rows of a step's answers, in the order of their requests.

    Args:
        plan: the requests.
        generation: their answers and rejections; the answers are removed as rows are made from them.
        accept: makes a row of a parent, the sample's index and its answer, or says why there is none.
        is_adaptive: whether requests of the plan may have been left out; otherwise a missing answer is a `KeyError`.
    """
    result: StepResult[RowT] = StepResult(usage=generation.usage)
    # Removed as rows are made of them: there may be millions, and a row holds all that is needed of its answer.
    answers, rejections = generation.answers, generation.rejections
    for parent, sample in plan.samples():
        request_id = plan.request_id(parent, sample)
        if is_adaptive and request_id not in answers and request_id not in rejections:
            continue  # its task had passed enough times before
        rejection = rejections.get(request_id)
        if rejection is not None:
            result.dropped.append(_dropped(request_id, parent, str(rejection.reason), rejection.detail, ""))
            continue
        answer = _joined(answers.pop(request_id), answers.pop(continuation_id(request_id), None))
        outcome = accept(parent, sample, answer)
        if isinstance(outcome, Fault):
            result.dropped.append(_dropped(request_id, parent, str(outcome.reason), outcome.detail, answer.text))
        else:
            result.rows.append(outcome)
    return result


def _dropped(request_id: str, parent: Parent, reason: str, detail: str, text: str) -> Dropped:
    return Dropped(id=request_id, parent_id=parent.id, reason=reason, detail=detail, text=text)
