"""Failures in spite of which a program's process ends well: in threads, finalizers, callbacks, and test runners.

What the interpreter and the test runners report themselves is listened to; nothing of the program is patched.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

RESULT_METHODS = {"addFailure": "failed", "addError": "error", "addUnexpectedSuccess": "unexpected"}
LOGGERS = ("concurrent.futures", "asyncio")
# Ends of threads that say nothing about the program's results.
QUIET = (SystemExit, KeyboardInterrupt, GeneratorExit)


class Listeners:
    """Notes failures that the interpreter or a test runner reports.

    Attributes:
        failures: kinds of the failures: `failed` for assertions and tests, `error` for other exceptions, `unexpected`
            for a test that was expected to fail and did not, which broken code may bring about.
    """

    def __init__(self) -> None:
        self.failures: list[str] = []

    def install(self, source: str) -> None:
        """Listen from now on.

        Args:
            source: the program; runners that it does not mention are not loaded.
        """
        plain_thread, plain_unraisable = threading.excepthook, sys.unraisablehook

        def on_thread(args: Any) -> None:
            self._note(args.exc_type)
            plain_thread(args)

        def on_unraisable(args: Any) -> None:
            self._note(args.exc_type)
            plain_unraisable(args)

        threading.excepthook = on_thread
        sys.unraisablehook = on_unraisable
        if "unittest" in source:
            self._listen_to_unittest()
        if "doctest" in source:
            self._listen_to_doctest()
        if "pytest" in source:
            self._listen_to_pytest()
        for name in LOGGERS:
            if name in source:
                self._listen_to_logger(name)

    def _note(self, kind: type[BaseException] | None) -> None:
        if kind is not None and issubclass(kind, AssertionError):
            self.failures.append("failed")
        elif kind is not None and not issubclass(kind, QUIET):
            self.failures.append("error")

    def _listen_to_logger(self, name: str) -> None:
        """Callbacks of futures and tasks that nobody awaits only have their exceptions logged."""
        import logging

        def note(record: logging.LogRecord) -> bool:
            kind = record.exc_info[0] if record.exc_info else None
            if kind is not None and issubclass(kind, AssertionError):
                self.failures.append("failed")
            return True

        logging.getLogger(name).addFilter(note)

    def _listen_to_unittest(self) -> None:
        import unittest

        result = unittest.TestResult
        for name, kind in RESULT_METHODS.items():
            self._listen(result, name, kind)
        self._listen(result, "addSubTest", "failed", is_failure=lambda args: args[-1] is not None)

    def _listen(
        self, result: type, name: str, kind: str, is_failure: Callable[[tuple[Any, ...]], bool] = lambda _: True
    ) -> None:
        plain = getattr(result, name)

        def add(this: Any, *args: Any) -> None:
            if is_failure(args):
                self.failures.append(kind)
            plain(this, *args)

        setattr(result, name, add)

    def _listen_to_doctest(self) -> None:
        import doctest

        for name in ("report_failure", "report_unexpected_exception"):
            self._listen(doctest.DocTestRunner, name, "failed")

    def _listen_to_pytest(self) -> None:
        """A pytest plugin receives the exit status of each session: 0 is success, 5 means that no tests were found."""
        import os
        import types

        plugin = types.ModuleType("selfcodealign_listener")

        def pytest_sessionfinish(exitstatus: int) -> None:
            if int(exitstatus):
                self.failures.append("failed")

        plugin.__dict__["pytest_sessionfinish"] = pytest_sessionfinish
        sys.modules[plugin.__name__] = plugin
        os.environ["PYTEST_ADDOPTS"] = f"-p {plugin.__name__} -p no:cacheprovider"
