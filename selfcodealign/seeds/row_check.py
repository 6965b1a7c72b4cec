"""All filters that look at one function alone, one after the other: what a worker applies to each seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from selfcodealign.curation import Decontaminator, Hit
from selfcodealign.params import FilterSeeds
from selfcodealign.records import Seed
from selfcodealign.seeds.names import COMPILER_ERRORS
from selfcodealign.seeds.parsed import ParsedSeed, parse_seed
from selfcodealign.seeds.reasons import FilterReason
from selfcodealign.seeds.row_filters import text_filters, tree_filters

RowT = TypeVar("RowT")


@dataclass(slots=True)
class RowCheck:
    """What the filters say of one seed.

    Attributes:
        reason: of the first filter that it does not pass; None for a seed that passes all.
        detail: what is wrong, if that says more than the reason.
        seconds: of each filter that looked at it, in their order.
        hits: benchmark texts that it holds.
    """

    reason: FilterReason | None = None
    detail: str | None = None
    seconds: dict[FilterReason, float] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)


class RowFilters:
    """The filters that are on; the syntax tree of a seed lives no longer than the look at it."""

    def __init__(self, settings: FilterSeeds, benchmarks: Decontaminator | None) -> None:
        """Choose the filters.

        Args:
            settings: which are on.
            benchmarks: what no seed may hold; None: not compared.
        """
        self._settings = settings
        self._benchmarks = benchmarks

    @property
    def reasons(self) -> list[FilterReason]:
        """The reasons of the filters that are on, in their order."""
        reasons = [reason for reason, _ in (*text_filters(self._settings), *tree_filters(self._settings))]
        return reasons if self._benchmarks is None else [*reasons, FilterReason.BENCHMARK_TEXT]

    def __call__(self, seed: Seed) -> RowCheck:
        """Look at one seed with each filter, until one does not let it pass."""
        check = RowCheck()
        for reason, text_filter in text_filters(self._settings):
            if not _passes(check, reason, text_filter, seed):
                return check
        try:
            parsed = parse_seed(seed)
        except COMPILER_ERRORS as error:
            return RowCheck(FilterReason.TYPES, f"syntax: {' '.join(str(error).split())[:200]}", check.seconds)
        for reason, tree_filter in tree_filters(self._settings):
            if not _passes(check, reason, tree_filter, parsed):
                return check
        if self._benchmarks is not None:
            _passes(check, FilterReason.BENCHMARK_TEXT, partial(_benchmark_text, self._benchmarks, check), parsed)
        return check


def _benchmark_text(benchmarks: Decontaminator, check: RowCheck, parsed: ParsedSeed) -> str | None:
    check.hits = benchmarks.hits(parsed.seed.id, parsed.seed.code)
    return check.hits[0].described if check.hits else None


def crashed(_seed: Seed) -> RowCheck:
    """What is said of a seed whose check ended the process: it is no program that tools can read."""
    return RowCheck(FilterReason.TYPES, "syntax: the process that parsed it ended")


def _passes(check: RowCheck, reason: FilterReason, look: Callable[[RowT], str | None], row: RowT) -> bool:
    started = time.perf_counter()
    detail = look(row)
    check.seconds[reason] = time.perf_counter() - started
    if detail is not None:
        check.reason, check.detail = reason, detail
    return detail is None
