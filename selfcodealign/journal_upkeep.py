"""What a journal holds, and taking out of it what is no longer wanted."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.journal import connect, failure, only_writer

SHOWN_MODEL_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class JournalPart:
    """The entries of one kind and one model.

    Attributes:
        kind: what they are; empty: written by a version that did not say.
        model: fingerprint of the model, behind a colon its name on a server; empty: no model, or not said.
        rows: how many.
        bytes: keys and values together.
        oldest: when the first was written, seconds since 1970; for entries of an older version, when it was replaced.
        newest: when the last was written.
    """

    kind: str
    model: str
    rows: int
    bytes: int
    oldest: float
    newest: float


def journal_stats(path: Path) -> list[JournalPart]:
    """The parts of a journal, by kind and model. A run that has the journal is not disturbed.

    Raises:
        InputError: there is no journal, or it is damaged.
    """
    with _existing(path) as connection:
        return _parts(connection, "TRUE", [])


def prune_journal(
    path: Path, *, before: float | None = None, keep_models: Collection[str] | None = None, is_dry_run: bool = False
) -> list[JournalPart]:
    """Take entries out and give their space back to the disk.

    Args:
        path: the journal.
        before: entries that were written before this time go, seconds since 1970; None: no entry goes by its age.
        keep_models: entries of a model whose fingerprint is not among these go; those that name no model stay. None: no
            entry goes by its model.
        is_dry_run: only say what would go.

    Returns:
        What has gone, by kind and model.

    Raises:
        InputError: there is no journal, another process has it, or it is damaged.
    """
    rules: list[str] = []
    values: list[float | str] = []
    if before is not None:
        rules.append("created < ?")
        values.append(before)
    if keep_models is not None:
        marks = ",".join("?" * len(keep_models))
        fingerprint = "SUBSTR(model, 1, INSTR(model || ':', ':') - 1)"
        rules.append(f"(model != '' AND {fingerprint} NOT IN ({marks}))")
        values.extend(keep_models)
    where = " OR ".join(rules) or "FALSE"
    if is_dry_run:
        with _existing(path) as connection:
            return _parts(connection, where, values)
    with only_writer(path), _existing(path) as connection:
        gone = _parts(connection, where, values)
        if gone:
            connection.execute(f"DELETE FROM entries WHERE {where}", values)  # noqa: S608 - our own words
            connection.commit()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone


def _parts(connection: sqlite3.Connection, where: str, values: Sequence[float | str]) -> list[JournalPart]:
    sums = "COUNT(*), SUM(LENGTH(key) + LENGTH(value)), MIN(created), MAX(created)"
    query = f"SELECT kind, model, {sums} FROM entries WHERE {where} GROUP BY kind, model"  # noqa: S608 - our own words
    return [JournalPart(*row) for row in connection.execute(f"{query} ORDER BY kind, model", values)]


@contextmanager
def _existing(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise InputError(f"there is no journal {path}; name one with --journal")
    connection = connect(path)
    try:
        yield connection
    except sqlite3.Error as error:
        raise failure(path, error) from error
    finally:
        connection.close()


def format_parts(parts: Sequence[JournalPart]) -> str:
    """A table for people, with the sums in its last line."""
    lines = [f"{'kind':<12} {'model':<32} {'rows':>12} {'MiB':>10}  {'oldest':<10}  {'newest':<10}"]
    for part in parts:
        fingerprint, _, served = part.model.partition(":")
        model = " ".join(filter(None, [fingerprint[:SHOWN_MODEL_CHARACTERS], served])) or "-"
        lines.append(
            f"{part.kind or '-':<12} {model:<32} {part.rows:>12,} {part.bytes / 2**20:>10.1f}"
            f"  {_day(part.oldest)}  {_day(part.newest)}"
        )
    rows, num_bytes = sum(part.rows for part in parts), sum(part.bytes for part in parts)
    lines.append(f"{'together':<12} {'':<32} {rows:>12,} {num_bytes / 2**20:>10.1f}")
    return "\n".join(lines)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%d")
