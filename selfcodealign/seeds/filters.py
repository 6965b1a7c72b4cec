"""The quality filters in their order: cheap ones on every seed, expensive ones only until enough seeds are found.

SelfCodeAlign, section 3 (seed collection) and its appendix on quality filtering: 5.4 million functions with
docstrings become 249 thousand.

Time grows linearly with the number of functions, and memory with the number of those that pass the cheap filters.
"""

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from selfcodealign.curation import Decontaminator, Hit, near_duplicate_code
from selfcodealign.parallel import ALONE, ordered_map
from selfcodealign.params import FilterSeeds, Workers
from selfcodealign.progress import progress
from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds.draw import in_draw_order
from selfcodealign.seeds.judge import Judge
from selfcodealign.seeds.reasons import FilterReason
from selfcodealign.seeds.row_check import RowFilters, crashed
from selfcodealign.seeds.type_check import type_errors

# The rows that the expensive filters see are part of the result, so they follow from the settings and the rows alone.
MIN_LOOK = 64
# Of those rows about this share passes.
EXPECTED_PASS_SHARE = 0.5
# A look takes in a quarter more rows at least: duplicates are sought among all rows so far, and this bounds the work.
MIN_GROWTH = 0.25
# Rows up to which the start of processes costs more than it saves.
INLINE_ROWS = 4096

TypeErrors = Callable[[Sequence[str]], Iterable[str | None]]
Smoke = Callable[[Sequence[Seed]], Iterable[str | None]]
NearDuplicates = Callable[[Sequence[str]], Sequence[int | None]]


@dataclass(slots=True)
class Filtered:
    """What the filters left.

    Attributes:
        seeds: kept seeds, in the order of the draw.
        dropped: one row for each seed that was not kept, if they are kept in memory.
        hits: benchmark texts that were found, in the order of the rows.
        checked: seeds that each filter looked at, by reason.
        counts: seeds that each filter dropped, by reason; filters that are on are there with 0.
        seconds: time of each filter, by reason; of the cheap ones the sum over all workers.
        on_drop: takes each dropped row, which is then not kept in memory.
    """

    seeds: list[Seed] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    on_drop: Callable[[Dropped], None] | None = None

    @contextmanager
    def timed(self, reason: FilterReason, num_rows: int) -> Iterator[None]:
        """Add the time of the block, and the rows that it looks at, to a filter."""
        started = time.monotonic()
        self.checked[reason] += num_rows
        self.counts.setdefault(reason, 0)
        yield
        self.seconds[reason] += time.monotonic() - started

    def drop(self, row: Seed, reason: FilterReason, detail: str | None, *, with_text: bool = True) -> None:
        """Count a row as dropped."""
        self.counts[reason] += 1
        place = f"{row.package} {row.file}:{row.first_line} {row.name}"
        (self.on_drop or self.dropped.append)(
            Dropped(
                id=row.id,
                parent_id="",
                reason=reason,
                detail=f"{place}: {detail}" if detail else place,
                text=row.code if with_text else "",
            )
        )


