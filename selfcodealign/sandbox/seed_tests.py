"""Seed tests: assertions whose expected values come from the seed's own code, for tasks that ask for its function.

A small model writes fitting calls but many wrong expected values. The seed is code that people use, so what it returns
is what its docstring means. The calls come from the tests of a task's responses, and one run of the seed's code gives
their values. All responses to a task are then judged by the same tests, and these are right.

A seed's code reports its own values, as in a survey. Before they are used, its code passes them in the sandbox as any
response would: tests that do not notice a broken copy are not used.
"""

import ast
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.journal import Journal
from selfcodealign.program_text import as_program, defined_names, used_names
from selfcodealign.records import ConsensusTests, Response, Verdict
from selfcodealign.sandbox.consensus import MAX_ASSERTIONS, MIN_AGREED, MIN_EXPECTED, assertions_of
from selfcodealign.sandbox.journalled import RunCounts, run_journalled
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status

# A longer value is mostly data. With the call it also stays below what a shown test may have.
MAX_VALUE_CHARACTERS = 100
# Values of floating-point arithmetic differ in the last digits between right implementations.
TOLERANCE = 1e-6

# Each call is evaluated twice: a value that changes (random numbers, the time, state) is no expected value. Values are
# written immediately, so a call that never ends loses only those after it.
_SCRIPT = """\
for _probe_number, _probe_call in enumerate({calls!r}):
    try:
        _probe_values = [eval(_probe_call, dict(globals())) for _ in range(2)]
        _probe_shown = repr(_probe_values[0]) if _probe_values[0] == _probe_values[1] else ""
    except BaseException:
        _probe_shown = ""
    if isinstance(_probe_shown, str) and "\\n" not in _probe_shown and len(_probe_shown) <= {limit}:
        __import__("sys").stderr.write(f"\\n{marker} {{_probe_number}} {{_probe_shown}}\\n")
        __import__("sys").stderr.flush()
raise AssertionError("all calls are evaluated")
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the function under test that responses wrote tests about.

    Attributes:
        text: the call, or an expression around it, as normalized source.
        expected: how many responses expect which value, as normalized source.
    """

    text: str
    expected: Mapping[str, int]

    def share_right(self, value: str) -> float:
        """The share of the responses with this call that expect a value: the lower, the harder the call."""
        return self.expected.get(value, 0) / sum(self.expected.values())


@dataclass(frozen=True, slots=True)
class _Task:
    """A task with the code that computes its expected values."""

    name: str
    code: str
    responses: list[Response]
    calls: list[Call]

    @property
    def _texts(self) -> list[str]:
        return [call.text for call in self.calls]

    def probe(self) -> Program:
        """The program that evaluates all calls with the seed's code."""
        script = _SCRIPT.format(calls=self._texts, marker=self._marker, limit=MAX_VALUE_CHARACTERS)
        return Program.of_code(self.name, as_program(self.code, script), self.code)

    def tests(self, verdict: Verdict) -> str:
        """The assertions that the values of a probe make, the hardest first; empty if there are too few."""
        values: dict[int, str] = {}
        for number, shown in re.findall(rf"^{self._marker} (\d+) (.+)$", verdict.stderr, re.MULTILINE):
            if int(number) < len(self.calls) and (value := plain_value(shown)) is not None:
                values[int(number)] = value
        if len(values) < MIN_AGREED or len(set(values.values())) < MIN_EXPECTED:
            return ""
        found = [(self.calls[number], value) for number, value in sorted(values.items())]
        found.sort(key=lambda one: one[0].share_right(one[1]))
        return "\n".join(as_assertion(call.text, value) for call, value in found)

    @property
    def _marker(self) -> str:
        return (
            "value-" + hashlib.sha256("\0".join((self.code, *self._texts)).encode("utf-8", "replace")).hexdigest()[:16]
        )


