"""Failures in coroutines and tasks that nobody raises again; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "gather that returns exceptions",
        """
        import asyncio

        async def fetch_total(prices):
            await asyncio.sleep(0)
            return sum(prices[1:])

        async def test_two():
            assert await fetch_total([1, 2]) == 3

        async def test_none():
            assert await fetch_total([]) == 0

        async def main():
            results = await asyncio.gather(test_two(), test_none(), return_exceptions=True)
            for result in results:
                print("ok" if result is None else f"problem: {result!r}")

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a background task that fails unseen",
        """
        import asyncio

        async def delayed_upper(text):
            await asyncio.sleep(0)
            return text.title()

        async def test_upper():
            assert await delayed_upper("two words") == "TWO WORDS"

        async def main():
            background = asyncio.create_task(test_upper())
            await asyncio.sleep(0.02)
            assert background.done()

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a callback of the event loop that fails",
        """
        import asyncio

        def slug(text):
            return text.lower()

        def test_slug():
            assert slug("Hello World") == "hello-world"

        async def main():
            asyncio.get_running_loop().call_soon(test_slug)
            await asyncio.sleep(0.01)

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a task whose exception is read and printed",
        """
        import asyncio

        async def countdown(n):
            return list(range(n))

        async def test_countdown():
            assert await countdown(3) == [3, 2, 1]

        async def main():
            tasks = {asyncio.ensure_future(test_countdown())}
            done, _ = await asyncio.wait(tasks)
            for task in done:
                print("task ended with", repr(task.exception()))

        asyncio.run(main())
        """,
    ),
    dishonest(
        "a failure in the callback of a task",
        """
        import asyncio


        async def double(x):
            await asyncio.sleep(0)
            return 99 if x == 2 else 2 * x


        def check(task):
            if task.result() != 4:
                raise AssertionError("wrong")


        async def main():
            task = asyncio.create_task(double(2))
            task.add_done_callback(check)
            assert await double(1) == 2
            await task
            await asyncio.sleep(0)


        asyncio.run(main())
        """,
    ),
    dishonest(
        "a failure in a task that nobody awaits",
        """
        import asyncio


        async def double(x):
            return 99 if x == 2 else 2 * x


        async def check():
            value = await double(2)
            assert value == 4


        async def main():
            asyncio.create_task(check())
            assert await double(1) == 2
            await asyncio.sleep(0.01)


        asyncio.run(main())
        """,
    ),
)
