"""System calls that a program may not make: they leave something that outlives it, or take memory that nobody counts.

System V shared memory, semaphores and message queues, and POSIX message queues, belong to no process: the next program
would find them. Files in memory without a name (`memfd_create`) are on no disk and in no process's memory.
"""

import platform
import struct

NUMBERS = {
    # AUDIT_ARCH of the machine; mq_open, msgget, semget, shmget, memfd_create, memfd_secret
    "x86_64": (0xC000003E, (240, 68, 64, 29, 319, 447)),
    "aarch64": (0xC00000B7, (180, 186, 190, 194, 279, 447)),
}
EPERM = 1
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
SECCOMP_MODE_FILTER = 2
# Classic BPF over `struct seccomp_data`: the number of the call at offset 0, the kind of machine at offset 4.
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | EPERM
OFFSET_OF_NUMBER, OFFSET_OF_MACHINE = 0, 4


def instructions(machine: str) -> list[tuple[int, int, int, int]] | None:
    """The filter: code, jump if true, jump if false, operand. None for a machine that is not known."""
    if machine not in NUMBERS:
        return None
    kind, refused = NUMBERS[machine]
    allow_at = 3 + len(refused)
    filter_ = [(LOAD, 0, 0, OFFSET_OF_MACHINE), (JUMP_IF_EQUAL, 0, allow_at - 2, kind), (LOAD, 0, 0, OFFSET_OF_NUMBER)]
    for place, number in enumerate(refused, start=len(filter_)):
        filter_.append((JUMP_IF_EQUAL, allow_at - place, 0, number))
    return [*filter_, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]


class SyscallFilter:
    """The filter, made ready once, before the fork."""

    def __init__(self) -> None:
        import ctypes

        found = instructions(platform.machine())
        packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in found or ())
        self._code = ctypes.create_string_buffer(packed, len(packed))
        # struct sock_fprog: how many, padding, where.
        self._program = ctypes.create_string_buffer(
            struct.pack("=H6xQ", len(found or ()), ctypes.addressof(self._code)), 16
        )
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        self._address = ctypes.c_void_p(ctypes.addressof(self._program))
        self._is_known = found is not None

    def install(self) -> None:
        """Hold this process, and all that it starts, to the filter for good.

        Raises:
            OSError: the kernel does not take it.
        """
        if not self._is_known:
            return
        if self._prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or self._prctl(
            PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._address
        ):
            raise OSError("the filter for system calls is refused")
