"""The dataset as it is published, in one folder: Parquet shards, card, Croissant metadata, hits and checksums."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from selfcodealign.curation.croissant import CROISSANT_FILE, DataFile, croissant, data_file
from selfcodealign.curation.dataset import CARD_FILE, DESCRIPTION, EXAMPLES_FILE, HITS_FILE, NAME
from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.files import replaced, write_text
from selfcodealign.records import Example, arrow_schema

CHECKSUMS_FILE = "SHA256SUMS"
ROWS_PER_SHARD = 50_000
SHARDS = "data/train-*.parquet"


def publish(source: Path, destination: Path, *, rows_per_shard: int = ROWS_PER_SHARD) -> list[DataFile]:
    """Write the dataset that `select_examples` made as a folder for others.

    Args:
        source: the folder of `select_examples`.
        destination: the folder to write; it is new or empty.
        rows_per_shard: rows of a Parquet file at most.

    Returns:
        The shards, in the order of the rows.

    Raises:
        InputError: the source is not whole or has no pairs, or the destination is not empty or cannot be written.
    """
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise InputError(f"{destination} is not empty; name a new folder")
    if check_rows(source / EXAMPLES_FILE) == 0:
        raise InputError(
            f"{source} has no pairs, and `datasets` loads no table without rows; loosen select_examples and run again"
        )
    shards = list(_write_shards(source / EXAMPLES_FILE, destination, rows_per_shard))
    licences = _licences(source / EXAMPLES_FILE)
    described = croissant(NAME, DESCRIPTION, licences, shards, arrow_schema(Example))
    write_text(destination / CROISSANT_FILE, json.dumps(described, indent=2) + "\n")
    write_text(destination / CARD_FILE, _published_card((source / CARD_FILE).read_text(encoding="utf-8"), shards))
    shutil.copyfile(source / HITS_FILE, destination / HITS_FILE)
    names = sorted(path.relative_to(destination).as_posix() for path in destination.rglob("*") if path.is_file())
    lines = (f"{hashlib.sha256((destination / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    write_text(destination / CHECKSUMS_FILE, "".join(lines))
    return shards


def check_rows(path: Path) -> int:
    """Check a file of pairs: its columns, distinct ids, and that each chat is its task and its answer.

    Returns:
        How many rows it has.

    Raises:
        InputError: something is wrong; the message names the first such row.
    """
    ids: set[str] = set()
    for batch in _batches(path, 4096):
        for row in batch.select(["id", "messages", "instruction", "response"]).to_pylist():
            turns = [(turn["role"], turn["content"]) for turn in row["messages"]]
            if turns != [("user", row["instruction"]), ("assistant", row["response"])]:
                raise InputError(
                    f"{path}, row {row['id']}: the chat is not its task and its answer; rerun select_examples"
                )
            if row["id"] in ids:
                raise InputError(f"{path}, row {row['id']}: a second row has this id; rerun select_examples")
            ids.add(row["id"])
    return len(ids)


def check_published(folder: Path) -> int:
    """Check a published folder: every file against its checksum, every shard against the schema.

    Returns:
        How many pairs it has.

    Raises:
        InputError: a file is missing or changed, or a shard is no table of pairs.
    """
    try:
        listed = (folder / CHECKSUMS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{folder} has no readable {CHECKSUMS_FILE} ({error.strerror}); publish it anew") from error
    num_rows = 0
    for line in listed:
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise InputError(f"{path} is missing or has changed since it was published; get it anew")
        num_rows += check_rows(path) if name.endswith(".parquet") else 0
    return num_rows


def push(folder: Path, repository: str, token: str, *, is_private: bool) -> str:
    """Upload a published folder to the Hugging Face Hub.

    Args:
        folder: the folder, checked first.
        repository: such as `org/name`; it is made if there is none.
        token: one that may write there.
        is_private: whether a new repository is private.

    Returns:
        The address of the commit.

    Raises:
        InputError: the folder is not whole.
        PrerequisiteError: the Hub cannot be reached, or refuses.
    """
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    num_rows = check_published(folder)
    api = HfApi(token=token)
    try:
        api.create_repo(repository, repo_type="dataset", private=is_private, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, repo_type="dataset", folder_path=folder, commit_message=f"{num_rows} pairs"
        )
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise PrerequisiteError(
            f"the Hub did not take {repository} ({reason}); check name, token and network"
        ) from error
    return str(done.commit_url)


def _write_shards(path: Path, destination: Path, rows_per_shard: int) -> Iterator[DataFile]:
    num_rows = pq.ParquetFile(path).metadata.num_rows
    num_shards = -(-num_rows // rows_per_shard)
    rows = _batches(path, min(rows_per_shard, 4096))
    waiting: list[pa.RecordBatch] = []
    for number in range(num_shards):
        name = f"data/train-{number:05d}-of-{num_shards:05d}.parquet"
        with (
            replaced(destination / name) as temporary,
            pq.ParquetWriter(temporary, arrow_schema(Example), compression="zstd") as writer,
        ):
            left = rows_per_shard
            while left and (batch := waiting.pop() if waiting else next(rows, None)) is not None:
                writer.write_batch(batch.slice(0, left))
                if batch.num_rows > left:
                    waiting.append(batch.slice(left))
                left -= min(left, batch.num_rows)
        yield data_file(name, (destination / name).read_bytes())


def _batches(path: Path, size: int) -> Iterator[pa.RecordBatch]:
    schema = arrow_schema(Example)
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != schema.names:
                raise InputError(f"{path} has not the columns of a table of pairs; rerun select_examples")
            for batch in file.iter_batches(batch_size=size):
                yield batch.cast(schema)
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} is no readable table of pairs ({reason}); rerun select_examples") from error


def _licences(path: Path) -> list[str]:
    column = pq.read_table(path, columns=["licence"]).column("licence")
    return sorted(column.unique().to_pylist())


def _published_card(card: str, shards: list[DataFile]) -> str:
    """The card of `select_examples` for the shards: where the data is, and its checksums."""
    _, front, body = card.split("---\n", 2)
    facts = yaml.safe_load(front)
    facts["configs"] = [{"config_name": "default", "data_files": [{"split": "train", "path": SHARDS}]}]
    body = body.split("## Checksum", 1)[0]
    lines = [f"`{file.path}`: {file.num_bytes} bytes, sha256 `{file.sha256}`" for file in shards]
    told = "\n\n".join(["## Checksums", *lines, f"`{CHECKSUMS_FILE}` has those of all files."])
    return f"---\n{yaml.safe_dump(facts, sort_keys=False)}---\n{body}{told}\n"
