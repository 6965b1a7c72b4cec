"""Filters on many functions: linear work, the same rows in any order and any batches, nothing checked twice."""

import importlib
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.dropped_rows import dropped_rows
from selfcodealign.errors import InputError
from selfcodealign.journal import open_journal
from selfcodealign.params import FilterSeeds
from selfcodealign.records import Dropped, Seed, read_rows, row_id, write_rows
from selfcodealign.seeds import Filtered, FilterReason, TypeCheck, filter_seeds, filters, journalled_types

WORDS = [f"word{number}" for number in range(40)]
FILTERS = {
    "docstring": False, "returns_value": False, "arguments": False, "bad_words": True, "system_imports": False,
    "test_code": False, "types": True, "benchmark_text": False, "near_duplicates": True, "judge": False, "min_lines": 1,
}  # fmt: skip


def function(generator: random.Random, base: Sequence[str], number: int) -> Seed:
    """A function whose words are those of a base but for some: near-duplicates at any similarity, in chains, too."""
    words = [generator.choice(WORDS) if generator.random() < 0.06 else word for word in base]
    odd = generator.choice(["", "", "", "  # wrong", "  # fixme"])
    code = f"def f{number}(x):\n    return [{', '.join(words)}]{odd}\n"
    return Seed(
        id=row_id(number, code), source="folder", package="p", version="1", licence="MIT", file=f"{number}.py",
        path=f"{number}.py", first_line=1, last_line=2, name=f"f{number}", docstring="", code=code,
    )  # fmt: skip


def functions(seed: int, count: int) -> list[Seed]:
    generator = random.Random(seed)
    bases = [generator.choices(WORDS, k=30) for _ in range(max(count // 4, 1))]
    return [function(generator, generator.choice(bases), number) for number in range(count)]


def wrong_ones(programs: Sequence[str]) -> list[str | None]:
    return ["wrong" if "# wrong" in program else None for program in programs]


def filtered(rows: Iterable[Seed], max_seeds: int | None, **changed: object) -> Filtered:
    chosen = FilterSeeds.model_validate({**FILTERS, "max_seeds": max_seeds})
    return filter_seeds(rows, chosen, seed=5, **{"type_check": wrong_ones, **changed})


def outcome(result: Filtered) -> tuple[list[str], set[tuple[str, str]]]:
    return [row.id for row in result.seeds], {(row.id, row.reason) for row in result.dropped}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 90), st.one_of(st.none(), st.integers(1, 40)), st.integers(7, 50))
def test_neither_order_nor_batches_change_what_is_kept_and_why(
    seed: int, count: int, max_seeds: int | None, batch: int
) -> None:
    rows = functions(seed, count)
    expected = outcome(filtered(rows, max_seeds))
    assert len(expected[0]) + len(expected[1]) == count

    def in_batches(programs: Sequence[str]) -> Iterator[str | None]:
        for start in range(0, len(programs), batch):
            yield from wrong_ones(programs[start : start + batch])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("selfcodealign.curation.near_duplicates"), "CHUNK_TEXTS", batch)
        shuffled = random.Random(seed).sample(rows, count)
        assert outcome(filtered(iter(shuffled), max_seeds, type_check=in_batches)) == expected


def test_all_functions_are_compared_as_one_set_when_all_are_wanted() -> None:
    rows = functions(1, 400)
    seen: list[int] = []

    def near(texts: Sequence[str]) -> list[int | None]:
        seen.append(len(texts))
        return [None] * len(texts)

    result = filtered(rows, None, near_duplicates=near)
    assert seen == [len(result.seeds)]


@pytest.mark.parametrize("share", [1, 3, 30])
def test_work_on_duplicates_grows_with_the_rows_and_not_with_their_square(share: int) -> None:
    """However few rows are kept, so that there are many looks."""

    def work(count: int) -> int:
        seen: list[int] = []

        def near(texts: Sequence[str]) -> list[int | None]:
            seen.append(len(texts))
            return [None if index % share == 0 else index - index % share for index in range(len(texts))]

        filtered(functions(2, count), count // share - 1, near_duplicates=near)
        return sum(seen)

    assert work(500) <= 6 * 500
    assert work(4000) <= 6 * 4000


def test_types_that_were_checked_before_a_kill_are_not_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def check(programs: Sequence[str], checker: str) -> list[str | None]:
        if len(asked) > 40:
            raise KeyboardInterrupt
        asked.extend(programs)
        return wrong_ones(programs)

    monkeypatch.setattr(journalled_types, "type_errors", check)
    monkeypatch.setattr(journalled_types, "BATCH_PROGRAMS", 16)
    rows = functions(3, 120)
    expected = outcome(filtered(rows, None))
    with open_journal(tmp_path / "types.sqlite") as journal, pytest.raises(KeyboardInterrupt):
        filtered(rows, None, type_check=TypeCheck("pyright", journal))
    before = set(asked)
    assert 0 < len(before) < 120
    asked.clear()
    monkeypatch.setattr(
        journalled_types, "type_errors", lambda programs, checker: asked.extend(programs) or wrong_ones(programs)
    )
    with open_journal(tmp_path / "types.sqlite") as journal:
        assert outcome(filtered(rows, None, type_check=TypeCheck("pyright", journal))) == expected
    assert not before & set(asked)
    asked.clear()
    with open_journal(tmp_path / "types.sqlite") as journal:
        assert outcome(filtered(rows, None, type_check=TypeCheck("pyright", journal))) == expected
    assert asked == []


def test_rows_are_read_only_a_bounded_number_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "INLINE_ROWS", 5)
    read: list[int] = []
    dropped: list[int] = []

    def endless() -> Iterator[Seed]:
        for number, row in enumerate(functions(4, 300)):
            read.append(number)
            yield row

    def take(_row: Dropped) -> None:
        dropped.append(len(read))

    result = filtered(endless(), None, on_drop=take)
    assert result.dropped == []
    assert dropped[0] < 50
    assert len(dropped) + len(result.seeds) == 300


def dropped_row(number: int, reason: str) -> Dropped:
    return Dropped(id=str(number), parent_id="", reason=reason, detail="", text=f"text {number}")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 7))
def test_dropped_rows_stand_reason_by_reason_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, reasons: list[str], batch: int
) -> None:
    path = tmp_path_factory.mktemp("dropped") / "dropped.parquet"
    rows = [dropped_row(number, reason) for number, reason in enumerate(reasons)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("selfcodealign.dropped_rows.ROWS_PER_BATCH", batch)
        with dropped_rows(path, ["b", "a", "c"]) as drop:
            for row in rows:
                drop(row)
    assert read_rows(path, Dropped) == [row for reason in "bac" for row in rows if row.reason == reason]
    assert [file.name for file in path.parent.iterdir()] == ["dropped.parquet"]


def test_a_failed_run_leaves_the_earlier_dropped_rows_and_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "dropped.parquet"
    write_rows(path, [dropped_row(1, "a")], Dropped)
    (tmp_path / ".dropped.parquet.parts").mkdir()
    (tmp_path / ".dropped.parquet.parts/a").write_text("half of a killed run")

    def broken() -> Iterator[Seed]:
        yield from functions(1, 5)
        raise InputError("broken")

    with pytest.raises(InputError, match="broken"), dropped_rows(path, FilterReason) as drop:
        filtered(broken(), None, on_drop=drop)
    assert [row.id for row in read_rows(path, Dropped)] == ["1"]
    assert [file.name for file in tmp_path.iterdir()] == ["dropped.parquet"]
