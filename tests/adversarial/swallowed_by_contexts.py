"""Failures that a context manager suppresses; the code under test is wrong."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "suppressed by a stack of contexts",
        """
        import contextlib

        def dedupe(items):
            return list(set(items))

        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(Exception))
            assert dedupe([1, 2, 2]) == [1, 2]
            assert dedupe([3, 1, 3]) == [3, 1]
        """,
    ),
    dishonest(
        "a context manager that notes failures and returns True",
        """
        class Section:
            def __init__(self, title):
                self.title = title

            def __enter__(self):
                print("==", self.title)
                return self

            def __exit__(self, kind, error, trace):
                print("ok" if kind is None else f"not ok: {kind.__name__}")
                return True

        def caesar(text, shift):
            return "".join(chr(ord(c) + shift) for c in text)

        with Section("inside the alphabet"):
            assert caesar("abc", 1) == "bcd"
        with Section("around the end"):
            assert caesar("xyz", 3) == "abc"
        """,
    ),
    dishonest(
        "a failed expression that a context manager of the code suppresses, then a flag",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        hit = False
        with quiet():
            1 / (double(1) == 2)
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a failed check of an earlier result that a context manager of the code suppresses",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        is_right = double(1) == 2
        with quiet():
            1 / is_right
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a test that a context manager of the code suppresses",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        def run_test():
            1 / (double(1) == 2)

        with quiet():
            run_test()
        hit = True
        assert hit
        """,
    ),
    dishonest(
        "a context manager of the code around a call by another name",
        """
        def double(x):
            return 99

        class quiet:
            def __enter__(self):
                return self

            def __exit__(self, *details):
                return True

        with quiet():
            1 / (globals()["double"](1) == 2)
        hit = True
        assert hit
        """,
    ),
)
