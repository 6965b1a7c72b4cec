"""Consensus tests: the assertions of a task that several of its responses pass, whoever wrote them.

A small model gets many expected values wrong, so that most right answers fail their own tests, and what an answer was
told apart by is its luck with them. But every response to a task brings assertions, and independent answers seldom
share a mistake: an assertion that several of them pass is likely to be right, and a response that passes all of those
is likely to be right as well. The responses that do not are wrong by the same tests, which makes the two comparable.
Source: dual execution agreement, Chen et al. 2022, "CodeT: Code Generation with Generated Tests" (arXiv 2207.10397).
"""

import ast
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.journal import Journal
from selfcodealign.records import ConsensusTests, Response, Verdict
from selfcodealign.sandbox.agreement import defined_names, used_names
from selfcodealign.sandbox.journalled import RunCounts, run_journalled
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status

# An assertion is agreed if at least this many responses pass it, and this share of those that define its names.
MIN_AGREEING = 2
MIN_SHARE = 0.25
# A task needs at least this many agreed assertions: a wrong answer can pass a single one by chance.
MIN_AGREED = 2
# At most this many assertions per task are tried. Assertions that several responses wrote come first.
MAX_ASSERTIONS = 12


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion at the top level of some tests.

    Attributes:
        setup: the statements before it that are no assertions, as normalized source.
        text: the assertion itself, as normalized source.
        wanted: the names of the code under test that it needs.
    """

    setup: str
    text: str
    wanted: frozenset[str]

    @property
    def source(self) -> str:
        """What is run behind the code under test."""
        return f"{self.setup}\n{self.text}\n" if self.setup else f"{self.text}\n"


def assertions_of(response: Response) -> list[Assertion]:
    """The assertions of a response that ask for something that its code defines, in their order."""
    try:
        body = ast.parse(response.tests).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    defined = defined_names(response.code)
    found: list[Assertion] = []
    setup: list[str] = []
    for statement in body:
        if not isinstance(statement, ast.Assert):
            setup.append(ast.unparse(statement))
            continue
        before, text = "\n".join(setup), ast.unparse(ast.Assert(test=statement.test, msg=None))
        wanted = frozenset(used_names(f"{before}\n{text}") & defined)
        if wanted:
            found.append(Assertion(before, text, wanted))
    return found


def pooled_assertions(responses: Sequence[Response]) -> list[Assertion]:
    """The distinct assertions of the responses to one task, those that several responses brought first.

    Args:
        responses: responses to one task, in the order of their samples.
    """
    brought = Counter(assertion for response in responses for assertion in set(assertions_of(response)))
    first_seen = {assertion: None for response in responses for assertion in assertions_of(response)}
    return sorted(first_seen, key=lambda assertion: -brought[assertion])[:MAX_ASSERTIONS]


def measure_consensus(
    sandbox: Sandbox,
    responses: Sequence[Response],
    journal: Journal,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[ConsensusTests], RunCounts]:
    """Find the consensus tests of each task by running its responses with all its assertions.

    Args:
        sandbox: where they run.
        responses: all responses.
        journal: keeps each verdict as it arrives.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        The tests that each response of a task with a consensus is judged by, ordered as the responses are; and the
        counts. A response of another task has none, and neither has one that lacks a name that they ask for: it is
        judged by its own.

    Raises:
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    tasks: dict[str, list[Response]] = {}
    for response in responses:
        tasks.setdefault(response.instruction_id, []).append(response)
    pools = {task: pooled_assertions(group) for task, group in tasks.items()}
    pairs = [
        (response, assertion)
        for task, group in tasks.items()
        for assertion in pools[task]
        for response in group
        if assertion.wanted <= defined_names(response.code)
    ]
    programs = [
        Program.of_code(str(number), _joined(response.code, assertion.source), response.code)
        for number, (response, assertion) in enumerate(pairs)
    ]
    verdicts, counts = run_journalled(sandbox, programs, journal, on_verdict)
    outcomes: dict[str, dict[Assertion, list[bool]]] = {task: {} for task in tasks}
    for (response, assertion), verdict in zip(pairs, verdicts, strict=True):
        if verdict.status != Status.SANDBOX_ERROR:
            passed = verdict.status == Status.PASSED
            outcomes[response.instruction_id].setdefault(assertion, []).append(passed)
    agreed = {task: agreed_assertions(pools[task], outcomes[task]) for task in tasks}
    rows = [
        _row(response, agreed[response.instruction_id], len(pools[response.instruction_id]))
        for response in responses
        if _is_comparable(response, agreed[response.instruction_id])
    ]
    return rows, counts


def _is_comparable(response: Response, agreed: Sequence[Assertion]) -> bool:
    wanted = frozenset[str]().union(*(assertion.wanted for assertion in agreed))
    return len(agreed) >= MIN_AGREED and wanted <= defined_names(response.code)


def agreed_assertions(pool: Sequence[Assertion], outcomes: Mapping[Assertion, Sequence[bool]]) -> list[Assertion]:
    """The assertions that enough responses pass, in the order of the pool.

    Args:
        pool: the assertions of a task.
        outcomes: by assertion, whether each response that defines what it asks for passes it.
    """
    return [assertion for assertion in pool if _is_agreed(outcomes.get(assertion, ()))]


def _is_agreed(passes: Sequence[bool]) -> bool:
    return sum(passes) >= max(MIN_AGREEING, math.ceil(MIN_SHARE * len(passes)))


def _row(response: Response, agreed: Sequence[Assertion], num_pooled: int) -> ConsensusTests:
    tests = _as_tests(agreed)
    return ConsensusTests(
        id=response.id,
        tests=tests,
        program=_joined(response.code, tests),
        num_pooled=num_pooled,
        num_agreed=len(agreed),
    )


def _as_tests(assertions: Sequence[Assertion]) -> str:
    """Assertions as one test suite: those that share their set-up stand together behind it."""
    by_setup: dict[str, list[str]] = {}
    for assertion in assertions:
        by_setup.setdefault(assertion.setup, []).append(assertion.text)
    return "\n".join(line for setup, texts in by_setup.items() for line in ([setup] if setup else []) + texts) + "\n"


def _joined(code: str, tests: str) -> str:
    return f"{code.rstrip()}\n\n\n{tests}"
