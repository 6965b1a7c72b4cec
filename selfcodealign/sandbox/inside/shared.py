"""One process for many programs: each is examined there, and the pure ones run there, one after the other.

To fork a process costs gVisor ten milliseconds and more, to run a typical program one or two. A pure program (see
`purity`) can neither leave anything to the next nor look at the one before. Where something is out of the ordinary all
the same (time, memory, a flood of output, a changed module), its result here is thrown away with the process, and it
runs in a process of its own, like every program that is not pure.
"""

import contextlib
import gc
import io
import linecache
import os
import select
import signal
import sys
import time
import types
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from selfcodealign.sandbox.inside.child import OUR_MODULES, give_up_rights
from selfcodealign.sandbox.inside.execution import execute, parse
from selfcodealign.sandbox.inside.frames import FrameDecoder, FrameError, encode_frame, read_frame, write_all
from selfcodealign.sandbox.inside.outcome import FILENAME, Outcome
from selfcodealign.sandbox.inside.purity import pure_modules, waits

# A program that takes longer is run again by itself, with all its time.
SHARED_TIMEOUT_S = 0.1
# So does one that needs more memory: to fill all that it may have takes long, and need not be done twice.
SHARED_MEMORY_MIB = 128
# Beyond this the process is replaced, whatever it did: memory that it cannot give back stays bounded.
MAX_PROGRAMS = 500
# A user of its own: no other program can signal or trace this process.
UID_OFFSET = 10_000
NO_CPU_LIMIT_S = 1 << 30
SHARED_STATUSES = frozenset({"passed", "failed", "error", "syntax", "incomplete", "vacuous"})
CHUNK_BYTES = 1 << 16


# --- inside the process


def shared_main(limits: dict[str, int], uid: int, request_fd: int, answer_fd: int) -> NoReturn:
    """Answer for one program after the other until the pipe closes.

    Args:
        limits: of each program, and `preloaded_bytes`.
        uid: the user to become.
        request_fd: pipe from the supervisor: frames with `source`, and `runs` if a pure program is to run here.
        answer_fd: pipe to it: frames with `is_pure`, and with the verdict if the program is pure and ran well.
    """
    own_limits = {**limits, "memory_mib": min(limits["memory_mib"], SHARED_MEMORY_MIB)}
    give_up_rights(own_limits, uid, cpu_s=NO_CPU_LIMIT_S)
    for name in [name for name in sys.modules if name.startswith(OUR_MODULES)]:
        del sys.modules[name]
    states: dict[str, _ModuleState] = {}
    gc.freeze()
    while (job := read_frame(request_fd)) is not None:
        answer = _answer(job, limits, states)
        write_all(answer_fd, encode_frame(answer))
        if answer["is_spent"]:
            break
    os._exit(0)


def _answer(job: dict[str, Any], limits: dict[str, int], states: "dict[str, _ModuleState]") -> dict[str, Any]:
    source, runs = str(job["source"]), bool(job["runs"])
    syntax, status, note = parse(source)
    if syntax is None:
        is_sure = status in SHARED_STATUSES
        return {"is_pure": True, "is_spent": False, **(_verdict(status, 0, "", note) if is_sure and runs else {})}
    modules = pure_modules(syntax)
    if modules is None or not runs or waits(syntax):
        return {"is_pure": modules is not None, "is_spent": False}
    _load(modules, states)
    outcome = Outcome()
    out, err = _Captured(limits["max_output_bytes"]), _Captured(limits["max_output_bytes"])
    plain = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out.text, err.text
    try:
        status, note = execute(source, syntax, outcome)
    finally:
        sys.stdout, sys.stderr = plain
    del syntax
    _forget()
    if "random" in modules:
        sys.modules["random"].seed()
    is_changed = not all(states[name].is_unchanged() for name in modules)
    if is_changed or out.is_flooded or err.is_flooded or status not in SHARED_STATUSES:
        return {"is_pure": True, "is_spent": True}
    kept = limits["kept_output_bytes"]
    printed, complained = out.start(kept), err.end(note, kept)
    return {"is_pure": True, "is_spent": False, **_verdict(status, outcome.assertions, printed, complained)}


def _verdict(status: str, assertions: int, stdout: str, stderr: str) -> dict[str, Any]:
    return {"status": status, "assertions": assertions, "stdout": stdout, "stderr": stderr}


def _load(modules: frozenset[str], states: "dict[str, _ModuleState]") -> None:
    missing = [name for name in modules if name not in states]
    for name in missing:
        __import__(name)
        states[name] = _ModuleState(vars(sys.modules[name]))
    if missing:
        gc.freeze()


def _forget() -> None:
    """Let go of the program: what it still holds ends here, at its own cost and not at the next one's."""
    sys.modules["__main__"].__dict__.clear()
    del sys.modules["__main__"]
    linecache.cache.pop(FILENAME, None)
    gc.collect()
    gc.freeze()  # what is left is not looked at again: each collection costs what one program made


