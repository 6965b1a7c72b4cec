"""Programs that leave foreign keys, modules or memory in caches, each followed by a program that must not notice."""

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
)
