"""Two ways of asking the same model for the same data: ours, and the reference's request layout."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from selfcodealign.generation import (
    Decoding,
    Engine,
    Generation,
    PromptFormat,
    Rejection,
    Request,
    StepResult,
    TaskSource,
    Usage,
    generate_answers,
    load_vllm,
    make_concepts,
    make_instructions,
    make_responses,
)
from selfcodealign.generation.engine import RequestSource
from selfcodealign.generation.follow_ups import FollowUp
from selfcodealign.generation.steps import Ask
from selfcodealign.generation.waves import Judge
from selfcodealign.journal import open_journal
from selfcodealign.params import Params
from selfcodealign.records import Concepts, Instruction, Response, Seed, Verdict
from selfcodealign.sandbox import Program, Status, open_sandbox, open_stream, run_journalled, sandbox_settings

# The reference's numbers of exemplars in a prompt.
SHOTS = {"concepts": 8, "instructions": 8, "responses": 1}
# So many sets that hardly two requests share one: exemplars and their order are as good as fresh for each request.
FRESH_SETS_PER_SEED = 8


@dataclass(slots=True)
class Run:
    """What one layout made of the seeds, and what each step cost.

    Attributes:
        name: of the layout.
        concepts: rows of S->C.
        instructions: rows of C->I.
        responses: rows of I->R.
        passed: those of them that the sandbox passed.
        judging_s: wall time of the sandbox after generation had ended, seconds.
    """

    name: str
    concepts: StepResult[Concepts]
    instructions: StepResult[Instruction]
    responses: StepResult[Response]
    passed: list[Response]
    judging_s: float

    @property
    def usages(self) -> dict[str, Usage]:
        """What generation cost, by step."""
        return {
            "concepts": self.concepts.usage,
            "instructions": self.instructions.usage,
            "responses": self.responses.usage,
        }

    @property
    def seconds(self) -> float:
        """Wall time of the three steps and of judging; the engine's starts are left out."""
        return sum(usage.seconds for usage in self.usages.values()) + self.judging_s

    @property
    def num_solved(self) -> int:
        """Tasks with a validated answer: what one pair each can be made of."""
        return len({row.instruction_id for row in self.passed})


class Layout(Protocol):
    """A way of running the three steps.

    Attributes:
        name: for tables.
    """

    name: str

    def run(self, seeds: Sequence[Seed]) -> Run:
        """All three steps, and the sandbox's verdicts."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What both layouts share.

    Attributes:
        params: the params; the numbers of exemplars, their sets and adaptive sampling are the layout's own.
        model: folder of the model.
        prompt_format: how it wants its prompts.
        folder: an empty folder for journals.
    """

    params: Params
    model: Path
    prompt_format: PromptFormat
    folder: Path


class Ours:
    """Few fixed exemplar sets, requests side by side by set, a journal, and adaptive sampling."""

    name = "ours"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def run(self, seeds: Sequence[Seed]) -> Run:
        """As the stages do it."""
        setting, params = self._setting, self._setting.params
        params = _with(params, "responses", {"stop_after": 1})
        ask = partial(
            generate_answers,
            model_folder=setting.model,
            engine=params.engine,
            journal_path=setting.folder / "answers.sqlite",
            what="answers",
        )
        with ExitStack() as stack:
            sandbox = stack.enter_context(open_sandbox(sandbox_settings(params.sandbox)))
            journal = stack.enter_context(open_journal(setting.folder / "verdicts.sqlite"))
            judge = stack.enter_context(open_stream(sandbox, journal))
            steps = _three_steps(seeds, params, setting.prompt_format, ask, judge)
            # All verdicts are known by now, and cost a look into the journal.
            started = time.monotonic()
            verdicts, _ = run_journalled(sandbox, _programs(steps), journal)
            judging_s = time.monotonic() - started
        return Run(self.name, *steps, _passed(steps, verdicts), judging_s)


