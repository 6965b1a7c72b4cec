"""The prompts of the three steps, laid out for the prefix cache.

Everything that requests share comes first: the rules, then the exemplars of one fixed set as finished turns; what
differs comes last. One layout serves both prompt forms: turns of a chat, or headed blocks of a completion prompt.
Source: SelfCodeAlign (arXiv 2410.24198), section 3 and appendix (the steps; the wording is ours).
"""

from collections.abc import Mapping, Sequence

from selfcodealign.generation.exemplar import Exemplar

Messages = list[Mapping[str, str]]

TESTS_HEADING = "### Tests"

CONCEPT_RULES = (
    "You read a Python function and name the programming ideas that it shows. "
    "Answer with one line: three to six short ideas, separated by commas, from general to specific. "
    "Name ideas that other programs could use as well, not the function's own names."
)

INSTRUCTION_RULES = (
    "You write coding tasks for Python programmers. Each task is complete in itself, can be solved with the standard "
    "library alone, and says exactly what to write: its name, its arguments, what it returns, and what happens in "
    "special cases. It works on plain values such as numbers, strings, lists and dictionaries, never on files, "
    "networks, clocks or random numbers, so that small inputs are enough to check a solution. Use the given ideas as "
    "an inspiration, without mentioning them. Answer with the task alone, in one paragraph."
)

RESPONSE_RULES = (
    "You solve Python tasks. Answer with one or two sentences and one code block with the complete solution. Then "
    f"write the line `{TESTS_HEADING}` and a second code block with three assert statements that check the "
    "solution on tiny inputs. Write only assertions whose expected value is certain."
)

TESTS_RULES = (
    "You check Python solutions. You are given a task and a solution. Answer with one code block of three to six "
    "assert statements that call the solution on small inputs, among them a special case. Take each expected value "
    "from the task, not from the solution, and write only assertions whose expected value is certain."
)

# Said again behind every task: a small model that has read the rules only once, far above, forgets the tests.
RESPONSE_REMINDER = (
    f"Give the solution in one code block, then `{TESTS_HEADING}` with a code block of three simple assertions."
)


def concept_prompt(exemplars: Sequence[Exemplar], code: str) -> Messages:
    """S->C: the messages that ask for the concepts of one seed.

    Args:
        exemplars: the fixed set that this request shares with others.
        code: source of the seed function.
    """
    shots = [(code_block(shot.seed), ", ".join(shot.concepts)) for shot in exemplars]
    return _conversation(CONCEPT_RULES, shots, code_block(code))


def instruction_prompt(
    exemplars: Sequence[Exemplar], concepts: Sequence[str], *, category: str, difficulty: str, language: str
) -> Messages:
    """C->I: the messages that ask for one task.

    Args:
        exemplars: the fixed set that this request shares with others.
        concepts: the ideas that the task is to be about.
        category: function, class or program.
        difficulty: easy, medium or hard.
        language: programming language of the task.
    """
    shots = [
        (_task_order(", ".join(shot.concepts), shot.category, shot.difficulty, language), shot.instruction)
        for shot in exemplars
    ]
    return _conversation(INSTRUCTION_RULES, shots, _task_order(", ".join(concepts), category, difficulty, language))


def seed_instruction_prompt(
    exemplars: Sequence[Exemplar], code: str, *, category: str, difficulty: str, language: str
) -> Messages:
    """S->I, the ablation: the messages that ask for one task from a seed, without concepts in between."""
    shots = [
        (_task_order("\n" + code_block(shot.seed), shot.category, shot.difficulty, language), shot.instruction)
        for shot in exemplars
    ]
    order = _task_order("\n" + code_block(code), category, difficulty, language)
    return _conversation(INSTRUCTION_RULES, shots, order)


def response_prompt(exemplars: Sequence[Exemplar], instruction: str) -> Messages:
    """I->R: the messages that ask for an answer with its tests.

    Args:
        exemplars: the fixed set that this request shares with others.
        instruction: the task.
    """
    shots = [(_reminded(shot.instruction), answer_with_tests(shot.response, shot.tests)) for shot in exemplars]
    return _conversation(RESPONSE_RULES, shots, _reminded(instruction))


def tests_prompt(exemplars: Sequence[Exemplar], instruction: str, code: str) -> Messages:
    """The messages that ask for tests of a solution that was written before.

    Args:
        exemplars: the fixed set that this request shares with others.
        instruction: the task.
        code: the solution.
    """
    shots = [(_tests_order(shot.instruction, shot.code), code_block(shot.tests)) for shot in exemplars]
    return _conversation(TESTS_RULES, shots, _tests_order(instruction, code))


def answer_with_tests(response: str, tests: str) -> str:
    """The text of a whole answer: the response, the tests' heading, the tests' code block."""
    return f"{response.strip()}\n\n{TESTS_HEADING}\n{code_block(tests)}"


def tests_opening() -> str:
    """What comes between a response and the first line of its tests."""
    return f"\n\n{TESTS_HEADING}\n```python\n"


def code_block(code: str) -> str:
    """Python code in a fenced Markdown block."""
    return f"```python\n{code.strip()}\n```"


def _task_order(material: str, category: str, difficulty: str, language: str) -> str:
    return f"Language: {language}\nKind: {category}\nDifficulty: {difficulty}\nIdeas: {material}"


def _tests_order(instruction: str, code: str) -> str:
    return f"{instruction}\n\n{code_block(code)}"


def _reminded(instruction: str) -> str:
    return f"{instruction}\n\n{RESPONSE_REMINDER}"


def _conversation(rules: str, shots: Sequence[tuple[str, str]], order: str) -> Messages:
    messages: Messages = [{"role": "system", "content": rules}]
    for asked, answered in shots:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": order}]
