"""Seed tests: assertions with expected values computed by the seed's code, for tasks that request the seed's function.

A small model writes suitable calls but many wrong expected values. The calls are therefore taken from the tests of a
task's responses, and one run of the seed's code computes their values. All responses to a task are judged by the same
tests.

The seed's code reports its own values, as in a survey. The resulting tests are used only if the seed's code passes them
in the sandbox, under the same rules as a response: tests that do not detect a broken copy are rejected.
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
from selfcodealign.sandbox.consensus import (
    MAX_ASSERTIONS,
    MIN_AGREED,
    MIN_EXPECTED,
    assertions_of,
    by_task,
    judged_by,
)
from selfcodealign.sandbox.journalled import RunCounts, run_journalled
from selfcodealign.sandbox.pool import Sandbox
from selfcodealign.sandbox.settings import Program, Status

# Longer values are mostly data, and an assertion with one would be too long to show in a task.
MAX_VALUE_CHARACTERS = 100
# Correct implementations may differ in the last digits of a float.
TOLERANCE = 1e-6

# Each call is evaluated twice; calls whose value changes (random numbers, time, state) are dropped. Values are flushed
# immediately, so a call that never returns costs only the calls after it.
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
    """A call of the function under test, from the tests of the responses to a task.

    Attributes:
        text: the call, or an expression around it, as normalized source.
        expected: number of responses by the value that they expect, as normalized source.
    """

    text: str
    expected: Mapping[str, int]

    def share_right(self, value: str) -> float:
        """Return the share of the responses with this call that expect a value. A low share means a hard call."""
        return self.expected.get(value, 0) / sum(self.expected.values())


@dataclass(frozen=True, slots=True)
class _Task:
    """A task, its responses, and the seed's code that computes the expected values."""

    name: str
    code: str
    responses: list[Response]
    calls: list[Call]

    @property
    def _texts(self) -> list[str]:
        return [call.text for call in self.calls]

    def probe(self) -> Program:
        """Return the program that evaluates all calls with the seed's code."""
        script = _SCRIPT.format(calls=self._texts, marker=self._marker, limit=MAX_VALUE_CHARACTERS)
        return Program.of_code(self.name, as_program(self.code, script), self.code)

    def tests(self, verdict: Verdict) -> str:
        """Return assertions for the values of a probe, hardest first; empty if there are too few."""
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
    """Return the distinct calls in the tests of the responses to one task, most frequent first.

    Args:
        responses: the responses to the task.
        names: names that the seed's code defines. Calls that use none of them are left out.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for response in responses:
        own = assertions_of(response, defined_names(response.code))
        # Repetitions inside one response are not independent and count once.
        for assertion in dict.fromkeys(own):
            call = assertion.subject
            if call is not None and not assertion.setup and names & used_names(call):
                found[call][assertion.expected] += 1
    ranked = sorted(found.items(), key=lambda item: -sum(item[1].values()))
    return [Call(text, expected) for text, expected in ranked[:MAX_ASSERTIONS]]


def plain_value(shown: str) -> str | None:
    """Return a value as normalized source if its `repr` is a literal that equals itself, else None.

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
    """Return an assertion. Floats are compared with a tolerance, None by identity."""
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
    """Build the tests of each task from the calls in its responses' tests and the values that its seed's code computes.

    Args:
        sandbox: where they run.
        responses: all responses.
        codes: the code of each task's seed, by task id.
        journal: keeps each verdict as it arrives.
        on_verdict: called with each verdict as it is known, for progress.

    Returns:
        The tests of each response whose code defines the names that they use, and the counts of what ran. A task has
        no tests if fewer than two of its calls have a literal value, if all values are equal, or if its seed does not
        pass them.

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
    return [
        _Task(name, codes[name], group, calls_of(group, frozenset(defined_names(codes[name]))))
        for name, group in by_task(responses).items()
        if name in codes
    ]


def _rows(task: _Task, tests: str) -> list[ConsensusTests]:
    names = used_names(tests) & defined_names(task.code)
    judged = [response for response in task.responses if names <= defined_names(response.code)]
    return judged_by(judged, tests, num_pooled=len(task.calls), num_agreed=len(tests.splitlines()))
