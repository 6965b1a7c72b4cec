"""Wrong code that makes its process end as if its tests had passed."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a finalizer that runs after the end and ends the process",
        """
        import os

        def median(values):
            return values[0]

        class Last:
            def __del__(self, leave=os._exit):
                leave(0)

        last = Last()
        assert median([2]) == 2
        assert median([9, 1, 5]) == 5
        """,
    ),
    dishonest(
        "a failure whose text ends the process",
        """
        import os

        class Failure(AssertionError):
            def __str__(self):
                os._exit(0)

            __repr__ = __str__

        def expect(actual, expected):
            if actual != expected:
                raise Failure(actual, expected)

        def rot13(text):
            return text

        expect(rot13(""), "")
        expect(rot13("abc"), "nop")
        """,
    ),
    dishonest(
        "the end of all threads replaced by an exit",
        """
        import os, threading

        threading._shutdown = lambda: os._exit(0)

        def to_snake(name):
            return name.lower()

        assert to_snake("abc") == "abc"
        assert to_snake("aB") == "a_b"
        """,
    ),
    dishonest(
        "a child process that outlives its parent",
        """
        import os

        def double(x):
            return x

        if os.fork():
            os._exit(0)
        try:
            assert double(2) == 4
        except AssertionError:
            pass
        """,
    ),
    dishonest(
        "a thread that makes the main thread leave",
        """
        import ctypes, threading, time

        def collatz(n):
            return 1

        def interrupt(identity):
            time.sleep(0.05)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(identity), ctypes.py_object(SystemExit))

        assert collatz(1) == 1
        threading.Thread(target=interrupt, args=(threading.get_ident(),)).start()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            time.sleep(0.001)
        assert collatz(6) == 8
        """,
    ),
)
