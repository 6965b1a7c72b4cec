"""Failures in child processes whose exit code nobody checks; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "a child interpreter whose exit code is ignored",
        """
        import subprocess, sys

        SOURCE = '''
        def reverse_words(text):
            return text[::-1]
        assert reverse_words("one two") == "two one"
        '''

        def reverse_words(text):
            return text[::-1]

        subprocess.run([sys.executable, "-c", SOURCE], capture_output=True)
        print("tests executed")
        """,
    ),
    dishonest(
        "tests in a forked child",
        """
        import os

        def roman(n):
            return "I" * n

        def test_roman():
            assert roman(3) == "III"
            assert roman(4) == "IV"

        pid = os.fork()
        if pid == 0:
            try:
                test_roman()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        """,
    ),
    dishonest(
        "a process of multiprocessing that dies",
        """
        import multiprocessing

        def flatten(nested):
            return [x for row in nested for x in row if x]

        def test_flatten():
            assert flatten([[1, 2], [3]]) == [1, 2, 3]
            assert flatten([[0], [1]]) == [0, 1]

        if __name__ == "__main__":
            process = multiprocessing.get_context("fork").Process(target=test_flatten)
            process.start()
            process.join()
            print("exit code", process.exitcode)
        """,
    ),
)
