"""The rules of selection that look at one response alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from selfcodealign.curation.normalised_code import parse_python
from selfcodealign.curation.syntax_rules import has_live_assertion, is_code_tested, placeholder
from selfcodealign.params import Balance, Criterion, PreferenceMatch, ShownTest
from selfcodealign.records import Response, Strength, Verdict


class SelectReason(StrEnum):
    """Why a response does not become a training pair; also the order of the rules."""

    NO_VERDICT = "no_verdict"
    NOT_PASSED = "not_passed"
    NOT_FAILING = "not_failing"
    PLACEHOLDER = "placeholder"
    UNPARSABLE = "unparsable"
    TESTS_WITHOUT_ASSERTION = "tests_without_assertion"
    TESTS_UNRELATED = "tests_unrelated"
    WEAK_TESTS = "weak_tests"
    LONG_INSTRUCTION = "long_instruction"
    BENCHMARK_TEXT = "benchmark_text"
    NEAR_DUPLICATE_TASK = "near_duplicate_task"
    EXACT_DUPLICATE = "exact_duplicate"
    SAME_NAMES = "same_names"
    NEAR_DUPLICATE_RESPONSE = "near_duplicate_response"
    NEAR_DUPLICATE_CODE = "near_duplicate_code"
    NEAR_DUPLICATE_STRUCTURE = "near_duplicate_structure"
    NOT_DRAWN = "not_drawn"
    BEYOND_MAX_EXAMPLES = "beyond_max_examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSettings:
    """How pairs are selected.

    Attributes:
        keep: `passing` is the method; `failing` (it ran, and did not pass) and `all` are the paper's controls.
        one_per_task: keep one response a task; else all that survive the rules.
        choice: which response of a task comes first, by one criterion or by several, each for the equals of those
            before it, and in the end drawn by id. `random`: drawn by id alone; `strongest`: its tests kill the largest
            share of mutants, then take the largest share of branches; `shortest`: the shortest text; `agreed`: it
            passes the largest share of the tests of the task's other passing responses, then the most of them.
        min_mutation_score: share of mutants that the tests must kill; None: any. An unknown score is too low.
        min_branch_coverage: share of branches that the tests must take; None: any. Likewise.
        max_instruction_words: words of a task at most.
        jaccard: similarity of word 5-gram sets from which two tasks, responses or codes are near-duplicates.
        normalised_jaccard: the same for code in normal form, without names, comments and docstrings; None: any.
        max_examples: pairs at most, drawn by id; None for all.
        balance: what `max_examples` is shared out over in equal parts: category, difficulty, both (`kind`) or package;
            parts that cannot be filled go to the others. None: it is not shared out.
        preferences_per_task: preference pairs of a task at most.
        preference_match: what the two answers of a preference pair have in common; see `pair_preferences`.
        shown_tests: share of the tasks that show one of their tests, from 0 to 1.
        shown_test: which one; see `with_shown_test`.
        seed: the run's seed; draws derive from it and the row's id.
    """

    keep: Literal["passing", "failing", "all"] = "passing"
    one_per_task: bool = True
    choice: Criterion | Sequence[Criterion] = "random"
    min_mutation_score: float | None = None
    min_branch_coverage: float | None = None
    max_instruction_words: int = 200
    jaccard: float = 0.7
    normalised_jaccard: float | None = None
    max_examples: int | None = None
    balance: Balance | None = None
    preferences_per_task: int = 1
    preference_match: PreferenceMatch = "comments"
    shown_tests: float = 0.0
    shown_test: ShownTest = "random"
    seed: int = 0

    @property
    def criteria(self) -> tuple[str, ...]:
        """What decides between the responses of a task, in order; the draw, which always comes last, aside."""
        chosen = (self.choice,) if isinstance(self.choice, str) else tuple(self.choice)
        return tuple(criterion for criterion in chosen if criterion != "random")

    @property
    def needs_strength(self) -> bool:
        """Whether anything here is about the strength of tests."""
        minima = (self.min_mutation_score, self.min_branch_coverage)
        return "strongest" in self.criteria or minima != (None, None)


Fault = tuple[SelectReason, str]


def find_fault(
    response: Response,
    verdict: Verdict | None,
    instruction: str,
    settings: SelectionSettings,
    strength: Strength | None = None,
) -> Fault | None:
    """The first rule that a response breaks by itself.

    Args:
        response: the response, its code and its tests.
        verdict: what the sandbox saw; None if it never ran.
        instruction: the task.
        settings: how pairs are selected.
        strength: how strong its tests are; None if that was not measured.

    Returns:
        The reason and what exactly was found, or None if the response may become a pair.
    """
    fault = _verdict_fault(verdict, settings)
    if fault is not None or verdict is None:
        return fault
    fault = _program_fault(response, verdict)
    if fault is None and strength is not None:
        fault = _weakness(strength, settings)
    num_words = len(instruction.split())
    if fault is None and num_words > settings.max_instruction_words:
        fault = SelectReason.LONG_INSTRUCTION, f"{num_words} words"
    return fault


def _weakness(strength: Strength, settings: SelectionSettings) -> Fault | None:
    measured = (
        ("mutation score", strength.mutation_score, settings.min_mutation_score, strength.score_unknown),
        ("branch coverage", strength.branch_coverage, settings.min_branch_coverage, strength.coverage_unknown),
    )
    for name, value, minimum, unknown in measured:
        if minimum is None:
            continue
        if value is None:
            return SelectReason.WEAK_TESTS, f"{name} unknown: {unknown}"
        if value < minimum:
            return SelectReason.WEAK_TESTS, f"{name} {value:.2f}, at least {minimum:.2f} is asked for"
    return None


def _verdict_fault(verdict: Verdict | None, settings: SelectionSettings) -> Fault | None:
    if verdict is None or verdict.status == "sandbox_error":
        return SelectReason.NO_VERDICT, "the sandbox gave no verdict"
    if settings.keep == "passing" and verdict.status != "passed":
        return SelectReason.NOT_PASSED, verdict.status
    if settings.keep == "failing" and verdict.status == "passed":
        return SelectReason.NOT_FAILING, verdict.status
    return None


def _program_fault(response: Response, verdict: Verdict) -> Fault | None:
    code, tests = parse_python(response.code), parse_python(response.tests)
    found = placeholder(f"{response.response}\n{response.tests}", code)
    if found is not None:
        return SelectReason.PLACEHOLDER, found
    if code is None or tests is None:
        # A program that does not parse is a plain failure, which the controls keep; what is left to check needs a tree.
        broken = "code" if code is None else "tests"
        return (SelectReason.UNPARSABLE, f"the {broken} alone do not parse") if verdict.status == "passed" else None
    if not has_live_assertion(tests):
        return SelectReason.TESTS_WITHOUT_ASSERTION, "no assertion is reached from the top level of the tests"
    if not is_code_tested(tests, code):
        return SelectReason.TESTS_UNRELATED, "the tests use no name that the code defines"
    return None