def filter_seeds(
    seeds: Iterable[Seed],
    settings: FilterSeeds,
    *,
    seed: int,
    benchmarks: Decontaminator | None = None,
    judge: Judge | None = None,
    near_duplicates: NearDuplicates | None = None,
    type_check: TypeErrors | None = None,
    smoke: Smoke | None = None,
    workers: Workers = ALONE,
    on_drop: Callable[[Dropped], None] | None = None,
) -> Filtered:
    """Apply the filters that are on.

    The cheap filters see every seed. The expensive ones (types, smoke, near-duplicates, judge) see seeds in the order
    of the draw, one look after the other, until `settings.max_seeds` are found; the rest is counted as
    `beyond_max_seeds`. Neither the order of the seeds nor the workers change what is kept.

    Args:
        seeds: candidates, with distinct ids; read once, a bounded number ahead.
        settings: the `filter_seeds` section of the params.
        seed: the run's seed, for the draw.
        benchmarks: texts of the evaluated benchmarks; needed if `settings.benchmark_text`.
        judge: needed if `settings.judge`.
        near_duplicates: for texts, the index of the earlier text that each duplicates, or None; default: MinHash-LSH
            of `selfcodealign.curation` at `settings.jaccard`.
        type_check: for programs, the first error of each, or None; default: `settings.type_checker`.
        smoke: for seeds, why each does not run, or None; needed if `settings.smoke`.
        workers: where the cheap filters run, and near-duplicates are hashed.
        on_drop: takes each dropped row, which is then not kept in memory.

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
    result = Filtered(on_drop=on_drop)
    filters = RowFilters(settings, benchmarks if settings.benchmark_text else None)
    queue = list(in_draw_order(_passing(seeds, filters, workers, result), seed))
    expensive = _Expensive(
        type_check=(type_check or partial(type_errors, checker=settings.type_checker)) if settings.types else None,
        smoke=smoke if settings.smoke else None,
        near_duplicates=(near_duplicates or _minhash(settings, workers)) if settings.near_duplicates else None,
        judge=judge if settings.judge else None,
        result=result,
    )
    num_checked = 0
    with progress("filter seeds: types, duplicates, judge", len(queue)) as bar:
        while num_checked < len(queue) and not _is_enough(expensive.kept, settings.max_seeds):
            size = _look_size(settings.max_seeds, len(expensive.kept), num_checked)
            look = queue[num_checked:] if size is None else queue[num_checked : num_checked + size]
            expensive.check(look, lambda: bar.advance(note=f"{len(expensive.kept)} seeds"))
            num_checked += len(look)
    expensive.settle()
    limit = len(expensive.kept) if settings.max_seeds is None else settings.max_seeds
    result.seeds = expensive.kept[:limit]
    for row in (*expensive.kept[limit:], *queue[num_checked:]):
        result.drop(row, FilterReason.BEYOND_MAX_SEEDS, None, with_text=False)
    return result


def _is_enough(kept: Sequence[Seed], max_seeds: int | None) -> bool:
    return max_seeds is not None and len(kept) >= max_seeds


def _look_size(max_seeds: int | None, num_kept: int, num_checked: int) -> int | None:
    """How many more rows the expensive filters see; None: all."""
    if max_seeds is None:
        return None
    wanted = int((max_seeds - num_kept) / EXPECTED_PASS_SHARE)
    return max(wanted, MIN_LOOK, int(num_checked * MIN_GROWTH))


def _passing(seeds: Iterable[Seed], filters: RowFilters, workers: Workers, result: Filtered) -> Iterator[Seed]:
    """The seeds that pass every filter that looks at one function alone."""
    result.counts.update(dict.fromkeys(filters.reasons, 0))
    num_left = 0
    rows, looked_at = itertools.tee(seeds)
    checks = ordered_map(filters, looked_at, workers=workers, on_crash=crashed, inline_items=INLINE_ROWS)
    with progress("filter seeds: one by one") as bar:
        for row, check in zip(rows, checks, strict=True):
            result.checked.update(check.seconds.keys())
            for reason, seconds in check.seconds.items():
                result.seconds[reason] += seconds
            result.hits += check.hits
            if check.reason is None:
                num_left += 1
                yield row
            else:
                result.drop(row, check.reason, check.detail)
            bar.advance(note=f"{num_left} left")


@dataclass(slots=True)
class _Expensive:
    """The filters that need a tool, other rows or a model. `kept`: what passes so far, in the order of the draw."""

    type_check: TypeErrors | None
    smoke: Smoke | None
    near_duplicates: NearDuplicates | None
    judge: Judge | None
    result: Filtered
    kept: list[Seed] = field(default_factory=list)
    _sound: list[Seed] = field(default_factory=list)
    _duplicates: dict[str, Seed] = field(default_factory=dict)
    _judgements: dict[str, bool | None] = field(default_factory=dict)

    def check(self, look: Sequence[Seed], on_row: Callable[[], None]) -> None:
        """Take some more rows and work out anew what is kept.

        Duplicates are sought among all rows so far, because a new row may join two groups that were apart.
        """
        rows, check_types = look, self.type_check
        if check_types is not None:
            rows = self._without_errors(
                rows, FilterReason.TYPES, lambda checked: check_types([row.code for row in checked]), on_row
            )
        if self.smoke is not None:
            rows = self._without_errors(rows, FilterReason.DOES_NOT_RUN, self.smoke, lambda: None)
        self._sound.extend(rows)
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
        self,
        rows: Sequence[Seed],
        reason: FilterReason,
        find_errors: Callable[[Sequence[Seed]], Iterable[str | None]],
        on_row: Callable[[], None],
    ) -> list[Seed]:
        left = []
        with self.result.timed(reason, len(rows)):
            for row, error in zip(rows, find_errors(rows), strict=True):
                if error is None:
                    left.append(row)
                else:
                    self.result.drop(row, reason, error)
                on_row()
        return left

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


def _minhash(settings: FilterSeeds, workers: Workers) -> NearDuplicates:
    def duplicates(texts: Sequence[str]) -> Sequence[int | None]:
        return near_duplicate_code(
            texts, jaccard=settings.jaccard, normalised_jaccard=settings.normalised_jaccard, workers=workers
        )

    return duplicates
