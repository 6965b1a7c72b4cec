"""Consensus tests: assertions that several responses to a task pass, whichever response wrote them.

A small model gets many expected values wrong, so most correct answers fail their own tests. Independent answers rarely
make the same mistake, though. Assertions that the same several responses pass are likely to be correct, and so is a
response that passes all of them. Responses to one task are then judged by the same tests, which makes them comparable.

One survey per response finds the assertions that it passes. Surveys only choose the tests; the verdict on a response
with these tests comes from the sandbox afterwards, as for any program.

Source: dual execution agreement, Chen et al. 2022, "CodeT: Code Generation with Generated Tests" (arXiv 2207.10397).
"""

import ast
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.journal import Journal
from selfcodealign.program_text import as_program, defined_names, statements_of, used_names
from selfcodealign.records import ConsensusTests, Response, Verdict
from selfcodealign.sandbox.journalled import RunCounts, run_journalled
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status
from selfcodealign.sandbox.survey import survey_outcomes, survey_program

# An assertion is agreed if at least this many responses pass it together with those agreed before it, and this share of
# the responses that define its names.
MIN_AGREEING = 2
MIN_SHARE = 0.25
# A task needs at least this many agreed assertions: a wrong answer can pass a single one by chance.
MIN_AGREED = 2
# The agreed assertions have at least this many different expected values: a constant passes those that have one.
MIN_EXPECTED = 2
# At most this many assertions per task are tried. Assertions that several responses wrote come first.
MAX_ASSERTIONS = 24


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion at the top level of a test suite.

    Attributes:
        setup: the other statements before it, as normalized source.
        text: the assertion itself, as normalized source.
        names: the names of the code under test that it uses.
        expected: the expected value as normalized source: the right side of `==` or `is`, `True` for a bare call,
            `False` for a negated call, and the whole condition in any other form.
    """

    setup: str
    text: str
    names: frozenset[str]
    expected: str

    @property
    def subject(self) -> str | None:
        """The compared or tested expression as normalized source; None for other forms of conditions."""
        match ast.parse(self.text).body[0]:
            case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq() | ast.Is()])):
                return ast.unparse(left)
            case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call)):
                return ast.unparse(call)
            case ast.Assert(test=ast.Call() as call):
                return ast.unparse(call)
            case _:
                return None


@dataclass(frozen=True, slots=True)
class _Survey:
    """A response with the assertions of its task that use only names it defines."""

    task: str
    response: Response
    pool: list[Assertion]

    @property
    def _tests(self) -> list[str]:
        return [_as_tests([assertion]) for assertion in self.pool]

    def as_program(self, id: str) -> Program:
        return Program.of_code(id, survey_program(self.response.code, self._tests), self.response.code)

    def outcomes(self, verdict: Verdict) -> list[tuple[Assertion, bool]]:
        """Pairs of an assertion and whether the response passes it; an outcome that is missing counts as a failure."""
        if verdict.status == Status.SANDBOX_ERROR:
            return []
        found = survey_outcomes(verdict, self.response.code, self._tests)
        return [(assertion, outcome is True) for assertion, outcome in zip(self.pool, found, strict=True)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results of one assertion on the responses to its task.

    Attributes:
        passed: the ids of the responses that pass it.
        tried: the number of responses that ran with it.
    """

    passed: frozenset[str]
    tried: int

    @property
    def share(self) -> float:
        """Passing responses per response that ran."""
        return len(self.passed) / self.tried

    @property
    def needed(self) -> int:
        """Number of responses that must pass the assertion for it to be agreed."""
        return max(MIN_AGREEING, math.ceil(MIN_SHARE * self.tried))


@dataclass(frozen=True, slots=True)
class _Task:
    """The responses to one task and the assertions to try on them.

    Attributes:
        responses: in the order of their samples.
        defined: the names that each response's code defines.
        pool: the assertions.
    """

    responses: list[Response]
    defined: list[set[str]]
    pool: list[Assertion]

    def defining(self, names: frozenset[str]) -> list[Response]:
        """The responses whose code defines all of these names."""
        pairs = zip(self.responses, self.defined, strict=True)
        return [response for response, defined in pairs if names <= defined]


def assertions_of(response: Response, defined: set[str]) -> list[Assertion]:
    """The assertions of a response about its own code, in order.

    Args:
        response: the response.
        defined: the names that its code defines.
    """
    found: list[Assertion] = []
    setup: list[str] = []
    for statement in statements_of(response.tests):
        if not isinstance(statement, ast.Assert):
            setup.append(ast.unparse(statement))
            continue
        before, text = "\n".join(setup), ast.unparse(ast.Assert(test=statement.test, msg=None))
        names = frozenset(used_names(f"{before}\n{text}") & defined)
        if names:
            found.append(Assertion(before, text, names, _expected(statement.test)))
    return found


def _expected(condition: ast.expr) -> str:
    match condition:
        case ast.Compare(ops=[ast.Eq() | ast.Is()], comparators=[right]):
            return ast.unparse(right)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call()):
            return "False"
        case ast.Call():
            return "True"
        case _:
            return ast.unparse(condition)