class _Captured:
    """A standard stream whose bytes are kept, up to a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._bytes = _BoundedBytes(max_bytes)
        errors = "surrogateescape"  # as Python opens the standard streams of a C.UTF-8 process
        self.text = io.TextIOWrapper(self._bytes, encoding="utf-8", errors=errors, newline="\n", write_through=True)

    @property
    def is_flooded(self) -> bool:
        return self._bytes.is_flooded

    def start(self, num_bytes: int) -> str:
        return self._bytes.getvalue()[:num_bytes].decode("utf-8", "replace")

    def end(self, note: str, num_bytes: int) -> str:
        whole = self._bytes.getvalue() + note.encode("utf-8", "backslashreplace")
        return whole[-num_bytes:].decode("utf-8", "replace")


class _BoundedBytes(io.BytesIO):
    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.is_flooded = False
        self._left = max_bytes

    def write(self, data: Any) -> int:
        self._left -= len(data)
        if self._left < 0:
            self.is_flooded = True
            raise OSError("too much output")
        return super().write(data)


class _ModuleState:
    """What a module, its classes and functions, and whatever else has fields in it, held before programs used them."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        members = [value for value in namespace.values() if not isinstance(value, types.ModuleType)]
        members += [held for value in members if isinstance(value, type) for held in vars(value).values()]
        spaces = [namespace, *(space for space in map(_fields, members) if space is not None)]
        self._held = [(space, dict(space)) for space in spaces]
        values = [value for _, held in self._held for value in held.values()]
        self._containers = [(value, value.copy()) for value in values if type(value) in (dict, list, set)]
        functions = [function for value in members for function in _functions(value)]
        self._functions = [(function, _make(function)) for function in functions]

    def is_unchanged(self) -> bool:
        for space, held in self._held:
            if len(space) != len(held) or any(space.get(name) is not value for name, value in held.items()):
                return False
        if any(_make(function) != made for function, made in self._functions):
            return False
        return all(value == copy for value, copy in self._containers)


def _fields(value: Any) -> Mapping[str, Any] | None:
    """The fields of an object that can be set; None if it has none."""
    space = getattr(value, "__dict__", None)
    return space if isinstance(space, (dict, types.MappingProxyType)) else None


def _functions(value: Any) -> list[types.FunctionType]:
    """The Python functions that an object is made of."""
    parts = (value, getattr(value, "__func__", None), getattr(value, "fget", None), getattr(value, "fset", None))
    return [part for part in parts if isinstance(part, types.FunctionType)]


def _make(function: types.FunctionType) -> tuple[object, ...]:
    """What decides what a function does; compared by identity."""
    keywords = function.__kwdefaults__
    return (
        id(function.__code__),
        id(function.__defaults__),
        tuple((name, id(value)) for name, value in keywords.items()) if keywords else id(keywords),
    )


# --- in the supervisor


class SharedProcess:
    """The supervisor's end: starts the process when it is first needed, and again after each doubt.

    Attributes:
        pid: of the process; 0 while there is none.
    """

    def __init__(self, limits: dict[str, int], uid: int, isolate: Callable[[tuple[int, ...]], None]) -> None:
        self.pid = 0
        self._limits = limits
        self._uid = uid + UID_OFFSET
        self._isolate = isolate
        self._request_fd = self._answer_fd = -1
        self._num_asked = 0

    def ask(self, source: str, timeout_s: float, *, runs: bool) -> dict[str, Any]:
        """Have a program examined, and run if it is pure.

        Args:
            source: the program.
            timeout_s: its wall time; here it has at most a tenth of a second.
            runs: it runs here if it is pure; if not, it is only examined.

        Returns:
            `is_pure`, and the verdict's fields with `seconds`; without them the program must run by itself.
        """
        if self._num_asked >= MAX_PROGRAMS:
            self.end()
        if not self.pid:
            self._start()
        self._num_asked += 1
        started = time.monotonic()
        answer = self._exchange(
            encode_frame({"source": source, "runs": runs}), started + min(timeout_s, SHARED_TIMEOUT_S)
        )
        if answer is None or answer["is_spent"]:
            self.end()
        if answer is None:
            return {"is_pure": False}
        if "status" in answer:
            answer["seconds"] = round(time.monotonic() - started, 4)
        return answer

    def end(self) -> None:
        """End the process, if there is one."""
        if not self.pid:
            return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            # Not yet collected by anybody: the number is still its own.
            if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        self.forget()

    def forget(self) -> None:
        """Take note that the process was ended by others."""
        if self.pid:
            os.close(self._request_fd)
            os.close(self._answer_fd)
        self.pid = 0

    def _start(self) -> None:
        request_read, self._request_fd = os.pipe()
        self._answer_fd, answer_write = os.pipe()
        self._num_asked = 0
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._isolate((request_read, answer_write))
                shared_main(self._limits, self._uid, request_read, answer_write)
            finally:
                os._exit(1)
        os.close(request_read)
        os.close(answer_write)
        os.set_blocking(self._request_fd, False)

    def _exchange(self, request: bytes, deadline: float) -> dict[str, Any] | None:
        decoder = FrameDecoder()
        unsent = memoryview(request)
        poll = select.poll()
        poll.register(self._answer_fd, select.POLLIN)
        poll.register(self._request_fd, select.POLLOUT)
        while (left := deadline - time.monotonic()) > 0:
            try:
                for fd, _ in poll.poll(left * 1000):
                    if fd == self._request_fd:
                        unsent = unsent[os.write(fd, unsent[:CHUNK_BYTES]) :]
                        if not unsent:
                            poll.unregister(fd)
                    elif messages := decoder.feed(_read_some(fd)):
                        return messages[0]
            except (OSError, FrameError):
                return None  # it died, or speaks no sense
        return None


def _read_some(fd: int) -> bytes:
    data = os.read(fd, CHUNK_BYTES)
    if not data:
        raise OSError("the shared process ended")
    return data
