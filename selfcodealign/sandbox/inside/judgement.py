"""What a pass is: the program ran to its end, its tests notice broken code, and its code does not pass wrong tests.

`judge` yields the counterfactual copies to run, one at a time, and receives the status with which each one ended. It
neither runs programs nor reads them, so that the same rules hold wherever the copies run.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from selfcodealign.sandbox.inside.execution import GOOD_ENDS

# How the copies of broken code are broken; the first one is enough for most programs.
BREAKS = ("unequal", "equal", "nothing")
# Assertions whose expected value is made wrong; of more, this many spread over the tests.
MAX_SITES = 16
MAX_LEAVES = 6
# Which of the expected values are made wrong, instead of a number: all of them, or those that are found by their hash.
ALL, HASHED = -1, -2
# What tests end with that do not hold; `exit_code` is how a program of its own reports that.
FAILURES = frozenset({"failed", "exit_code"})
# A copy that ends like this has not noticed anything, whatever it left out.
SURVIVED = GOOD_ENDS | {"incomplete", "unexpected"}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the program to run.

    Attributes:
        kind: `real`; `break`, with broken code; `shadow`, the same except for what shadows builtins; `mute`, the same
            without the assertions about it and without exceptions that it has to suppress; `harden`, in which a failing
            assertion cannot be swallowed; `expect`, with a wrong expected value; `fail` and `fail_all`, with assertions
            that fail; `doctest`, with other expected output; `fresh`, in which the code is given copies of its inputs;
            `spoil`, with code that fills its input with wrong values and returns it.
        breaking: for `break` and `mute`: one of `BREAKS`.
        site: for `expect` and `fail`: number of the assertion.
        leaf: for `expect`: which of the expected values is wrong, or `ALL` or `HASHED`.
    """

    kind: str
    breaking: str = ""
    site: int = -1
    leaf: int = ALL


