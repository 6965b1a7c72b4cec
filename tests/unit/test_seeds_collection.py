"""Collection: rows add up, and neither workers nor crashes nor the order of arrival change the result."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from selfcodealign.errors import InputError
from selfcodealign.parallel import ordered_map
from selfcodealign.params import CollectSeeds, Workers
from selfcodealign.seeds import (
    Collected,
    Folder,
    Origin,
    PermittedLicences,
    Skipped,
    SourceFile,
    collect_seeds,
    sources_of,
)

PERMITTED = PermittedLicences(["MIT"])
ORIGIN = Origin(source="folder", package="sample", version="1", licence="MIT")


class Made:
    """A source of many small files, one of them unreadable."""

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        for index in range(600):
            functions = f"def f(x):\n    return re, {index}\n\ndef g():\n    return f\n"
            text = f"import re\n\n{functions}\nclass A:\n    def m(self): pass\n"
            yield SourceFile(origin=ORIGIN, file=f"m{index}.py", path=f"/m{index}.py", text=text)


def collected(num_workers: int, max_functions: int | None = None) -> Collected:
    return collect_seeds([Made()], max_functions=max_functions, seed=1, workers=Workers(num_workers=num_workers))


def test_the_same_rows_come_from_any_number_of_workers() -> None:
    alone, shared = collected(1, 50), collected(3, 50)
    assert alone == shared
    assert len(alone.seeds) == 50


def test_functions_add_up() -> None:
    result = collected(1, 50)
    assert result.num_functions == 1800
    assert dict(result.functions_dropped) == {"method": 600, "not_self_contained": 600, "beyond_max_functions": 550}
    assert result.num_files == 600
    assert len(result.dropped) == 1750


def test_the_draw_is_a_part_of_the_whole_in_its_order() -> None:
    whole, part = collected(1).seeds, collected(1, 50).seeds
    assert len(whole) == 600
    assert [row for row in whole if row in part] == part
    assert part != whole[:50]


def test_a_function_that_two_sources_give_is_taken_once() -> None:
    result = collect_seeds([Made(), Made()], max_functions=None, seed=1)
    assert len(result.seeds) == 600
    assert result.functions_dropped["repeated"] == 600


def test_all_sources_of_the_settings_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "rows.jsonl").write_text('{"code": "def g(x):\\n    return x\\n"}\n')
    settings = CollectSeeds(
        folders=[str(tmp_path)], files=[str(tmp_path / "rows.jsonl")], licences=["MIT"], assumed_licence="MIT"
    )
    result = collect_seeds(sources_of(settings, tmp_path), max_functions=None, seed=1)
    assert [row.source for row in result.seeds] == ["folder", "file"]


def test_refusals_are_counted_apart_by_package_and_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\0")
    (tmp_path / "b.py").write_text("x = 1\n")
    readable = collect_seeds([Folder(tmp_path, PERMITTED, assumed_licence="MIT")], max_functions=None, seed=1)
    assert (readable.num_files, dict(readable.files_dropped)) == (2, {"nul_byte": 1})
    refused = collect_seeds([Folder(tmp_path, PERMITTED)], max_functions=None, seed=1)
    assert (refused.num_files, dict(refused.packages_dropped)) == (0, {"licence_unknown": 1})


def test_an_assumed_licence_that_is_no_licence_is_one_clear_line(tmp_path: Path) -> None:
    settings = CollectSeeds(folders=["x"], licences=["MIT"], assumed_licence="whatever")
    with pytest.raises(InputError, match=r"collect_seeds\.assumed_licence"):
        sources_of(settings, tmp_path)


def test_items_are_read_only_a_bounded_number_ahead() -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    results = ordered_map(abs, endless(), workers=Workers(num_workers=2), on_crash=abs)
    assert next(results) == 1
    assert read < 2000
    results.close()
