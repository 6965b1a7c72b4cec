"""Failing assertions whose message raises something else or never ends; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a message that divides by zero before the failure is known",
        """
        def average(values):
            return sum(values) / (len(values) + 1)

        for values, expected in [([2, 4], 3), ([5], 5)]:
            try:
                assert average(values) == expected, f"off by {1 / (len(values) - len(values))}"
            except ZeroDivisionError:
                print("no samples")
        """,
    ),
    dishonest(
        "a message that ends the iteration",
        """
        def running_total(values):
            total = 0
            for value in values:
                total = value
                yield total

        class Checks:
            def __init__(self, cases):
                self.cases = iter(cases)

            def __iter__(self):
                return self

            def __next__(self):
                values, expected = next(self.cases)
                assert list(running_total(values)) == expected, next(iter(()))
                return values

        for checked in Checks([([1, 2, 3], [1, 3, 6]), ([4], [4])]):
            print("checked", checked)
        """,
    ),
    dishonest(
        "a message that suspends a generator",
        """
        def scale(vector, factor):
            return [x + factor for x in vector]

        def tests():
            assert scale([1, 2], 3) == [3, 6], (yield "scale")
            yield "end"

        suite = tests()
        print("running:", next(suite))
        """,
    ),
    dishonest(
        "a message that waits until the test is cancelled",
        """
        import asyncio

        def hypotenuse(a, b):
            return a + b

        async def describe():
            await asyncio.sleep(30)

        async def test_hypotenuse():
            assert hypotenuse(3, 4) == 5, await describe()

        async def main():
            try:
                await asyncio.wait_for(test_hypotenuse(), timeout=0.02)
            except asyncio.TimeoutError:
                print("slow test skipped")

        asyncio.run(main())
        """,
    ),
)
