"""Executed validation: the weights whose answers to held-out tasks pass most often are kept."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from selfcodealign.errors import InputError, SandboxError
from selfcodealign.models import end_of_turn_token
from selfcodealign.records import Example, Preference, derived_seed
from selfcodealign.training.rows import prompt_text
from selfcodealign.training.scoring import Scorer
from selfcodealign.training_params import FinetuneModel

PASS_RATE = "pass_rate"  # noqa: S105 - a score, no password
# With 8 tasks and 4 answers each, the standard error of a pass rate of one half is between 9 points (answers of a task
# are independent) and 18 (they are all alike). Fewer tasks would choose weights by chance.
MIN_VALIDATION_TASKS = 8
# That of the answers that the pairs were made of, in `params.yaml`.
TEMPERATURE = 0.7

logger = logging.getLogger(__name__)


class Judge(Protocol):
    """Rewards answers: 1 for one that passes its tests, None for one that could not be judged.

    The sandbox's `CodeReward` in mode `strict` is one.
    """

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """The reward of each completion; the column `tests` has its test suite."""
        ...


@dataclass(frozen=True, slots=True)
class ValidationTask:
    """A held-out task.

    Attributes:
        id: of its instruction.
        instruction: the task as the training pairs put it.
        answer: an answer of the form that is trained.
        tests: that answers must pass.
    """

    id: str
    instruction: str
    answer: str
    tests: str


def suites_by_task(examples: Sequence[Example]) -> dict[str, str]:
    """The test suite of each task, by instruction id: one that an answer has passed.

    Args:
        examples: the selected pairs.
    """
    return {row.instruction_id: row.tests for row in examples if row.status == "passed" and row.tests.strip()}


def validation_tasks(
    held_out: Sequence[Example | Preference], suites: Mapping[str, str]
) -> tuple[list[ValidationTask], int]:
    """The tasks of held-out pairs that have tests, each once, and the number of those that have none.

    Preference pairs have no tests of their own. Those of the run have an example of the same task; pairs of an earlier
    run have none.

    Args:
        held_out: the pairs, of either kind.
        suites: tests by task, of `suites_by_task`.
    """
    pairs = {pair.instruction_id: pair for pair in reversed(held_out)}
    tasks = [
        ValidationTask(
            id=task,
            instruction=pair.instruction,
            answer=pair.chosen if isinstance(pair, Preference) else pair.response,
            tests=suites[task],
        )
        for task, pair in sorted(pairs.items())
        if task in suites
    ]
    return tasks, len(pairs) - len(tasks)


def pass_rate_scorer(
    held_out: Sequence[Example | Preference],
    suites: Mapping[str, str],
    judge: Judge,
    settings: FinetuneModel,
    seed: int,
) -> Scorer:
    """A scorer that samples answers to held-out tasks and has them run: the share that passes, 0 to 1.

    The model gets the prompt that is trained. Every score uses the same draws, so that equal weights have equal scores.
    Answers that the sandbox could not judge do not count.

    Args:
        held_out: the held-out pairs, whole tasks.
        suites: tests by task, of `suites_by_task`.
        judge: runs the answers with the tests.
        settings: `validation_samples` and `validation_max_new_tokens`.
        seed: the training seed.

    Raises:
        InputError: fewer than `MIN_VALIDATION_TASKS` held-out tasks have tests.
    """
    tasks, num_without = validation_tasks(held_out, suites)
    if len(tasks) < MIN_VALIDATION_TASKS:
        raise InputError(
            f"finetune_model.validation is executed, and {len(tasks)} held-out tasks have tests ({num_without} more"
            f" have none), fewer than {MIN_VALIDATION_TASKS}; raise holdout_share, take more seeds"
            " (filter_seeds.max_seeds), or set validation: loss"
        )
    logger.info(
        "finetune_model: %d answers to each of %d held-out tasks are run at each score; %d tasks without tests",
        settings.validation_samples,
        len(tasks),
        num_without,
    )
    counts = {"tasks": len(tasks), "tasks_without_tests": num_without, "samples_per_task": settings.validation_samples}
    return Scorer(
        name=PASS_RATE,
        score=lambda model, tokenizer: _pass_rate(model, tokenizer, tasks, judge, settings, seed),
        higher_is_better=True,
        counts=counts,
    )


def _pass_rate(
    model: Any, tokenizer: Any, tasks: Sequence[ValidationTask], judge: Judge, settings: FinetuneModel, seed: int
) -> float:
    from selfcodealign.training.sampling import sample_answers

    repeated = [task for task in tasks for _ in range(settings.validation_samples)]
    prompts = [
        prompt_text([{"role": "user", "content": task.instruction}], task.answer, tokenizer) for task in repeated
    ]
    answers = sample_answers(
        model,
        tokenizer,
        prompts,
        end_token=end_of_turn_token(tokenizer),
        max_new_tokens=settings.validation_max_new_tokens,
        temperature=TEMPERATURE,
        seed=derived_seed(seed, "validation"),
    )
    rewards = judge(prompts, [answer.text for answer in answers], tests=[task.tests for task in repeated])
    judged = [reward for reward in rewards if reward is not None]
    if not judged:
        raise SandboxError(
            f"the sandbox judged none of the {len(rewards)} answers to held-out tasks; run `selfcodealign doctor`"
        )
    return sum(reward == 1.0 for reward in judged) / len(judged)
