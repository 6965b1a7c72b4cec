"""Execute a program in this process as `__main__`, as `python program.py` does, and say how it ended."""

import ast
import builtins
import contextlib
import gc
import linecache
import sys
import traceback
import types
import warnings
from dataclasses import dataclass

from selfcodealign.sandbox.inside.listeners import Listeners

FILENAME = "/tmp/program.py"  # noqa: S108 - a name; the file is only made for programs that look for it
WORK_FOLDER = "/tmp/work"  # noqa: S108 - the container's own, in memory
COMPILE_ERRORS = (SyntaxError, ValueError, RecursionError, OverflowError)
GOOD_ENDS = frozenset({"done", "exited"})  # to its end, by itself or by `sys.exit`
RECURSION_LIMIT = 1000  # Python's own, counted from the program's first frame


@dataclass(slots=True)
class Ending:
    """How a program ended.

    Attributes:
        status: `done` if it ran to its end, `exited` if it left by `sys.exit`, `exit_code` if with another code than 0,
            `unexpected` if a test that was expected to fail did not; else as in a verdict.
        note: what belongs on standard error.
        line: of the program, where it failed; 0 if that is not known.
        trail: lines of the program on the way to an exit, outermost first.
    """

    status: str
    note: str = ""
    line: int = 0
    trail: tuple[int, ...] = ()


def parse(source: str) -> tuple[ast.Module | None, Ending]:
    """Parse a program. Returns its tree, or None and how that ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.parse(source, FILENAME), Ending("done")
        except MemoryError:
            return None, Ending("memory", "MemoryError while compiling\n")
        except COMPILE_ERRORS as error:
            line = getattr(error, "lineno", 0) or 0
            return None, Ending("syntax", "".join(traceback.format_exception_only(error)), line)


def compiled(tree: ast.Module) -> tuple[types.CodeType | None, Ending]:
    """Compile a tree. Returns its code, or None and how that ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return compile(tree, FILENAME, "exec", dont_inherit=True), Ending("done")
        except MemoryError:
            return None, Ending("memory", "MemoryError while compiling\n")
        except COMPILE_ERRORS as error:
            return None, Ending("syntax", "".join(traceback.format_exception_only(error)))


def execute(source: str, code: types.CodeType, listeners: Listeners) -> Ending:
    """Run a program as `__main__`.

    Args:
        source: its text, for tracebacks and `inspect.getsource`.
        code: it, compiled.
        listeners: have noted what failed outside its main thread; emptied first.
    """
    module = types.ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, __file__=FILENAME, __annotations__={})
    sys.modules["__main__"] = module
    sys.argv = [FILENAME]
    linecache.cache[FILENAME] = (len(source), None, source.splitlines(keepends=True), FILENAME)
    del listeners.failures[:]
    sys.setrecursionlimit(RECURSION_LIMIT + _depth())
    try:
        exec(code, module.__dict__)  # noqa: S102 - that is what we are here for
    except BaseException as error:  # noqa: BLE001 - the boundary of the program: whatever it raises is its verdict
        ending = _judge(error)
    else:
        ending = Ending("done")
    if ending.status in GOOD_ENDS:
        _finish(source, module)
    return heard(ending, listeners)


def _finish(source: str, module: types.ModuleType) -> None:
    """What the interpreter does when a program has ended: wait for its threads, call what it registered, finalize."""
    threading = sys.modules.get("threading")
    with contextlib.suppress(BaseException):
        if threading is not None and threading.active_count() > 1:
            threading._shutdown()
        if "atexit" in source:
            sys.modules["atexit"]._run_exitfuncs()
        if "__del__" in source or "finalize" in source:
            module.__dict__.clear()
            gc.collect()


def heard(ending: Ending, listeners: Listeners) -> Ending:
    """What a good ending is worth after what the listeners have noted."""
    if ending.status not in {"done", "exit_code"} or not listeners.failures:
        return ending
    status = next(kind for kind in ("failed", "error", "unexpected") if kind in listeners.failures)
    return Ending(status, f"{len(listeners.failures)} failures in threads, callbacks, finalizers or test runners\n")


def _depth() -> int:
    depth, frame = 1, sys._getframe(1)
    while (caller := frame.f_back) is not None:
        depth, frame = depth + 1, caller
    return depth


def _judge(error: BaseException) -> Ending:
    kind = type(error)  # `isinstance` would ask the object itself
    trail = _trail(error)
    line = trail[-1] if trail else 0
    if issubclass(kind, SystemExit):
        return _judge_exit(error, trail)
    try:
        # The first entry is our own `exec`.
        own = error.__traceback__.tb_next if error.__traceback__ else None
        text = "".join(traceback.format_exception(kind, error, own))
    except BaseException:  # noqa: BLE001 - an exception whose own text cannot be had, or no memory left for it
        text = f"{kind.__name__}\n"
    if issubclass(kind, MemoryError):
        return Ending("memory", text, line)
    # `pytest.fail`, and `pytest.raises` where nothing was raised.
    outcomes = sys.modules.get("_pytest.outcomes")
    failures = (AssertionError, outcomes.Failed) if outcomes else (AssertionError,)
    return Ending("failed" if issubclass(kind, failures) else "error", text, line)


def _judge_exit(error: BaseException, trail: tuple[int, ...]) -> Ending:
    """`sys.exit()` ends a program well; whether it left its tests out is for others to find out."""
    code = getattr(error, "code", None)
    line = trail[-1] if trail else 0
    # A broken copy may exit with a wrong result: that is not what a test found.
    if code is None or type(code).__name__ == "Wrong" or (isinstance(code, int) and code == 0):
        return Ending("exited", line=line, trail=trail)
    return Ending("exit_code", f"SystemExit: {code!r}\n", line)


def _trail(error: BaseException) -> tuple[int, ...]:
    lines, entry = [], error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_code.co_filename == FILENAME:
            lines.append(entry.tb_lineno)
        entry = entry.tb_next
    return tuple(lines)
