"""Sources that are hard to read or to compile, and computations that do not end."""

from hostile.program import Hostile, hostile


def source(name: str, statuses: str, text: str) -> Hostile:
    """A program whose text must reach the sandbox as it is."""
    made = hostile(name, statuses, "")
    return Hostile(made.name, made.statuses, text, made.after)


PROGRAMS = (
    source("a source beyond the limit", "syntax", "#" * (5 << 20)),
    source("a source of twenty thousand lines", "passed", "x = 1\n" * 20_000 + "assert x == 1\n"),
    source("a line of a million characters", "passed", f"x = '{'a' * 10**6}'\nassert len(x) == 10 ** 6\n"),
    source("parentheses a hundred thousand deep", "syntax memory", "x = " + "(" * 100_000 + ")" * 100_000),
    source("brackets ninety deep", "passed", "x = " + "[" * 90 + "]" * 90 + "\nassert x\n"),
    source("signs a hundred thousand deep", "syntax memory error", "x = " + "-" * 100_000 + "1\n"),
    source("a sum of a hundred thousand terms", "syntax memory error", "x = " + "+".join(["1"] * 100_000)),
    source("an attribute a hundred thousand deep", "syntax memory error", "x = 1\nx" + ".real" * 100_000),
    source(
        "blocks that are nested too deep",
        "syntax",
        "\n".join("    " * depth + "if 1:" for depth in range(150)) + "\n" + "    " * 150 + "x = 1",
    ),
    source("NUL bytes", "syntax", "x = 1\0\nassert x"),
    source("a NUL byte in a comment that hides a test", "syntax failed", "x = 1\n#\0\rassert x == 2\n"),
    source("a lone surrogate", "syntax", "x = '\ud800'\nassert x"),
    source("a byte order mark in the middle", "syntax", "x = 1\n\ufeffassert x == 2\n"),
    source("a coding that does not exist", "passed syntax", "# -*- coding: no-such-codec -*-\nx = 1\nassert x == 1\n"),
    source("a coding that would hide a test", "failed syntax", "# -*- coding: rot13 -*-\nx = 1\nassert x == 2\n"),
    source("a carriage return that hides a test", "failed", "x = 1\n# a comment\rassert x == 2\n"),
    source("a form feed and a vertical tab", "failed syntax", "x = 1\n\x0cassert x == 2\n\x0b"),
    source("letters that look like others", "failed", "x = 1\n\uff58 = 2\nassert x == 1\n"),
    source("text that turns around", "failed", "x = 1\n# \u202e\u2066 assert x == 1\nassert x == 2  # \u2069\n"),
    source("an unfinished string", "syntax", "x = 1\nassert x == 1\n'''"),
    source("tabs and spaces mixed", "syntax", "if 1:\n\tx = 1\n        assert x == 2\n"),
    source("a huge integer", "timeout memory error", "x = 10 ** 10 ** 8\nprint(len(str(x)))"),
    source("an integer that does not end", "timeout memory", "x = 7 ** 7 ** 9\nassert x % 10 == 1\n"),
    source("an integer too long for a text", "error", "x = str(10 ** 5000)\nassert x\n"),
    source("a shift beyond all memory", "memory error", "x = 1 << 10 ** 12\nassert x\n"),
    source("an integer literal that is too long", "syntax", "x = " + "1" * 5000 + "\nassert x\n"),
    source(
        "a pattern that blows up", "timeout", "import re\nx = re.match('(a+)+$', 'a' * 40 + 'b')\nassert x is None\n"
    ),
    source("a text that is a million times too long", "memory", "x = 'x' * 10 ** 12\n"),
    source("a program that compiles another", "error memory", "compile('(' * 10 ** 5, 'x', 'exec')\n"),
    source(
        "pickle that runs code", "incomplete", "import os, pickle\npickle.loads(b'cos\\n_exit\\n(I0\\ntR.')\nx = 1\n"
    ),
)
