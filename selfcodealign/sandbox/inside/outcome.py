"""What a program's assertions said while it ran."""

import sys
import types
from typing import Any

FILENAME = "/tmp/program.py"  # noqa: S108 - a name; the file is only made for programs that look for it
# Where testing helpers live; a helper that the program put there itself proves nothing.
HELPER_PLACES = (
    ("unittest.case", "TestCase"),
    ("numpy.testing", ""),
    ("pandas.testing", ""),
    ("pandas._testing", ""),
    ("pytest", ""),
)


class _Stranger:
    """Equal to nothing but itself."""


class Outcome:
    """The hooks of one program, and what they saw.

    In a *negative control* every assertion that holds is made to fail, and none is counted. An honest program cannot
    pass it. One that does has forged its result.

    Attributes:
        assertions: those that held and say something about the program.
        swallowed: assertions of tests that failed. If the program passes all the same, it swallowed them.
        unittest_failures, unittest_errors: of tests whose results the program may never look at.
    """

    def __init__(self, *, is_control: bool = False) -> None:
        self.assertions = 0
        self.swallowed = 0
        self.unittest_failures = 0
        self.unittest_errors = 0
        self._is_control = is_control
        self._is_rigged = False

    def count(self) -> None:
        """An assertion held: count it, unless it compared what equals everything."""
        is_rigged, self._is_rigged = self._is_rigged, False
        if self._is_control:
            raise AssertionError("negative control")
        if not is_rigged:
            self.assertions += 1

    def watch(self, value: Any) -> Any:
        """Look at a side of `==`, and return it."""
        try:
            method = type(value).__eq__
            if isinstance(method, types.FunctionType) and method.__code__.co_filename == FILENAME:
                self._is_rigged = self._is_rigged or bool(value == _Stranger())
        except Exception:  # noqa: BLE001, S110 - the program's own `__eq__`: it may raise for a stranger
            pass
        return value

    def note_failure(self) -> None:
        """Note that a test's assertion failed by itself, not by an AssertionError of what it called."""
        self._is_rigged = False
        traceback = sys.exc_info()[2]
        if traceback is not None and traceback.tb_next is None:
            self.swallowed += 1

    def completed(self) -> str:
        """The status of a program that ran to its end."""
        if self.unittest_failures or self.swallowed:
            return "failed"
        if self.unittest_errors:
            return "error"
        return "passed" if self.assertions and not _helpers_are_replaced() else "vacuous"

    def watch_unittest(self) -> None:
        """Failures must not get lost where `unittest.main(exit=False)` or a runner's result is never looked at."""
        import unittest

        result = unittest.TestResult
        plain = {
            name: getattr(result, name) for name in ("addFailure", "addError", "addSubTest", "addUnexpectedSuccess")
        }

        def add_failure(this: Any, test: Any, err: Any) -> None:
            self.unittest_failures += 1
            plain["addFailure"](this, test, err)

        def add_error(this: Any, test: Any, err: Any) -> None:
            self.unittest_errors += 1
            plain["addError"](this, test, err)

        def add_subtest(this: Any, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                self.unittest_failures += 1
            plain["addSubTest"](this, test, subtest, err)

        def add_unexpected(this: Any, test: Any) -> None:
            self.unittest_failures += 1
            plain["addUnexpectedSuccess"](this, test)

        for name, function in zip(plain, (add_failure, add_error, add_subtest, add_unexpected), strict=True):
            setattr(result, name, function)


def _helpers_are_replaced() -> bool:
    """Whether the program put a function of its own in the place of a testing helper."""
    for module, attribute in HELPER_PLACES:
        place = sys.modules.get(module)
        if place is not None and attribute:
            place = getattr(place, attribute, None)
        for name, helper in list(vars(place).items()) if place is not None else ():
            if (name.startswith("assert") or name == "raises") and _is_replaced(name, helper):
                return True
    return False


def _is_replaced(name: str, helper: Any) -> bool:
    if isinstance(helper, types.FunctionType):
        return helper.__code__.co_filename == FILENAME
    # Compiled helpers keep their name; pandas has a module that is called `asserters`.
    return not isinstance(helper, types.ModuleType) and getattr(helper, "__name__", "") != name
