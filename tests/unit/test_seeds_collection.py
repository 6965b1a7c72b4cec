"""Collection: rows add up, and neither workers nor crashes nor the order of arrival change the result."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from selfcodealign.errors import InputError
from selfcodealign.parallel import ordered_map
from selfcodealign.params import CollectSeeds, Workers
from selfcodealign.records import Dropped, Seed
from selfcodealign.seeds import (
    Folder,
    Origin,
    PermittedLicences,
    Skipped,
    Source,
    SourceFile,
    collect_seeds,
    extract_functions,
    sources_of,
)
from selfcodealign.seeds.draw import in_draw_order
from selfcodealign.seeds.parts import cut

PERMITTED = PermittedLicences(["MIT"])
ORIGIN = Origin(source="folder", package="sample", version="1", licence="MIT")


class Made:
    """A source of many small files, one of them unreadable."""

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        for index in range(600):
            functions = f"def f(x):\n    return re, {index}\n\ndef g():\n    return f\n"
            text = f"import re\n\n{functions}\nclass A:\n    def m(self): pass\n"
            yield SourceFile(origin=ORIGIN, file=f"m{index}.py", path=f"/m{index}.py", text=text)


Counted = dict[str, object]


def collected(
    folder: Path, *sources: Source, num_workers: int = 1, max_functions: int | None = None
) -> tuple[list[Seed], list[Dropped], Counted]:
    """Seeds, dropped rows and counts of a whole collection."""
    workers = Workers(num_workers=num_workers)
    parts = folder / "parts"
    with collect_seeds(sources or [Made()], parts, max_functions=max_functions, seed=1, workers=workers) as found:
        dropped: list[Dropped] = []
        seeds = list(found.rows(dropped.append))
        assert found.num_seeds == len(seeds) == found.counts.functions - found.counts.functions_dropped.total()
        assert found.licences == Counter(row.licence for row in seeds)
        assert found.functions_by_package == Counter(row.package for row in seeds)
    assert not parts.exists()
    return seeds, dropped, {spec.name: getattr(found.counts, spec.name) for spec in dataclasses.fields(found.counts)}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfcodealign.seeds.parts.PART_FILES", 70)


def test_the_same_rows_come_from_any_number_of_workers(tmp_path: Path) -> None:
    alone = collected(tmp_path, max_functions=50)
    assert collected(tmp_path, num_workers=3, max_functions=50) == alone
    assert len(alone[0]) == 50


def test_paths_inside_the_repository_are_the_same_in_every_clone(tmp_path: Path) -> None:
    """The beginning of a folder's name is no folder."""
    paths = ["/a/clone/.venv/m.py", "/a/clone2/m.py", "/usr/m.py", "rows.jsonl#3", "/a/clone/rows.jsonl#3"]
    made = [
        SourceFile(origin=ORIGIN, file=f"m{index}.py", path=path, text=f"def f(x):\n    return {index}\n")
        for index, path in enumerate(paths)
    ]
    with collect_seeds([made], tmp_path / "parts", max_functions=None, seed=1) as found:
        assert [seed.path for seed in found.rows(lambda _: None, Path("/a/clone"))] == [
            ".venv/m.py",
            "/a/clone2/m.py",
            "/usr/m.py",
            "rows.jsonl#3",
            "rows.jsonl#3",
        ]


def test_functions_add_up(tmp_path: Path) -> None:
    _, dropped, counts = collected(tmp_path, max_functions=50)
    assert counts["functions"] == 1800
    assert counts["functions_dropped"] == {"method": 600, "not_self_contained": 600, "beyond_max_functions": 550}
    assert counts["files"] == 600
    assert len(dropped) == 1750


def test_the_draw_is_a_part_of_the_whole_in_its_order(tmp_path: Path) -> None:
    whole, part = collected(tmp_path)[0], collected(tmp_path, max_functions=50)[0]
    assert len(whole) == 600
    assert [row for row in whole if row in part] == part
    assert part != whole[:50]


def test_the_draw_takes_the_rows_with_the_smallest_keys(tmp_path: Path) -> None:
    whole, part = collected(tmp_path)[0], collected(tmp_path, max_functions=50)[0]
    assert {row.id for row in part} == {row.id for row in list(in_draw_order(whole, 1))[:50]}


