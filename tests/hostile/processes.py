"""Processes, threads and signals."""

from hostile.program import hostile

PROGRAMS = (
    hostile(
        "a fork bomb",
        "error timeout",
        """
        import os
        while True:
            os.fork()
        """,
    ),
    hostile(
        "a fork bomb of daemons that swallows errors",
        "timeout",
        """
        import os
        while True:
            try:
                if os.fork() == 0:
                    os.setsid()
            except OSError:
                pass
        """,
    ),
    hostile(
        "a bomb of started programs",
        "error timeout",
        """
        import os
        while True:
            os.posix_spawn('/bin/sleep', ['sleep', '60'], {})
        """,
    ),
    hostile(
        "a bomb of threads",
        "error",
        """
        import threading, time
        while True:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        """,
    ),
    hostile(
        "an endless loop that ignores signals and exceptions",
        "timeout",
        """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
    ),
    hostile(
        "endless loops in many processes",
        "timeout",
        """
        import os
        for _ in range(8):
            if os.fork() == 0:
                break
        while True:
            pass
        """,
    ),
    hostile(
        "a sleep that is longer than the limit",
        "timeout",
        """
        import time
        time.sleep(10 ** 6)
        """,
    ),
    hostile(
        "an open that waits for ever",
        "timeout",
        """
        import os
        os.mkfifo('pipe')
        open('pipe')
        """,
    ),
    hostile(
        "SIGSTOP to its whole group",
        "timeout",
        """
        import os, signal
        os.killpg(0, signal.SIGSTOP)
        """,
    ),
    hostile(
        "SIGKILL to itself",
        "error",
        """
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    ),
    hostile(
        "an alarm that ends it",
        "error",
        """
        import signal, time
        signal.alarm(1)
        time.sleep(60)
        """,
    ),
    hostile(
        "every signal to the processes of the sandbox",
        "passed",
        """
        import os
        def signals_sent():
            sent = []
            for pid in [int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]:
                for number in range(65):
                    try:
                        os.kill(pid, number)
                        sent.append((pid, number))
                    except OSError:
                        pass
            return sent
        assert signals_sent() == []
        """,
    ),
    hostile(
        "SIGKILL to everything",
        "incomplete error vacuous",
        """
        import os
        os.kill(-1, 9)
        """,
    ),
    hostile(
        "zombies",
        "passed",
        """
        import os, time
        pids = []
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            pids.append(pid)
        time.sleep(0.2)
        assert len(pids) == 20
        """,
    ),
    hostile(
        "children that are stopped and left",
        "passed",
        """
        import os, signal, time
        pids = []
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                while True:
                    os.kill(os.getpid(), signal.SIGSTOP)
            pids.append(pid)
        time.sleep(0.2)
        assert len(pids) == 5
        """,
    ),
    hostile(
        "a double-forked daemon that writes wherever it can",
        "passed",
        """
        import os, signal, time
        x = 1
        work = os.getcwd()  # the next program's folder has the same path
        if os.fork() == 0:
            os.setsid()
            for number in range(1, 32):
                if number not in (signal.SIGKILL, signal.SIGSTOP):
                    signal.signal(number, signal.SIG_IGN)
            if os.fork() == 0:
                while True:
                    for path in (work + '/left', '/tmp/left', '/dev/shm/left'):
                        try:
                            open(path, 'w').write('x')
                        except OSError:
                            pass
            os._exit(0)
        os.wait()
        time.sleep(0.3)
        assert x == 1
        """,
    ),
    hostile(
        "a daemon that keeps forking to outrun its killer",
        "passed",
        """
        import os, time
        x = 1
        if os.fork() == 0:
            os.setsid()
            while True:
                if os.fork():
                    os._exit(0)
        time.sleep(0.2)
        assert x == 1
        """,
    ),
    hostile(
        "a subreaper that takes the orphans",
        "passed",
        """
        import ctypes, os, time
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        pid, status = os.wait()
        assert status == 0
        """,
    ),
    hostile(
        "a child that keeps every descriptor open when its parent is gone",
        "incomplete",
        """
        import os, time
        if os.fork():
            os._exit(0)
        os.setsid()
        time.sleep(60)
        """,
    ),
    hostile(
        "limits that are raised",
        "passed",
        """
        import resource
        def raised():
            done = []
            for which in range(16):
                try:
                    soft, hard = resource.getrlimit(which)
                    if hard != resource.RLIM_INFINITY:
                        resource.setrlimit(which, (soft, hard + 1))
                        done.append(which)
                except (OSError, ValueError):
                    pass
            return done
        assert raised() == []
        """,
    ),
)
