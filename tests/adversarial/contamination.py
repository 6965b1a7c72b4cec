"""Programs that leave something where a later program could find it, and the honest programs that come after them."""

from adversarial.program import contaminating, contaminating_in_favour

CASES = (
    contaminating(
        "a foreign key in the cache of struct",
        """
        import struct

        class Format(str):
            def __hash__(self):
                return hash("<H")

            def __eq__(self, other):
                return True

        def size(text):
            return struct.calcsize(Format(text))

        assert size("<I") == 4
        """,
        """
        import struct

        def header(number):
            return struct.pack("<H", number)

        assert struct.calcsize("<H") == 2
        assert header(258) == b"\\x02\\x01"
        assert header(0) == b"\\0\\0"
        """,
    ),
    contaminating_in_favour(
        "a foreign key in the cache of struct that makes a wrong program right",
        """
        import struct

        class Format(str):
            def __hash__(self):
                return hash(">h")

            def __eq__(self, other):
                return str(other) == ">h"

        def width(text):
            return len(struct.pack(Format(text), 1))

        assert width(">i") == 4
        """,
        """
        import struct

        def encode(number):
            return struct.pack(">h", number)

        assert encode(1) == b"\\0\\0\\0\\1"
        """,
    ),
    contaminating(
        "a foreign key in the cache of strptime",
        """
        from datetime import datetime

        class Format(str):
            def __hash__(self):
                return hash("%Y-%m-%d")

            def __eq__(self, other):
                return True

        def parse(text):
            return datetime.strptime(text, Format("%Y-%d-%m"))

        assert parse("2024-03-02") == datetime(2024, 2, 3)
        """,
        """
        from datetime import datetime

        def month_of(text):
            return datetime.strptime(text, "%Y-%m-%d").month

        assert month_of("2024-03-02") == 3
        assert month_of("1999-12-31") == 12
        """,
    ),
    contaminating(
        "foreign flags in the cache of re",
        """
        import re

        class Flags(int):
            def __hash__(self):
                return hash(0)

            def __eq__(self, other):
                return True

        def matches(pattern, text):
            return re.compile(pattern, Flags(re.IGNORECASE.value)).fullmatch(text) is not None

        assert matches("[a-c]+x", "ABCX")
        assert not matches("[a-c]+x", "Y")
        """,
        """
        import re

        def is_code(text):
            return re.fullmatch("[a-c]+x", text) is not None

        assert is_code("abcx")
        assert not is_code("ABCX")
        """,
    ),
    contaminating(
        "a foreign argument in the caches of typing",
        """
        import typing

        class MetaOfMeta(type):
            def __eq__(cls, other):
                return True

            def __hash__(cls):
                return hash(type)

        class Meta(type, metaclass=MetaOfMeta):
            def __eq__(cls, other):
                return True

            def __hash__(cls):
                return hash(int)

        class Own(metaclass=Meta):
            pass

        def listed(kind):
            return typing.List[kind], typing.Optional[kind], typing.Dict[str, kind]

        assert len(listed(Own)) == 3
        """,
        """
        import typing

        def arguments(annotation):
            return typing.get_args(annotation)

        assert arguments(typing.List[int])[0] is int
        assert arguments(typing.Optional[int])[0] is int
        assert arguments(typing.Dict[str, int])[1].__name__ == "int"
        """,
    ),
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
        "a way to copy lists that is registered for all",
        """
        import copy, copyreg

        def clone(value):
            return copy.deepcopy(value)

        assert clone([1, [2]]) == [1, [2]]
        copy._deepcopy_dispatch[list] = lambda value, memo: value
        copy._copy_dispatch[dict] = lambda value: value
        copyreg.pickle(complex, lambda value: (complex, (0, 0)))
        """,
        """
        import copy, pickle

        def snapshot(state):
            return copy.deepcopy(state)

        state = [1, [2]]
        saved = snapshot(state)
        state[1].append(3)
        assert saved == [1, [2]]
        assert copy.copy({"a": 1}) == {"a": 1}
        assert pickle.loads(pickle.dumps(1 + 2j)) == 1 + 2j
        """,
    ),
    contaminating(
        "types registered with abstract classes",
        """
        import collections.abc, numbers

        numbers.Integral.register(str)
        collections.abc.Mapping.register(list)

        def is_whole(value):
            return isinstance(value, numbers.Integral)

        assert is_whole(3)
        """,
        """
        import collections.abc, numbers

        def kind(value):
            if isinstance(value, numbers.Integral):
                return "whole"
            if isinstance(value, collections.abc.Mapping):
                return "mapping"
            return "other"

        assert kind(7) == "whole"
        assert kind("7") == "other"
        assert kind([1]) == "other"
        assert kind({}) == "mapping"
        """,
    ),
    contaminating(
        "filters that turn warnings into errors",
        """
        import warnings

        warnings.simplefilter("error")
        warnings.showwarning = lambda *values, **options: None

        def old():
            warnings.warn("old", DeprecationWarning)

        try:
            old()
        except DeprecationWarning as warning:
            text = str(warning)
        assert text == "old"
        """,
        """
        import warnings

        def legacy_sum(values):
            warnings.warn("use sum", DeprecationWarning, stacklevel=2)
            return sum(values)

        assert legacy_sum([1, 2]) == 3
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            legacy_sum([])
        assert [str(warning.message) for warning in caught] == ["use sum"]
        """,
    ),
    contaminating(
        "logging disabled, with handlers of its own",
        """
        import logging

        logging.disable(logging.CRITICAL)
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(99)
        logging.addLevelName(30, "QUIET")
        logging.Formatter.default_time_format = "%Y"

        def level():
            return logging.getLogger().level

        assert level() == 99
        """,
        """
        import io, logging

        def log_to(stream, text):
            handler = logging.StreamHandler(stream)
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            logger = logging.getLogger("victim")
            logger.addHandler(handler)
            logger.warning(text)
            logger.removeHandler(handler)

        stream = io.StringIO()
        log_to(stream, "low disk")
        assert stream.getvalue() == "WARNING low disk\\n"
        assert logging.getLogger().handlers == []
        """,
    ),
    contaminating(
        "contexts of decimal numbers",
        """
        import decimal

        decimal.getcontext().prec = 3
        decimal.getcontext().rounding = decimal.ROUND_UP
        decimal.DefaultContext.prec = 2
        decimal.BasicContext.traps[decimal.DivisionByZero] = False

        def third():
            return decimal.Decimal(1) / 3

        assert str(third()) == "0.334"
        """,
        """
        import decimal, threading

        def share(amount, people):
            return str(decimal.Decimal(amount) / people)

        assert share(10, 3) == "3.333333333333333333333333333"
        found = []
        thread = threading.Thread(target=lambda: found.append(share(2, 3)))
        thread.start()
        thread.join()
        assert found == ["0.6666666666666666666666666667"]
        """,
    ),
    contaminating(
        "settings of csv, calendar, mimetypes and XML",
        """
        import calendar, csv, mimetypes
        import xml.etree.ElementTree as tree

        csv.field_size_limit(4)
        csv.register_dialect("excel", delimiter=";")
        calendar.setfirstweekday(calendar.SUNDAY)
        mimetypes.add_type("text/changed", ".txt")
        tree.register_namespace("changed", "http://example.org/ns")

        def first_day():
            return calendar.firstweekday()

        assert first_day() == 6
        """,
        """
        import calendar, csv, io, mimetypes
        import xml.etree.ElementTree as tree

        def rows(text):
            return list(csv.reader(io.StringIO(text)))

        def week(year, month):
            return calendar.monthcalendar(year, month)[0]

        assert rows("long field,b\\n") == [["long field", "b"]]
        assert week(2024, 7) == [1, 2, 3, 4, 5, 6, 7]
        assert mimetypes.guess_type("notes.txt")[0] == "text/plain"
        assert b"changed" not in tree.tostring(tree.Element("{http://example.org/ns}a"))
        """,
    ),
    contaminating(
        "shared encoders of json and representations",
        """
        import json, reprlib

        json._default_encoder.sort_keys = True
        json._default_encoder.default = lambda value: "unknown"
        json._default_decoder.parse_float = str
        reprlib.aRepr.maxlist = 1
        reprlib.aRepr.maxstring = 8

        def dump(value):
            return json.dumps(value)

        assert dump({"b": 1, "a": 2}) == '{"a": 2, "b": 1}' or dump({}) == "{}"
        """,
        """
        import json, reprlib

        def save(value):
            try:
                return json.dumps(value)
            except TypeError:
                return "cannot"

        assert save({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'
        assert save({"a": object()}) == "cannot"
        assert reprlib.repr([1, 2, 3]) == "[1, 2, 3]"
        """,
    ),
    contaminating(
        "handlers of codecs",
        """
        import codecs

        codecs.register_error("namereplace", lambda error: ("?", error.end))
        codecs.register_error("surrogateescape", lambda error: ("?", error.end))
        codecs.register(lambda name: codecs.lookup("utf-8") if name == "made_up" else None)

        def encode(text):
            return text.encode("made-up")

        assert encode("a") == b"a"
        """,
        """
        def ascii_names(text):
            return text.encode("ascii", "namereplace")

        def is_known(encoding):
            try:
                "".encode(encoding)
            except LookupError:
                return False
            return True

        assert ascii_names("a\\u00e4") == b"a\\\\N{LATIN SMALL LETTER A WITH DIAERESIS}"
        assert is_known("latin-1")
        assert not is_known("made-up")
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
        "a child that stays and litters the folders of the next program",
        """
        import os, time

        def spawn():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for fd in range(3):
                        os.close(fd)
                    for n in range(40):
                        for folder in ("/tmp/work", "/tmp", "/dev/shm"):
                            try:
                                open(f"{folder}/litter{n}", "w").close()
                            except OSError:
                                continue
                        time.sleep(0.05)
                os._exit(0)
            return "spawned"

        assert spawn() == "spawned"
        """,
        """
        import os, time

        def litter():
            return [name for folder in (".", "/tmp", "/dev/shm") for name in os.listdir(folder) if "litter" in name]

        time.sleep(0.3)
        assert litter() == []
        open("litter0", "w").close()
        assert litter() == ["litter0"]
        """,
    ),
    contaminating(
        "a server that stays on a port",
        """
        import os, socket, time

        def listen(port):
            server = socket.socket()
            server.bind(("127.0.0.1", port))
            server.listen()
            return server

        server = listen(45871)
        assert server.getsockname()[1] == 45871
        if os.fork() == 0:
            os.setsid()
            for fd in range(3):
                os.close(fd)
            time.sleep(2)
            os._exit(0)
        """,
        """
        import socket

        def bound_port(port):
            with socket.socket() as server:
                server.bind(("127.0.0.1", port))
                return server.getsockname()[1]

        assert bound_port(45871) == 45871
        """,
    ),
    contaminating(
        "a thread that changes a module later",
        """
        import math, threading, time

        def later():
            time.sleep(0.15)
            math.sqrt = lambda x: -1.0
            time.time = lambda: 0.0

        threading.Thread(target=later, daemon=True).start()

        def root(x):
            return math.sqrt(x)

        assert root(4) == 2
        """,
        """
        import math, time

        def hypotenuse(a, b):
            return math.sqrt(a * a + b * b)

        deadline = time.monotonic() + 0.4
        while time.monotonic() < deadline:
            assert hypotenuse(3, 4) == 5
            time.sleep(0.02)
        assert time.time() > 1_000_000_000
        """,
    ),
    contaminating(
        "a finalizer that waits for the next program",
        """
        import collections, math

        class Late:
            def __init__(self):
                self.own = self

            def __del__(self, math=math, keep=[]):
                math.floor = lambda x: 0
                keep.append(self)

        def make():
            return Late()

        assert make().own is not None
        collections.keepalive = Late()
        """,
        """
        import gc, math

        def floors(values):
            return [math.floor(value) for value in values]

        gc.collect()
        assert floors([1.5, 2.0, -0.5]) == [1, 2, -1]
        """,
    ),
    contaminating(
        "trace, profile and audit hooks",
        """
        import sys, threading

        def hook(frame, event, argument):
            if event == "call" and frame.f_code.co_name == "slowly":
                raise RuntimeError("traced")
            return hook

        def audit(event, arguments):
            if event == "open" and "victim" in str(arguments[0]):
                raise RuntimeError("audited")

        sys.addaudithook(audit)
        threading.settrace(hook)
        threading.setprofile(hook)
        sys.setprofile(hook)
        sys.settrace(hook)

        def one():
            return 1

        assert one() == 1
        """,
        """
        import sys

        def slowly(path):
            with open(path, "w") as file:
                return file.write("text")

        assert slowly("victim.txt") == 4
        assert sys.gettrace() is None
        """,
    ),
    contaminating(
        "limits of the interpreter",
        """
        import gc, sys

        sys.setrecursionlimit(120)
        sys.set_int_max_str_digits(640)
        gc.disable()
        gc.set_threshold(1, 1, 1)
        sys.tracebacklimit = 0
        sys.dont_write_bytecode = False
        sys.setswitchinterval(10)

        def limit():
            return sys.getrecursionlimit()

        assert limit() == 120
        """,
        """
        import gc, sys

        def depth(n):
            return 0 if n == 0 else 1 + depth(n - 1)

        assert depth(900) == 900
        assert len(str(10 ** 4000)) == 4001
        assert gc.isenabled()
        assert not hasattr(sys, "tracebacklimit")
        """,
    ),
    contaminating(
        "memory held in caches of the library",
        """
        import functools, linecache, re, sys

        def hold(n):
            linecache.cache["held"] = (1, None, ["x" * (1 << 20) for _ in range(n)], "held")
            re.purge()
            for i in range(20):
                re.compile("(" + "|".join(f"{i}w{j}" for j in range(400)) + ")")
            sys.modules["held"] = bytearray(48 << 20)
            return n

        assert hold(32) == 32
        """,
        """
        import linecache, sys

        def holders(name):
            return [name in sys.modules, name in linecache.cache]

        def zeros(n):
            return bytearray(n)

        assert holders("held") == [False, False]
        assert holders("sys") == [True, False]
        assert len(zeros(64 << 20)) == 64 << 20
        """,
    ),
    contaminating(
        "modules that only it imports",
        """
        import chunk, sndhdr, sys

        def loaded(name):
            return name in sys.modules

        assert loaded("chunk")
        assert not loaded("no such module")
        sys.modules["victim_helper"] = sndhdr
        """,
        """
        import sys

        def loaded(*names):
            return [name for name in names if name in sys.modules]

        assert loaded("sndhdr", "chunk", "victim_helper", "sys") == ["sys"]
        """,
    ),
    contaminating(
        "the environment, the folder and the mask of files",
        """
        import os, tempfile, time

        os.environ["HOME"] = "/nowhere"
        os.environ["LANG"] = "tlh"
        os.environ["PYTHONPATH"] = "/nowhere"
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        os.chdir("/")
        os.umask(0o777)
        tempfile.tempdir = "/nowhere"

        def folder():
            return os.getcwd()

        assert folder() == "/"
        """,
        """
        import os, stat, tempfile, time

        def new_file_mode(name):
            with open(name, "w"):
                return stat.S_IMODE(os.stat(name).st_mode)

        assert new_file_mode("a.txt") & 0o600 == 0o600
        assert os.getcwd() != "/"
        assert os.path.isdir(tempfile.gettempdir())
        assert os.environ.get("PYTHONPATH") != "/nowhere"
        assert time.tzname[0] != "JST"
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
        "settings of numpy",
        """
        import numpy as np

        np.seterr(all="raise")
        np.set_printoptions(precision=1, suppress=True)
        np.random.seed(1)
        np.sort = lambda a, **options: a

        def rounded(x):
            return str(np.array([x]))

        assert rounded(1.26) == "[1.3]"
        """,
        """
        import warnings
        import numpy as np

        def safe_divide(a, b):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.array(a) / np.array(b)

        assert safe_divide([1.0], [0.0])[0] == np.inf
        assert str(np.array([1.2345])) == "[1.2345]"
        assert list(np.sort(np.array([2, 1]))) == [1, 2]
        """,
    ),
    contaminating(
        "signals that are handled and blocked",
        """
        import signal

        def install():
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGALRM})
            return signal.getsignal(signal.SIGALRM)

        assert install() == signal.SIG_IGN
        """,
        """
        import os, signal

        received = []

        def on_signal(number, frame):
            received.append(number)

        signal.signal(signal.SIGUSR1, on_signal)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert received == [signal.SIGUSR1]
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
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
