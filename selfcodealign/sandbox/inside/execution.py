"""Execute a parsed program in this process, and say what became of it. Nothing here knows of processes or limits."""

import ast
import linecache
import sys
import traceback
import types

from selfcodealign.sandbox.inside.instrument import FinalLines, prepare, tampers
from selfcodealign.sandbox.inside.outcome import FILENAME, Outcome
from selfcodealign.sandbox.inside.syntax import Syntax

WORK_FOLDER = "/tmp/work"  # noqa: S108 - the container's own, in memory
COMPILE_ERRORS = (SyntaxError, ValueError, RecursionError, OverflowError)


def parse(source: str) -> tuple[Syntax | None, str, str]:
    """Parse a program.

    Returns:
        Its syntax; or None, the status and a line for standard error.
    """
    try:
        return Syntax(ast.parse(source, FILENAME)), "", ""
    except MemoryError:
        return None, "memory", "MemoryError while compiling\n"
    except COMPILE_ERRORS as error:
        return None, "syntax", "".join(traceback.format_exception_only(error))


def execute(source: str, syntax: Syntax, outcome: Outcome) -> tuple[str, str]:
    """Compile and run a program as `__main__`.

    Args:
        source: its text, for tracebacks.
        syntax: the parsed program; its tree is changed.
        outcome: takes what its assertions say.

    Returns:
        The status, and what belongs on standard error.
    """
    outcome.is_trusted = not tampers(syntax)
    try:
        prepared = prepare(syntax, FILENAME, outcome)
    except MemoryError:
        return "memory", "MemoryError while compiling\n"
    except COMPILE_ERRORS as error:
        return "syntax", "".join(traceback.format_exception_only(error))
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    module.__dict__["__file__"] = FILENAME
    sys.modules["__main__"] = module
    sys.argv = [FILENAME]
    # Tracebacks and `inspect.getsource` find the text here.
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    if "unittest" in source:
        outcome.watch_unittest()
    try:
        exec(prepared.code, module.__dict__)  # noqa: S102 - that is what we are here for
    except BaseException as error:  # noqa: BLE001 - the boundary of the program: whatever it raises is its verdict
        return _judge(error, prepared.final, outcome)
    return _completed(outcome)


def _completed(outcome: Outcome) -> tuple[str, str]:
    note = f"{outcome.swallowed} assertions failed and were swallowed\n" if outcome.swallowed else ""
    return outcome.completed(), note


def _judge(error: BaseException, final: FinalLines, outcome: Outcome) -> tuple[str, str]:
    kind = type(error)  # `isinstance` would ask the object itself
    if issubclass(kind, SystemExit):
        return _judge_exit(error, final, outcome)
    try:
        # The first entry is our own `exec`.
        own = error.__traceback__.tb_next if error.__traceback__ else None
        text = "".join(traceback.format_exception(kind, error, own))
    except BaseException:  # noqa: BLE001 - an exception whose own text cannot be had, or no memory left for it
        text = f"{kind.__name__}\n"
    if issubclass(kind, MemoryError):
        return "memory", text
    # `pytest.fail`, and `pytest.raises` where nothing was raised.
    outcomes = sys.modules.get("_pytest.outcomes")
    failures = (AssertionError, outcomes.Failed) if outcomes else (AssertionError,)
    return ("failed" if issubclass(kind, failures) else "error"), text


def _judge_exit(error: BaseException, final: FinalLines, outcome: Outcome) -> tuple[str, str]:
    """SystemExit completes a program only out of last statements, or out of a `unittest.main` that is one."""
    entries = [(entry.tb_frame.f_code, entry.tb_lineno) for entry in _entries(error)]
    own = [(code.co_name, line) for code, line in entries if code.co_filename == FILENAME]
    outside = [code for code, _ in entries if code.co_filename.endswith("/unittest/main.py")]
    places = own[:1] if outside else own
    # Not `all`: the program may have replaced it by now.
    early = [(name, line) for name, line in places if not final.is_final(name, line)]
    if early or not places:
        return "incomplete", "SystemExit before the last statement\n"
    status, note = _completed(outcome)
    code = getattr(error, "code", None)
    if code in (None, 0) or status in {"failed", "error"}:
        return status, note
    return "error", f"SystemExit: {code!r}\n"


def _entries(error: BaseException) -> list[types.TracebackType]:
    entries = []
    entry = error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    return entries
