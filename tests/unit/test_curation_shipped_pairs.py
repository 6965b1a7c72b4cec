"""Shipped pairs: which of an earlier run's pairs go beside a run's own, and what a missing set says."""

from dataclasses import replace
from pathlib import Path

import pytest

from selfcodealign.curation import is_written_by, read_shipped, take_shipped
from selfcodealign.errors import InputError
from selfcodealign.evaluation import BenchmarkText
from selfcodealign.records import Preference, write_rows


def pair(number: int, task: int, instruction: str = "Write `f`, which doubles.") -> Preference:
    return Preference(
        id=f"pair-{number}", instruction=instruction, chosen="```python\nx = 1\n```", rejected="```python\nx = 2\n```",
        rejected_status="failed", category="function", difficulty="easy", chosen_id=f"c{number}",
        rejected_id=f"r{number}", instruction_id=f"task-{task}", seed_id="s", package="p", version="1", licence="MIT",
    )  # fmt: skip


def test_a_set_is_read_with_its_name_as_the_origin_of_its_pairs(tmp_path: Path) -> None:
    rows = [pair(1, 1), pair(2, 2)]
    (tmp_path / "small").mkdir()
    write_rows(tmp_path / "small/preferences.parquet", rows, Preference)
    assert read_shipped(tmp_path, "small") == [replace(row, origin="small") for row in rows]


def test_a_missing_set_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shipped_pairs = other: .* is missing; there are: none"):
        read_shipped(tmp_path, "other")
    (tmp_path / "small").mkdir()
    write_rows(tmp_path / "small/preferences.parquet", [pair(1, 1)], Preference)
    with pytest.raises(InputError, match="there are: small"):
        read_shipped(tmp_path, "other")


def test_tasks_of_the_run_and_text_of_a_benchmark_are_left_out_and_counted() -> None:
    lines = ["def total(values):", "    result = 0", "    for value in values:", "        result += value * 3 + 1"]
    solution = "\n".join([*lines, "    return result"])
    words = "Add up three times each value and one, for all values of a list."
    benchmark = BenchmarkText(benchmark="bench", task_id="0", prompt=words, solution=solution, docstring=words)
    copied = replace(pair(3, 3), chosen=f"```python\n{solution}\n```")
    taken = take_shipped([pair(1, 1), pair(2, 2), copied], [pair(9, 2)], [benchmark])
    assert taken.preferences == [pair(1, 1)]
    assert taken.dropped == {
        "task_of_the_run": 1,
        "benchmark_text": 1,
        "comments_differ": 0,
        "in_earlier_set": 0,
        "other_model": 0,
    }


def test_pairs_with_a_comment_on_one_side_are_left_out_unless_length_alone_is_matched() -> None:
    unlike = replace(pair(2, 2), chosen="```python\nx = 1  # one\n```")
    alike = replace(unlike, id="pair-3", rejected="```python\n# two\nx = 2\n```")
    taken = take_shipped([pair(1, 1), unlike, alike], [], [])
    assert taken.preferences == [pair(1, 1), alike]
    assert taken.dropped["comments_differ"] == 1
    assert take_shipped([unlike], [], [], "length").preferences == [unlike]


def test_a_pair_that_is_in_two_sets_is_taken_from_the_first() -> None:
    first, second = replace(pair(1, 1), origin="first"), replace(pair(1, 1), origin="second")
    taken = take_shipped([first, second, pair(2, 2)], [], [])
    assert taken.preferences == [first, pair(2, 2)]
    assert taken.dropped["in_earlier_set"] == 1


def test_without_a_set_nothing_is_taken() -> None:
    taken = take_shipped([], [pair(1, 1)], [])
    assert (taken.preferences, sum(taken.dropped.values())) == ([], 0)


def test_a_set_says_which_model_wrote_it_and_a_set_that_does_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    with pytest.raises(InputError, match=r"model\.txt cannot be read .* write the name of the model"):
        is_written_by(tmp_path, "small", "qwen2.5-coder-0.5b-instruct")
    (tmp_path / "small/model.txt").write_text("qwen2.5-coder-0.5b-instruct\n")
    models = ["qwen2.5-coder-0.5b-instruct", "Qwen/Qwen2.5-Coder-0.5B-Instruct", "qwen2.5-coder-1.5b-instruct", ""]
    assert [is_written_by(tmp_path, "small", model) for model in models] == [True, True, False, False]
