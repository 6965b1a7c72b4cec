"""Surveys: run several tests of one piece of code in a single program and report which of them pass.

The program reports its own outcomes, so a survey may choose tests but never decides a verdict.
"""

import hashlib
import re
from collections.abc import Sequence

from selfcodealign.program_text import as_program
from selfcodealign.records import Verdict

# Each test runs in a copy of the module's namespace, so its assignments do not leak into the next test. Outcomes are
# written immediately, so a test that never ends loses only the outcomes of the tests after it. The program fails at the
# end to spare the sandbox the runs with broken copies, which only a passing program needs.
_SCRIPT = """\
for _survey_number, _survey_test in enumerate({tests!r}):
    try:
        exec(_survey_test, dict(globals()))
    except BaseException:
        _survey_outcome = "failed"
    else:
        _survey_outcome = "passed"
    __import__("sys").stderr.write(f"\\n{marker} {{_survey_number}} {{_survey_outcome}}\\n")
    __import__("sys").stderr.flush()
raise AssertionError("the survey is complete")
"""


def survey_program(code: str, tests: Sequence[str]) -> str:
    """Build the program that runs each test and reports its outcome.

    Args:
        code: the code under test.
        tests: Python source of each test, which can use the names that the code defines.
    """
    return as_program(code, _SCRIPT.format(tests=list(tests), marker=_marker(code, tests)))


def survey_outcomes(verdict: Verdict, code: str, tests: Sequence[str]) -> list[bool | None]:
    """Read the outcome of each test, in order: whether it passed, or None if the program ended before it did.

    Args:
        verdict: the verdict on `survey_program(code, tests)`.
        code: the code under test.
        tests: the tests.
    """
    outcomes: list[bool | None] = [None] * len(tests)
    for number, outcome in re.findall(rf"^{_marker(code, tests)} (\d+) (\w+)$", verdict.stderr, re.MULTILINE):
        if int(number) < len(tests):
            outcomes[int(number)] = outcome == "passed"
    return outcomes


def _marker(code: str, tests: Sequence[str]) -> str:
    """Prefix of outcome lines that the code cannot print by accident."""
    return "survey-" + hashlib.sha256("\0".join((code, *tests)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
