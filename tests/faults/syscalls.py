"""Interception of the file system calls of a child process, before the kernel executes them.

A seccomp filter passes each call that changes files to the parent, which allows it, fails it, or kills the child. The
code under test is not patched, and calls by Arrow and SQLite are intercepted as well. See seccomp_unotify(2).
"""

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

# AUDIT_ARCH of the machine, then the numbers of its system calls.
ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SECCOMP = {"x86_64": 317, "aarch64": 277}
NUMBERS = {
    "x86_64": {
        "write": 1, "pwrite64": 18, "writev": 20, "pwritev": 296, "pwritev2": 328, "sendfile": 40,
        "copy_file_range": 326, "fallocate": 285, "truncate": 76, "ftruncate": 77, "fsync": 74, "fdatasync": 75,
        "open": 2, "creat": 85, "openat": 257, "mkdir": 83, "mkdirat": 258, "rmdir": 84, "unlink": 87, "unlinkat": 263,
        "rename": 82, "renameat": 264, "renameat2": 316, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266,
        "chmod": 90, "fchmod": 91, "fchmodat": 268,
    },
    "aarch64": {
        "write": 64, "pwrite64": 68, "writev": 66, "pwritev": 70, "pwritev2": 287, "sendfile": 71,
        "copy_file_range": 285, "fallocate": 47, "truncate": 45, "ftruncate": 46, "fsync": 82, "fdatasync": 83,
        "openat": 56, "mkdirat": 34, "unlinkat": 35, "renameat": 38, "renameat2": 276, "linkat": 37, "symlinkat": 36,
        "fchmod": 52, "fchmodat": 53,
    },
}  # fmt: skip
# The kind of each call and the arguments with its paths: a descriptor, a path, or a folder descriptor and a path.
DESCRIPTOR, PATH, AT = "descriptor", "path", "at"
FORMS: dict[str, tuple[str, tuple[tuple[str, int], ...]]] = {
    **dict.fromkeys(("write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "fallocate"),
                    ("write", ((DESCRIPTOR, 0),))),
    "copy_file_range": ("write", ((DESCRIPTOR, 2),)),
    "truncate": ("truncate", ((PATH, 0),)),
    "ftruncate": ("truncate", ((DESCRIPTOR, 0),)),
    "fsync": ("sync", ((DESCRIPTOR, 0),)),
    "fdatasync": ("sync", ((DESCRIPTOR, 0),)),
    "open": ("open", ((PATH, 0),)),
    "creat": ("open", ((PATH, 0),)),
    "openat": ("open", ((AT, 0),)),
    "mkdir": ("mkdir", ((PATH, 0),)),
    "mkdirat": ("mkdir", ((AT, 0),)),
    "rmdir": ("unlink", ((PATH, 0),)),
    "unlink": ("unlink", ((PATH, 0),)),
    "unlinkat": ("unlink", ((AT, 0),)),
    "rename": ("rename", ((PATH, 0), (PATH, 1))),
    "renameat": ("rename", ((AT, 0), (AT, 2))),
    "renameat2": ("rename", ((AT, 0), (AT, 2))),
    "link": ("link", ((PATH, 0), (PATH, 1))),
    "linkat": ("link", ((AT, 0), (AT, 2))),
    "symlink": ("link", ((PATH, 1),)),
    "symlinkat": ("link", ((AT, 1),)),
    "chmod": ("chmod", ((PATH, 0),)),
    "fchmod": ("chmod", ((DESCRIPTOR, 0),)),
    "fchmodat": ("chmod", ((AT, 0),)),
}  # fmt: skip
# Opens for reading are not intercepted: the filter checks the flags argument in the kernel.
FLAGS_ARGUMENT = {"open": 1, "openat": 2}
CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
AT_FDCWD = -100
RENAME_EXCHANGE = 2
MAX_PATH_BYTES = 4096

LOAD, JUMP_IF_EQUAL, JUMP_IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
PR_SET_NO_NEW_PRIVS, SET_MODE_FILTER, NEW_LISTENER = 38, 1, 8
RECEIVE, SEND = 0xC0502100, 0xC0182101  # ioctl numbers, from the sizes of the two structures
CONTINUE = 1

KILL = -1
HAPPENS = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A system call before its execution.

    Attributes:
        kind: `open` (which creates or empties a file), `write`, `truncate`, `sync`, `mkdir`, `unlink`, `rename`,
            `exchange` (of two paths), `link` or `chmod`.
        paths: absolute paths of the affected files.
        name: the kernel's name of the call.
    """

    kind: str
    paths: tuple[str, ...]
    name: str

    def __str__(self) -> str:
        return f"{self.name} {' -> '.join(self.paths)}"


@dataclass(frozen=True, slots=True)
class Ended:
    """Result of a child process.

    Attributes:
        status: exit status; negative for the signal that killed it.
        output: its standard output and standard error.
    """

    status: int
    output: str


def filter_program(machine: str) -> bytes:
    """Return the classic BPF program that intercepts the calls of `FORMS`.

    Raises:
        KeyError: the call numbers of this architecture are unknown.
    """
    numbers = NUMBERS[machine]
    plain = [number for name, number in numbers.items() if name not in FLAGS_ARGUMENT]
    opens = [(numbers[name], argument) for name, argument in FLAGS_ARGUMENT.items() if name in numbers]
    allow_at = 3 + len(plain) + 3 * len(opens)
    program = [(LOAD, 0, 0, 4), (JUMP_IF_EQUAL, 0, allow_at - 2, ARCHES[machine]), (LOAD, 0, 0, 0)]
    for number in plain:
        program.append((JUMP_IF_EQUAL, allow_at - len(program), 0, number))
    for number, argument in opens:
        program += [(JUMP_IF_EQUAL, 0, 2, number), (LOAD, 0, 0, 16 + 8 * argument)]
        to_notify = allow_at - len(program)
        program.append((JUMP_IF_ANY_BIT, to_notify, to_notify - 1, CHANGING))
    program += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NOTIFY)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install_filter() -> int:
    """Intercept the calls of `FORMS` in this process from now on.

    Returns:
        The descriptor that receives the calls.

    Raises:
        OSError: the kernel rejects the filter.
    """
    machine = platform.machine()
    packed = filter_program(machine)
    code = ctypes.create_string_buffer(packed, len(packed))
    program = ctypes.create_string_buffer(struct.pack("=H6xQ", len(packed) // 8, ctypes.addressof(code)), 16)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs is refused")
    listener = libc.syscall(SECCOMP[machine], SET_MODE_FILTER, NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp gives no listener")
    return int(listener)


def is_available() -> bool:
    """Whether this kernel supports intercepting the calls of a child (gVisor and old kernels do not)."""
    if platform.machine() not in NUMBERS:
        return False
    return run_stopped(lambda: None, lambda call: HAPPENS).status == 0


def run(function: Callable[[], None]) -> Ended:
    """Run a function in a child process."""
    return _run(function, None)


def run_stopped(function: Callable[[], None], decide: Callable[[Call], int]) -> Ended:
    """Run a function in a child process whose calls are intercepted.

    Args:
        function: the body of the child. Its exit status is that of SystemExit, or 1 after an exception.
        decide: returns `HAPPENS`, `KILL`, or the error number with which the call fails.
    """
    return _run(function, decide)


def _run(function: Callable[[], None], decide: Callable[[Call], int] | None) -> Ended:
    ours, theirs = socket.socketpair()
    output = os.memfd_create("output")
    sys.stdout.flush()
    sys.stderr.flush()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            _be_child(function, theirs if decide else None, output)
        theirs.close()
        try:
            if decide is not None:
                _supervise(pid, ours, decide)
        finally:
            _, status = os.waitpid(pid, 0)
    with os.fdopen(output, "rb") as written:
        written.seek(0)
        return Ended(os.waitstatus_to_exitcode(status), written.read().decode(errors="replace"))


def _be_child(function: Callable[[], None], theirs: socket.socket | None, output: int) -> None:
    """Run the function and exit; never returns."""
    status = 1
    try:
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        # The parent's streams may be pytest's and write elsewhere.
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        if theirs is not None:
            listener = install_filter()
            socket.send_fds(theirs, [b"listener"], [listener])
            os.close(listener)
        function()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the child must exit instead of continuing the parent's work
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _supervise(pid: int, ours: socket.socket, decide: Callable[[Call], int]) -> None:
    _, descriptors, _, _ = socket.recv_fds(ours, 64, 1)
    if not descriptors:  # the child has printed the reason and exited
        return
    (listener,) = descriptors
    ended = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    poller.register(ended, select.POLLIN)
    try:
        while ended not in (events := dict(poller.poll())):
            if events[listener] & select.POLLIN:
                _answer(listener, pid, decide)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(listener)
        os.close(ended)


def _answer(listener: int, pid: int, decide: Callable[[Call], int]) -> None:
    received = bytearray(80)
    try:
        fcntl.ioctl(listener, RECEIVE, received)
    except OSError as error:
        if error.errno == errno.ENOENT:  # a signal interrupted the call
            return
        raise
    identity, thread, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", received)
    call = _call(thread, number, arguments)
    verdict = HAPPENS if call is None else decide(call)
    if verdict == KILL:
        os.kill(pid, signal.SIGKILL)
        return
    flags = CONTINUE if verdict == HAPPENS else 0
    fcntl.ioctl(listener, SEND, struct.pack("=QqiI", identity, 0, -verdict, flags))


def _call(thread: int, number: int, arguments: list[int]) -> Call | None:
    """Return the call, or None if it does not change a named file."""
    names = {value: name for name, value in NUMBERS[platform.machine()].items()}
    name = names[number]
    kind, places = FORMS[name]
    paths = tuple(_path(thread, arguments, form, place) for form, place in places)
    if not all(path.startswith("/") and not path.startswith("/memfd:") for path in paths):
        return None
    if kind == "open":
        flags = arguments[FLAGS_ARGUMENT[name]] if name in FLAGS_ARGUMENT else os.O_CREAT | os.O_TRUNC
        (path,) = paths
        is_there = os.path.lexists(path)
        creates = flags & os.O_CREAT and not is_there
        empties = flags & os.O_TRUNC and is_there and os.path.getsize(path)
        if not creates and not empties:
            return None
    if name == "renameat2" and arguments[4] & RENAME_EXCHANGE:
        kind = "exchange"
    return Call(kind, paths, name)


def _path(thread: int, arguments: list[int], form: str, place: int) -> str:
    if form == DESCRIPTOR:
        return os.readlink(f"/proc/{thread}/fd/{_signed(arguments[place])}")
    if form == PATH:
        folder, address = AT_FDCWD, arguments[place]
    else:
        folder, address = _signed(arguments[place]), arguments[place + 1]
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        path = os.fsdecode(memory.read(MAX_PATH_BYTES).partition(b"\0")[0])
    if path.startswith("/"):
        return os.path.normpath(path)
    base = f"/proc/{thread}/cwd" if folder == AT_FDCWD else f"/proc/{thread}/fd/{folder}"
    return os.path.normpath(os.path.join(os.readlink(base), path))


def _signed(argument: int) -> int:
    return ctypes.c_int32(argument & 0xFFFFFFFF).value
