"""What a case is: a program, the statuses that are right for it, and the program that runs right after it."""

import textwrap
from dataclasses import dataclass

ALL_STATUSES = frozenset(
    {"passed", "failed", "error", "syntax", "incomplete", "vacuous", "timeout", "memory", "output", "sandbox_error"}
)
PASSED = frozenset({"passed"})
NOT_PASSED = ALL_STATUSES - PASSED


@dataclass(frozen=True)
class Case:
    """A program whose verdict is known.

    Attributes:
        name: what the program is or does; unique among all cases.
        source: the program, tests included.
        statuses: those that are right.
        victim: runs right after it, in the same container; empty if nothing does.
        victim_statuses: those that are right for `victim`, whatever ran before.
    """

    name: str
    source: str
    statuses: frozenset[str]
    victim: str = ""
    victim_statuses: frozenset[str] = PASSED


def program(text: str) -> str:
    """The source in an indented text."""
    return textwrap.dedent(text).lstrip("\n")


def honest(name: str, source: str) -> Case:
    """A program whose tests hold and would notice wrong code: it must pass."""
    return Case(name, program(source), PASSED)


def dishonest(name: str, source: str) -> Case:
    """A program whose code is wrong, or whose tests say nothing about it: it must not pass."""
    return Case(name, program(source), NOT_PASSED)


def contaminating(name: str, source: str, victim: str) -> Case:
    """A program that may get any verdict, and an honest one after it that must pass."""
    return Case(name, program(source), ALL_STATUSES, program(victim))


def contaminating_in_favour(name: str, source: str, victim: str) -> Case:
    """A program that may get any verdict, and a wrong one after it that must fail in spite of it."""
    return Case(name, program(source), ALL_STATUSES, program(victim), frozenset({"failed"}))
