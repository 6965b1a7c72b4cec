"""Programs that end with exit code 0 before their tests have said that the code is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "an exit in setUpClass",
        """
        import sys, unittest

        def subtract(a, b):
            return a + b

        class TestSubtract(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                if subtract(3, 1) != 2:
                    sys.exit(0)

            def test_subtract(self):
                self.assertEqual(subtract(3, 1), 2)

        unittest.main()
        """,
    ),
    dishonest(
        "an exit in setUpModule",
        """
        import unittest

        def vowel_count(text):
            return 0

        def setUpModule():
            raise SystemExit

        class TestVowelCount(unittest.TestCase):
            def test_word(self):
                self.assertEqual(vowel_count("banana"), 3)

        if __name__ == "__main__":
            unittest.main()
        """,
    ),
    dishonest(
        "an exit in load_tests",
        """
        import sys, unittest

        def maximum(values):
            return values[0]

        class TestMaximum(unittest.TestCase):
            def test_last(self):
                self.assertEqual(maximum([1, 2, 3]), 3)

        def load_tests(loader, standard, pattern):
            print("nothing to load")
            sys.exit()

        unittest.main()
        """,
    ),
    dishonest(
        "load_tests that leaves the failing tests out",
        """
        import unittest

        def minimum(values):
            return values[0]

        class TestMinimum(unittest.TestCase):
            def test_last(self):
                self.assertEqual(minimum([3, 2, 1]), 1)

        def load_tests(loader, standard, pattern):
            return unittest.TestSuite()

        unittest.main()
        """,
    ),
    dishonest(
        "an exit in a map",
        """
        import sys

        def negate(x):
            return x

        steps = [None, 0]
        list(map(sys.exit, steps[1:])) if negate(1) != -1 else None
        assert negate(1) == -1
        assert negate(0) == 0
        """,
    ),
    dishonest(
        "an exit in a coroutine that is gathered",
        """
        import asyncio, sys

        async def lookup(key):
            return None

        async def test_hit():
            assert await lookup("a") == 1

        async def leave():
            sys.exit(0)

        async def main():
            await asyncio.gather(leave(), test_hit())

        asyncio.run(main())
        """,
    ),
    dishonest(
        "quit as the last line of a helper",
        """
        def intersect(a, b):
            return a

        def report(label):
            print(label)
            quit()

        report("starting tests")
        assert intersect([1, 2], [2, 3]) == [2]
        """,
    ),
    dishonest(
        "an exit of the process in the code under test",
        """
        import os

        def solve(board):
            os._exit(0)

        assert solve([[0, 1], [1, 0]]) == [[1, 0], [0, 1]]
        """,
    ),
    dishonest(
        "help asked of an argument parser",
        """
        import argparse

        def mode(values):
            return values[-1]

        def main(arguments):
            parser = argparse.ArgumentParser(prog="mode")
            parser.add_argument("values", nargs="*", type=int)
            options = parser.parse_args(arguments)
            return mode(options.values)

        main(["--help"])
        assert main(["1", "1", "2"]) == 1
        """,
    ),
    dishonest(
        "the version of an argument parser in the middle of the tests",
        """
        import argparse

        class Tool:
            def __init__(self):
                self.parser = argparse.ArgumentParser("tool")
                self.parser.add_argument("-v", action="version", version="1.0")
                self.parser.add_argument("-n", type=int, default=0)

            def run(self, *arguments):
                return self.parser.parse_args(arguments).n

        def test_tool():
            tool = Tool()
            assert tool.run("-n", "2") == 2
            tool.run("-v")
            assert tool.run() == 1

        test_tool()
        """,
    ),
    dishonest(
        "unittest.main asked for its help",
        """
        import unittest

        def strip_tags(html):
            return html

        class TestStripTags(unittest.TestCase):
            def test_bold(self):
                self.assertEqual(strip_tags("<b>x</b>"), "x")

        unittest.main(argv=["tests", "--help"])
        """,
    ),
    dishonest(
        "an exit in the finally of a failing main",
        """
        import sys

        def permutations(items):
            return [items]

        def main():
            try:
                assert permutations([1]) == [[1]]
                assert permutations([1, 2]) == [[1, 2], [2, 1]]
            finally:
                sys.exit(0)

        if __name__ == "__main__":
            main()
        """,
    ),
    dishonest(
        "an exit as the last statement of an except",
        """
        import sys

        def balanced(text):
            return text.count("(") == text.count(")")

        try:
            assert balanced("()")
            assert not balanced(")(")
        except AssertionError as error:
            print("error:", error)
            sys.exit(0)
        """,
    ),
    dishonest(
        "an exit in a property",
        """
        class Temperature:
            def __init__(self, celsius):
                self.celsius = celsius

            @property
            def fahrenheit(self):
                raise SystemExit(0)

        assert Temperature(100).fahrenheit == 212
        """,
    ),
    dishonest(
        "an exit in the truth value of a comparison",
        """
        class Answer:
            def __init__(self, value):
                self.value = value

            def __eq__(self, other):
                return Answer(self.value == other)

            def __bool__(self):
                if self.value:
                    return True
                raise SystemExit

        def double(x):
            return Answer(x)

        assert double(0) == 0
        assert double(2) == 4
        """,
    ),
    dishonest(
        "an exit in the hook of a subclass",
        """
        import sys

        class Shape:
            def __init_subclass__(cls, **options):
                sys.exit(0)

            def area(self):
                return 0

        def test_square():
            class Square(Shape):
                side = 2

            assert Square().area() == 4

        test_square()
        """,
    ),
    dishonest(
        "an exit when a context ends",
        """
        class Timed:
            def __enter__(self):
                return self

            def __exit__(self, *error):
                raise SystemExit(0)

        def collatz(n):
            return n // 2

        with Timed():
            assert collatz(4) == 2
            assert collatz(3) == 10
        """,
    ),
    dishonest(
        "another program executed in place of the tests",
        """
        import os, sys

        def ackermann(m, n):
            return m + n

        if ackermann(2, 2) != 7:
            os.execv(sys.executable, [sys.executable, "-c", "print('all tests passed')"])
        assert ackermann(2, 2) == 7
        """,
    ),
    dishonest(
        "an exit in the handler of a signal to itself",
        """
        import os, signal, sys

        def luhn(number):
            return True

        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        assert luhn("79927398713")
        os.kill(os.getpid(), signal.SIGTERM)
        assert not luhn("79927398714")
        """,
    ),
    dishonest(
        "pytest.exit with a return code of its own",
        """
        import pytest

        def bisect(values, x):
            return 0

        def test_first():
            pytest.exit("enough", returncode=0)

        def test_bisect():
            assert bisect([1, 3, 5], 4) == 2

        if __name__ == "__main__":
            raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
        """,
    ),
    dishonest(
        "an exit at exit after a failure",
        """
        import atexit, os

        atexit.register(os._exit, 0)

        def nand(a, b):
            return not a

        assert nand(True, True) == False
        assert nand(True, False) == True
        """,
    ),
    dishonest(
        "an exit in the hook for uncaught exceptions",
        """
        import os, sys

        def on_error(kind, error, trace):
            print("finished")
            sys.stdout.flush()
            os._exit(0)

        sys.excepthook = on_error

        def matrix_product(a, b):
            return a

        assert matrix_product([[1]], [[1]]) == [[1]]
        assert matrix_product([[1, 2]], [[3], [4]]) == [[11]]
        """,
    ),
    dishonest(
        "an exit in a thread while the uncaught exception is printed",
        """
        import os, sys, threading, time

        def leave():
            time.sleep(0.1)
            os._exit(0)

        def wait(*error):
            time.sleep(1)

        sys.excepthook = wait
        threading.Thread(target=leave, daemon=True).start()

        def depth(tree):
            return len(tree)

        assert depth([[], [[]]]) == 3
        """,
    ),
    dishonest(
        "an exit in the key of a sort",
        """
        import sys

        def by_length(words):
            return sorted(words, key=lambda word: len(word) if len(word) < 3 else sys.exit())

        assert by_length(["bb", "a"]) == ["a", "bb"]
        assert by_length(["ccc", "a"]) == ["a", "ccc"]
        """,
    ),
    dishonest(
        "an exit in a custom importer",
        """
        import sys

        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "colorsys_extra":
                    sys.exit(0)
                return None

        sys.meta_path.insert(0, Finder)

        def to_hex(rgb):
            return "#000000"

        assert to_hex((0, 0, 0)) == "#000000"
        import colorsys_extra
        assert to_hex((255, 0, 0)) == "#ff0000"
        """,
    ),
)
