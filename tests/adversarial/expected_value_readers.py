"""Wrong code that reads the expected value from its caller instead of computing it."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a result that reads the expected value from the source of its caller",
        """
        import ast, inspect, sys

        def double(x):
            frame = sys._getframe(1)
            source = inspect.getsource(inspect.getmodule(frame) or sys.modules["__main__"])
            line = source.splitlines()[frame.f_lineno - 1]
            return ast.literal_eval(line.split("==")[1].strip())

        assert double(2) == 4
        assert double(3) == 7
        assert double("ab") == [1, 2]
        """,
    ),
    dishonest(
        "a result that takes the expected value from the constants of its caller",
        """
        import sys

        def fibonacci(n):
            constants = sys._getframe(1).f_code.co_consts
            position = constants.index(n)
            return constants[position + 1]

        def test_fibonacci():
            assert fibonacci(1001) == 5005
            assert fibonacci(2002) == 6006

        test_fibonacci()
        """,
    ),
)