class SiteFacts(NamedTuple):
    """What is known of an assertion about the code.

    Attributes:
        number: of the assertion among all of the tests.
        line: where it stands.
        is_decisive: its form cannot hold for a wrong expected value.
        is_certain: a program that ended has certainly run it.
        num_leaves: how many values it expects, as a negative number if they make an object of the program.
        has_hashed: it expects sets or dicts, in which values are found by their hash.
        is_independent: what it expects does not come from the code itself.
    """

    number: int
    line: int
    is_decisive: bool
    is_certain: bool
    num_leaves: int
    has_hashed: bool
    is_independent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a program before it runs.

    Attributes:
        is_plain: it can touch nothing but its own objects, so that its copies may run in one process.
        can_break: there is code under test.
        shadows: some of it has the names of builtins, and some has not.
        swallows: a failing assertion might be caught.
        rigs: the code might change what the tests see or do, other than by its results.
        has_doctests: it runs examples of its docstrings.
        compares_inputs: an assertion expects what was given to the code.
        alters_code: the name by which it reaches into code that runs; empty if it names none.
        sites: the assertions about the code.
    """

    is_plain: bool
    can_break: bool
    shadows: bool
    swallows: bool
    rigs: bool
    has_doctests: bool
    compares_inputs: bool
    alters_code: str
    sites: list[SiteFacts]


@dataclass(slots=True)
class Judgement:
    """A verdict on a program that ran to its end.

    Attributes:
        status: as in a verdict.
        note: why it is not `passed`.
        line: of the assertion that decided it; 0 for none.
        noticed: breaks that the tests noticed.
        missed: breaks that they did not notice.
    """

    status: str = "passed"
    note: str = ""
    line: int = 0
    noticed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


def judge(facts: Facts, *, has_exited: bool) -> Generator[Copy, str, Judgement]:
    """Judge a program that ended well.

    Args:
        facts: what is known of it.
        has_exited: it ended by `sys.exit`.

    Yields:
        A copy to run; how it ended is sent back: `done`, `exited`, `swallowed`, or any other status.

    Returns:
        The judgement.
    """
    found = Judgement()
    if facts.alters_code:
        found.status = "vacuous"
        found.note = f"the program reaches into code that runs ({facts.alters_code}): its assertions prove nothing\n"
        return found
    if facts.can_break:
        for breaking in BREAKS:
            is_noticed = yield from _is_noticed(facts, breaking)
            (found.noticed if is_noticed else found.missed).append(breaking)
            if is_noticed:
                break
    if not found.noticed:
        found.status = "vacuous"
        found.note = "the tests also pass when all results of the code are wrong\n"
    elif (fault := (yield from _find_fault(facts))) is not None:
        found.status, found.note = fault
    elif facts.rigs or has_exited:
        yield from _judge_sites(facts, found, has_exited=has_exited)
    return found


def _find_fault(facts: Facts) -> Generator[Copy, str, tuple[str, str] | None]:
    """The status and the note of a program whose tests notice broken code and say nothing all the same."""
    if facts.shadows and (yield Copy("shadow", "unequal")) in SURVIVED:
        return "vacuous", "the tests pass with broken code that replaces builtins\n"
    if (yield from _is_idle(facts)):
        return "vacuous", "no assertion about the code is run, or its failure changes nothing\n"
    if facts.compares_inputs and (yield Copy("fresh")) not in SURVIVED and (yield Copy("spoil")) in SURVIVED:
        return "vacuous", "what the code changes in place is only compared with itself\n"
    if facts.swallows and (yield Copy("harden")) == "swallowed":
        return "failed", "an assertion failed and was swallowed\n"
    return None


def _is_noticed(facts: Facts, breaking: str) -> Generator[Copy, str, bool]:
    """Whether the tests fail for broken code.

    Another exception than a failure may have come from an assertion, from a block whose exception the code has to
    suppress, or on the way to one: then the same must not come without them, or an assertion must depend on what it
    expects. For `None`, with which most operations fail, only failures count.
    """
    status = yield Copy("break", breaking)
    if status != "error" or breaking == "nothing":
        return status in FAILURES
    if (yield Copy("mute", breaking)) in SURVIVED:
        return True
    for site in _spread([site for site in facts.sites if site.is_decisive and site.is_independent]):
        if (yield Copy("expect", site=site.number)) not in SURVIVED:
            return True
    return False


def _is_idle(facts: Facts) -> Generator[Copy, str, bool]:
    """Whether the program also ends well when every assertion fails, whatever it says."""
    if facts.has_doctests and (yield Copy("doctest")) in SURVIVED:
        return True
    has_certain = any(site.is_certain for site in facts.sites)
    return bool(facts.sites) and not has_certain and (yield Copy("fail_all")) in SURVIVED


def _judge_sites(facts: Facts, found: Judgement, *, has_exited: bool) -> Generator[Copy, str, None]:
    """With a wrong expected value each assertion must fail; one that fails whatever it says must be noticed."""
    for site in _spread(facts.sites):
        if not (yield from _holds_for_wrong(site)):
            continue
        must_run = site.is_certain or has_exited
        if not site.is_decisive and not must_run:
            continue
        is_reached = (yield Copy("fail", site=site.number)) not in SURVIVED
        if site.is_decisive and is_reached:
            found.status, found.line = "vacuous", site.line
            found.note = f"the assertion in line {site.line} also holds for a wrong expected value\n"
            return
        if must_run and not is_reached:
            found.status, found.line = "incomplete", site.line
            found.note = f"the assertion in line {site.line} was not run\n"
            return


def _holds_for_wrong(site: SiteFacts) -> Generator[Copy, str, bool]:
    """Whether an assertion holds for wrong expected values; of several each may be wrong alone.

    Those that an object is made of (a negative number of them) need not all decide how it compares: one suffices.
    """
    if site.has_hashed and (yield Copy("expect", site=site.number, leaf=HASHED)) in SURVIVED:
        return True
    number, num_leaves = site.number, site.num_leaves
    count = min(abs(num_leaves), MAX_LEAVES)
    if count < 2:
        return (yield Copy("expect", site=number)) in SURVIVED
    for place in range(count):
        survived = (yield Copy("expect", site=number, leaf=place * abs(num_leaves) // count)) in SURVIVED
        if survived == (num_leaves > 0):
            return survived
    return num_leaves < 0


def _spread(sites: Sequence[SiteFacts]) -> Sequence[SiteFacts]:
    if len(sites) <= MAX_SITES:
        return sites
    return [sites[index * (len(sites) - 1) // (MAX_SITES - 1)] for index in range(MAX_SITES)]


def facts_from(content: dict[str, Any]) -> Facts:
    """Facts as they come over a pipe."""
    return Facts(**{**content, "sites": [SiteFacts(*site) for site in content["sites"]]})