def calls_of(responses: Sequence[Response], names: frozenset[str]) -> list[Call]:
    """The calls in the tests of the responses to one task, without duplicates, the most frequent ones first.

    Args:
        responses: the responses to the task.
        names: names that the seed's code defines; a call uses at least one of them.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for response in responses:
        own = assertions_of(response, defined_names(response.code))
        # Repetitions inside one response are not independent and count once.
        for assertion in dict.fromkeys(own):
            call = None if assertion.setup else _subject(assertion.text)
            if call is not None and names & used_names(call):
                found[call][assertion.expected] += 1
    ranked = sorted(found.items(), key=lambda item: -sum(item[1].values()))
    return [Call(text, expected) for text, expected in ranked[:MAX_ASSERTIONS]]


def plain_value(shown: str) -> str | None:
    """A value as normalized source, if its `repr` is a literal that equals itself; None for any other.

    Args:
        shown: the `repr` of a value.
    """
    try:
        value = ast.literal_eval(shown)
        is_plain = value == value and ast.literal_eval(repr(value)) == value  # noqa: PLR0124 - not a number
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return ast.unparse(ast.parse(shown, mode="eval")) if is_plain else None


def as_assertion(call: str, value: str) -> str:
    """One assertion; a float is compared with a tolerance, None by identity."""
    found = ast.literal_eval(value)
    if isinstance(found, float):
        return f"assert abs({call} - {value}) < {TOLERANCE}"
    if found is None:
        return f"assert {call} is None"
    return f"assert {call} == {value}"


def measure_seed_tests(
    sandbox: Sandbox,
    responses: Sequence[Response],
    codes: Mapping[str, str],
    journal: Journal,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> tuple[list[ConsensusTests], RunCounts]:
    """Make the tests of each task from the calls in its responses' tests and the values that its seed gives.

    Args:
        sandbox: where they run.
        responses: all responses.
        codes: code of the seed of each task, by the task's id.
        journal: keeps each verdict as it arrives.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        The tests of each response whose task has some and whose code defines the names in them, and the counts of what
        ran. A task has none if fewer than two of its calls have a plain value, if all values are equal, or if its own
        seed does not pass them.

    Raises:
        SandboxError: the sandbox failed as a whole; verdicts that arrived before are in the journal.
    """
    tasks = [task for task in _tasks(responses, codes) if len(task.calls) >= MIN_AGREED]
    verdicts, probed = run_journalled(sandbox, [task.probe() for task in tasks], journal, on_verdict)
    tests = {task.name: task.tests(verdict) for task, verdict in zip(tasks, verdicts, strict=True)}
    tested = [task for task in tasks if tests[task.name]]
    proofs = [Program.of_code(task.name, as_program(task.code, tests[task.name]), task.code) for task in tested]
    proved, checked = run_journalled(sandbox, proofs, journal, on_verdict)
    rows: list[ConsensusTests] = []
    for task, verdict in zip(tested, proved, strict=True):
        if verdict.status == Status.PASSED:
            rows += _rows(task, tests[task.name])
    return rows, RunCounts(
        probed.asked + checked.asked,
        probed.from_journal + checked.from_journal,
        probed.duplicates + checked.duplicates,
    )


def _tasks(responses: Sequence[Response], codes: Mapping[str, str]) -> list[_Task]:
    groups: dict[str, list[Response]] = defaultdict(list)
    for response in responses:
        groups[response.instruction_id].append(response)
    return [
        _Task(name, codes[name], group, calls_of(group, frozenset(defined_names(codes[name]))))
        for name, group in groups.items()
        if name in codes
    ]


def _rows(task: _Task, tests: str) -> list[ConsensusTests]:
    names = used_names(tests) & defined_names(task.code)
    return [
        ConsensusTests(
            id=response.id,
            tests=tests,
            program=as_program(response.code, tests),
            num_pooled=len(task.calls),
            num_agreed=len(tests.splitlines()),
        )
        for response in task.responses
        if names <= defined_names(response.code)
    ]


def _subject(assertion: str) -> str | None:
    """What an assertion is about: the left side of an equality, a bare call, or a negated one."""
    statement = ast.parse(assertion).body[0]
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq() | ast.Is()])):
            subject: ast.expr = left
        case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call)):
            subject = call
        case ast.Assert(test=ast.Call() as call):
            subject = call
        case _:
            return None
    return ast.unparse(subject)
