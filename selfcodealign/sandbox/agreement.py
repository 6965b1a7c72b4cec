"""Agreement: whether the passing responses of a task pass each other's tests.

A response that passes only its own tests may share their mistake; one that also passes those of independent answers to
the same task is more likely to be right.
"""

from collections.abc import Callable, Iterator, Sequence

from selfcodealign.journal import Journal
from selfcodealign.program_text import defined_names, used_names
from selfcodealign.records import Agreement, Response, Verdict
from selfcodealign.sandbox.journalled import RunCounts, run_journalled
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status

Crossing = tuple[Response, Response]
"""The response whose code runs, and the response whose tests it runs with."""


def crossings(responses: Sequence[Response], verdicts: Sequence[Verdict]) -> list[Crossing]:
    """The pairs of passing responses of one task of which the first defines what the tests of the second ask for.

    Args:
        responses: all responses.
        verdicts: what the sandbox saw of them, in any order.
    """
    passed = {verdict.id for verdict in verdicts if verdict.status == Status.PASSED}
    tasks: dict[str, list[Response]] = {}
    for response in responses:
        if response.id in passed:
            tasks.setdefault(response.instruction_id, []).append(response)
    return [pair for group in tasks.values() for pair in _comparable(group)]


def measure_agreement(
    sandbox: Sandbox,
    responses: Sequence[Response],
    verdicts: Sequence[Verdict],
    journal: Journal,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[Agreement], RunCounts]:
    """Run each passing response with the tests of the others of its task.

    Args:
        sandbox: where they run.
        responses: all responses.
        verdicts: what the sandbox saw of them with their own tests.
        journal: keeps each verdict as it arrives.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        An agreement for each passing response, in their order; and the counts. What the sandbox could not judge does
        not count.

    Raises:
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    pairs = crossings(responses, verdicts)
    programs = [Program.of_code(f"{code.id} {tests.id}", _crossed(code, tests), code.code) for code, tests in pairs]
    crossed, counts = run_journalled(sandbox, programs, journal, on_verdict)
    compared: dict[str, list[bool]] = {}
    for (code, _), verdict in zip(pairs, crossed, strict=True):
        if verdict.status != Status.SANDBOX_ERROR:
            compared.setdefault(code.id, []).append(verdict.status == Status.PASSED)
    passed = {verdict.id for verdict in verdicts if verdict.status == Status.PASSED}
    rows = [
        Agreement(id=row.id, num_compared=len(compared.get(row.id, ())), num_passed=sum(compared.get(row.id, ())))
        for row in responses
        if row.id in passed
    ]
    return rows, counts


def _crossed(code: Response, tests: Response) -> str:
    """The code of one response with the tests of another, joined as the program of the second is."""
    return code.code.rstrip() + tests.program.removeprefix(tests.code.rstrip())


def _comparable(group: Sequence[Response]) -> Iterator[Crossing]:
    defined = {response.id: defined_names(response.code) for response in group}
    for tests in group:
        if not tests.program.startswith(tests.code.rstrip()):
            continue
        wanted = used_names(tests.tests) & defined[tests.id]
        for code in group:
            if code.id != tests.id and wanted and wanted <= defined[code.id]:
                yield code, tests
