"""Rows of any Parquet or JSONL file of the pipeline, for people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from selfcodealign.errors import InputError

Row = Mapping[str, Any]

BATCH_ROWS = 256


def matching_rows(
    path: Path, *, limit: int | None = None, columns: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Read rows of a Parquet or JSONL file, only as many as are asked for.

    Args:
        path: the file; `.parquet`, or anything else as one JSON object a line.
        limit: rows at most; None for all.
        columns: columns to keep, in this order; none for all.
        where: values, by column, that a row must have. A list matches if it holds the value.

    Yields:
        The rows, in the order of the file.

    Raises:
        InputError: the file is missing or unreadable, or has no such column; the message names the columns.
    """
    wanted = dict(where or {})
    num_found = 0
    for row in _read(path):
        unknown = [name for name in (*columns, *wanted) if name not in row]
        if unknown:
            raise InputError(f"{path} has no column {unknown[0]}; it has {', '.join(row)}")
        if limit is not None and num_found >= limit:
            return
        if all(_has(row[name], value) for name, value in wanted.items()):
            num_found += 1
            yield {name: row[name] for name in columns} if columns else row


def format_row(row: Row) -> str:
    """A row for people: one line a short value, an indented block a text of several lines or a chat."""
    lines = []
    for name, value in row.items():
        text = _text(value)
        if "\n" in text:
            lines.append(f"{name}:")
            lines += [f"    {line}".rstrip() for line in text.strip("\n").split("\n")]
        else:
            lines.append(f"{name}: {text}".rstrip())
    # Models may emit lone surrogates, which no terminal takes.
    return "\n".join(lines).encode("utf-8", "replace").decode("utf-8")


def _text(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        return "".join(f"[{item['role']}]\n{item.get('content', '')}\n" for item in value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _has(value: Any, wanted: str) -> bool:
    return wanted in map(str, value) if isinstance(value, list) else str(value) == wanted


def _read(path: Path) -> Iterator[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=BATCH_ROWS):
                    yield from batch.to_pylist()
            return
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _json_object(line, f"{path}, line {number}")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; name a Parquet or JSONL file") from error
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); name a Parquet or JSONL file") from error


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON ({error}); every line is one object") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{where}: {type(loaded).__name__} instead of an object; every line is one object")
    return loaded
