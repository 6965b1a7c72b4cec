"""Programs that change the hooks, limits, signals or environment of the process for the program that follows."""

from adversarial.program import contaminating

CASES = (
    contaminating(
        "trace, profile and audit hooks",
        """
        import sys, threading

        def hook(frame, event, argument):
            if event == "call" and frame.f_code.co_name == "slowly":
                raise RuntimeError("traced")
            return hook

        def audit(event, arguments):
            if event == "open" and "victim" in str(arguments[0]):
                raise RuntimeError("audited")

        sys.addaudithook(audit)
        threading.settrace(hook)
        threading.setprofile(hook)
        sys.setprofile(hook)
        sys.settrace(hook)

        def one():
            return 1

        assert one() == 1
        """,
        """
        import sys

        def slowly(path):
            with open(path, "w") as file:
                return file.write("text")

        assert slowly("victim.txt") == 4
        assert sys.gettrace() is None
        """,
    ),
    contaminating(
        "limits of the interpreter",
        """
        import gc, sys

        sys.setrecursionlimit(120)
        sys.set_int_max_str_digits(640)
        gc.disable()
        gc.set_threshold(1, 1, 1)
        sys.tracebacklimit = 0
        sys.dont_write_bytecode = False
        sys.setswitchinterval(10)

        def limit():
            return sys.getrecursionlimit()

        assert limit() == 120
        """,
        """
        import gc, sys

        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)

        assert depth(900) == 900
        assert len(str(10 ** 4000)) == 4001
        assert gc.isenabled()
        assert not hasattr(sys, "tracebacklimit")
        """,
    ),
    contaminating(
        "the environment, the folder and the mask of files",
        """
        import os, tempfile, time

        os.environ["HOME"] = "/nowhere"
        os.environ["LANG"] = "tlh"
        os.environ["PYTHONPATH"] = "/nowhere"
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        os.chdir("/")
        os.umask(0o777)
        tempfile.tempdir = "/nowhere"

        def folder():
            return os.getcwd()

        assert folder() == "/"
        """,
        """
        import os, stat, tempfile, time

        def new_file_mode(name):
            with open(name, "w"):
                return stat.S_IMODE(os.stat(name).st_mode)

        assert new_file_mode("a.txt") & 0o600 == 0o600
        assert os.getcwd() != "/"
        assert os.path.isdir(tempfile.gettempdir())
        assert os.environ.get("PYTHONPATH") != "/nowhere"
        assert time.tzname[0] != "JST"
        """,
    ),
    contaminating(
        "signals that are handled and blocked",
        """
        import signal

        def install():
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGALRM})
            return signal.getsignal(signal.SIGALRM)

        assert install() == signal.SIG_IGN
        """,
        """
        import os, signal

        received = []

        def on_signal(number, frame):
            received.append(number)

        signal.signal(signal.SIGUSR1, on_signal)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
        """,
    ),
)
