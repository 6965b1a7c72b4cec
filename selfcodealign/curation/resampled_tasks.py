"""Tasks to sample further responses to: those with consensus tests that some response failed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfcodealign.curation.shown_tests import with_shown_test
from selfcodealign.generation import ResampledTask
from selfcodealign.params import ShownTest
from selfcodealign.program_text import defined_names, used_names
from selfcodealign.records import ConsensusTests, Instruction, Response, Verdict


@dataclass(frozen=True, slots=True)
class ChosenTasks:
    """The tasks to sample further responses to.

    Attributes:
        tasks: the tasks, in the order of the instructions.
        num_untested: tasks that are left out because their responses agree on no tests.
        num_solved: tasks that are left out because all their responses passed: more of them would pass as well, and a
            task without a failing response has no preference pair.
    """

    tasks: list[ResampledTask]
    num_untested: int
    num_solved: int


def choose_tasks(
    instructions: Sequence[Instruction],
    responses: Sequence[Response],
    consensus: Mapping[str, ConsensusTests],
    verdicts: Mapping[str, Verdict],
    *,
    num_samples: int,
    shown_tests: float,
    shown_test: ShownTest,
    seed: int,
) -> ChosenTasks:
    """Choose the tasks with consensus tests that some response failed.

    Args:
        instructions: the tasks.
        responses: their responses so far.
        consensus: the consensus tests, by response id.
        verdicts: what the sandbox saw, by response id. A response without a verdict counts as failed.
        num_samples: samples per task so far, dropped ones included.
        shown_tests: share of the tasks whose text shows one of the tests, as in the training pairs.
        shown_test: which of them.
        seed: the run's seed.
    """
    by_task: dict[str, list[Response]] = defaultdict(list)
    for response in responses:
        by_task[response.instruction_id].append(response)
    tasks: list[ResampledTask] = []
    num_untested = num_solved = 0
    for instruction in instructions:
        group = by_task.get(instruction.id, [])
        judged = [response for response in group if response.id in consensus]
        if not judged:
            num_untested += 1
        elif all((verdict := verdicts.get(row.id)) is not None and verdict.status == "passed" for row in group):
            num_solved += 1
        else:
            tests = consensus[judged[0].id].tests
            text = with_shown_test(
                instruction.instruction, tests, instruction.id, share=shown_tests, seed=seed, choice=shown_test
            )
            names = frozenset[str]().union(*(defined_names(response.code) for response in judged))
            tasks.append(
                ResampledTask(
                    instruction=replace(instruction, instruction=text),
                    tests=tests,
                    names=names & used_names(tests),
                    shows_names=text != instruction.instruction,
                    num_samples=num_samples,
                )
            )
    return ChosenTasks(tasks, num_untested, num_solved)
