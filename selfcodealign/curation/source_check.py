"""Whether the source of a seed is still where it was read."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class SourceState(StrEnum):
    """Where the text of a seed is now.

    `found`: at its file and lines; `moved`: elsewhere in its file; `missing`: the file cannot be read, or does not hold
    the function any more; `remote`: it was read from an address that is no file of this machine.
    """

    FOUND = "found"
    MOVED = "moved"
    MISSING = "missing"
    REMOTE = "remote"


def check_source(path: str, first_line: int, last_line: int, code: str) -> SourceState:
    """Look for a seed's function in the file that it was read from.

    Args:
        path: file, or `file#row` for a row (counted from 1) of a JSONL or Parquet file.
        first_line: first line of the function, counted from 1.
        last_line: last line of the function, inclusive.
        code: the seed's code: its imports, then the function. Indentation is not compared.
    """
    if "://" in path:
        return SourceState.REMOTE
    texts = list(_texts(path))
    wanted = _stripped(code)[-(last_line - first_line + 1) :]
    for text in texts:
        if _stripped_lines(text)[first_line - 1 : last_line] == wanted:
            return SourceState.FOUND
    if any(_contains(_stripped_lines(text), wanted) for text in texts):
        return SourceState.MOVED
    return SourceState.MISSING


def _texts(path: str) -> Iterator[str]:
    """The file's text, or the texts of the named row; nothing if it cannot be read."""
    try:
        if Path(path).is_file():
            yield Path(path).read_bytes().decode("utf-8", "replace")
            return
        file, _, row = path.rpartition("#")
        if not (row.isdecimal() and Path(file).is_file()):
            return
        found = _parquet_row(Path(file), int(row)) if file.endswith(".parquet") else _json_row(Path(file), int(row))
    except (OSError, ValueError, pa.ArrowException):
        return
    yield from (value for value in found.values() if isinstance(value, str))


def _json_row(path: Path, number: int) -> dict[str, Any]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        line = next(islice(lines, number - 1, None), "{}")
    loaded = json.loads(line)
    return loaded if isinstance(loaded, dict) else {}


def _parquet_row(path: Path, number: int) -> dict[str, Any]:
    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1024):
            if start < number <= start + batch.num_rows:
                return dict(batch.slice(number - 1 - start, 1).to_pylist()[0])
            start += batch.num_rows
    return {}


def _stripped(code: str) -> list[str]:
    return _stripped_lines(code.strip())


def _stripped_lines(text: str) -> list[str]:
    # Not `splitlines`: a form feed inside a line is no new line for Python, nor for the line numbers of a seed.
    return [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _contains(lines: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(list(lines[start : start + size]) == list(wanted) for start in range(len(lines) - size + 1))
