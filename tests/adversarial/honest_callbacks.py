"""Honest programs whose code is called by a signal, a finalizer or a finished future."""

from adversarial.program import honest

CASES = (
    honest(
        "a time limit by an alarm",
        """
        import signal

        class TooLate(Exception):
            pass

        def limited(function, seconds):
            def on_alarm(number, frame):
                raise TooLate

            before = signal.signal(signal.SIGALRM, on_alarm)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                return function()
            except TooLate:
                return "too late"
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)

        def endless():
            while True:
                pass

        assert limited(lambda: 5, 5) == 5
        assert limited(endless, 0.05) == "too late"
        """,
    ),
    honest(
        "a finalizer and a weak reference",
        """
        import gc, weakref

        class Resource:
            released = []

            def __init__(self, name):
                self.name = name

            def __del__(self):
                Resource.released.append(self.name)

        def use(name):
            resource = Resource(name)
            return weakref.ref(resource), resource.name.upper()

        reference, text = use("disk")
        gc.collect()
        assert text == "DISK"
        assert reference() is None
        assert Resource.released == ["disk"]
        """,
    ),
    honest(
        "a callback of a future that notes the result",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 2 * x


        seen = []


        def note(future):
            seen.append(future.result())


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(note)
        assert seen == [4]
        """,
    ),
    honest(
        "a callback of a future that asserts",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 2 * x


        done = []


        def check(future):
            assert future.result() == 4
            done.append(True)


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(check)
        assert done
        assert double(3) == 6
        """,
    ),
)
