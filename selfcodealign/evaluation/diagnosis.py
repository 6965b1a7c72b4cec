"""The first failing test of a sample, observed in one more run. Inside the sandbox, after the statuses are known.

EvalPlus reports which input fails, but not the returned value or the exception. The program therefore runs once more
on that input alone, in its own process, through EvalPlus's `unsafe_execute` with the same guard, limit and comparison.
EvalPlus receives a wrapper that runs the program and records what the call returns or raises.

A hostile program can overwrite the record, so the record supplies text for readers and never a status.
"""

import mmap
import multiprocessing
import struct
import sys
import types
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, Literal

from selfcodealign.evaluation.evidence import (
    MAX_SEEN_CHARS,
    SOURCE_NAME,
    exception_text,
    is_raised_by_check,
    value_text,
)
from selfcodealign.evaluation.first_failure import FailureKind, FirstFailure, cut, cut_to_difference, one_line

# Beyond the time limit of the input: for the start of the process and the import of the program.
GRACE_S = 5.0
MAX_LIMIT_S = 60.0
RECORD_BYTES = 128 << 10
WRAPPER = "observed_solution"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedTests:
    """A program and the tests of which it fails one.

    Attributes:
        dataset: `humaneval` or `mbpp`, EvalPlus's names.
        solution: the program.
        entry_point: the function that is called.
        called: text of the call; None: `entry_point` with its arguments.
        tests: `base` or `plus`.
        index: position of the first input that fails.
        timed_out: whether EvalPlus's status is `timeout`.
        inputs: arguments of each test.
        expected: what the reference solution returns for each.
        time_limits: seconds for each.
        atol: the task's tolerance for floats.
    """

    dataset: str
    solution: str
    entry_point: str
    called: str | None
    tests: Literal["base", "plus"]
    index: int
    timed_out: bool
    inputs: list[Any]
    expected: list[Any]
    time_limits: list[float]
    atol: float


