"""Honest programs with coroutines, threads or context variables."""

from adversarial.program import honest

CASES = (
    honest(
        "a coroutine run by asyncio",
        """
        import asyncio

        async def first_done(*awaitables):
            tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            return done.pop().result()

        async def answer(value, delay):
            await asyncio.sleep(delay)
            return value

        async def main():
            assert await first_done(answer("slow", 2), answer("fast", 0.01)) == "fast"
            assert await answer(3, 0) == 3

        asyncio.run(main())
        """,
    ),
    honest(
        "a group of tasks, a queue and a semaphore",
        """
        import asyncio

        async def crawl(links, start, limit):
            seen, order = {start}, []
            queue = asyncio.Queue()
            queue.put_nowait(start)
            gate = asyncio.Semaphore(limit)

            async def worker():
                while not queue.empty():
                    async with gate:
                        page = queue.get_nowait()
                        order.append(page)
                        for link in links.get(page, ()):
                            if link not in seen:
                                seen.add(link)
                                queue.put_nowait(link)
                        await asyncio.sleep(0)

            async with asyncio.TaskGroup() as group:
                group.create_task(worker())
            return order

        async def test_crawl():
            assert await crawl({"a": ["b", "c"], "b": ["a", "d"]}, "a", 1) == ["a", "b", "c", "d"]
            assert await crawl({}, "x", 2) == ["x"]

        asyncio.run(test_crawl())
        print("ok")
        """,
    ),
    honest(
        "gathered tests whose exceptions are raised",
        """
        import asyncio

        class RateLimiter:
            def __init__(self, capacity):
                self.capacity = self.tokens = capacity

            async def acquire(self):
                await asyncio.sleep(0)
                if self.tokens == 0:
                    return False
                self.tokens -= 1
                return True

        async def test_capacity():
            limiter = RateLimiter(2)
            assert [await limiter.acquire() for _ in range(3)] == [True, True, False]

        async def test_zero():
            assert await RateLimiter(0).acquire() is False

        async def main():
            results = await asyncio.gather(test_capacity(), test_zero(), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

        asyncio.run(main())
        """,
    ),
    honest(
        "threads with a lock, and a test after the join",
        """
        import threading

        class Counter:
            def __init__(self):
                self._value = 0
                self._lock = threading.Lock()

            def increment(self):
                with self._lock:
                    self._value += 1

            @property
            def value(self):
                return self._value

        def hammer(counter, times):
            for _ in range(times):
                counter.increment()

        counter = Counter()
        threads = [threading.Thread(target=hammer, args=(counter, 200)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counter.value == 800
        """,
    ),
    honest(
        "tests in a thread whose exception is raised again",
        """
        import threading

        def compress(text):
            out = []
            for c in text:
                if out and out[-1][-1] == c:
                    out[-1] += c
                else:
                    out.append(c)
            return [run if len(run) == 1 else f"{len(run)}{run[0]}" for run in out]

        class TestThread(threading.Thread):
            error = None

            def run(self):
                try:
                    assert compress("aab") == ["2a", "b"]
                    assert compress("") == []
                except BaseException as error:
                    self.error = error

        thread = TestThread()
        thread.start()
        thread.join()
        if thread.error is not None:
            raise thread.error
        """,
    ),
    honest(
        "futures whose results are asked for",
        """
        from concurrent.futures import ThreadPoolExecutor, as_completed

        def digit_sum(n):
            return sum(int(c) for c in str(abs(n)))

        def case(n, expected):
            assert digit_sum(n) == expected
            return n

        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(case, n, expected) for n, expected in ((0, 0), (-19, 10), (12345, 15))]
            done = [future.result() for future in as_completed(futures)]
        assert sorted(done) == [-19, 0, 12345]
        """,
    ),
    honest(
        "a producer and a consumer with a queue",
        """
        import queue, threading

        def pipeline(items, transform):
            inbox, results = queue.Queue(), []

            def consume():
                while (item := inbox.get()) is not None:
                    results.append(transform(item))

            consumer = threading.Thread(target=consume)
            consumer.start()
            for item in items:
                inbox.put(item)
            inbox.put(None)
            consumer.join(timeout=10)
            return results

        assert pipeline([1, 2, 3], lambda x: x * x) == [1, 4, 9]
        assert pipeline("ab", str.upper) == ["A", "B"]
        """,
    ),
    honest(
        "context variables in copied contexts",
        """
        import contextvars

        user = contextvars.ContextVar("user", default="nobody")

        def greeting():
            return f"hello {user.get()}"

        def run_as(name, function):
            context = contextvars.copy_context()
            context.run(user.set, name)
            return context.run(function)

        assert run_as("ann", greeting) == "hello ann"
        assert greeting() == "hello nobody"
        """,
    ),
)
