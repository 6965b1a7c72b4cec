"""Benchmarks that are only compared with: found in their folders, pinned by digest, never copied."""

import gzip
import json
from pathlib import Path

import pytest

from selfcodealign.errors import InputError
from selfcodealign.evaluation import find_others, load_all_texts, read_others, texts_in, write_others
from selfcodealign.evaluation.benchmarks import write_manifest

ROWS = {
    "mbpp.jsonl": {"text": "Add.", "code": "def f(a):\r\n    return a", "task_id": 7, "test_list": ["assert f(1) == 1"]},  # noqa: E501
    "ds1000.jsonl.gz": {
        "prompt": "Problem:\nHow?\nA:\n<code>", "reference_code": "x = 1", "metadata": {"problem_id": 3}
    },
    "ClassEval_data.json": {
        "task_id": "ClassEval_0", "skeleton": "class A:", "solution_code": "class A: x = 1",
        "class_description": '"""A class."""',
    },
    "EvoEval_subtle.jsonl": {
        "task_id": "EvoEval/0", "prompt": 'def f():\n    """Doc."""\n', "canonical_solution": "    return 1",
        "entry_point": "f",
    },
    "gsm8k_test.jsonl": {"question": "How many?", "answer": "3"},
    "notes.jsonl": {"text": "no benchmark"},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "external" / "deep"
    root.mkdir(parents=True)
    for name, row in ROWS.items():
        data = (json.dumps([row]) if name.endswith(".json") else json.dumps(row) + "\n").encode()
        (root / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return tmp_path / "external"


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    path = tmp_path / "imported"
    path.mkdir()
    write_manifest(path, [])
    return path


def test_every_known_file_is_read_with_its_prompt_solution_and_description(folder: Path) -> None:
    texts = {text.benchmark: text for text in texts_in(folder)}
    assert set(texts) == {"mbpp", "ds1000", "class_eval", "evo_eval", "gsm8k"}
    assert texts["mbpp"].prompt == "Add.\nassert f(1) == 1"
    assert texts["mbpp"].solution == "def f(a):\n    return a"
    assert (texts["ds1000"].task_id, texts["ds1000"].docstring) == ("3", "How?")
    assert texts["class_eval"].docstring == "A class."
    assert texts["evo_eval"].docstring == "Doc."
    assert (texts["gsm8k"].task_id, texts["gsm8k"].solution) == ("1", "")


def test_what_was_listed_is_loaded_again_and_nothing_is_copied(folder: Path, imported: Path) -> None:
    write_others(imported, find_others(["mbpp", "gsm8k"], [folder]))
    assert sorted(path.name for path in imported.iterdir()) == ["benchmarks.json", "others.json"]
    assert "Add." not in (imported / "others.json").read_text(encoding="utf-8")
    assert [text.benchmark for text in load_all_texts(imported, [folder])] == ["mbpp", "gsm8k"]


def test_nothing_is_written_if_nothing_is_asked_for(imported: Path) -> None:
    write_others(imported, find_others([], []))
    assert [path.name for path in imported.iterdir()] == ["benchmarks.json"]
    assert load_all_texts(imported, []) == []


def test_a_listed_file_that_has_changed_or_gone_is_one_clear_line(folder: Path, imported: Path) -> None:
    write_others(imported, find_others(["mbpp"], [folder]))
    path = folder / "deep/mbpp.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"mbpp\.jsonl of mbpp, as it was when benchmarks were imported"):
        load_all_texts(imported, [folder])
    with pytest.raises(InputError, match="rerun import_benchmarks"):
        load_all_texts(imported, [])


def test_absent_benchmarks_are_one_line_and_are_listed_and_the_others_are_compared_with(
    folder: Path, imported: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = find_others(["apps", "mbpp", "humaneval"], [folder])
    (line,) = caplog.messages
    assert "NOT kept out of the training data" in line
    assert r"apps (apps[\w.-]*\.jsonl), humaneval (HumanEval\.jsonl); put them there" in line
    write_others(imported, others)
    assert read_others(imported) == others
    assert [*others.absent] == ["apps", "humaneval"]
    assert [text.benchmark for text in load_all_texts(imported, [folder])] == ["mbpp"]


def test_a_list_of_others_that_is_broken_is_one_clear_line(imported: Path) -> None:
    for text in ("{", "[]", '{"files": [{"name": "x"}], "absent": []}'):
        (imported / "others.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="rerun import_benchmarks"):
            load_all_texts(imported, [])


def test_broken_data_names_its_file(folder: Path) -> None:
    (folder / "deep/mbpp.jsonl").write_text('{"no": "task"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"mbpp\.jsonl, task 1: no task of mbpp"):
        find_others(["mbpp"], [folder])
    with pytest.raises(InputError, match="holds no file of humaneval"):
        texts_in(folder / "none")