def test_a_function_that_two_sources_give_is_taken_once(tmp_path: Path) -> None:
    seeds, _, counts = collected(tmp_path, Made(), Made())
    assert len(seeds) == 600
    assert counts["functions_dropped"]["repeated"] == 600


class EndedError(Exception):
    """A run that ends before its time."""


class Broken(Made):
    """The same files, until the run ends."""

    def __init__(self, after: int, change: int | None = None) -> None:
        self.after = after
        self.change = change

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        for index, item in enumerate(super().__iter__()):
            if index == self.after:
                raise EndedError
            yield replace(item, text="def h(x):\n    return x\n") if index == self.change else item


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were extracted, in this process."""
    files: list[str] = []

    def extract(source: SourceFile, *, methods: bool) -> list[Seed | Dropped]:
        files.append(source.file)
        return extract_functions(source, methods=methods)

    monkeypatch.setattr("selfcodealign.seeds.collection.extract_functions", extract)
    return files


@pytest.mark.parametrize("after", [0, 69, 280, 300, 599])
def test_a_run_that_ended_is_taken_up_again_where_it_stood(after: int, tmp_path: Path, extracted: list[str]) -> None:
    undisturbed = collected(tmp_path / "undisturbed", max_functions=50)
    with pytest.raises(EndedError):
        collected(tmp_path, Broken(after), max_functions=50)
    extracted.clear()
    assert collected(tmp_path, max_functions=50) == undisturbed
    assert len(extracted) == 600 - after // 70 * 70


def test_what_changed_since_is_extracted_anew_with_all_behind_it(tmp_path: Path, extracted: list[str]) -> None:
    with pytest.raises(EndedError):
        collected(tmp_path, Broken(500, change=150))
    extracted.clear()
    seeds, _, _ = collected(tmp_path)
    assert len(seeds) == 600
    assert extracted[0] == "m140.py"
    assert len(extracted) == 460


@pytest.mark.parametrize("name", ["counts.json", "seeds.parquet", "dropped.parquet"])
@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"digest": "x"}', None])
def test_a_damaged_part_is_made_anew(name: str, damage: bytes | None, tmp_path: Path, extracted: list[str]) -> None:
    undisturbed = collected(tmp_path / "undisturbed")
    with pytest.raises(EndedError):
        collected(tmp_path, Broken(300))
    part = tmp_path / "parts" / "000001" / name
    part.unlink() if damage is None else part.write_bytes(damage)
    extracted.clear()
    assert collected(tmp_path) == undisturbed
    assert len(extracted) == 530


def test_parts_end_by_their_text_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfcodealign.seeds.parts.PART_CHARACTERS", 500)
    parts = list(cut(Made()))
    assert sum(map(len, parts)) == 600
    assert all(sum(len(item.text) for item in part[:-1]) < 500 for part in parts)
    assert len(collected(tmp_path)[0]) == 600


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        collect_seeds([Made()], tmp_path / "parts", max_functions=1, seed=1),
        pytest.raises(InputError, match="in use by process"),
        collect_seeds([Made()], tmp_path / "parts", max_functions=1, seed=1),
    ):
        pass


def test_all_sources_of_the_settings_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "rows.jsonl").write_text('{"code": "def g(x):\\n    return x\\n"}\n')
    settings = CollectSeeds(
        folders=[str(tmp_path)], files=[str(tmp_path / "rows.jsonl")], licences=["MIT"], assumed_licence="MIT"
    )
    seeds, _, _ = collected(tmp_path, *sources_of(settings, tmp_path))
    assert [row.source for row in seeds] == ["folder", "file"]


def test_refusals_are_counted_apart_by_package_and_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\0")
    (tmp_path / "b.py").write_text("x = 1\n")
    _, _, readable = collected(tmp_path, Folder(tmp_path, PERMITTED, assumed_licence="MIT"))
    assert (readable["files"], readable["files_dropped"]) == (2, {"nul_byte": 1})
    _, _, refused = collected(tmp_path, Folder(tmp_path, PERMITTED))
    assert (refused["files"], refused["packages_dropped"]) == (0, {"licence_unknown": 1})


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