class Phase(IntEnum):
    """Progress of an observed program."""

    IMPORT = 0
    IMPORT_FAILED = 1
    CALL = 2
    RETURNED = 3
    RAISED = 4
    ASSERTION_FAILED = 5
    TIMED_OUT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The result of one observed run.

    Attributes:
        phase: the last phase that the program reached.
        num_calls: calls that were started.
        text: the value of the last call, or the exception.
        has_passed: whether all inputs passed.
        exit_code: of the process, negative for a signal; None: it was killed because the time was up.
    """

    phase: Phase
    num_calls: int
    text: str
    has_passed: bool
    exit_code: int | None


class Record:
    """Memory that an observed program shares with the process that started it."""

    HEADER = struct.Struct("<III")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, RECORD_BYTES)
        self._num_calls = 0

    def write(self, phase: Phase, text: str = "") -> None:
        """Replace what is recorded."""
        self._num_calls += phase is Phase.CALL
        data = text[:MAX_SEEN_CHARS].encode("utf-8", "backslashreplace")
        self._memory[self.HEADER.size : self.HEADER.size + len(data)] = data
        self.HEADER.pack_into(self._memory, 0, phase, self._num_calls, len(data))

    def read(self) -> tuple[Phase, int, str]:
        """Phase, number of calls and text. The program may have written anything here."""
        phase, num_calls, length = self.HEADER.unpack_from(self._memory)
        data = self._memory[self.HEADER.size : self.HEADER.size + length]
        known = Phase(phase) if phase in list(Phase) else Phase.IMPORT
        return known, num_calls, data.decode("utf-8", "replace")[:MAX_SEEN_CHARS]


def first_failure(failed: FailedTests) -> FirstFailure:
    """Describe the first failing test of a program: run it alone, and if it then passes, after the tests before it."""
    if failed.index < len(failed.inputs):
        for first in dict.fromkeys((failed.index, 0)):
            seen = observe(failed, first)
            # Repeating several tests can exceed the time limit of one. That alone does not make the program wrong.
            is_cut_short = first != failed.index and seen.exit_code is None
            if not seen.has_passed and not is_cut_short:
                return explained(failed, first, seen)
        call = cut(call_text(failed, failed.index))
        if failed.timed_out:
            kind, outcome = FailureKind.TIMEOUT, "alone it ends in time"
        else:
            kind, outcome = FailureKind.UNREPEATED, None
        return FirstFailure(kind=kind, tests=failed.tests, index=failed.index, call=call, outcome=outcome)
    # EvalPlus counted all inputs as passed, and the program still failed: it changed the counts or never ended.
    return FirstFailure(kind=FailureKind.UNREPEATED, tests=failed.tests)


def observe(failed: FailedTests, first: int) -> Seen:
    """Run the inputs from `first` to the failing one in a new process, until one fails or the time is up."""
    from evalplus.eval import _SUCCESS, _UNKNOWN

    fork = multiprocessing.get_context("fork")
    record, stat = Record(), fork.Value("i", _UNKNOWN)
    process = fork.Process(target=_run, args=(failed, first, record, stat))
    process.start()
    process.join(min(failed.time_limits[failed.index], MAX_LIMIT_S) + GRACE_S)
    exit_code = process.exitcode
    if exit_code is None:
        process.kill()
        process.join()
    phase, num_calls, text = record.read()
    return Seen(phase=phase, num_calls=num_calls, text=text, has_passed=stat.value == _SUCCESS, exit_code=exit_code)


def _run(failed: FailedTests, first: int, record: Record, stat: Any) -> None:
    """Body of the new process."""
    from evalplus.eval import unsafe_execute

    tests = slice(first, failed.index + 1)
    count = len(failed.inputs[tests])
    # EvalPlus takes source text: this text fetches the wrapper from a module that exists in this process only.
    wrapper: Any = types.ModuleType(WRAPPER)
    wrapper.load = partial(load, failed, record)
    sys.modules[WRAPPER] = wrapper
    unsafe_execute(
        failed.dataset,
        failed.entry_point,
        f"import {WRAPPER}\n{failed.entry_point} = {WRAPPER}.load()\n",
        failed.inputs[tests],
        failed.expected[tests],
        failed.time_limits[tests],
        failed.atol,
        True,
        stat,
        [False] * count,
        types.SimpleNamespace(value=0),
    )


def load(failed: FailedTests, record: Record) -> Any:
    """Run the program, and return its function in a wrapper that records what each call returns or raises."""
    from evalplus.eval.utils import TimeoutException

    namespace: dict[str, Any] = {}
    try:
        exec(compile(failed.solution, SOURCE_NAME, "exec"), namespace)  # noqa: S102 - in the sandbox
    except BaseException as error:
        record.write(Phase.IMPORT_FAILED, exception_text(error, failed.solution))
        raise
    if failed.entry_point not in namespace:
        record.write(Phase.IMPORT_FAILED, f"{failed.entry_point} is not defined")
    function = namespace[failed.entry_point]

    def call(*arguments: Any) -> Any:
        record.write(Phase.CALL)
        try:
            value = function(*arguments)
        except TimeoutException:
            record.write(Phase.TIMED_OUT)
            raise
        except BaseException as error:
            is_assertion = failed.called is not None and is_raised_by_check(error)
            phase = Phase.ASSERTION_FAILED if is_assertion else Phase.RAISED
            record.write(phase, exception_text(error, failed.solution))
            raise
        record.write(Phase.RETURNED, value_text(value))
        return value

    return call


def explained(failed: FailedTests, first: int, seen: Seen) -> FirstFailure:
    """Describe the failing test from a run in which it failed."""
    if seen.phase is Phase.IMPORT_FAILED:
        return FirstFailure(kind=FailureKind.BEFORE_TESTS, tests=failed.tests, outcome=cut(one_line(seen.text)))
    if seen.phase is Phase.IMPORT:
        kind, outcome = ended(seen)
        return FirstFailure(kind=kind, tests=failed.tests, outcome=outcome)
    index = min(first + max(seen.num_calls - 1, 0), failed.index)
    expected: str | None = None
    outcome = cut(one_line(seen.text))
    if seen.phase is Phase.RETURNED:
        kind = FailureKind.WRONG_VALUE
        outcome, expected = cut_to_difference(one_line(seen.text), expected_text(failed, index))
    elif seen.phase is Phase.ASSERTION_FAILED:
        kind = FailureKind.WRONG_VALUE
    elif seen.phase is Phase.RAISED:
        kind = FailureKind.EXCEPTION
    else:
        kind, outcome = ended(seen)
    return FirstFailure(
        kind=kind,
        tests=failed.tests,
        index=index,
        call=cut(call_text(failed, index)),
        expected=expected,
        outcome=outcome,
        after_earlier=first != failed.index,
    )


def ended(seen: Seen) -> tuple[FailureKind, str | None]:
    """Kind and outcome of a run that neither returned nor raised."""
    if seen.phase is Phase.TIMED_OUT or seen.exit_code is None:
        return FailureKind.TIMEOUT, None
    if seen.exit_code < 0:
        return FailureKind.EXIT, f"signal {-seen.exit_code}"
    return FailureKind.EXIT, f"exit code {seen.exit_code}"


def call_text(failed: FailedTests, index: int) -> str:
    """The call of one test, on one line."""
    if failed.called is not None:
        return failed.called
    arguments = ", ".join(value_text(argument) for argument in failed.inputs[index])
    return one_line(f"{failed.entry_point}({arguments})")


def expected_text(failed: FailedTests, index: int) -> str:
    """What EvalPlus accepts as the value of one test, on one line."""
    from evalplus.eval import MBPP_OUTPUT_NOT_NONE_TASKS, MBPP_OUTPUT_SET_EQ_TASKS

    value = failed.expected[index]
    text = one_line(value_text(value))
    if failed.dataset == "humaneval":
        return f"a zero such as {text}" if failed.entry_point == "find_zero" else text
    if failed.entry_point in MBPP_OUTPUT_NOT_NONE_TASKS:
        return "anything but None" if value else "None"
    return f"{text} in any order" if failed.entry_point in MBPP_OUTPUT_SET_EQ_TASKS else text
