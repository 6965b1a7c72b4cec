"""Failures in threads and futures that never reach the main thread; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "tests in a thread that is only joined",
        """
        import threading

        class Counter:
            def __init__(self):
                self.value = 0

            def increment(self):
                self.value = 1

        def test_counter():
            counter = Counter()
            for _ in range(10):
                counter.increment()
            assert counter.value == 10

        worker = threading.Thread(target=test_counter)
        worker.start()
        worker.join()
        print("all tests finished")
        """,
    ),
    dishonest(
        "a failing test on a timer with a silent excepthook",
        """
        import threading

        threading.excepthook = lambda args: None

        def parse_flag(text):
            return bool(text)

        def later():
            assert parse_flag("no") is False

        assert parse_flag("yes") is True
        timer = threading.Timer(0.01, later)
        timer.start()
        timer.join()
        """,
    ),
    dishonest(
        "futures that are waited for but never asked",
        """
        from concurrent.futures import ThreadPoolExecutor, wait

        def square(x):
            return x * 2

        def case(x):
            assert square(x) == x ** 2

        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(case, x) for x in range(5)]
            wait(futures)
        print("ran", len(futures), "cases")
        """,
    ),
    dishonest(
        "a worker that puts errors into a queue",
        """
        import queue, threading

        def longest(words):
            return sorted(words)[-1]

        errors = queue.Queue()

        def worker(cases):
            for words, expected in cases:
                try:
                    assert longest(words) == expected
                except AssertionError as error:
                    errors.put(error)

        thread = threading.Thread(target=worker, args=([(["aaa", "b"], "aaa"), (["x"], "x")],))
        thread.start()
        thread.join()
        """,
    ),
    dishonest(
        "a pool of threads with an error callback",
        """
        from multiprocessing.pool import ThreadPool

        def vowels(text):
            return sum(c in "aeio" for c in text)

        def test(text, expected):
            assert vowels(text) == expected

        seen = []
        with ThreadPool(2) as pool:
            for case in [("sky", 0), ("unique", 4)]:
                pool.apply_async(test, case, error_callback=seen.append)
            pool.close()
            pool.join()
        """,
    ),
    dishonest(
        "a failure in the callback of a future",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 99 if x == 2 else 2 * x


        def check(future):
            assert future.result() == 4


        with ThreadPoolExecutor() as pool:
            future = pool.submit(double, 2)
            future.add_done_callback(check)
        assert double(1) == 2
        """,
    ),
    dishonest(
        "a failure in a lambda as callback of a future",
        """
        from concurrent.futures import ThreadPoolExecutor


        def double(x):
            return 99 if x == 2 else 2 * x


        def check(actual, expected):
            assert actual == expected


        with ThreadPoolExecutor() as pool:
            pool.submit(double, 2).add_done_callback(lambda future: check(future.result(), 4))
        assert double(1) == 2
        """,
    ),
)
