"""JSONL and Parquet files with one source file (or one function) a row."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from selfcodealign.errors import InputError
from selfcodealign.seeds.licences import PermittedLicences
from selfcodealign.seeds.reasons import CollectReason
from selfcodealign.seeds.sources.rows import LICENCE_COLUMNS, TEXT_COLUMNS, RowReader
from selfcodealign.seeds.sources.source import Skipped, SourceFile

MAX_ROW_BYTES = 16 * 1024 * 1024
ROWS_PER_BATCH = 256


class RowFile:
    """The rows of a `.jsonl`, `.jsonl.gz` or `.parquet` file; its version is the SHA-256 of the file."""

    def __init__(self, path: Path, permitted: PermittedLicences, *, assumed_licence: str | None = None) -> None:
        """Name the file.

        Args:
            path: the file.
            permitted: licences that may be used.
            assumed_licence: SPDX expression for rows without a licence column; None drops them.
        """
        self._path = path
        self._permitted = permitted
        self._assumed_licence = assumed_licence

    def __iter__(self) -> Iterator[SourceFile | Skipped]:
        """Yield the rows in the order of the file, in bounded memory.

        Raises:
            InputError: the file is missing, of another kind, or corrupt.
        """
        reader = RowReader(
            source="file",
            dataset=self._path.name,
            version=f"sha256:{_sha256(self._path)[:16]}",
            text_columns=TEXT_COLUMNS,
            licence_columns=LICENCE_COLUMNS,
            assumed_licence=self._assumed_licence,
            permitted=self._permitted,
        )
        for number, row in self._rows():
            address = f"{self._path}#{number}"
            if isinstance(row, dict):
                yield reader.read(row, number, address)
            else:
                yield Skipped(
                    scope="file",
                    package=reader.dataset,
                    version=reader.version,
                    file=f"row {number}",
                    reason=CollectReason.BAD_ROW,
                    detail=f"{address} {row}",
                )

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | str]]:
        name = self._path.name
        if name.endswith(".parquet"):
            return _parquet_rows(self._path)
        if name.endswith((".jsonl", ".jsonl.gz", ".ndjson")):
            return _json_rows(self._path)
        raise InputError(f"collect_seeds.files: {self._path} is neither .jsonl, .jsonl.gz nor .parquet")


def _sha256(path: Path) -> str:
    if path.is_dir():
        raise InputError(f"collect_seeds.files: {path} is a folder; list it under collect_seeds.folders")
    if not path.is_file():
        raise InputError(f"collect_seeds.files: {path} does not exist; mend the path or remove it")
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"collect_seeds.files: {path} cannot be read: {error.strerror}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as opened:
            for batch in opened.iter_batches(batch_size=ROWS_PER_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"collect_seeds.files: {path} is no readable Parquet file ({reason}); replace it") from error


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Rows by line number; a line that is no JSON object is yielded as the reason, and reading goes on."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as opened:
            while line := opened.readline(MAX_ROW_BYTES):
                number += 1
                if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
                    _skip_line(cast("BinaryIO", opened))
                    yield number, f"longer than {MAX_ROW_BYTES} bytes"
                elif line.strip():
                    yield number, _json_object(line)
    except (OSError, EOFError) as error:
        raise InputError(f"collect_seeds.files: {path} cannot be read to its end: {error}; replace it") from error


def _skip_line(opened: BinaryIO) -> None:
    while (rest := opened.readline(MAX_ROW_BYTES)) and not rest.endswith(b"\n"):
        pass


def _json_object(line: bytes) -> dict[str, Any] | str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no JSON: {str(error)[:120]}"
    return value if isinstance(value, dict) else "no JSON object"
