"""Memory, by every way there is to hold some."""

from hostile.program import hostile

PROGRAMS = (
    hostile("one huge object", "memory", "x = bytearray(10 ** 10)"),
    hostile(
        "objects without end",
        "memory",
        """
        kept = []
        while True:
            kept.append(bytearray(10 ** 7))
        """,
    ),
    hostile(
        "memory that a thread pool asks for",
        "memory error",
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(bytearray, [10 ** 8] * 20))
        """,
    ),
    hostile(
        "mapped memory",
        "error memory",
        """
        import mmap
        kept = []
        while True:
            area = mmap.mmap(-1, 5 * 10 ** 7)
            area.write(bytes(5 * 10 ** 7))
            kept.append(area)
        """,
    ),
    hostile(
        "mapped memory in many processes",
        "memory timeout",
        """
        import mmap, os, time
        for _ in range(20):
            if os.fork() == 0:
                area = mmap.mmap(-1, 10 ** 8)
                area.write(bytes(10 ** 8))
                time.sleep(60)
        time.sleep(60)
        """,
    ),
    hostile(
        "objects in many processes",
        "memory timeout",
        """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                kept = b'x' * 200_000_000
                time.sleep(60)
        time.sleep(60)
        """,
    ),
    hostile(
        "files in memory that no folder shows",
        "error memory",
        """
        import os
        kept = []
        while True:
            fd = os.memfd_create('hostile')
            for _ in range(15):
                os.write(fd, bytes(2 ** 20))
            kept.append(fd)
        """,
    ),
    hostile(
        "shared memory that outlives its owner",
        "error memory",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        libc.shmdt.argtypes = [ctypes.c_void_p]
        for _ in range(40):
            area = libc.shmget(0, 50_000_000, 0o1600)
            if area < 0:
                raise MemoryError
            address = libc.shmat(area, None, 0)
            ctypes.memset(address, 1, 50_000_000)
            libc.shmdt(address)
        """,
    ),
    hostile(
        "a full /dev/shm",
        "error",
        """
        import itertools
        for i in itertools.count():
            open(f'/dev/shm/{i}', 'wb').write(bytes(2 ** 20))
        """,
    ),
    hostile(
        "full pipes and sockets in many processes",
        "error memory timeout",
        """
        import fcntl, os, socket
        for _ in range(5):
            os.fork()
        kept = []
        while True:
            reader, writer = os.pipe()
            fcntl.fcntl(writer, 1031, 2 ** 20)
            os.set_blocking(writer, False)
            one, other = socket.socketpair()
            one.setblocking(False)
            kept.append((reader, one, other))
            try:
                while True:
                    os.write(writer, bytes(2 ** 16))
            except BlockingIOError:
                pass
            try:
                while True:
                    one.send(bytes(2 ** 16))
            except BlockingIOError:
                pass
        """,
    ),
    hostile(
        "stacks of many threads",
        "error memory",
        """
        import threading, time
        threading.stack_size(2 ** 27)
        for _ in range(30):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """,
    ),
    hostile(
        "an array of numpy that is too large",
        "memory",
        """
        import numpy
        x = numpy.ones(10 ** 10)
        """,
    ),
    hostile(
        "a MemoryError that is caught",
        "passed",
        """
        caught = False
        try:
            x = bytearray(10 ** 10)
        except MemoryError:
            caught = True
        assert caught
        """,
    ),
)
