"""The published dataset: shards that loaders read, metadata that validates, and nothing changed unnoticed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from selfcodealign.cli import app
from selfcodealign.curation import CardFacts, check_published, publish, write_card, write_croissant, write_hits
from selfcodealign.errors import InputError
from selfcodealign.records import Example, Message, read_rows, row_id, write_rows


def example(number: int) -> Example:
    task, response = f"Task {number}.", f"Answer {number}."
    return Example(
        id=row_id(number), messages=[Message(role="user", content=task), Message(role="assistant", content=response)],
        instruction=task, response=response, tests="assert x", category="function", difficulty="easy",
        concepts=["a", "b"], status="passed", kept_because="passed", response_id=f"r{number}", instruction_id="i",
        seed_id="s", package="p", version="1", licence="MIT OR Apache-2.0" if number % 2 else "MIT", file="f.py",
        first_line=1, last_line=2,
    )  # fmt: skip


def selected(folder: Path, num_rows: int) -> Path:
    """A folder as select_examples leaves it."""
    rows = [example(number) for number in range(num_rows)]
    write_rows(folder / "examples.parquet", rows, Example)
    write_hits(folder / "decontamination.jsonl", [])
    write_card(folder, rows, CardFacts(funnel=[("pairs", num_rows)], dropped={}, benchmarks={}, hits=[], settings={}))
    write_croissant(folder, rows)
    return folder


@pytest.mark.parametrize(("num_rows", "per_shard", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 50, [2])])
def test_shards_have_all_rows_in_their_order(tmp_path: Path, num_rows: int, per_shard: int, sizes: list[int]) -> None:
    source = selected(tmp_path / "source", num_rows)
    shards = publish(source, tmp_path / "out", rows_per_shard=per_shard)
    parts = [read_rows(tmp_path / "out" / shard.path, Example) for shard in shards]
    assert [len(part) for part in parts] == sizes
    assert [row for part in parts for row in part] == read_rows(source / "examples.parquet", Example)
    assert check_published(tmp_path / "out") == num_rows


def test_published_folder_loads_with_datasets(tmp_path: Path) -> None:
    from datasets import load_dataset

    publish(selected(tmp_path / "source", 7), tmp_path / "out", rows_per_shard=3)
    pairs = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert pairs["instruction"][:] == [f"Task {number}." for number in range(7)]


def test_dataset_without_pairs_streams_with_its_columns_as_its_card_says(tmp_path: Path) -> None:
    from datasets import load_dataset

    source = selected(tmp_path / "source", 0)
    pairs = load_dataset(str(source), split="train", streaming=True)
    assert list(pairs) == []
    assert {"messages", "instruction", "licence"} <= set(pairs.features)
    assert "streaming=True" in (source / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="corresponds to no data"):
        load_dataset(str(source), split="train", cache_dir=str(tmp_path / "cache"))


def test_dataset_without_pairs_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no pairs, and `datasets` loads no table without rows"):
        publish(selected(tmp_path / "source", 0), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_card_names_the_benchmarks_that_could_not_be_compared_with(tmp_path: Path) -> None:
    source = selected(tmp_path / "source", 1)
    card = source / "README.md"
    assert "Not compared" not in card.read_text(encoding="utf-8")
    facts = CardFacts(funnel=[], dropped={}, benchmarks={}, hits=[], settings={}, absent_benchmarks=["apps", "gsm8k"])
    write_card(source, [example(0)], facts)
    assert "**Not compared**, for want of their files: apps, gsm8k." in card.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["source", "out"])
def test_croissant_metadata_validates_and_reads_the_rows(tmp_path: Path, folder: str) -> None:
    import mlcroissant

    publish(selected(tmp_path / "source", 3), tmp_path / "out")
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / folder / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("pairs"))
    assert [row["pairs/instruction"] for row in rows] == [b"Task 0.", b"Task 1.", b"Task 2."]
    assert [turn["pairs/messages/role"] for turn in rows[0]["pairs/messages"]] == [b"user", b"assistant"]
    described = json.loads((tmp_path / folder / "croissant.json").read_text(encoding="utf-8"))
    assert described["license"] == ["https://spdx.org/licenses/MIT.html", "MIT OR Apache-2.0"]


def test_card_names_shards_and_their_checksums(tmp_path: Path) -> None:
    shards = publish(selected(tmp_path / "source", 5), tmp_path / "out", rows_per_shard=2)
    _, front, body = (tmp_path / "out/README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert yaml.safe_load(front)["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    assert all(f"`{shard.path}`: {shard.num_bytes} bytes, sha256 `{shard.sha256}`" in body for shard in shards)
    assert "examples.parquet" not in body


def test_publishing_twice_gives_the_same_bytes_and_overwrites_nothing(tmp_path: Path) -> None:
    source = selected(tmp_path / "source", 5)
    for name in ("one", "two"):
        publish(source, tmp_path / name, rows_per_shard=2)
    sums = [(tmp_path / name / "SHA256SUMS").read_bytes() for name in ("one", "two")]
    assert sums[0] == sums[1]
    with pytest.raises(InputError, match="is not empty"):
        publish(source, tmp_path / "one")


@pytest.mark.parametrize("name", ["README.md", "data/train-00000-of-00001.parquet"])
def test_changed_or_missing_file_is_noticed(tmp_path: Path, name: str) -> None:
    publish(selected(tmp_path / "source", 2), tmp_path / "out")
    with (tmp_path / "out" / name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="has changed since it was published"):
        check_published(tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    with pytest.raises(InputError, match="is missing"):
        check_published(tmp_path / "out")


def test_rows_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    source = selected(tmp_path / "source", 2)
    for rows, message in (
        ([example(0), example(0)], "a second row has this id"),
        ([replace(example(0), response="Another.")], "the chat is not its task"),
    ):
        write_rows(source / "examples.parquet", rows, Example)
        with pytest.raises(InputError, match=message):
            publish(source, tmp_path / "out")


def test_command_publishes_and_wants_a_token_for_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = selected(tmp_path / "source", 3), tmp_path / "out"
    monkeypatch.delenv("HF_TOKEN", raising=False)
    refused = CliRunner().invoke(app, ["publish", str(out), "--source", str(source), "--hub", "org/name"])
    assert refused.exit_code == 2
    assert "HF_TOKEN is not set" in refused.stderr
    assert not out.exists()
    done = CliRunner().invoke(app, ["publish", str(out), "--source", str(source), "--rows-per-shard", "2"])
    assert done.exit_code == 0
    assert done.stdout == f"3 pairs in 2 shards in {out}\n"
