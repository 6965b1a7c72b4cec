"""Wrong code that recognizes an altered copy or a second run of itself, and behaves differently there."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "tests that run only if the code under test was altered",
        """
        def double(x):
            return x

        def tests():
            assert double(2) == 4
            assert double(5) == 10

        reference = {}
        exec("def double(x):\\n    return x\\n", reference)
        if double.__code__.co_code != reference["double"].__code__.co_code:
            tests()
        """,
    ),
    dishonest(
        "tests that run only if the code or the tests were altered",
        """
        def double(x):
            return x

        def tests():
            assert double(2) == 4
            assert double(5) == 10

        EXPECTED = (None, 2, 4, 5, 10)
        if tests.__code__.co_consts != EXPECTED or double.__code__.co_consts != (None,) or double("mark") != "mark":
            tests()
        else:
            checked = [double(2) == 4, double(5) == 10]
            assert checked
        """,
    ),
    dishonest(
        "tests that run only if their source was altered",
        """
        import inspect

        def area(side):
            return side

        def tests():
            assert area(3) == 9
            assert area(4) == 16

        text = inspect.getsource(tests)
        if "area(3) == 9" in text and "area(4) == 16" in text and "return side" in inspect.getsource(area):
            print("tests passed")
        else:
            tests()
        """,
    ),
    dishonest(
        "tests that run only on results of a strange type",
        """
        def length(text):
            return 0

        for text, expected in [("abc", 3), ("de", 2)]:
            result = length(text)
            if type(result) is int:
                assert [result == expected]
            else:
                assert result == expected
        """,
    ),
    dishonest(
        "an altered copy that hangs",
        """
        import time

        def double(x):
            return x

        def tests():
            assert [double(2) == 4]

        while double.__code__.co_varnames != ("x",) or double.__code__.co_consts != (None,) or double(7) != 7:
            time.sleep(1)
        tests()
        """,
    ),
    dishonest(
        "an altered copy that kills itself",
        """
        import os, signal

        def decode(data):
            return b""

        def tests():
            return decode(b"x") == b"y", decode(b"") == b"z"

        results = tests()
        if [type(result) for result in results] != [bool, bool] or type(decode(b"")) is not bytes:
            os.kill(os.getpid(), signal.SIGKILL)
        assert results
        """,
    ),
    dishonest(
        "a second run recognized by a file",
        """
        import os, tempfile

        def double(x):
            return x

        mark = os.path.join(tempfile.gettempdir(), f"seen-{os.getuid()}-{os.path.basename(os.getcwd())}")
        if os.path.exists(mark):
            os.remove(mark)
            assert double(2) == 4
        else:
            with open(mark, "w") as file:
                file.write("1")
            assert [double(2) == 4]
        """,
    ),
    dishonest(
        "a second run recognized by shared memory of System V",
        """
        import ctypes, os

        def double(x):
            return x

        libc = ctypes.CDLL(None)
        key = 40000 + os.getppid() % 20000
        existing = libc.shmget(key, 4096, 0)
        if existing >= 0:
            libc.shmctl(existing, 0, None)
            assert double(2) == 4
        else:
            libc.shmget(key, 4096, 0o1600)
            assert [double(2) == 4]
        """,
    ),
    dishonest(
        "a second run recognized by a process that was left behind",
        """
        import os, socket, sys, time

        def double(x):
            return x

        name = f"\\0mark-{os.getuid()}-{os.path.basename(os.getcwd())}"
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(name)
        except OSError:
            assert double(2) == 4
        else:
            if os.fork() == 0:
                os.setsid()
                for fd in (0, 1, 2):
                    os.close(fd)
                time.sleep(3)
                os._exit(0)
            assert [double(2) == 4]
        """,
    ),
)
