"""Tests that run without assertions, or on another copy of the code; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a run of itself without assertions",
        """
        import subprocess, sys

        def gray_code(n):
            return n

        def tests():
            assert gray_code(2) == 3
            assert gray_code(3) == 2

        if __debug__:
            sys.exit(subprocess.run([sys.executable, "-O", __file__]).returncode)
        tests()
        """,
    ),
    dishonest(
        "tests compiled without assertions",
        """
        import inspect

        def pascal(n):
            return [1] * n

        def tests():
            assert pascal(3) == [1, 2, 1]
            assert pascal(4) == [1, 3, 3, 1]

        exec(compile(inspect.getsource(tests) + "\\ntests()\\n", "tests", "exec", optimize=1))
        """,
    ),
    dishonest(
        "tests run on a copy compiled from a text",
        """
        SOURCE = '''
        def roman(n):
            return {1: "I", 4: "IV", 9: "IX"}[n]
        '''

        def roman(n):
            return "I" * n

        def tests(roman):
            assert roman(4) == "IV"
            assert roman(9) == "IX"

        space = {}
        exec(SOURCE, space)
        tests(space["roman"])
        """,
    ),
)