def pooled(assertions: Sequence[Sequence[Assertion]]) -> list[Assertion]:
    """The assertions to try on the responses to a task, without duplicates, the most frequent ones first.

    Args:
        assertions: the assertions of each response.
    """
    # Repetitions inside one response are not independent and count once.
    counts = Counter(assertion for own in assertions for assertion in dict.fromkeys(own))
    return [assertion for assertion, _ in counts.most_common(MAX_ASSERTIONS)]


def measure_consensus(
    sandbox: Sandbox,
    responses: Sequence[Response],
    journal: Journal,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[ConsensusTests], RunCounts]:
    """Find the consensus tests of each task by surveying its responses with the assertions of all of them.

    Args:
        sandbox: where they run.
        responses: all responses.
        journal: keeps each verdict as it arrives.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        The consensus tests of each response that has some, and the counts of what ran. A response keeps its own tests
        if its task has too few agreed assertions, or if its code lacks a name that they use.

    Raises:
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    tasks = _tasks(responses)
    surveys = [
        _Survey(name, response, pool)
        for name, task in tasks.items()
        for response, defined in zip(task.responses, task.defined, strict=True)
        if (pool := [assertion for assertion in task.pool if assertion.names <= defined])
    ]
    programs = [survey.as_program(str(number)) for number, survey in enumerate(surveys)]
    verdicts, counts = run_journalled(sandbox, programs, journal, on_verdict)
    passes: dict[str, dict[Assertion, dict[str, bool]]] = {name: {} for name in tasks}
    for survey, verdict in zip(surveys, verdicts, strict=True):
        for assertion, has_passed in survey.outcomes(verdict):
            passes[survey.task].setdefault(assertion, {})[survey.response.id] = has_passed
    rows = []
    for name, task in tasks.items():
        outcomes = {assertion: _outcome(by_response) for assertion, by_response in passes[name].items()}
        rows += _rows(task, agreed(task.pool, outcomes))
    return rows, counts


def _outcome(passes: Mapping[str, bool]) -> Outcome:
    return Outcome(frozenset(id_ for id_, has_passed in passes.items() if has_passed), len(passes))


def agreed(pool: Sequence[Assertion], outcomes: Mapping[Assertion, Outcome]) -> list[Assertion]:
    """Return the assertions that the same responses pass, those that most responses fail first.

    Assertions that are agreed one by one can contradict each other: `f(0) == 1` and `f(0) == 2`, two responses each.
    They are therefore added in order of decreasing support, and only if enough responses pass the whole suite so far.
    Assertions that all expect the same value are rejected, because a function that returns a constant passes them.

    Args:
        pool: the assertions that were tried; those that equally many fail stay in its order.
        outcomes: results of each assertion that ran, on the responses that define its names.
    """
    tried = [assertion for assertion in pool if assertion in outcomes]
    together = frozenset[str]().union(*(outcome.passed for outcome in outcomes.values()))
    needed = 0
    joined: set[Assertion] = set()
    for assertion in sorted(tried, key=lambda assertion: -len(outcomes[assertion].passed)):
        passed = together & outcomes[assertion].passed
        if len(passed) >= max(needed, outcomes[assertion].needed):
            together, needed = passed, max(needed, outcomes[assertion].needed)
            joined.add(assertion)
    if len({assertion.expected for assertion in joined}) < MIN_EXPECTED:
        return []
    return sorted((assertion for assertion in pool if assertion in joined), key=lambda one: outcomes[one].share)


def by_task(responses: Sequence[Response]) -> dict[str, list[Response]]:
    """The responses to each task, by the task's id."""
    groups: dict[str, list[Response]] = {}
    for response in responses:
        groups.setdefault(response.instruction_id, []).append(response)
    return groups


def _tasks(responses: Sequence[Response]) -> dict[str, _Task]:
    tasks = {}
    for name, group in by_task(responses).items():
        defined = [defined_names(response.code) for response in group]
        pairs = zip(group, defined, strict=True)
        tasks[name] = _Task(group, defined, pooled([assertions_of(response, names) for response, names in pairs]))
    return tasks


def _rows(task: _Task, assertions: Sequence[Assertion]) -> list[ConsensusTests]:
    """The consensus tests of each response to a task that can be judged by them."""
    if len(assertions) < MIN_AGREED:
        return []
    names = frozenset[str]().union(*(assertion.names for assertion in assertions))
    return judged_by(task.defining(names), _as_tests(assertions), num_pooled=len(task.pool), num_agreed=len(assertions))


def judged_by(responses: Sequence[Response], tests: str, *, num_pooled: int, num_agreed: int) -> list[ConsensusTests]:
    """The shared tests of a task as rows.

    Args:
        responses: the responses that can be judged by the tests.
        tests: the tests.
        num_pooled: number of assertions or calls that were tried.
        num_agreed: number of those that became tests.
    """
    return [
        ConsensusTests(
            id=response.id,
            tests=tests,
            program=as_program(response.code, tests),
            num_pooled=num_pooled,
            num_agreed=num_agreed,
        )
        for response in responses
    ]


def _as_tests(assertions: Sequence[Assertion]) -> str:
    """Assertions as one test suite; those with the same set-up share it."""
    by_setup: dict[str, list[str]] = {}
    for assertion in assertions:
        by_setup.setdefault(assertion.setup, []).append(assertion.text)
    return "\n".join(line for setup, texts in by_setup.items() for line in (setup, *texts) if line)
