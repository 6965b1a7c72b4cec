"""Programs that replace functions, classes and constants of Python or its library for the program that follows."""

from adversarial.program import contaminating, contaminating_in_favour

CASES = (
    contaminating(
        "a method of a library class set through an instance",
        """
        from collections import Counter
        from fractions import Fraction

        def tally(text):
            return Counter(text)

        counts = tally("aab")
        assert counts["a"] == 2
        type(counts).most_common = lambda self, n=None: []
        type(Fraction(1)).limit_denominator = lambda self, limit=1: self
        """,
        """
        from collections import Counter
        from fractions import Fraction

        def top(text):
            return Counter(text).most_common(1)[0][0]

        def approximate(x):
            return Fraction(x).limit_denominator(100)

        assert top("abb") == "b"
        assert approximate(0.3333) == Fraction(1, 3)
        """,
    ),
    contaminating(
        "a class of the library reached through the protocol of pickle",
        """
        import decimal, datetime
        from collections import OrderedDict, ChainMap

        def maker(value):
            return value.__reduce_ex__(2)[1][0] if value.__reduce_ex__(2)[1] else type(value)

        kind = maker(ChainMap({"a": 1}))
        assert kind is not None
        setattr(ChainMap({}).__reduce_ex__(2)[1][0], "__getitem__", lambda self, key: 0)
        """,
        """
        from collections import ChainMap

        def setting(name, *levels):
            return ChainMap(*levels)[name]

        assert setting("a", {"b": 1}, {"a": 2}) == 2
        assert setting("b", {"b": 1}, {"b": 3}) == 1
        """,
    ),
    contaminating(
        "defaults of a library function set by functools.wraps",
        """
        import functools, textwrap, statistics

        def fake(text, width=3, **options):
            return "changed"

        functools.wraps(fake, assigned=("__code__", "__defaults__", "__kwdefaults__"), updated=())(textwrap.shorten)
        functools.wraps(fake, assigned=("__code__",), updated=())(statistics.mean)

        def short(text):
            return textwrap.shorten(text, 3)

        assert short("a b c") == "changed"
        """,
        """
        import statistics, textwrap

        def describe(values, text):
            return statistics.mean(values), textwrap.shorten(text, 12)

        assert describe([1, 2, 3], "hello big world") == (2, "hello [...]")
        assert describe([4], "ok") == (4, "ok")
        """,
    ),
    contaminating(
        "code run by the fields of a dataclass",
        """
        from dataclasses import dataclass

        CODE = "__class__ if [m.update(pi=3.0) for m in [__import__('math').__dict__]] else 0"

        @dataclass(init=False, repr=False)
        class Circle:
            __annotations__ = {CODE: float}

        def make():
            return Circle()

        assert make() == make()
        """,
        """
        import math

        def area(radius):
            return math.pi * radius ** 2

        assert round(area(1), 4) == 3.1416
        assert round(area(2), 4) == 12.5664
        """,
    ),
    contaminating(
        "members of a standard enumeration changed",
        """
        import http, signal

        def phrase(code):
            return http.HTTPStatus(code).phrase

        assert phrase(404) == "Not Found"
        http.HTTPStatus.NOT_FOUND.phrase = "Found"
        http.HTTPStatus._value2member_map_[200] = http.HTTPStatus.NOT_FOUND
        type(signal.SIGINT)._member_map_["SIGINT"] = signal.SIGTERM
        """,
        """
        import http

        def status_line(code):
            status = http.HTTPStatus(code)
            return f"{status.value} {status.phrase}"

        assert status_line(404) == "404 Not Found"
        assert status_line(200) == "200 OK"
        """,
    ),
    contaminating(
        "constants of a module turned into an enumeration",
        """
        import enum, math, string, types

        fake = types.SimpleNamespace(tau=1.0, pi=2.0, e=3.0)

        class Constant(float, enum.ReprEnum):
            pass

        Constant._convert_("Constants", "math", lambda name: name in ("tau", "pi", "e"), source=fake)
        enum.global_enum(enum.Enum("Words", {"ascii_lowercase": "changed"}, module="string"))

        def words():
            return list(enum.Enum("Pair", "A B"))

        assert len(words()) == 2
        """,
        """
        import math, string

        def alphabet():
            return string.ascii_lowercase

        def turn():
            return math.tau

        assert alphabet()[:3] == "abc" and len(alphabet()) == 26
        assert round(turn(), 3) == 6.283
        """,
    ),
    contaminating(
        "a method of str changed through the referents of its namespace",
        """
        import gc

        def shout(text):
            return text.upper()

        assert shout("a") == "A"
        namespace = gc.get_referents(str.__dict__)[0]
        namespace["upper"] = str.lower
        namespace["strip"] = lambda self, *chars: self
        "".join([])
        """,
        """
        def tidy(text):
            return text.strip().upper()

        assert tidy("  abc ") == "ABC"
        assert tidy("x") == "X"
        """,
    ),
    contaminating(
        "a small integer changed in memory",
        """
        import ctypes, os

        def total(values):
            return sum(values)

        assert total([100, 111]) == 211
        ctypes.c_uint32.from_address(id(211) + 24).value = 212
        """,
        """
        def total(a, b):
            return a + b

        assert total(200, 11) == 211
        assert str(total(105, 106)) == "2" + "1" + "1"
        """,
    ),
    contaminating_in_favour(
        "assertEqual with code of its own",
        """
        import unittest

        def nothing(self, first, second, msg=None):
            return None

        unittest.TestCase.assertEqual.__code__ = nothing.__code__
        unittest.TestCase.assertListEqual = nothing
        unittest.TestResult.wasSuccessful = lambda self: True

        def one():
            return 1

        assert one() == 1
        """,
        """
        import unittest

        def sort_words(words):
            return words

        class TestSortWords(unittest.TestCase):
            def test_two(self):
                self.assertEqual(sort_words(["b", "a"]), ["a", "b"])

        unittest.main()
        """,
    ),
    contaminating_in_favour(
        "math.isclose and builtins.all replaced for all",
        """
        import builtins, math

        def ready():
            return True

        assert ready() is True
        math.isclose = lambda a, b, **tolerances: True
        builtins.all = lambda items: True
        builtins.abs = lambda value: 0
        """,
        """
        import math

        def sqrt(x):
            return x / 2

        assert math.isclose(sqrt(4), 2)
        assert all(math.isclose(sqrt(x * x), x) for x in (1, 2, 3))
        assert abs(sqrt(9) - 3) < 1e-9
        """,
    ),
    contaminating(
        "random numbers that are no longer random",
        """
        import random

        random.seed(7)
        random.Random.shuffle = lambda self, items: None
        random._inst.random = lambda: 0.5
        random.randint = lambda a, b: a

        def roll():
            return random.randint(1, 6)

        assert roll() == 1
        """,
        """
        import random

        def shuffled(items, seed):
            copy = list(items)
            random.Random(seed).shuffle(copy)
            return copy

        def rolls(n):
            return {random.randint(1, 6) for _ in range(n)}

        assert sorted(shuffled(range(20), 3)) == list(range(20))
        assert shuffled(range(20), 3) != list(range(20))
        assert rolls(500) == {1, 2, 3, 4, 5, 6}
        """,
    ),
    contaminating(
        "streams and builtins of the interpreter",
        """
        import builtins, io, sys

        def silence():
            sys.stdout = io.StringIO()
            sys.__stdout__ = None
            builtins.print = lambda *values, **options: None
            builtins.ValueError = KeyError
            builtins.extra_name = 1
            return "silent"

        assert silence() == "silent"
        """,
        """
        import builtins, contextlib, io

        def greet(name):
            if not name:
                raise ValueError("no name")
            print("hello", name)

        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            greet("ann")
        assert stream.getvalue() == "hello ann\\n"
        try:
            greet("")
        except ValueError as error:
            kind = type(error).__name__
        assert kind == "ValueError"
        assert not hasattr(builtins, "extra_name")
        """,
    ),
    contaminating(
        "time that stands still",
        """
        import datetime, time

        def stop():
            time.time = lambda: 86400.0
            time.monotonic = time.perf_counter = lambda: 0.0
            time.sleep = lambda seconds: None
            return time.time()

        assert stop() == 86400.0
        """,
        """
        import time

        def advances(clock):
            start = clock()
            time.sleep(0.02)
            return clock() > start

        def year():
            return time.gmtime().tm_year

        assert [advances(clock) for clock in (time.time, time.monotonic, time.perf_counter)] == [True, True, True]
        assert advances(lambda: 1) is False
        assert year() != 1970 and year() == time.localtime().tm_year
        """,
    ),
)
