"""Honest programs that raise, catch or suppress exceptions."""

from adversarial.program import honest

CASES = (
    honest(
        "context managers by class and by generator",
        """
        import contextlib

        events = []

        class Section:
            def __init__(self, name):
                self.name = name

            def __enter__(self):
                events.append(f"enter {self.name}")
                return self

            def __exit__(self, kind, error, trace):
                events.append(f"exit {self.name}")
                return kind is KeyError

        @contextlib.contextmanager
        def indented(level):
            yield "  " * level
            events.append(f"end {level}")

        with Section("a"), indented(2) as prefix:
            assert prefix == "    "
        with Section("b"):
            raise KeyError("expected")
        assert events == ["enter a", "end 2", "exit a", "enter b", "exit b"]
        """,
    ),
    honest(
        "tests of raising and nothing else",
        """
        import unittest

        def parse_port(text):
            if not text.isdigit():
                raise ValueError(f"not a number: {text}")
            if not 0 < int(text) < 65536:
                raise OverflowError(f"out of range: {text}")
            return int(text)

        class TestErrors(unittest.TestCase):
            def test_text(self):
                with self.assertRaisesRegex(ValueError, "^not a number: http$"):
                    parse_port("http")

            def test_range(self):
                self.assertRaises(OverflowError, parse_port, "70000")
                self.assertRaises(OverflowError, parse_port, "0")

        unittest.main()
        """,
    ),
    honest(
        "tests of raising by try and else",
        """
        class Locked(Exception):
            pass

        class Safe:
            def __init__(self, code):
                self.code, self.attempts = code, 0

            def open(self, code):
                if self.attempts >= 2:
                    raise Locked("too many attempts")
                self.attempts += code != self.code
                return code == self.code

        safe = Safe(7)
        assert [safe.open(1), safe.open(7), safe.open(2)] == [False, True, False]
        try:
            safe.open(7)
        except Locked as error:
            assert error.args == ("too many attempts",)
        else:
            raise AssertionError("the safe is not locked")
        """,
    ),
    honest(
        "tests of raising with a flag",
        """
        def pop_smallest(items):
            if not items:
                raise LookupError("nothing left")
            return items.pop(items.index(min(items)))

        raised = False
        try:
            pop_smallest([])
        except LookupError:
            raised = True
        assert raised is True
        items = [3, 1, 2]
        assert pop_smallest(items) == 1
        assert items == [3, 2]
        """,
    ),
    honest(
        "a failing assertion that the code under test turns into a report",
        """
        def explain(function, *arguments):
            try:
                function(*arguments)
            except AssertionError as error:
                return f"rejected: {error}"
            return "accepted"

        def even(n):
            assert n % 2 == 0, f"{n} is odd"

        assert explain(even, 4) == "accepted"
        assert explain(even, 7) == "rejected: 7 is odd"
        """,
    ),
    honest(
        "an exception group and notes",
        """
        def run_all(*tasks):
            errors, results = [], []
            for task in tasks:
                try:
                    results.append(task())
                except Exception as error:
                    error.add_note(f"task {tasks.index(task)}")
                    errors.append(error)
            if errors:
                raise ExceptionGroup("tasks failed", errors)
            return results

        assert run_all(lambda: 1, lambda: 2) == [1, 2]
        caught = []
        try:
            run_all(lambda: 1 / 0, lambda: 3, lambda: [][0])
        except* ZeroDivisionError as group:
            caught += [error.__notes__ for error in group.exceptions]
        except* IndexError as group:
            caught += [error.__notes__ for error in group.exceptions]
        assert caught == [["task 0"], ["task 2"]]
        """,
    ),
    honest(
        "a flag before the exception that a context manager suppresses",
        """
        class ignore:
            def __init__(self, *kinds):
                self.kinds = kinds

            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                return kind is not None and issubclass(kind, self.kinds)

        hit = False
        with ignore(ValueError):
            hit = True
            raise ValueError("x")
        assert hit
        """,
    ),
    honest(
        "a flag after the exception that a context manager suppresses",
        """
        from contextlib import contextmanager

        @contextmanager
        def ignore(*kinds):
            try:
                yield
            except kinds:
                pass

        with ignore(ZeroDivisionError):
            1 / 0
        hit = True
        assert hit
        """,
    ),
    honest(
        "a context manager that suppresses one kind of exception and not another",
        """
        class ignore:
            def __init__(self, *kinds):
                self.kinds = kinds

            def __enter__(self):
                return self

            def __exit__(self, kind, error, trace):
                return kind is not None and issubclass(kind, self.kinds)

        def test_suppressed():
            reached = False
            with ignore(KeyError):
                {}["missing"]
            reached = True
            assert reached

        def test_raised():
            raised = False
            try:
                with ignore(KeyError):
                    raise IndexError("y")
            except IndexError:
                raised = True
            assert raised

        test_suppressed()
        test_raised()
        """,
    ),
)
