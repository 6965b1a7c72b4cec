"""Text forms of values and exceptions of a program under test, which may define its own `repr` and `str`.

Runs inside the sandbox.
"""

import re
from typing import Any

# Characters of a value that are compared with the expected ones to find where they differ.
MAX_SEEN_CHARS = 20_000
SOURCE_NAME = "<solution>"
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def value_text(value: Any) -> str:
    """Return the `repr` of a value in a form that does not vary between runs: sorted sets, no memory addresses."""
    try:
        if type(value) in {set, frozenset} and value:
            items = "{" + ", ".join(sorted(map(repr, value))) + "}"
            text = items if type(value) is set else f"frozenset({items})"
        else:
            text = repr(value)
        return ADDRESS.sub("", text[:MAX_SEEN_CHARS])
    except BaseException as error:  # noqa: BLE001 - `repr` may be the program's own
        return f"a value whose repr raises {type(error).__name__}"


def exception_text(error: BaseException, solution: str) -> str:
    """Return the type and message of an exception, or the line that raised it if there is no message."""
    try:
        name, message = type(error).__name__, str(error)
        if not message and (line := raising_line(error, solution)):
            return f"{name} at `{line}`"
        return ADDRESS.sub("", f"{name}: {message}"[:MAX_SEEN_CHARS]) if message else name
    except BaseException as other:  # noqa: BLE001 - `str` may be the program's own
        return f"an exception whose text raises {type(other).__name__}"


def raising_line(error: BaseException, solution: str) -> str:
    """Return the innermost line of the program that an exception passed through, or an empty string."""
    numbers = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SOURCE_NAME:
            numbers.append(trace.tb_lineno)
        trace = trace.tb_next
    lines = solution.split("\n")
    return lines[numbers[-1] - 1].strip() if numbers and 0 < numbers[-1] <= len(lines) else ""


def is_raised_by_check(error: BaseException) -> bool:
    """Whether an assertion failed in the `check` function of OpenAI's HumanEval itself."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return isinstance(error, AssertionError) and trace is not None and trace.tb_frame.f_code.co_name == "check"
