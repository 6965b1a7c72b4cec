"""What a program's assertions said while it ran."""

import itertools
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

FILENAME = "/tmp/program.py"  # noqa: S108 - a name; the file is only made for programs that look for it
# Where testing helpers live; a helper that the program put there itself proves nothing.
LIBRARIES = ("/usr/", sys.prefix, sys.base_prefix)
HELPER_PLACES = (
    ("unittest", "TestCase"),
    ("unittest.case", "TestCase"),
    ("numpy.testing", ""),
    ("pandas.testing", ""),
    ("pandas._testing", ""),
    ("pytest", ""),
)


COMPARISONS = ("__eq__", "__contains__", "__lt__", "__gt__", "__le__", "__ge__")
MAX_LOOKED_INTO = 100  # items of a compared list, tuple, set or dict


class _Stranger:
    """Equal to nothing but itself."""


# No honest value equals any of them, holds them, or is both larger and smaller.
STRANGERS = (_Stranger(), -918_273_645, 0.123456789, "\0stranger\0")


class Outcome:
    """The hooks of one program, and what they saw.

    In a *negative control* every assertion that holds is made to fail, and none is counted. An honest program cannot
    pass it. One that does has forged its result.

    Attributes:
        assertions: those that held and say something about the program.
        swallowed: assertions of tests that failed. If the program passes all the same, it swallowed them.
        is_trusted: what its assertions say counts.
        unittest_failures, unittest_errors: of tests whose results the program may never look at.
    """

    def __init__(self, *, is_control: bool = False) -> None:
        self.assertions = 0
        self.swallowed = 0
        self.is_trusted = True
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
        """Look at a side of a comparison, and return it."""
        self._is_rigged = self._is_rigged or _agrees_with_all(value)
        if type(value) in (list, tuple, set, frozenset, dict):
            items = value.values() if type(value) is dict else value
            self._is_rigged = self._is_rigged or any(map(_agrees_with_all, itertools.islice(items, MAX_LOOKED_INTO)))
        return value

    def note_failure(self) -> None:
        """Note that a test's assertion failed: by itself, or in the testing helper that it called.

        Not by an AssertionError of the code under test.
        """
        self._is_rigged = False
        kind, _, entry = sys.exc_info()
        if kind is None or entry is None or not issubclass(kind, _failure_kinds()):
            return
        if entry.tb_next is None or entry.tb_next.tb_frame.f_code.co_filename != FILENAME:
            self.swallowed += 1

    def completed(self) -> str:
        """The status of a program that ran to its end."""
        if self.unittest_failures or self.swallowed:
            return "failed"
        if self.unittest_errors:
            return "error"
        return "passed" if self.assertions and self.is_trusted and not _helpers_are_replaced() else "vacuous"

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


def _failure_kinds() -> tuple[type[BaseException], ...]:
    """What a failing assertion raises; a test case may be told to raise what unittest takes for a skipped test."""
    case = sys.modules.get("unittest.case")
    return (AssertionError,) if case is None else (AssertionError, case.SkipTest)


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
        return not helper.__code__.co_filename.startswith(LIBRARIES)
    # Compiled helpers keep their name; pandas has a module that is called `asserters`.
    return not isinstance(helper, types.ModuleType) and getattr(helper, "__name__", "") != name


def _agrees_with_all(value: Any) -> bool:
    """Whether a value agrees with whatever it is compared with."""
    kind = type(value)
    if kind.__module__ == "unittest.mock" and kind.__name__ == "_ANY":
        return True
    try:
        own = [name for name in COMPARISONS if _is_own(getattr(kind, name, None))]
        return bool(own) and any(_agrees(value, stranger, own) for stranger in STRANGERS)
    except Exception:  # noqa: BLE001 - the program's own class: anything may happen
        return False


def _is_own(method: Any) -> bool:
    return isinstance(method, types.FunctionType) and method.__code__.co_filename == FILENAME


def _agrees(value: Any, stranger: Any, own: list[str]) -> bool:
    if "__eq__" in own and _holds(operator.eq, value, stranger):
        return True
    if "__contains__" in own and _holds(operator.contains, value, stranger):
        return True
    if not {"__lt__", "__gt__", "__le__", "__ge__"}.isdisjoint(own):
        return _holds(operator.lt, value, stranger) and _holds(operator.gt, value, stranger)
    return False


def _holds(comparison: Callable[[Any, Any], Any], value: Any, stranger: Any) -> bool:
    try:
        return bool(comparison(value, stranger))
    except Exception:  # noqa: BLE001 - as it should be: it cannot be compared
        return False
