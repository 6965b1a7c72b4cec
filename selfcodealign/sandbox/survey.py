"""A survey: which of several tests some code passes, found in one run instead of one run per test.

What a survey says comes from the program itself. It can choose tests, and it decides no verdict.
"""

import hashlib
import re
from collections.abc import Sequence

from selfcodealign.program_text import as_program
from selfcodealign.records import Verdict

# Each test runs in a copy of the module's namespace, so that what it assigns is gone afterwards. Its outcome is written
# at once: a test that never ends takes only those behind it along. The end is a failure, so that the sandbox does not
# look for faults that these tests would miss.
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
    """The program that runs each of some tests of a piece of code.

    Args:
        code: the code under test.
        tests: Python source each; the code's names are known in them.
    """
    return as_program(code, _SCRIPT.format(tests=list(tests), marker=_marker(code, tests)))


def survey_outcomes(verdict: Verdict, code: str, tests: Sequence[str]) -> list[bool | None]:
    """Whether the code passed each of the tests, in their order; None: the program ended before it was known.

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
    """What outcomes are told by from anything that the code writes by chance."""
    return "survey-" + hashlib.sha256("\0".join((code, *tests)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
