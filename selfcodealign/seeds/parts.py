"""What a collection has extracted so far, in parts on disk: memory stays bounded, and a killed run loses one part.

A part is a folder with the seeds and the dropped rows of some files, and their counts. Its digest covers these files
and the code that extracts, so that a later run takes a part over only where it would make the same one.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder, write_text
from selfcodealign.records import Dropped, Seed, arrow_schema, row_id, scan_rows, write_rows
from selfcodealign.seeds.sources import Skipped, SourceFile

PART_FILES = 512
PART_CHARACTERS = 16 * 1024 * 1024

_SEEDS, _DROPPED, _COUNTS = "seeds.parquet", "dropped.parquet", "counts.json"


@dataclass(slots=True)
class Counts:
    """What was found, and what was left out by its own fault.

    Attributes:
        functions: functions found.
        files: files found, the unreadable ones included.
        functions_dropped: functions left out, by reason.
        files_dropped: files left out, by reason.
        packages_dropped: packages, folders and datasets refused as a whole, by reason.
    """

    functions: int = 0
    files: int = 0
    functions_dropped: Counter[str] = field(default_factory=Counter)
    files_dropped: Counter[str] = field(default_factory=Counter)
    packages_dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Add the counts of a part."""
        self.functions += other.functions
        self.files += other.files
        self.functions_dropped.update(other.functions_dropped)
        self.files_dropped.update(other.files_dropped)
        self.packages_dropped.update(other.packages_dropped)


class Parts:
    """The parts of one collection, in their order."""

    def __init__(self, folder: Path) -> None:
        """Start with no part.

        Args:
            folder: of the parts, perhaps with those of an earlier run; made with the first of them.
        """
        self._folder = folder
        self._num_parts = 0
        self.counts = Counts()  # of all parts together

    def __len__(self) -> int:
        """Parts that this run has, made or taken over."""
        return self._num_parts

    def take_over(self, digest: str) -> bool:
        """Take the next part from an earlier run, if it is there and was made of the same.

        Args:
            digest: of `part_digest`.
        """
        part = self._part(len(self))
        try:
            values = json.loads((part / _COUNTS).read_text(encoding="utf-8"))
            if values.pop("digest") != digest:
                return False
            by_reason = {name: Counter(value) for name, value in values.items() if isinstance(value, dict)}
            counts = Counts(**{**values, **by_reason})
            if any(pq.read_schema(part / name) != arrow_schema(record) for name, record in _TABLES):
                return False
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # another version's, or damaged
            return False
        self._take(counts)
        return True

    def write(self, digest: str, results: Iterable[Skipped | Sequence[Seed | Dropped]]) -> None:
        """Write the next part, whole or not at all.

        Args:
            digest: of `part_digest`.
            results: for each file its functions, or why it (or its package) is refused.

        Raises:
            InputError: it cannot be written.
        """
        counts = Counts()
        seeds: list[Seed] = []
        dropped: list[Dropped] = []
        for result in results:
            _count(counts, result)
            rows = [result.dropped()] if isinstance(result, Skipped) else result
            seeds += [row for row in rows if isinstance(row, Seed)]
            dropped += [row for row in rows if isinstance(row, Dropped)]
        with replaced_folder(self._part(len(self))) as folder:
            write_rows(folder / _SEEDS, seeds, Seed)
            write_rows(folder / _DROPPED, dropped, Dropped)
            values = {name: getattr(counts, name) for name in Counts.__slots__}
            write_text(folder / _COUNTS, json.dumps({"digest": digest, **values}))
        self._take(counts)

    def columns(self, *names: str) -> Iterator[tuple[list[str], ...]]:
        """Some columns of the seeds, part by part.

        Raises:
            InputError: a part cannot be read.
        """
        for number in range(len(self)):
            path = self._part(number) / _SEEDS
            try:
                table = pq.read_table(path, columns=list(names))
            except (OSError, ValueError) as error:  # Arrow's errors among them
                raise InputError(f"cannot read {path}; remove {self._folder} and run again") from error
            yield tuple(table.column(name).to_pylist() for name in names)

    def seeds(self) -> Iterator[Seed]:
        """All seeds, in the order of their files."""
        for number in range(len(self)):
            yield from scan_rows(self._part(number) / _SEEDS, Seed)

    def dropped(self) -> Iterator[Dropped]:
        """All rows that were left out by their own fault, in the order of their files."""
        for number in range(len(self)):
            yield from scan_rows(self._part(number) / _DROPPED, Dropped)

    def remove(self) -> None:
        """Remove all parts, also those of earlier runs."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take(self, counts: Counts) -> None:
        self._num_parts += 1
        self.counts.add(counts)

    def _part(self, number: int) -> Path:
        return self._folder / f"{number:06d}"


_TABLES: tuple[tuple[str, type], ...] = ((_SEEDS, Seed), (_DROPPED, Dropped))


def cut(items: Iterable[SourceFile | Skipped]) -> Iterator[list[SourceFile | Skipped]]:
    """What each part is made of: bounded in files and in text, and dependent on the items alone."""
    part: list[SourceFile | Skipped] = []
    characters = 0
    for item in items:
        part.append(item)
        characters += len(item.text) if isinstance(item, SourceFile) else 0
        if len(part) >= PART_FILES or characters >= PART_CHARACTERS:
            yield part
            part, characters = [], 0
    if part:
        yield part


def part_digest(items: Iterable[SourceFile | Skipped], methods: bool) -> str:
    """What decides a part: its files and refusals, whether methods are taken, and the code that extracts functions."""
    # The repr of a dataclass has every field, strings quoted: different items give different texts.
    return row_id(_code_digest(), methods, *map(repr, items))


@cache
def _code_digest() -> str:
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for name in ("extraction.py", "imports.py", "methods.py", "names.py", "parts.py"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _count(counts: Counts, result: Skipped | Sequence[Seed | Dropped]) -> None:
    if isinstance(result, Skipped) and result.scope == "package":
        counts.packages_dropped[result.reason] += 1
        return
    counts.files += 1
    if isinstance(result, Skipped):
        counts.files_dropped[result.reason] += 1
        return
    counts.functions += len(result)
    counts.functions_dropped.update(row.reason for row in result if isinstance(row, Dropped))
