"""Honest programs of many shapes: control flow, language features, output, files, and forms of assertions."""

from adversarial.program import honest

CASES = (
    honest(
        "the last statement inside an else",
        """
        def parse(text):
            return dict(pair.split("=") for pair in text.split(";"))

        try:
            settings = parse("a=1;b=2")
        except ValueError as error:
            raise AssertionError("not parsed") from error
        else:
            assert settings == {"a": "1", "b": "2"}
        """,
    ),
    honest(
        "the last statement inside a finally",
        """
        log = []

        def transaction(action):
            log.append("begin")
            try:
                result = action()
                log.append("commit")
                return result
            except ZeroDivisionError:
                log.append("rollback")
                return None

        try:
            value = transaction(lambda: 1 / 0)
        finally:
            assert log == ["begin", "rollback"]
            assert transaction(lambda: 6) == 6
            assert log[-1] == "commit"
        """,
    ),
    honest(
        "the last statement in the else of a loop",
        """
        def smallest_divisor(n):
            return next((d for d in range(2, int(n ** 0.5) + 1) if n % d == 0), n)

        for n, expected in ((15, 3), (49, 7), (13, 13)):
            if smallest_divisor(n) != expected:
                raise AssertionError(n)
        else:
            assert smallest_divisor(91) == 7
        """,
    ),
    honest(
        "a match statement as code and as test",
        """
        def simplify(expression):
            match expression:
                case ("+", 0, right):
                    return simplify(right)
                case ("*", 1, right) | ("*", right, 1):
                    return simplify(right)
                case (operator, left, right):
                    return (operator, simplify(left), simplify(right))
                case _:
                    return expression

        match simplify(("+", 0, ("*", "x", 1))):
            case "x":
                print("ok")
            case other:
                raise AssertionError(other)
        assert simplify(("-", ("*", 1, "a"), "b")) == ("-", "a", "b")
        """,
    ),
    honest(
        "recursion that is nearly as deep as it may be",
        """
        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)

        assert depth(980) == 980
        assert depth(0) == 0
        """,
    ),
    honest(
        "recursion that goes too deep and is caught",
        """
        class Node:
            def __init__(self, child=None):
                self.child = child

            def height(self):
                return 1 + (self.child.height() if self.child else 0)

        def safe_height(node):
            try:
                return node.height()
            except RecursionError:
                return "too deep"

        chain = None
        for _ in range(5000):
            chain = Node(chain)
        assert safe_height(chain) == "too deep"
        assert safe_height(Node(Node())) == 2
        """,
    ),
    honest(
        "a deep recursion under a raised limit",
        """
        import sys

        def count_down(n):
            return [] if n == 0 else [n] if n == 1 else count_down(n - 1)

        def ackermann(m, n):
            if m == 0:
                return n + 1
            return ackermann(m - 1, 1) if n == 0 else ackermann(m - 1, ackermann(m, n - 1))

        sys.setrecursionlimit(3500)
        assert count_down(3000) == [1]
        assert ackermann(2, 200) == 403
        """,
    ),
    honest(
        "a MemoryError that is caught",
        """
        def allocate(size):
            try:
                return bytearray(size)
            except MemoryError:
                return None

        assert allocate(1 << 60) is None
        assert allocate(3) == bytearray(3)
        assert len(allocate(1000)) == 1000
        """,
    ),
    honest(
        "a MemoryError that is raised on purpose",
        """
        class Pool:
            def __init__(self, capacity):
                self.free = capacity

            def take(self, size):
                if size > self.free:
                    raise MemoryError(f"{size} of {self.free}")
                self.free -= size
                return self.free

        pool = Pool(10)
        assert pool.take(4) == 6
        try:
            pool.take(7)
        except MemoryError as error:
            text = str(error)
        assert text == "7 of 6"
        """,
    ),
    honest(
        "builtins by their name and by their module",
        """
        import builtins

        def builtin(name):
            space = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)
            return space[name]

        def is_builtin(value):
            return getattr(builtins, value.__name__, None) is value

        assert builtin("len")("abc") == 3
        assert builtin("sum")([1, 2]) == 3
        assert is_builtin(sorted) is True
        assert is_builtin(is_builtin) is False
        """,
    ),
    honest(
        "a main block that patches standard input",
        """
        import io, sys

        def read_matrix():
            rows = int(input())
            return [[int(n) for n in input().split()] for _ in range(rows)]

        def trace(matrix):
            return sum(row[i] for i, row in enumerate(matrix))

        if __name__ == "__main__":
            sys.stdin = io.StringIO("2\\n1 2\\n3 4\\n")
            matrix = read_matrix()
            assert matrix == [[1, 2], [3, 4]]
            assert trace(matrix) == 5
        """,
    ),
    honest(
        "input replaced by a mock",
        """
        from unittest.mock import patch

        def ask_number(prompt):
            while True:
                try:
                    return int(input(prompt))
                except ValueError:
                    print("not a number")

        with patch("builtins.input", side_effect=["x", "", "42"]) as asked:
            assert ask_number("n? ") == 42
            assert asked.call_count == 3
        """,
    ),
    honest(
        "empty input that is handled",
        """
        import sys

        def totals(lines):
            return [sum(map(int, line.split())) for line in lines if line.strip()]

        def read_or(default):
            try:
                return input()
            except EOFError:
                return default

        assert totals(["1 2", "", "5"]) == [3, 5]
        assert read_or("nothing") == "nothing"
        assert totals(sys.stdin) == []
        """,
    ),
    honest(
        "an exit code of 0 at the end",
        """
        import sys

        def wrap(text, width):
            lines = [""]
            for word in text.split():
                if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
                    lines.append("")
                lines[-1] = f"{lines[-1]} {word}".strip()
            return lines

        def main():
            assert wrap("the quick brown fox", 10) == ["the quick", "brown fox"]
            assert wrap("", 5) == [""]
            return 0

        if __name__ == "__main__":
            sys.exit(main())
        """,
    ),
    honest(
        "the number of failures as the exit code",
        """
        def swap_case(text):
            return "".join(c.lower() if c.isupper() else c.upper() for c in text)

        failures = 0
        for text, expected in (("aB", "Ab"), ("x1", "X1"), ("", "")):
            if swap_case(text) != expected:
                print("FAIL", text)
                failures += 1
        assert failures == 0, failures
        raise SystemExit(failures)
        """,
    ),
    honest(
        "a list changed in place",
        """
        def rotate_in_place(items, k):
            if items:
                k %= len(items)
                items[:] = items[-k:] + items[:-k]

        numbers = [1, 2, 3, 4, 5]
        rotate_in_place(numbers, 2)
        assert numbers == [4, 5, 1, 2, 3]
        rotate_in_place(numbers, 5)
        assert numbers == [4, 5, 1, 2, 3]
        """,
    ),
    honest(
        "a grid changed in place that returns nothing",
        """
        def fill(grid, row, column, color):
            old = grid[row][column]
            todo = [(row, column)] if old != color else []
            while todo:
                r, c = todo.pop()
                if 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] == old:
                    grid[r][c] = color
                    todo += [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]

        grid = [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
        result = fill(grid, 0, 0, 7)
        assert result is None
        assert grid == [[7, 7, 0], [0, 7, 0], [1, 0, 1]]
        """,
    ),
    honest(
        "a generator that is sent values",
        """
        def averager():
            total = count = 0
            average = None
            while True:
                value = yield average
                total += value
                count += 1
                average = total / count

        average = averager()
        assert next(average) is None
        assert average.send(10) == 10.0
        assert average.send(20) == 15.0
        """,
    ),
    honest(
        "a generator that returns a value and one that delegates",
        """
        def take_until(items, stop):
            count = 0
            for item in items:
                if item == stop:
                    return count
                count += 1
                yield item
            return -1

        def with_length(items, stop):
            length = yield from take_until(items, stop)
            yield ("length", length)

        assert list(with_length([5, 6, 0, 7], 0)) == [5, 6, ("length", 2)]
        assert list(with_length([1], 0)) == [1, ("length", -1)]
        """,
    ),
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
        "decorators with arguments, stacked",
        """
        import functools

        def repeat(times):
            def decorate(function):
                @functools.wraps(function)
                def wrapper(*args, **kwargs):
                    return [function(*args, **kwargs) for _ in range(times)]
                return wrapper
            return decorate

        def joined(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return "-".join(function(*args, **kwargs))
            return wrapper

        @joined
        @repeat(times=3)
        def shout(word):
            return word.upper()

        assert shout("a") == "A-A-A"
        assert shout.__name__ == "shout"
        """,
    ),
    honest(
        "class methods, static methods and properties",
        """
        class Color:
            def __init__(self, red, green, blue):
                self.rgb = (red, green, blue)

            @classmethod
            def from_hex(cls, text):
                return cls(*(int(text[i:i + 2], 16) for i in (1, 3, 5)))

            @staticmethod
            def clamp(value):
                return max(0, min(255, value))

            @property
            def brightness(self):
                return sum(self.rgb) // 3

            @brightness.setter
            def brightness(self, value):
                change = value - self.brightness
                self.rgb = tuple(self.clamp(part + change) for part in self.rgb)

        color = Color.from_hex("#102030")
        assert color.rgb == (16, 32, 48)
        assert color.brightness == 32
        color.brightness = 250
        assert color.rgb == (234, 250, 255)
        assert Color.clamp(-4) == 0
        """,
    ),
    honest(
        "a data class with a method, an order and a check",
        """
        from dataclasses import dataclass, field, replace

        @dataclass(order=True, frozen=True)
        class Version:
            parts: tuple = field()

            def __post_init__(self):
                if not all(part >= 0 for part in self.parts):
                    raise ValueError("negative part")

            @classmethod
            def parse(cls, text):
                return cls(tuple(int(part) for part in text.split(".")))

            def bump(self, position):
                parts = [*self.parts[:position], self.parts[position] + 1]
                return replace(self, parts=(*parts, *[0] * (len(self.parts) - len(parts))))

        assert Version.parse("1.2.9").bump(1) == Version((1, 3, 0))
        assert max(map(Version.parse, ["1.2", "1.10", "1.9"])) == Version.parse("1.10")
        try:
            Version((1, -2))
        except ValueError as error:
            reason = str(error)
        assert reason == "negative part"
        """,
    ),
    honest(
        "an enumeration with behaviour",
        """
        import enum

        class Light(enum.Enum):
            RED = 3
            GREEN = 2
            YELLOW = 1

            def next(self):
                order = list(Light)
                return order[(order.index(self) + 1) % len(order)]

            @classmethod
            def cycle_time(cls):
                return sum(light.value for light in cls)

        assert Light.RED.next() is Light.GREEN
        assert Light.YELLOW.next() is Light.RED
        assert Light.cycle_time() == 6
        """,
    ),
    honest(
        "named tuples and their methods",
        """
        from typing import NamedTuple

        class Span(NamedTuple):
            start: int
            end: int

            def overlaps(self, other):
                return self.start < other.end and other.start < self.end

            def merge(self, other):
                return Span(min(self.start, other.start), max(self.end, other.end))

        def merge_all(spans):
            merged = []
            for span in sorted(spans):
                if merged and merged[-1].overlaps(span):
                    merged[-1] = merged[-1].merge(span)
                else:
                    merged.append(span)
            return merged

        assert merge_all([Span(5, 9), Span(0, 3), Span(2, 4)]) == [(0, 4), (5, 9)]
        assert Span(0, 2).overlaps(Span(2, 3)) is False
        """,
    ),
    honest(
        "an asynchronous iterator and an asynchronous context",
        """
        import asyncio

        class Ticker:
            def __init__(self, n):
                self.n, self.open = n, False

            async def __aenter__(self):
                self.open = True
                return self

            async def __aexit__(self, *error):
                self.open = False

            def __aiter__(self):
                return self

            async def __anext__(self):
                if self.n == 0:
                    raise StopAsyncIteration
                self.n -= 1
                await asyncio.sleep(0)
                return self.n

        async def main():
            async with Ticker(3) as ticker:
                assert ticker.open is True
                assert [tick async for tick in ticker] == [2, 1, 0]
            assert ticker.open is False

        asyncio.run(main())
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
        "assertions by inequality",
        """
        def fingerprint(text):
            value = 17
            for c in text:
                value = (value * 31 + ord(c)) % 1_000_003
            return value

        assert fingerprint("ab") != fingerprint("ba")
        assert fingerprint("") != fingerprint("a")
        assert not fingerprint("abc") != 602801
        assert fingerprint("") == 17
        """,
    ),
    honest(
        "assertions by identity and by None",
        """
        class Registry:
            _instances = {}

            def __new__(cls, name):
                if name not in cls._instances:
                    cls._instances[name] = super().__new__(cls)
                return cls._instances[name]

            def get(self, key, table):
                return table.get(key)

        a, b = Registry("x"), Registry("y")
        assert Registry("x") is a
        assert a is not b
        assert a.get("k", {"k": 5}) == 5
        assert a.get("missing", {}) is None
        """,
    ),
    honest(
        "assertions by membership",
        """
        def suggestions(word, dictionary):
            letters = "abcdefghijklmnopqrstuvwxyz"
            splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
            edits = {a + b[1:] for a, b in splits if b} | {a + c + b for a, b in splits for c in letters}
            return sorted(edits & set(dictionary))

        found = suggestions("cat", ["at", "cart", "cats", "dog", "chat"])
        assert "cart" in found
        assert "at" in found
        assert "dog" not in found
        assert len(found) == 4
        """,
    ),
    honest(
        "assertions by order",
        """
        import math

        def entropy(counts):
            total = sum(counts)
            return -sum(c / total * math.log2(c / total) for c in counts if c)

        assert entropy([9, 1]) < entropy([5, 5])
        assert entropy([1, 1, 1, 1]) > entropy([1, 1])
        assert 0.46 < entropy([9, 1]) < 0.47
        assert entropy([4, 4]) == 1.0
        """,
    ),
    honest(
        "assertions by closeness",
        """
        import math

        def integrate(function, a, b, n=1000):
            h = (b - a) / n
            odd = sum(function(a + i * h) for i in range(1, n, 2))
            even = sum(function(a + i * h) for i in range(2, n, 2))
            return h / 3 * (function(a) + 4 * odd + 2 * even + function(b))

        assert math.isclose(integrate(math.sin, 0, math.pi), 2, rel_tol=1e-9)
        assert abs(integrate(math.exp, 0, 1) - (math.e - 1)) < 1e-9
        assert round(integrate(lambda x: x * x, 0, 3), 6) == 9
        """,
    ),
    honest(
        "what is printed, by redirect_stdout",
        """
        import contextlib, io

        def print_tree(tree, indent=0):
            for name, children in tree.items():
                print("  " * indent + name)
                print_tree(children, indent + 1)

        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            print_tree({"root": {"leaf": {}, "branch": {"bud": {}}}})
        assert stream.getvalue() == "root\\n  leaf\\n  branch\\n    bud\\n"
        """,
    ),
    honest(
        "what is printed, by an own stream",
        """
        import sys

        class Recorder:
            def __init__(self):
                self.parts = []

            def write(self, text):
                self.parts.append(text)
                return len(text)

            def flush(self):
                self.parts.append("<flush>")

        def progress(steps):
            for step in range(1, steps + 1):
                print(f"{step}/{steps}", end=" ", flush=step == steps)

        plain, sys.stdout = sys.stdout, Recorder()
        try:
            progress(3)
            text = "".join(sys.stdout.parts)
        finally:
            sys.stdout = plain
        assert text == "1/3 2/3 3/3 <flush>"
        """,
    ),
    honest(
        "files written and read again",
        """
        import csv, os, tempfile

        def save(path, rows):
            with open(path, "w", newline="") as file:
                csv.writer(file).writerows(rows)
            return os.path.getsize(path)

        def load(path):
            with open(path, newline="") as file:
                return [[int(cell) if cell.isdigit() else cell for cell in row] for row in csv.reader(file)]

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.csv")
            assert save(path, [["a, b", 1], ["c", 22]]) == 16
            assert load(path) == [["a, b", 1], ["c", 22]]
        assert not os.path.exists(path)
        """,
    ),
    honest(
        "a folder tree in the current folder",
        """
        from pathlib import Path

        def collect(root, suffix):
            return sorted(str(path.relative_to(root)) for path in root.rglob(f"*{suffix}"))

        def rename_all(root, old, new):
            paths = [path for path in root.rglob(f"*{old}")]
            for path in paths:
                path.rename(path.with_suffix(new))
            return len(paths)

        root = Path("tree")
        (root / "sub").mkdir(parents=True)
        for name in ("a.txt", "sub/b.txt", "c.md"):
            (root / name).write_text(name)
        assert collect(root, ".txt") == ["a.txt", "sub/b.txt"]
        assert rename_all(root, ".txt", ".rst") == 2
        assert collect(root, ".txt") == []
        assert (root / "sub" / "b.rst").read_text() == "sub/b.txt"
        """,
    ),
    honest(
        "a module written and imported",
        """
        import importlib, pathlib, sys

        def load_plugin(name, code):
            pathlib.Path(f"{name}.py").write_text(code)
            importlib.invalidate_caches()
            sys.path.insert(0, ".")
            try:
                return importlib.import_module(name)
            finally:
                sys.path.remove(".")

        plugin = load_plugin("greeter_plugin", "def greet(name):\\n    return f'hi {name}'\\n")
        assert plugin.greet("ann") == "hi ann"
        assert load_plugin("numbers_plugin", "VALUE = 41 + 1\\n").VALUE == 42
        """,
    ),
    honest(
        "random numbers with a seed",
        """
        import random

        def sample_without(population, excluded, k, seed):
            rng = random.Random(seed)
            return rng.sample([item for item in population if item not in excluded], k)

        def estimate_pi(n, seed):
            rng = random.Random(seed)
            inside = sum(rng.random() ** 2 + rng.random() ** 2 < 1 for _ in range(n))
            return 4 * inside / n

        assert sample_without(range(5), {0, 1}, 3, seed=1) != [0, 1, 2]
        assert sorted(sample_without(range(5), {0, 1}, 3, seed=1)) == [2, 3, 4]
        assert abs(estimate_pi(4000, seed=3) - 3.14159) < 0.1
        """,
    ),
    honest(
        "a table of cases with a message for each",
        """
        def normalize(path):
            parts = []
            for part in path.split("/"):
                if part == "..":
                    if parts:
                        parts.pop()
                elif part not in ("", "."):
                    parts.append(part)
            return "/" + "/".join(parts)

        CASES = {
            "/a/./b": "/a/b",
            "/a/../b": "/b",
            "/../..": "/",
            "//x///y/": "/x/y",
        }
        for path, expected in CASES.items():
            actual = normalize(path)
            assert actual == expected, f"normalize({path!r}) is {actual!r}, not {expected!r}"
        print(f"{len(CASES)} cases passed")
        """,
    ),
    honest(
        "a message that would fail if it were made",
        """
        def index_of(items, wanted):
            return next((i for i, item in enumerate(items) if item == wanted), -1)

        assert index_of("abc", "c") == 2, 1 / 0
        assert index_of("abc", "z") == -1, undefined_name
        """,
    ),
    honest(
        "a metaclass that keeps a register",
        """
        class Registering(type):
            known = {}

            def __new__(mcs, name, bases, namespace, **options):
                cls = super().__new__(mcs, name, bases, namespace)
                if bases:
                    mcs.known[options.get("key", name.lower())] = cls
                return cls

        class Shape(metaclass=Registering):
            def area(self):
                raise NotImplementedError

        class Square(Shape, key="sq"):
            def area(self):
                return 4

        class Dot(Shape):
            def area(self):
                return 0

        assert sorted(Registering.known) == ["dot", "sq"]
        assert Registering.known["sq"]().area() == 4
        assert [kind().area() for kind in Registering.known.values()] == [4, 0]
        """,
    ),
    honest(
        "a descriptor that validates",
        """
        class Bounded:
            def __init__(self, low, high):
                self.low, self.high = low, high

            def __set_name__(self, owner, name):
                self.name = "_" + name

            def __get__(self, instance, owner=None):
                return self if instance is None else getattr(instance, self.name)

            def __set__(self, instance, value):
                if not self.low <= value <= self.high:
                    raise ValueError(f"{self.name[1:]} must be between {self.low} and {self.high}")
                setattr(instance, self.name, value)

        class Player:
            health = Bounded(0, 100)

            def hit(self, damage):
                self.health = max(0, self.health - damage)

        player = Player()
        player.health = 30
        player.hit(20)
        assert player.health == 10
        player.hit(50)
        assert player.health == 0
        try:
            player.health = 101
        except ValueError as error:
            message = str(error)
        assert message == "health must be between 0 and 100"
        """,
    ),
    honest(
        "operators, indexing and length of an own class",
        """
        class Deck:
            def __init__(self, cards):
                self._cards = list(cards)

            def __len__(self):
                return len(self._cards)

            def __getitem__(self, position):
                cards = self._cards[position]
                return Deck(cards) if isinstance(position, slice) else cards

            def __add__(self, other):
                return Deck([*self, *other])

            def __bool__(self):
                return len(self) > 1

            def __repr__(self):
                return f"Deck({'-'.join(self._cards)})"

        deck = Deck("ABCD")
        assert len(deck[1:]) == 3
        assert repr(deck[::-1] + deck[:1]) == "Deck(D-C-B-A-A)"
        assert "C" in deck and deck[-1] == "D"
        assert bool(deck) is True and bool(deck[:1]) is False
        """,
    ),
    honest(
        "closures that share a variable",
        """
        def make_counter(start=0, step=1):
            value = start

            def increment():
                nonlocal value
                value += step
                return value

            def reset():
                nonlocal value
                value = start

            return increment, reset

        increment, reset = make_counter(10, 5)
        assert [increment(), increment()] == [15, 20]
        reset()
        assert increment() == 15
        """,
    ),
    honest(
        "functions made by exec and their signatures",
        """
        import inspect

        def make_function(name, parameters, body):
            space = {}
            exec(f"def {name}({', '.join(parameters)}):\\n    return {body}\\n", space)
            return space[name]

        def arity(function):
            return len(inspect.signature(function).parameters)

        add = make_function("add", ["a", "b"], "a + b")
        assert add(2, 3) == 5
        assert arity(add) == 2
        assert arity(make_function("zero", [], "0")) == 0
        """,
    ),
    honest(
        "a global variable changed by a function",
        """
        total = 0
        history = []

        def record(amount):
            global total
            total += amount
            history.append(total)

        for amount in (5, -2, 10):
            record(amount)
        assert total == 13
        assert history == [5, 3, 13]
        """,
    ),
    honest(
        "an assertion after an early return of main",
        """
        import os

        def human_size(n):
            for unit in ("B", "KB", "MB"):
                if n < 1024:
                    return f"{n:.0f} {unit}"
                n /= 1024
            return f"{n:.1f} GB"

        def main():
            if os.environ.get("SKIP_TESTS_OF_HUMAN_SIZE"):
                return
            assert human_size(512) == "512 B"
            assert human_size(2048) == "2 KB"
            assert human_size(3 * 1024 ** 3) == "3.0 GB"

        main()
        """,
    ),
    honest(
        "tests that compare with a slow way to do the same",
        """
        def count_primes(n):
            sieve = bytearray([1]) * (n + 1)
            sieve[:2] = b"\\0\\0"[:n + 1]
            for p in range(2, int(n ** 0.5) + 1):
                if sieve[p]:
                    sieve[p * p::p] = bytes(len(range(p * p, n + 1, p)))
            return sum(sieve)

        EXPECTED = [0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 4, 5]
        assert [count_primes(n) for n in range(12)] == EXPECTED
        for n in (50, 100):
            assert count_primes(n) == sum(all(k % d for d in range(2, k)) for k in range(2, n + 1))
        """,
    ),
    honest(
        "a state machine driven by events",
        """
        class Door:
            TRANSITIONS = {
                ("closed", "open"): "opened",
                ("opened", "close"): "closed",
                ("closed", "lock"): "locked",
                ("locked", "unlock"): "closed",
            }

            def __init__(self):
                self.state = "closed"

            def handle(self, event):
                new = self.TRANSITIONS.get((self.state, event))
                if new is None:
                    return False
                self.state = new
                return True

        door = Door()
        assert [door.handle(event) for event in ("open", "lock", "close", "lock")] == [True, False, True, True]
        assert door.state == "locked"
        assert door.handle("open") is False
        """,
    ),
    honest(
        "shortest paths with a heap",
        """
        import heapq

        def dijkstra(graph, start):
            distances, heap = {}, [(0, start)]
            while heap:
                distance, node = heapq.heappop(heap)
                if node in distances:
                    continue
                distances[node] = distance
                for neighbour, weight in graph.get(node, {}).items():
                    heapq.heappush(heap, (distance + weight, neighbour))
            return distances

        graph = {"a": {"b": 4, "c": 1}, "c": {"b": 2, "d": 7}, "b": {"d": 1}}
        assert dijkstra(graph, "a") == {"a": 0, "c": 1, "b": 3, "d": 4}
        assert dijkstra(graph, "d") == {"d": 0}
        """,
    ),
    honest(
        "attributes that are made when they are asked for",
        """
        class Config:
            def __init__(self, values):
                self._values = values

            def __getattr__(self, name):
                try:
                    value = self._values[name]
                except KeyError:
                    raise AttributeError(name) from None
                return Config(value) if isinstance(value, dict) else value

        config = Config({"server": {"host": "localhost", "port": 80}, "debug": False})
        assert config.server.host == "localhost"
        assert config.server.port == 80
        assert config.debug is False
        assert not hasattr(config, "missing")
        assert getattr(config.server, "path", "/") == "/"
        """,
    ),
    honest(
        "a source text that looks at itself",
        """
        import inspect, sys

        def documented(function):
            return (function.__doc__ or "").strip().splitlines()[0]

        def add(a, b):
            'Add two numbers.'
            return a + b

        def caller_name():
            return sys._getframe(1).f_code.co_name

        def outer():
            return caller_name()

        assert documented(add) == "Add two numbers."
        assert outer() == "outer"
        assert add(2, 2) == 4
        assert list(inspect.signature(add).parameters) == ["a", "b"]
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
        "an abstract class with two implementations",
        """
        from abc import ABC, abstractmethod

        class Codec(ABC):
            @abstractmethod
            def encode(self, text): ...

            @abstractmethod
            def decode(self, data): ...

            def round_trip(self, text):
                return self.decode(self.encode(text))

        class Hex(Codec):
            def encode(self, text):
                return text.encode().hex()

            def decode(self, data):
                return bytes.fromhex(data).decode()

        class Shift(Codec):
            def encode(self, text):
                return [ord(c) + 1 for c in text]

            def decode(self, data):
                return "".join(chr(n - 1) for n in data)

        assert Hex().encode("AZ") == "415a"
        assert Shift().encode("AZ") == [66, 91]
        assert [codec.round_trip("round") for codec in (Hex(), Shift())] == ["round", "round"]
        try:
            Codec()
        except TypeError as error:
            assert "abstract" in str(error)
        """,
    ),
    honest(
        "an if and elif chain with an assertion in each branch",
        """
        def classify(triangle):
            sides = len(set(triangle))
            return {1: "equilateral", 2: "isosceles", 3: "scalene"}[sides]

        for triangle in [(3, 3, 3), (3, 3, 4), (3, 4, 5)]:
            kind = classify(triangle)
            if triangle[0] == triangle[2]:
                assert kind == "equilateral"
            elif triangle[0] == triangle[1]:
                assert kind == "isosceles"
            else:
                assert kind == "scalene"
        """,
    ),
    honest(
        "a variadic function and keyword-only arguments",
        """
        def join(*parts, sep=", ", last=None, **wrap):
            parts = [str(part) for part in parts]
            if last is not None and len(parts) > 1:
                text = sep.join(parts[:-1]) + last + parts[-1]
            else:
                text = sep.join(parts)
            return wrap.get("before", "") + text + wrap.get("after", "")

        assert join(1, 2, 3, last=" and ") == "1, 2 and 3"
        assert join("a", "b", sep="/", before="<", after=">") == "<a/b>"
        assert join() == ""
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