class ReferenceLayout:
    """Fresh exemplars in an order of their own for nearly every request, chunks with a barrier after each, all samples.

    Prompts' wording, parsing, seeds, decoding, engine and prefix cache are the same as ours. Source: the published
    pipeline of SelfCodeAlign: 8 exemplars drawn at random for a request (1 for responses), requests in chunks.
    """

    name = "reference's layout"

    def __init__(self, setting: Setting, chunk_size: int) -> None:
        self._setting = setting
        self._chunk_size = chunk_size

    def run(self, seeds: Sequence[Seed]) -> Run:
        """The same steps, one after the other; the sandbox runs when all answers are there."""
        setting, params = self._setting, self._setting.params
        fresh = max(1, len(seeds) * FRESH_SETS_PER_SEED)
        for step, num_exemplars in SHOTS.items():
            params = _with(params, step, {"num_exemplars": num_exemplars, "num_exemplar_sets": fresh})
        params = _with(params, "responses", {"stop_after": None})
        ask = partial(_ask_in_chunks, setting, self._chunk_size)
        steps = _three_steps(seeds, params, setting.prompt_format, ask)
        with open_sandbox(sandbox_settings(params.sandbox)) as sandbox:
            started = time.monotonic()
            verdicts = list(sandbox.run(_programs(steps)))
            judging_s = time.monotonic() - started
        return Run(self.name, *steps, _passed(steps, verdicts), judging_s)


Steps = tuple[StepResult[Concepts], StepResult[Instruction], StepResult[Response]]


def _with(params: Params, step: str, values: dict[str, int | None]) -> Params:
    """The params with other values in the section of a step."""
    section = f"generate_{step}"
    return params.model_copy(update={section: getattr(params, section).model_copy(update=values)})


def _three_steps(
    seeds: Sequence[Seed], params: Params, prompt_format: PromptFormat, ask: Ask, judge: Judge | None = None
) -> Steps:
    concepts = make_concepts(seeds, params.generate_concepts, seed=params.seed, prompt_format=prompt_format, ask=ask)
    instructions = make_instructions(
        [TaskSource(row.id, row.seed_id, row.concepts, "") for row in concepts.rows],
        params.generate_instructions,
        seed=params.seed,
        prompt_format=prompt_format,
        ask=ask,
    )
    responses = make_responses(
        instructions.rows,
        params.generate_responses,
        seed=params.seed,
        prompt_format=prompt_format,
        ask=ask,
        judge=judge,
    )
    return concepts, instructions, responses


def _programs(steps: Steps) -> list[Program]:
    return [Program(row.id, row.program) for row in steps[2].rows]


def _passed(steps: Steps, verdicts: Sequence[Verdict]) -> list[Response]:
    pairs = zip(steps[2].rows, verdicts, strict=True)
    return [row for row, verdict in pairs if verdict.status == Status.PASSED]


def _ask_in_chunks(
    setting: Setting,
    chunk_size: int,
    requests: Sequence[Request] | RequestSource,
    decoding: Decoding,
    follow_up: FollowUp | None = None,
) -> Generation:
    if not isinstance(requests, Sequence):
        raise TypeError("chunks are made of a sequence")
    result = Generation()
    started = time.monotonic()
    engine = load_vllm(setting.model, setting.params.engine)
    result.usage.start_seconds = time.monotonic() - started
    started = time.monotonic()
    try:
        for start in range(0, len(requests), chunk_size):
            chunk = requests[start : start + chunk_size]
            _ask_chunk(engine, chunk, decoding, result)
            if follow_up is not None:
                answered = [(request, result.answers.get(request.id)) for request in chunk]
                called_for = [follow_up(request, answer) for request, answer in answered if answer is not None]
                _ask_chunk(engine, [request for request in called_for if request is not None], decoding, result)
    finally:
        engine.close()
    result.usage.requests = result.usage.asked = len(requests)
    result.usage.seconds = time.monotonic() - started
    return result


def _ask_chunk(engine: Engine, chunk: Sequence[Request], decoding: Decoding, result: Generation) -> None:
    for request, outcome in engine.generate([replace(request, ends=None) for request in chunk], decoding):
        if isinstance(outcome, Rejection):
            result.rejections[request.id] = outcome
        else:
            result.answers[request.id] = outcome
            result.usage.add(outcome)
