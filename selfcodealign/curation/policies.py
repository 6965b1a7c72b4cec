"""Selection policies: which response of a task comes first, and how a limited number of pairs is shared out."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from selfcodealign.curation.response_rules import SelectionSettings
from selfcodealign.params import Balance
from selfcodealign.records import Agreement, Instruction, Response, Seed, Strength, derived_seed

ItemT = TypeVar("ItemT")
Rank = tuple[tuple[float, ...], int, str]

WAYS = {
    "strongest": "the strongest tests of",
    "shortest": "the shortest of",
    "agreed": "passes most tests of",
}


def rank(
    response: Response, strength: Strength | None, agreement: Agreement | None, settings: SelectionSettings
) -> Rank:
    """Sorts the responses of a task: by the criteria of the settings, in their order, and then by the draw.

    Args:
        response: the response.
        strength: how strong its tests are, if that was measured.
        agreement: how far it agrees with the task's other responses, if that was measured.
        settings: how pairs are selected.
    """
    measures: dict[str, Callable[[], tuple[float, ...]]] = {
        "strongest": lambda: _weakest_last(strength),
        "shortest": lambda: (float(len(response.response)),),
        "agreed": lambda: _least_agreed_last(agreement),
    }
    measured = tuple(value for criterion in settings.criteria for value in measures[criterion]())
    return measured, derived_seed(settings.seed, "select", response.id), response.id


def _weakest_last(strength: Strength | None) -> tuple[float, float]:
    """By mutation score, then by branch coverage, the unknown ones behind all others."""
    score = strength.mutation_score if strength is not None else None
    coverage = strength.branch_coverage if strength is not None else None
    return (1.0 if score is None else -score), (1.0 if coverage is None else -coverage)


def _least_agreed_last(agreement: Agreement | None) -> tuple[float, float]:
    """By the share of the others' tests that it passes, then by their number; what was compared with none is last."""
    if agreement is None or agreement.num_compared == 0:
        return 1.0, 0.0
    return -agreement.num_passed / agreement.num_compared, -float(agreement.num_passed)


def why_kept(
    status: str, pool: int, settings: SelectionSettings, strength: Strength | None, agreement: Agreement | None
) -> str:
    """Why a pair was kept, in one line.

    Args:
        status: its verdict.
        pool: responses of its task that survive the rules.
        settings: how pairs are selected.
        strength: how strong its tests are, if that was measured.
        agreement: how far it agrees with the task's other responses, if that was measured.
    """
    way = ", then ".join(WAYS[criterion] for criterion in settings.criteria) or "drawn from"
    policy = f"{way} the {pool} responses of its task that survive the rules"
    if not settings.one_per_task:
        policy = "all responses that survive the rules are kept"
    if settings.max_examples is not None and settings.balance is not None:
        policy += f"; among {settings.max_examples} pairs in equal parts by {settings.balance}"
    if strength is not None:
        policy += (
            f"; its tests kill {strength.num_killed} of {strength.num_mutants} mutants"
            f" and take {strength.num_hit} of {strength.num_branches} branches"
        )
    if agreement is not None:
        policy += f"; it passes the tests of {agreement.num_passed} of {agreement.num_compared} other responses"
    return f"{status}; {policy}"


def part_of(balance: Balance, instruction: Instruction, seed: Seed) -> str:
    """The part that a pair belongs to."""
    parts = {
        "category": instruction.category,
        "difficulty": instruction.difficulty,
        "kind": f"{instruction.category}, {instruction.difficulty}",
        "package": seed.package,
    }
    return parts[balance]


def shared_out(items: Sequence[ItemT], limit: int, part: Callable[[ItemT], Hashable]) -> list[ItemT]:
    """At most `limit` items, as many of each part as can be: what one part lacks goes to the others.

    Args:
        items: in the order of preference.
        limit: items that are kept.
        part: what an item belongs to.

    Returns:
        Of each part its first items, in the order of `items`. Part sizes differ by at most one, but for parts that are
        kept whole; of parts that are equally large, those that come first get the odd items.
    """
    turns: dict[Hashable, int] = {}
    keyed = []
    for place, item in enumerate(items):
        key = part(item)
        keyed.append((turns.get(key, 0), place))
        turns[key] = turns.get(key, 0) + 1
    return [items[place] for place in sorted(place for _, place in sorted(keyed)[:limit])]
