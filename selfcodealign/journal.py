"""The journal: finished work is written down as it arrives, keyed by everything that decides it.

A SQLite table in WAL mode. It is a cache: deleting it changes time, not results. `kill -9` costs at most what was in
flight, because each entry is committed by itself.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.records import row_id

LOOKUP_CHUNK = 500


def journal_key(kind: str, **decisive: object) -> str:
    """The key of a piece of work: a digest of all that decides its result.

    Args:
        kind: what the entry is, such as `answer` or `verdict`.
        decisive: everything that decides the result (model fingerprint, prompt, sampling, seed; or program, limits,
            image, runtime), as JSON-serialisable values.
    """
    return row_id(kind, json.dumps(decisive, sort_keys=True, ensure_ascii=True))


class Journal:
    """Finished results by key, in one SQLite file."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The stored values of those keys that the journal has."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Any] = {}
        for start in range(0, len(wanted), LOOKUP_CHUNK):
            chunk = wanted[start : start + LOOKUP_CHUNK]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT key, value FROM entries WHERE key IN ({marks})"  # noqa: S608 - only question marks
            found.update((key, json.loads(value)) for key, value in self._connection.execute(query, chunk))
        return found

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Store one finished result and commit it. A key that is there already keeps its first value.

        Raises:
            InputError: the journal cannot be written (no space left, say).
        """
        try:
            with self._connection:
                self._connection.execute(
                    "INSERT OR IGNORE INTO entries (key, value) VALUES (?, ?)", (key, json.dumps(value))
                )
        except sqlite3.Error as error:
            raise InputError(
                f"cannot write the journal {self._path}: {error}; free some space and run again"
            ) from error

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT COUNT(*) FROM entries").fetchone()
        return int(count)


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open (or make) a journal and close it afterwards.

    Raises:
        InputError: the file is not a journal or cannot be opened; the message says that it may be deleted.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60.0)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )
        connection.commit()
    except (sqlite3.Error, OSError) as error:
        raise InputError(f"cannot open the journal {path}: {error}; it is a cache and may be deleted") from error
    try:
        yield Journal(path, connection)
    finally:
        connection.close()
