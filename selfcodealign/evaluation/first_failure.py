"""The first failing test of a sample: the record in `results.json`, and the text in it.

`harness_script` sends this module into the sandbox, so it imports nothing but the standard library.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

MAX_CHARS = 200
"""Characters of each text of a `FirstFailure`, at most."""
CUT = "..."
TEST_KINDS = ("base", "plus")


class FailureKind(StrEnum):
    """How the first failing test failed."""

    BEFORE_TESTS = "before_tests"
    """The program did not compile, raised at its import, or does not define the function."""
    EXCEPTION = "exception"
    """The call raised an exception."""
    WRONG_VALUE = "wrong_value"
    """The call returned something else than expected."""
    TIMEOUT = "timeout"
    """The call, or the import of the program, did not end in time."""
    EXIT = "exit"
    """The program ended its process instead of returning."""
    UNREPEATED = "unrepeated"
    """The test failed, but passed when it was repeated to record its outcome."""
    SANDBOX = "sandbox"
    """The program ended the sandbox, so the failing test is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFailure:
    """The first test that a sample fails. The texts are evidence for readers and decide nothing.

    All texts are one line of at most `MAX_CHARS` characters, with control characters escaped.

    Attributes:
        kind: how the test failed.
        tests: `base`, or `plus` for EvalPlus's extra tests of a sample that passes the base tests.
        index: position of the input in the task's list of these tests, from 0; None: the program failed before them.
        call: the function and its arguments.
        expected: the value that the reference solution returns.
        outcome: the value that the call returned, or the exception, or how the process ended.
        after_earlier: whether the test fails only after the calls of the tests before it, because the program keeps
            state between calls.
    """

    kind: FailureKind
    tests: Literal["base", "plus"]
    index: int | None = None
    call: str | None = None
    expected: str | None = None
    outcome: str | None = None
    after_earlier: bool = False

    def as_row(self) -> dict[str, Any]:
        """The JSON object that `read_first_failure` reads, of plain types that every process can unpickle."""
        return {**asdict(self), "kind": self.kind.value}


def read_first_failure(row: object) -> FirstFailure | None:
    """A `first_failure` of `results.json`; None where the row is not one.

    Args:
        row: the JSON value. Texts that are too long or hold control characters are shortened and escaped.
    """
    if not isinstance(row, Mapping):
        return None
    kind, tests, index = row.get("kind"), row.get("tests"), row.get("index")
    is_index = index is None or (isinstance(index, int) and not isinstance(index, bool) and index >= 0)
    if kind not in list(FailureKind) or tests not in list(TEST_KINDS) or not is_index:
        return None
    return FirstFailure(
        kind=FailureKind(kind),
        tests=tests,
        index=index,
        call=_text(row.get("call")),
        expected=_text(row.get("expected")),
        outcome=_text(row.get("outcome")),
        after_earlier=row.get("after_earlier") is True,
    )


def _text(value: Any) -> str | None:
    return cut(one_line(value)) if isinstance(value, str) else None


def one_line(text: str) -> str:
    """The text with every character that is not printable, line breaks among them, as a backslash escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def cut(text: str, place: int = 0) -> str:
    """At most `MAX_CHARS` characters of a text, among them the one at `place`; what is left out is marked by `...`."""
    if len(text) <= MAX_CHARS:
        return text
    if place < MAX_CHARS * 2 // 3:
        return text[: MAX_CHARS - len(CUT)] + CUT
    start = place - MAX_CHARS // 3
    if len(text) - start <= MAX_CHARS - len(CUT):
        return CUT + text[len(CUT) - MAX_CHARS :]
    return CUT + text[start : start + MAX_CHARS - 2 * len(CUT)] + CUT


def cut_to_difference(first: str, second: str) -> tuple[str, str]:
    """Two texts, each cut with `cut`, such that the place where they begin to differ is shown."""
    pairs = enumerate(zip(first, second, strict=False))
    shorter = min(len(first), len(second))
    place = next((number for number, (one, other) in pairs if one != other), shorter)
    return cut(first, place), cut(second, place)
