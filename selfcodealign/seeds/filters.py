"""The quality filters in their order: cheap ones on every seed, expensive ones only until enough seeds are found.

SelfCodeAlign, section 3 (seed collection) and its appendix on quality filtering: 5.4 million functions with
docstrings become 249 thousand.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from selfcodealign.params import FilterSeeds
from selfcodealign.progress import progress
from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds.benchmark_text import BenchmarkTexts
from selfcodealign.seeds.draw import in_draw_order
from selfcodealign.seeds.judge import Judge
from selfcodealign.seeds.names import COMPILER_ERRORS
from selfcodealign.seeds.parsed import ParsedSeed, parse_seed
from selfcodealign.seeds.reasons import FilterReason
from selfcodealign.seeds.row_filters import text_filters, tree_filters
from selfcodealign.seeds.type_check import type_errors

logger = logging.getLogger(__name__)

# Fixed, and not taken from the number of cores: batches decide which rows are checked, so they are part of the result.
MIN_BATCH = 64
MAX_BATCH = 2048
# Of the rows that reach the expensive filters, about this share passes them; only the number of batches depends on it.
EXPECTED_PASS_SHARE = 0.5

RowT = TypeVar("RowT")
TypeCheck = Callable[[Sequence[str]], list[str | None]]
Smoke = Callable[[Sequence[Seed]], list[str | None]]
NearDuplicates = Callable[[Sequence[str]], Sequence[int | None]]


@dataclass(slots=True)
class Filtered:
    """What the filters left.

    Attributes:
        seeds: kept seeds, in the order of the draw.
        dropped: one row for each seed that was not kept.
        checked: seeds that each filter looked at, by reason.
        counts: seeds that each filter dropped, by reason; filters that are on are there with 0.
        seconds: wall time of each filter, by reason.
    """

    seeds: list[Seed] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, reason: FilterReason, num_rows: int) -> Iterator[None]:
        """Add the time of the block, and the rows that it looks at, to a filter."""
        started = time.monotonic()
        self.checked[reason] += num_rows
        self.counts.setdefault(reason, 0)
        yield
        self.seconds[reason] = self.seconds.get(reason, 0.0) + time.monotonic() - started

    def drop(self, row: Seed, reason: FilterReason, detail: str | None, *, with_text: bool = True) -> None:
        """Count a row as dropped."""
        self.counts[reason] += 1
        place = f"{row.package} {row.file}:{row.first_line} {row.name}"
        self.dropped.append(
            Dropped(
                id=row.id,
                parent_id="",
                reason=reason,
                detail=f"{place}: {detail}" if detail else place,
                text=row.code if with_text else "",
            )
        )


def filter_seeds(
    seeds: Sequence[Seed],
    settings: FilterSeeds,
    *,
    seed: int,
    benchmarks: BenchmarkTexts | None = None,
    judge: Judge | None = None,
    near_duplicates: NearDuplicates | None = None,
    type_check: TypeCheck | None = None,
    smoke: Smoke | None = None,
) -> Filtered:
    """Apply the filters that are on.

    The cheap filters see every seed. The expensive ones (types, smoke, near-duplicates, judge) see seeds in the order
    of the draw, batch after batch, until `settings.max_seeds` are found; the rest is counted as `beyond_max_seeds`.

    Args:
        seeds: candidates, with distinct ids.
        settings: the `filter_seeds` section of the params.
        seed: the run's seed, for the draw.
        benchmarks: texts of the evaluated benchmarks; needed if `settings.benchmark_text`.
        judge: needed if `settings.judge`.
        near_duplicates: for texts, the index of the earlier text that each duplicates, or None; default: MinHash-LSH
            of `selfcodealign.curation` at `settings.jaccard`.
        type_check: for programs, the first error of each, or None; default: `settings.type_checker`.
        smoke: for seeds, why each does not run, or None; needed if `settings.smoke`.

    Returns:
        Kept and dropped seeds; together as many as came in.

    Raises:
        PrerequisiteError: the type checker is missing.
        ValueError: a filter is on and what it needs was not given.
    """
    if settings.benchmark_text and benchmarks is None:
        raise ValueError("benchmark_text is on, but no benchmark texts were given")
    if settings.judge and judge is None:
        raise ValueError("judge is on, but no judge was given")
    if settings.smoke and smoke is None:
        raise ValueError("smoke is on, but nothing to run seeds with was given")
    result = Filtered()
    candidates = _cheap(seeds, settings, benchmarks, result)
    queue = list(in_draw_order((parsed.seed for parsed in candidates), seed))
    expensive = _Expensive(
        type_check=(type_check or _type_check(settings)) if settings.types else None,
        smoke=smoke if settings.smoke else None,
        near_duplicates=(near_duplicates or _minhash(settings)) if settings.near_duplicates else None,
        judge=judge if settings.judge else None,
        result=result,
    )
    num_checked = 0
    with progress("filter seeds: types, duplicates, judge", len(queue)) as bar:
        while num_checked < len(queue) and not _is_enough(expensive.kept, settings.max_seeds):
            size = _batch_size(settings.max_seeds, len(expensive.kept))
            batch = queue[num_checked : num_checked + size]
            expensive.check(batch)
            num_checked += len(batch)
            bar.advance(len(batch), note=f"{len(expensive.kept)} seeds")
    expensive.settle()
    limit = len(expensive.kept) if settings.max_seeds is None else settings.max_seeds
    result.seeds = expensive.kept[:limit]
    for row in (*expensive.kept[limit:], *queue[num_checked:]):
        result.drop(row, FilterReason.BEYOND_MAX_SEEDS, None, with_text=False)
    return result


def _is_enough(kept: Sequence[Seed], max_seeds: int | None) -> bool:
    return max_seeds is not None and len(kept) >= max_seeds


def _batch_size(max_seeds: int | None, num_kept: int) -> int:
    if max_seeds is None:
        return MAX_BATCH
    wanted = int((max_seeds - num_kept) / EXPECTED_PASS_SHARE)
    return min(max(wanted, MIN_BATCH), MAX_BATCH)


def _cheap(
    seeds: Sequence[Seed], settings: FilterSeeds, benchmarks: BenchmarkTexts | None, result: Filtered
) -> list[ParsedSeed]:
    """The seeds that pass every filter that looks at one function alone, filter by filter."""
    rows = _passing(list(seeds), text_filters(settings), lambda row: row, result)
    parsed = []
    for row in rows:
        try:
            parsed.append(parse_seed(row))
        except COMPILER_ERRORS as error:
            result.drop(row, FilterReason.TYPES, f"syntax: {' '.join(str(error).split())[:200]}")
    checks = tree_filters(settings)
    if settings.benchmark_text and benchmarks is not None:
        checks.append((FilterReason.BENCHMARK_TEXT, benchmarks.check))
    left = _passing(parsed, checks, lambda entry: entry.seed, result)
    logger.info("filter seeds: %d of %d pass the cheap filters", len(left), len(seeds))
    return left


def _passing(
    rows: list[RowT],
    checks: Sequence[tuple[FilterReason, Callable[[RowT], str | None]]],
    seed_of: Callable[[RowT], Seed],
    result: Filtered,
) -> list[RowT]:
    """The rows that pass some filters, filter by filter, so that each has its own count and time."""
    for reason, check in checks:
        passed = []
        with result.timed(reason, len(rows)):
            for row in rows:
                detail = check(row)
                if detail is None:
                    passed.append(row)
                else:
                    result.drop(seed_of(row), reason, detail)
        rows = passed
    return rows


@dataclass(slots=True)
class _Expensive:
    """The filters that need a tool, other rows or a model. `kept`: what passes so far, in the order of the draw."""

    type_check: TypeCheck | None
    smoke: Smoke | None
    near_duplicates: NearDuplicates | None
    judge: Judge | None
    result: Filtered
    kept: list[Seed] = field(default_factory=list)
    _sound: list[Seed] = field(default_factory=list)
    _duplicates: dict[str, Seed] = field(default_factory=dict)
    _judgements: dict[str, bool | None] = field(default_factory=dict)

    def check(self, batch: Sequence[Seed]) -> None:
        """Take one more batch and work out anew what is kept.

        Duplicates are sought among all rows so far, because a new row may join two groups that were apart.
        """
        check_types = self.type_check
        if check_types is not None:
            batch = self._without_errors(
                batch, FilterReason.TYPES, lambda rows: check_types([row.code for row in rows])
            )
        if self.smoke is not None:
            batch = self._without_errors(batch, FilterReason.DOES_NOT_RUN, self.smoke)
        self._sound.extend(batch)
        unique = self._unique()
        self._ask_judge([row for row in unique if row.id not in self._judgements])
        self.kept = [row for row in unique if self._judgements.get(row.id, self.judge is None)]

    def settle(self) -> None:
        """Drop what the last state of duplicates and judgements excludes."""
        for row in self._sound:
            twin = self._duplicates.get(row.id)
            if twin is not None:
                detail = f"of {twin.id} {twin.package} {twin.name}"
                self.result.drop(row, FilterReason.NEAR_DUPLICATES, detail)
            elif self.judge is not None and not self._judgements[row.id]:
                is_unparsed = self._judgements[row.id] is None
                self.result.drop(row, FilterReason.JUDGE_UNPARSED if is_unparsed else FilterReason.JUDGE_NO, None)

    def _without_errors(
        self, batch: Sequence[Seed], reason: FilterReason, find_errors: Callable[[Sequence[Seed]], list[str | None]]
    ) -> list[Seed]:
        with self.result.timed(reason, len(batch)):
            errors = find_errors(batch)
        for row, error in zip(batch, errors, strict=True):
            if error is not None:
                self.result.drop(row, reason, error)
        return [row for row, error in zip(batch, errors, strict=True) if error is None]

    def _unique(self) -> list[Seed]:
        if self.near_duplicates is None:
            return self._sound
        with self.result.timed(FilterReason.NEAR_DUPLICATES, 0):
            twins = self.near_duplicates([row.code for row in self._sound])
        self.result.checked[FilterReason.NEAR_DUPLICATES] = len(self._sound)
        pairs = list(zip(self._sound, twins, strict=True))
        self._duplicates = {row.id: self._sound[twin] for row, twin in pairs if twin is not None}
        return [row for row, twin in pairs if twin is None]

    def _ask_judge(self, rows: Sequence[Seed]) -> None:
        if self.judge is None:
            return
        with self.result.timed(FilterReason.JUDGE_NO, len(rows)):
            self._judgements.update(zip((row.id for row in rows), self.judge(rows), strict=True))
        self.result.counts.setdefault(FilterReason.JUDGE_UNPARSED, 0)


def _type_check(settings: FilterSeeds) -> TypeCheck:
    def check(programs: Sequence[str]) -> list[str | None]:
        num_threads = (os.cpu_count() or 1) if len(programs) > MAX_BATCH // 4 else 1
        return type_errors(programs, checker=settings.type_checker, num_threads=num_threads)

    return check


def _minhash(settings: FilterSeeds) -> NearDuplicates:
    def duplicates(texts: Sequence[str]) -> Sequence[int | None]:
        from selfcodealign.curation import near_duplicate_code

        return near_duplicate_code(
            texts,
            jaccard=settings.jaccard,
            normalised_jaccard=settings.normalised_jaccard,
            num_workers=os.cpu_count() or 1,
        )

    return duplicates
