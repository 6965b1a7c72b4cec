"""The journal: finished work is written down as it arrives, keyed by everything that decides it.

A SQLite table in WAL mode. It is a cache: deleting it changes time, not results. Each entry is committed by itself, so
`kill -9` costs at most what was in flight. A power cut costs at most the entries of one second: commits reach the disk
when the log is synced, which happens once a second while entries arrive, and when the journal is closed. The journal is
whole in either case. One process writes at a time; the lock dies with it. Keys are looked up in batches and never all
loaded, so that memory does not grow with the journal.
"""

import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.files import make_folder, remedy, to_disk
from selfcodealign.locking import only_process
from selfcodealign.records import row_id

LOOKUP_CHUNK = 900
CACHE_KIB = 64 * 1024
# A sync for each of a hundred verdicts a second would cost more than the verdicts on a slow disk.
SYNC_INTERVAL_S = 1.0
# The keys once more, without the values between them: to see whether a key is there takes a quarter of the time.
KEY_INDEX = "entries_key"
# SQLite's error codes with causes outside the journal file. The low eight bits hold the primary code.
PRIMARY_CODE = 0xFF
OUTSIDE_CAUSES = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
    }
)
DISK_HINT = "check that the disk has space, works (`dmesg` has the details) and can be written, and run again"
# Columns that came after the first version, with what older rows get. `created` is the time of the change itself.
# An older version leaves out those that it does not know, so that it can go on writing to a newer journal.
LATER_COLUMNS = {
    "kind": "TEXT NOT NULL DEFAULT ''",
    "model": "TEXT NOT NULL DEFAULT ''",
    "created": "REAL NOT NULL",
    "took_ns": "INTEGER",
}


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
        self._synced_at = -math.inf

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """The stored values of those keys that the journal has.

        Raises:
            InputError: the journal is damaged.
        """
        try:
            return {key: json.loads(value) for key, value in self._select("key, value", keys)}
        except ValueError as error:
            raise self.damage("a value that is no JSON") from error

    def get_timed(self, keys: Iterable[str]) -> dict[str, tuple[Any, int | None]]:
        """The stored values of those keys that the journal has, each with the nanoseconds that it took.

        None in place of these: they were not recorded, or an older version wrote the entry.

        Raises:
            InputError: the journal is damaged.
        """
        try:
            found = self._select("key, value, took_ns", keys)
            return {key: (json.loads(value), took_ns) for key, value, took_ns in found}
        except ValueError as error:
            raise self.damage("a value that is no JSON") from error

    def present(self, keys: Iterable[str]) -> set[str]:
        """Those keys that the journal has.

        Raises:
            InputError: the journal is damaged.
        """
        return {key for (key,) in self._select("key", keys, f"INDEXED BY {KEY_INDEX}")}

    def _select(self, columns: str, keys: Iterable[str], how: str = "") -> Iterator[tuple[Any, ...]]:
        waiting = iter(sorted(set(keys)))
        try:
            while chunk := list(islice(waiting, LOOKUP_CHUNK)):
                marks = ",".join("?" * len(chunk))
                query = f"SELECT {columns} FROM entries {how} WHERE key IN ({marks})"  # noqa: S608 - names and question marks
                yield from self._connection.execute(query, chunk).fetchall()
        except sqlite3.Error as error:
            raise failure(self._path, error) from error

    def put(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        kind: str = "",
        model: str = "",
        took_ns: int | None = None,
        replaces: bool = False,
    ) -> bool:
        """Store one finished result and commit it. A key that is there already keeps its first value.

        Args:
            key: of `journal_key`.
            value: the result, JSON-serialisable.
            kind: what it is, such as `answer`; for statistics.
            model: fingerprint of the model that it is from; for statistics and pruning.
            took_ns: nanoseconds that the result took; None: not recorded.
            replaces: take the place of an older value.

        Returns:
            Whether it was stored: False if the key kept its first value.

        Raises:
            InputError: the journal cannot be written (no space left, say) or is damaged.
        """
        insert = "INSERT OR REPLACE" if replaces else "INSERT OR IGNORE"
        row = (key, json.dumps(value), kind, model, time.time(), took_ns)
        try:
            with self._connection:
                done = self._connection.execute(
                    f"{insert} INTO entries (key, value, kind, model, created, took_ns) VALUES (?, ?, ?, ?, ?, ?)", row
                )
        except sqlite3.Error as error:
            raise failure(self._path, error) from error
        now = time.monotonic()
        if now - self._synced_at >= SYNC_INTERVAL_S:
            self.sync()
            self._synced_at = now
        return done.rowcount == 1

    def sync(self) -> None:
        """Bring all commits to the disk.

        Raises:
            InputError: the disk reports an error.
        """
        try:
            with suppress(FileNotFoundError):  # where SQLite keeps no log, it syncs each commit itself
                to_disk(self._path.with_name(f"{self._path.name}-wal"))
                if self._synced_at == -math.inf:
                    to_disk(self._path.parent)
        except OSError as error:
            raise unusable(self._path, str(error.strerror), remedy(error)) from error

    def damage(self, what: str) -> InputError:
        """The error that says that the journal is damaged, and the way out."""
        return damaged(self._path, what)

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT COUNT(*) FROM entries").fetchone()
        return int(count)


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open (or make) a journal for this process alone, and close it afterwards.

    Raises:
        InputError: another process has it, the file is not a journal, it cannot be opened, or a disk error at its end
            may have cost entries; the message says who has it, or what to do.
    """
    try:
        make_folder(path.parent)
    except OSError as error:
        raise unusable(path, str(error.strerror), remedy(error)) from error
    with only_writer(path):
        connection = connect(path)
        try:
            journal = Journal(path, connection)
            yield journal
            journal.sync()  # SQLite also syncs when it closes, but does not report a failure
        finally:
            connection.close()


def only_writer(path: Path) -> AbstractContextManager[int]:
    """Hold a journal's lock while the block runs.

    Raises:
        InputError: another process holds it; the message says which.
    """
    return only_process(path.with_name(f"{path.name}.lock"), f"the journal {path}")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a journal's table, made or brought up to date if need be.

    Raises:
        InputError: the file is not a journal or cannot be opened.
    """
    try:
        connection = sqlite3.connect(path, timeout=60.0)
    except sqlite3.Error as error:
        raise failure(path, error) from error
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        connection.execute("BEGIN")  # sqlite3 does not start a transaction for DDL
        connection.execute(
            "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
        )
        present = {row[1] for row in connection.execute("PRAGMA table_info(entries)")}
        for name, declaration in LATER_COLUMNS.items():
            if name not in present:
                default = f" DEFAULT {time.time():.0f}" if name == "created" else ""
                connection.execute(f"ALTER TABLE entries ADD COLUMN {name} {declaration}{default}")
        connection.execute(f"CREATE INDEX IF NOT EXISTS {KEY_INDEX} ON entries (key)")
        connection.commit()
    except sqlite3.Error as error:
        connection.close()
        raise failure(path, error) from error
    return connection


def failure(path: Path, error: sqlite3.Error) -> InputError:
    """Convert an SQLite error. Only the error for a damaged journal advises to delete it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
    if code not in OUTSIDE_CAUSES:
        return damaged(path, str(error))
    is_full = code == sqlite3.SQLITE_FULL
    return unusable(path, str(error), "free some space and run again" if is_full else DISK_HINT)


def unusable(path: Path, what: str, hint: str) -> InputError:
    """The error for an intact journal that cannot be read or written."""
    return InputError(f"cannot use the journal {path}: {what}; {hint}")


def damaged(path: Path, what: str) -> InputError:
    """The error that says that a journal cannot be used, and the way out."""
    return InputError(f"the journal {path} cannot be read ({what}); it is a cache and may be deleted: rm {path}*")
