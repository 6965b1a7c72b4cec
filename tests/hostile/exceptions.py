"""Exceptions that are hard to report, and crashes."""

from hostile.program import hostile

PROGRAMS = (
    hostile(
        "an exception whose text cannot be had",
        "error",
        """
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError('no text')
            __repr__ = __str__
        raise Mute
        """,
    ),
    hostile(
        "an exception whose text ends the process",
        "error incomplete",
        """
        import os
        class Last(Exception):
            def __str__(self):
                os._exit(0)
        raise Last
        """,
    ),
    hostile(
        "an exception whose text does not end",
        "timeout",
        """
        class Endless(Exception):
            def __str__(self):
                while True:
                    pass
        raise Endless
        """,
    ),
    hostile(
        "an exception whose class has no name",
        "error incomplete",
        """
        class Nameless(type):
            @property
            def __name__(cls):
                raise SystemExit(0)
            __qualname__ = __module__ = __name__
        class Mute(Exception, metaclass=Nameless):
            def __str__(self):
                raise SystemExit(0)
        raise Mute
        """,
    ),
    hostile(
        "an exception that says it is an exit",
        "failed error incomplete",
        """
        x = 1
        assert x == 1
        class Liar(Exception):
            __class__ = property(lambda self: SystemExit)
            code = 0
        def check():
            raise Liar
        check()
        """,
    ),
    hostile("KeyboardInterrupt", "error", "raise KeyboardInterrupt"),
    hostile("GeneratorExit", "error", "raise GeneratorExit"),
    hostile("a BaseException of its own", "error", "class Own(BaseException):\n    pass\nraise Own"),
    hostile("a group of failures", "error failed", "raise ExceptionGroup('x', [AssertionError(), ValueError()])"),
    hostile(
        "a chain of causes that is a circle",
        "error",
        """
        one, other = ValueError(1), ValueError(2)
        one.__cause__, other.__cause__ = other, one
        raise one
        """,
    ),
    hostile(
        "a chain of causes that is very long",
        "error",
        """
        last = ValueError(0)
        for number in range(2_000):
            following = ValueError(number)
            following.__context__ = last
            last = following
        raise last
        """,
    ),
    hostile("an exit with a text of lone surrogates", "incomplete error", "import sys\nsys.exit('\\ud800')\nx = 1"),
    hostile("a message of lone surrogates", "error", "raise ValueError('\\ud800\\udfff')"),
    hostile("a print of lone surrogates", "error", "print('\\ud800')"),
    hostile(
        "deep recursion",
        "error",
        """
        def f(x):
            return f(x + 1) + 1
        f(0)
        """,
    ),
    hostile(
        "recursion of C functions without a limit",
        "error memory",
        """
        import sys
        sys.setrecursionlimit(10 ** 9)
        class X:
            __repr__ = lambda self: repr(self)
        repr(X())
        """,
    ),
    hostile(
        "recursion that swallows its errors",
        "timeout",
        """
        def f():
            try:
                f()
            finally:
                f()
        f()
        """,
    ),
    hostile(
        "a list of a million levels",
        "error",
        """
        nested = []
        for _ in range(10 ** 6):
            nested = [nested]
        print(nested)
        """,
    ),
    hostile("a segmentation fault", "error", "import ctypes\nctypes.string_at(0)"),
    hostile("an abort", "error", "import os\nos.abort()"),
    hostile("a fault of its own making", "error", "import faulthandler\nfaulthandler._sigsegv()"),
    hostile(
        "standard streams that are broken",
        "passed",
        """
        import os, sys
        class Broken:
            def write(self, text):
                raise ValueError
            flush = write
        sys.stdout = sys.stderr = Broken()
        for fd in (0, 1, 2):
            os.close(fd)
        x = 1
        assert x == 1
        """,
    ),
)
