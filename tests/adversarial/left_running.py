"""Programs whose children, threads or finalizers are still alive when the next program runs."""

from adversarial.program import contaminating

CASES = (
    contaminating(
        "a child that stays and litters the folders of the next program",
        """
        import os, time

        def spawn():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for fd in range(3):
                        os.close(fd)
                    for n in range(40):
                        for folder in ("/tmp/work", "/tmp", "/dev/shm"):
                            try:
                                open(f"{folder}/litter{n}", "w").close()
                            except OSError:
                                continue
                        time.sleep(0.05)
                os._exit(0)
            return "spawned"

        assert spawn() == "spawned"
        """,
        """
        import os, time

        def litter():
            return [name for folder in (".", "/tmp", "/dev/shm") for name in os.listdir(folder) if "litter" in name]

        time.sleep(0.3)
        assert litter() == []
        open("litter0", "w").close()
        assert litter() == ["litter0"]
        """,
    ),
    contaminating(
        "a server that stays on a port",
        """
        import os, socket, time

        def listen(port):
            server = socket.socket()
            server.bind(("127.0.0.1", port))
            server.listen()
            return server

        server = listen(45871)
        assert server.getsockname()[1] == 45871
        if os.fork() == 0:
            os.setsid()
            for fd in range(3):
                os.close(fd)
            time.sleep(2)
            os._exit(0)
        """,
        """
        import socket

        def bound_port(port):
            with socket.socket() as server:
                server.bind(("127.0.0.1", port))
                return server.getsockname()[1]

        assert bound_port(45871) == 45871
        """,
    ),
    contaminating(
        "a thread that changes a module later",
        """
        import math, threading, time

        def later():
            time.sleep(0.15)
            math.sqrt = lambda x: -1.0
            time.time = lambda: 0.0

        threading.Thread(target=later, daemon=True).start()

        def root(x):
            return math.sqrt(x)

        assert root(4) == 2
        """,
        """
        import math, time

        def hypotenuse(a, b):
            return math.sqrt(a * a + b * b)

        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            assert hypotenuse(3, 4) == 5
            time.sleep(0.02)
        assert time.time() > 1_000_000_000
        """,
    ),
    contaminating(
        "a finalizer that waits for the next program",
        """
        import collections, math

        class Late:
            def __init__(self):
                self.own = self

            def __del__(self, math=math, keep=[]):
                math.floor = lambda x: 0
                keep.append(self)

        def make():
            return Late()

        assert make().own is not None
        collections.keepalive = Late()
        """,
        """
        import gc, math

        def floors(values):
            return [math.floor(value) for value in values]

        gc.collect()
        assert floors([1.5, 2.0, -0.5]) == [1, 2, -1]
        """,
    ),
)
