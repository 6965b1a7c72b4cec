"""Tests in the task: some training pairs show one of the tests that the answer was judged by.

Source: SelfCodeAlign, appendix C.1, which puts the tests of a response into its instruction with probability 0.5.
"""

import ast

from selfcodealign.curation.normalised_code import parse_python
from selfcodealign.params import ShownTest
from selfcodealign.records import derived_seed

# A longer assertion is mostly data.
MAX_CHARACTERS = 160
# Draws are 31-bit numbers.
DRAWS = 2**31


def with_shown_test(
    instruction: str, tests: str, task: str, *, share: float, seed: int, choice: ShownTest = "random"
) -> str:
    """Append one assertion to the task, for a random share of the tasks.

    Args:
        instruction: the task.
        tests: the tests that its answers were judged by.
        task: id of the task. The draws depend on it, so all pairs of a task have the same text.
        share: the share of tasks that show a test, from 0 to 1.
        seed: the run's seed.
        choice: `random` draws the assertion; `hardest` takes the first one. Shared tests are sorted so that this is
            the one that most answers to the task fail.

    Returns:
        The task. It is unchanged if it was not drawn, or if no assertion is self-contained: a single line of at most
        160 characters that only assertions precede.
    """
    if derived_seed(seed, "shown_test", task) >= share * DRAWS:
        return instruction
    shown = _assertions(tests)
    if not shown:
        return instruction
    place = 0 if choice == "hardest" else derived_seed(seed, "which_test", task) % len(shown)
    assertion = shown[place]
    return f"{instruction.rstrip()}\n\nThe code must pass this test:\n{assertion}"


def _assertions(tests: str) -> list[str]:
    """Self-contained assertions as normalized source."""
    found: list[str] = []
    tree = parse_python(tests)
    for statement in tree.body if tree else ():
        if not isinstance(statement, ast.Assert):
            break
        text = ast.unparse(ast.Assert(test=statement.test, msg=None))
        if len(text) <= MAX_CHARACTERS and "\n" not in text:
            found.append(text)
    return found
